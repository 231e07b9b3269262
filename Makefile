# The few commands of this project. Everything else is `tapeline --help`.
#
#   make install          .venv with everything
#   make demo             real calls on a real switch, recorded; ARGS="--once --json" for one round
#   make test             all tests; ARGS="tests/core -x" for some
#   make lint bench lock
#   make sbom audit   what is in a release, as CycloneDX; known weaknesses of it

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench lock sbom audit clean

help:
	@sed -n 's/^#  *make/make/p' Makefile

install:
	@scripts/install

demo: install
	@.venv/bin/tapeline demo $(ARGS)

test: install
	@$(if $(ARGS),.venv/bin/pytest $(ARGS),scripts/test)

lint: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: install
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: install
	@.venv/bin/python -m benchmarks $(ARGS)
	@.venv/bin/python -m benchmarks report

# Writes requirements.lock anew: every Python that we support, every hash, no host name.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock

sbom: install
	@mkdir -p artifacts
	@.venv/bin/python scripts/sbom >artifacts/tapeline.cdx.json && echo artifacts/tapeline.cdx.json

# pip-audit is a tool of its own (pipx install pip-audit) and asks its advisory source over the network.
audit: install
	@mkdir -p artifacts
	@.venv/bin/python docker/runtime_lock.py requirements.lock pyproject.toml >artifacts/runtime.lock
	pip-audit --strict --disable-pip --no-deps -r artifacts/runtime.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .install.lock
