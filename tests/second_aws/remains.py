"""What an account and a database server have of a tenant, as AWS and MySQL themselves say it."""

from account import DOMAIN, ENVIRONMENT


def everything_of(tenant):
    """What a tenant has that was provisioned and not changed."""
    name, host = f"{ENVIRONMENT}-{tenant}", f"{tenant}.{DOMAIN}"
    return {
        "access-point": {f"/wordpress/{tenant}/wp-content"},
        "database": {f"{tenant}_db", f"{tenant}_user"},
        "dns-record": {host},
        "listener-rule": {host},
        "log-group": {f"/ecs/{name}"},
        "secret": {f"{name}-db-credentials", f"{name}-site-credentials"},
        "service": {f"{name}-service"},
        "target-group": {f"{name}-tg"},
        "task-definition": {f"{name}:1"},
        "task-role": {f"{name}-task"},
    }


def of_tenant(account, database, tenant):
    """The identifiers of the tenant's resources, by their kinds. Kinds that it does not have are left out."""
    name = f"{ENVIRONMENT}-{tenant}"
    found = {
        "access-point": _access_points(account, tenant),
        "database": database.names_of(tenant),
        "dns-record": _records(account, tenant),
        "listener-rule": _rules(account, tenant),
        "log-group": {
            group["logGroupName"]
            for group in account.client("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/{name}")["logGroups"]
        },
        "secret": {
            secret["Name"]
            for secret in account.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]
            if tenant in secret["Name"]
        },
        "service": _services(account, name),
        "target-group": {
            group["TargetGroupName"]
            for group in account.client("elbv2").describe_target_groups()["TargetGroups"]
            if tenant in group["TargetGroupName"]
        },
        "task-definition": {
            arn.rpartition("/")[2]
            for status in ("ACTIVE", "INACTIVE")
            for arn in account.client("ecs").list_task_definitions(status=status)["taskDefinitionArns"]
            if tenant in arn
        },
        "task-role": {
            role["RoleName"] for role in account.client("iam").list_roles()["Roles"] if tenant in role["RoleName"]
        },
    }
    return {kind: identifiers for kind, identifiers in found.items() if identifiers}


def _access_points(account, tenant):
    points = account.client("efs").describe_access_points()["AccessPoints"]
    return {point["RootDirectory"]["Path"] for point in points if tenant in point["RootDirectory"]["Path"]}


def _records(account, tenant):
    records = account.client("route53").list_resource_record_sets(HostedZoneId=account.hosted_zone_id)
    return {record["Name"].rstrip(".") for record in records["ResourceRecordSets"] if tenant in record["Name"]}


def _rules(account, tenant):
    """The hosts of the rules of every listener."""
    elb = account.client("elbv2")
    hosts = set()
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                for condition in rule["Conditions"]:
                    hosts |= set(condition.get("HostHeaderConfig", {}).get("Values", []))
    return {host for host in hosts if host == f"{tenant}.{DOMAIN}"}


def _services(account, name):
    """The services that run, or can run: ECS still shows those that were deleted."""
    answer = account.client("ecs").describe_services(cluster=f"{ENVIRONMENT}-cluster", services=[f"{name}-service"])
    return {service["serviceName"] for service in answer["services"] if service["status"] != "INACTIVE"}
