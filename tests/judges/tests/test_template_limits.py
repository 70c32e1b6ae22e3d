"""The template stays below the limits of AWS, whatever its parameters are.

A limit that is only met with long parameters would be met by somebody who deploys, and not by a test. So each parameter
has the longest value that it allows.
"""

import json

import pytest
from samtranslator.yaml_helper import yaml_parse

from judges.iam_resolver import Resolver
from judges.iam_stacks import TEMPLATES
from judges.iam_templates import Stack, transformed

ACCOUNT, REGION = "111122223333", "ap-southeast-1"

# Parameters without a MaxLength that are longest with a pattern or as a number.
LONGEST = {
    "ExpectedAccount": ACCOUNT,
    "HostedZoneId": "Z" * 32,
    # CloudFormation takes 4,096 bytes for a parameter, and Lambda 16 subnets and 5 security groups.
    "LambdaSubnetIds": ",".join(["subnet-0123456789abcdef0"] * 16),
    "LambdaSecurityGroupIds": ",".join(["sg-0123456789abcdef0"] * 5),
    "FilesAccessPointArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
    "DatabaseCaLayer": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{'x' * 64}:99999",
    "AlarmEmail": "x" * 64 + "@" + "x" * 100,
    "AuditScheduleExpression": "cron(" + "0," * 100 + ")",
    # In JSON, each quotation mark gets a backslash.
    "SiteEnvironment": json.dumps({f"VARIABLE_{number:02}": "x" * 15 for number in range(30)}),
}

# By the service's quotas and API reference, unless a line says otherwise.
ENVIRONMENT_BYTES = 4096
INLINE_POLICIES = 10_240  # Characters of all of a role, white space not counted.
TRUST_POLICY = 2048
MANAGED_POLICIES = 10
TEMPLATE_BYTES = 1_000_000  # `sam deploy` puts it into S3.
RESOURCES, PARAMETERS, OUTPUTS = 500, 200, 200
DEFINITION_BYTES = 1_000_000
NAMES = {
    "AWS::Events::Rule": ("Name", 64),
    "AWS::IAM::Role": ("RoleName", 64),
    "AWS::Lambda::Function": ("FunctionName", 64),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", 80),
    "AWS::CloudWatch::Alarm": ("AlarmName", 255),
    "AWS::Logs::QueryDefinition": ("Name", 255),
}
DESCRIPTIONS = {
    "AWS::Events::Rule": ("Description", 512),
    "AWS::IAM::Role": ("Description", 1000),
    "AWS::Lambda::Function": ("Description", 256),
    "AWS::CloudWatch::Alarm": ("AlarmDescription", 1024),
}


def longest(name, declared):
    """The longest value of a parameter."""
    if name in LONGEST:
        return LONGEST[name]
    if "AllowedValues" in declared:
        return max(map(str, declared["AllowedValues"]), key=len)
    if declared["Type"] == "Number":
        return str(declared.get("MaxValue", 10**9))
    if "MaxLength" in declared:
        # A pattern in this template forbids no length, and no test here reads a value.
        return "x" * declared["MaxLength"]
    raise AssertionError(f"the parameter {name} has no longest value: give it a MaxLength, or add it to LONGEST")


class Deployed:
    """A template with the longest parameters."""

    def __init__(self, path):
        self.text = path.read_text()
        declared = yaml_parse(self.text)["Parameters"]
        parameters = {name: longest(name, of_name) for name, of_name in declared.items()}
        self.stack = Stack("prod-tenant-management", ACCOUNT, REGION, parameters)
        self.template = transformed(yaml_parse(self.text), self.stack)
        self.resolve = Resolver(self.template, self.stack)

    def of_type(self, kind):
        """The resources of a type, by their logical ids."""
        for logical_id, resource in self.template["Resources"].items():
            if resource["Type"] == kind:
                yield logical_id, resource.get("Properties", {})


TEMPLATE = TEMPLATES["tenant-management"]


@pytest.fixture(scope="module")
def deployed():
    return Deployed(TEMPLATE)


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def test_the_variables_of_each_function_fit(deployed):
    sizes = {}
    for logical_id, function in deployed.of_type("AWS::Lambda::Function"):
        variables = deployed.resolve(function["Environment"]["Variables"])
        # Lambda measures them as JSON.
        sizes[logical_id] = len(compact(variables).encode())
    assert not {name: size for name, size in sizes.items() if size > ENVIRONMENT_BYTES}


def test_the_policies_of_each_role_fit(deployed):
    for logical_id, role in deployed.of_type("AWS::IAM::Role"):
        policies = deployed.resolve(role.get("Policies", []))
        inline = sum(len(compact(policy["PolicyDocument"])) for policy in policies)
        assert inline <= INLINE_POLICIES, logical_id
        assert len(compact(deployed.resolve(role["AssumeRolePolicyDocument"]))) <= TRUST_POLICY, logical_id
        assert len(role.get("ManagedPolicyArns", [])) <= MANAGED_POLICIES, logical_id


def test_the_stack_fits(deployed):
    assert len(deployed.template["Resources"]) <= RESOURCES
    assert len(deployed.template["Parameters"]) <= PARAMETERS
    assert len(deployed.template.get("Outputs", {})) <= OUTPUTS
    assert len(compact(deployed.template).encode()) <= TEMPLATE_BYTES
    assert len(deployed.text.encode()) <= TEMPLATE_BYTES
    assert len(deployed.template["Description"]) <= 1024
    for name, declared in deployed.template["Parameters"].items():
        assert len(declared["Description"]) <= 4000, name
        assert len(deployed.stack.parameters[name].encode()) <= declared.get("MaxLength", 4096), name


@pytest.mark.parametrize(("limits", "what"), [(NAMES, "name"), (DESCRIPTIONS, "description")])
def test_names_and_descriptions_fit(deployed, limits, what):
    for kind, (property_name, most) in limits.items():
        for logical_id, properties in deployed.of_type(kind):
            text = deployed.resolve(properties.get(property_name, ""))
            assert len(text) <= most, f"the {what} of {logical_id}"


def test_each_definition_of_a_state_machine_fits():
    for path in (TEMPLATE.parent / "statemachines").glob("*.asl.json"):
        assert len(path.read_bytes()) <= DEFINITION_BYTES, path.name
