"""The running stack, whose engine gives the first opinion."""

import json
import os
import time

import boto3

from second_opinion.engine import LONGEST_EXECUTION_SECONDS, Ended, entered

POLL_SECONDS = 0.2


class Stack:
    """The first environment of the stack."""

    def __init__(self):
        if not os.environ.get("AWS_ENDPOINT_URL"):
            # Or it would call the real AWS.
            raise LookupError("AWS_ENDPOINT_URL is not set: run `make second-opinion`, or `make up` and `. .local/env`")
        self._states = boto3.client("stepfunctions")
        self.machines = {
            machine["name"].partition("-")[2]: self._states.describe_state_machine(
                stateMachineArn=machine["stateMachineArn"]
            )
            for page in self._states.get_paginator("list_state_machines").paginate()
            for machine in page["stateMachines"]
        }

    def start(self, machine, request):
        """Start an execution of a state machine, and return its ARN."""
        started = self._states.start_execution(
            stateMachineArn=self.machines[machine]["stateMachineArn"], input=json.dumps(request)
        )
        return started["executionArn"]

    def end(self, execution):
        """Wait for the end of an execution."""
        deadline = time.monotonic() + LONGEST_EXECUTION_SECONDS
        while (described := self._states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{execution} has run for {LONGEST_EXECUTION_SECONDS} s on the stack's engine")
            time.sleep(POLL_SECONDS)
        return Ended(
            described["status"],
            json.loads(described["output"]) if "output" in described else None,
            described.get("error"),
            described.get("cause"),
            self._entered(execution),
        )

    def wait_for_state(self, execution, state):
        """Wait until an execution has come to a state."""
        deadline = time.monotonic() + LONGEST_EXECUTION_SECONDS
        while state not in self._entered(execution):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{execution} has not come to {state} for {LONGEST_EXECUTION_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def stop(self, execution):
        """Abort an execution, as a person does."""
        self._states.stop_execution(executionArn=execution)

    def _entered(self, execution):
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return entered(event for page in pages for event in page["events"])
