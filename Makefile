# make up: all of Relevo on this machine. make test: everything that CI runs after make lint.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install install-dev up down test soak lint bench docs clean browser

BIN := .venv/bin
# Compiling all of site-packages takes a third of the installation; what is used is compiled when it is first used.
PIP := PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

install: .venv/.installed ## builds .venv (again only when pyproject.toml or constraints.txt changed)

install-dev: .venv/.installed-dev ## the same, with what tests and lint need

up: install ## Redis, simulator, web, worker, scheduler, console; Ctrl-C stops. make up ARGS=--help
	@exec $(BIN)/python -m common.dev.up $(ARGS)

down: ## stops a `make up` that runs elsewhere, and what a killed one left behind
	@[ ! -x $(BIN)/python ] || exec $(BIN)/python -m common.dev.down $(ARGS)

# Most stories wait more than they compute: two at a time. A file stays together, for its processes are shared.
test: install-dev browser ## pytest; make test ARGS='-k window'
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

soak: install-dev ## 10 minutes of load and random faults, and an audit of every message; make soak ARGS='--minutes 3'
	@$(BIN)/python -m tests.soak $(ARGS)

lint: install-dev ## ruff, mypy --strict, import contracts, generated documents
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m common.dev.redis_docs --check

docs: install ## writes docs/redis.md anew
	@$(BIN)/python -m common.dev.redis_docs

bench: install-dev ## measures all, beside the peer where it is at hand; make bench ARGS=--quick, ARGS='webhook --quick'
	@$(BIN)/python -m bench $(if $(filter-out -%,$(firstword $(ARGS))),,all) $(ARGS)

clean: down ## removes .venv and caches; the data in .relevo/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Chromium of the system is enough; else Playwright fetches its own into the user's cache.
browser: .venv/.installed-dev
	@command -v chromium chromium-browser google-chrome >/dev/null \
	  || $(BIN)/python -m playwright install chromium \
	  || { echo "no Chromium for the browser tests: apt-get install chromium"; exit 1; }

.venv/bin/python:
	@python=$$(for name in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v "$$name" && break; done) \
	  || { echo "Relevo needs Python 3.11 or newer on PATH; found: $$(python3 --version 2>&1 || true)"; exit 1; }; \
	echo "making .venv with $$("$$python" --version)"; \
	"$$python" -m venv .venv 2>/dev/null && [ -x .venv/bin/pip ] \
	  || { rm -rf .venv; echo "cannot make .venv: Python's venv module is missing (apt-get install python3-venv)"; exit 1; }

.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing (about half a minute, and the download)"
	@$(PIP) -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "installing what tests and lint need"
	@$(PIP) -e '.[dev]'
	@touch $@
