"""Error outputs of every kind that a state machine's Catch may be given.

Their forms are those that AWS has answered: LocalStack's tests have recorded many of them
(https://github.com/localstack/localstack, tests/aws/services/stepfunctions). The data is made up.
"""

import json
from dataclasses import dataclass

# A cause is cut off after so many characters.
LONGEST_CAUSE = 32_768
_TENANT = "123456789012"


@dataclass(frozen=True)
class Row:
    """An error output, and the names under which it may be reported."""

    name: str
    error: str
    # None: there is no cause at all.
    cause: str | None
    # The error of the nested execution, which says more.
    inner: str = ""

    def output(self):
        """What `$states.errorOutput` is."""
        return {"Error": self.error} | ({} if self.cause is None else {"Cause": self.cause})


def _compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def nested(error=None, cause=None, status="FAILED"):
    """The cause of a task whose nested execution has not succeeded."""
    arn = "arn:aws:states:eu-west-1:111122223333"
    described = {
        "ExecutionArn": f"{arn}:execution:dev-teardown-tenant:nested",
        "Input": _compact({"tenant_id": _TENANT, "Cause": "not this", "note": '{"'}),
        "InputDetails": {"Included": True},
        "Name": "nested",
        "StartDate": 1_700_000_000_123,
        "StateMachineArn": f"{arn}:stateMachine:dev-teardown-tenant",
        "Status": status,
        "StopDate": 1_700_000_009_456,
    }
    told = {"Error": error, "Cause": cause}
    return _compact(described | {name: value for name, value in told.items() if value is not None})


def report(message="the tenant still has a database", **more):
    """The cause with which the state machines of this repository fail."""
    left = [{"kind": "database", "identifier": f"{_TENANT}_db", "reason": "in use"}]
    failed = [{"step": "drop-database", "kind": "database", "error": "Transient", "message": message}]
    told = {"step": "drop-database", "removed": [], "leftovers": left, "failures": failed}
    return _compact({"error": "TeardownIncomplete", "message": message, **told, **more})


def task(**more):
    """The cause of a task of ECS whose container has failed."""
    address = {"Name": "privateIPv4Address", "Value": "10.0.0.1"}
    container = {
        "ContainerArn": "arn:aws:ecs:eu-west-1:111122223333:container/dev-cluster/1/2",
        "Cpu": "0",
        "ExitCode": 1,
        "GpuIds": [],
        "Image": "mariadb:11",
        "LastStatus": "STOPPED",
        "ManagedAgents": [],
        "Name": "database",
        "NetworkBindings": [],
        "NetworkInterfaces": [{"AttachmentId": "3", "PrivateIpv4Address": "10.0.0.1"}],
        "TaskArn": "arn:aws:ecs:eu-west-1:111122223333:task/dev-cluster/1",
    }
    overridden = {"Command": ["sh", "-c"], "Environment": [{"Name": "A", "Value": '{"'}], "Name": "database"}
    described = {
        "Attachments": [{"Details": [address], "Id": "3", "Status": "DELETED", "Type": "eni"}],
        "Attributes": [{"Name": "ecs.cpu-architecture", "Value": "x86_64"}],
        "ClusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/dev-cluster",
        "Containers": [container],
        "CreatedAt": 1_700_000_000_123,
        "EnableExecuteCommand": False,
        "EphemeralStorage": {"SizeInGiB": 20},
        "Group": "family:dev-generic-db-init",
        "InferenceAccelerators": [],
        "LastStatus": "STOPPED",
        "LaunchType": "FARGATE",
        "Overrides": {"ContainerOverrides": [overridden], "InferenceAcceleratorOverrides": []},
        "StartedBy": "AWS Step Functions",
        "StopCode": "EssentialContainerExited",
        "StoppedReason": "Essential container in task exited",
        "TaskArn": container["TaskArn"],
        "Version": 5,
    }
    return _compact(described | more)


def _of_a_function(name, message, **more):
    return _compact({"errorMessage": message, "errorType": name, **more})


_REQUEST = "Request ID: 11111111-2222-3333-4444-555555555555; Proxy: null"
_RATE = f"Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; {_REQUEST})"
_DENIED = (
    "User: arn:aws:sts::111122223333:assumed-role/m/n is not authorized to perform: lambda:InvokeFunction on resource: "
    "arn:aws:lambda:eu-west-1:111122223333:function:dev-a because no identity-based policy allows the "
    "lambda:InvokeFunction action (Service: AWSLambda; Status Code: 403; "
    f"Error Code: AccessDeniedException; {_REQUEST})"
)
_NOT_EVALUATED = (
    "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression "
    "'$states.result.Payload.{\"a\": b}' specified for the field 'Output/a' returned nothing (undefined)."
)
_TOO_MUCH = "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."
_NO_PLACE = _compact(
    {"Failures": [{"Arn": "arn:aws:ecs:eu-west-1:1:cluster/c", "Reason": "RESOURCE:CPU"}], "Tasks": []}
)
_TRACE = ['  File "/var/task/handler.py", line 2, in handler\n    raise Exception("\\\\")\n']
_OVERLONG = report('a "quoted" \\ and \u00e9 message, ' * 2000)

ROWS = [
    Row("a function's error", "Transient", _of_a_function("Transient", "no room")),
    Row(
        "a function's error with a trace",
        "Exception",
        _of_a_function("Exception", 'no "room"\n\u2028', requestId="1", stackTrace=_TRACE),
    ),
    Row("a function's error without a message", "AccessDenied", _of_a_function("AccessDenied", "")),
    Row("a function that was killed", "Runtime.ExitError", _of_a_function("Runtime.ExitError", "signal: killed")),
    Row("a function that timed out", "Sandbox.Timedout", _of_a_function("Sandbox.Timedout", "after 60.00 seconds")),
    Row("an invocation that was refused", "Lambda.TooManyRequestsException", _RATE),
    Row("an invocation that is not allowed", "Lambda.AWSLambdaException", _DENIED),
    Row("an unknown error of Lambda", "Lambda.Unknown", 'Lambda did not say why: {"errorMessage":"x"'),
    Row("a time-out", "States.Timeout", ""),
    Row("a time-out without a cause", "States.Timeout", None),
    Row("a heartbeat that did not come", "States.HeartbeatTimeout", ""),
    Row("too much data", "States.DataLimitExceeded", _TOO_MUCH),
    Row("an expression that failed", "States.QueryEvaluationError", _NOT_EVALUATED),
    Row("a container that failed", "States.TaskFailed", task()),
    Row("a container that was not started", "States.TaskFailed", task(Containers=[{"Name": "database"}])),
    Row("a task that found no place", "AmazonECS.Unknown", _NO_PLACE),
    Row(
        "a task that was refused",
        "ECS.ClusterNotFoundException",
        f"Cluster not found. (Service: AmazonECS; {_REQUEST})",
    ),
    Row(
        "a nested execution's report", "States.TaskFailed", nested("TeardownIncomplete", report()), "TeardownIncomplete"
    ),
    Row("a nested execution's text", "States.TaskFailed", nested("Rejected", "{JIRA-1}"), "Rejected"),
    Row("a nested execution without a cause", "States.TaskFailed", nested("Rejected"), "Rejected"),
    Row("a nested execution with an empty cause", "States.TaskFailed", nested("States.Timeout", ""), "States.Timeout"),
    Row("a nested execution that timed out", "States.TaskFailed", nested(status="TIMED_OUT")),
    Row("a nested execution that a person stopped", "States.TaskFailed", nested(status="ABORTED")),
    Row("a nested execution with a reason", "States.TaskFailed", nested("Stopped", "Ada's wish", "ABORTED"), "Stopped"),
    Row("a nested execution that exists", "StepFunctions.ExecutionAlreadyExistsException", "Execution Already Exists"),
    Row("a report that is as long as can be", "States.TaskFailed", _OVERLONG[:LONGEST_CAUSE]),
    Row("a nested report that was cut off", "States.TaskFailed", nested("A", _OVERLONG)[:LONGEST_CAUSE]),
    Row("a text that begins like JSON", "Rejected", "{JIRA-1}"),
    Row("JSON that was cut off", "Transient", '{"errorMessage":"cut o'),
    Row("JSON that is no object", "Rejected", '["a"]'),
    Row("an empty object", "Rejected", "{}"),
    Row("a message that is no text", "Rejected", '{"errorMessage":{"a":1},"message":null}'),
    Row("the longest text", "Rejected", "x" * LONGEST_CAUSE),
    Row("the longest brackets", "Rejected", "[" * LONGEST_CAUSE),
    Row("the longest quotes", "Transient", _of_a_function("Transient", '"' * (LONGEST_CAUSE // 2 - 30))),
    Row("a text of other characters", "Rejected", "\u00e9\U0001f600\u2028\x00\x1b$1\\"),
]
