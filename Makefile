# Everything starts here; `make help` lists the targets. Needs python3 (3.11 or newer) and make, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# python3.13 is what Lambda runs; any newer-than-3.11 python3 does. A name on PATH may be a shim that does not run.
PYTHON ?= $(shell for p in python3.13 python3; do if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
ARGS ?=
PIP := -m pip --disable-pip-version-check --quiet
# The files are complete, so pip need not resolve anything (and must not: it would want a pin per extra).
LOCKED := --no-deps --require-hashes
VENV ?= .venv
PY := $(VENV)/bin/python

$(VENV)/.done: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "backstay needs python3 3.11 or newer on PATH" >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) (once)"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "this python3 cannot make environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(PY) $(PIP) install $(LOCKED) -r requirements/dev.txt
	@printf '#!%s\nfrom backstay.cli import main\n\nmain()\n' "$(abspath $(VENV))/bin/python" > $(VENV)/bin/backstay
	@chmod +x $(VENV)/bin/backstay
	@echo "$(CURDIR)/functions" > $$($(PY) -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/backstay.pth
	@touch $@

.lab/venv/.done: requirements/lab.txt
	@echo "setting up the lab's own environment (once)"
	@$(PYTHON) -m venv --clear .lab/venv
	@.lab/venv/bin/python $(PIP) install $(LOCKED) -r requirements/lab.txt
	@touch $@

# What functions get: the locked run-time requirements and nothing of the development environment.
.lab/deps/.done: functions/requirements.txt .lab/venv/.done
	@echo "setting up what Lambda gets (once)"
	@rm -rf .lab/deps
	@.lab/venv/bin/python $(PIP) install $(LOCKED) --target .lab/deps -r functions/requirements.txt
	@touch $@

.lab/sam/.done: requirements/sam.txt
	@echo "setting up the SAM CLI (once)"
	@$(PYTHON) -m venv --clear .lab/sam
	@.lab/sam/bin/python $(PIP) install $(LOCKED) -r requirements/sam.txt
	@touch $@

.lab/bench/.done: requirements/bench.txt
	@echo "setting up Cloud Custodian, which the bench holds the audit against (once)"
	@$(PYTHON) -m venv --clear .lab/bench
	@.lab/bench/bin/python $(PIP) install $(LOCKED) -r requirements/bench.txt
	@touch $@

LAB := $(VENV)/.done .lab/venv/.done .lab/deps/.done

.PHONY: setup
setup: $(LAB) .lab/sam/.done ## make the environments: .venv, and the lab's under .lab

.PHONY: demo
demo: $(LAB) ## the main story in the lab, every step measured (ARGS=--json, ARGS="--fault late-restore")
	@$(PY) -m tests.lab demo $(ARGS)

.PHONY: lab
lab: $(LAB) ## the lab with the product deployed, until Ctrl-C, for the AWS CLI and backstay
	@$(PY) -m tests.lab up --deploy $(ARGS)

.PHONY: lint
lint: $(VENV)/.done ## ruff, mypy --strict, import contracts, cfn-lint
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@$(VENV)/bin/cfn-lint template.yaml infra/*.yaml

.PHONY: test
test: setup lint ## everything: lint, types, contracts and all tests (ARGS are pytest's)
	@$(PY) -m pytest $(ARGS)

FAST := tests/unit tests/properties tests/workflows tests/handlers tests/cli

.PHONY: test-fast
test-fast: $(VENV)/.done ## the suites that need no lab
	@$(PY) -m pytest $(FAST) $(ARGS)

.PHONY: bench
bench: $(LAB) ## time, processor, memory and cost beside their targets (ARGS=--quick)
	@$(MAKE) --no-print-directory .lab/bench/.done || echo "Cloud Custodian cannot be installed here: its row stays empty" >&2
	@$(PY) -m tests.bench $(ARGS)

.PHONY: schema
schema: $(VENV)/.done ## write docs/policy.schema.json anew
	@$(PY) -m backstay.config > docs/policy.schema.json

.PHONY: rules
rules: $(VENV)/.done ## write docs/rules.md anew
	@$(PY) -m backstay.core.rules > docs/rules.md

.PHONY: models
models: $(VENV)/.done ## write what we keep of EC2's model anew
	@$(PY) -m backstay.providers.aws.models

UV_COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
.PHONY: lock
lock: $(VENV)/.done ## compile the hashed requirements files anew from pyproject.toml
	@$(UV_COMPILE) pyproject.toml -o functions/requirements.txt
	@$(UV_COMPILE) pyproject.toml -c functions/requirements.txt --extra cli --group dev -o requirements/dev.txt
	@$(UV_COMPILE) --group lab -o requirements/lab.txt
	@$(UV_COMPILE) --group sam -o requirements/sam.txt
	@$(UV_COMPILE) --group bench -o requirements/bench.txt

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
