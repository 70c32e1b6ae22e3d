"""A tenant's life, from the provisioning to the deprovisioning, in another AWS than the local stack's."""

import pytest

from account import DOMAIN
from machines import ExecutionFailed
from remains import everything_of

CHECKLIST = {"owner_notified": True, "data_backup": "not-required", "billing_finalized": True}
NEW_IMAGE = "wordpress:7.2-apache"


def test_a_tenant_that_is_provisioned_has_everything(machines, functions, tenant, left):
    made = machines.run("dev-provision-tenant", {"tenant_id": tenant, "desired_count": 2})
    assert (made["status"], made["url"]) == ("provisioned", f"https://{tenant}.{DOMAIN}")
    assert left() == everything_of(tenant)
    assert functions.called.keys() == machines.functions_of("dev-provision-tenant")


def test_a_step_that_is_called_again_finds_what_it_has_made(machines, tenant, left):
    machines.repeats = True
    machines.run("dev-provision-tenant", {"tenant_id": tenant})
    assert left() == everything_of(tenant)


def test_a_tenant_is_listed_and_described(functions, provisioned, tenant):
    [listed] = [one for one in functions.invoke("dev-list-tenants", {})["tenants"] if one["tenant_id"] == tenant]
    assert (listed["status"], listed["running_count"], listed["lacks"]) == ("active", 1, [])
    described = functions.invoke("dev-describe-tenant", {"tenant_id": tenant})
    assert (described["status"], described["lacks"]) == ("active", [])
    assert described["service"]["arn"] == provisioned["service_arn"]
    assert described["database"]["exists"]
    [target] = described["target_group"]["targets"]
    assert target["state"] == "healthy"
    inventory = functions.invoke("dev-inventory-tenant", {"tenant_id": tenant})
    assert {found["status"] for found in inventory["resources"].values()} == {"present"}


@pytest.mark.usefixtures("provisioned")
def test_nobody_gets_the_id_of_a_tenant_that_exists(machines, tenant, left):
    with pytest.raises(ExecutionFailed) as failed:
        machines.run("dev-provision-tenant", {"tenant_id": tenant})
    assert failed.value.error == "TenantAlreadyExists"
    assert not failed.value.report()["removed"]
    assert left() == everything_of(tenant)


def test_a_tenant_whose_tasks_do_not_stay_alive_leaves_only_its_log(machines, tenant, left):
    machines.tasks.fatal = {NEW_IMAGE}
    with pytest.raises(ExecutionFailed) as failed:
        machines.run("dev-provision-tenant", {"tenant_id": tenant, "image": NEW_IMAGE})
    assert failed.value.error == "DeploymentFailed"
    assert failed.value.report()["rolled_back"]
    assert left() == {"log-group": {f"/ecs/dev-{tenant}"}}


@pytest.mark.usefixtures("provisioned")
def test_an_update_runs_a_new_revision_and_upgrades_the_database(account, machines, functions, tenant, left):
    machines.tasks.says = ['tenant-management: {"from":"7.1","to":"7.2","upgraded":true}']
    updated = machines.run("dev-update-tenant", {"tenant_id": tenant, "image": NEW_IMAGE, "desired_count": 3})
    assert (updated["status"], updated["changes"]) == ("updated", ["image", "desired_count"])
    assert (updated["wordpress_version"], updated["database_upgraded"]) == ("7.2", True)
    assert left()["task-definition"] == {f"dev-{tenant}:1", f"dev-{tenant}:2", f"dev-{tenant}-job:1"}
    described = account.client("ecs").describe_services(cluster="dev-cluster", services=[f"dev-{tenant}-service"])
    [service] = described["services"]
    assert service["taskDefinition"].endswith(f"/dev-{tenant}:2")
    [event] = functions.invoke("dev-tail-tenant-logs", {"tenant_id": tenant})["events"]
    assert event["message"] == machines.tasks.says[0]


@pytest.mark.usefixtures("provisioned")
def test_an_update_whose_tasks_do_not_stay_alive_goes_back(machines, functions, tenant):
    machines.tasks.fatal = {NEW_IMAGE}
    with pytest.raises(ExecutionFailed) as failed:
        machines.run("dev-update-tenant", {"tenant_id": tenant, "image": NEW_IMAGE})
    assert (failed.value.error, failed.value.report()["rolled_back"]) == ("DeploymentFailed", True)
    described = functions.invoke("dev-describe-tenant", {"tenant_id": tenant})
    assert described["status"] == "active"
    assert described["task_definition"]["revision"] == 1


@pytest.mark.usefixtures("provisioned")
def test_a_tenant_is_suspended_and_comes_back(machines, functions, tenant):
    def status():
        return functions.invoke("dev-describe-tenant", {"tenant_id": tenant})["status"]

    machines.run("dev-update-tenant", {"tenant_id": tenant, "suspended": True})
    assert status() == "suspended"
    machines.run("dev-update-tenant", {"tenant_id": tenant, "suspended": False})
    assert status() == "active"


def test_a_deprovisioning_removes_everything_but_the_files(machines, functions, provisioned, tenant, left, files):
    machines.tasks.says = ['tenant-management: {"from":"7.1","to":"7.2","upgraded":true}']
    machines.run("dev-update-tenant", {"tenant_id": tenant, "image": NEW_IMAGE})
    functions.called.clear()
    request = {"tenant_id": tenant, "checklist": CHECKLIST, "approved_by": "Ada", "force_delete_secret": True}
    done = machines.run("dev-deprovision-tenant", request)
    assert (done["status"], done["leftovers"]) == ("deprovisioned", [])
    assert provisioned["service_arn"] in done["removed"]
    assert left() == {}
    assert functions.called.keys() >= machines.functions_of("dev-teardown-tenant")
    assert (files / tenant).is_dir()
    request["purge_files"] = True
    assert machines.run("dev-deprovision-tenant", request)["status"] == "deprovisioned"
    assert not (files / tenant).exists()
    inventory = functions.invoke("dev-inventory-tenant", {"tenant_id": tenant})
    assert {found["status"] for found in inventory["resources"].values()} == {"absent"}


@pytest.mark.usefixtures("provisioned")
def test_each_deletion_can_be_repeated(machines, tenant, left):
    machines.repeats = True
    machines.run("dev-teardown-tenant", {"tenant_id": tenant, "confirmation": tenant})
    # The secret can be recovered for some time.
    assert left() == {"secret": {f"dev-{tenant}-db-credentials", f"dev-{tenant}-site-credentials"}}
