# What is done often, one word each; `make` alone lists it. Needs GNU make and Python 3.11 or newer.

# The Pythons to try, in this order.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
# What pip installs: extras of pyproject.toml, and requirements of any kind beside them.
EXTRAS ?= dev
WITH ?=
# Options of `python -m venv`, such as --system-site-packages for a distribution's NumPy.
VENV_OPTIONS ?=
# How the tests are spread over the cores; empty without pytest-xdist.
JOBS ?= -n auto
# Options of pytest, for benchmarks and tests, or of the command.
ARGS ?=
# The commit that builds compares this checkout with.
BASE ?= main
# The tests start thousands of Pythons: each would compile what it imports, and pytest's plugins,
# anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check
SET_UP := $(VENV)/set-up
# An environment that was made in another folder or with other settings is made anew.
SETTINGS := $(strip $(CURDIR) $(PYTHON) [$(EXTRAS)] $(WITH) $(VENV_OPTIONS))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'make bench ARGS="--sizes 1e6 --workloads g"    hands options to pytest'
	@echo 'make test PYTHON=python3.13                    chooses the Python'
	@echo 'make bench WITH="numpy==2.0.*"                 chooses the NumPy'

.PHONY: bench
bench: $(SET_UP) ## measure everything below bench/ and judge it (3 minutes); options in ARGS
	@$(RUN) -m pytest bench/ $(ARGS)

.PHONY: map
map: $(SET_UP) ## map what NumPy does with the GIL, and BLAS threads (13 minutes); options in ARGS
	@$(RUN) -m pytest bench/bench_gil_map.py bench/bench_io.py bench/bench_blas.py $(ARGS)

.PHONY: strategies
strategies: $(SET_UP) ## compare every strategy, and what each costs by itself (6 minutes); options in ARGS
	@$(RUN) -m pytest bench/bench_strategies.py bench/bench_overhead.py bench/bench_transfer.py $(ARGS)

.PHONY: duel
duel: $(SET_UP) ## measure two builds in turn (13 minutes); ARGS="numpy==previous numpy==newest"
	@$(RUN) -m speedgate duel $(ARGS)

.PHONY: since
since: $(SET_UP) ## since which release what the newest duel confirmed is so (10 minutes); ARGS="results"
	@$(RUN) -m speedgate since $(ARGS)

.PHONY: builds
builds: $(SET_UP) ## environments of a commit and of this checkout, in builds/, for a duel; BASE=main
	@PYTHON="$(RUN)" sh .ci/builds "$(BASE)" builds

.PHONY: page
page: $(SET_UP) ## a static site of the runs; ARGS="results -o site"
	@$(RUN) -m speedgate page $(ARGS)

.PHONY: gate
gate: $(SET_UP) ## measure and judge what the gate covers; fails if nothing was judged
	@$(RUN) -m pytest bench/bench_scaling.py --require-gate $(ARGS)

.PHONY: comment
comment: $(SET_UP) ## the newest run as Markdown, for a summary or a pull request; options in ARGS
	@$(RUN) -m speedgate comment $(ARGS)

.PHONY: correctness
correctness: $(SET_UP) ## run the benchmarks as tests of their results, timing nothing
	@$(RUN) -m pytest bench/bench_*.py --benchmark-disable -n 2 -k "not blas-default"
	@# Threads of a BLAS spin where others want the cores: those run one by one.
	@$(RUN) -m pytest bench/bench_blas.py --benchmark-disable -k blas-default

.PHONY: test
test: $(SET_UP) ## run the tests
	@$(RUN) -m pytest tests $(JOBS) $(ARGS)

.PHONY: shuffled
shuffled: $(SET_UP) ## all tests in another order, ten to fifteen minutes each; ARGS="--times 20"
	@$(RUN) -m evaluation.shuffled $(ARGS)

.PHONY: mutation
mutation: $(SET_UP) ## small faults in the rules: do the tests see them? (hours; ARGS="run gate")
	@$(RUN) -m evaluation.mutation $(or $(ARGS),run)

.PHONY: faults
faults: $(SET_UP) ## the slow tests of faults, and 20,000 hostile files and messages (half an hour)
	@$(RUN) -m pytest tests -m slow $(JOBS)
	@$(RUN) -m evaluation.fuzz

.PHONY: lint
lint: $(SET_UP) ## ruff: rules and format
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check

.PHONY: types
types: $(SET_UP) ## mypy, strict
	@$(RUN) -m mypy

.PHONY: imports
imports: $(SET_UP) ## import-linter: which module may import which
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: workflows
workflows: $(SET_UP) ## check the GitHub workflows: their schema, and zizmor
	@$(RUN) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(RUN) -m check_jsonschema --builtin-schema vendor.github-actions action.yml
	@$(VENV)/bin/zizmor --offline --quiet .github action.yml

.PHONY: signals
signals: $(SET_UP) ## check every signal on known cases: docs/signals.md (2 minutes)
	@$(RUN) -m evaluation.signals

.PHONY: accuracy
accuracy: $(SET_UP) ## go on with the gate's accuracy: docs/accuracy.md (hours; ARGS="--minutes 60")
	@$(RUN) -m evaluation.accuracy run $(ARGS)
	@$(RUN) -m evaluation.accuracy table

.PHONY: claims
claims: $(SET_UP) ## check the stated probabilities: ARGS=--quick (2 minutes), else docs/claims.md (hours)
	@$(RUN) -m evaluation.claims $(ARGS)

.PHONY: soak
soak: $(SET_UP) ## runs under pressure, for an hour: does anything grow? ARGS="--minutes 20"
	@$(RUN) -m evaluation.soak $(ARGS)

.PHONY: wheel
wheel: $(SET_UP) ## build the wheel and use it from another project
	@sh .ci/wheel $(RUN)

.PHONY: sbom
sbom: $(SET_UP) ## what the wheel in dist/ brings along, as a CycloneDX file beside it
	@sh .ci/sbom $(RUN)

.PHONY: release-check
release-check: ## whether TAG=v1.2.3 names the version, and the changelog has it
	@$(firstword $(PYTHON)) .ci/release-check "$$TAG"

.PHONY: skips
skips: ## whether a test was skipped in every lane; ARGS names the folder of their reports
	@$(firstword $(PYTHON)) .ci/skipped-everywhere $(ARGS)

.PHONY: lowest
lowest: $(SET_UP) ## run the tests with the lowest version of each dependency; .venv is made anew
	@$(MAKE) test WITH="$$($(RUN) .ci/lowest pyproject.toml)"

.PHONY: clean
clean: ## remove the environment, builds and caches; results stay
	rm -rf $(VENV) dist .benchmarks .hypothesis .import_linter_cache .mutation .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

ifneq ($(shell cat $(SET_UP) 2>/dev/null),$(SETTINGS))
.PHONY: $(RUN)
endif

$(RUN):
	@sh .ci/venv $(VENV) "$(VENV_OPTIONS)" $(PYTHON)

$(SET_UP): $(RUN) pyproject.toml
	@$(PIP) install -q -e ".$(if $(EXTRAS),[$(EXTRAS)])" $(foreach each,$(WITH),"$(each)")
	@echo "$(SETTINGS)" > $@
