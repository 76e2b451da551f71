# `make demo` shows the product, `make test` proves it; both install what they need into .venv.
PYTHON ?= python3
PORT ?= 8000
BASE ?= $(shell git describe --tags --abbrev=0 2>/dev/null || echo HEAD~1)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FEAST := .venv-feast
FEAST_STAMP := $(FEAST)/.installed
SERVE := .venv-serve
SERVE_STAMP := $(SERVE)/.installed
CLIENTS := .venv-clients
CLIENTS_STAMP := $(CLIENTS)/.installed
WEB_STAMP := tests/web/node_modules/.installed
GRAFANA_STAMP := tests/observe/node_modules/.installed
PROMETHEUS := .prometheus
PROMETHEUS_STAMP := $(PROMETHEUS)/.unpacked
PROCESSES := 2
PYTEST = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist worksteal
LINTS := lint-format lint-rules lint-types lint-core-types lint-imports
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync)

# Where this is set, every process compiles whatever it imports: as much work again as the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo observe faults check test test-full test-rest test-web image-test bench bench-quick proofs lint $(LINTS) fmt docs docs-pictures docs-reference golden lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(STAMP)  ## install everything from the lock file into .venv

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup  ## load real purchases, train, promote and serve on PORT, with DEMO_ARGS such as --open
	@$(BIN)/propensity demo --port $(PORT) $(DEMO_ARGS)

observe: setup docs $(PROMETHEUS_STAMP)  ## the demo with load, watched by Debian's Prometheus with our alerts
	@$(BIN)/python -m tests.observe.watched

faults: setup $(PROMETHEUS_STAMP)  ## what each of the faults looks like, written to the runbook
	$(BIN)/python -m tests.observe.seen

check: setup lint  ## the quick answer: lint, and the tests that need no engine
	$(PYTEST) -m 'not (engine or full or image)' tests/unit tests/contracts tests/architecture $(PYTEST_ARGS)

test: setup lint  ## prove the product: lint, tests on the embedded engine
	$(PYTEST) $(COVERAGE) $(PYTEST_ARGS)

# What the tests reach costs half of their time again to know, so it is asked of the whole proof only.
test-full: COVERAGE := --cov --cov-report=term
test-full: test test-rest  ## test with coverage, moto, every example, the long proofs, every page

# Its tests wait a third of their time, for processes of theirs: three keep two cores busy.
test-rest: PROCESSES := 3
test-rest: setup $(CLIENTS_STAMP) $(WEB_STAMP) $(GRAFANA_STAMP) $(PROMETHEUS_STAMP)  ## what test-full adds to test
	$(PYTEST) -m 'full or hypothesis' --hypothesis-profile=full $(PYTEST_ARGS)

test-web: setup $(WEB_STAMP)  ## the OpenFeature SDKs and the snippet, in a real browser
	$(PYTEST) -m full tests/web $(PYTEST_ARGS)

image-test: setup  ## build the image with Debian's buildah, and run it; as root, on Debian
	deploy/image-test

$(FEAST_STAMP): benchmarks/feast.lock | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(FEAST)
	$(BIN)/uv pip sync --quiet --python $(FEAST)/bin/python --require-hashes benchmarks/feast.lock
	@touch $@

$(SERVE_STAMP): requirements-serve.lock pyproject.toml | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SERVE)
	$(BIN)/uv pip sync --quiet --python $(SERVE)/bin/python --compile-bytecode --require-hashes requirements-serve.lock
	$(BIN)/uv pip install --quiet --python $(SERVE)/bin/python --no-deps --editable .
	@touch $@

$(CLIENTS_STAMP): tests/generated_clients/requirements.lock | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(CLIENTS)
	$(BIN)/uv pip sync --quiet --python $(CLIENTS)/bin/python --require-hashes tests/generated_clients/requirements.lock
	@touch $@

$(WEB_STAMP): tests/web/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is needed for the browser tests"; exit 1; }
	npm --prefix tests/web ci --silent
	@command -v chromium >/dev/null || { apt-get -q update && apt-get -q -y install chromium; } \
		|| { echo "Chromium is needed for the browser tests: install Debian's package chromium"; exit 1; }
	@touch $@

$(GRAFANA_STAMP): tests/observe/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is needed to check the dashboards"; exit 1; }
	npm --prefix tests/observe ci --silent
	@touch $@

$(PROMETHEUS_STAMP): deploy/observe/debian-prometheus
	deploy/observe/debian-prometheus $(PROMETHEUS)
	@touch $@

bench: setup $(FEAST_STAMP) $(SERVE_STAMP)  ## all speeds side by side in one run, written to benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.results

bench-quick: setup  ## whether this checkout takes more CPU time than BASE, in 3 minutes
	$(BIN)/python -m benchmarks.two_commits $(BASE)

proofs: setup  ## the long proofs: swaps under load, a killed worker, what a purchase costs
	$(BIN)/python -m benchmarks.swap_under_load
	$(BIN)/python -m benchmarks.queue_exactness
	$(BIN)/python -m benchmarks.ingestion_cost
	$(BIN)/python -m benchmarks.import_speed --quick
	$(BIN)/python -m benchmarks.overload
	$(BIN)/python -m benchmarks.access_cost

fmt: setup  ## format the code, and mend what ruff can mend
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

docs: setup  ## build the documentation under site, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open site/index.html, or serve it: $(BIN)/mkdocs serve"

docs-pictures: setup $(WEB_STAMP)  ## take the pictures of the console again; look at them
	TEST_PICTURES=docs/how-to $(BIN)/python -m pytest -q -m full tests/console/browser/test_marketer.py tests/console/browser/test_engineer.py

docs-reference: setup  ## write the pages again that come from the code
	$(BIN)/python -m tests.docs.generated

golden: setup  ## write the page of messages again; review the difference
	$(BIN)/python -m tests.golden.messages

lint: setup  ## format, lint, types and import contracts, side by side
	@$(MAKE) --no-print-directory --jobs --keep-going $(SYNC) $(LINTS)

lint-format:
	$(BIN)/ruff format --check .

lint-rules:
	$(BIN)/ruff check .

lint-types:
	$(BIN)/mypy

lint-core-types:
	$(BIN)/basedpyright

lint-imports:
	$(BIN)/lint-imports

lock:  ## resolve the newest versions again; review the difference
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--extra local --extra train --extra dask --extra metrics --extra traces --extra decisions --extra campaigns --extra console --extra dev --extra bench --extra docs --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--extra metrics --extra traces --constraint requirements.lock --output-file requirements-serve.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra metrics --extra traces --extra decisions --extra campaigns --extra train --extra dask \
		--constraint requirements.lock --output-file deploy/requirements-train.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra metrics --extra traces --extra decisions --extra campaigns --extra console \
		--constraint requirements.lock --output-file deploy/requirements-console.lock pyproject.toml
	echo 'feast[aws]' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file benchmarks/feast.lock -
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
		--upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file tests/generated_clients/requirements.lock tests/generated_clients/requirements.in

clean:  ## remove the environment and caches; keeps .propensity, where local data lives
	rm -rf $(VENV) $(FEAST) $(SERVE) $(CLIENTS) $(PROMETHEUS) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
