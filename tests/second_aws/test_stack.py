"""What the stack does besides a tenant's life: it starts executions, and looks after all tenants."""

import json

import pytest

from account import ROOT

SIGNUP = json.loads((ROOT / "events/start-provisioning.json").read_text())
CANCELLATION = json.loads((ROOT / "events/start-deprovisioning.json").read_text())


@pytest.mark.parametrize(
    ("function", "machine", "event"),
    [
        ("dev-start-provisioning", "dev-provision-tenant", SIGNUP),
        ("dev-start-deprovisioning", "dev-deprovision-tenant", CANCELLATION),
    ],
)
def test_an_event_that_comes_twice_starts_one_execution(functions, machines, function, machine, event):
    first, second = (functions.invoke(function, event) for _ in range(2))
    assert first["execution_arn"] == second["execution_arn"]
    assert machines.started(machine) == [first["execution_arn"]]


def test_the_audit_finds_what_a_tenant_lacks(account, functions, provisioned, tenant):
    def lacking():
        found = functions.invoke("dev-audit-tenants", {"execution": "arn:aws:states:::execution:audit:1"})["partial"]
        return [partial["lacks"] for partial in found if tenant in partial["tenant_ids"]]

    assert lacking() == []
    account.client("logs").delete_log_group(logGroupName=provisioned["log_group"])
    assert lacking() == [["log-group"]]
