"""Judges what the roles have done, as the emulator has recorded it, by a simulator of AWS's IAM and AWS's reference.

The emulator has allowed each call. Here AWS's semantics have to allow it too, with the policies of the templates, and
so has what AWS demands in addition.
"""

import collections
import re

from judges.iam_demands import Check, tagging
from judges.iam_grants import grants, unused

# Ids of tenants, executions, tasks and so on. Calls that differ in them only are judged once.
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,}|\d{12}", re.IGNORECASE)


class Calls:
    """The checks that the roles of stacks need, each once."""

    def __init__(self, roles):
        self._roles = collections.defaultdict(list)
        for role in roles:
            self._roles[role.stack.account].append(role)
        self._by_principal = {}
        # By role: each check, and whether AWS makes it in addition to the emulator.
        self.checks = collections.defaultdict(dict)
        self.strangers = collections.Counter()

    def add(self, decision):
        """Adds a recorded decision, if it has allowed something."""
        if not decision["allowed"]:
            return
        role = self.role_of(decision["principal"], decision.get("time"))
        if role is None:
            self.strangers[decision["principal"]] += 1
            return
        for resource in decision["resources"]:
            check = Check.of(decision["action"], resource, decision["context"])
            known = self.checks[role]
            key = _without_ids(check, role)
            if key not in known:
                known[key] = check, False
                for further in tagging(check):
                    known.setdefault(_without_ids(further, role), (further, True))

    def role_of(self, principal, time=None):
        """The role of the templates that an ARN means, as it was at that time; None if it is none of them."""
        if principal not in self._by_principal:
            account, name = principal.split(":")[4], principal.rpartition("/")[2]
            of_this_name = [role for role in self._roles[account] if role.is_named(name)]
            if len({role.logical_id for role in of_this_name}) > 1:
                raise ValueError(f"{principal} can be {', '.join(role.logical_id for role in of_this_name)}")
            self._by_principal[principal] = sorted(of_this_name, key=lambda role: role.since)
        found = [role for role in self._by_principal[principal] if time is None or role.since <= time]
        return found[-1] if found else None


def _without_ids(check, role):
    """A check without the ids that make no difference to a policy."""

    def plain(text):
        return _IDS.sub(lambda match: match[0] if match[0] == role.stack.account else "ID", str(text))

    return check.action, plain(check.resource), plain(check.context)


def unknown(check, reference):
    """Why AWS makes no such check, if it does not."""
    known = reference.actions(check.action)
    if known != [check.action]:
        return "there is no such action"
    types = reference.resource_types(check.action)
    if check.resource != "*" and not types:
        return "AWS checks it on * only"
    if check.resource != "*" and not reference.matching_types(check.action, check.resource):
        return f"its resource types are {', '.join(types)}"
    return None


def question(role, check, reference, target=None):
    """What the simulator is asked."""
    known = reference.actions(check.action) == [check.action]
    types = reference.matching_types(check.action, check.resource) if known else []
    if known and not types:
        types = reference.resource_types(check.action)
    keys = {
        key: value for key, value in check.keys().items() if known and reference.knows_key(check.action, types, key)
    }
    name = role.name or f"{role.stack.name}-{role.logical_id}"
    principal = f"arn:aws:iam::{role.stack.account}:role/{name}"
    return {
        "principal": principal,
        "action": check.action,
        "resource": check.resource,
        # The ARN of a bucket has no account. The project's buckets are in the role's.
        "account": [*check.resource.split(":"), *[""] * 5][4] or role.stack.account,
        "context": {**keys, "aws:PrincipalArn": principal},
        "policies": [{"name": policy["PolicyName"], "policy": policy["PolicyDocument"]} for policy in role.policies],
        "boundary": role.boundary,
        "trust": target.trust if target else None,
    }


def unused_grants(calls, roles, reference):
    """The grants that no check in any stack has needed, by role and position, so that stacks can be compared."""
    left = {}
    for role in roles:
        needed = [(check.action, check.resource) for check, _ in calls.checks[role].values()]
        spare = set(unused(role, reference, needed))
        of_the_role = [(grant, grant in spare) for grant in grants(role)]
        known = left.get(role.logical_id)
        if known is None:
            left[role.logical_id] = of_the_role
        else:
            left[role.logical_id] = [
                (grant, spare_there and spare_here)
                for (grant, spare_there), (_, spare_here) in zip(known, of_the_role, strict=True)
            ]
    return [grant for of_a_role in left.values() for grant, spare in of_a_role if spare]
