"""An account of moto, with what an environment offers before tenant management is deployed."""

import json
import urllib.request
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer
from samtranslator.yaml_helper import yaml_parse

import mends  # noqa: F401 - moto without it is no second AWS

ROOT = Path(__file__).parents[2]
NUMBER = "123456789012"  # moto's account, unless a call names another one
REGION = "eu-west-1"
ENVIRONMENT = "dev"
DOMAIN = "example.com"
CREDENTIALS = {"aws_access_key_id": "moto", "aws_secret_access_key": "moto"}

# moto's CloudFormation makes no secrets. What gets its properties from the secret is only for environments in which a
# task creates the databases.
_NOT_IN_MOTO = ("MasterCredentials", "DatabaseInitialization")


class Account:
    """The only account of the server, and the only region that is used."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.hosted_zone_id = None

    def client(self, service):
        """A client of boto3."""
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **CREDENTIALS)

    def renew(self):
        """Empty the account."""
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def offer_an_environment(self, database):
        """Deploy what all tenants share, as local/shared-infrastructure.yaml describes it."""
        certificate = self.client("acm").request_certificate(DomainName=f"*.{DOMAIN}")["CertificateArn"]
        template = yaml_parse((ROOT / "local/shared-infrastructure.yaml").read_text())
        for name in [name for name in template["Resources"] if name.startswith(_NOT_IN_MOTO)]:
            del template["Resources"][name]
        values = {
            "Environment": ENVIRONMENT,
            "Domain": DOMAIN,
            "CertificateArn": certificate,
            "DatabaseHost": database.host,
            "DatabaseAdminPassword": "in the secret only",
        }
        cloudformation = self.client("cloudformation")
        name = f"{ENVIRONMENT}-shared-infrastructure"
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        [self.hosted_zone_id] = [out["OutputValue"] for out in stack["Outputs"] if out["OutputKey"] == "HostedZoneId"]
        # moto's CloudFormation does not set this, and no task starts without it.
        ec2 = self.client("ec2")
        for vpc in ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-vpc"]}])["Vpcs"]:
            ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": True})
        self.client("secretsmanager").create_secret(
            Name=f"{ENVIRONMENT}-rds-master-credentials", SecretString=json.dumps(database.administrator)
        )


class Server:
    """moto, on a free port of this machine, while it is entered."""

    def __enter__(self):
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        return Account(f"http://{host}:{port}")

    def __exit__(self, *_):
        self._server.stop()
