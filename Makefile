# Every target does the set-up it needs. Nothing is installed outside this directory, but for `make e2e`: as
# root it gets chromium and npm from apt where they are missing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
LOCKED_E2E := $(VENV)/.locked-e2e
LOCKED_BENCH := $(VENV)/.locked-bench
LOCKED_FUZZ := $(VENV)/.locked-fuzz
SECONDS ?= 20
SDK := tests/e2e/node_modules/.package-lock.json
INSTALLED := $(VENV)/.installed

.PHONY: install demo test fuzz bench e2e browser janus check format lock clean

install: $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/trunkline demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "pure or actor or wire" -n 2
	$(BIN)/python -m pytest -m net -n 2

# Each target for so many seconds; `make fuzz ONLY="sdp stun" SECONDS=600` for some of them.
fuzz: $(INSTALLED) $(LOCKED_FUZZ)
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS) $(ONLY)

bench: janus $(INSTALLED) $(LOCKED_BENCH)
	$(BIN)/python -m benchmarks

e2e: browser $(INSTALLED) $(LOCKED_E2E) $(SDK)
	$(BIN)/python -m pytest -m e2e tests/e2e

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/flake8 actors supervisor tests benchmarks

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(INSTALLED): $(LOCKED) pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "The venv module is not complete. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(LOCKED_E2E): requirements-e2e.lock $(LOCKED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-e2e.lock
	@touch $@

# From source it needs a clang with libFuzzer, so only as a wheel.
$(LOCKED_FUZZ): requirements-fuzz.lock $(LOCKED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
	  -r requirements-fuzz.lock || \
	  { echo "atheris cannot be installed for $$($(BIN)/python -V). It has wheels for CPython 3.11 to 3.14 on Linux:"; \
	    echo "make fuzz PYTHON=python3.11 VENV=build/venv-3.11"; exit 1; }
	@touch $@

$(LOCKED_BENCH): requirements-bench.lock $(LOCKED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

# Debian's package, unpacked and not installed; without it the benchmark says that it is missing.
janus:
	@command -v janus >/dev/null || test -x build/janus/usr/bin/janus || benchmarks/fetch_janus build/janus || true

$(SDK): tests/e2e/package-lock.json
	cd tests/e2e && npm ci --ignore-scripts
	@touch $@

browser:
	@missing=; for tool in chromium npm; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if test -z "$$missing"; then exit 0; fi; \
	if test "$$(id -u)" != 0; then echo "Not installed:$$missing. On Debian: apt-get install$$missing"; exit 1; fi; \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing

# The locks name no index and no host, so that they install from any mirror.
LOCK := build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command "make lock"

lock:
	test -x build/lock/bin/uv || { $(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install --quiet uv; }
	$(LOCK) --group dev pyproject.toml -o requirements.lock
	$(LOCK) --group pyproject.toml:e2e -c requirements.lock -o requirements-e2e.lock
	$(LOCK) --group pyproject.toml:bench -c requirements.lock -o requirements-bench.lock
	$(LOCK) --group pyproject.toml:fuzz -c requirements.lock -o requirements-fuzz.lock
	! grep -nE '://|--(index|extra-index|find-links|trusted)' $(wildcard requirements*.lock)

clean:
	rm -rf $(VENV) build tests/e2e/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
