"""Runs the state machines that are deployed, one state after the other.

Only what they use of the Amazon States Language is here. Branches run in turns, nothing is retried, since moto has no
failures that pass, and no time goes by where a machine waits. Source: the specification of the Amazon States Language,
and AWS's developer guide of Step Functions, "Transforming data with JSONata".
"""

import datetime
import json
import uuid

from jsonata import Jsonata
from jsonata.utils import Utils

from account import NUMBER
from functions import FunctionFailed
from tasks import Tasks

_ENOUGH_STATES = 500

# How the names of functions begin that make something.
_MAKING = ("create-", "register-", "revise-")


class ExecutionFailed(Exception):  # noqa: N818 - it is no fault of this code
    """The error of an execution."""

    def __init__(self, error, cause, arn=None):
        super().__init__(f"{error}: {cause}")
        self.error, self.cause, self.arn = error, cause, arn

    def report(self):
        """The report that this project's machines fail with."""
        return json.loads(self.cause)


class Machines:
    """The state machines of a stack, by their names.

    If `repeats` is set, every function is called twice.
    """

    def __init__(self, account, functions, definitions):
        self.functions, self.tasks, self.repeats = functions, Tasks(account), False
        self._definitions = {name: json.loads(text) for name, text in definitions.items()}
        self._step_functions = account.client("stepfunctions")
        # The functions ask Step Functions whether an execution still runs, so moto has to know of it.
        self._arns = {name: self._create(name, text) for name, text in definitions.items()}

    def run(self, name, request):
        """Return the output of an execution that gets `request`, or raise `ExecutionFailed`."""
        started = self._step_functions.start_execution(
            stateMachineArn=self._arns[name], name=str(uuid.uuid4()), input=json.dumps(request)
        )
        execution = {
            "Id": started["executionArn"],
            "Name": started["executionArn"].rpartition(":")[2],
            "Input": request,
            "StartTime": _now(),
        }
        try:
            return _Run(self, execution).states(self._definitions[name], request, {})
        except ExecutionFailed as failed:
            raise ExecutionFailed(failed.error, failed.cause, started["executionArn"]) from failed
        finally:
            self._step_functions.stop_execution(executionArn=started["executionArn"])

    def _create(self, name, text):
        role = f"arn:aws:iam::{NUMBER}:role/{name}"
        return self._step_functions.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"]

    def started(self, name):
        """The ARNs of the executions that were started of a state machine."""
        listed = self._step_functions.list_executions(stateMachineArn=self._arns[name])
        return [execution["executionArn"] for execution in listed["executions"]]

    def functions_of(self, name):
        """The functions that the text of a state machine names."""
        return set(_functions_in(self._definitions[name]))

    def invoke(self, name, payload):
        """Invoke a function as a state does."""
        answer = self.functions.invoke(name, payload)
        if self.repeats:
            again = self.functions.invoke(name, payload)
            # What the first call has changed, the second one finds. Only of what was made does it say the same.
            if name.partition("-")[2].startswith(_MAKING):
                assert again == answer, f"{name} has answered {answer}, and when it was called again {again}"
        return answer

    def run_arn(self, arn, request):
        """Run the state machine with this ARN."""
        [name] = [name for name, known in self._arns.items() if known == arn]
        return self.run(name, request)


def _functions_in(state):
    if isinstance(state, dict):
        if isinstance(name := state.get("FunctionName"), str):
            yield name
        state = list(state.values())
    if isinstance(state, list):
        for part in state:
            yield from _functions_in(part)


def _now():
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Run:
    """One execution."""

    def __init__(self, machines, execution):
        self._machines, self._execution = machines, execution

    def states(self, machine, data, variables):
        """Run the states of a machine or of a branch. Variables that they assign are not seen outside."""
        variables, name = dict(variables), machine["StartAt"]
        for _ in range(_ENOUGH_STATES):
            state = machine["States"][name]
            context = {"Execution": self._execution, "State": {"Name": name, "EnteredTime": _now()}}
            scope = _Scope(variables, data, context)
            try:
                data, name = getattr(self, f"_{state['Type'].lower()}")(state, scope)
            except ExecutionFailed as failed:
                catcher = _catcher(state, failed.error)
                if not catcher:
                    raise
                scope.states["errorOutput"] = {"Error": failed.error, "Cause": failed.cause}
                data, name = scope.left(catcher, scope.states["errorOutput"])
            if name is None:
                return data
        raise AssertionError(f"{self._execution['Id']} has passed {_ENOUGH_STATES} states")

    def _pass(self, state, scope):
        return scope.left(state, scope.states["input"])

    _succeed = _pass

    def _wait(self, state, scope):
        assert scope.value(state["Seconds"]) >= 0
        self._machines.tasks.settle()
        return scope.left(state, scope.states["input"])

    def _choice(self, state, scope):
        for rule in state["Choices"]:
            met = scope.value(rule["Condition"])
            assert isinstance(met, bool), f"{rule['Condition']} is {met!r}"
            if met:
                return scope.left(rule, scope.states["input"])
        data, _ = scope.left(state, scope.states["input"])
        return data, state["Default"]

    def _fail(self, state, scope):
        raise ExecutionFailed(scope.value(state["Error"]), scope.value(state["Cause"]))

    def _parallel(self, state, scope):
        results = [self.states(branch, scope.states["input"], scope.variables) for branch in state["Branches"]]
        scope.states["result"] = results
        return scope.left(state, results)

    def _task(self, state, scope):
        arguments = scope.value(state["Arguments"])
        scope.states["result"] = {
            "arn:aws:states:::lambda:invoke": self._invoke,
            "arn:aws:states:::states:startExecution.sync:2": self._run_another,
            "arn:aws:states:::ecs:runTask.sync": self._run_task,
        }[state["Resource"]](arguments)
        return scope.left(state, scope.states["result"])

    def _invoke(self, arguments):
        try:
            return {"Payload": self._machines.invoke(arguments["FunctionName"], arguments["Payload"])}
        except FunctionFailed as failed:
            raise ExecutionFailed(failed.error, json.dumps(failed.answer)) from failed

    def _run_another(self, arguments):
        try:
            return {"Output": self._machines.run_arn(arguments["StateMachineArn"], arguments["Input"])}
        except ExecutionFailed as failed:
            ended = {"ExecutionArn": failed.arn, "Status": "FAILED", "Error": failed.error, "Cause": failed.cause}
            raise ExecutionFailed("States.TaskFailed", json.dumps(ended)) from failed

    def _run_task(self, arguments):
        return self._machines.tasks.run(arguments)


def _catcher(state, error):
    for catcher in state.get("Catch", []):
        if error in catcher["ErrorEquals"] or "States.ALL" in catcher["ErrorEquals"]:
            return catcher
    return None


class _Scope:
    """What the expressions of a state see."""

    def __init__(self, variables, data, context):
        self.variables = variables
        self.states = {"input": data, "context": context}

    def left(self, leaving, default):
        """Leave the state by itself, a rule or a catcher: return its output, and the next state."""
        output = self.value(leaving["Output"]) if "Output" in leaving else default
        # Every value sees the variables as they were before.
        self.variables.update(self.value(leaving.get("Assign", {})))
        return output, leaving.get("Next")

    def value(self, template):
        """A part of a state with every expression evaluated."""
        if isinstance(template, dict):
            return {key: self.value(member) for key, member in template.items()}
        if isinstance(template, list):
            return [self.value(member) for member in template]
        if not (isinstance(template, str) and template.startswith("{%") and template.endswith("%}")):
            return template
        expression = Jsonata(template[2:-2].strip())
        # Step Functions adds this function to JSONata.
        expression.register_lambda("parse", json.loads)
        expression.set_output_convert_nulls(False)
        value = expression.evaluate(None, {**self.variables, "states": self.states})
        if value is None:
            raise ExecutionFailed("States.QueryEvaluationError", f"{template} is undefined")
        # Plain lists and texts instead of the evaluator's own, which the next expression would treat otherwise.
        return json.loads(json.dumps(Utils.convert_nulls(value)))
