# A fresh machine needs Python 3.11, git and make. `make` builds the release, `make test` tests the project.
PYTHON ?= python3.11
VENV := .venv
READY := $(VENV)/.ready
# dvc.yaml calls `python`: the environment's comes first in PATH, as if it had been activated.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: build environment test lint types lock reproduce soak recipes emulate

build: $(READY)
	dvc repro

environment: $(READY)

# The lock is complete and hashed, so that pip resolves nothing and checks everything.
$(READY): requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

test: lint types
	pytest --numprocesses 2 --dist loadfile

# Long: is every artifact the same in 20 different environments? After kill -9 at 30 random moments?
reproduce: $(READY)
	python -m benchmarks.reproducibility --builds 20

soak: $(READY)
	pytest -m long tests/test_soak.py

# Long: does each line of the recipes in docs/ci/ work?
recipes: $(READY)
	pytest -m long tests/test_ci.py

# Long: is a build on an emulated processor the committed one? Needs qemu-x86_64 (Debian: qemu-user).
emulate: $(READY)
	pytest -m long tests/test_processors.py

lint: $(READY)
	ruff check .
	ruff format --check .

types: $(READY)
	mypy

# Take the newest versions that pyproject.toml allows. Review the difference, then `dvc repro` and `make test`.
lock: $(READY)
	uv pip compile --quiet --no-header --no-annotate --generate-hashes --python-version 3.11 \
	  --all-extras --upgrade pyproject.toml -o requirements.lock
