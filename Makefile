# The commands of a working day. `make` alone lists them.
#   PYTHON=python3.12 make train            another interpreter (3.11, 3.12 or 3.13)
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make train     the small CPU build of torch
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pip, telling of the large downloads only.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --constraint constraints.txt
LARGE := sed -nuE 's/^ *(Downloading|Using cached) ([^ -]*)-.*(\([0-9.]+ [MG]B\)).*/    \2 \3/p'
METADATA := pyproject.toml setup.py constraints.txt
SCALE ?= quick
JOBS ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	  || { echo "ganx needs Python 3.11, 3.12 or 3.13: name one with PYTHON=python3.12 make ..." >&2; exit 2; }
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# A stamp tells that the environment matches pyproject.toml and constraints.txt; a second `make` installs nothing.
$(VENV)/.run: $(METADATA) | $(BIN)/python
	@echo "==> installing ganx and what it needs (PyTorch is large: minutes on a slow line)"
	@$(PIP) --editable . | $(LARGE)
	@touch $@

$(VENV)/.dev: $(METADATA) | $(BIN)/python
	@echo "==> installing ganx with the tools for tests and lint (PyTorch is large: minutes on a slow line)"
	@$(PIP) --editable '.[dev]' | $(LARGE)
	@touch $@ $(VENV)/.run

.PHONY: train tables test test-slow test-slurm lint bench bench-sweep soak dist clean
train: $(VENV)/.run  ## set up, then train HexaGAN on Breast
	$(BIN)/ganx train model=hexagan dataset=breast

tables: $(VENV)/.run  ## the published tables: SCALE=quick (default) or paper, JOBS=2 processes
	$(BIN)/ganx tables run=true scale=$(SCALE) hydra/launcher=joblib launcher.n_jobs=$(JOBS)

test: $(VENV)/.dev  ## the tests (minutes)
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -m 'not slow and not slurm'

test-slow: $(VENV)/.dev  ## the long trainings among the tests
	$(BIN)/pytest -m 'slow and not slurm' --timeout 3600

test-slurm: $(VENV)/.dev  ## sweeps on a real SLURM of four nodes on this machine (Debian, root; minutes)
	scripts/slurm_cluster run $(BIN)/pytest -m slurm || [ $$? = 77 ]

lint: $(VENV)/.dev  ## ruff, mypy, and the one-way imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.run  ## speed and memory beside a raw PyTorch loop
	$(BIN)/python scripts/bench.py

bench-sweep: $(VENV)/.run  ## what a sweep costs: planning, packing, status
	$(BIN)/python scripts/bench_sweep.py

soak: $(VENV)/.dev  ## kill -9 at a hundred random moments and after every write, full disks (an hour)
	GANX_SOAK_KILLS=100 GANX_DAMAGES=300 $(BIN)/pytest -s tests/launch/test_soak.py tests/run/test_kills.py \
	  tests/run/test_full_disk.py tests/run/test_damage.py

dist: $(VENV)/.dev  ## the wheel and the source archive
	rm -rf build dist
	$(BIN)/python -m build

clean:  ## remove what can be made again (outputs/ and .venv/ stay)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find ganx conf tests -name __pycache__ -type d -exec rm -rf {} +
