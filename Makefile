# make book | make test: the two commands of the README. Each makes its own environment in .venv from constraints.txt.
# A second run needs no network. Override the interpreter with `make book PYTHON=python3.12`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The first of these that is there and has venv; newer ones than 3.13 are taken if nothing else is, with the same versions pinned.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
HTML := _build/html
CACHE := _build/.jupyter_cache
DOCTREES := _build/.doctrees
LIBRARY := $(shell find l4lib -name '*.py')
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
JOBS ?= 2

.PHONY: help
help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with the module venv found (Debian: apt install python3-venv); pass one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[test]'
	@# Jupyter kernels announce at each start that they talk over TCP; only errors are worth a line here.
	mkdir -p $(VENV)/etc/ipython && echo 'get_config().IPKernelApp.log_level = 40' > $(VENV)/etc/ipython/ipython_kernel_config.py
	touch $@

.PHONY: install
install: $(STAMP)  ## make the environment

# Outputs made by an older library are not kept: when l4lib changes, the cache of executed notebooks is emptied, and so are
# the pages that Sphinx has read, since it would not look at a notebook again whose own text is the same.
$(CACHE)/.library: $(STAMP) $(LIBRARY)
	rm -rf $(CACHE) $(DOCTREES)
	mkdir -p $(CACHE)
	touch $@

.PHONY: book
book: $(CACHE)/.library  ## execute every notebook and build the book [SOLUTIONS=no leaves the solutions out]
	$(ONE_THREAD) $(BIN)/python tools/warm_cache.py --cache $(CACHE)
	$(ONE_THREAD) $(BIN)/jupyter-book build . -W -n --keep-going --quiet
	$(BIN)/python tools/llms.py $(HTML)
	@echo "The book is built: open $(abspath $(HTML)/index.html)"

.PHONY: pdf latex-is-there
latex-is-there: $(STAMP)
	$(BIN)/python tools/pdf.py --ready

pdf: latex-is-there $(CACHE)/.library  ## the whole book by LaTeX: _build/latex/l4-companion.pdf, which make book then links [SOLUTIONS=no]
	$(ONE_THREAD) $(BIN)/python tools/warm_cache.py --cache $(CACHE)
	$(ONE_THREAD) $(BIN)/python tools/pdf.py

.PHONY: test
test: lint book  ## every test: library, ledger, notebooks, built book
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations=10 --durations-min=0.5
	$(ONE_THREAD) $(BIN)/python -m pytest -o addopts= -o filterwarnings=default --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg \
		--nbval-cell-timeout=300 -n $(JOBS) --dist loadfile $$($(BIN)/python tools/book_notebooks.py)

.PHONY: check
check: lint  ## the fast subset: style, types, plan, ledger, notebooks' form, and the quick tests
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(JOBS) -m "not slow and not book" tests/project tests/book tests/quartic tests/data tests/test_validate.py

.PHONY: check-wheel
check-wheel: $(STAMP)  ## build the wheel, install it in a new environment, run every chapter there in an empty folder
	$(ONE_THREAD) $(BIN)/python tools/check_wheel.py --jobs $(JOBS)

.PHONY: lint
lint: $(STAMP)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check l4lib tests tools book/_ext
	$(BIN)/mypy

.PHONY: notebooks
notebooks: $(STAMP)  ## execute the notebooks in place (after a change of l4lib)
	$(ONE_THREAD) $(BIN)/python tools/execute_notebooks.py --jobs $(JOBS)
	$(BIN)/python tools/readme_picture.py

.PHONY: coursework
coursework: $(STAMP)  ## notebooks for students and instructors, solutions, plain chapters: _build/course [BASE=https://address.of.the/book]
	$(ONE_THREAD) $(BIN)/python tools/coursework.py $(if $(BASE),--base "$(BASE)")

.PHONY: slides
slides: $(STAMP)  ## slides for one lecture from the book's statements and figures: _build/slides.html
	$(ONE_THREAD) $(BIN)/python tools/slides.py $(if $(BASE),--base "$(BASE)")

.PHONY: grade
grade: $(STAMP)  ## grade a folder: make grade SUBMISSIONS=folder [KEEP=best|last DEADLINE=2026-11-30T23:59 LATE=count|drop TRUST=yes]
	@test -n "$(SUBMISSIONS)" || { echo "Say where they are: make grade SUBMISSIONS=folder (in it one folder for each student)" >&2; exit 1; }
	$(ONE_THREAD) $(BIN)/python tools/grade.py "$(SUBMISSIONS)" --jobs $(JOBS) $(if $(KEEP),--keep $(KEEP)) $(if $(DEADLINE),--deadline "$(DEADLINE)") \
		$(if $(LATE),--late $(LATE)) $(if $(filter yes,$(TRUST)),--trust)

.PHONY: ledger-times
ledger-times: $(STAMP)  ## measure the seconds of every claim's tests and write them into the ledger
	$(ONE_THREAD) $(BIN)/python -m pytest -q --time-claims

.PHONY: bench
bench: $(STAMP)  ## measure speed again and write benchmarks/*.json (peers are optional: benchmarks/requirements.txt)
	for script in benchmarks/*.py; do $(ONE_THREAD) NUMBA_NUM_THREADS=1 $(BIN)/python $$script; done

.PHONY: serve
serve: book  ## build, then serve the book on localhost:8000
	$(BIN)/python -m http.server --directory $(HTML) --bind 127.0.0.1 8000

.PHONY: lock
# Fewest forks: all three Pythons get the same versions, so that stored outputs and type checks are the same everywhere.
# The extra dev contains all others but sae, whose PyTorch stays out of the lock.
lock: $(STAMP)  ## pin the newest versions that fit pyproject.toml (needs the network)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --upgrade --no-header --no-annotate \
		--extra dev pyproject.toml tools/build-requirements.in -o constraints.txt

.PHONY: clean
clean:  ## remove what was built (the environment stays; remove .venv by hand)
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
