"""A second engine of Step Functions: the one of LocalStack's last community release, in this process.

It interprets the deployed definitions. The functions, the tasks and the objects that a state machine uses are those of
the running stack. A state machine that a state starts runs on the second engine, too.
"""

import dataclasses
import datetime
import json
import threading
import uuid

import boto3

from second_opinion import replaced

replaced.before_it_is_imported()

from localstack.aws.api.stepfunctions import ExecutionStatus, StateMachineType  # noqa: E402
from localstack.services.stepfunctions.asl.eval import evaluation_details as details  # noqa: E402
from localstack.services.stepfunctions.asl.eval.program_state import (  # noqa: E402
    ProgramEnded,
    ProgramError,
    ProgramStopped,
    ProgramTimedOut,
)
from localstack.services.stepfunctions.asl.parse.asl_parser import AmazonStateLanguageParser  # noqa: E402
from localstack.services.stepfunctions.backend.execution_worker import ExecutionWorker  # noqa: E402
from localstack.services.stepfunctions.backend.execution_worker_comm import ExecutionWorkerCommunication  # noqa: E402

LONGEST_EXECUTION_SECONDS = 180


@dataclasses.dataclass
class Ended:
    """How an execution has ended, on whichever engine."""

    status: str
    output: object = None
    error: str | None = None
    cause: str | None = None
    states: frozenset = frozenset()


def entered(history):
    """Return the names of the states that an execution has come to."""
    return frozenset(
        event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event
    )


class Execution(ExecutionWorkerCommunication):
    """One execution of a state machine."""

    def __init__(self, machine, name, input_text):
        self.arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"
        self.input_text = input_text
        self._machine = machine
        self._name = name
        self._started = datetime.datetime.now(datetime.UTC)
        self._over = threading.Event()
        _, _, _, region, account, *_ = machine["stateMachineArn"].split(":")
        role = machine["roleArn"]
        self._worker = ExecutionWorker(
            details.EvaluationDetails(
                details.AWSExecutionDetails(account, region, role),
                details.ExecutionDetails(
                    self.arn, name, role, json.loads(input_text), f"{self._started:%Y-%m-%dT%H:%M:%S.000Z}"
                ),
                details.StateMachineDetails(
                    machine["stateMachineArn"], machine["name"], StateMachineType.STANDARD, machine["definition"]
                ),
            ),
            exec_comm=self,
            cloud_watch_logging_session=None,
            activity_store={},
        )
        self._worker.start()

    def terminated(self):
        """Told by the worker at the end."""
        self._over.set()

    def end(self):
        """Wait for the end."""
        if not self._over.wait(LONGEST_EXECUTION_SECONDS):
            raise TimeoutError(f"{self.arn} has run for {LONGEST_EXECUTION_SECONDS} s on the second engine")
        environment = self._worker.env
        ended = Ended(ExecutionStatus.SUCCEEDED, states=self._entered())
        match environment.program_state():
            case ProgramEnded():
                ended.output = environment.states.get_input()
            case ProgramError(error=error):
                ended.status, ended.error, ended.cause = ExecutionStatus.FAILED, error.get("error"), error.get("cause")
            case ProgramStopped():
                ended.status = ExecutionStatus.ABORTED
            case ProgramTimedOut():
                ended.status = ExecutionStatus.TIMED_OUT
        return ended

    def described(self):
        """What DescribeExecution answers."""
        answer = {
            "executionArn": self.arn,
            "stateMachineArn": self._machine["stateMachineArn"],
            "name": self._name,
            "status": ExecutionStatus.RUNNING,
            "startDate": self._started,
            "input": self.input_text,
        }
        if self._over.is_set():
            ended = self.end()
            answer |= {"status": ended.status, "stopDate": datetime.datetime.now(datetime.UTC)}
            if ended.status == ExecutionStatus.SUCCEEDED:
                answer["output"] = json.dumps(ended.output)
            answer |= {key: value for key in ("error", "cause") if (value := getattr(ended, key)) is not None}
        return answer

    def _entered(self):
        return entered(self._worker.env.event_manager.get_event_history())


class SecondEngine:
    """Runs the state machines of a stack."""

    def __init__(self, machines):
        """Take the answers of DescribeStateMachine, by the machines' names."""
        self._machines = {
            machine["stateMachineArn"]: machine | {"definition": replaced.understood(machine["definition"])}
            for machine in machines.values()
        }
        self._executions = {}
        replaced.clients(self._client)

    def parse(self, machine):
        """Read a definition, as CreateStateMachine does. What the grammar does not allow is an exception."""
        AmazonStateLanguageParser.parse(self._machines[machine["stateMachineArn"]]["definition"])

    def start(self, machine, request):
        """Start an execution."""
        return self._start(machine["stateMachineArn"], str(uuid.uuid4()), json.dumps(request))

    def _start(self, arn, name, input_text):
        execution = Execution(self._machines[arn], name, input_text)
        self._executions[execution.arn] = execution
        return execution

    def _client(self, service, region, **_):
        # A state machine that a state starts runs here; all else is the stack's.
        return self if service == "stepfunctions" else boto3.client(service, region_name=region)

    # What a state of the type `states:startExecution` calls, as boto3's client has it.

    def start_execution(self, stateMachineArn, input, name=None):  # noqa: A002, N803, the API's own names
        """Start an execution, as StartExecution does."""
        execution = self._start(stateMachineArn, name or str(uuid.uuid4()), input)
        return {"executionArn": execution.arn, "startDate": execution.described()["startDate"]}

    def describe_execution(self, executionArn):  # noqa: N803
        """Describe an execution, as DescribeExecution does."""
        return self._executions[executionArn].described()
