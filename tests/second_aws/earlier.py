"""A tenant as earlier versions, and the runbook, made it: WordPress itself is on the file system, too."""

import json

from account import ENVIRONMENT

_KEPT_SECRETS = "WORDPRESS_DB_"
_FIELDS_OF_A_SECRET = ("username", "password", "host", "port", "database", "endpoint")


def made_by_an_earlier_version(account, database, tasks, tenant):
    """Make a tenant that was just provisioned what an earlier version would have made."""
    name = f"{ENVIRONMENT}-{tenant}"
    ecs = account.client("ecs")
    now = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    volume = now["volumes"][0]["efsVolumeConfiguration"]
    own = volume["authorizationConfig"]["accessPointId"]
    whole = _access_point_of_the_document_root(account, tenant, volume["fileSystemId"])
    volume["authorizationConfig"]["accessPointId"] = whole
    revision = ecs.register_task_definition(**_with_document_root(now, volume))["taskDefinition"]["taskDefinitionArn"]
    _check_the_installer(account, name)
    ecs.update_service(cluster=f"{ENVIRONMENT}-cluster", service=f"{name}-service", taskDefinition=revision)
    tasks.settle()
    account.client("efs").delete_access_point(AccessPointId=own)
    _forget_the_keys_and_the_administrator(account, name)
    database.forget_the_site(tenant)


def _access_point_of_the_document_root(account, tenant, file_system):
    owner = {"OwnerUid": 33, "OwnerGid": 33, "Permissions": "755"}
    made = account.client("efs").create_access_point(
        ClientToken=f"earlier-{tenant}",
        FileSystemId=file_system,
        PosixUser={"Uid": 33, "Gid": 33},
        RootDirectory={"Path": f"/wordpress/{tenant}", "CreationInfo": owner},
        Tags=[{"Key": "Name", "Value": f"{ENVIRONMENT}-{tenant}-ap"}],
    )
    return made["AccessPointId"]


def _with_document_root(now, volume):
    """The task definition with a container that has no start command, health check and keys."""
    [old] = now["containerDefinitions"]
    mount = {"sourceVolume": "wordpress-files", "containerPath": "/var/www/html"}
    container = {name: old[name] for name in ("name", "image", "essential", "portMappings", "logConfiguration")}
    container["mountPoints"] = [mount]
    container["secrets"] = [secret for secret in old["secrets"] if secret["name"].startswith(_KEPT_SECRETS)]
    kept = ("family", "cpu", "memory", "networkMode", "requiresCompatibilities", "executionRoleArn", "taskRoleArn")
    volumes = [{"name": "wordpress-files", "efsVolumeConfiguration": volume}]
    return {name: now[name] for name in kept} | {"containerDefinitions": [container], "volumes": volumes}


def _check_the_installer(account, name):
    elb = account.client("elbv2")
    [group] = elb.describe_target_groups(Names=[f"{name}-tg"])["TargetGroups"]
    elb.modify_target_group(
        TargetGroupArn=group["TargetGroupArn"],
        HealthCheckPath="/wp-admin/install.php",
        HealthCheckTimeoutSeconds=5,
        Matcher={"HttpCode": "200-399"},
    )


def _forget_the_keys_and_the_administrator(account, name):
    secrets, secret = account.client("secretsmanager"), f"{name}-db-credentials"
    fields = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    kept = {field: fields[field] for field in _FIELDS_OF_A_SECRET if field in fields}
    secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(kept))
    secrets.delete_secret(SecretId=f"{name}-site-credentials", ForceDeleteWithoutRecovery=True)
