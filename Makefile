# All commands of the project. The targets are implemented in local/src and xtask/src.

# Functions, tests and tools have the same explicit compilation target, so that shared crates are compiled only once.
export CARGO_BUILD_TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')

local := cargo run --release --bin local --
xtask := cargo run --release --bin xtask --

.PHONY: demo up account preflight invoke image down setup lint test faults bulk thousand browser second-aws second-opinion invocations bench machines diagrams

## Shows everything without an AWS account: tenants are provisioned, updated and removed; two provisionings fail.
demo:
	@trap '$(local) down; exit 130' INT TERM; $(local) demo

## Starts the local stack and deploys the project. Run it again to redeploy. Then: . .local/env
up:
	$(local) up

## As `make up`, but without building and deploying: an account in which to rehearse docs/deploying.md.
account:
	$(local) account

## Checks a real account before and after `sam deploy`, and changes nothing. See docs/first-day-on-aws.md.
## Optionally with ENVIRONMENT=prod OUTPUT=json PARAMETERS='VpcId=vpc-…', which are as for `sam deploy`.
preflight:
	@test -x .local/venv/bin/python || { echo 'no .local/venv: see docs/deploying.md, step 2' >&2; exit 2; }
	@cd local/preflight && ../../.local/venv/bin/python -B -m preflight $(if $(OUTPUT),--output $(OUTPUT)) \
		$(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))

## Runs one function in a container: make invoke FUNCTION=describe-tenant, optionally with EVENT=<file> LOG_LEVEL=debug
invoke:
	@$(local) invoke

## Pulls AWS's image for `make invoke`. If it cannot be pulled, makes an image from Debian's packages.
image:
	@$(local) image

## Stops what `make up` or `make account` started.
down:
	$(local) down

## Installs what the local stack needs. The other targets do this by themselves.
setup:
	$(local) setup

## Checks the formatting, runs all linters, and validates the templates. Needs no stack.
lint:
	$(xtask) check

## Generates statemachines/*.asl.json, which are deployed, from statemachines/src/, which people edit.
machines:
	$(xtask) machines

## Generates the diagrams in docs/state-machines.md from statemachines/.
diagrams:
	$(xtask) diagrams

# The tests have their own stack, beside that of `make up`. It has all environments. In sit, only ECS tasks reach the
# database, and deployments have little time. The functions call AWS and MySQL through proxies, which the tests start.
test faults bulk thousand browser second-aws second-opinion invocations bench: export LOCAL_DIR ?= .local/test
test faults bulk thousand browser second-opinion invocations bench: export GATEWAY_PORT ?= 4666
test faults bulk thousand browser invocations bench: export FUNCTIONS_AWS_ENDPOINT_URL ?= http://127.0.0.1:4667
test faults bulk thousand browser invocations bench: export FUNCTIONS_MYSQL_ENDPOINT ?= 127.0.0.1:4668
test: export ENVIRONMENTS ?= dev sit prod
test: export RECORDINGS ?= .local/test/recordings
bulk thousand: export ENVIRONMENTS ?= prod
# The default image is one that the local stack only pretends to run, since there are hundreds of tenants.
test: export SIT_PARAMETERS ?= DatabaseAccess=ecs-task TaskRoles=shared DeploymentPolls=8 DefaultImage=pretend/wordpress:1
test faults browser invocations bench: export DEV_PARAMETERS ?= HostedZoneId=@HostedZoneId DefaultImage=pretend/wordpress:1
second-opinion: export DEV_PARAMETERS ?= HostedZoneId=@HostedZoneId DefaultImage=pretend/wordpress:1 DatabaseAccess=ecs-task
test bulk thousand: export PROD_PARAMETERS ?= HostedZoneId=@HostedZoneId DefaultImage=pretend/wordpress:1

## Runs everything that CI runs.
test:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) test

## Injects every fault at every call, which takes about an hour. If it is interrupted, it goes on from there the next time;
## from the beginning again: FRESH=1. Only one job: MACHINE=provision. Only some faults: make faults FAULT='provision: Reset'
faults:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) faults

## Runs the tests of many tenants in their whole size: 200 are removed at once, 250 are listed. `make test` has fewer.
bulk:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) bulk

## Provisions a thousand tenants on eleven load balancers, which takes 40 minutes on two cores.
thousand:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) thousand

## Uses a site in Chromium, as people do: logs in, writes a post with a picture, and looks at it as a visitor.
browser:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) browser

## Runs the machines and functions in another AWS, moto, with a database server and without a stack.
second-aws:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) second-aws

## Runs every function in a container of `sam local`, which takes some minutes and needs Docker.
invocations:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) invocations

## Runs the state machines on a second engine of Step Functions, LocalStack's, and compares the ends.
second-opinion:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) second-opinion

## Measures time, size and cost, compared with the runbook's commands. The results go into .local/bench.
bench:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) bench
