# `make demo` and `make test` need nothing but Python 3.11 and the package index: each sets up `.venv` by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Three at a time even on two cores, because tests that start processes wait for a good part of their time.
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal

.PHONY: help install demo test test-unit test-engine lint bench evaluate soak lock clean

help: ## list the targets
	@awk -F ':.*## ' ' \
		BEGIN { print "make TARGET [ARGS=...]\n" } \
		/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 } \
		END { print "\nARGS are passed to what a target runs: make demo ARGS=\"--seconds 30\"" } \
	' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## set up .venv, at the versions of requirements.lock

demo: $(VENV)/.installed ## a broker, ClickHouse, a worker and simulated customers, until Ctrl-C
	$(BIN)/sichtflug demo $(ARGS)

test: $(VENV)/.installed ## all tests; what this machine lacks is skipped by name
	$(PYTEST) $(ARGS)

test-unit: $(VENV)/.installed ## tests that need nothing but Python: a minute on two cores
	$(PYTEST) tests/unit -m "not slow" $(ARGS)

test-engine: $(VENV)/.installed ## tests on the embedded ClickHouse
	$(PYTEST) tests/engine $(ARGS)

lint: $(VENV)/.installed ## format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/deptry .

bench: $(VENV)/.installed ## throughput, memory, restore, freshness: writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.run $(ARGS)

# On simulated weeks and on the Numenta benchmark. A quarter of an hour on two cores; `ARGS=--quick` takes two minutes.
evaluate: $(VENV)/.installed ## how good the spike detector is: writes docs/spikes.md
	$(BIN)/python -m benchmarks.spikes.evaluate $(ARGS)

# Kills and other faults on real processes, simulated schedules of faults; `ARGS=--help` says what can be chosen.
soak: $(VENV)/.installed ## inject faults, as long as ARGS say
	$(BIN)/python -m tests.faults.soak $(ARGS)

# Everything at the versions of requirements.lock, our own package in place.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sichtflug needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

lock: ## resolve the dependencies anew
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --no-header --generate-hashes --python-version 3.11 \
		--extra embedded --group dev --output-file requirements.lock pyproject.toml

clean: ## remove .venv
	rm -rf $(VENV)
