# Each target does all of its own set-up, in .venv, and only once; `make` alone lists them.
# A stamp stands for one extra that is installed as pyproject.toml and constraints.txt say.

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PYTEST_OPTIONS ?=
CASES ?= 100000
FROM ?= 0

# The first Python on the machine that is new enough; `make PYTHON=... test` chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$python; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo test exhaustive fuzz check format bench docs clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMPS)/jobs $(STAMPS)/data  ## train on built-in data: which language is it? Writes and opens a report
	$(BIN)/unrolled train classify builtin:languages --pooling last --dropout 0.2 \
		--lr 0.005 --schedule cosine --batch-size 64 --epochs 6 --members 1 --no-linear --open

# A process for each core; threads that wait for one another give their core to the other process.
test: $(STAMPS)/dev $(STAMPS)/data  ## run the tests, all but the exhaustive ones
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --numprocesses auto --dist worksteal \
		-m "not exhaustive" $(PYTEST_OPTIONS)

exhaustive: $(STAMPS)/dev $(STAMPS)/data  ## run the rest: every cell, every kill, every process
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --numprocesses auto --dist worksteal \
		-m exhaustive $(PYTEST_OPTIONS)

fuzz: $(STAMPS)/dev  ## bad files, runs and options, for hours: CASES=100000 FROM=0
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest tests/fuzz --numprocesses auto \
		--dist worksteal --fuzz $(CASES) --fuzz-from $(FROM)

check: $(STAMPS)/dev  ## format, lint, types, imports, sizes, wording
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/architecture

format: $(STAMPS)/dev  ## format every file
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMPS)/jobs $(STAMPS)/bench  ## measure speed against PyTorch, JAX and ONNX Runtime, on this machine
	$(BIN)/unrolled bench

docs: $(STAMPS)/docs  ## build the documentation, in site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

clean:  ## remove what these targets built (not your runs)
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "unrolled needs Python 3.11 or newer, and none was found: \
	install one, or name it with make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making $(VENV), once"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) -m venv failed: on Debian \
	and Ubuntu, 'apt install python3-venv' brings it" >&2; exit 1; }

$(STAMPS)/%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing unrolled[$*] into $(VENV), once; this can take some minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[$*]'
	@mkdir -p $(STAMPS) && touch $@
