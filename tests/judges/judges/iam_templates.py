"""The roles that a template deploys, with their policies as IAM gets them.

SAM's own transform makes the roles of functions and state machines.
"""

import dataclasses
import logging
import os

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from judges.iam_resolver import SUFFIX, Resolver

# The transform counts what it does, and says each time that nobody has asked for the numbers.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)

_ROLE = "AWS::IAM::Role"
_MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
_RESOURCE_POLICIES = ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")

# CloudFormation cuts the name that it makes up for a role, and then appends a suffix.
_ROLE_NAME = 64


@dataclasses.dataclass(frozen=True)
class Stack:
    """Where and with which parameters a template is deployed.

    `unknown` stands for each character that CloudFormation or a service draws at random: a letter, or a wildcard.
    """

    name: str
    account: str
    region: str
    parameters: dict
    unknown: str = "x"


@dataclasses.dataclass(frozen=True, eq=False)
class Role:
    """A role of a stack, or one that a function of a stack has made. Nothing in its policies, its trust policy and its
    permissions boundary is left to resolve.
    """

    logical_id: str
    name: str | None
    stack: Stack
    policies: tuple
    trust: dict
    boundary: dict | None = None
    # When it got these policies, as a time of the recording. A role of the same name may have had others before.
    since: float = 0

    def is_named(self, name):
        """Whether the role can have this name, which CloudFormation has chosen if the template has none."""
        if self.name:
            return name == self.name
        prefix = f"{self.stack.name}-{self.logical_id}-"[: _ROLE_NAME - SUFFIX]
        return name.startswith(prefix) and len(name) <= len(prefix) + SUFFIX

    def statements(self):
        """Each statement of each policy, with where it is."""
        for policy in self.policies:
            for number, statement in enumerate(as_list(policy["PolicyDocument"]["Statement"]), start=1):
                if not {"Action", "Resource"} <= statement.keys():
                    raise ValueError(
                        f"{self.logical_id}: a statement without Action and Resource is not known here yet"
                    )
                yield f"statement {number} of {policy['PolicyName']}", statement


def as_list(value):
    """A value of a policy, which may be a list or one element."""
    return value if isinstance(value, list) else [value]


def roles(path, stack):
    """The roles that the template at `path` makes in a stack."""
    return [
        Role(
            logical_id,
            properties.get("RoleName"),
            stack,
            tuple(properties.get("Policies", ())),
            properties["AssumeRolePolicyDocument"],
        )
        for logical_id, _, properties in resources(path, stack, [_ROLE])
    ]


def resource_policies(path, stack):
    """The policies that the template at `path` gives to resources, by the logical id."""
    for logical_id, kind, properties in resources(path, stack, [_ROLE, *_RESOURCE_POLICIES]):
        yield logical_id, properties["AssumeRolePolicyDocument" if kind == _ROLE else "PolicyDocument"]


def managed_policies(path, stack):
    """The managed policies that the template at `path` makes in a stack, by name."""
    return {
        properties["ManagedPolicyName"]: properties["PolicyDocument"]
        for _, _, properties in resources(path, stack, [_MANAGED_POLICY])
    }


def resources(path, stack, kinds):
    """The resources of these types: logical id, type, and properties with nothing left to resolve."""
    template = transformed(yaml_parse(path.read_text()), stack)
    resolve = Resolver(template, stack)
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] in kinds:
            yield logical_id, resource["Type"], resolve(resource["Properties"])


def transformed(template, stack):
    """The template after SAM's transform, which wants every code and definition to be in S3 already."""
    if "Transform" not in template:
        return template
    anywhere = "s3://bucket/key"
    template["Globals"]["Function"]["CodeUri"] = anywhere
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = anywhere
    # The transform asks boto3 for the region, to find out the partition.
    os.environ.setdefault("AWS_DEFAULT_REGION", stack.region)
    return transform(template, {}, _NoManagedPolicies())


class _NoManagedPolicies:
    """The project's policies are its own, so no name of a managed policy has to be looked up."""

    def load(self):
        """The ARNs by name: none."""
        return {}
