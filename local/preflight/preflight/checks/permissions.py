"""Whether the deployed roles may do what template.yaml gives them.

The questions come from the template and not from the deployed policies, so that what a person has changed, a
permissions boundary or a service control policy takes away shows.
"""

import re

from preflight.results import check, ok, problem
from preflight.simulation import Question, denied
from preflight.template import as_list

GUIDE = "template.yaml, the policies of each function"

# What stands for a wildcard: it fits the id of a tenant, an account, a revision and a suffix.
_SAMPLE = "100000000001"
# Patterns that end before the ARN does, and ARNs of the form that AWS has.
_WHOLE = (
    (re.compile(r":listener/app/\*$"), ":listener/app/preflight/1/1"),
    (re.compile(r":listener-rule/app/\*$"), ":listener-rule/app/preflight/1/1/1"),
    (re.compile(r":execution:([^:*]+)/\*$"), r":execution:\1/preflight:1"),
    (re.compile(r":task-definition/([^:]+)$"), r":task-definition/\1:1"),
)
_EQUAL = ("StringEquals", "StringLike", "ArnEquals", "ArnLike")


def questions(statements, account):
    """What a role must be allowed, with context keys that its conditions ask for."""
    for statement in statements:
        if statement["Effect"] != "Allow":
            continue
        resources = [_sample(resource, account) for resource in as_list(statement["Resource"]) if _is_whole(resource)]
        context = _context(statement.get("Condition", {}))
        # A statement about something that no parameter names allows nothing.
        if resources and context is not None:
            yield Question(as_list(statement["Action"]), resources, context)


def _is_whole(resource):
    return resource == "*" or not resource.endswith(("/", ":"))


def _sample(resource, account):
    if resource == "*":
        return resource
    parts = resource.split(":", 5)
    if len(parts) == 6 and parts[4] == "*":
        parts[4] = account
    found = ":".join(parts)
    for pattern, whole in _WHOLE:
        found = pattern.sub(whole, found)
    return found.replace("*", _SAMPLE).replace("?", "1")


def _context(conditions):
    """Context keys that fulfil the conditions; None if one of them compares with nothing."""
    found = {}
    for operator, keys in conditions.items():
        if operator.rpartition(":")[2] not in _EQUAL:
            raise ValueError(f"add to permissions.py how to fulfil {operator}")
        for key, values in keys.items():
            value = str(as_list(values)[0])
            if not value:
                return None
            found[key] = [value.replace("*", _SAMPLE).replace("?", "1")]
    return found


def _role(here, properties, kind):
    """The deployed role of a function or a state machine."""
    if kind == "function":
        name = properties["FunctionName"]
        return here.aws.call("lambda", "get_function_configuration", FunctionName=name)["Role"]
    arn = f"arn:aws:states:{here.region}:{here.account}:stateMachine:{properties['Name']}"
    return here.aws.call("stepfunctions", "describe_state_machine", stateMachineArn=arn)["roleArn"]


@check("permissions of the functions", GUIDE, after=True)
def functions(here):
    """One question for each statement."""
    return _all(here, here.template.functions(), "function")


@check("permissions of the state machines", GUIDE, after=True)
def machines(here):
    """One question for each statement."""
    return _all(here, here.template.machines(), "machine")


def _all(here, resources, kind):
    asked, refused = 0, False
    remedy = "deploy again if a person has changed the role; otherwise ask who sets the organization's policies"
    for logical_id, properties in resources:
        found = list(questions(here.template.statements(properties), here.account))
        if not found:
            continue
        asked += len(found)
        role = _role(here, properties, kind)
        texts = [text for question in found for text in denied(here.aws, role, question)]
        if texts:
            refused = True
            yield problem(f"{logical_id} may not: {'; '.join(texts)}", remedy)
    if not refused:
        yield ok(f"all {asked} statements are allowed")
