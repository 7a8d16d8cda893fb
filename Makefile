# Two commands on a fresh machine: `make run` shows everything, `make test` runs everything CI runs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
LOCK := requirements.lock

.PHONY: run dev test test-long lint types unit lock clean

run: $(VENV)/.installed
	$(BIN)/stanch demo $(ARGS)

dev: $(VENV)/.installed
	$(BIN)/stanch dev $(ARGS)

test: lint types unit

test-long: $(VENV)/.tested
	STANCH_PROFILE=long $(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.tested
	$(BIN)/mypy
	$(BIN)/pyright

# What kills processes and watches clocks runs by itself, so that other tests do not make it wait.
APART := tests/browser tests/faults tests/server/test_stack_demo.py tests/docs/test_tutorial.py

# Three on two cores: much of the time is waiting for servers.
unit: $(VENV)/.tested
	$(BIN)/pytest -n 3 --dist loadfile -m "not long" $(APART:%=--ignore=%)
	$(BIN)/pytest -m "not long" $(APART)

# What every command loads; uv leaves it uncompiled, and where bytecode is never written each start would compile it anew.
STARTS := pydantic pydantic_core typer yaml google idna annotated_types typing_extensions.py

# pip alone suffices; uv is used when it is there. Both install exactly what the lock names, checked by hash.
$(VENV)/.installed: pyproject.toml $(LOCK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	if command -v uv >/dev/null; then uv pip install -q --require-hashes -r $(LOCK) -p $(BIN)/python; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(LOCK); fi
	if command -v uv >/dev/null; then uv pip install -q --no-deps -e . -p $(BIN)/python; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .; fi
	$(BIN)/python -m compileall -q stanch worker.py $(STARTS:%=$(VENV)/lib/python3*/site-packages/%)
	touch $@

$(VENV)/.tested: $(VENV)/.installed requirements-test.lock
	if command -v uv >/dev/null; then uv pip install -q --require-hashes -r requirements-test.lock -p $(BIN)/python; \
	else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-test.lock; fi
	touch $@

# Needs uv: resolves for every supported Python at once.
lock:
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --extra sandbox pyproject.toml -o $(LOCK)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --extra sandbox --extra test pyproject.toml -o requirements-test.lock

clean:
	rm -rf $(VENV) .stanch
