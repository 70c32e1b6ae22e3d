"""The running stack, from the variables that `.local/env` sets."""

import json
import os
import time
from pathlib import Path

import boto3

LONGEST_EXECUTION_SECONDS = 180
POLL_SECONDS = 0.2


def variable(name):
    """Return the value of a variable of `.local/env`."""
    if value := os.environ.get(name):
        return value
    raise LookupError(f"{name} is not set: run `make browser`, or `make up` and `. .local/env`")


def log_directory():
    """Return the directory of the stack's logs."""
    root = Path(__file__).parents[2]
    return root / os.environ.get("LOCAL_DIR", ".local") / "log"


class Stack:
    """The first environment of the stack."""

    def __init__(self):
        # Checked first, so that a test without a stack fails with a clear message, and calls nothing on the real AWS.
        variable("AWS_ENDPOINT_URL")
        self.domain = variable("DOMAIN")
        self.sites_address = variable("SITES_ADDRESS")
        self.sites_authority = variable("SITES_CA")
        self._state_machines = boto3.client("stepfunctions")
        self._secrets = boto3.client("secretsmanager")

    def run(self, name, **request):
        """Run a state machine to its end, which must be success; return its result."""
        started = self._state_machines.start_execution(
            stateMachineArn=self._state_machine(name), input=json.dumps(request)
        )
        ended = self._end_of(started["executionArn"])
        assert ended["status"] == "SUCCEEDED", f"{name}: {ended['status']} {ended.get('error')} {ended.get('cause')}"
        return json.loads(ended["output"])

    def secret(self, arn):
        """Return the fields of a secret."""
        return json.loads(self._secrets.get_secret_value(SecretId=arn)["SecretString"])

    def _end_of(self, execution):
        deadline = time.monotonic() + LONGEST_EXECUTION_SECONDS
        while True:
            described = self._state_machines.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            assert time.monotonic() < deadline, f"{execution} has run for {LONGEST_EXECUTION_SECONDS} s"
            time.sleep(POLL_SECONDS)

    def _state_machine(self, name):
        # Each environment has its own account, so there is one machine of this name, after the environment's.
        pages = self._state_machines.get_paginator("list_state_machines").paginate()
        machines = [machine for page in pages for machine in page["stateMachines"]]
        [arn] = [machine["stateMachineArn"] for machine in machines if machine["name"].partition("-")[2] == name]
        return arn
