# Every command of this project, for people and for CI alike. `make` alone lists them.
# The first target that needs Python makes .venv: from requirements.lock what runs, from tests/requirements.lock what tests
# and checks need beside that, from tests/deploy/requirements.lock what judges deploy/. Later ones find it done.

BIN := .venv/bin
INSTALLED := .venv/.installed
TOOLS := .venv/.tools
PEERS := .venv-peers/.installed
DEPLOY_TOOLS := .venv/.deploy-tools

# Made of the first of these that is Python 3.11 to 3.13. To choose: make demo PYTHONS=python3.12
PYTHONS := python3 python3.13 python3.12 python3.11

LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header

CODE := schemas streams grafana deploy tests benchmarks
FAST_TESTS := tests/unit tests/property tests/integration
REAL_TESTS := tests/integration tests/e2e tests/faults tests/rules tests/security tests/deploy

SBOM := dist/citypulse.cdx.json

.DEFAULT_GOAL := help
.PHONY: help demo test test-all audit lint fmt types imports cover bench bench-peers bench-document dashboards schemas kubernetes generated kafka watch faults soak rules lock sbom transcript fuzz screenshot

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## all of it on this machine with synthetic traffic; ARGS="--seconds 20 --rate 500"
	@exec $(BIN)/citypulse demo $(ARGS)

test: $(TOOLS) ## unit, property and integration tests on the embedded broker; ARGS="-k windows"
	$(BIN)/python -m pytest $(FAST_TESTS) $(ARGS)

test-all: $(DEPLOY_TOOLS) lint types imports generated ## all checks, and the tests against Apache Kafka and Prometheus; nothing is skipped
	CITYPULSE_TEST_KAFKA=apache $(BIN)/python -m pytest -p tests.no_skips $(REAL_TESTS) $(ARGS)

audit: $(TOOLS) ## known vulnerabilities of the packages that run, from the package index (needs the network)
	@$(BIN)/python -m tests.audit

lint: $(TOOLS) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: $(TOOLS) ## put the code into format, mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(TOOLS) ## mypy, strict
	$(BIN)/mypy $(CODE)

imports: $(TOOLS) ## import-linter: who may import whom
	$(BIN)/lint-imports

cover: $(TOOLS) ## unit and property tests with branch coverage
	$(BIN)/python -m pytest tests/unit tests/property --cov --cov-report=term-missing:skip-covered $(ARGS)

bench: $(INSTALLED) ## throughput and CPU per event of one worker; ARGS="--events 200000"
	@exec $(BIN)/python benchmarks/throughput.py $(ARGS)

bench-peers: $(INSTALLED) $(PEERS) ## CityPulse beside its peers on both brokers (Java 17, Maven); ARGS="--rounds 1"
	@exec $(BIN)/python benchmarks/side_by_side.py $(ARGS)

bench-document: $(INSTALLED) ## write the other tables of docs/benchmarks.md anew, void figures left out; half an hour (Java 17, Maven)
	@status=0; for each in latency "latency --apache" scaling "scaling --apache" growth scrape_effect; do \
		$(BIN)/python -m benchmarks.$$each --document || status=1; \
	done; exit $$status

dashboards: $(TOOLS) ## write grafana/dashboards/*.json anew from the code in grafana/
	$(BIN)/python -m grafana

schemas: $(INSTALLED) ## write schemas/json, docs/events.md and docs/metrics.md anew from the code
	$(BIN)/citypulse schemas export

kubernetes: $(TOOLS) ## write the manifests that say again what topics, rules and thresholds say
	$(BIN)/python deploy/kubernetes/generate.py

generated: $(TOOLS) ## are the generated files those of the code?
	$(BIN)/python -m grafana --check
	$(BIN)/citypulse thresholds build --check
	$(BIN)/citypulse schemas export --check
	$(BIN)/python deploy/kubernetes/generate.py --check

kafka: $(TOOLS) ## Apache Kafka on 127.0.0.1:9092 until Ctrl-C (needs Java 17 and Maven); ARGS="--brokers 3"
	@exec $(BIN)/python tests/apache_kafka.py $(ARGS)

watch: $(TOOLS) ## two workers, Prometheus, Alertmanager and a printing receiver, without Docker; ARGS="--rate 500"
	@exec $(BIN)/python -m tests.watch $(ARGS)

faults: $(TOOLS) ## random faults under load on Apache Kafka; ARGS="--seed 1 --faults 20 --brokers 3 --rate 500"
	@exec $(BIN)/python -m tests.faults.run $(ARGS)

soak: $(TOOLS) ## hours of load with faults on Apache Kafka; ARGS="--minutes 60"; then python -m tests.soak.report .cache/soak
	@exec $(BIN)/python -m tests.soak.run $(ARGS)

rules: $(INSTALLED) ## write deploy/prometheus/rules/thresholds.yml from deploy/thresholds.yaml
	$(BIN)/citypulse thresholds build

lock: $(TOOLS) ## write the lock files anew from pyproject.toml (newest allowed versions)
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) --constraint requirements.lock --group dev pyproject.toml --output-file tests/requirements.lock
	$(LOCK) --group peers --output-file benchmarks/requirements.lock
	$(LOCK) --constraint tests/requirements.lock --group deploy --output-file tests/deploy/requirements.lock

sbom: $(DEPLOY_TOOLS) ## what the image is made of, as CycloneDX JSON: dist/citypulse.cdx.json
	@mkdir -p $(dir $(SBOM))
	@$(BIN)/python -m tests.deploy.image_lock | PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements \
		--pyproject pyproject.toml --output-reproducible --output-format JSON --output-file $(SBOM) -
	@echo $(SBOM)

transcript: $(TOOLS) ## run the commands of docs/mend.md on an embedded broker and write what they say
	$(BIN)/python -m tests.transcript

fuzz: $(TOOLS) ## ask a worker everything by its OpenAPI document, write what was covered into docs/contract.md
	$(BIN)/python -m tests.http_fuzz

screenshot: $(TOOLS) ## take docs/page.png, README's picture, of the page under the demo (needs Chromium)
	$(BIN)/python tests/screenshot.py

$(INSTALLED): requirements.lock pyproject.toml
	@set -e; \
	if [ ! -x $(BIN)/python ]; then \
		for python in $(PYTHONS); do \
			if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
				found=$$python; break; \
			fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "CityPulse needs Python 3.11, 3.12 or 3.13; tried: $(PYTHONS)" >&2; exit 1; \
		fi; \
		echo "1/3 making .venv with $$($$found --version)"; \
		$$found -m venv .venv || { rm -rf .venv; \
			echo "no virtual environment could be made (on Debian: apt-get install python3-venv)" >&2; exit 1; }; \
	fi; \
	echo "2/3 installing the packages of requirements.lock (once)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock; \
	echo "3/3 installing CityPulse"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; \
	touch $(INSTALLED)

$(TOOLS): $(INSTALLED) tests/requirements.lock
	@echo "installing what tests and checks need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.lock
	@touch $(TOOLS)

$(PEERS): benchmarks/requirements.lock | $(INSTALLED)
	@echo "installing the peers into .venv-peers (once)"
	@$(BIN)/python -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.lock
	@touch $(PEERS)

$(DEPLOY_TOOLS): $(TOOLS) tests/deploy/requirements.lock
	@echo "installing what judges the files in deploy/ (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tests/deploy/requirements.lock
	@touch $(DEPLOY_TOOLS)
