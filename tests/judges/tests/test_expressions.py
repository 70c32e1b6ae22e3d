"""What the state machines say about an error, by the reference engine.

That none of their expressions fails with any kind of error is for judges.jsonata to find.
"""

import json

import pytest

from judges import jsonata_machines, jsonata_matrix
from judges.jsonata_engine import Engine
from judges.jsonata_errors import Row, nested, report, task

MACHINES = jsonata_machines.machines()
TENANT = "123456789012"
DATABASE = f"{TENANT}_db"
REPORTED = nested("TeardownIncomplete", report('tenant "a" still has\n a database \\ \u00e9'))
REPORT = json.loads(json.loads(REPORTED)["Cause"])

# Causes that functions and state machines write, and the message in each.
SAID = {
    '{"errorMessage":"no room","errorType":"Transient"}': "no room",
    '{"errorType":"Transient","errorMessage":"no \\"room\\" \\u00e9\\n","trace":[]}': 'no "room" \u00e9\n',
    '{ "errorMessage": "no room" }': "no room",
    json.dumps(REPORT): REPORT["message"],
    '{"errorMessage":"' + "a" * 9000 + '"}': "a" * 8000,
}
# Causes that are themselves the message, although some look like JSON.
AS_IT_IS = [
    "Ada thought better of it",
    "{JIRA-1}",
    "{",
    "{}",
    "[",
    "[1]",
    "12",
    "null",
    '"text"',
    '{"errorMessage":"cut o',
    '{"errorMessage":"a \\',
    '{"errorMessage":"a \\x"}',
    '{"errorMessage":"a\tb"}',
    '{"errorMessage":"\t"}',
    '{"errorMessage":"a"}}',
    '{"errorMessage":"a",}',
    '{"errorMessage":"a" "b"}',
    '{"errorMessage":"a","b":01}',
    '{"errorMessage":"a","b":' + "[" * 20 + "]" * 20 + "}",
    '{"errorMessage":1}',
    '{"errorMessage":null}',
    '{"errorMessage":""}',
    "$0 $1 \\ '",
    REPORTED[:-40],
]
NOTHING = ["", None]
WITHOUT_A_REPORT = [
    *NOTHING,
    *AS_IT_IS,
    nested("Inner", ""),
    nested("Inner", "{JIRA-1}"),
    nested("Inner"),
    nested(status="ABORTED"),
    nested("Inner", json.dumps(REPORT)[:90]),
]


@pytest.fixture(scope="module")
def evaluated():
    """Evaluates a field after a task has failed with a cause."""
    with Engine() as engine:

        def evaluate(field, cause=None, variables_of=jsonata_matrix.variables_after, **more):
            return jsonata_machines.evaluated(field, engine, variables_of(Row("", "Outer", cause)) | more)

        yield evaluate


def state(machine, name):
    return jsonata_machines.states(MACHINES[machine])[name]


@pytest.fixture(scope="module")
def caught(evaluated):
    """The variables and the output of the state's first catcher."""

    def after(machine, name, cause):
        catch = state(machine, name)["Catch"][0]
        fields = {field: catch[field] for field in ["Assign", "Output"] if field in catch}
        return evaluated(fields, cause, jsonata_matrix.variables_before)

    return after


def test_a_report_that_is_cut_off_is_ignored(caught):
    for length in range(0, len(REPORTED), 7):
        leftovers = caught("conclude-execution", "Remove what it made", REPORTED[:length])["Assign"]["told"]
        assert [leftover["kind"] for leftover in leftovers] == ["database"]


def test_a_failure_is_reported_with_the_message_of_its_cause(evaluated):
    def said(cause):
        told = json.loads(evaluated(state("audit-tenants", "Report the failure")["Cause"], cause))
        assert (told["error"], told["step"]) == ("Outer", "a-step")
        return told["message"]

    for cause, message in SAID.items():
        assert said(cause) == message
    for cause in AS_IT_IS:
        assert said(cause) == cause
    for cause in NOTHING:
        assert said(cause) == "no cause was given"


def test_the_report_of_a_nested_execution_is_read(caught):
    leftovers = REPORT["leftovers"]
    assert caught("conclude-execution", "Remove what it made", REPORTED)["Assign"]["told"] == leftovers
    assert caught("provision-tenant", "Roll back", REPORTED)["Assign"]["unchecked"] == leftovers[:1]
    teardown = caught("deprovision-tenant", "Tear the tenant down", REPORTED)["Assign"]["teardown"]
    assert teardown == {"removed": [], "going": [], "kept": []} | REPORT
    created = caught("provision-tenant", "Create the database by a task", REPORTED)["Output"]["failure"]
    assert created == {"step": "create-database", "Error": "TeardownIncomplete", "Cause": REPORT["message"]}
    (dropped,) = caught("teardown-tenant", "Drop the database by a task", REPORTED)["Output"]
    assert (dropped["failure"]["Error"], dropped["failure"]["Cause"]) == ("TeardownIncomplete", REPORT["message"])


def test_without_a_report_the_database_is_a_possible_leftover(caught):
    for cause in WITHOUT_A_REPORT:
        told = caught("conclude-execution", "Remove what it made", cause)["Assign"]["told"]
        assert [leftover["identifier"] for leftover in told] == [DATABASE]
        unchecked = caught("provision-tenant", "Roll back", cause)["Assign"]["unchecked"]
        assert unchecked == [{"kind": "database", "identifier": DATABASE}]
        teardown = caught("deprovision-tenant", "Tear the tenant down", cause)["Assign"]["teardown"]
        assert [leftover["kind"] for leftover in teardown["leftovers"]] == ["database"]


@pytest.mark.parametrize(
    ("cause", "error", "message"),
    [
        (nested(status="ABORTED"), "Outer", "{arn} ended ABORTED"),
        (nested("States.Timeout", "", "TIMED_OUT"), "States.Timeout", "{arn} ended TIMED_OUT"),
        (nested("Inner", "{JIRA-1}"), "Inner", "{{JIRA-1}}"),
        ("too many executions", "Outer", "too many executions"),
        ("", "Outer", "no cause was given"),
    ],
)
def test_a_nested_execution_without_a_cause_is_reported_with_its_status(caught, cause, error, message):
    failure = caught("provision-tenant", "Create the database by a task", cause)["Output"]["failure"]
    arn = json.loads(nested())["ExecutionArn"]
    assert (failure["Error"], failure["Cause"]) == (error, message.format(arn=arn))


def test_the_log_of_a_deployment_that_failed_is_named_if_it_is_still_there(evaluated):
    log = {"kind": "log-group", "identifier": "arn:log", "reason": "keep_log_group was asked for"}
    foreign = {"kind": "target-group", "identifier": "arn:tg", "reason": "made by arn:other"}

    def told(error, kept):
        failure = {"Error": error, "Cause": "no", "step": "a-step"}
        return json.loads(
            evaluated(state("provision-tenant", "Report the failure")["Cause"], failure=failure, kept=kept)
        )

    cause = told("DeploymentFailed", [foreign, log])
    assert cause["kept"] == [foreign, log]
    assert f"no The log of its tasks is still in /ecs/dev-{TENANT}: " in cause["message"]
    for error, kept in [("DeploymentFailed", [foreign]), ("DeploymentFailed", []), ("AccessDenied", [log])]:
        assert told(error, kept)["message"] == "no"


@pytest.mark.parametrize(
    ("request_of", "goes_on"),
    [
        ({"tenant_id": TENANT, "owner": "arn:owner"}, True),
        ({"tenant_id": TENANT, "confirmation": TENANT}, True),
        ({"tenant_id": TENANT}, False),
        ({"tenant_id": TENANT, "confirmation": "999999999999"}, False),
        ({}, False),
        ([], False),
    ],
)
def test_a_teardown_whose_inventory_failed_goes_on_only_as_a_rollback_or_confirmed(evaluated, request_of, goes_on):
    condition = state("teardown-tenant", "May it be deleted unseen?")["Choices"][0]["Condition"]
    states = {"input": {}, "context": {"Execution": {"Input": request_of}}}
    assert evaluated(condition, states=states) is goes_on


@pytest.fixture(scope="module")
def noted(evaluated):
    """What a conclusion notes about a tenant with these statuses of its resources."""

    def note(removes, statuses, leftovers, known=()):
        variables = {
            "look": {"tenant_id": TENANT, "removes": removes, "remedy": "look"},
            "detail": {"message": "stopped", "leftovers": list(known), "execution_arn": "arn:update"},
        }
        resources = {kind: {"status": status, "found": []} for kind, status in statuses.items()}
        found = [{"identifier": "arn:old"}, {"identifier": "arn:new", "owner": "arn:update"}]
        resources.setdefault("access-point", {"status": "present"})["found"] = found
        inventory = {"result": {"Payload": {"resources": resources, "leftovers": leftovers}}}
        output = state("conclude-execution", "See what is there")["Output"]
        seen = {"input": evaluated(output, states=inventory, **variables)}
        return evaluated(state("conclude-execution", "Note what is there")["Assign"], states=seen, **variables)

    return note


SECRET = {"kind": "secret", "identifier": "arn:s"}


def test_a_conclusion_says_what_is_gone_and_what_is_left_and_needs_a_person_if_both(noted):
    half = noted(True, {"service": "absent", "secret": "present", "files": "absent"}, [SECRET])
    assert half["is_incomplete"]
    assert half["cleaned"]["message"] == "stopped; gone are: service; left are: secret"
    assert half["cleaned"]["remedy"] == "look"
    assert "ended before" in half["leftovers"][0]["reason"]


def test_a_conclusion_knows_why_something_is_left(noted):
    known = SECRET | {"reason": "denied"}
    assert noted(True, {"service": "absent", "secret": "present"}, [SECRET], [known])["leftovers"] == [known]


def test_a_conclusion_of_a_tenant_that_is_whole_or_gone_needs_no_person(noted):
    whole = noted(True, {"service": "present", "secret": "present"}, [SECRET])
    assert not whole["is_incomplete"]
    assert "nothing of the tenant was removed" in whole["cleaned"]["message"]
    gone = noted(True, {"service": "absent", "secret": "absent"}, [])
    assert not gone["is_incomplete"]
    assert "remedy" not in gone["cleaned"]


def test_a_conclusion_of_an_update_tells_the_access_point_that_it_made(noted):
    update = noted(False, {"service": "present"}, [SECRET])
    assert not update["is_incomplete"]
    assert [left["identifier"] for left in update["leftovers"]] == ["arn:new"]
    assert (update["cleaned"]["message"], update["cleaned"]["remedy"]) == ("stopped", "look")


def test_the_cause_of_a_failed_task_is_parsed_and_any_other_failure_is_kept(caught):
    output = caught("run-database-task", "Run the task", task())["Output"]
    assert output["task"]["Containers"] == [{"Name": "database", "ExitCode": 1}]
    for cause in ["RESOURCE:CPU", "", task()[:40]]:
        output = caught("run-database-task", "Run the task", cause)["Output"]
        assert output == {"failure": {"Error": "Outer", "Cause": cause}}


def test_reports_name_every_leftover_and_have_room(evaluated):
    told = json.loads(evaluated(state("teardown-tenant", "Report what is left")["Cause"], "x" * 9000))
    assert {len(leftover["reason"]) for leftover in told["leftovers"]} == {400}
    assert len(told["leftovers"]) == len(told["failures"]) > 10
