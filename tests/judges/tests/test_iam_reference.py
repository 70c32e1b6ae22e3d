"""The reference is read as AWS means it."""

import pytest

from judges.iam_reference import reference

ECS = "arn:aws:ecs:eu-west-1:111122223333"


@pytest.mark.parametrize(
    ("action", "arn", "types"),
    [
        ("ecs:DescribeServices", f"{ECS}:service/dev-cluster/dev-*", ["service"]),
        ("ecs:DescribeServices", f"{ECS}:service/dev-*", ["service"]),
        ("ecs:DescribeServices", f"{ECS}:services/dev-cluster/dev-*", []),
        ("ecs:DescribeServices", f"{ECS}:cluster/dev-cluster", []),
        ("ecs:TagResource", f"{ECS}:task-definition/dev-*", ["task-definition"]),
        ("ecs:TagResource", f"{ECS}:task-definition/dev-1", []),
        ("s3:GetObject", "arn:aws:s3:::bucket/*", ["object"]),
        ("s3:GetObject", "arn:aws:s3:::bucket", []),
        ("s3:ListBucket", "arn:aws:s3:::bucket", ["bucket"]),
        ("s3:ListBucket", "arn:aws:s3:::bucket/*", []),
        ("s3:ListBucket", "arn:aws:s3:eu-west-1:111122223333:bucket", []),
        ("logs:DeleteLogGroup", "arn:aws:logs:eu-west-1:111122223333:log-group:/ecs/dev-1:*", ["log-group"]),
        ("logs:GetLogEvents", "arn:aws:logs:eu-west-1:111122223333:log-group:/ecs/dev-1", []),
        ("iam:PassRole", "arn:aws:iam::111122223333:role/dev-ecs-task-role", ["role"]),
        ("iam:PassRole", "arn:aws:iam:eu-west-1:111122223333:role/dev-ecs-task-role", []),
    ],
)
def test_an_arn_is_of_a_resource_type_or_not(action, arn, types):
    assert reference().matching_types(action, arn) == types


def test_a_wildcard_stands_for_all_actions_of_its_form():
    assert reference().actions("ecs:DescribeTask?") == ["ecs:DescribeTasks"]
    assert reference().actions("ecs:describetasks") == ["ecs:DescribeTasks"]
    assert len(reference().actions("ecs:Describe*")) > 5
    assert reference().actions("ecs:DescribeEverything") == []
    assert reference().actions("esc:DescribeTasks") == []


def test_a_tag_of_any_name_is_a_condition_key():
    knows = reference().knows_key
    assert knows("ecs:RegisterTaskDefinition", ["task-definition"], "aws:RequestTag/tenant:id")
    assert knows("ecs:TagResource", ["task"], "ecs:CreateAction")
    assert knows("ecs:DescribeTasks", ["task"], "aws:PrincipalArn")
    assert not knows("ecs:DescribeTasks", ["task"], "aws:RequestTag/tenant:id")
    assert not knows("ecs:RegisterTaskDefinition", ["task-definition"], "ecs:CreateAction")
