"""A tenant of an earlier version is moved to the mount of new tenants."""

import pytest

from earlier import made_by_an_earlier_version
from machines import ExecutionFailed

NEW_IMAGE = "wordpress:7.2-apache"


@pytest.fixture
def earlier(account, database, machines, provisioned, tenant):
    """What an earlier version has made of the tenant."""
    made_by_an_earlier_version(account, database, machines.tasks, tenant)
    return provisioned


@pytest.fixture
def health_check(account, tenant):
    """Says which page the load balancer asks the tenant's tasks for."""

    def page():
        [group] = account.client("elbv2").describe_target_groups(Names=[f"dev-{tenant}-tg"])["TargetGroups"]
        return group["HealthCheckPath"]

    return page


@pytest.mark.usefixtures("earlier")
def test_a_tenant_is_moved_to_a_second_access_point(machines, functions, tenant, left, health_check):
    machines.tasks.says = ['tenant-management: {"from":"7.1","to":"7.2","upgraded":true}']
    machines.repeats = True
    moved = machines.run("dev-update-tenant", {"tenant_id": tenant, "image": NEW_IMAGE, "move_content": True})
    assert (moved["status"], moved["current"]["mounts"]) == ("updated", "content")
    assert left()["access-point"] == {f"/wordpress/{tenant}", f"/wordpress/{tenant}/wp-content"}
    assert health_check() != "/wp-admin/install.php"
    assert functions.called.keys() >= machines.functions_of("dev-update-tenant") - {
        "dev-delete-access-point",
        "dev-update-listener-rule",
    }


@pytest.mark.usefixtures("earlier")
def test_a_move_whose_tasks_do_not_stay_alive_leaves_the_tenant_as_it_was(machines, tenant, left, health_check):
    machines.tasks.fatal = {NEW_IMAGE}
    with pytest.raises(ExecutionFailed) as failed:
        machines.run("dev-update-tenant", {"tenant_id": tenant, "image": NEW_IMAGE, "move_content": True})
    assert (failed.value.error, failed.value.report()["rolled_back"]) == ("DeploymentFailed", True)
    assert left()["access-point"] == {f"/wordpress/{tenant}"}
    assert health_check() == "/wp-admin/install.php"
