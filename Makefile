# Every target runs from the root of the checkout, so the packages are importable without being installed.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet $(ARGS)

.PHONY: help run test check journeys lock clean

##@ Everyday
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "; print "usage: make <target> [ARGS=\"…\"]"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/installed.lock ## Start the whole world on this machine and play one order (ARGS="--help" lists the options)
	@exec $(BIN)/python -m dev $(ARGS)

##@ Before you push
# One process more than the smallest machine has cores, because whole orders mostly wait; whoever is idle takes over half of what
# another has left, so none ends long before the others.
test: $(VENV)/installed.lock ## Run the tests (ARGS="tests/api -k checkout" to choose)
	$(BIN)/python -m pytest --numprocesses=3 --dist=worksteal $(ARGS)

check: $(VENV)/installed.lock ## Formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

journeys: $(VENV)/installed.lock ## Play whole orders through every real process and every fault (minutes)
	$(BIN)/python -m pytest -m journey --capture=no $(ARGS)

##@ Now and then
lock: $(VENV)/installed.lock ## Renew the lock files after a change of pyproject.toml (ARGS="--upgrade" for newer versions)
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) pyproject.toml --group dev -o requirements-dev.lock
	$(LOCK) --group pyproject.toml:build -o requirements-build.lock

clean: ## Remove the environment, caches and the development data
	rm -rf $(VENV) .data .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The copy of the lock file inside the environment says what is installed there; an interrupted installation leaves none.
# The lock is complete, so nothing is resolved (--no-deps): pip before 23.3 would take the newest release of a package that another
# one requires with an extra, and refuse it for its missing hash on the day it is published.
$(VENV)/installed.lock: requirements-dev.lock
	@if ! cmp -s $< $@; then \
		set -e; \
		for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
			if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "Python 3.11 or newer is needed and was not found; install it, or say where it is: make PYTHON=/path/to/python3.11" >&2; exit 1; \
		fi; \
		if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
			echo "$$found has no venv module; install it (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; \
		fi; \
		echo "Installing the locked packages into $(VENV) (once, a minute or two)"; \
		"$$found" -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<; \
	fi
	@cp $< $@
