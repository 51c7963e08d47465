# A newcomer needs `make demo` and `make test`; README.md explains them.
PYTHON ?= python3
PORT ?= 8000
export PYTHON PORT

.PHONY: help setup setup-dev demo demo-reset test test-all chaos lint lock

help:
	@echo 'make demo         start the console on http://localhost:$(PORT) with a demo warehouse (PORT= for another port)'
	@echo 'make demo-reset   delete the demo: its database, warehouse, mails, logs and .env'
	@echo 'make test         lint, types, import contracts, the tests, the browser journey'
	@echo 'make test-all     the same, with every test on PostgreSQL too, on a BigQuery emulator, and 20 chaos rounds'
	@echo 'make lint         the first three of these'
	@echo 'make chaos        kill, freeze and restart workers during a run, ROUNDS=20 times; SEED= repeats a round'
	@echo 'make lock         update requirements*.txt from requirements*.in'
	@echo 'make setup        create .venv for the console; make setup-dev adds what the tests need'

setup:
	@bin/setup

setup-dev:
	@bin/setup dev

demo:
	@bin/demo

demo-reset:
	@bin/demo reset

test: setup-dev
	@bin/test

test-all: setup-dev
	@bin/test all

chaos: setup-dev
	@DEBUG=1 ROUNDS=$(or $(ROUNDS),20) SEED=$(SEED) .venv/bin/pytest -m chaos -s tests/chaos

lint: setup-dev
	@bin/test lint

lock: setup-dev
	@bin/lock
