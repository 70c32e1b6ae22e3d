"""Roles, quotas, the deployed stack and its functions."""

import io
import json

import pytest

from preflight import __main__ as command
from preflight import report
from preflight.checks import permissions
from preflight.invocation import READING, REFUSED
from support import ACCOUNT, REGION, Account, Refusal, here, results, verdicts, world

TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]})


def role(trust=TRUST):
    return {
        "Role": {
            "Path": "/",
            "RoleName": "dev-ecs-task-role",
            "RoleId": "AROA00000000000000",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/dev-ecs-task-role",
            "CreateDate": 0,
            "AssumeRolePolicyDocument": trust,
        }
    }


def simulated(decision, **more):
    def answer(asked):
        pairs = [(action, arn) for action in asked["ActionNames"] for arn in asked["ResourceArns"]]
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalResourceName": arn, "EvalDecision": decision, **more}
                for action, arn in pairs
            ]
        }

    return {("iam", "simulate_principal_policy"): answer}


def test_roles_that_may_do_what_tasks_need():
    answers = world() | {("iam", "get_role"): role()} | simulated("allowed")
    for name in ("execution role of the tasks", "role of the tasks", "service-linked roles"):
        assert set(verdicts(name, here(answers))) == {"ok"}, name


@pytest.mark.parametrize("name", ["execution role of the tasks", "role of the tasks"])
@pytest.mark.parametrize(
    "answers",
    [
        {("iam", "get_role"): Refusal("NoSuchEntity")},
        {("iam", "get_role"): role(TRUST.replace("ecs-tasks", "ec2"))} | simulated("allowed"),
        {("iam", "get_role"): role()} | simulated("implicitDeny"),
    ],
)
def test_roles_that_may_not(name, answers):
    assert verdicts(name, here(world() | answers)) == ["problem"]


def test_without_the_service_linked_role_of_ecs_no_service_starts():
    answers = world() | {("iam", "get_role"): Refusal("NoSuchEntity")}
    assert verdicts("service-linked roles", here(answers)) == ["problem", "warning", "warning", "warning"]


def quota(name, value):
    return {"QuotaName": name, "Value": value}


def with_quotas(*quotas):
    return {
        ("service-quotas", "list_aws_default_service_quotas"): {"Quotas": []},
        ("service-quotas", "list_service_quotas"): {"Quotas": list(quotas)},
    }


def of_quota(name, answers, parameters=None):
    found = results("quotas", here(world() | answers, parameters))
    return [result.verdict for result in found if result.found.startswith(name)]


def test_quotas():
    groups, rules = "Target Groups per Application Load Balancer", "Rules per Application Load Balancer"
    good = with_quotas(quota(groups, 100.0), quota(rules, 100.0), quota("Fargate On-Demand vCPU resource count", 30.0))
    assert of_quota(groups, good) == ["ok"]
    assert of_quota("Fargate", good) == ["ok"]
    assert of_quota(groups, good, {"MaxTargetGroups": "200"}) == ["problem", "ok"]
    used = {("elbv2", "describe_target_groups"): {"TargetGroups": [{}] * 100}}
    assert of_quota(groups, good | used) == ["problem"]
    used = {("elbv2", "describe_target_groups"): {"TargetGroups": [{}] * 95}}
    assert of_quota(groups, good | used) == ["warning"]
    assert of_quota("Fargate", with_quotas(quota("Fargate On-Demand vCPU resource count", 6.0))) == ["warning"]


def test_a_quota_is_told_before_there_is_anything_that_uses_it():
    name = "Rules per Application Load Balancer"
    nothing = {("elbv2", "describe_load_balancers"): {"LoadBalancers": []}}
    assert of_quota(name, with_quotas(quota(name, 100.0)) | nothing) == ["ok"]


def test_a_quota_that_is_not_known_is_not_checked():
    refused = {("service-quotas", "list_aws_default_service_quotas"): Refusal("AccessDeniedException")}
    assert set(verdicts("quotas", here(world() | refused))) == {"not checked"}


def test_concurrency_and_roles_of_the_account():
    few = {
        ("lambda", "get_account_settings"): {
            "AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
        }
    }
    assert verdicts("concurrent executions of Lambda", here(world())) == ["ok"]
    assert verdicts("concurrent executions of Lambda", here(world() | few)) == ["warning"]
    for used, verdict in ((100, "ok"), (950, "problem")):
        summary = {("iam", "get_account_summary"): {"SummaryMap": {"Roles": used, "RolesQuota": 1000}}}
        assert verdicts("roles of the account", here(world() | summary)) == [verdict]


def deployed(answers):
    stack = {("cloudformation", "list_stack_resources"): {"StackResourceSummaries": []}}
    return here(world() | stack | answers, deployed=True)


def machine(asked):
    return {
        "stateMachineArn": asked["stateMachineArn"],
        "name": "m",
        "definition": "{}",
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/m",
        "type": "STANDARD",
        "creationDate": 0,
        "status": "ACTIVE",
    }


CONFIGURATION = {"Role": f"arn:aws:iam::{ACCOUNT}:role/f", "State": "Active", "LastUpdateStatus": "Successful"}


def alarm(**more):
    def answer(asked):
        settings = {"ActionsEnabled": True, "AlarmActions": ["arn:topic"], "StateValue": "OK"} | more
        return {"MetricAlarms": [{"AlarmName": name, **settings} for name in asked["AlarmNames"]]}

    return {("cloudwatch", "describe_alarms"): answer}


def queue(count):
    return {
        ("sqs", "get_queue_url"): {"QueueUrl": "https://queue"},
        ("sqs", "get_queue_attributes"): {"Attributes": {"ApproximateNumberOfMessages": str(count)}},
    }


TARGET = {"Id": "t", "Arn": "arn:t", "DeadLetterConfig": {"Arn": "arn:q"}}
TOPIC = {("sns", "list_subscriptions_by_topic"): {"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:s"}]}}
FUNCTIONS = ("lambda", "get_function_configuration")
RULE, TARGETS = ("events", "describe_rule"), ("events", "list_targets_by_rule")

# The check, good answers, bad answers, and their verdict.
AFTER = [
    ("functions are active", {FUNCTIONS: CONFIGURATION}, {FUNCTIONS: {**CONFIGURATION, "State": "Failed"}}, "problem"),
    (
        "functions are active",
        {FUNCTIONS: CONFIGURATION},
        {FUNCTIONS: {**CONFIGURATION, "State": "Inactive"}},
        "warning",
    ),
    ("functions are active", {FUNCTIONS: CONFIGURATION}, {FUNCTIONS: Refusal("ResourceNotFoundException")}, "problem"),
    (
        "state machines",
        {("stepfunctions", "describe_state_machine"): machine},
        {("stepfunctions", "describe_state_machine"): Refusal("StateMachineDoesNotExist")},
        "problem",
    ),
    ("alarms", alarm(), alarm(ActionsEnabled=False), "problem"),
    ("alarms", alarm(), alarm(StateValue="ALARM"), "warning"),
    (
        "subscription to the alarms",
        TOPIC,
        {("sns", "list_subscriptions_by_topic"): {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}},
        "warning",
    ),
    (
        "event rules",
        {RULE: {"State": "ENABLED"}, TARGETS: {"Targets": [TARGET]}},
        {RULE: {"State": "DISABLED"}, TARGETS: {"Targets": [TARGET]}},
        "problem",
    ),
    (
        "event rules",
        {RULE: {"State": "ENABLED"}, TARGETS: {"Targets": [TARGET]}},
        {RULE: {"State": "ENABLED"}, TARGETS: {}},
        "problem",
    ),
    ("queue of events that nobody could handle", queue(0), queue(2), "warning"),
    (
        "resources of the stack",
        {},
        {
            ("cloudformation", "list_stack_resources"): {
                "StackResourceSummaries": [
                    {
                        "LogicalResourceId": "CreateSecret",
                        "ResourceType": "AWS::Lambda::Function",
                        "LastUpdatedTimestamp": 0,
                        "ResourceStatus": "UPDATE_FAILED",
                    }
                ]
            }
        },
        "problem",
    ),
    (
        "permissions of the functions",
        {FUNCTIONS: CONFIGURATION} | simulated("allowed"),
        {FUNCTIONS: CONFIGURATION}
        | simulated("implicitDeny", OrganizationsDecisionDetail={"AllowedByOrganizations": False}),
        "problem",
    ),
    (
        "permissions of the state machines",
        {("stepfunctions", "describe_state_machine"): machine} | simulated("allowed"),
        {("stepfunctions", "describe_state_machine"): machine} | simulated("explicitDeny"),
        "problem",
    ),
]


@pytest.mark.parametrize(("name", "good", "bad", "verdict"), AFTER)
def test_what_is_deployed(name, good, bad, verdict):
    assert set(verdicts(name, deployed(good))) == {"ok"}
    assert verdict in verdicts(name, deployed(bad))
    assert verdicts(name, here(world())) == ["not checked"]


def test_a_stack_that_rolled_back_is_named():
    where = deployed({})
    assert verdicts("stack", where) == ["ok"]
    for status, verdict in (("UPDATE_ROLLBACK_COMPLETE", "warning"), ("ROLLBACK_COMPLETE", "problem")):
        where.stack["StackStatus"] = status
        assert verdicts("stack", where) == [verdict]


def test_a_denial_says_what_denies():
    denied = simulated("implicitDeny", OrganizationsDecisionDetail={"AllowedByOrganizations": False})
    (first, *_) = results("permissions of the functions", deployed({FUNCTIONS: CONFIGURATION} | denied))
    assert "denied by a service control policy" in first.found


def test_a_question_fulfils_the_conditions_of_its_statement():
    statement = {
        "Effect": "Allow",
        "Action": ["ecs:CreateService"],
        "Resource": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/dev-cluster/dev-*",
        "Condition": {"StringEquals": {"aws:RequestTag/tenant:managed-by": "tenant-management"}},
    }
    (question,) = permissions.questions([statement], ACCOUNT)
    assert question.resources == [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/dev-cluster/dev-100000000001"]
    assert question.context == {"aws:RequestTag/tenant:managed-by": ["tenant-management"]}
    without = {**statement, "Resource": "arn:aws:route53:::hostedzone/"}
    assert not list(permissions.questions([without], ACCOUNT))
    for_nothing = {**statement, "Condition": {"StringEquals": {"elasticfilesystem:AccessPointArn": ""}}}
    assert not list(permissions.questions([for_nothing], ACCOUNT))


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [
        ("listener/app/*", "listener/app/preflight/1/1"),
        ("listener-rule/app/*", "listener-rule/app/preflight/1/1/1"),
        ("task-definition/dev-*", "task-definition/dev-100000000001:1"),
        ("task-definition/dev-*:*", "task-definition/dev-100000000001:100000000001"),
        ("targetgroup/dev-*/*", "targetgroup/dev-100000000001/100000000001"),
    ],
)
def test_a_question_names_a_resource_of_the_form_that_aws_has(pattern, asked):
    statement = {"Effect": "Allow", "Action": "a:B", "Resource": f"arn:aws:a:{REGION}:*:{pattern}"}
    (question,) = permissions.questions([statement], ACCOUNT)
    assert question.resources == [f"arn:aws:a:{REGION}:{ACCOUNT}:{asked}"]


RESOLVED = {
    "environment": {
        "vpc_id": "vpc-1",
        "security_group_id": "sg-tasks",
        "subnet_ids": ["subnet-b", "subnet-a"],
        "database_host": "db.example.com",
        "database_port": 3306,
    },
    # Of locate-tenant.
    "environments": [],
}


def functions(**errors):
    """Functions that answer as they should, except for those with an error."""
    calls = []

    def answer(asked):
        name, payload = asked["FunctionName"].removeprefix("dev-"), json.loads(asked["Payload"])
        calls.append((name, payload))
        expected = {"describe-tenant": "TenantNotFound", "tail-tenant-logs": "TenantNotFound"}.get(name)
        error = errors.get(name.replace("-", "_"), expected or (None if name in READING else "InvalidRequest"))
        body = {"errorType": error, "errorMessage": "it is so"} if error else RESOLVED
        response = {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(body).encode())}
        return response | ({"FunctionError": "Unhandled"} if error else {})

    return {("lambda", "invoke"): answer}, calls


CALLING = ["resolve-environment", "functions that read", "functions that write start and refuse"]


@pytest.mark.parametrize("name", CALLING)
def test_functions_that_answer_as_they_should(name):
    answers, _ = functions()
    assert set(verdicts(name, deployed(answers))) == {"ok"}


@pytest.mark.parametrize(
    ("name", "errors"),
    [
        ("resolve-environment", {"resolve_environment": "EnvironmentNotReady"}),
        ("functions that read", {"list_tenants": "Sandbox.Timedout"}),
        ("functions that read", {"describe_tenant": "AccessDenied"}),
        ("functions that write start and refuse", {"create_secret": "Runtime.ExitError"}),
        ("functions that write start and refuse", {"purge_files": "AccessDenied"}),
    ],
)
def test_functions_that_do_not(name, errors):
    answers, _ = functions(**errors)
    assert "problem" in verdicts(name, deployed(answers))


def test_only_functions_that_read_get_an_input_that_is_one():
    answers, calls = functions()
    for name in CALLING:
        results(name, deployed(answers))
    for function, payload in calls:
        assert function in READING or payload == REFUSED, function
        if isinstance(payload, dict):
            assert payload.get("tenant_id", "000000000000") == "000000000000"
    assert len({function for function, _ in calls}) > 50


def test_another_network_than_the_functions_is_a_problem():
    answers, _ = functions()
    where = deployed(answers)
    where.parameters["PrivateSubnetIds"] = "subnet-a"
    (first,) = results("resolve-environment", where)
    assert (first.verdict, "subnet_ids" in first.found) == ("problem", True)


def test_the_exit_status_tells_a_program_whether_there_are_problems(monkeypatch, capsys):
    account = Account(world() | {("cloudformation", "describe_stacks"): Refusal("ValidationError")})
    monkeypatch.setattr(command.boto3, "Session", lambda: account.session)
    monkeypatch.setattr(command, "CHECKS", [check for check in command.CHECKS if check.name in ("VPC", "cluster")])
    assert command.main(["--environment", "dev"]) == 0
    assert "2 ok, 0 warning, 0 problem" in capsys.readouterr().out
    account.answers["ecs", "describe_clusters"] = {"clusters": []}
    assert command.main(["--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["deployed"], [one["verdict"] for one in found["results"]]) == (False, ["ok", "problem"])
    account.answers["sts", "get_caller_identity"] = Refusal("ExpiredToken")
    assert command.main([]) == 2


def test_the_table_has_the_remedy_and_its_source():
    from preflight.results import CHECKS, problem

    (check,) = [check for check in CHECKS if check.name == "cluster"]
    first, second = report.lines(check, problem("cluster dev-cluster is missing", "create it"))
    assert first == "problem      cluster: cluster dev-cluster is missing"
    assert second.strip() == "→ create it (docs/deploying.md, step 1)"
