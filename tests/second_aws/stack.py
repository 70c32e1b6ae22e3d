"""Tenant management, as template.yaml deploys it into the account."""

from pathlib import Path

from account import DOMAIN, ENVIRONMENT, NUMBER, REGION, ROOT
from functions import Functions
from judges.iam_templates import Stack, resources
from machines import Machines

_ARN = f"arn:aws:{{service}}:{REGION}:{NUMBER}:{{name}}"


def deploy(account, database, files):
    """Deploy the stack, whose functions mount the directory `files`. Return its functions and state machines.

    moto runs neither: its Lambda wants Docker, and its Step Functions know no JSONata.
    """
    parameters = {
        "Environment": ENVIRONMENT,
        "Domain": DOMAIN,
        "ExpectedAccount": NUMBER,
        "ExpectedRegion": REGION,
        "HostedZoneId": account.hosted_zone_id,
        "DatabaseCaBundle": database.authority,
        "DevPeer": f"{NUMBER}:{REGION}",
        # Functions see the file system only if they are in a network.
        "FilesAccessPointArn": _ARN.format(service="elasticfilesystem", name="access-point/fsap-00000000000000000"),
        "LambdaSubnetIds": "subnet-00000000000000000",
        "LambdaSecurityGroupIds": "sg-00000000000000000",
        "FilesDirectory": str(files),
    }
    stack = Stack(f"{ENVIRONMENT}-tenant-management", NUMBER, REGION, parameters)
    found = {kind: [] for kind in ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine", "AWS::S3::Bucket")}
    for _, kind, properties in resources(ROOT / "template.yaml", stack, found):
        found[kind].append(properties)
    functions = {one["FunctionName"]: one for one in found["AWS::Lambda::Function"]}
    buckets = {one["Environment"]["Variables"].get("BUCKET") for one in functions.values()} - {None}
    for name in buckets:
        account.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    functions = Functions(functions, account.endpoint)
    definitions = {one["StateMachineName"]: _definition(one) for one in found["AWS::StepFunctions::StateMachine"]}
    return functions, Machines(account, functions, definitions)


def _definition(machine):
    """The text of a state machine, with its substitutions made."""
    name = machine["StateMachineName"].partition("-")[2]
    text = Path(ROOT / f"statemachines/{name}.asl.json").read_text()
    for key, value in machine["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{key}}}", str(value))
    return text
