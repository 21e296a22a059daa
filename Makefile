# Trainyard: the few commands. Needs GNU make 3.81 or newer and Python 3.11 or newer; everything else goes into .venv.
#
#   PYTHON=/path/to/python3.11   the Python to build .venv with (otherwise the first of 3.11, 3.12, 3.13 that is here)
#   PORT=8600                    the port of the app (otherwise 8501, or the next free one)
#   TESTS="tests/quality -x"     what `make test` runs (otherwise everything)
#   WORKERS=2                    how many test files run side by side
#   TORCH_INDEX_URL=...          a package index with CPU builds of PyTorch, for a Linux machine without a GPU
#   TRAINYARD_BROWSER=required   a browser test that cannot run is a failure, not a skip
#   TRAINYARD_KILLS=50           how many more random moments a real training is killed at, with TESTS=tests/faults/test_real_training.py

SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
TESTS ?=
WORKERS ?= 2
PORT ?=

.DEFAULT_GOAL := help
.PHONY: help app test lint format clean install install-dev

help:
	@echo "make app      install what is missing, then open Trainyard in the browser"
	@echo "make test     install what is missing (a browser too, where it may), then run the whole test suite"
	@echo "make lint     check the code's style"
	@echo "make format   put the imports in order and mend what the linter can mend"
	@echo "make clean    remove .venv and everything that a command can make again; your data stays"

app: install
	$(PY) -m streamlit run app.py $(if $(PORT),--server.port $(PORT))

test: install-dev
	@bash tools/chromium.sh
	PYTHONDONTWRITEBYTECODE= $(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

lint: install-dev
	$(PY) -m ruff check .

format: install-dev
	$(PY) -m ruff check --fix .

install:
	@bash tools/install.sh requirements.txt

install-dev:
	@bash tools/install.sh requirements-dev.txt

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache catboost_info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
