"""Judges the roles of the templates by AWS's reference, and what they have done by a simulator of AWS's IAM.

`python -m judges.iam` judges only what needs no recording: the grants.
"""

import collections
import pathlib
import sys

from judges import iam_grants, recordings
from judges.findings import Finding, apart, exceptions, print_unused
from judges.iam_calls import Calls, question, unknown, unused_grants
from judges.iam_reference import reference
from judges.iam_simulator import answers
from judges.iam_stacks import TEMPLATES, deployed, resource_policies_of, roles_of, roles_of_tenants
from judges.iam_templates import Stack
from judges.node import NodeError

EXCEPTIONS = pathlib.Path(__file__).parents[1] / "iam_exceptions.toml"
# A made-up deployment, for judging the grants without one.
_ACCOUNT, _REGION = "111122223333", "eu-west-1"
_PARAMETERS = {
    "Environment": "dev",
    "Domain": "example.com",
    "HostedZoneId": "Z0123456789",
    "FilesAccessPointArn": f"arn:aws:elasticfilesystem:{_REGION}:{_ACCOUNT}:access-point/fsap-0123456789abcdef0",
}


def example_stacks():
    """A stack of each template, with made-up parameters."""
    return [Stack(f"dev-{end}", _ACCOUNT, _REGION, _PARAMETERS) for end in TEMPLATES]


def judge_grants(stacks, known):
    """Findings about what the policies of the stacks grant, with their numbers."""
    found = []
    for stack in stacks:
        for role in roles_of(stack):
            found.extend(iam_grants.findings(role, known))
        for logical_id, policy in resource_policies_of(stack):
            found.extend(iam_grants.findings_of_a_resource(logical_id, policy, known))
    return collections.Counter(
        Finding("grant", grant.action, grant.resource, text, grant.role) for grant, text in found
    )


def judge_calls(roles, decisions, known):
    """Findings about what roles have done and about what they need not, and the number of checks."""
    calls = Calls(roles)
    for decision in decisions:
        calls.add(decision)
    found = collections.Counter()
    for principal, count in calls.strangers.items():
        found[Finding("call", "*", "*", "is made by no role of the templates", principal)] = count
    asked = []
    for role, checks in calls.checks.items():
        for check, demanded in checks.values():
            fault = None if demanded else unknown(check, known)
            if fault:
                found[
                    Finding("call", check.action, check.resource, f"is not what AWS checks: {fault}", role.logical_id)
                ] += 1
            else:
                asked.append((role, check, demanded))
    questions = [
        question(role, check, known, calls.role_of(check.resource) if check.action == "sts:AssumeRole" else None)
        for role, check, _ in asked
    ]
    for (role, check, demanded), answer in zip(asked, answers(questions), strict=True):
        if answer != "Allowed":
            whose = "which a creation with tags needs" if demanded else "which the emulator allows"
            text = f"{whose}, is {answer} on AWS; condition keys: {check.keys()}"
            found[Finding("call", check.action, check.resource, text, role.logical_id)] += 1
    for grant in unused_grants(calls, roles, known):
        found[Finding("unused", grant.action, grant.resource, "is granted, but no call has needed it", grant.role)] += 1
    return found, len(asked)


def judge(directory=None):
    """Findings that no exception covers, exceptions that cover none, and the number of checks."""
    known, excepted = reference(), exceptions(EXCEPTIONS)
    found, judged = judge_grants(example_stacks(), known), 0
    if directory is None:
        excepted = [exception for exception in excepted if exception.of == "grant"]
    else:
        stacks = deployed(recordings.lines(directory, "requests"))
        roles = [role for stack in stacks for role in roles_of(stack)]
        roles += roles_of_tenants(recordings.lines(directory, "requests"), stacks)
        of_calls, judged = judge_calls(roles, recordings.lines(directory, "decisions"), known)
        found += of_calls
    return *apart(found, excepted), judged


def main(directory=None):
    """Prints what is found; gives the status to end with."""
    left, spare, judged = judge(directory)
    for finding in sorted(left):
        print(finding)
    print_unused(spare, EXCEPTIONS)
    print(f"the grants{f' and {judged} different calls' if directory else ''} are judged, with {len(left)} findings")
    return 1 if left or spare or (directory and not judged) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:2]))
    except (recordings.RecordingError, NodeError) as error:
        sys.exit(str(error))
