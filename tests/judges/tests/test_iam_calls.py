"""A recorded call is refused if AWS would refuse it, and only then."""

import copy
import dataclasses
import json
import urllib.parse

import pytest

from judges import iam, iam_stacks
from judges.findings import Finding, apart, exceptions
from judges.iam_reference import reference
from judges.iam_templates import Role, as_list

ACCOUNT, REGION = "536580886816", "eu-west-1"
ECS, EFS, ELB = (f"arn:aws:{name}:{REGION}:{ACCOUNT}" for name in ("ecs", "elasticfilesystem", "elasticloadbalancing"))
ACCESS_POINT = "elasticfilesystem:CreateAccessPoint"
TAGS = {"aws:tagkeys": ["tenant:managed-by"], "aws:requesttag/tenant:managed-by": "tenant-management"}


def deployment(name="dev-tenant-management", **parameters):
    form = {"Action": "CreateChangeSet", "StackName": name}
    given = {"Environment": "dev", "Domain": "example.com", "HostedZoneId": "Z1", **parameters}
    for number, (key, value) in enumerate(given.items(), start=1):
        form |= {f"Parameters.member.{number}.ParameterKey": key, f"Parameters.member.{number}.ParameterValue": value}
    line = {"service": "cloudformation", "account": ACCOUNT, "region": REGION, "principal": "root"}
    return line | {"body": urllib.parse.urlencode(form)}


def decision(function, action, resource, **more):
    role = f"dev-tenant-management-{function}Role-"[:51] + "0123456789ABC"
    line = {"principal": f"arn:aws:iam::{ACCOUNT}:role/{role}", "action": action, "resources": [resource]}
    line["function"] = function
    return line | {"context": {}, "allowed": True} | more


@pytest.fixture(scope="module")
def roles():
    (stack,) = iam_stacks.deployed([deployment()])
    return iam_stacks.roles_of(stack)


def without(roles, logical_id, action):
    """The roles, of which one no longer has a permission."""
    changed = []
    for role in roles:
        policies = copy.deepcopy(role.policies)
        mutant = Role(role.logical_id, role.name, role.stack, policies, role.trust)
        for _, statement in mutant.statements():
            if role.logical_id == logical_id and action in as_list(statement["Action"]):
                statement["Effect"] = "Deny" if len(as_list(statement["Action"])) == 1 else statement["Effect"]
                statement["Action"] = [name for name in as_list(statement["Action"]) if name != action] or action
        changed.append(mutant)
    return changed


def refused(roles, *decisions):
    """The actions of these calls that are refused, with the resources."""
    found, _ = iam.judge_calls(roles, decisions, reference())
    return sorted((each.operation, each.member) for each in found if each.of == "call")


RIGHT = [
    decision("CreateAccessPoint", ACCESS_POINT, f"{EFS}:file-system/fs-0123456789abcdef0", context=TAGS),
    decision("RegisterTaskDefinition", "ecs:RegisterTaskDefinition", f"{ECS}:task-definition/dev-1:1", context=TAGS),
    decision("CreateService", "ecs:CreateService", f"{ECS}:service/dev-cluster/dev-1-service", context=TAGS),
    decision("CreateListenerRule", "elasticloadbalancing:CreateRule", f"{ELB}:listener/app/a/1/2", context=TAGS),
    decision("CreateTargetGroup", "elasticloadbalancing:CreateTargetGroup", f"{ELB}:targetgroup/dev-1/2", context=TAGS),
    decision("DeregisterTaskDefinitions", "ecs:DeregisterTaskDefinition", "*"),
    decision(
        "BeginUpdate", "s3:PutObject", "arn:aws:s3:::dev-tenant-management-bucket-0123456789abc/update-tenant/1.json"
    ),
    decision(
        "RunDatabaseTaskMachine",
        "ecs:RunTask",
        f"{ECS}:task-definition/dev-generic-db-init:1",
        context={"ecs:cluster": f"{ECS}:cluster/dev-cluster"},
    ),
]
TAGGING = {
    "CreateTaskRole": "iam:TagRole",
    "CreateAccessPoint": "elasticfilesystem:TagResource",
    "RegisterTaskDefinition": "ecs:TagResource",
    "CreateService": "ecs:TagResource",
    "CreateListenerRule": "elasticloadbalancing:AddTags",
    "CreateTargetGroup": "elasticloadbalancing:AddTags",
}


RIGHT.append(
    decision(
        "CreateTaskRole",
        "iam:CreateRole",
        f"arn:aws:iam::{ACCOUNT}:role/dev-123456789012-task",
        context=TAGS | {"iam:permissionsboundary": f"arn:aws:iam::{ACCOUNT}:policy/dev-tenant-task-boundary"},
    )
)


def function_of(recorded):
    return recorded["function"]


def test_right_calls_are_allowed(roles):
    assert refused(roles, *RIGHT) == []


@pytest.mark.parametrize("recorded", RIGHT, ids=function_of)
def test_a_call_whose_permission_was_removed_is_refused(roles, recorded):
    fewer = without(roles, f"{function_of(recorded)}Role", recorded["action"])
    assert (recorded["action"], recorded["resources"][0]) in refused(fewer, recorded)


@pytest.mark.parametrize("recorded", [each for each in RIGHT if function_of(each) in TAGGING], ids=function_of)
def test_a_creation_with_tags_needs_the_permission_to_tag(roles, recorded):
    function = function_of(recorded)
    fewer = without(roles, f"{function}Role", TAGGING[function])
    assert {action for action, _ in refused(fewer, recorded)} == {TAGGING[function]}
    # Without tags it does not.
    assert TAGGING[function] not in {action for action, _ in refused(fewer, recorded | {"context": {}})}


def test_tags_of_an_access_point_are_checked_on_its_file_system_too(roles):
    fewer = without(roles, "CreateAccessPointRole", "elasticfilesystem:TagResource")
    kinds = [arn.split(":")[5].split("/")[0] for _, arn in refused(fewer, RIGHT[0])]
    assert kinds == ["access-point", "file-system"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"resources": [f"{ECS}:service/sit-cluster/sit-1-service"]},
        {"resources": [f"{ECS}:cluster/dev-cluster"]},
        {"action": "ecs:CreateServiceRevision"},
        {"context": {**TAGS, "aws:requesttag/tenant:managed-by": "somebody"}},
        {"principal": f"arn:aws:iam::{ACCOUNT}:role/dev-somebody"},
    ],
)
def test_a_wrong_call_is_found(roles, wrong):
    assert refused(roles, RIGHT[2] | wrong)


def test_a_condition_key_that_the_action_does_not_know_has_no_value(roles):
    # AWS gives ecs:StopTask no tags of the request, whatever the emulator does.
    changed = without(roles, "BeginUpdateRole", "nothing")
    for role in changed:
        for _, statement in role.statements():
            if role.logical_id == "BeginUpdateRole" and "ecs:StopTask" in as_list(statement["Action"]):
                statement["Condition"] = {"StringEquals": {"aws:RequestTag/tenant:managed-by": "tenant-management"}}
    stop = decision("BeginUpdate", "ecs:StopTask", f"{ECS}:task/dev-cluster/1", context=TAGS)
    assert refused(roles, stop) == []
    assert refused(changed, stop) == [("ecs:StopTask", f"{ECS}:task/dev-cluster/1")]


def test_what_was_denied_is_not_judged(roles):
    assert refused(roles, RIGHT[0] | {"allowed": False, "action": "ecs:StopTask"}) == []


def test_a_role_of_another_account_is_assumed_by_those_whom_it_trusts(roles):
    other = iam_stacks.deployed([deployment("sit-tenant-management", Environment="sit") | {"account": "815856636111"}])
    both = [*roles, *(role for stack in other for role in iam_stacks.roles_of(stack))]
    peer = "arn:aws:iam::815856636111:role/sit-tenant-management-peer"
    ours = decision("", "sts:AssumeRole", peer, principal=f"arn:aws:iam::{ACCOUNT}:role/dev-locate-tenant")
    assert refused(both, ours) == []
    for role in both:
        if role.name == "sit-tenant-management-peer":
            for statement in role.trust["Statement"]:
                statement["Condition"]["ArnLike"]["aws:PrincipalArn"] = "arn:aws:iam::*:role/nobody"
    assert refused(both, ours) == [("sts:AssumeRole", peer)]


def test_a_grant_that_no_call_needs_is_found(roles):
    found, _ = iam.judge_calls(roles, [RIGHT[0]], reference())
    unused = {(each.principal, each.operation) for each in found if each.of == "unused"}
    assert ("CreateAccessPointRole", "elasticfilesystem:DescribeAccessPoints") in unused
    assert ("CreateAccessPointRole", ACCESS_POINT) not in unused
    assert ("CreateAccessPointRole", "elasticfilesystem:TagResource") not in unused


def test_an_exception_that_covers_nothing_is_found_unless_it_depends_on_races(tmp_path):
    path = tmp_path / "exceptions.toml"
    path.write_text(
        '[[unused]]\noperation = "s3:*"\nmember = "*"\nreason = "a"\n'
        '[[unused]]\noperation = "s3:*"\nmember = "*"\nprincipal = "Role"\nreason = "b"\nsometimes = true\n'
    )
    _, spare = apart({}, exceptions(path))
    assert [exception.reason for exception in spare] == ["a"]
    left, spare = apart({Finding("unused", "s3:GetObject", "*", "", "Role"): 1}, exceptions(path))
    assert (left, spare) == ({}, [])


OWN, OTHERS = (f"{EFS}:access-point/fsap-{digit * 17}" for digit in "12")
TENANT = f"arn:aws:iam::{ACCOUNT}:role/dev-123456789012-task"


def role_of_a_tenant(*statements):
    """The roles of tenants that a recording of one creation gives."""
    common = {
        "service": "iam",
        "principal": f"arn:aws:iam::{ACCOUNT}:role/a-function",
        "status": 200,
        "time": 1,
    }
    role = {"RoleName": "dev-123456789012-task"}
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/dev-tenant-task-boundary"
    creation = role | {"Action": "CreateRole", "PermissionsBoundary": boundary, "AssumeRolePolicyDocument": "{}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    writing = role | {"Action": "PutRolePolicy", "PolicyName": "use-files", "PolicyDocument": policy}
    recorded = [common | {"body": urllib.parse.urlencode(form)} for form in (creation, writing)]
    return list(iam_stacks.roles_of_tenants(recorded, iam_stacks.deployed([deployment()])))


def mount(point, action="ClientMount"):
    resource, context = f"{EFS}:file-system/fs-0123456789abcdef0", {"elasticfilesystem:accesspointarn": point}
    line = {"principal": TENANT, "action": f"elasticfilesystem:{action}", "resources": [resource]}
    return line | {"context": context, "allowed": True}


def test_a_tenants_task_mounts_its_own_access_point_within_the_boundary():
    own = {"StringEquals": {"elasticfilesystem:AccessPointArn": OWN}}
    allow = {"Effect": "Allow", "Action": "elasticfilesystem:*", "Resource": "*"}
    narrow = role_of_a_tenant(allow | {"Condition": own})
    assert refused(narrow, mount(OWN)) == []
    assert [action for action, _ in refused(narrow, mount(OTHERS))] == ["elasticfilesystem:ClientMount"]
    # Whatever its policies allow, the boundary does not.
    assert refused(role_of_a_tenant(allow), mount(OWN, "ClientRootAccess")) != []
    deny = {
        "Effect": "Deny",
        "Action": "elasticfilesystem:*",
        "Resource": "*",
        "Condition": {"StringNotEquals": own["StringEquals"]},
    }
    assert refused(role_of_a_tenant(allow, deny), mount(OTHERS)) != []
    assert refused(role_of_a_tenant(allow, deny), mount(OWN)) == []


def test_a_role_is_judged_by_the_policy_that_it_had_at_the_time():
    def only(point):
        condition = {"StringEquals": {"elasticfilesystem:AccessPointArn": point}}
        allow = {"Effect": "Allow", "Action": "elasticfilesystem:*", "Resource": "*", "Condition": condition}
        (role,) = role_of_a_tenant(allow)
        return role

    roles = [only(OWN), dataclasses.replace(only(OTHERS), since=5)]
    assert refused(roles, mount(OWN) | {"time": 4}, mount(OTHERS) | {"time": 6}) == []
    assert refused(roles, mount(OTHERS) | {"time": 4}) != []


def test_a_role_without_the_boundary_is_refused(roles):
    (right,) = (each for each in RIGHT if function_of(each) == "CreateTaskRole")
    for boundary in ({}, {"iam:permissionsboundary": f"arn:aws:iam::{ACCOUNT}:policy/another"}):
        without_it = {key: value for key, value in right["context"].items() if key != "iam:permissionsboundary"}
        assert refused(roles, right | {"context": without_it | boundary}) == [("iam:CreateRole", right["resources"][0])]
