"""A template's roles are what CloudFormation and SAM make of it."""

import pytest

from judges.iam_stacks import deployed, roles_of
from judges.iam_templates import Stack, roles
from test_iam_calls import deployment

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Environment: { Type: String }
  Extra: { Type: String, Default: "" }
  Peers: { Type: CommaDelimitedList, Default: "111122223333:eu-west-1,444455556666:eu-west-1" }
Conditions:
  HasExtra: !Not [!Equals [!Ref Extra, ""]]
Globals:
  Function: { Runtime: provided.al2023, Handler: bootstrap }
Resources:
  Bucket: { Type: AWS::S3::Bucket }
  Read:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${Environment}-read"
      Policies:
        - Statement:
            - Effect: Allow
              Action: [s3:GetObject]
              Resource:
                - !Sub "${Bucket.Arn}/*"
                - !If [HasExtra, !Ref Extra, !Ref AWS::NoValue]
            - Effect: Allow
              Action: lambda:InvokeFunction
              Resource:
                - !GetAtt Read.Arn
                - !Sub ["${Peer}", { Peer: !Select [0, !Split [":", !Select [1, !Ref Peers]]] }]
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


def statements(template, **parameters):
    stack = Stack("dev-stack", "111122223333", "eu-west-1", {"Environment": "dev", **parameters}, unknown="?")
    (role,) = roles(template, stack)
    return [statement["Resource"] for _, statement in role.statements()]


def test_nothing_is_left_to_resolve(template):
    function = "arn:aws:lambda:eu-west-1:111122223333:function:dev-read"
    assert statements(template) == [["arn:aws:s3:::dev-stack-bucket-?????????????/*"], [function, "444455556666"]]


def test_a_condition_decides(template):
    assert statements(template, Extra="arn:aws:s3:::extra/*")[0][1] == "arn:aws:s3:::extra/*"


def test_a_parameter_without_a_value_is_an_error(template):
    with pytest.raises(ValueError, match="the parameter Environment of stack s has no value"):
        roles(template, Stack("s", "111122223333", "eu-west-1", {}))


def test_the_last_deployment_of_a_stack_counts():
    first, last = deployment(Domain="a.example.com"), deployment(Domain="b.example.com")
    (stack,) = deployed([first, last, deployment("somebody-elses")])
    assert stack.parameters["Domain"] == "b.example.com"


def test_a_role_is_known_by_the_name_that_cloudformation_makes_up():
    (stack,) = deployed([deployment()])
    long = "dev-tenant-management-DeprovisionTenantEverywhereMaJKLMNOPQRSTUV"
    for name, logical_id in (
        ("dev-tenant-management-CreateSecretRole-JKLMNOPQRSTUV", "CreateSecretRole"),
        (long, "DeprovisionTenantEverywhereMachineRole"),
        ("dev-locate-tenant", "LocateTenantRole"),
    ):
        assert [role.logical_id for role in roles_of(stack) if role.is_named(name)] == [logical_id]
