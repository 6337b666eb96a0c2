# Thin: each target is one line of a real command. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SOURCE ?=
ROWS   ?=

.PHONY: help setup demo ui test check bench docs clean-state

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## the virtual environment with the tested versions

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,tune,deploy,alerts,metrics,otel]'
	@touch $@

demo: setup ## a shop's files, then the whole graph (SOURCE=folder of daily files, ROWS=size of the simulated shop)
	$(BIN)/ml-assets demo $(if $(SOURCE),--source $(SOURCE)) $(if $(ROWS),--rows $(ROWS))

ui: setup ## the Dagster UI on the same state: lineage, checks, sensors and schedules on
	$(BIN)/ml-assets ui

test: setup ## everything that must hold: make check, then pytest on all cores
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: setup ## style, types, layers, declarations, SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint --disable-progress-bar sql
	DO_NOT_TRACK=1 $(BIN)/dg check defs

bench: setup ## side-by-side measurements (minutes; quiet machine)
	$(BIN)/python -m benchmarks

docs: setup ## the reference pages (docs/reference), from the code itself
	$(BIN)/python -m docs.generate

clean-state: ## remove this project's state folder (.ml_assets)
	rm -rf .ml_assets
