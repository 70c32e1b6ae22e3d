# All commands of the project. The targets are implemented in local/src and xtask/src.

# Functions, tests and tools have the same explicit compilation target, so that shared crates are compiled only once.
export CARGO_BUILD_TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')

local := cargo run --release --bin local --
xtask := cargo run --release --bin xtask --

.PHONY: demo up account invoke image down setup lint test faults thousand browser invocations bench machines diagrams

## Shows everything without an AWS account: tenants are provisioned, updated and removed; two provisionings fail.
demo:
	@trap '$(local) down; exit 130' INT TERM; $(local) demo

## Starts the local stack and deploys the project. Run it again to redeploy. Then: . .local/env
up:
	$(local) up

## As `make up`, but without building and deploying: an account in which to rehearse docs/deploying.md.
account:
	$(local) account

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
test faults thousand browser invocations bench: export LOCAL_DIR ?= .local/test
test faults thousand browser invocations bench: export GATEWAY_PORT ?= 4666
test faults thousand browser invocations bench: export FUNCTIONS_AWS_ENDPOINT_URL ?= http://127.0.0.1:4667
test faults thousand browser invocations bench: export FUNCTIONS_MYSQL_ENDPOINT ?= 127.0.0.1:4668
test: export ENVIRONMENTS ?= dev sit prod
test: export RECORDINGS ?= .local/test/recordings
thousand: export ENVIRONMENTS ?= prod
# The default image is one that the local stack only pretends to run, since there are hundreds of tenants.
test: export SIT_PARAMETERS ?= DatabaseAccess=ecs-task TaskRoles=shared DeploymentPolls=8 DefaultImage=pretend/wordpress:1
test faults browser invocations bench: export DEV_PARAMETERS ?= HostedZoneId=@HostedZoneId DefaultImage=pretend/wordpress:1
test thousand: export PROD_PARAMETERS ?= HostedZoneId=@HostedZoneId DefaultImage=pretend/wordpress:1

## Runs everything that CI runs.
test:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) test

## Injects every fault at every call, which takes about an hour. Only some faults: make faults FAULT='provision: Reset'
faults:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) faults

## Provisions a thousand tenants on eleven load balancers, which takes 40 minutes on two cores.
thousand:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) thousand

## Uses a site in Chromium, as people do: logs in, writes a post with a picture, and looks at it as a visitor.
browser:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) browser

## Runs every function in a container of `sam local`, which takes some minutes and needs Docker.
invocations:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) invocations

## Measures time, size and cost, compared with the runbook's commands. The results go into .local/bench.
bench:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) bench
