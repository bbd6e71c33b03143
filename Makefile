# `make run` starts Zhiku on a machine that has only Python 3.11 to 3.13, pip and make. See CONTRIBUTING.md.
PORT ?= 5001
DATA ?= data

BIN := .venv/bin
RUN := .venv/.installed-run
DEV := .venv/.installed-dev

.PHONY: run setup dev test check fix bench docs lock clean
.DEFAULT_GOAL := run

run: $(RUN)
	@exec $(BIN)/zhiku serve --port $(PORT) --data-dir "$(DATA)"

setup: $(RUN)

dev: $(DEV)

test: $(DEV)
	@exec $(BIN)/python scripts/test.py

# All steps run, so that one call shows all findings.
check: $(DEV)
	@status=0; \
	for step in "ruff format --check --quiet ." "ruff check --quiet ." basedpyright "lint-imports" "python -m pytest tests/layout"; do \
		echo "== $$step"; \
		$(BIN)/$$step || { status=1; echo "== failed: $$step"; }; \
	done; \
	exit $$status

fix: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV)
	@exec $(BIN)/python -m bench

docs: $(DEV)
	@exec $(BIN)/python scripts/docs.py

# The first two locks agree: the second is compiled under the first as constraint. The third is that of the published
# clients that tests install in an environment of their own.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links
lock: $(DEV)
	$(COMPILE) pyproject.toml --group build -o requirements.lock $(LOCK_ARGS)
	$(COMPILE) pyproject.toml --group dev --extra postgres --constraints requirements.lock -o requirements-dev.lock $(LOCK_ARGS)
	$(COMPILE) tests/clients/requirements.in -o tests/clients/requirements.lock $(LOCK_ARGS)

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# An environment made for tests serves a run too, so once there it is what is kept up to date.
$(RUN): requirements.lock requirements-dev.lock pyproject.toml
	@python=$$(PYTHON="$(PYTHON)" scripts/python.sh) && exec "$$python" scripts/setup.py $(if $(wildcard $(DEV)),dev,run)

$(DEV): requirements.lock requirements-dev.lock pyproject.toml
	@python=$$(PYTHON="$(PYTHON)" scripts/python.sh) && exec "$$python" scripts/setup.py dev
