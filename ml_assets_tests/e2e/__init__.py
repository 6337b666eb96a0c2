"""Whole runs through the real command line, done twice."""
