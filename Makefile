# `make demo` and `make test` do all the set-up themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo test format bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(INSTALLED)  ## check, build and train LeNet-5 on 5,000 MNIST images
	$(BIN)/netspec check specs/lenet5.net
	$(BIN)/netspec summary specs/lenet5.net
	$(BIN)/netspec build specs/lenet5.net --force -o demo/lenet5
	$(BIN)/python demo/lenet5/train.py --out demo/run

test: $(INSTALLED)  ## format check, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist worksteal

format: $(INSTALLED)  ## format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED)  ## measure start-up, long nets, built modules and training
	$(BIN)/python -m tests.bench.run
	$(BIN)/python -m tests.bench.large_nets
	$(BIN)/python -m tests.bench.training

clean:  ## remove the virtual environment and what was built
	rm -rf $(VENV) demo dist build

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[train,plot,dev]'
	touch $(INSTALLED)
