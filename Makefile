# Each verb sets up all that it needs: a fresh clone and `make run` or `make test` is enough.
# What is slow is kept behind files that say "done": a second call starts at once.

BIN := .venv/bin
VENV := .venv/.ready
ASSETS := probes/assets/node_modules/.package-lock.json
WEB_ASSETS := daemon/web/assets/node_modules/.package-lock.json
CLIENTS := tests/ofrep/js/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

.PHONY: help install browser run demo test check fmt docs screenshots faults bench lock image image-check clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV) $(ASSETS) $(WEB_ASSETS) browser ## set everything up: .venv, front-end files, a headless Chromium

run: install ## start the embedded stage and the daemon on it; Ctrl-C stops both
	@$(BIN)/tripflag demo

demo: install ## play the story of one kill by itself, with measured times
	@$(BIN)/tripflag demo --auto

test: install $(CLIENTS) ## every test; pick some with ARGS="-k guard"
	@$(BIN)/pytest $(ARGS)

check: $(VENV) ## ruff, mypy strict, the import table
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: $(VENV) ## mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV) ## write the pages that are made from the code
	@$(BIN)/python -m daemon.guard.phases >docs/.phases.md
	@mv docs/.phases.md docs/phases.md

screenshots: install ## picture every page of the dashboard into docs/
	@$(BIN)/python -m tests.screenshots

faults: install ## play the table of faults end to end; ARGS="-k held" or ARGS="--repeat 3"
	@$(BIN)/python -m tests.faults $(ARGS)

bench: install ## raw Playwright against the pool, decision to flip, flag evaluations
	@$(BIN)/python -m tests.bench

lock: $(VENV) ## renew the locks; UPGRADE=1 takes newer versions
	@scripts/lock.sh

image: ## container image: docker where an engine answers, else buildah on debootstrap
	@scripts/image.sh

image-check: ## start the built image as its own user, and see it probe
	@scripts/image-check.sh

clean: ## remove what the verbs above made, except state and images
	@rm -rf .venv probes/assets/node_modules daemon/web/assets/node_modules tests/ofrep/js/node_modules build dist *.egg-info
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV): requirements-dev.lock pyproject.toml scripts/venv.sh
	@scripts/venv.sh
	@touch $@

$(ASSETS): probes/assets/package.json probes/assets/package-lock.json scripts/assets.sh | $(VENV)
	@scripts/assets.sh probes/assets
	@touch $@

$(WEB_ASSETS): daemon/web/assets/package.json daemon/web/assets/package-lock.json scripts/assets.sh | $(VENV)
	@scripts/assets.sh daemon/web/assets
	@touch $@

$(CLIENTS): tests/ofrep/js/package.json tests/ofrep/js/package-lock.json scripts/assets.sh | $(VENV)
	@scripts/assets.sh tests/ofrep/js
	@touch $@

# No file can stand for this one: the browser belongs to the machine, not to the clone.
browser: $(VENV)
	@$(BIN)/tripflag browser install >/dev/null
