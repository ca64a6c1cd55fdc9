# Everything starts here; `make help` lists the targets. Needs python3 (3.11 or newer) and make, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# python3.13 is what Lambda runs; any newer-than-3.11 python3 does. A name on PATH may be a shim that does not run.
PYTHON ?= $(shell for p in python3.13 python3; do if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
ARGS ?=
PIP := -m pip --disable-pip-version-check --quiet
PY := .venv/bin/python

.venv/.done: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "backstay needs python3 3.11 or newer on PATH" >&2; exit 1; }
	@echo "setting up .venv with $$($(PYTHON) --version) (once)"
	@$(PYTHON) -m venv --clear .venv
	@$(PY) $(PIP) install --require-hashes -r requirements/dev.txt
	@echo "$(CURDIR)/functions" > $$($(PY) -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/backstay.pth
	@touch $@

.lab/venv/.done: requirements/lab.txt
	@echo "setting up the lab's own environment (once)"
	@$(PYTHON) -m venv --clear .lab/venv
	@.lab/venv/bin/python $(PIP) install --require-hashes -r requirements/lab.txt
	@touch $@

# What functions get: the locked run-time requirements and nothing of the development environment.
.lab/deps/.done: functions/requirements.txt
	@echo "setting up what Lambda gets (once)"
	@rm -rf .lab/deps
	@$(PYTHON) $(PIP) install --require-hashes --target .lab/deps -r functions/requirements.txt
	@touch $@

.lab/sam/.done: requirements/sam.txt
	@echo "setting up the SAM CLI (once)"
	@$(PYTHON) -m venv --clear .lab/sam
	@.lab/sam/bin/python $(PIP) install --require-hashes -r requirements/sam.txt
	@touch $@

.PHONY: setup
setup: .venv/.done .lab/venv/.done .lab/deps/.done .lab/sam/.done ## make the environments (.venv, and the lab's under .lab)
