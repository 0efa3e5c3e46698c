# A fresh machine needs Python 3.11, 3.12 or 3.13, git and make. `make` builds the release, `make test` tests the project.
PYTHON ?= python3.11
VENV := .venv
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
# The locks are complete and hashed, so that pip resolves nothing and checks everything.
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
# dvc.yaml calls `python`: the environment's comes first in PATH, as if it had been activated.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# `make PYTHON=python3.13` replaces an environment of another Python.
ifeq ($(origin PYTHON),command line)
ifneq ($(shell $(PYTHON) -V 2>&1),$(shell { $(VENV)/bin/python -V; } 2>/dev/null))
$(shell rm -f $(READY))
endif
endif

.PHONY: build environment test lint types layers unit docs smoke reproduce wheel lock

build: $(READY)
	dvc repro

environment: $(READY)

# compileall uses all cores, where pip would use one; some packages hold files that are no Python of this version.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(VENV)/bin/python -m compileall -qq -j 0 $(VENV)/lib || true
	$(PIP) --no-build-isolation --editable .
	touch $@

$(TOOLS): requirements-dev.lock $(READY)
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@

# The linters run beside the tests.
test: $(TOOLS)
	$(MAKE) --no-print-directory --jobs lint types layers unit

unit: $(TOOLS)
	pytest --numprocesses 2 --dist loadfile

lint: $(TOOLS)
	ruff check .
	ruff format --check .

types: $(TOOLS)
	mypy

layers: $(TOOLS)
	lint-imports --no-cache

# The site of the documentation, in build/site/; a link that leads nowhere fails.
docs: $(TOOLS)
	mkdocs build --strict --quiet

# Does a quick build give the same .tflite files on each Python found? Needs the network, or pip's cache.
smoke: $(READY)
	python -m benchmarks.python_versions

# Long: is every artifact the same in 20 different environments?
reproduce: $(READY)
	python -m benchmarks.reproducibility --builds 20

# The wheel of Litemill, in dist/; the same bytes for the same commit.
wheel: $(READY)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) python -m pip wheel --quiet --no-deps --no-build-isolation --no-index -w dist .

# Take the newest versions that pyproject.toml allows; review the difference, then `dvc repro` and `make test`. Resolved in a
# scratch folder and without uv's settings, so that nothing of this machine gets into a lock. One version of each package
# for all Pythons ("fewest"), so that artifacts are the same on each.
lock: export UV_NO_CONFIG := 1
lock: export UV_FORK_STRATEGY := fewest
lock: $(TOOLS)
	scratch=$$(mktemp -d) && trap 'rm -r "$$scratch"' EXIT && cp pyproject.toml README.md LICENSE "$$scratch" && \
	uv lock --quiet --project "$$scratch" && \
	export="uv export --quiet --project $$scratch --locked --no-header --no-annotate --no-emit-project" && \
	$$export --extra keras2 --extra micro -o requirements.lock >/dev/null && \
	$$export --extra dev -o requirements-dev.lock >/dev/null && \
	$$export --only-group project -o litemill/template/requirements-dev.lock >/dev/null

include tests/long.mk
