"""The roles that exist before the deployment."""

from preflight.results import check, ok, problem, warning
from preflight.simulation import Question, denied

GUIDE = "docs/deploying.md, step 1"
_ABSENT = ("NoSuchEntity",)


# AWS creates each with the first resource of the service, if whoever creates that may do so. The functions may not.
@check("service-linked roles", GUIDE)
def service_linked_roles(here):
    """ECS's role attaches network interfaces and registers targets. The others matter to who makes such resources."""
    wanted = {
        "AWSServiceRoleForECS": "ecs",
        "AWSServiceRoleForElasticLoadBalancing": "elasticloadbalancing",
        "AWSServiceRoleForAmazonElasticFileSystem": "elasticfilesystem",
        "AWSServiceRoleForRDS": "rds",
    }
    for name, service in wanted.items():
        if here.aws.get("iam", "get_role", _ABSENT, RoleName=name):
            yield ok(name)
            continue
        remedy = f"aws iam create-service-linked-role --aws-service-name {service}.amazonaws.com"
        yield (problem if service == "ecs" else warning)(f"there is no role {name}", remedy)


def _execution_questions(here):
    place = f"{here.region}:{here.account}"
    secret = f"arn:aws:secretsmanager:{place}:secret:{here.environment}-100000000001"
    group = f"arn:aws:logs:{place}:log-group:/ecs/{here.environment}-100000000001:log-stream:wordpress/wordpress/1"
    yield Question(["secretsmanager:GetSecretValue"], [f"{secret}-db-credentials-AbCdEf"])
    yield Question(["secretsmanager:GetSecretValue"], [f"{secret}-site-credentials-AbCdEf"])
    yield Question(["logs:CreateLogStream", "logs:PutLogEvents"], [group])
    yield Question(["ecr:GetAuthorizationToken"], ["*"])


@check("execution role of the tasks", GUIDE)
def execution_role(here):
    """Without it, no task starts: it reads both secrets and pulls the image."""
    name = here.given("TaskExecutionRoleName") or here.named("ecs-task-execution-role")
    return _role(here, name, "TaskExecutionRoleName", list(_execution_questions(here)))


@check("role of the tasks", GUIDE)
def task_role(here):
    """It mounts the file system through the tenant's access point."""
    name = here.given("TaskRoleName") or here.named("ecs-task-role")
    place = f"arn:aws:elasticfilesystem:{here.region}:{here.account}"
    point = {"elasticfilesystem:AccessPointArn": [f"{place}:access-point/fsap-00000000000000000"]}
    actions = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    systems = [system["FileSystemArn"] for system in here.file_systems if "FileSystemArn" in system]
    return _role(here, name, "TaskRoleName", [Question(actions, systems, point)] if systems else [])


def _role(here, name, parameter, questions):
    found = here.aws.get("iam", "get_role", _ABSENT, RoleName=name.rpartition("/")[2])
    if found is None:
        return problem(f"there is no role {name}", f"create it, or set the parameter {parameter}")
    role = found["Role"]
    if not _trusts_tasks(role.get("AssumeRolePolicyDocument")):
        return problem(f"{name} does not trust ecs-tasks.amazonaws.com", "add it to the role's trust policy")
    refused = [text for question in questions for text in denied(here.aws, role["Arn"], question)]
    if refused:
        return problem(f"{name}: {'; '.join(refused)}", "see the policy in local/shared-infrastructure.yaml")
    return ok(f"{name}, allowed what the tasks need")


def _trusts_tasks(document):
    if not isinstance(document, dict):
        return True
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    services = [statement.get("Principal", {}) for statement in statements if statement.get("Effect") == "Allow"]
    return any("ecs-tasks.amazonaws.com" in str(principal) for principal in services)
