"""The stacks that a recording shows being deployed, with the roles that the templates give them."""

import collections
import json
import pathlib
import urllib.parse
from http import HTTPStatus

from judges.iam_templates import Role, Stack, managed_policies, resource_policies, roles

_ROOT = pathlib.Path(__file__).parents[3]
# The templates of the project, by the ends of their stacks' names.
TEMPLATES = {
    "tenant-management": _ROOT / "template.yaml",
    "shared-infrastructure": _ROOT / "local/shared-infrastructure.yaml",
}
# The logical id that stands for each role that a function has made for the tasks of a tenant.
TENANTS_ROLE = "TenantsTaskRole"
_DEPLOYMENTS = ("CreateStack", "UpdateStack", "CreateChangeSet")


def template_of(stack_name):
    """The template of a stack, if it is one of the project's."""
    return next((path for end, path in TEMPLATES.items() if stack_name.endswith(f"-{end}")), None)


def deployed(requests):
    """The project's stacks, each with the parameters of its last deployment."""
    parameters, places = collections.defaultdict(dict), {}
    for request in requests:
        if request["service"] != "cloudformation" or not request.get("body"):
            continue
        form = dict(urllib.parse.parse_qsl(request["body"], keep_blank_values=True))
        name = form.get("StackName", "")
        if form.get("Action") in _DEPLOYMENTS and template_of(name):
            places[name] = request["account"], request["region"]
            parameters[name].update(_parameters(form))
    # What is drawn at random in names is not known here, so it may be anything.
    return [Stack(name, *place, parameters[name], unknown="?") for name, place in places.items()]


def _parameters(form):
    """The parameters of a deployment that have a new value."""
    for number in range(1, len(form)):
        key = form.get(f"Parameters.member.{number}.ParameterKey")
        if key is None:
            return
        value = form.get(f"Parameters.member.{number}.ParameterValue")
        if value is not None:
            yield key, value


def roles_of(stack):
    """The roles of one of the project's stacks."""
    return roles(template_of(stack.name), stack)


def resource_policies_of(stack):
    """The policies of the resources of one of the project's stacks, with their logical ids."""
    return resource_policies(template_of(stack.name), stack)


def roles_of_tenants(requests, stacks):
    """The roles that functions of the project's stacks have made for the tasks of tenants.

    There is one for each writing of a policy, which is the role from then on: an id of a tenant, and so the name of its
    role, can be used again.
    """
    boundaries = {}
    for stack in stacks:
        for name, document in managed_policies(template_of(stack.name), stack).items():
            boundaries[f"arn:aws:iam::{stack.account}:policy/{name}"] = stack, document
    made = {}
    for time, account, form in sorted(_iam_requests_of_roles(requests), key=lambda found: found[0]):
        key = account, form.get("RoleName")
        if form.get("Action") == "CreateRole":
            made[key] = form
        elif form.get("Action") == "PutRolePolicy":
            # The role of a tenant bears the boundary of the stack that has made it.
            stack, boundary = boundaries[made[key]["PermissionsBoundary"]]
            trust = json.loads(made[key]["AssumeRolePolicyDocument"])
            policy = {"PolicyName": form["PolicyName"], "PolicyDocument": json.loads(form["PolicyDocument"])}
            yield Role(TENANTS_ROLE, form["RoleName"], stack, (policy,), trust, boundary, time)


def _iam_requests_of_roles(requests):
    """The requests of roles that IAM has granted: time, account and form, in the order in which they have ended."""
    for request in requests:
        if request["service"] == "iam" and ":role/" in request["principal"] and request["status"] == HTTPStatus.OK:
            form = dict(urllib.parse.parse_qsl(request.get("body") or "", keep_blank_values=True))
            yield request["time"], request["principal"].split(":")[4], form
