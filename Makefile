# Every command that CI and the documentation use. `make help` lists them.
#
# Two stamp files in one virtual environment remember what is installed: `serve`
# installs only what the service needs, `test` adds torch and the test tools. They
# share .venv and may come in any order; a second call installs nothing.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

SERVICE := $(VENV)/.installed-service
TRAINING := $(VENV)/.installed-training
DEVELOPMENT := $(VENV)/.installed-development
AUDIT := $(VENV)/.installed-audit

# The oldest versions that pyproject.toml allows have a virtual environment of their own.
LOWEST := .venv-lowest

# KServe's Python package needs older versions of what the tests use; it has one, too.
KSERVE := .venv-kserve

# The client that the commands ask with is a distribution of its own, which this checkout holds. Both
# are installed together, as pointers to their code.
CLIENT := --editable ./client
MANIFESTS := pyproject.toml client/pyproject.toml

# Where the public data sets lie (see docs/models.md), and what to train.
DATA ?= data
TASK ?= forecast
OPTIONS ?=
IMAGE ?= unroll

# Tests run in a process a core, four at most; those of a file in one, in their order.
PARALLEL ?= --numprocesses=auto --maxprocesses=4 --dist=loadfile

export UNROLL_HOST UNROLL_PORT

.DEFAULT_GOAL := help
.PHONY: help serve test test-lowest test-models test-ray test-kserve attack coverage check audit format train evaluate bench soak image clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

serve: $(SERVICE) ## start the service (UNROLL_HOST, UNROLL_PORT and every other UNROLL_ setting count)
	@exec $(BIN)/unroll serve

test: $(DEVELOPMENT) ## run every test (OPTIONS="-k name" picks some)
	$(BIN)/python -m pytest $(PARALLEL) $(OPTIONS)

test-lowest: $(LOWEST)/.installed ## run every test with the oldest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest $(PARALLEL) $(OPTIONS)

test-ray: $(DEVELOPMENT) ## run the tests that start a Ray cluster of two node processes, a minute or two
	$(BIN)/python -m pytest tests/ray --ray $(OPTIONS)

test-kserve: $(DEVELOPMENT) $(KSERVE)/.installed ## run the tests that ask KServe's own Python package, which takes minutes to install
	$(BIN)/python -m pytest tests/deploy/test_kserve.py tests/api/v2/test_kserve_client.py $(OPTIONS)

attack: $(DEVELOPMENT) ## every known attack on a service, the long ones too, and what each did (OPTIONS="-k name" picks)
	$(BIN)/python -m pytest tests/attack --attack -s $(OPTIONS)

test-models: $(DEVELOPMENT) ## run the tests that look at models/ in a copy where models of users lie, too
	$(BIN)/python -m tests.own_models $(OPTIONS)

coverage: $(DEVELOPMENT) ## run every test and fail if too few lines and branches of app/ were run
	$(BIN)/python -m pytest --cov --cov-report=term $(OPTIONS)

check: $(DEVELOPMENT) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Strict, or a package that could not be looked up would count as sound.
audit: $(AUDIT) ## look every pinned version up among known vulnerabilities (asks a service on the internet)
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict --progress-spinner off $(OPTIONS)

format: $(DEVELOPMENT) ## rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: $(TRAINING) ## train a model: make train TASK=forecast DATA=dir OPTIONS="--cell gru"
	$(BIN)/unroll train $(TASK) --data $(DATA) $(OPTIONS)

evaluate: $(TRAINING) ## score the served models against baselines: make evaluate DATA=dir
	$(BIN)/unroll evaluate $(TASK) --data $(DATA) $(OPTIONS)

bench: $(DEVELOPMENT) ## measure load against services by hand (OPTIONS=--quick for two minutes; needs a C compiler)
	$(BIN)/python -m benchmarks.load run $(OPTIONS)

soak: $(DEVELOPMENT) ## half an hour of load; does the service grow? (OPTIONS="--minutes 5")
	$(BIN)/python -m benchmarks.load soak $(OPTIONS)

image: ## build the container image
	docker build --tag $(IMAGE) .

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) $(LOWEST) $(KSERVE) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage build dist

# bin/pip is the last thing `venv` writes, so a creation that was cut short is repeated.
$(BIN)/pip $(LOWEST)/bin/pip $(KSERVE)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Unroll needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(patsubst %/bin/pip,%,$@)

$(SERVICE): $(MANIFESTS) constraints.txt | $(BIN)/pip
	$(PIP) $(CLIENT) --editable .
	@touch $@

$(TRAINING): $(MANIFESTS) constraints.txt | $(BIN)/pip
	$(PIP) $(CLIENT) --editable '.[train]'
	@touch $@ $(SERVICE)

$(DEVELOPMENT): $(MANIFESTS) constraints.txt | $(BIN)/pip
	$(PIP) $(CLIENT) --editable '.[train,dev,tracing,redis,ray]'
	@touch $@ $(SERVICE) $(TRAINING)

$(AUDIT): $(MANIFESTS) constraints.txt | $(BIN)/pip
	$(PIP) $(CLIENT) --editable '.[audit]'
	@touch $@ $(SERVICE)

$(LOWEST)/.installed: $(MANIFESTS) constraints-lowest.txt | $(LOWEST)/bin/pip
	$(LOWEST)/bin/python -m pip install --disable-pip-version-check --quiet \
	  --constraint constraints-lowest.txt $(CLIENT) --editable '.[train,dev,tracing,redis]'
	@touch $@

$(KSERVE)/.installed: | $(KSERVE)/bin/pip
	$(KSERVE)/bin/python -m pip install --disable-pip-version-check --quiet kserve==0.21.0
	@touch $@
