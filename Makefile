# What there is to type. `make help` lists it; nothing here needs more than make and Python 3.11.

VENV := .venv
BIN := $(VENV)/bin
# More arguments for the command that is run: make audit ARGS="--since 2026-01-01 --json"
ARGS ?=
# Which tests: make test TESTS=waste_assets_tests/accounting
TESTS ?=
# Which transcripts the benchmarks read: make bench CORPUS=DIR
CORPUS ?=

CANDIDATES := python3.13 python3.12 python3.11 python3 python
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# The first that runs and is new enough. Give another with PYTHON=.
PYTHON ?= $(shell for python in $(CANDIDATES); do \
	"$$python" -c '$(IS_NEW_ENOUGH)' 2>/dev/null && { command -v "$$python"; break; }; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check
# The lock files name everything, with exact versions and the hashes of their files; where these
# come from is for pip to know.
INSTALL := $(PIP) install --quiet --no-deps --require-hashes --requirement
SOURCES := waste_assets waste_assets_tests benchmarks dashboards docs

.DEFAULT_GOAL := help
.PHONY: help audit report ui dashboard demo test check format docs bench lock supersetlock clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

audit: $(VENV)/.ready  ## account for all transcripts here, or for a generated sample (ARGS=)
	@$(BIN)/waste-assets audit $(ARGS)

report: $(VENV)/.ready  ## open the report of the last audit (ARGS=)
	@$(BIN)/waste-assets report $(ARGS)

ui: $(VENV)/.ready  ## Dagster's UI on port 3000 of this machine (ARGS=)
	@$(BIN)/waste-assets ui $(ARGS)

dashboard: $(VENV)/.ready  ## a dashboard in Superset on port 8088 of this machine (ARGS=)
	@dashboards/superset/run.sh $(ARGS)

test: $(VENV)/.ready-dev  ## all tests, or those of TESTS=
	@$(BIN)/python -m pytest $(TESTS) $(ARGS)

# Test modules that mirror what differs from the last commit; those of the docs always.
CHANGED = $(shell { git diff --name-only HEAD; git ls-files --others --exclude-standard; } 2>/dev/null \
	| sed -n -e 's,^waste_assets/\([a-z_]*\)/.*,waste_assets_tests/\1,p' \
		-e 's,^waste_assets/\([a-z_]*\)\.py$$,waste_assets_tests/test_\1.py,p' \
		-e 's,^\(dashboards\)/.*,waste_assets_tests/\1,p' \
		-e 's,^\(waste_assets_tests/[a-z_]*\)/.*,\1,p' \
		-e 's,^\(waste_assets_tests/test_[a-z_]*\.py\)$$,\1,p' | sort -u)

check: $(VENV)/.ready-dev  ## format, lint, types, and the tests of what has changed
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest $(sort waste_assets_tests/test_docs.py $(wildcard $(CHANGED)))

format: $(VENV)/.ready-dev  ## put every file in its form
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

docs: $(VENV)/.ready  ## write the data dictionary again
	@$(BIN)/python docs/generate_dictionary.py

bench: $(VENV)/.ready-dev  ## speed beside ccusage, on CORPUS= or a generated sample
	@$(BIN)/python benchmarks/speed.py $(CORPUS) $(ARGS)

demo: $(VENV)/.ready-dev  ## three workers on loopback, one is killed; the tables are equal (ARGS=)
	@$(BIN)/python -m benchmarks.team $(ARGS)

UV := 0.13.9
COMPILE := $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--no-strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --no-annotate

# Universal: one file for Linux and macOS and every Python from 3.11, with markers where they
# differ. setuptools builds the project itself. cryptography has no wheels for Intel Macs from 49
# on. The other files hold all of the first; the last one is what goes into an image.
INTEL_MAC := sys_platform == 'darwin' and platform_machine == 'x86_64'
NO_INTEL_MAC := sys_platform != 'darwin' or platform_machine != 'x86_64'
BESIDE := "setuptools>=77" "cryptography<49 ; $(INTEL_MAC)" "cryptography>=49 ; $(NO_INTEL_MAC)"

$(VENV)/lock/bin/uv: | $(VENV)/bin/python
	@$(BIN)/python -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV)

lock: $(VENV)/lock/bin/uv  ## resolve the newest versions that pyproject.toml allows
	@rm -f requirements.lock requirements-dev.lock requirements-team.lock
	@printf '%s\n' $(BESIDE) | $(COMPILE) --output-file requirements.lock pyproject.toml -
	@printf '%s\n' $(BESIDE) | $(COMPILE) --extra dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml -
	@printf '%s\n' $(BESIDE) | $(COMPILE) --extra team --extra kubernetes \
		--constraint requirements-dev.lock --output-file requirements-team.lock pyproject.toml -
	@! grep -nE '://|^ *-(-[a-gi-z]|[a-z])' requirements*.lock \
		|| { echo 'An address stands in a lock file: do not commit it.' >&2; exit 1; }
	@echo "$$(grep -c '^[a-z]' requirements.lock) packages to run, $$(grep -c '^[a-z]' requirements-dev.lock) to develop."

# Superset has an environment of its own: it wants older versions of much that is used here.
SUPERSET := dashboards/superset/requirements
supersetlock: $(VENV)/lock/bin/uv
	@grep -o '^duckdb==[0-9.]*' requirements.lock | cat - $(SUPERSET).in \
		| $(COMPILE) --output-file $(SUPERSET).lock -
	@! grep -nE '://|^ *-(-[a-gi-z]|[a-z])' $(SUPERSET).lock \
		|| { echo 'An address stands in a lock file: do not commit it.' >&2; exit 1; }

clean:  ## remove what was installed and cached; data/ stays
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
		echo 'waste_assets needs Python 3.11 or newer, and none of these is: $(CANDIDATES).' >&2; \
		echo 'Install one, or say where it is: make audit PYTHON=/path/to/python3.11' >&2; exit 1; }
	@"$(PYTHON)" -c '$(IS_NEW_ENOUGH)' || { \
		echo 'waste_assets needs Python 3.11 or newer, and $(PYTHON) is older or does not run.' >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '$(PYTHON) cannot make environments: install its venv module' \
			'(Debian, Ubuntu: apt install python3-venv).' >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo 'Installing into $(VENV): once, some minutes on a slow line.' >&2
	@$(INSTALL) requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock $(VENV)/.ready
	@$(INSTALL) requirements-dev.lock
	@touch $@
