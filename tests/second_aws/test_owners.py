"""What one execution has made, no other one takes, changes or removes."""

import pytest

from account import NUMBER, REGION
from functions import FunctionFailed
from machines import ExecutionFailed
from remains import everything_of

OTHER = f"arn:aws:states:{REGION}:{NUMBER}:execution:dev-provision-tenant:another"
# Route 53 lets a second weighted record join the first, so nothing but the inventory finds that the name is taken.
JOINING_OR_READING = ("dev-create-dns-record", "dev-inventory-tenant")
REFUSALS = ("ResourceConflict", "TenantAlreadyExists")


@pytest.mark.usefixtures("provisioned")
def test_no_step_takes_what_another_execution_has_made(functions, tenant, left):
    making = {name: payload for name, payload in functions.called.items() if "owner" in payload}
    for name in JOINING_OR_READING:
        del making[name]
    for name, payload in making.items():
        with pytest.raises(FunctionFailed) as failed:
            functions.invoke(name, payload | {"owner": OTHER})
        assert failed.value.error in REFUSALS, f"{name}: {failed.value}"
    assert left() == everything_of(tenant)


@pytest.mark.usefixtures("provisioned")
def test_a_rollback_removes_nothing_that_another_execution_has_made(machines, tenant, left):
    removed = machines.run("dev-teardown-tenant", {"tenant_id": tenant, "owner": OTHER})["removed"]
    assert removed == []
    assert left() == everything_of(tenant)


def test_what_a_person_has_made_under_a_tenants_name_stays(account, machines, tenant, left):
    account.client("logs").create_log_group(logGroupName=f"/ecs/dev-{tenant}")
    with pytest.raises(ExecutionFailed) as failed:
        machines.run("dev-provision-tenant", {"tenant_id": tenant})
    assert failed.value.error == "TenantAlreadyExists"
    assert left() == {"log-group": {f"/ecs/dev-{tenant}"}}
