# make test   the environment, then pytest, a process for each core up to eight
# make demo   the environment, then a model trained, measured and shown: runs/demo/report.html
# PYTHON=python3.12 make ... chooses the interpreter of a new environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: test demo clean

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --dist=loadfile

demo: $(VENV)/.installed
	$(BIN)/python -m experiments.train --preset=demo --data_dir=data --workdir=$(DEMO)
	$(BIN)/python -m experiments.evaluate --workdir=$(DEMO)

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) data $(DEMO)
