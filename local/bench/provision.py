"""The runbook's section 1, "create a tenant", in one process: the same calls as runbook.sh, in the same order.

    provision.py TENANT_ID ENVIRONMENT

Arguments, environment variables and output are those of runbook.sh. Its comments say why calls differ from the runbook.
"""

import base64
import json
import os
import random
import secrets
import sys

import boto3
import pymysql


def main(tenant_id, env):
    region, domain = os.environ["AWS_REGION"], os.environ["DOMAIN"]
    secrets_manager, efs, sts, logs, ecs, ec2, elb = (
        boto3.client(service, region_name=region)
        for service in ("secretsmanager", "efs", "sts", "logs", "ecs", "ec2", "elbv2")
    )

    # 1.2 Create database and user
    administrator = read_administrator(secrets_manager, env)
    host, port = administrator["host"], administrator["port"]
    password = base64.b64encode(secrets.token_bytes(24)).decode()
    with pymysql.connect(**administrator) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{tenant_id}_db`")
        cursor.execute(
            f"CREATE USER IF NOT EXISTS '{tenant_id}_user'@'%' IDENTIFIED BY '{password}'"
        )
        cursor.execute(
            rf"GRANT ALL PRIVILEGES ON `{tenant_id}\_db`.* TO '{tenant_id}_user'@'%'"
        )
        cursor.execute("FLUSH PRIVILEGES")

    # 1.3 Create Secrets Manager secret
    credentials = {
        "username": f"{tenant_id}_user",
        "password": password,
        "host": host,
        "port": port,
        "database": f"{tenant_id}_db",
    }
    secret_arn = secrets_manager.create_secret(
        Name=f"{env}-{tenant_id}-db-credentials", SecretString=json.dumps(credentials)
    )["ARN"]

    # 1.4 Create EFS access point
    file_systems = efs.describe_file_systems()["FileSystems"]
    efs_id = next(
        system["FileSystemId"]
        for system in file_systems
        if env in system.get("Name", "")
    )
    access_point_id = efs.create_access_point(
        FileSystemId=efs_id,
        PosixUser={"Uid": 33, "Gid": 33},
        RootDirectory={
            "Path": f"/wordpress/{tenant_id}",
            "CreationInfo": {"OwnerUid": 33, "OwnerGid": 33, "Permissions": "755"},
        },
        Tags=[{"Key": "Name", "Value": f"{env}-{tenant_id}-ap"}],
    )["AccessPointId"]

    # 1.5 Register task definition
    logs.create_log_group(logGroupName=f"/ecs/{env}-{tenant_id}")

    def role(name):
        # One call for each role, as in the runbook.
        return f"arn:aws:iam::{sts.get_caller_identity()['Account']}:role/{env}-{name}"

    ecs.register_task_definition(
        family=f"{env}-{tenant_id}",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=role("ecs-task-execution-role"),
        taskRoleArn=role("ecs-task-role"),
        volumes=[
            {
                "name": "wordpress-files",
                "efsVolumeConfiguration": {
                    "fileSystemId": efs_id,
                    "transitEncryption": "ENABLED",
                    "authorizationConfig": {
                        "accessPointId": access_point_id,
                        "iam": "ENABLED",
                    },
                },
            }
        ],
        containerDefinitions=[
            {
                "name": "wordpress",
                "image": "your-ecr-repo/wordpress:latest",
                "essential": True,
                "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
                "mountPoints": [
                    {
                        "sourceVolume": "wordpress-files",
                        "containerPath": "/var/www/html",
                    }
                ],
                "environment": [
                    {"name": "WORDPRESS_DB_HOST", "value": f"{host}:{port}"}
                ],
                "secrets": [
                    {
                        "name": "WORDPRESS_DB_USER",
                        "valueFrom": f"{secret_arn}:username::",
                    },
                    {
                        "name": "WORDPRESS_DB_PASSWORD",
                        "valueFrom": f"{secret_arn}:password::",
                    },
                    {
                        "name": "WORDPRESS_DB_NAME",
                        "valueFrom": f"{secret_arn}:database::",
                    },
                ],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": f"/ecs/{env}-{tenant_id}",
                        "awslogs-region": region,
                        "awslogs-stream-prefix": "wordpress",
                    },
                },
            }
        ],
    )

    # 1.6 Create ALB target group
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"*{env}*"]}])[
        "Vpcs"
    ]
    vpc_id = vpcs[0]["VpcId"]
    elb.create_target_group(
        Name=f"{env}-{tenant_id}-tg",
        Protocol="HTTP",
        Port=80,
        VpcId=vpc_id,
        TargetType="ip",
        HealthCheckPath="/wp-admin/install.php",
        HealthCheckIntervalSeconds=30,
    )

    # 1.7 Create ALB listener rule
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    balancer_arn = next(
        balancer["LoadBalancerArn"]
        for balancer in balancers
        if env in balancer["LoadBalancerName"]
    )
    listener_arn = https_listener(elb, balancer_arn)
    groups = elb.describe_target_groups(Names=[f"{env}-{tenant_id}-tg"])["TargetGroups"]
    target_group_arn = groups[0]["TargetGroupArn"]
    elb.create_rule(
        ListenerArn=listener_arn,
        Conditions=[{"Field": "host-header", "Values": [f"{tenant_id}.{domain}"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group_arn}],
        Priority=random.randint(1, 50_000),
    )

    # 1.8 Create ECS service
    in_vpc = {"Name": "vpc-id", "Values": [vpc_id]}
    subnets = ec2.describe_subnets(
        Filters=[in_vpc, {"Name": "tag:Name", "Values": ["*private*"]}]
    )["Subnets"]
    security_groups = ec2.describe_security_groups(Filters=[in_vpc])["SecurityGroups"]
    security_group_id = next(
        group["GroupId"] for group in security_groups if "ecs" in group["GroupName"]
    )
    cluster, service = f"{env}-cluster", f"{env}-{tenant_id}-service"
    ecs.create_service(
        cluster=cluster,
        serviceName=service,
        taskDefinition=f"{env}-{tenant_id}",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": [subnet["SubnetId"] for subnet in subnets],
                "securityGroups": [security_group_id],
                "assignPublicIp": "DISABLED",
            }
        },
        loadBalancers=[
            {
                "targetGroupArn": target_group_arn,
                "containerName": "wordpress",
                "containerPort": 80,
            }
        ],
    )
    ecs.get_waiter("services_stable").wait(cluster=cluster, services=[service])

    print(f"https://{tenant_id}.{domain}")


def read_administrator(secrets_manager, env):
    """The arguments for a connection to the database server as its administrator."""
    secret = secrets_manager.get_secret_value(SecretId=f"{env}-rds-master-credentials")[
        "SecretString"
    ]
    fields = json.loads(secret)
    host, _, port = fields["host"].partition(":")
    return {
        "host": host,
        "port": int(port or 3306),
        "user": fields["username"],
        "password": fields["password"],
    }


def https_listener(elb, balancer_arn):
    """The HTTPS listener, which has the tenants' rules."""
    listeners = elb.describe_listeners(LoadBalancerArn=balancer_arn)["Listeners"]
    return next(
        listener["ListenerArn"] for listener in listeners if listener["Port"] == 443
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
