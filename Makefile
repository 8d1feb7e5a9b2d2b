# make demo   trains FactorVAE on rendered dSprites, scores it, writes a report page
# make test   formatting, lint, types and tests
# make check  the same with the fast tests only, for daily work; TESTS=tests/metrics
#             selects other tests
# make docs   builds the documentation as an offline site, in site/
# make bench  measures the speed of this machine, writes to results/
# make accelerator  runs all measurements on a GPU or TPU, writes to results/accelerator/
# Each target first installs what it needs in .venv; PYTHON=python3.12 selects the
# interpreter. An incomplete .venv is recreated, because it may have another interpreter.

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
TESTS ?= tests/losses tests/networks tests/probing tests/imports_test.py

.PHONY: demo test all-tests check lint types fast docs bench accelerator clean

# uv takes a quarter of pip's CPU time. If uv finds no packages, pip may find them:
# only pip reads pip.conf.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python -e ".[$(1)]" \
	|| $(BIN)/pip install --quiet -e ".[$(1)]"

$(VENV)/.demo: setup.cfg
	$(PYTHON) -m venv $(if $(wildcard $@),,--clear) $(VENV)
	$(BIN)/pip install --quiet --upgrade pip uv
	$(call install,train)
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(call install,test)
	touch $@

# Uses pip, because its settings may name a build of PyTorch without GPU support.
$(VENV)/.dev: $(VENV)/.test
	$(BIN)/pip install --quiet -e ".[dev]"
	touch $@

demo: $(VENV)/.demo
	$(BIN)/python -m launch.train --config=configs/factor_vae.py:demo --workdir=$(DEMO)
	$(BIN)/python -m launch.evaluate --workdir=$(DEMO) --metrics=factor_vae_score_paper,mig --overwrite
	$(BIN)/python -m launch.report --workdir=$(DEMO)

# Types are checked while the tests run.
test: lint
	$(MAKE) --jobs 2 types all-tests

all-tests: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: lint
	for page in equations results gallery; do $(BIN)/python docs/make_$$page.py --check || exit 1; done
	$(MAKE) --jobs 2 --output-sync types fast

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/pyright --pythonpath $(BIN)/python

fast: $(VENV)/.test
	$(BIN)/python -m pytest -m "not slow" $(TESTS)

$(VENV)/.docs: $(VENV)/.demo
	$(call install,docs)
	touch $@

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.bench

accelerator: $(VENV)/.demo
	$(BIN)/python -m benchmarks.accelerator --out=results/accelerator

clean:
	rm -rf $(VENV) build *.egg-info
