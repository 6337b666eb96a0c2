"""Guides, and the reference pages with what writes them."""
