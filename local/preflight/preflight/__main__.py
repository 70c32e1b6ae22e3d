"""The command: make preflight."""

import argparse
import json
import os
import pathlib
import sys

import boto3
import botocore.exceptions

from preflight import aws, calls, checks, parameters, report, template  # noqa: F401 - imports register the checks
from preflight.here import Here
from preflight.results import CHECKS, PROBLEM

_ROOT = template.PATH.parent


def _arguments(arguments):
    parser = argparse.ArgumentParser("preflight", description="Checks an account, before and after the deployment.")
    environment = os.environ.get("ENVIRONMENT", "dev")
    parser.add_argument("--environment", default=environment, choices=["dev", "sit", "prod"])
    parser.add_argument("--parameter-overrides", nargs="*", default=[], metavar="Name=value", help="as for sam deploy")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    parser.add_argument("--policy", action="store_true", help="print the policy that the caller needs, and end")
    parser.add_argument("--samconfig", type=pathlib.Path, default=_ROOT / "samconfig.toml")
    return parser.parse_args(arguments)


def find_here(way, region, options):
    """The environment: its account, its stack, and the parameters that count."""
    account = way.call("sts", "get_caller_identity")["Account"]
    name = f"{options.environment}-tenant-management"
    # CloudFormation answers with a ValidationError when there is no such stack.
    found = way.get("cloudformation", "describe_stacks", ("ValidationError",), StackName=name)
    stack = found["Stacks"][0] if found else None
    of_stack = None
    if stack:
        of_stack = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])}
    given = parameters.parse_words(options.parameter_overrides)
    samconfig, _ = parameters.of_samconfig(options.samconfig, options.environment)
    defaults = template.defaults() | {"Environment": options.environment}
    merged, changes = parameters.merge(defaults, samconfig, of_stack, given)
    return Here(way, options.environment, region, account, merged, stack, tuple(changes))


def main(arguments):
    """Returns the exit status: 0, 1 if there are problems, 2 if nothing could be asked."""
    options = _arguments(arguments)
    if options.policy:
        print(json.dumps(calls.policy(options.environment), indent=2))
        return 0
    try:
        session = boto3.Session()
        if not session.region_name:
            print("preflight: no region: set AWS_REGION and AWS_DEFAULT_REGION, or choose AWS_PROFILE", file=sys.stderr)
            return 2
        here = find_here(aws.Aws(session), session.region_name, options)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        print(f"preflight: {aws.reason(error)}: check AWS_PROFILE and AWS_REGION", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"preflight: {error}", file=sys.stderr)
        return 2
    results = _results(here, show=options.output == "table")
    print(report.as_json(here, results) if options.output == "json" else report.summary(results))
    return 1 if any(result.verdict == PROBLEM for _, result in results) else 0


def _results(here, show):
    """All results. They are shown as they come, because all of them together take minutes."""
    results = []
    if show:
        print(report.heading(here))
    for check in CHECKS:
        for result in check.results(here):
            results.append((check, result))
            if show:
                print(*report.lines(check, result), sep="\n", flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
