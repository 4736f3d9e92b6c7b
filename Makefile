# kvitok: `make help` lists what can be made. Needs Python >= 3.11, pip and make, nothing else.

PORT ?=
DATA ?= var/demo
ACCOUNTS ?=
WORKERS ?=
SEEDS ?= 10
SEED ?=
HOSTS ?=
FAILOVER ?=
RESULTS ?=
ONLY ?=
FRESHNESS_ARGS ?=
SECONDS ?= 60
PYTEST_ARGS ?= -q -n 2 --dist loadfile

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
# The probe runs each candidate: a name on the PATH may be a shim that does not work.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
NODE_SOAP := soap@1.6.0
PINNED := pyproject.toml constraints.txt

.PHONY: help run test docs fuzz faults faults-mutants lint bench bench-quick bench-codecs load browser clients clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 13

run: $(VENV)/stamp-run ## the demo town on 127.0.0.1:8080 (PORT= DATA= ACCOUNTS= WORKERS=)
	$(BIN)/kvitok demo --data $(DATA) $(if $(PORT),--port $(PORT)) \
		$(if $(ACCOUNTS),--accounts $(ACCOUNTS)) $(if $(WORKERS),--workers $(WORKERS))

test: $(VENV)/stamp-dev browser clients ## the whole suite (PYTEST_ARGS=)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

docs: $(VENV)/stamp-dev ## the pages made of code and vectors: docs/protocols.md, docs/protocols/
	$(BIN)/python -m tests.protocols.pages

fuzz: $(VENV)/stamp-dev ## every codec under a coverage-guided fuzzer (SECONDS= ONLY= SEED=)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) \
		$(if $(ONLY),--only $(ONLY))

faults: $(VENV)/stamp-dev ## runs with everything breaking (SEEDS= SEED= HOSTS= FAILOVER=1 RESULTS=)
	$(BIN)/python -m tests.faults --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) \
		$(if $(HOSTS),--hosts $(HOSTS)) $(if $(FAILOVER),--failover) \
		$(if $(RESULTS),--results $(RESULTS))

faults-mutants: $(VENV)/stamp-dev ## faults put in on purpose, and who finds each (ONLY=)
	$(BIN)/python -m tests.faults.mutation $(if $(ONLY),--only $(ONLY))

freshness: $(VENV)/stamp-dev ## payments, and what every worker shows at once (FRESHNESS_ARGS=--mutants)
	$(BIN)/python -m tests.freshness $(FRESHNESS_ARGS)

lint: $(VENV)/stamp-dev ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

bench: $(VENV)/stamp-dev ## us beside others, half an hour, into docs/performance.md (BENCH_ARGS=)
	$(BIN)/python -m loadtests.bench $(BENCH_ARGS)

bench-quick: $(VENV)/stamp-dev ## the same in five minutes, printed; counts for nothing
	$(BIN)/python -m loadtests.bench --quick $(BENCH_ARGS)

bench-codecs: $(VENV)/stamp-dev ## µs for verify, decode and encode of a check, by protocol
	$(BIN)/python -m loadtests.codecs

load: $(VENV)/stamp-load ## locust's payday and month end on a demo, a minute each (LOAD_ARGS=)
	$(BIN)/python -m loadtests.locust.run $(LOAD_ARGS)

# The browser tests look for Chromium themselves; without one the suite names what it left out.
browser: ## Chromium, where it is missing and may be installed
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends chromium fonts-dejavu-core >/dev/null \
		|| echo 'make: Chromium could not be installed'; \
	fi

# Tests drive SOAP clients of other languages as well; the suite names those that it left out.
clients: $(VENV)/stamp-dev ## node's SOAP client for the tests, where there is npm
	@command -v npm >/dev/null || exit 0; \
	test -d $(VENV)/clients/node_modules/soap || \
		npm install --prefix $(VENV)/clients --silent --no-audit --no-fund --no-package-lock \
			--ignore-scripts $(NODE_SOAP) || echo 'make: the SOAP client could not be installed'

clean: ## remove the virtual environment and caches; the data stays
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says: installed from these very files. While it is newer, nothing asks pip.
$(VENV)/stamp-run: $(PINNED) | $(BIN)/python
	$(call install,.[embedded])
	touch $@

$(VENV)/stamp-dev: $(PINNED) | $(BIN)/python
	$(call install,.[dev])
	touch $@ $(VENV)/stamp-run

$(VENV)/stamp-load: $(VENV)/stamp-run
	$(call install,.[embedded$(comma)load])
	touch $@

comma := ,
# The build backend comes first, so that it is pinned like everything else.
define install
$(PIP) install -q -c constraints.txt hatchling
$(PIP) install -q -c constraints.txt --no-build-isolation -e '$(1)'
endef

# Debian ships ensurepip apart from Python: then the system's pip puts pip into the new environment.
$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'kvitok needs Python 3.11 or newer; none was found' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $@ install -q pip; } || { rm -rf $(VENV); exit 1; }
