# A fresh machine needs Python 3.11, git and make. `make` builds the release, `make test` tests the project.
PYTHON ?= python3.11
VENV := .venv
READY := $(VENV)/.ready
# dvc.yaml calls `python`: the environment's comes first in PATH, as if it had been activated.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: build environment test lint types lock reproduce

build: $(READY)
	dvc repro

environment: $(READY)

# The lock is complete and hashed, so that pip resolves nothing and checks everything. Bytecode is made on all cores, where pip
# would take one; some packages hold files that are no Python of this version, which is no failure.
$(READY): requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile -r requirements.lock
	$(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

test: lint types
	pytest --numprocesses 2 --dist loadfile

# Long: is every artifact the same in 20 different environments?
reproduce: $(READY)
	python -m benchmarks.reproducibility --builds 20

lint: $(READY)
	ruff check .
	ruff format --check .

types: $(READY)
	mypy

# Take the newest versions that pyproject.toml allows. Review the difference, then `dvc repro` and `make test`.
lock: $(READY)
	uv pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
	  --all-extras --upgrade pyproject.toml -o requirements.lock

# Tests of Litemill itself; a project that `litemill init` started does not have them.
-include tests/long.mk
