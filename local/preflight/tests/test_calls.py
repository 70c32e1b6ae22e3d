"""The preflight only reads, and its policy allows what it calls and nothing else."""

import json
import pathlib
import re

import boto3
import pytest

from preflight import calls, invocation
from support import here, world

ROOT = pathlib.Path(__file__).parents[3]
SOURCES = pathlib.Path(__file__).parents[1] / "preflight"


def test_every_call_reads_or_invokes():
    for service, operation in calls.CALLS:
        reads = re.match("describe_|list_|get_|head_|simulate_", operation)
        assert reads or (service, operation) == ("lambda", "invoke"), (service, operation)


def test_no_call_reads_a_secret():
    refused = {("secretsmanager", "get_secret_value"), ("ssm", "get_parameter"), ("lambda", "get_function")}
    assert not calls.CALLS & refused


def test_every_call_of_the_sources_is_in_the_list_and_every_call_of_the_list_is_made():
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    made = re.findall(r"\.(?:call|all|get)\(\s*\"([a-z0-9-]+)\",\s*\"([a-z_]+)\"", text)
    # The quotas' two operations are in a loop.
    named = {("service-quotas", name) for name in re.findall(r"\"(list_[a-z_]*service_quotas)\"", text)}
    assert set(made) | named == calls.CALLS


def test_a_call_that_is_not_in_the_list_is_refused():
    with pytest.raises(ValueError, match="not in the list"):
        here(world()).aws.call("secretsmanager", "get_secret_value", SecretId="dev-rds-master-credentials")


def test_every_operation_exists():
    for service, operation in calls.CALLS:
        assert hasattr(boto3.client(service, region_name="eu-west-1"), operation), (service, operation)


def test_the_policy_in_the_guide_is_the_one_of_the_list():
    page = (ROOT / "docs/first-day-on-aws.md").read_text()
    (block,) = [block for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "Statement" in block]
    assert json.loads(block) == calls.policy("dev")


def test_functions_are_called_with_inputs_that_change_nothing():
    for payload in invocation.READING.values():
        assert payload.get("tenant_id", invocation.UNUSED_TENANT) == invocation.UNUSED_TENANT
    assert not isinstance(invocation.REFUSED, dict)
    way = here(world()).aws
    for function, payload in (("dev-create-secret", {}), ("dev-purge-files", {"tenant_id": "100000000001"})):
        with pytest.raises(ValueError, match="may not be called"):
            invocation.invoke(way, function, payload)


def test_only_functions_that_read_are_called_with_an_input():
    verbs = ("describe", "generate", "inventory", "list", "locate", "resolve", "tail")
    assert all(name.partition("-")[0] in verbs for name in invocation.READING)
