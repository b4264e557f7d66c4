# The same commands locally and in CI. Each creates .venv first, once: with uv when it is on PATH, else with venv and pip.
# VENV names another folder: that is how test-pythons keeps an environment for each Python.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.pegboard-installed
PROJECTS := pyproject.toml $(wildcard core/pyproject.toml plugins/*/pyproject.toml exporters/*/pyproject.toml)
MEMBERS := $(patsubst %/pyproject.toml,%,$(filter-out pyproject.toml,$(PROJECTS)))
SOURCES := $(addsuffix /src,$(MEMBERS))

.PHONY: help demo demo-durable test test-slow test-pythons check format members bench docs clean

help: ## list the targets
	@awk -F ' ## ' '/^[a-z-]+:.* ## / { sub(/:.*/, "", $$1); printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## survey this Python's own source files with retries, a cache, traces and metrics
	$(BIN)/python docs/examples/stdlib_survey.py

demo-durable: $(INSTALLED) ## import those files into a database, killed at random moments, with nothing done twice
	$(BIN)/python docs/examples/durable_import.py --demo

test: $(INSTALLED) ## run the tests, without the slow ones
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(INSTALLED) ## run the slow tests: fresh environments, a million calls
	$(BIN)/python -m pytest -m slow -n 2

# Each has an environment of its own, .venv-<version>. Which they are is told by tools/pythons.py; that there are none, too.
test-pythons: ## run the tests on each other Python that the metadata promises, if it is found
	@pythons="$$($(PYTHON) -m tools.pythons)"; \
	test -n "$$pythons" || echo "make: no other Python is on PATH, and pyenv has none"; \
	while read -r version python; do \
	  test -n "$$version" || continue; \
	  echo "make: the tests on Python $$version"; \
	  $(MAKE) --no-print-directory VENV=.venv-$$version PYTHON="$$python" test; \
	done <<< "$$pythons"

check: $(INSTALLED) ## lint, format, types, and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(SOURCES) hatch_build.py tools
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/lint-imports import-contracts.toml

format: $(INSTALLED) ## format the code and repair what ruff can repair
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

members: ## write what lists the plugins and exporters, after a folder of one came, went or changed
	$(PYTHON) -m tools.members

bench: $(INSTALLED) ## measure what a call costs, against the plain function and against peers
	$(BIN)/python -m benchmarks

docs: $(INSTALLED) ## run every example of README and docs, and hold the reference against the code
	$(BIN)/python -m pytest tests/docs

clean: ## remove .venv, built files and caches
	rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One pip call for all members, so that they satisfy each other's pins without an index.
$(INSTALLED): $(PROJECTS)
	@command -v $(PYTHON) >/dev/null || { echo "make: '$(PYTHON)' is not on PATH; name a Python: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: Pegboard needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V); name another: make PYTHON=python3.11" >&2; exit 1; }
	@if command -v uv >/dev/null; then \
	  echo "make: installing into $(VENV) with uv"; \
	  UV_PROJECT_ENVIRONMENT=$(VENV) uv sync --quiet --all-extras --python $(PYTHON); \
	else \
	  echo "make: installing into $(VENV) with venv and pip"; \
	  $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"; \
	  $(BIN)/python -m pip install --quiet $(addprefix --editable ./,$(MEMBERS)) --group dev; \
	fi
	@touch $@
