"""Both engines run the same state machines for two tenants of the same kind, and the ends are compared."""

import concurrent.futures
import itertools
import json
import re
import time

import pytest

from second_opinion.engine import SecondEngine
from second_opinion.stack import Stack

# What differs between two executions with the same input, and between the resources of two tenants.
DIFFERENT = [
    (r"(?<!\d)\d{12}(?!\d)", "<tenant>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"(-credentials)-\w{6}\b", r"\1-<suffix>"),
    (r"\b(fsap|ecs-svc|sir|fsmt)[-/]\w+", r"\1-<id>"),
    (r"(targetgroup/[\w<>-]+)/\w+", r"\1/<id>"),
    (r"(listener-rule/app/[\w-]+(?:/\w+)*)/\w+", r"\1/<id>"),
    (r"(task/[\w-]+)/\w+", r"\1/<id>"),
    (r"(task-definition/[\w<>-]+):\d+", r"\1:<revision>"),
    # How many of the service's events there are by then is a matter of time.
    (r'(deployment of service \([^)]*\)) .*?(; the tenant is again|\. The log of|")', r"\1 <reasons>\2"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)", "<time>"),
    (r'("(?:priority|seconds_until_served|\w+_seconds)":\s*)[\d.]+', r"\1<number>"),
]
CHECKLIST = {
    "checklist": {"owner_notified": True, "data_backup": "completed", "billing_finalized": True},
    "approved_by": "Ada Lovelace",
}
# Another run on the same stack finds other tenants.
_numbers = itertools.count(int(time.time()) * 100)


@pytest.fixture(scope="session")
def stack():
    return Stack()


@pytest.fixture(scope="session")
def second(stack):
    return SecondEngine(stack.machines)


@pytest.fixture
def both(stack, second):
    """Runs a machine on both engines at the same time, for a tenant each, and returns the end on which they agree."""

    def run(machine, tenants, **request):
        requests = [{"tenant_id": tenant} | request for tenant in tenants]
        if "confirmation" in request:
            requests = [request | {"confirmation": request["tenant_id"]} for request in requests]
        with concurrent.futures.ThreadPoolExecutor(1) as another:
            first = another.submit(lambda: stack.end(stack.start(machine, requests[0])))
            opinion = second.start(stack.machines[machine], requests[1]).end()
        agree(first.result(), opinion, stack.machines[machine])
        return first.result()

    return run


@pytest.fixture
def tenants():
    """Two ids that nobody has."""
    return [f"{number:012}" for number in itertools.islice(_numbers, 2)]


def agree(first, second, machine):
    """Both executions have ended alike."""
    assert told(second) == told(first), "the second engine's end is on the left"
    polls = set(polling(json.loads(machine["definition"])))
    assert second.states - polls == first.states - polls


def polling(definition):
    """The states that wait, or may lead to one that does. Whether an execution comes to them is a matter of time."""
    states = definition["States"]
    waits = {name for name, state in states.items() if state["Type"] == "Wait"}
    yield from waits
    for name, state in states.items():
        if waits & {choice["Next"] for choice in [*state.get("Choices", []), {"Next": state.get("Default")}]}:
            yield name
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from polling(inner)


def told(ended):
    """What an end says, without what differs between two tenants."""
    text = json.dumps(
        [ended.status, ended.output, ended.error, parsed(ended.cause)], indent=1, sort_keys=True, default=str
    )
    for pattern, name in DIFFERENT:
        text = re.sub(pattern, name, text)
    return text.splitlines()


def parsed(cause):
    try:
        return json.loads(cause)
    except (TypeError, ValueError):
        return cause


def test_the_second_engine_takes_every_definition(stack, second):
    assert stack.machines
    for machine in stack.machines.values():
        second.parse(machine)


def test_a_tenant_comes_is_updated_and_goes(both, tenants):
    assert both("provision-tenant", tenants, site={"title": 'Cheese & "Sons"'}).status == "SUCCEEDED"
    assert both("provision-tenant", tenants).error == "TenantAlreadyExists"
    assert both("update-tenant", tenants, cpu=512, memory=1024).status == "SUCCEEDED"
    assert both("update-tenant", tenants, image="pretend/wordpress:crash").error == "DeploymentFailed"
    assert both("update-tenant", tenants, suspended=True).status == "SUCCEEDED"
    assert both("update-tenant", tenants, suspended=False).status == "SUCCEEDED"
    incomplete = {**CHECKLIST, "checklist": {"owner_notified": False}}
    assert both("deprovision-tenant", tenants, **incomplete).error == "ChecklistIncomplete"
    assert both("deprovision-tenant", tenants, **CHECKLIST).status == "SUCCEEDED"


def test_a_provisioning_that_fails_goes_back(both, tenants):
    assert both("provision-tenant", tenants, cpu=3).error == "InvalidRequest"
    assert both("provision-tenant", tenants, environment="prod").error == "WrongEnvironment"
    assert both("provision-tenant", tenants, image="pretend/wordpress:crash").error == "DeploymentFailed"
    # Only a task sees whether there is a database.
    assert both("teardown-tenant", tenants).error == "ConfirmationMismatch"
    assert both("teardown-tenant", tenants, confirmation=True).status == "SUCCEEDED"


def test_tenants_of_others_are_left_alone(both, tenants):
    assert both("provision-tenant", tenants).status == "SUCCEEDED"
    another = "arn:aws:states:eu-west-1:123456789012:execution:dev-provision-tenant:another"
    assert both("teardown-tenant", tenants, owner=another).status == "SUCCEEDED"
    assert both("update-tenant", tenants, force_new_deployment=True).status == "SUCCEEDED"
    assert both("deprovision-tenant", tenants, **CHECKLIST).status == "SUCCEEDED"


def test_a_job_that_cannot_run_says_so(both, tenants):
    assert both("run-tenant-job", tenants, job="upgrade-database").error == "TenantNotFound"
    assert both("run-tenant-job", tenants, job="another").error == "InvalidRequest"


def test_a_tenant_goes_everywhere(both, tenants):
    assert both("provision-tenant", tenants).status == "SUCCEEDED"
    everywhere = {**CHECKLIST, "environments": ["dev"]}
    assert both("deprovision-tenant-everywhere", tenants, **everywhere, confirmation=True).status == "SUCCEEDED"


def test_an_aborted_provisioning_is_concluded(stack, second, tenants):
    execution = stack.start("provision-tenant", {"tenant_id": tenants[0]})
    stack.wait_for_state(execution, "Create the service")
    stack.stop(execution)
    concluded = stack.end(stack.start("conclude-execution", {"execution_arn": execution}))
    opinion = second.start(stack.machines["conclude-execution"], {"execution_arn": execution}).end()
    assert concluded.status == opinion.status == "SUCCEEDED"


def test_tenants_are_audited(stack, second):
    # The second time, it tells what was incomplete the first time, too.
    stack.end(stack.start("audit-tenants", {}))
    audited = stack.end(stack.start("audit-tenants", {}))
    machine = stack.machines["audit-tenants"]
    agree(audited, second.start(machine, {}).end(), machine)
    assert audited.status == "SUCCEEDED"
