"""Judges what the templates' roles are granted by AWS's service authorization reference.

A grant is one action on one resource in one statement. AWS accepts policies with grants that can never apply, so a
mistake shows only when a call is denied.
"""

import collections
import dataclasses
import functools
import re

from judges.iam_reference import wildcards
from judges.iam_templates import as_list

_SETS = ("ForAllValues:", "ForAnyValue:")


@dataclasses.dataclass(frozen=True)
class Grant:
    """One action on one resource, which may have wildcards."""

    role: str
    action: str
    resource: str


def grants(role):
    """The grants of a role."""
    return [
        Grant(role.logical_id, action, resource)
        for _, statement in role.statements()
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def findings(role, reference):
    """What is wrong with the grants of a role: pairs of a grant and a text."""
    found = []
    for place, statement in role.statements():
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                grant = Grant(role.logical_id, action, resource)
                found.extend((grant, f"{text} ({place})") for text in _of_a_grant(statement, grant, reference))
    granted = {action for grant in grants(role) for action in reference.actions(grant.action)}
    for grant in grants(role):
        needed = {name for action in reference.actions(grant.action) for name in reference.dependent_actions(action)}
        for missing in sorted(needed - granted):
            found.append((grant, f"also needs {missing}, which no statement allows"))
    return found


def findings_of_a_resource(logical_id, policy, reference):
    """As `findings`, for the policy of a resource. It can deny much at once, and a role's names no resource."""
    for number, statement in enumerate(as_list(policy["Statement"]), start=1):
        for action in as_list(statement["Action"]):
            for resource in as_list(statement.get("Resource", [])) or ["*"]:
                grant = Grant(logical_id, action, resource)
                for text in _of_a_resources_statement(statement, grant, reference):
                    yield grant, f"{text} (statement {number} of the resource's policy)"


def _of_a_resources_statement(statement, grant, reference):
    """The faults of one grant of a statement in a resource's policy."""
    known = reference.actions(grant.action)
    if not known:
        yield "is no action of AWS"
    for action in known if statement["Effect"] == "Allow" else ():
        types = reference.resource_types(action)
        matching = reference.matching_types(action, grant.resource) if grant.resource != "*" else types
        if not matching:
            yield f"is never allowed, because this is no resource of the type {_list(types)}"
        for _, key, _ in conditions(statement):
            if not reference.knows_key(action, matching, key):
                yield f"knows no condition key {key}"


def _of_a_grant(statement, grant, reference):
    """The faults of one grant of a statement."""
    known = reference.actions(grant.action)
    if not known:
        yield "is no action of AWS"
    for action in known:
        types = reference.resource_types(action)
        matching = reference.matching_types(action, grant.resource) if grant.resource != "*" else types
        if grant.resource == "*" and types:
            yield f"could be restricted to resources of the type {_list(types)}"
        elif grant.resource != "*" and not types:
            yield "is never allowed, because AWS checks it on * only"
        elif types and not matching:
            yield f"is never allowed, because this is no resource of the type {_list(types)}"
        for operator, key, _ in conditions(statement):
            if not reference.knows_key(action, matching, key):
                yield f"knows no condition key {key} on the type {_list(matching) or '*'}"
            elif reference.has_many_values(action, key) != operator.startswith(_SETS):
                yield f"has {operator} for {key}: a set of values needs ForAllValues or ForAnyValue, one value neither"


def conditions(statement):
    """The conditions of a statement: operator, key, and the values."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            yield operator, key, as_list(values)


def unused(role, reference, needed):
    """The grants of a role that none of the `needed` pairs of action and resource needs."""
    by_action = collections.defaultdict(set)
    for action, resource in needed:
        by_action[action.lower()].add(resource)
    found = []
    for grant in grants(role):
        arns = set().union(*(by_action[action.lower()] for action in reference.actions(grant.action)))
        if not any(covers(grant.resource, arn) for arn in arns):
            found.append(grant)
    return found


def covers(pattern, arn):
    """Whether a resource of a policy is or contains an ARN."""
    return _compiled(pattern).fullmatch(arn) is not None


@functools.cache
def _compiled(pattern):
    return re.compile(wildcards(pattern), re.DOTALL)


def _list(names):
    return " or ".join(sorted(names))
