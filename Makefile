# Everything a person types. Each target sets up .venv from the lock if it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
export GX_ANALYTICS_ENABLED = false
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1

.PHONY: setup demo test test-long lint bench lock clean

setup: .venv/.ready

.venv/.ready: requirements.lock requirements-fuzz.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
		-r requirements-fuzz.lock || echo "atheris has no wheel for this platform; the tests that need it are skipped"
	touch $@

demo: setup
	$(BIN)/rapport --home demo-home demo

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

test-long: setup
	$(BIN)/python -m pytest -m long -n 2 --dist worksteal

bench: setup
	$(BIN)/python -m benchmarks.ingest --events 1000000

lock: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --output-file requirements.lock

clean:
	rm -rf .venv demo-home build *.egg-info
