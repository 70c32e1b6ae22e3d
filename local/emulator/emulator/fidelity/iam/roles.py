"""Roles: what they may do, whether tasks may assume them, and how a container gets their credentials."""

import json
import time

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region, json_response, new_uuid
from ministack.services import iam, imds, sts

from emulator.mend import wraps

_TASKS = "ecs-tasks.amazonaws.com"
_PATH = "/v2/credentials/"
# How long the credentials are valid, which is as on Fargate.
_SECONDS = 6 * 3600

# Role and task, by the path at which the task's containers get the credentials.
_credentials = {}


def _parts(role_arn):
    """The account and the name of a role."""
    return role_arn.split(":")[4], role_arn.rpartition("/")[2]


def _session_arn(role_arn, session):
    account, name = _parts(role_arn)
    return f"arn:aws:sts::{account}:assumed-role/{name}/{session}"


def _list(value):
    return value if isinstance(value, list) else [value] if value else []


def tasks_may_assume(role_arn):
    """Whether the role exists, and its trust policy lets ECS tasks of its account assume it."""
    account, name = _parts(role_arn)
    role = iam._roles.get_scoped(account, None, name)
    if role is None:
        return False
    document = role.get("AssumeRolePolicyDocument") or {}
    document = json.loads(document) if isinstance(document, str) else document
    keys = {"aws:sourceaccount": account, "aws:sourcearn": f"arn:aws:ecs:{get_region()}:{account}:*"}
    asked = iam_evaluator.EvalContext(
        principal_arn=_TASKS,
        principal_type="AWSService",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=get_region(),
        service_context=keys,
    )
    effects = {
        statement.get("Effect")
        for statement in _list(document.get("Statement"))
        if any(iam_evaluator.fnmatch_iam(asked.action, action) for action in _list(statement.get("Action")))
        and iam_evaluator._service_principal_matches(statement.get("Principal"), _TASKS)
        and iam_evaluator._conditions_met(statement.get("Condition") or {}, asked)
    }
    return effects == {"Allow"}


def denial(role_arn, session, action, resource, keys=None):
    """Why a session of the role may not do `action` on `resource`; None if it may."""
    if not app.AUTH:
        return None
    account, name = _parts(role_arn)
    asked = iam_evaluator.EvalContext(
        principal_arn=_session_arn(role_arn, session),
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={key.lower(): value for key, value in (keys or {}).items()},
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    result = iam_evaluator.evaluate(asked, policies, *limits)
    of_the_resource = iam_evaluator._resource_policy(action.partition(":")[0], resource)
    if of_the_resource:
        result = iam_evaluator.combine_resource_policy(result, asked, *of_the_resource)
    if result.decision == "Allow":
        return None
    return iam_actions.identity_denial_message(action, asked.principal_arn, resource, result.decision == "Deny")


def credentials_path(role_arn, task):
    """A new path at which the containers of a task get credentials of its role."""
    path = _PATH + new_uuid()
    _credentials[path] = role_arn, task
    return path


def forget(task):
    """Ends the paths at which a task's containers get credentials."""
    for path in [path for path, (_, owner) in list(_credentials.items()) if owner == task]:
        _credentials.pop(path, None)


@wraps(imds, "handle_request")
async def a_task_gets_its_own_roles_credentials(handle_request, method, path, *rest):
    """AWS: a container gets credentials of its task's role, in a session that is named after the task.

    MiniStack: gives keys that belong to no role.
    """
    if not path.startswith(_PATH):
        return await handle_request(method, path, *rest)
    role_arn, task = _credentials.get(path, (None, None))
    if role_arn is None:
        refused = {"code": "InvalidIdInRequest", "message": "Credentials not found", "HTTPErrorCode": 400}
        return json_response(refused, 400)
    key, secret, token = iam._gen_session_access_key(), iam._gen_secret(), iam._gen_session_token()
    session = {
        "Arn": _session_arn(role_arn, task),
        "UserId": f"{sts._role_id(role_arn)}:{task}",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": time.time() + _SECONDS,
        "AccountId": _parts(role_arn)[0],
        "PrincipalType": "AssumedRole",
    }
    sts.register_session(key, session)
    answer = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "RoleArn": role_arn}
    return json_response({**answer, "Expiration": iam._future(_SECONDS)})
