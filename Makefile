# `make demo` and `make test` need nothing but Python 3.11 and the package index: each sets up `.venv` by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: install demo test lint bench evaluate soak lock clean

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/sichtflug demo $(ARGS)

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/deptry .

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.run $(ARGS)

# How good the spike detector is, on simulated weeks and on the Numenta benchmark: writes docs/spikes.md. A quarter of
# an hour on two cores; `ARGS=--quick` takes two minutes.
evaluate: $(VENV)/.installed
	$(BIN)/python -m benchmarks.spikes.evaluate $(ARGS)

# Long: kills and other faults on real processes, simulated schedules of faults; `ARGS=--help` says what can be chosen.
soak: $(VENV)/.installed
	$(BIN)/python -m tests.faults.soak $(ARGS)

# Everything at the versions of requirements.lock, our own package in place.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sichtflug needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Resolve the dependencies anew.
lock:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --no-header --generate-hashes --python-version 3.11 \
		--extra embedded --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV)
