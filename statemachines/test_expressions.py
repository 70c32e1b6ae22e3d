"""What the state machines' expressions promise, with the evaluator of the local stack.

A cause can be any text. An expression that cannot be evaluated ends the state with States.QueryEvaluationError: then
nobody learns what really failed.
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
    """The cause of a task whose nested execution did not succeed, as Step Functions writes it."""
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

# What a function, a machine or AWS wrote, and what is said of it.
SAID = {
    '{"errorMessage":"no room","errorType":"Transient"}': "no room",
    '{"errorType":"Transient","errorMessage":"no \\"room\\" \\u00e9\\n","trace":[]}': 'no "room" é\n',
    '{ "errorMessage": "no room" }': "no room",
    json.dumps(REPORT): REPORT["message"],
}
# What only looks like it, and is said as it is.
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

# What the machines know when something fails.
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


def values_with_a_cause(value, path=()):
    """Every expression that mentions a cause, with the place where it stands."""
    if isinstance(value, str):
        if value.startswith("{%") and "Cause" in value:
            yield path, re.sub(r"\$\{\w+\}", "dev", value)
    else:
        for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            yield from values_with_a_cause(part, (*path, name))


def evaluated(expression, cause):
    """The expression's value, when a task has failed with this cause."""
    output = {"Error": "Outer"} if cause is None else {"Error": "Outer", "Cause": cause}
    failure = {**output, "step": "a-step", "kind": "database"}
    variables = {**KNOWN, "failure": failure, "latest": failure, "failures": [failure]}
    context = {"Execution": {"Id": "arn:here", "Input": {"tenant_id": TENANT}}, "variables": variables}
    data = {"tenant_id": TENANT, "environment": "dev", "leftovers": [], "resources": {}}
    return sfn._apply_jsonata_template(expression, data, context, result={}, error_output=output)


def state(machine, name):
    def found(states):
        for key, value in states.items():
            if key == name:
                return value
            for inner in [*value.get("Branches", []), *[value[key] for key in ["ItemProcessor"] if key in value]]:
                if inside := found(inner["States"]):
                    return inside
        return None

    return found(MACHINES[machine]["States"])


def caught(machine, name, cause):
    catch = state(machine, name)["Catch"][0]
    return evaluated({field: catch[field] for field in ["Assign", "Output"] if field in catch}, cause)


class Expressions(unittest.TestCase):
    def test_no_cause_hides_the_error_that_it_belongs_to(self):
        expressions = [found for machine in MACHINES.values() for found in values_with_a_cause(machine)]
        self.assertGreater(len(expressions), 20)
        for path, expression in expressions:
            for cause in CAUSES:
                with self.subTest(path=path, cause=cause and cause[:80]):
                    self.assertIsNotNone(evaluated(expression, cause))

    def test_nor_does_one_that_is_cut_off_anywhere(self):
        for length in range(len(REPORTED)):
            leftovers = caught("conclude-execution", "Remove what it made", REPORTED[:length])["Assign"]["told"]
            self.assertEqual([leftover["kind"] for leftover in leftovers], ["database"])

    def test_a_failure_says_what_was_said(self):
        def said(cause):
            report = json.loads(evaluated(state("audit-tenants", "Report the failure")["Cause"], cause))
            self.assertEqual((report["error"], report["step"]), ("Outer", "a-step"))
            return report["message"]

        for cause, message in SAID.items():
            self.assertEqual(said(cause), message)
        for cause in AS_IT_IS:
            self.assertEqual(said(cause), cause)
        for cause in NOTHING:
            self.assertEqual(said(cause), "no cause was given")

    def test_what_a_nested_machine_reports_is_read(self):
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

    def test_a_nested_machine_that_reports_nothing_may_have_left_the_database(self):
        for cause in [*NOTHING, *AS_IT_IS, *NESTED[1:]]:
            told = caught("conclude-execution", "Remove what it made", cause)["Assign"]["told"]
            self.assertEqual([leftover["identifier"] for leftover in told], [f"{TENANT}_db"])
            unchecked = caught("provision-tenant", "Roll back", cause)["Assign"]["unchecked"]
            self.assertEqual(unchecked, [{"kind": "database", "identifier": f"{TENANT}_db"}])
            teardown = caught("deprovision-tenant", "Tear the tenant down", cause)["Assign"]["teardown"]
            self.assertEqual([leftover["kind"] for leftover in teardown["leftovers"]], ["database"])

    def test_a_nested_execution_that_was_stopped_says_so(self):
        for cause, error, message in [
            (nested(Status="ABORTED"), "Outer", "arn:nested ended ABORTED"),
            (nested(Status="TIMED_OUT", Error="States.Timeout", Cause=""), "States.Timeout", "arn:nested ended TIMED_OUT"),
            (nested("{JIRA-1}"), "Inner", "{JIRA-1}"),
            ("too many executions", "Outer", "too many executions"),
            ("", "Outer", "no cause was given"),
        ]:
            failure = caught("provision-tenant", "Create the database by a task", cause)["Output"]["failure"]
            self.assertEqual((failure["Error"], failure["Cause"]), (error, message))

    def test_of_a_database_task_that_failed_its_end_is_read_and_of_another_failure_the_cause(self):
        output = caught("run-database-task", "Run the task", json.dumps(TASK))["Output"]
        self.assertEqual(output["task"]["Containers"], [{"Name": "db", "ExitCode": 1}])
        for cause in ["RESOURCE:CPU", "", json.dumps(TASK)[:40]]:
            output = caught("run-database-task", "Run the task", cause)["Output"]
            self.assertEqual(output, {"failure": {"Error": "Outer", "Cause": cause}})


if __name__ == "__main__":
    unittest.main()
