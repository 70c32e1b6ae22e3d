"""No state of a state machine passes more than Step Functions allows, at the largest inputs and answers.

Each machine is walked from its start, with its own expressions: once with every step successful, once with each step
failing, and once with all steps failing. Each function answers with the longest texts and lists that its code allows. A
machine that starts another one gets what that one ends with.

Whether States.ALL catches States.DataLimitExceeded does not matter if this error never happens. Source of the limits:
"Step Functions service quotas" and the API references of StartExecution and of SendTaskFailure.
"""

import json
import re

import pytest

from judges import jsonata_machines
from judges.jsonata_engine import Engine
from judges.jsonata_errors import LONGEST_CAUSE
from largest_answers import ANSWERS, ARN, INPUTS, TASK, WIDE

BYTES = 256 * 1024
BYTES_OF_ALL_VARIABLES = 10 * 1024 * 1024
CHARACTERS_OF_AN_ERROR = 256
CHARACTERS_OF_A_NAME = 80
MOST_STATES = 500

SUBSTITUTIONS = {
    "Environment": "prod",
    "DatabaseAccess": "lambda",
    "HostedZoneId": "Z0123456789",
    "FilesDirectory": "/mnt/wordpress",
    "TaskRoles": "per-tenant",
    "DeploymentPolls": "20",
    "BulkConcurrency": "5",
}
# A machine is started by its ARN, whose substitution has its name.
STARTED = re.compile(r"\$\{(\w+)Arn\}")

# The longest error of a function: shared/src/model/error.rs cuts the message.
CAUSE_OF_A_FUNCTION = json.dumps(
    {"errorType": "Internal", "errorMessage": WIDE * 4000, "stackTrace": []}, ensure_ascii=False
)
CAUSE_OF_ECS = json.dumps(TASK)


def size(value):
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def length(text):
    """The number of characters as JavaScript and Java count them: one outside the basic plane counts twice."""
    return len(text.encode("utf-16-le")) // 2


def machine_of(arn_substitution):
    """`teardown-tenant` for TeardownTenant."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", arn_substitution).lower()


class FailedError(Exception):
    """An execution or a task has failed."""

    def __init__(self, error, cause):
        super().__init__(error)
        self.output = {"Error": error, "Cause": cause}


class Walk:
    """One execution of a machine. `fails` says of a state's name whether its task fails."""

    def __init__(self, engine, machine, fails=lambda _: False, substitutions=SUBSTITUTIONS):
        self.engine, self.machine, self.fails, self.substitutions = engine, machine, fails, substitutions
        text = (jsonata_machines.DIRECTORY / f"{machine}.asl.json").read_text()
        text = STARTED.sub(lambda match: machine_of(match[1]), text)
        for name, value in substitutions.items():
            text = text.replace("${" + name + "}", value)
        self.definition = json.loads(text)
        self.visited = 0

    def run(self, given):
        """The output, or a FailedError."""
        self.input = given
        self.check("the execution", "input", given)
        return self.part(self.definition, given, {})

    def check(self, state, what, value, most=BYTES):
        assert size(value) <= most, f"{self.machine}: {state}: {what}"

    def part(self, part, data, variables):
        name = part["StartAt"]
        while True:
            state = part["States"][name]
            self.visited += 1
            assert self.visited < MOST_STATES, f"{self.machine}: {name}: it never ends"
            data, following = self.state(name, state, data, variables)
            if following is None:
                return data
            name = following

    def state(self, name, state, data, variables):
        self.check(name, "input", data)
        result, error_output = None, None
        source = state
        try:
            result = self.result(name, state, data, variables)
        except FailedError as failed:
            # Each list of catchers ends with States.ALL, and no error of these tests is named in it.
            catch = [catch for catch in state.get("Catch", []) if catch["ErrorEquals"] == ["States.ALL"]]
            if not catch:
                raise
            source, error_output = catch[0], failed.output
        if state["Type"] == "Choice":
            source = result
            result = None

        def evaluated(template):
            return self.evaluated(template, data, variables, result, error_output)

        default = error_output if error_output is not None else data if result is None else result
        output = evaluated(source["Output"]) if "Output" in source else default
        assigned = {key: evaluated(template) for key, template in source.get("Assign", {}).items()}
        self.check(name, "output", output)
        self.check(name, "Assign", assigned)
        variables.update(assigned)
        self.check(name, "variables", variables, BYTES_OF_ALL_VARIABLES)
        if state["Type"] == "Succeed":
            return output, None
        return output, source.get("Next")

    def result(self, name, state, data, variables):
        """The result of a state; of a Choice, the rule that applies."""

        def evaluated(template):
            return self.evaluated(template, data, variables)

        match state["Type"]:
            case "Choice":
                # The Default is a rule that always applies.
                default = {key: value for key, value in state.items() if key in ("Output", "Assign")}
                rules = [rule for rule in state["Choices"] if evaluated(rule["Condition"])]
                return [*rules, default | {"Next": state.get("Default")}][0]
            case "Fail":
                error, cause = evaluated(state["Error"]), evaluated(state["Cause"])
                assert length(error) <= CHARACTERS_OF_AN_ERROR, f"{self.machine}: {name}"
                assert length(cause) <= LONGEST_CAUSE, f"{self.machine}: {name}"
                raise FailedError(error, cause)
            case "Wait":
                assert evaluated(state["Seconds"]) >= 0
                return None
            case "Parallel":
                result = [self.part(branch, data, dict(variables)) for branch in state["Branches"]]
            case "Map":
                result = self.map(state, evaluated, variables)
            case "Task":
                arguments = evaluated(state["Arguments"])
                self.check(name, "arguments", arguments)
                result = self.task(name, state["Resource"], arguments)
            case _:
                return None
        self.check(name, "result", result)
        return result

    def map(self, state, evaluated, variables):
        processor = state["ItemProcessor"]
        if processor["ProcessorConfig"]["Mode"] == "INLINE":
            return [self.part(processor, item, dict(variables)) for item in evaluated(state["Items"])]
        # A child execution, to which the variables are not visible.
        request = {**INPUTS["deprovision-tenant"], "tenant_id": "1" * 12}
        self.part(processor, {"name": "x" * 36, "request": request}, {})
        return {"MapRunArn": ARN, "ResultWriterDetails": {"Bucket": ARN, "Key": ARN}}

    def task(self, name, resource, arguments):
        fails = self.fails(name)
        if resource == "arn:aws:states:::lambda:invoke":
            function = arguments["FunctionName"].removeprefix("prod-")
            if fails:
                raise FailedError("Internal", CAUSE_OF_A_FUNCTION)
            answer = ANSWERS[function]
            payload = answer(arguments["Payload"]) if callable(answer) else answer
            # What Step Functions writes beside the answer of a function.
            return {"ExecutedVersion": "$LATEST", "Payload": payload, "SdkHttpMetadata": "x" * 1000, "StatusCode": 200}
        if resource == "arn:aws:states:::ecs:runTask.sync":
            if fails:
                raise FailedError("States.TaskFailed", CAUSE_OF_ECS)
            return TASK
        assert resource == "arn:aws:states:::states:startExecution.sync:2"
        assert len(arguments.get("Name", "")) <= CHARACTERS_OF_A_NAME
        nested = Walk(self.engine, arguments["StateMachineArn"], lambda _: fails, self.substitutions)
        execution = {"ExecutionArn": ARN, "Name": ARN[-80:], "StateMachineArn": ARN, "StartDate": 1, "StopDate": 2}
        try:
            output = nested.run(arguments["Input"])
        except FailedError as failed:
            execution |= failed.output | {"Input": json.dumps(arguments["Input"]), "Status": "FAILED"}
            cause = json.dumps(execution, ensure_ascii=False)[:LONGEST_CAUSE]
            raise FailedError("States.TaskFailed", cause) from None
        return execution | {"Input": arguments["Input"], "Output": output, "Status": "SUCCEEDED"}

    def evaluated(self, template, data, variables, result=None, error_output=None):
        context = {
            "Execution": {"Id": ARN, "Input": self.input, "Name": "x" * 80, "StartTime": "2026-11-28T20:00:00.000Z"},
            "State": {"EnteredTime": "2026-11-28T20:00:10.000Z", "Name": "x"},
        }
        states = {"input": data, "context": context}
        states |= {} if result is None else {"result": result}
        states |= {} if error_output is None else {"errorOutput": error_output}
        return jsonata_machines.evaluated(template, self.engine, variables | {"states": states})


def tasks(part):
    """The names of a machine's tasks, those in branches included."""
    for name, state in part["States"].items():
        if state["Type"] == "Task":
            yield name
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from tasks(inner)


@pytest.fixture(scope="module")
def walk():
    """Walks a machine; the output, or the error and the cause."""
    with Engine() as engine:

        def walk(machine, fails, substitutions=SUBSTITUTIONS):
            try:
                return Walk(engine, machine, fails, substitutions).run(INPUTS[machine])
            except FailedError as failed:
                return failed.output

        yield walk


def tasks_of(machine):
    return list(tasks(Walk(None, machine).definition))


def test_every_machine_has_its_largest_input():
    assert set(jsonata_machines.machines()) == set(INPUTS)


@pytest.mark.parametrize("machine", INPUTS)
def test_a_walk_in_which_every_step_succeeds(walk, machine):
    # The largest report about many tenants or environments is about those that could not be removed.
    reports_failures = machine in ("deprovision-tenants", "deprovision-tenant-everywhere")
    assert ("Cause" in walk(machine, lambda _: False)) == reports_failures


@pytest.mark.parametrize("machine", INPUTS)
def test_walks_in_which_one_step_fails(walk, machine):
    for failing in tasks_of(machine):
        walk(machine, lambda state, failing=failing: state == failing)


@pytest.mark.parametrize("machine", INPUTS)
def test_a_walk_in_which_every_step_fails(walk, machine):
    assert "Cause" in walk(machine, lambda _: True)


@pytest.mark.parametrize("access", ["lambda", "ecs-task"])
@pytest.mark.parametrize("machine", INPUTS)
def test_a_walk_in_which_every_step_but_the_first_fails(walk, machine, access):
    first = tasks_of(machine)[0]
    walk(machine, lambda state: state != first, {**SUBSTITUTIONS, "DatabaseAccess": access})
