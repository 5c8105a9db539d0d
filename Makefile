# Everything a developer needs. `make` lists the targets; each makes its own virtual environment first.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= auto
EXTRAS = data,sklearn,gbm,onnx,report

BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PYTEST = $(BIN)/python -m pytest
PARALLEL = --numprocesses $(JOBS) --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-all soak lint format docs system clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

quickstart: $(VENV)/.quickstart ## install tutelage and distil five teachers into one student
	$(BIN)/tutelage run digits

test: lint ## lint and every quick test; needs Python and nothing else
	$(PYTEST) $(PARALLEL) -m "not soak and not slow"

# ONLY_REST=1 leaves out what the `make test` before it has done.
test-all: system $(if $(ONLY_REST),,lint) docs ## everything but soak, system packages installed; no skip passes
	TUTELAGE_NO_SKIP=1 $(PYTEST) $(PARALLEL) -m "not soak" $(if $(ONLY_REST),--rest)

soak: $(VENV)/.dev ## the long repetitions: kills, restarts, memory
	$(PYTEST) -m soak

lint: $(VENV)/.dev ## style, types, floors, size
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python tools/size_check.py

format: $(VENV)/.dev ## mend style where that is mechanical
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## build the documentation into site/
	$(BIN)/mkdocs build --strict

clean: ## remove what make and the tools made, the virtual environment too
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The system packages that some tests need: a browser, Java for Spark, a PostgreSQL server.
system:
	@missing=; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v java >/dev/null || missing="$$missing default-jre-headless"; \
	command -v postgres >/dev/null || command -v pg_ctlcluster >/dev/null || missing="$$missing postgresql"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	    echo "Please install what Debian calls$$missing: some tests need it."; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi; \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "tutelage needs Python 3.11 or newer, and $(PYTHON) is not: make PYTHON=/path/to/python ..."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Is the venv module of Python installed?"; exit 1; }

$(VENV)/.quickstart: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "Installing tutelage into $(VENV), some minutes the first time ..."
	@$(INSTALL) -e '.[$(EXTRAS)]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "Installing tutelage and its development tools into $(VENV), some minutes the first time ..."
	@$(INSTALL) -e '.[dev]'
	@touch $@
