# make test   the environment, then pytest, a process for each core up to eight
# make demo   the environment, then a model trained, measured and shown: runs/demo/report.html
# make lint   the environment, then Ruff, Pyrefly, and the contracts of the layers
# make docs   the environment, then the documentation as a site: build/docs/index.html
# make bounds the tests with the lowest versions that setup.cfg allows, then with the newest
# PYTHON=python3.12 make ... chooses the interpreter of a new environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: test demo lint docs bounds clean

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

demo: $(VENV)/.installed
	$(BIN)/python -m experiments.train --preset=demo --data_dir=data --workdir=$(DEMO)
	$(BIN)/python -m experiments.evaluate --workdir=$(DEMO)

lint: $(VENV)/.lint
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/pyrefly check
	$(BIN)/lint-imports

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bounds:
	$(PYTHON) .ci/bounds.py lowest newest

$(VENV)/.lint: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[lint]'
	touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build/docs data $(DEMO)
