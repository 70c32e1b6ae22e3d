"""Removes a tenant that runbook.sh or provision.py has made, completely or in part. Does not wait.

    remove.py TENANT_ID ENVIRONMENT

The service is still draining afterwards, so do not use the id again.
"""

import contextlib
import os
import sys

import boto3
import pymysql
from provision import https_listener, read_administrator


def main(tenant_id, env):
    secrets_manager, efs, logs, ecs, elb = (
        boto3.client(service, region_name=os.environ["AWS_REGION"])
        for service in ("secretsmanager", "efs", "logs", "ecs", "elbv2")
    )
    family, host = f"{env}-{tenant_id}", f"{tenant_id}.{os.environ['DOMAIN']}"

    with contextlib.suppress(
        ecs.exceptions.ServiceNotFoundException,
        ecs.exceptions.ServiceNotActiveException,
    ):
        ecs.delete_service(
            cluster=f"{env}-cluster", service=f"{family}-service", force=True
        )

    # Delete the rules before the target group, which is in use as long as a rule refers to it.
    balancers = elb.describe_load_balancers(Names=[f"{env}-alb"])["LoadBalancers"]
    listener = https_listener(elb, balancers[0]["LoadBalancerArn"])
    for page in elb.get_paginator("describe_rules").paginate(ListenerArn=listener):
        for rule in page["Rules"]:
            if any(
                host in condition.get("Values", []) for condition in rule["Conditions"]
            ):
                elb.delete_rule(RuleArn=rule["RuleArn"])
    with contextlib.suppress(elb.exceptions.TargetGroupNotFoundException):
        for group in elb.describe_target_groups(Names=[f"{family}-tg"])["TargetGroups"]:
            elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])

    revisions = [
        arn
        for page in ecs.get_paginator("list_task_definitions").paginate(
            familyPrefix=family
        )
        for arn in page["taskDefinitionArns"]
        # The list is by prefix, so it may have other families.
        if arn.split("/")[-1].split(":")[0] == family
    ]
    for arn in revisions:
        ecs.deregister_task_definition(taskDefinition=arn)
        ecs.delete_task_definitions(taskDefinitions=[arn])

    for page in efs.get_paginator("describe_access_points").paginate():
        for access_point in page["AccessPoints"]:
            if {"Key": "Name", "Value": f"{family}-ap"} in access_point["Tags"]:
                efs.delete_access_point(AccessPointId=access_point["AccessPointId"])

    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/ecs/{family}")

    with contextlib.suppress(secrets_manager.exceptions.ResourceNotFoundException):
        secrets_manager.delete_secret(
            SecretId=f"{family}-db-credentials", ForceDeleteWithoutRecovery=True
        )

    administrator = read_administrator(secrets_manager, env)
    with pymysql.connect(**administrator) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{tenant_id}_db`")
        cursor.execute(f"DROP USER IF EXISTS '{tenant_id}_user'@'%'")


if __name__ == "__main__":
    main(*sys.argv[1:])
