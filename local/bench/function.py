"""create-secret as a function in Python, as a baseline for the cold start.

Like the original, it claims a tenant's id by creating its secret. Input, output and error names are the same.

    python -m awslambdaric function.handler
"""

import json
import logging
import os
import re
import secrets
import string
import uuid

import boto3

ENVIRONMENT = os.environ["ENVIRONMENT"]
INPUT = {"tenant_id", "owner", "database_host", "database_port"}
ALPHABET = string.ascii_letters + string.digits

log = logging.getLogger()
log.setLevel(logging.INFO)
secrets_manager = boto3.client("secretsmanager")


class InvalidRequest(Exception):
    pass


class TenantAlreadyExists(Exception):
    pass


class Transient(Exception):
    pass


def handler(event, context):
    if event.keys() != INPUT or not re.fullmatch("[0-9]{12}", event["tenant_id"]):
        raise InvalidRequest(
            f"tenant_id: 12 digits; fields: {', '.join(sorted(INPUT))}"
        )
    tenant_id, owner = event["tenant_id"], event["owner"]
    name = f"{ENVIRONMENT}-{tenant_id}-db-credentials"
    arn = claimed(name, owner) or create(name, event)
    log.info(
        json.dumps({"message": "done", "tenant_id": tenant_id, "execution": owner})
    )
    return {"secret_name": name, "secret_arn": arn}


def claimed(name, owner):
    """The ARN of the secret, if this owner has created it. None if there is no secret."""
    try:
        secret = secrets_manager.describe_secret(SecretId=name)
    except secrets_manager.exceptions.ResourceNotFoundException:
        return None
    if "DeletedDate" in secret:
        raise TenantAlreadyExists(
            f"{name} is scheduled for deletion, recoverable until {secret['DeletedDate']}"
        )
    tags = {tag["Key"]: tag["Value"] for tag in secret.get("Tags", [])}
    if tags.get("tenant:execution") != owner:
        raise TenantAlreadyExists(
            f"{name} was made by {tags.get('tenant:execution', 'somebody else')}"
        )
    return secret["ARN"]


def create(name, event):
    tenant_id, owner, host, port = (
        event[key] for key in ("tenant_id", "owner", "database_host", "database_port")
    )
    credentials = {
        "username": f"{tenant_id}_user",
        "password": "".join(secrets.choice(ALPHABET) for _ in range(32)),
        "host": host,
        "port": port,
        "database": f"{tenant_id}_db",
        "endpoint": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
    }
    tags = {
        "tenant:id": tenant_id,
        "tenant:environment": ENVIRONMENT,
        "tenant:managed-by": "tenant-management",
        "tenant:execution": owner,
    }
    try:
        created = secrets_manager.create_secret(
            Name=name,
            Description=f"Database credentials of tenant {tenant_id}",
            SecretString=json.dumps(credentials),
            ClientRequestToken=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{owner}/secret")),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    except (
        secrets_manager.exceptions.ResourceExistsException,
        secrets_manager.exceptions.InvalidRequestException,
    ) as error:
        # Another execution was faster, or an earlier run has created it and its answer was lost.
        if arn := claimed(name, owner):
            return arn
        raise Transient(f"{name}: an earlier one is still being deleted") from error
    return created["ARN"]
