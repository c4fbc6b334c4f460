# One command per verb. Each makes the virtual environment it needs, once; nothing else is touched.
#
#   make demo     train on the photos of examples/data, predict, draw demo-output/demo.png
#   make test     everything that must hold: format, lint, types, tests
#   make fuzz     look for inputs that break the property tests, ROUNDS=5 times over
#   make check    the same without the tests
#   make format   rewrite the code in the house format
#   make docs     run the code of README.md, docs/ and the docstrings
#   make bench    run the measurements of benchmarks/
#   make clean    remove what these commands made
#
# Needs make and Python 3.11 or newer. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
DEV := .venv
DEMO := .venv-demo
IN_DEV := $(DEV)/bin/python -m

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Otherwise pyright asks the network whether there is a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
# Half a dozen test processes with a thread per core each would only wait for one another.
TEST_ENV := OMP_NUM_THREADS=1 MPLBACKEND=Agg

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check format docs bench clean

help:
	@sed -n 's/^#   make/  make/p' Makefile

# Threads that wait by spinning take the cores from one another when something else runs too: on two
# busy cores the demo took 289 seconds instead of 26.
demo: $(DEMO)/.installed
	OMP_WAIT_POLICY=passive $(DEMO)/bin/learnkit demo

test: check
	$(TEST_ENV) $(IN_DEV) pytest -q -n auto

ROUNDS := 5

# `make test` draws the same cases each time; this draws new ones, and keeps those that failed.
fuzz: $(DEV)/.installed
	for round in $$(seq $(ROUNDS)); do \
	  $(TEST_ENV) $(IN_DEV) pytest -q -n auto -m hypothesis --hypothesis-profile=fuzz || exit 1; \
	done

check: $(DEV)/.installed
	$(IN_DEV) ruff check --quiet .
	$(IN_DEV) ruff format --check --quiet .
	$(IN_DEV) mypy --strict
	$(IN_DEV) pyright --pythonpath $(DEV)/bin/python tests/typing_usage.py

format: $(DEV)/.installed
	$(IN_DEV) ruff check --quiet --fix .
	$(IN_DEV) ruff format --quiet .

docs: $(DEV)/.installed
	$(TEST_ENV) $(IN_DEV) pytest -q tests/test_docs.py tests/test_examples.py

# The peers: $(DEV)/bin/python -m pip install ".[bench]"; one that is not installed is skipped.
# BENCH="--only pipeline --data photos --weights resnet34.pth" chooses.
BENCH ?=

bench: $(DEV)/.installed
	$(IN_DEV) benchmarks run $(BENCH)

clean:
	rm -rf $(DEV) $(DEMO) demo-output dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find learnkit tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so that an interrupted installation is done again.
$(DEV)/.installed: pyproject.toml
	$(call install,$(DEV),dev)

$(DEMO)/.installed: pyproject.toml
	$(call install,$(DEMO),demo)

# Debian splits Python: without its python3-venv a new environment has no pip. Then the pip of the
# system, if there is one, puts pip into the environment.
define install
	@command -v "$(PYTHON)" >/dev/null || \
	  { echo "$(PYTHON) was not found; give one: make $@ PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "learnkit needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V 2>&1`." \
	    "Give another one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(1)/bin/python && $(1)/bin/python -m pip --version >/dev/null 2>&1 || { rm -rf $(1); \
	  "$(PYTHON)" -m venv $(1) >/dev/null 2>&1 || { rm -rf $(1); \
	  "$(PYTHON)" -m venv --without-pip $(1) && \
	  "$(PYTHON)" -m pip --python $(1)/bin/python install --quiet pip; } || { rm -rf $(1); \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv"; \
	  exit 1; }; }
	@echo "installing learnkit[$(2)] into $(1); torch is large, this takes minutes the first time"
	@$(1)/bin/python -m pip install --quiet --editable ".[$(2)]"
	@touch $@
endef
