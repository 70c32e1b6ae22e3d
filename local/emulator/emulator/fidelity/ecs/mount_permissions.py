"""What a task may do with a file system that it mounts.

Source: the EFS guide, "Using IAM to control access to file systems".
"""

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

# Its mend of the same function runs inside the one below.
import emulator.fidelity.s3  # noqa: F401
from emulator.mend import wraps

_ACTIONS = "elasticfilesystem:Client"

# Who mounts a file system without a role.
_ANYONE = "anonymous"


def may(action, task, role, file_system, point, is_encrypted):
    """Whether a task may do `action` (Mount, Write) with a file system, through an access point if there is one.

    `role` is the task's, or None if it mounts without one. AWS: an Allow in the role's policies or in the file system's
    is enough, and a Deny in either wins. Without a policy of its own a file system allows everything to everyone.
    """
    if not app.AUTH:
        return True
    name = role.rpartition("/")[2] if role else None
    session = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{task['taskArn'].rpartition('/')[2]}"
    keys = {"elasticfilesystem:accessedviamounttarget": "true"}
    if point:
        keys["elasticfilesystem:accesspointarn"] = point["AccessPointArn"]
    asked = iam_evaluator.EvalContext(
        principal_arn=session if role else _ANYONE,
        principal_type="AssumedRole" if role else "Anonymous",
        principal_account=get_account_id(),
        action=_ACTIONS + action,
        resource_arn=file_system["FileSystemArn"],
        region=get_region(),
        secure_transport=is_encrypted,
        service_context=keys,
    )
    policies = iam_evaluator._gather_role_policies(name, get_account_id()) if role else []
    limits = iam_evaluator._permissions_boundary(iam._roles, name, get_account_id()) if role else ()
    identity = iam_evaluator.evaluate(asked, policies, *limits)
    policy = file_system.get("FileSystemPolicy")
    if not policy:
        return identity.decision != "Deny"
    return iam_evaluator.combine_resource_policy(identity, asked, policy, get_account_id()).decision == "Allow"


@wraps(iam_evaluator, "_resolve_condition_key")
def a_mount_says_whether_it_is_encrypted(resolve_condition_key, key, context):
    """AWS: for a mount, aws:SecureTransport is whether the task definition asks for encryption in transit.

    MiniStack: knows no mounts.
    """
    if key.lower() == "aws:securetransport" and context.action.startswith(_ACTIONS):
        return str(context.secure_transport).lower()
    return resolve_condition_key(key, context)
