# Everything a newcomer needs to type. What the targets do is in local/src and xtask/src.

# Functions, tests and tools are compiled for the same explicit target, so that they are compiled once.
export CARGO_BUILD_TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')

local := cargo run --release --bin local --
xtask := cargo run --release --bin xtask --

.PHONY: demo up account invoke image down setup lint test faults thousand invocations bench machines diagrams

## Shows it all without an AWS account: tenants come and go, one arrives broken, nothing is left.
demo:
	@trap '$(local) down; exit 130' INT TERM; $(local) demo

## Starts the local stack and deploys; again, to redeploy. Then: . .local/env
up:
	$(local) up

## As `make up`, without building and deploying: an account to rehearse docs/deploying.md in.
account:
	$(local) account

## One function in a container: make invoke FUNCTION=describe-tenant, perhaps with EVENT=<file> LOG_LEVEL=debug
invoke:
	@$(local) invoke

## The image that `make invoke` runs functions in: AWS's, or one of Debian's packages where that cannot be pulled.
image:
	@$(local) image

## Stops what `make up` or `make account` started.
down:
	$(local) down

## Installs what the local stack needs; the other targets do it by themselves.
setup:
	$(local) setup

## Formats, lints and validates without running anything.
lint:
	$(xtask) check

## Writes statemachines/*.asl.json, which are deployed, from statemachines/src/, which people edit.
machines:
	$(xtask) machines

## Draws the diagrams of docs/state-machines.md from statemachines/.
diagrams:
	$(xtask) diagrams

# The tests have a stack of their own, beside that of `make up`: every environment, one of them with a database that only
# ECS tasks reach and little patience with deployments; and proxies of the tests between the functions and what they call.
test faults thousand invocations bench: export LOCAL_DIR ?= .local/test
test faults thousand invocations bench: export GATEWAY_PORT ?= 4666
test faults thousand invocations bench: export FUNCTIONS_AWS_ENDPOINT_URL ?= http://127.0.0.1:4667
test faults thousand invocations bench: export FUNCTIONS_MYSQL_ENDPOINT ?= 127.0.0.1:4668
test: export ENVIRONMENTS ?= dev sit prod
thousand: export ENVIRONMENTS ?= prod
test: export SIT_PARAMETERS ?= DatabaseAccess=ecs-task DeploymentPolls=8
test faults invocations bench: export DEV_PARAMETERS ?= HostedZoneId=@HostedZoneId
test thousand: export PROD_PARAMETERS ?= HostedZoneId=@HostedZoneId

## Everything that CI runs.
test:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) test

## Every fault at every call, which takes about an hour. Some of them: make faults FAULT='provision: Reset'
faults:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) faults

## A thousand tenants on eleven load balancers, which takes 40 minutes on two cores.
thousand:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) thousand

## Every function in a container of `sam local`, which takes some minutes and needs Docker.
invocations:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) invocations

## How fast, small and cheap it is, beside the runbook's commands: into .local/bench
bench:
	@trap '$(local) down; exit 130' INT TERM; $(xtask) bench
