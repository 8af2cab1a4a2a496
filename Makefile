# Sekisho. `make run` and `make test` set up what they need themselves; `make help` lists the rest.
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
SETUP := sh offline-bundle/deps/deps.sh
OPA := .cache/bin/opa
LOCKS := offline-bundle/locks
PYTEST := $(BIN)/pytest --durations=20 --durations-min=5
# as many at once as there are processors (JOBS=0: one after the other); what judges times has the machine for itself
JOBS := logical
AT_ONCE := -n $(JOBS) --maxprocesses 4 --dist
FAST := -m "not real and not slow" $(AT_ONCE) worksteal
REST := -m "(real or slow) and not alone" $(AT_ONCE) loadfile
ALONE := -m "(real or slow) and alone"

.PHONY: help run test check deps deps-run deps-check deps-bench format lint types layers policy unit docs pages airgap airgap-proof image-proof bench bench-privacy bench-policy bench-audit bench-scale bench-fleet soak locks clean

help: ## show this list
	@echo "Sekisho: an air-gapped gateway to large language models with a sovereignty policy engine."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: deps-run ## set up and serve on 127.0.0.1:8080 with a small demonstration model
	@test -e sekisho.yaml || $(BIN)/sekisho init --preset demo --yes
	@exec $(BIN)/sekisho serve --demo-key $(SERVE)

test: deps ## set up and pass all tests, with the real parts (ALL=1: also those that make check just passed)
	@if [ -z "$(ALL)" ] && $(BIN)/python tests/stamp.py holds; then \
	  echo "The unit tests passed on this very tree (make check); now all others."; \
	else $(PYTEST) -q $(FAST); fi
	@failed=0; $(PYTEST) $(REST) || failed=1; $(PYTEST) $(ALONE) || failed=1; exit $$failed

check: lint ## format, lint, types, layers, policy, unit tests, docs; the unit tests beside the others
	@$(MAKE) --jobs=2 unit types layers policy docs

deps: ## install everything that developing and testing takes
	@$(SETUP) test

deps-run: ## install what serving takes
	@$(SETUP) run

deps-check:
	@$(SETUP) check

deps-bench:
	@$(SETUP) bench

format: deps-check ## put files into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(OPA) fmt --write policies gateway/policy

lint: deps-check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: deps-check
	@$(BIN)/mypy
	@$(BIN)/mypy $(wildcard offline-bundle/deps/*.py)

layers: deps-check
	@$(BIN)/lint-imports

policy: deps-check ## check and test the policies that ship with the real OPA
	@$(OPA) fmt --fail --list policies gateway/policy
	@mkdir -p .cache/check && echo 'data_dir: data' > .cache/check/sekisho.yaml
	@$(BIN)/sekisho policy check --config .cache/check/sekisho.yaml
	@$(BIN)/sekisho policy test --config .cache/check/sekisho.yaml

unit: deps-check
	@MAKEFLAGS= $(PYTEST) -q $(FAST)
	@$(BIN)/python tests/stamp.py write

docs: deps-check ## build the documentation into site/
	@$(BIN)/mkdocs build --quiet --strict --site-dir site

pages: deps-check ## write the reference pages that are made from code
	@$(BIN)/python tests/docs/pages.py

airgap: deps ## prove that nothing leaves the machine
	@$(PYTEST) tests/airgap -q -s

airgap-proof: deps ## the same from a bundle: install, every command, update, every endpoint; a signed report in docs
	@$(BIN)/python tests/airgap/prove.py --out docs/assets/no-egress.json --page docs/explanation/no-egress.md

image-proof: deps-check ## as root: a bundle as an image and in a bare Debian 12 (PROOF="--bundle FILE --root-sha256 HEX")
	@$(BIN)/python tests/bundle/prove_roots.py --out docs/assets/roots.json $(PROOF)

bench: deps-bench ## measure against named peers; writes a table and JSON
	@$(BIN)/python tests/bench/run.py $(BENCH)

bench-privacy: deps-check ## measure detection beside Presidio's; corpora from SEKISHO_PII_DATA
	@$(BIN)/python tests/quality/bench.py $(BENCH)

bench-policy: deps-check ## what a decision costs, with 100 sites, 1,000 targets and 1,000 projects
	@$(BIN)/python tests/bench/policy.py $(BENCH)

bench-audit: deps-check ## what the book costs: durable records a second, waiting, verification, bytes
	@$(BIN)/python tests/bench/audit.py $(BENCH)

bench-scale: deps-bench ## requests a second with 1, 2 and 4 workers
	@$(BIN)/python tests/bench/scale.py $(BENCH)

bench-fleet: deps-bench ## what the gateway costs before an engine, 512 streams at once, and who chooses best (simulated)
	@$(BIN)/python tests/bench/serving.py $(BENCH)
	@$(BIN)/python tests/bench/fleet/simulate.py $(SIMULATED)

soak: deps ## the long forms of the tests, in parts that can be resumed
	@$(BIN)/python tests/soak/long_forms.py $(LONG)
	@$(BIN)/python tests/soak/texts.py $(TEXTS)
	@$(BIN)/python tests/soak/killed.py $(KILLED)
	@$(BIN)/python tests/soak/placements.py $(PLACED)
	@$(BIN)/python tests/soak/tight_placements.py $(TIGHT)
	@$(BIN)/python tests/soak/run.py $(SOAK)
	@$(BIN)/python tests/soak/memory.py $(MEMORY)

locks: deps-check ## resolve the dependencies anew and lock them by hash (UPGRADE=1 takes newer versions)
	@sh $(LOCKS)/make-locks.sh $(if $(UPGRADE),--upgrade)

clean: ## remove what was built and cached; data, keys and logs in .sekisho stay
	rm -rf .venv .cache site build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
