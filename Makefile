# make demo   a whole simulated trial, then http://127.0.0.1:8000
# make test   every test, against a real PostgreSQL and a real Chromium
# make check  lint, types, import rules, migrations
PYTHON ?= python3
BIN := .venv/bin
DEMO ?=
WORKERS ?= 2
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: demo test check lock clean

demo: .venv/runtime
	$(BIN)/equipoise demo $(DEMO)

# Tests start many processes: what is compiled once need not be compiled by each, whatever the surroundings say.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/dev
	$(BIN)/python tests/support/browser.py --install
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m migrations.compare

# The lock files hold names, versions and hashes; which index serves them is the machine's own business.
.venv/runtime: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Equipoise needs Python 3.11 or newer: set PYTHON.")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: requirements-dev.lock .venv/runtime
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@

lock: .venv/dev
	$(BIN)/uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --quiet \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev --universal --python-version 3.11 --generate-hashes \
	  --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
