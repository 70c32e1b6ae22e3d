"""The name under which policies know a session of a role."""

from ministack.core import iam_evaluator
from ministack.services import iam

from emulator.mend import wraps


@wraps(iam_evaluator, "_resolve_condition_key")
def a_session_is_known_by_its_role(resolve_condition_key, key, context):
    """AWS: for a session of a role, the condition key aws:PrincipalArn is the ARN of the role.

    MiniStack: it is the ARN of the session.
    """
    if key.lower() == "aws:principalarn" and context.principal_type == "AssumedRole":
        name = iam_evaluator._role_name_from_assumed_arn(context.principal_arn)
        role = iam._roles.get_scoped(context.principal_account, None, name)
        return role["Arn"] if role else f"arn:aws:iam::{context.principal_account}:role/{name}"
    return resolve_condition_key(key, context)
