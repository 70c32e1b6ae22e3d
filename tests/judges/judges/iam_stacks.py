"""The stacks that a recording shows being deployed, with the roles that the templates give them."""

import collections
import pathlib
import urllib.parse

from judges.iam_templates import Stack, resource_policies, roles

_ROOT = pathlib.Path(__file__).parents[3]
# The templates of the project, by the ends of their stacks' names.
TEMPLATES = {
    "tenant-management": _ROOT / "template.yaml",
    "shared-infrastructure": _ROOT / "local/shared-infrastructure.yaml",
}
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
