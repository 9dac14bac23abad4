# Leadflow's everyday commands. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help demo format check test cover chaos drill upgrade alerts fuzz bench rehearse up down restart logs reset scale partitions status observe env token link lint contracts reference manifests lock setup
MAKEFLAGS += --no-print-directory

stack := .venv/bin/python -m deploy.local
# --name 'value' for a variable that was given, also when it was given empty; nothing for one that was not.
quote = '$(subst ','\'',$(1))'
option = $(if $(filter undefined,$(origin $(1))),,$(2) $(call quote,$($(1))))

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: setup ## start everything, import examples/leads.csv (FILE=other.csv), show what happened
	@$(stack) up --demo-quotas
	@$(stack) demo $(if $(FILE),$(call quote,$(FILE)))

format: setup ## write the code as lint wants it, where a program can
	@.venv/bin/ruff check --fix --quiet || true
	@.venv/bin/ruff format --quiet

check: lint ## before a commit: lint, the fast tests, and those of the repository (90 s on two cores)
	@sh deploy/local/console.sh run --silent test
	@LEADFLOW_TEST_CHECK=1 .venv/bin/pytest --numprocesses 2 --dist loadfile --quiet tests/unit tests/repository

test: setup ## run the tests against real servers (ARGS="tests/unit -k phone" for some; ALL=1: those of minutes, too)
	@LEADFLOW_TEST_ALL=$(ALL) .venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

cover: setup ## which lines the unit and integration tests run (ARGS=tests/unit for fewer)
	@.venv/bin/coverage run -m pytest --quiet $(or $(ARGS),tests/unit tests/repository tests/integration); \
		ended=$$?; .venv/bin/coverage report; exit $$ended

chaos: setup ## kill, freeze and scale everything while imports run; every crash point (SEED=7 KILLS=200)
	@SEED=$(call quote,$(SEED)) KILLS=$(or $(KILLS),200) LEADFLOW_CHAOS=full .venv/bin/pytest tests/chaos -s $(ARGS)

drill: setup ## lose PostgreSQL, MongoDB, Kafka amid uploads, restore them, see what was lost (10 min)
	@LEADFLOW_CHAOS=full .venv/bin/pytest tests/chaos/test_drill.py -s $(ARGS)

upgrade: setup ## replace the release before by this one under load, and back (PREVIOUS=commit SEED=7; 10 min)
	@PREVIOUS=$(call quote,$(PREVIOUS)) SEED=$(call quote,$(SEED)) LEADFLOW_CHAOS=full \
		.venv/bin/pytest tests/chaos/test_rolling_upgrade.py -s $(ARGS)

alerts: setup ## break something for each alert, see it fire, follow the runbook, see it end (10 min)
	@LEADFLOW_CHAOS=full .venv/bin/pytest tests/chaos/test_alerts_for_real.py -s $(ARGS)

fuzz: setup ## look for inputs that break the readers, for five minutes (SECONDS=60, ONLY=xlsx)
	@sh deploy/local/setup.sh fuzz || echo "Going on without atheris." >&2
	@.venv/bin/python -m tests.fuzz --seconds $(or $(SECONDS),300) $(if $(ONLY),--only $(call quote,$(ONLY)))

bench: setup ## measure it beside other ways (ONLY=throughput,latency RUNS=5); writes bench/results and docs/reference
	@sh deploy/local/setup.sh bench
	@.venv/bin/python -m bench $(if $(ONLY),--only $(call quote,$(ONLY))) $(if $(RUNS),--runs $(call quote,$(RUNS)))
	@.venv/bin/python -m docs.make_reference

rehearse: setup ## scale creators by lag as a cluster would, draw what happened (PACE=1: not at twice the pace)
	@sh deploy/local/setup.sh bench
	@.venv/bin/python -m bench.rehearsal $(if $(PACE),--pace $(call quote,$(PACE)))
	@.venv/bin/python -m docs.make_reference

up: setup ## start everything in the background; returns when all of it is healthy
	@$(stack) up

down: setup ## stop everything; the data stays
	@$(stack) down

restart: setup ## restart the services and servers (SERVICE=creator: only that one)
	@$(stack) restart $(if $(SERVICE),$(call quote,$(SERVICE)))

logs: setup ## follow the services' logs (SERVICE=creator, SERVICE=mongo: all of that one)
	@$(stack) logs $(if $(SERVICE),$(call quote,$(SERVICE)))

reset: setup ## stop everything and forget all data
	@$(stack) reset

scale: setup ## run more processes of a service: make scale SERVICE=creator COUNT=4
	@$(stack) scale -- $(call quote,$(SERVICE)) $(call quote,$(COUNT))

partitions: setup ## more partitions for every topic: make partitions COUNT=24
	@$(stack) partitions -- $(call quote,$(COUNT))

status: setup ## every process: ready or why not, pid, port, uptime, restarts (exit code 0: all ready)
	@$(stack) status

observe: setup ## Prometheus beside the running stack, with the alerts (Ctrl-C ends it)
	@$(stack) observe

env: setup ## print the addresses as KEY=value lines (make -s env)
	@$(stack) env

token: setup ## print a token for the API (COMPANY_ID= USER_ID= PERMISSIONS= ACCOUNTS= EXPIRES_IN=)
	@$(stack) token $(call option,COMPANY_ID,--company-id) $(call option,USER_ID,--user-id) \
		$(call option,PERMISSIONS,--permissions) $(call option,ACCOUNTS,--accounts) \
		$(call option,EXPIRES_IN,--expires-in)

link: setup ## print a link that signs in to the console (COMPANY_ID= USER_ID=)
	@$(stack) link $(call option,COMPANY_ID,--company-id) $(call option,USER_ID,--user-id)

lint: setup ## check style, types, import contracts and known-unsafe calls
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@sh deploy/local/console.sh run --silent lint
	@.venv/bin/bandit --quiet --configfile pyproject.toml --recursive libs services migrations deploy

contracts: setup ## write the JSON Schemas of the topics from their events, unless that breaks a reader
	@.venv/bin/python -m docs.make_contracts

reference: setup ## write the tables of docs/reference from the code
	@.venv/bin/python -m docs.make_reference

manifests: setup ## write compose's services and deploy/k8s/base/services from deploy/processes.py
	@.venv/bin/python -m deploy.manifests

compile := .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --python-version 3.11

lock: setup ## compile the requirements anew (UPGRADE=1: to the newest versions)
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/runtime.in -o requirements/runtime.txt
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/msk.in -c requirements/runtime.txt -o requirements/msk.txt
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/dev.in -c requirements/runtime.txt -o requirements/dev.txt
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/console.in -c requirements/dev.txt -o requirements/console.txt
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/peer.in -o requirements/peer.txt
	@$(compile) $(if $(UPGRADE),--upgrade) requirements/fuzz.in -c requirements/dev.txt -o requirements/fuzz.txt

setup: ## make .venv with the hashed requirements, build the console (the other commands do it by themselves)
	@sh deploy/local/setup.sh
	@sh deploy/local/console.sh build
