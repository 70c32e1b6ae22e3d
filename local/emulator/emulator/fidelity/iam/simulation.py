"""IAM's simulator: whether a role may do something."""

import re

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from emulator.mend import wraps

# A simulation is no decision about a call. So it is evaluated as it was before `recordings`, which is imported later,
# wraps this function: a simulated permission must not look like one that a call has needed.
_evaluate = iam_evaluator.evaluate


def _members(params, prefix):
    """The members of a list of texts."""
    found = []
    while value := iam._p(params, f"{prefix}.member.{len(found) + 1}"):
        found.append(value)
    return found


def _context(params):
    """The values of the condition keys, by key in small letters."""
    found = {}
    names = [name for name in params if re.fullmatch(r"ContextEntries\.member\.\d+\.ContextKeyName", name)]
    for name in names:
        entry = name.removesuffix(".ContextKeyName")
        values = _members(params, f"{entry}.ContextKeyValues")
        is_list = iam._p(params, f"{entry}.ContextKeyType").endswith("List")
        found[iam._p(params, name).lower()] = values if is_list else next(iter(values), "")
    return found


_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}


@wraps(iam, "_simulate_principal_policy", iam._IAM_HANDLERS)
def every_resource_is_simulated_with_the_given_keys(simulate, params):
    """AWS: answers for each action on each resource, and the conditions see the context entries of the request.

    MiniStack: answers for the first resource, and without context entries.
    """
    principal, resources = iam._p(params, "PolicySourceArn"), _members(params, "ResourceArns")
    if ":role/" not in principal or not resources:
        return simulate(params)
    policies = iam_evaluator._gather_role_policies(principal.rpartition("/")[2], get_account_id())
    members = ""
    for action in _members(params, "ActionNames"):
        for resource in resources:
            asked = iam_evaluator.EvalContext(
                principal_arn=principal,
                principal_type="AssumedRole",
                principal_account=get_account_id(),
                action=action,
                resource_arn=resource,
                region=get_region(),
                service_context=_context(params),
            )
            decision = _evaluate(asked, policies).decision if policies else "ImplicitDeny"
            members += (
                f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
                f"<EvalDecision>{_DECISIONS.get(decision, 'implicitDeny')}</EvalDecision>"
                "<MatchedStatements/><MissingContextValues/></member>"
            )
    result = f"<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
    answer = f"<SimulatePrincipalPolicyResult>{result}</SimulatePrincipalPolicyResult>"
    return iam._xml(200, "SimulatePrincipalPolicyResponse", answer, ns="iam")
