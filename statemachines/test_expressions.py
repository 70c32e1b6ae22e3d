"""Tests of the state machines' expressions, with the JSONata evaluator of the local stack.

A cause can be any text. If an expression cannot be evaluated, its state ends with States.QueryEvaluationError, and the
original error is lost.
"""

import json
import re
import unittest
from pathlib import Path

from ministack.services import stepfunctions as sfn

MACHINES = {
    file.name.removesuffix(".asl.json"): json.loads(file.read_text()) for file in Path(__file__).parent.glob("*.json")
}
TENANT = "123456789012"

REPORT = {
    "error": "TeardownIncomplete",
    "message": 'tenant "a" still has\n a database \\ é',
    "step": "drop-database",
    "removed": ["arn:a"],
    "leftovers": [
        {"kind": "database", "identifier": "a_db", "reason": "in use"},
        {"kind": "secret", "identifier": "arn:s"},
    ],
    "failures": [{"step": "drop-database", "kind": "database", "error": "Transient", "message": "in use"}],
}


def nested(cause=None, **more):
    """The cause that Step Functions writes for a task whose nested execution has not succeeded."""
    execution = {
        "ExecutionArn": "arn:nested",
        "Input": json.dumps({"Cause": "not this", "tenant_id": TENANT}),
        "InputDetails": {"Included": True},
        "Name": "nested",
        "StartDate": 1700000000123,
        "Status": "FAILED",
    }
    if cause is not None:
        execution |= {"Error": "Inner", "Cause": cause}
    return json.dumps(execution | more, separators=(",", ":"))


REPORTED = nested(json.dumps(REPORT))
TASK = {
    "TaskArn": "arn:task",
    "StoppedReason": "Essential container in task exited",
    "Containers": [{"Name": "db", "ExitCode": 1, "NetworkInterfaces": [{"PrivateIpv4Address": "10.0.0.1"}]}],
    "Overrides": {"ContainerOverrides": [{"Command": ["sh"], "Environment": [{"Name": "A", "Value": "{"}]}]},
    "Version": 3,
}

# Causes that functions and state machines write, and the message in each.
SAID = {
    '{"errorMessage":"no room","errorType":"Transient"}': "no room",
    '{"errorType":"Transient","errorMessage":"no \\"room\\" \\u00e9\\n","trace":[]}': 'no "room" é\n',
    '{ "errorMessage": "no room" }': "no room",
    json.dumps(REPORT): REPORT["message"],
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
LONG = ["x" * 32768, json.dumps({"errorMessage": '"\\\n' * 5000}), '{"' * 16384, "[" * 32768]
NESTED = [REPORTED, nested(""), nested("{JIRA-1}"), nested(), nested(Status="ABORTED"), nested(json.dumps(REPORT)[:90])]
CAUSES = [*SAID, *AS_IT_IS, *NOTHING, *LONG, *NESTED, json.dumps(TASK), json.dumps(TASK)[:40]]

# The variables that the state machines have assigned when something fails.
KNOWN = {
    "approved": {"tenant_id": TENANT},
    "attempts": 1,
    "clean_up": {"tenant_id": TENANT, "owner": "arn:owner"},
    "notes": [],
    "outcome": "rolled-back",
    "peer": {"environment": "dev", "execution_arn": "arn:peer"},
    "plan": {"tenant_id": TENANT},
    "rounds": 1,
    "tenant_id": TENANT,
    "unchecked": True,
}


def expressions_with_a_cause(value, path=()):
    """Every expression that mentions a cause, with its path."""
    if isinstance(value, str):
        if value.startswith("{%") and "Cause" in value:
            yield path, re.sub(r"\$\{\w+\}", "dev", value)
    elif isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from expressions_with_a_cause(part, (*path, name))


def evaluated(expression, cause):
    """The expression's value after a task has failed with this cause."""
    output = {"Error": "Outer"} if cause is None else {"Error": "Outer", "Cause": cause}
    failure = {**output, "step": "a-step", "kind": "database"}
    variables = {**KNOWN, "failure": failure, "latest": failure, "failures": [failure]}
    context = {"Execution": {"Id": "arn:here", "Input": {"tenant_id": TENANT}}, "variables": variables}
    data = {"tenant_id": TENANT, "environment": "dev", "leftovers": [], "resources": {}}
    return sfn._apply_jsonata_template(expression, data, context, result={}, error_output=output)


def states(part):
    """The states of a machine by name, including those in branches."""
    found = dict(part["States"])
    for state in part["States"].values():
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            found |= states(inner)
    return found


def caught(machine, name, cause):
    """The variables and the output of the state's first catcher."""
    catch = states(MACHINES[machine])[name]["Catch"][0]
    return evaluated({field: catch[field] for field in ["Assign", "Output"] if field in catch}, cause)


class Expressions(unittest.TestCase):
    def test_every_expression_can_be_evaluated_with_every_cause(self):
        expressions = [found for machine in MACHINES.values() for found in expressions_with_a_cause(machine)]
        self.assertGreater(len(expressions), 20)
        for path, expression in expressions:
            for cause in CAUSES:
                with self.subTest(path=path, cause=cause and cause[:80]):
                    self.assertIsNotNone(evaluated(expression, cause))

    def test_a_report_that_is_cut_off_is_ignored(self):
        for length in range(len(REPORTED)):
            leftovers = caught("conclude-execution", "Remove what it made", REPORTED[:length])["Assign"]["told"]
            self.assertEqual([leftover["kind"] for leftover in leftovers], ["database"])

    def test_a_failure_is_reported_with_the_message_of_its_cause(self):
        report_the_failure = states(MACHINES["audit-tenants"])["Report the failure"]["Cause"]

        def said(cause):
            report = json.loads(evaluated(report_the_failure, cause))
            self.assertEqual((report["error"], report["step"]), ("Outer", "a-step"))
            return report["message"]

        for cause, message in SAID.items():
            self.assertEqual(said(cause), message)
        for cause in AS_IT_IS:
            self.assertEqual(said(cause), cause)
        for cause in NOTHING:
            self.assertEqual(said(cause), "no cause was given")

    def test_the_report_of_a_nested_execution_is_read(self):
        leftovers = REPORT["leftovers"]
        self.assertEqual(caught("conclude-execution", "Remove what it made", REPORTED)["Assign"]["told"], leftovers)
        unchecked = caught("provision-tenant", "Roll back", REPORTED)["Assign"]["unchecked"]
        self.assertEqual(unchecked, leftovers[:1])
        teardown = caught("deprovision-tenant", "Tear the tenant down", REPORTED)["Assign"]["teardown"]
        self.assertEqual(teardown, {"removed": [], "going": [], "kept": []} | REPORT)
        created = caught("provision-tenant", "Create the database by a task", REPORTED)["Output"]["failure"]
        self.assertEqual(created, {"step": "create-database", "Error": "Inner", "Cause": REPORT["message"]})
        [dropped] = caught("teardown-tenant", "Drop the database by a task", REPORTED)["Output"]
        self.assertEqual((dropped["failure"]["Error"], dropped["failure"]["Cause"]), ("Inner", REPORT["message"]))

    def test_without_a_report_the_database_is_a_possible_leftover(self):
        for cause in [*NOTHING, *AS_IT_IS, *NESTED[1:]]:
            told = caught("conclude-execution", "Remove what it made", cause)["Assign"]["told"]
            self.assertEqual([leftover["identifier"] for leftover in told], [f"{TENANT}_db"])
            unchecked = caught("provision-tenant", "Roll back", cause)["Assign"]["unchecked"]
            self.assertEqual(unchecked, [{"kind": "database", "identifier": f"{TENANT}_db"}])
            teardown = caught("deprovision-tenant", "Tear the tenant down", cause)["Assign"]["teardown"]
            self.assertEqual([leftover["kind"] for leftover in teardown["leftovers"]], ["database"])

    def test_a_nested_execution_without_a_cause_is_reported_with_its_status(self):
        for cause, error, message in [
            (nested(Status="ABORTED"), "Outer", "arn:nested ended ABORTED"),
            (
                nested(Status="TIMED_OUT", Error="States.Timeout", Cause=""),
                "States.Timeout",
                "arn:nested ended TIMED_OUT",
            ),
            (nested("{JIRA-1}"), "Inner", "{JIRA-1}"),
            ("too many executions", "Outer", "too many executions"),
            ("", "Outer", "no cause was given"),
        ]:
            failure = caught("provision-tenant", "Create the database by a task", cause)["Output"]["failure"]
            self.assertEqual((failure["Error"], failure["Cause"]), (error, message))

    def test_the_log_of_a_deployment_that_failed_is_named_if_it_is_still_there(self):
        report = states(MACHINES["provision-tenant"])["Report the failure"]["Cause"]
        log = {"kind": "log-group", "identifier": "arn:log", "reason": "keep_log_group was asked for"}
        foreign = {"kind": "target-group", "identifier": "arn:tg", "reason": "made by arn:other"}

        def told(error, kept):
            failure = {"Error": error, "Cause": "no", "step": "a-step"}
            variables = {**KNOWN, "failure": failure, "rolled_back": True, "removed": [], "kept": kept, "leftovers": []}
            report_of = sfn._apply_jsonata_template(
                report.replace("${Environment}", "dev"), {}, {"variables": variables}
            )
            return json.loads(report_of)

        cause = told("DeploymentFailed", [foreign, log])
        self.assertEqual(cause["kept"], [foreign, log])
        self.assertIn(f"no The log of its tasks is still in /ecs/dev-{TENANT}: ", cause["message"])
        for error, kept in [("DeploymentFailed", [foreign]), ("DeploymentFailed", []), ("AccessDenied", [log])]:
            self.assertEqual(told(error, kept)["message"], "no")

    def test_a_teardown_whose_inventory_failed_goes_on_only_as_a_rollback_or_confirmed(self):
        choice = states(MACHINES["teardown-tenant"])["May it be deleted unseen?"]["Choices"][0]["Condition"]

        def goes_on(request):
            context = {"Execution": {"Input": request}, "variables": {}}
            return sfn._apply_jsonata_template(choice, {}, context) is True

        self.assertTrue(goes_on({"tenant_id": TENANT, "owner": "arn:owner"}))
        self.assertTrue(goes_on({"tenant_id": TENANT, "confirmation": TENANT}))
        for request in [{"tenant_id": TENANT}, {"tenant_id": TENANT, "confirmation": "999999999999"}, {}, []]:
            self.assertFalse(goes_on(request), request)

    def test_a_conclusion_says_what_is_gone_and_what_is_left_and_needs_a_person_if_both(self):
        machine = states(MACHINES["conclude-execution"])
        secret = {"kind": "secret", "identifier": "arn:s"}
        detail = {"message": "stopped", "leftovers": [], "execution_arn": "arn:update"}

        def noted(removes, statuses, leftovers, known=()):
            variables = {
                "look": {"tenant_id": TENANT, "removes": removes, "remedy": "look"},
                "detail": {**detail, "leftovers": list(known)},
            }
            resources = {kind: {"status": status, "found": []} for kind, status in statuses.items()}
            resources.setdefault("access-point", {"status": "present"})["found"] = [
                {"identifier": "arn:old"},
                {"identifier": "arn:new", "owner": "arn:update"},
            ]
            result = {"Payload": {"resources": resources, "leftovers": leftovers}}
            seen = sfn._apply_jsonata_template(
                machine["See what is there"]["Output"], {}, {"variables": variables}, result=result
            )
            return sfn._apply_jsonata_template(machine["Note what is there"]["Assign"], seen, {"variables": variables})

        half = noted(True, {"service": "absent", "secret": "present", "files": "absent"}, [secret])
        self.assertTrue(half["is_incomplete"])
        self.assertEqual(half["cleaned"]["message"], "stopped; gone are: service; left are: secret")
        self.assertEqual(half["cleaned"]["remedy"], "look")
        self.assertIn("ended before", half["leftovers"][0]["reason"])
        known = noted(True, {"service": "absent", "secret": "present"}, [secret], [secret | {"reason": "denied"}])
        self.assertEqual(known["leftovers"], [secret | {"reason": "denied"}])
        whole = noted(True, {"service": "present", "secret": "present"}, [secret])
        self.assertFalse(whole["is_incomplete"])
        self.assertIn("nothing of the tenant was removed", whole["cleaned"]["message"])
        gone = noted(True, {"service": "absent", "secret": "absent"}, [])
        self.assertFalse(gone["is_incomplete"])
        self.assertNotIn("remedy", gone["cleaned"])
        update = noted(False, {"service": "present"}, [secret])
        self.assertFalse(update["is_incomplete"])
        self.assertEqual([left["identifier"] for left in update["leftovers"]], ["arn:new"])
        self.assertEqual((update["cleaned"]["message"], update["cleaned"]["remedy"]), ("stopped", "look"))

    def test_the_cause_of_a_failed_task_is_parsed_and_any_other_failure_is_kept(self):
        output = caught("run-database-task", "Run the task", json.dumps(TASK))["Output"]
        self.assertEqual(output["task"]["Containers"], [{"Name": "db", "ExitCode": 1}])
        for cause in ["RESOURCE:CPU", "", json.dumps(TASK)[:40]]:
            output = caught("run-database-task", "Run the task", cause)["Output"]
            self.assertEqual(output, {"failure": {"Error": "Outer", "Cause": cause}})


if __name__ == "__main__":
    unittest.main()
