# `make demo` and `make test` need only Python 3.11+; `make lint test` is what CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test lint format bench clean

demo: $(VENV)/ready
	$(BIN)/python examples/demo.py

test: $(VENV)/ready
	$(BIN)/python -m pytest

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Speed against CTranslate2; on a machine that does nothing else. Variables:
#   PAIRS      options --pair NAME CHECKPOINT BUNDLE of Transformers, one or more
#   SOURCE     test sentences, one a line, plain or .gz; TARGET their reference translations
#   BENCH_ARGS more options, such as --baseline NAME CHECKPOINT BUNDLE or --rounds 5
# make bench PAIRS="--pair tiny runs/tiny/final runs/tiny/bundle" SOURCE=test.en.gz TARGET=test.de.gz
bench: $(VENV)/ready
	@test -n "$(PAIRS)" -a -n "$(SOURCE)" -a -n "$(TARGET)" \
		|| { echo "make bench: PAIRS, SOURCE or TARGET is missing; see the Makefile"; exit 2; }
	$(BIN)/python benchmarks/decode_speed.py $(PAIRS) --source $(SOURCE) --target $(TARGET) $(BENCH_ARGS)

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "installing pinned packages into $(VENV) (about 1.5 GB, a minute or two)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
