"""The template and the parameters are read as CloudFormation and sam read them."""

import pathlib

import pytest

from preflight import parameters, template
from preflight.checks import network
from preflight.template import Template
from support import ACCOUNT, REGION, here, world


def test_every_function_has_a_name_and_its_statements_are_resolved():
    functions = dict(here(world()).template.functions())
    assert functions["CreateSecret"]["FunctionName"] == "dev-create-secret"
    for properties in functions.values():
        for statement in here(world()).template.statements(properties):
            assert "Fn::" not in str(statement), statement


def test_a_condition_decides_whether_a_function_is_in_the_vpc():
    def names(found):
        return {properties["FunctionName"] for _, properties in found.functions() if "VpcConfig" in properties}

    assert "dev-create-database" in names(here(world()).template)
    assert not names(Template(template.defaults() | {"Environment": "dev"}, ACCOUNT, REGION))


def test_the_services_that_functions_call_are_those_of_the_guide():
    assert set(network.services_of_functions(here(world()))) == {
        "secretsmanager",
        "ecs",
        "elasticloadbalancing",
        "elasticfilesystem",
        "logs",
        "states",
        "iam",
    }
    assert "iam" not in network.services_of_functions(here(world(), {"TaskRoles": "shared"}))
    with_zone = here(world(), {"HostedZoneId": "Z123"})
    assert "route53" in network.services_of_functions(with_zone)


def test_the_rules_of_events_are_found():
    assert ("dev-start-provisioning", "default") in set(here(world()).template.rules())
    assert ("dev-audit-tenants", "default") in set(here(world()).template.rules())


def test_parameters_are_read_from_samconfig(tmp_path: pathlib.Path):
    path = tmp_path / "samconfig.toml"
    path.write_text(
        "[dev.deploy.parameters]\nregion = 'eu-west-1'\n"
        'parameter_overrides = "Environment=dev SiteEnvironment=\'{\\"TZ\\": \\"UTC\\"}\' VpcId=vpc-1"\n'
    )
    found, region = parameters.of_samconfig(path, "dev")
    assert (found["VpcId"], found["SiteEnvironment"], region) == ("vpc-1", '{"TZ": "UTC"}', "eu-west-1")
    assert parameters.of_samconfig(path, "prod") == ({}, None)
    path.write_text("[dev.deploy.parameters]\nparameter_overrides = ['Environment=dev', 'VpcId=vpc-2']\n")
    assert parameters.of_samconfig(path, "dev")[0]["VpcId"] == "vpc-2"


def test_the_command_line_overrides_the_stack_which_overrides_samconfig():
    defaults = {"VpcId": "", "Domain": None, "DefaultCpu": "256"}
    before, _ = parameters.merge(defaults, {"VpcId": "vpc-1"}, None, {"Domain": "a.example"})
    assert before == {"VpcId": "vpc-1", "Domain": "a.example", "DefaultCpu": "256"}
    after, changes = parameters.merge(defaults, {"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}, {})
    assert (after["VpcId"], changes) == ("vpc-2", ["VpcId"])


def test_a_parameter_that_the_template_does_not_have_is_refused():
    with pytest.raises(ValueError, match="no parameter VpcID"):
        parameters.merge({"VpcId": ""}, {}, None, {"VpcID": "vpc-1"})
    with pytest.raises(ValueError, match="write Name=value"):
        parameters.parse("VpcId")
