"""A policy with one thing wrong is found."""

import copy

import pytest

from judges import iam, iam_grants
from judges.iam_reference import reference
from judges.iam_stacks import roles_of
from judges.iam_templates import Role, Stack

ECS = "arn:aws:ecs:eu-west-1:111122223333"
STACK = Stack("dev-tenant-management", "111122223333", "eu-west-1", {})
RIGHT = {
    "Effect": "Allow",
    "Action": "ecs:TagResource",
    "Resource": f"{ECS}:service/dev-cluster/dev-*",
    "Condition": {"StringEquals": {"ecs:CreateAction": "CreateService", "aws:RequestTag/tenant:id": "1"}},
}


def role(*statements):
    policy = {"PolicyName": "tag", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}
    return Role("TagRole", None, STACK, (policy,), {})


def faults(*statements):
    return [text for _, text in iam_grants.findings(role(*statements), reference())]


def test_a_right_policy_has_no_faults():
    assert faults(RIGHT) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"Action": "ecs:TagService"}, "no action of AWS"),
        ({"Action": ["ecs:TagResource", "ecs:DescribeTasks"], "Condition": {}}, "this is no resource of the type task"),
        ({"Action": "ecs:ListServices", "Condition": {}}, "AWS checks it on * only"),
        ({"Resource": "*"}, "could be restricted"),
        ({"Resource": "arn:aws:ecs:eu-west-1::service/dev-cluster/dev-*"}, "this is no resource of the type"),
        ({"Resource": [RIGHT["Resource"], f"{ECS}:service:dev-*"]}, "this is no resource of the type"),
        ({"Condition": {"StringEquals": {"ecs:CreatedBy": "x"}}}, "knows no condition key ecs:CreatedBy"),
        ({"Condition": {"StringEquals": {"elasticfilesystem:CreateAction": "x"}}}, "knows no condition key"),
        ({"Condition": {"StringEquals": {"aws:TagKeys": "x"}}}, "needs ForAllValues"),
        ({"Condition": {"ForAllValues:StringEquals": {"ecs:CreateAction": "x"}}}, "one value neither"),
    ],
)
def test_a_wrong_statement_has_one_fault(wrong, fault):
    found = faults(RIGHT | wrong)
    assert len(found) == 1
    assert fault in found[0]
    assert "statement 1 of tag" in found[0]


def test_running_a_task_needs_the_permission_to_pass_its_roles():
    run = {"Effect": "Allow", "Action": "ecs:RunTask", "Resource": f"{ECS}:task-definition/dev-*:*"}
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/dev-task"}
    assert faults(run) == ["also needs iam:PassRole, which no statement allows"]
    assert faults(run, passing) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({}, None),
        ({"Action": "sqs:SendMessages"}, "no action of AWS"),
        ({"Resource": "arn:aws:sqs:eu-west-1:111122223333:queue/dev"}, "this is no resource of the type queue"),
        ({"Condition": {"ArnLike": {"aws:SourcesArn": "*"}}}, "knows no condition key aws:SourcesArn"),
        ({"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}, None),
    ],
)
def test_a_queues_policy_is_judged(wrong, fault):
    right = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-1:111122223333:dev"}
    right |= {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnLike": {"aws:SourceArn": "*"}}}
    found = [text for _, text in iam_grants.findings_of_a_resource("Q", {"Statement": right | wrong}, reference())]
    assert len(found) == (0 if fault is None else 1)
    assert fault is None or fault in found[0]


def test_a_grant_is_unused_until_a_call_needs_it():
    needed = [("ecs:TagResource", f"{ECS}:service/dev-cluster/sit-1")]
    assert len(iam_grants.unused(role(RIGHT), reference(), needed)) == 1
    needed.append(("ecs:TagResource", f"{ECS}:service/dev-cluster/dev-1"))
    assert iam_grants.unused(role(RIGHT), reference(), needed) == []


def mutants():
    """The templates' roles, each with one letter more in an action, a resource or a condition key."""
    for original in [role for stack in iam.example_stacks() for role in roles_of(stack)]:
        for number, (place, statement) in enumerate(original.statements()):
            action = iam_grants.as_list(statement["Action"])[0]
            resource = iam_grants.as_list(statement["Resource"])[0]
            changes = [{"Action": f"{action}x"}]
            if resource != "*":
                # The service: that a name is wrong cannot be known here.
                arn = resource.split(":", 5)
                changes.append({"Resource": ":".join([*arn[:2], f"{arn[2]}x", *arn[3:]])})
            changes.extend(
                {"Condition": {operator: {key.replace(":", ":x", 1): values}}}
                for operator, key, values in iam_grants.conditions(statement)
            )
            for change in changes:
                yield pytest.param(original, number, change, id=f"{original.logical_id}, {place}: {change}")


@pytest.mark.parametrize(("original", "number", "change"), list(mutants()))
def test_every_mutant_of_the_templates_policies_is_found(original, number, change):
    policies = copy.deepcopy(original.policies)
    changed = Role(original.logical_id, original.name, original.stack, policies, original.trust)
    before = set(iam_grants.findings(changed, reference()))
    list(changed.statements())[number][1].update(change)
    assert set(iam_grants.findings(changed, reference())) - before
