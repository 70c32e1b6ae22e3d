"""The largest inputs of the state machines, and the largest answers of the functions that they call.

The lengths are those that the functions' code allows. Texts that people write have characters of four bytes.
"""

WIDE = "\U0001f9c0"
TENANT = "123456789012"
# An ARN that is an owner has at most 256 characters; those of tenants' resources are shorter.
ARN = "arn:aws:states:ap-southeast-1:123456789012:execution:prod-" + "x" * 198
IDENTIFIER = ARN[:200]

KINDS = [
    "service",
    "dns-record",
    "listener-rule",
    "target-group",
    "task-definition",
    "task-role",
    "access-point",
    "files",
    "database",
    "log-group",
    "site-credentials",
    "secret",
]
# An update keeps ten revisions, and jobs have a family of their own. Others have made a few of each kind at most.
MOST_OF_A_KIND = {"task-definition": 25, "access-point": 10}

_found = {"identifier": IDENTIFIER, "owner": ARN, "going": False, "detail": "x" * 200}
_state = {
    "task_definition_arn": IDENTIFIER,
    "image": "x" * 255,
    "cpu": 16384,
    "memory": 122880,
    "desired_count": 50,
    "resume_count": 50,
    "shows": "site",
    "mounts": "document-root",
    "grace_seconds": 300,
}
# 16,384 bytes in 30 variables. A quotation mark has a backslash in JSON.
_variables = {f"VARIABLE_{number:02}": '"' * 535 for number in range(30)}
_site = {"title": WIDE * 200, "admin_user": "x" * 60, "admin_email": "x" * 100, "locale": "de_DE_formal"}
_checklist = {"owner_notified": True, "data_backup": "not-required", "billing_finalized": True}
_deletion = {
    "environment": "prod",
    "checklist": _checklist,
    "approved_by": WIDE * 256,
    "force_delete_secret": True,
    "secret_recovery_days": 30,
    "keep_log_group": True,
    "purge_files": True,
}
_provision = {
    "tenant_id": TENANT,
    "signup_id": "x" * 64,
    "event_id": "x" * 64,
    "image": "x" * 255,
    "cpu": 16384,
    "memory": 122880,
    "desired_count": 50,
    "site": _site,
    "environment_variables": _variables,
}
_room = {"used": 10000, "limit": 10000}

INPUTS = {
    "audit-tenants": {},
    "conclude-execution": {"execution_arn": ARN},
    "deprovision-tenant": {"tenant_id": TENANT, "confirmation": TENANT, **_deletion},
    "deprovision-tenant-everywhere": {
        "tenant_id": TENANT,
        "environments": ["dev", "sit", "prod"],
        "confirmation": TENANT,
        **_deletion,
    },
    "deprovision-tenants": {
        "tenant_ids": [{"tenant_id": f"{number:012}", "confirmation": f"{number:012}"} for number in range(200)],
        **_deletion,
    },
    "provision-tenant": {"environment": "prod", **_provision},
    "run-database-task": {"action": "create", "tenant_id": TENANT, "environment": "prod", "owner": ARN},
    "run-tenant-job": {
        "tenant_id": TENANT,
        "environment": "prod",
        "job": "upgrade-database",
        "lock_owner": ARN,
    },
    "teardown-tenant": {
        "tenant_id": TENANT,
        "environment": "prod",
        "owner": ARN,
        "force_delete_secret": True,
        "secret_recovery_days": 30,
        "keep_log_group": True,
    },
    "update-tenant": {
        "tenant_id": TENANT,
        "environment": "prod",
        "image": "x" * 255,
        "cpu": 16384,
        "memory": 122880,
        "desired_count": 50,
        "move_content": True,
        "table_prefix": "x" * 32,
    },
}

# A task as ECS describes it. Its overrides have at most 8,192 characters.
_containers = [
    {
        "ContainerArn": IDENTIFIER,
        "ExitCode": 1,
        "Image": "x" * 255,
        "Name": "wordpress",
        "NetworkInterfaces": [{"AttachmentId": "x" * 36, "PrivateIpv4Address": "10.0.0.1"}],
        "Reason": "x" * 255,
        "TaskArn": IDENTIFIER,
    }
] * 5
TASK = {
    "Attachments": [{"Details": [{"Name": "subnetId", "Value": "subnet-0123456789abcdef0"}] * 10, "Id": "x" * 36}],
    "Containers": _containers,
    "Overrides": {"ContainerOverrides": [{"Command": ["x" * 8000], "Environment": []}]},
    "StoppedReason": "x" * 1000,
    "TaskArn": IDENTIFIER,
    "TaskDefinitionArn": IDENTIFIER,
}


def _removal(kind):
    many = MOST_OF_A_KIND.get(kind, 2)
    left = [{"identifier": IDENTIFIER, "reason": f"made by {ARN}"}] * many
    return {"kind": kind, "removed": [IDENTIFIER] * many, "kept": left}


def _inventory(request):
    leftovers = [{"kind": kind, "identifier": IDENTIFIER} for kind in KINDS] if "leftovers" in request else []
    return {
        "tenant_id": TENANT,
        "environment": "prod",
        "exists": True,
        "resources": {
            kind: {"status": "present", "found": [_found] * MOST_OF_A_KIND.get(kind, 2)}
            for kind in (name.replace("-", "_") for name in KINDS)
        },
        "leftovers": leftovers,
        "foreign": [],
    }


_listener = {
    "listener_arn": IDENTIFIER,
    "scheme": "https",
    "load_balancer": {"dns_name": "x" * 100, "hosted_zone_id": "Z" * 32},
    "listener_rules": _room,
    "target_groups": _room,
}

# What functions answer. A function whose answer depends on its payload is called with it.
ANSWERS = {
    "announce-execution": {"event_id": "x" * 36},
    # A test of the function's keeps its answer below this.
    "audit-tenants": {"partial": "x" * (240 << 10)},
    "begin-update": {
        "tenant_id": TENANT,
        "environment": "prod",
        "previous": _state,
        "wanted": {**_state, "shows": "suspension-page"},
        "changes": list(_state),
        "force_new_deployment": True,
        "allow_downgrade": True,
        "upgrades_database": True,
        "move": {
            "file_system_id": IDENTIFIER,
            "scheme": "https",
            "table_prefix": "x" * 32,
            "health_checks": {"path": "/" + "x" * 1023, "matcher": "x" * 200, "interval": 300, "timeout": 120},
        },
    },
    "check-deletion-everywhere": {
        "tenant_id": TENANT,
        "approved_by": WIDE * 256,
        "peers": [
            {"environment": name, "request": {**INPUTS["deprovision-tenant"], "environment": name}}
            for name in ["dev", "sit", "prod"]
        ],
    },
    "check-deletion-request": {
        "tenant_id": TENANT,
        "environment": "prod",
        "approved_by": WIDE * 256,
        "purge_files": True,
        "teardown": {
            "tenant_id": TENANT,
            "environment": "prod",
            "force_delete_secret": True,
            "secret_recovery_days": 30,
            "keep_log_group": True,
        },
    },
    "check-deletions": {
        "tenants": 10000,
        "duplicates": 10000,
        "list": {"bucket": "x" * 63, "key": "x" * 1024},
        "results": {"bucket": "x" * 63, "prefix": "x" * 1024},
    },
    "check-peer-execution": lambda peer: {
        "ended": True,
        "result": {
            "environment": peer["environment"],
            "account": TENANT,
            "region": "ap-southeast-1",
            "execution_arn": ARN,
            "status": "failed",
            "error": "TeardownIncomplete",
            "message": WIDE * 1000,
            "removed": [IDENTIFIER] * 50,
            "kept": [{"kind": "target-group", "identifier": IDENTIFIER, "reason": WIDE * 200}] * 15,
            "leftovers": [{"kind": kind, "identifier": IDENTIFIER, "reason": WIDE * 200} for kind in KINDS],
        },
    },
    "check-service-deployment": {
        "steady": True,
        "running_count": 50,
        "desired_count": 50,
        "reasons": [WIDE * 1000] * 5,
    },
    "complete-secret": {"secret_arn": IDENTIFIER},
    "create-access-point": {
        "file_system_id": IDENTIFIER,
        "access_point_id": IDENTIFIER,
        "access_point_arn": IDENTIFIER,
    },
    "create-database": {"database": "x" * 64, "database_user": "x" * 64},
    "create-dns-record": {"dns_record": "x" * 255},
    "create-files": {"files_directory": "x" * 200},
    "create-listener-rule": {
        "host": "x" * 255,
        "listener_rule_arn": IDENTIFIER,
        "listener_arn": IDENTIFIER,
        "priority": 50000,
        "load_balancer": {"dns_name": "x" * 100, "hosted_zone_id": "Z" * 32},
    },
    "create-log-group": {"log_group": "x" * 512},
    "create-secret": {"secret_name": "x" * 512, "secret_arn": IDENTIFIER},
    "create-service": {"service": "x" * 255, "service_arn": IDENTIFIER},
    "create-site-credentials": {"admin_secret": "x" * 512, "admin_secret_arn": IDENTIFIER},
    "create-task-role": {"task_role_arn": IDENTIFIER},
    "create-target-group": {"target_group": "x" * 32, "target_group_arn": IDENTIFIER},
    "delete-task-role": _removal("task-role"),
    "delete-access-point": _removal("access-point"),
    "delete-dns-record": _removal("dns-record"),
    "delete-files": _removal("files"),
    "delete-listener-rule": _removal("listener-rule"),
    "delete-log-group": _removal("log-group"),
    "delete-secret": _removal("secret"),
    "delete-service": _removal("service"),
    "delete-site-credentials": _removal("site-credentials"),
    "delete-target-group": _removal("target-group"),
    "deregister-task-definitions": _removal("task-definition"),
    "drop-database": _removal("database"),
    "end-update": {"released": True},
    "generate-tenant-id": {"tenant_id": TENANT, "generated": False},
    "inventory-tenant": _inventory,
    "prepare-database-task": {
        "Cluster": IDENTIFIER,
        "Overrides": {"Command": "x" * 8192},
        "Subnets": [IDENTIFIER] * 16,
    },
    "prepare-tenant-job": {"Cluster": IDENTIFIER, "Overrides": {"Command": "x" * 8192}, "Subnets": [IDENTIFIER] * 16},
    # It deregisters at most 50 revisions at a time.
    "prune-task-definitions": {"deregistered": [IDENTIFIER] * 50},
    "purge-files": {"removed": True, "directory": "x" * 200},
    "purge-quarantine": {"purged": 1000000},
    "read-database-task": lambda request: {
        "created" if request["request"]["action"] == "create" else "removed": {
            "created": {"database": "x" * 64, "database_user": "x" * 64},
            "removed": _removal("database"),
        }["created" if request["request"]["action"] == "create" else "removed"]
    },
    "read-execution": {
        "detail_type": "TenantProvisioningFailed",
        "detail": {
            "tenant_id": TENANT,
            "environment": "prod",
            "signup_id": "x" * 64,
            "execution_arn": ARN,
            "status": "FAILED",
            "started_at": "2026-11-28T20:00:00.000Z",
            "stopped_at": "2026-11-28T20:00:01.000Z",
            "duration_seconds": 1.5,
            "changes": list(_state),
            "previous": _state,
            "current": _state,
            "error": "x" * 256,
            "message": WIDE * 2000,
            "step": "x" * 80,
            "rolled_back": False,
            "leftovers": [{"kind": "target-group", "identifier": IDENTIFIER, "reason": WIDE * 500}] * 50,
        },
        "clean_up": {"tenant_id": TENANT, "owner": ARN, "quiet_seconds": 1},
    },
    "read-tenant-job": {
        "done": {
            "job": "upgrade-database",
            "database": {"from": "x" * 100, "to": "x" * 100, "upgraded": True},
        }
    },
    "register-task-definition": {"task_definition_arn": IDENTIFIER},
    # A test of the function's keeps its answer below this.
    "report-audit": {"incomplete": "x" * (128 << 10)},
    "report-deletions": {
        "totals": {"tenants": 10000, "deprovisioned": 0, "absent": 0, "failed": 10000},
        "report": "x" * 1100,
        # 24,000 characters, as UTF-16 counts them.
        "tenants": [WIDE * 12000],
        "more": 10000,
    },
    "resolve-environment": {
        "request": _provision,
        "environment": {
            "name": "prod",
            "account": TENANT,
            "region": "ap-southeast-1",
            "domain": "x" * 115,
            "vpc_id": "x" * 24,
            "subnet_ids": ["x" * 24] * 200,
            "security_group_id": "x" * 24,
            "file_systems": [{"file_system_id": "x" * 24, "access_points": _room}] * 100,
            "listeners": [_listener] * 100,
            "database_host": "x" * 255,
            "database_port": 65535,
            "capacity": {"listener_rules": _room, "target_groups": _room, "access_points": _room},
        },
    },
    "revise-task-definition": {"state": _state, "registered": True},
    "start-peer-execution": {"execution_arn": ARN},
    "update-listener-rule": {"rules": [IDENTIFIER] * 10},
    "update-service": {"deployment": {"id": "x" * 64, "replaces": "x" * 64, "desired_count": 50}},
    "update-target-group": {"health_checks": {"path": "/" + "x" * 1023}},
}
