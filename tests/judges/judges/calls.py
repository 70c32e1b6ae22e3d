"""Judges every recorded call: the requests of the stack's roles, and the answers that these got."""

import collections

from judges import answers, models, requests
from judges.findings import Finding

_ROLE = "arn:aws:iam::"


def judge(lines):
    """The findings with how often each was made, and how many calls of each operation were judged."""
    found, judged = collections.Counter(), collections.Counter()
    for line in lines:
        if not line["principal"].startswith(_ROLE):
            # The tests' own calls, and those of the tools that deploy.
            continue
        try:
            call = models.call(line)
        except models.UnknownOperationError as error:
            found[Finding("request", line["service"], "", str(error), line["principal"])] += 1
            continue
        judged[call.name] += 1
        for member, fault in requests.faults(call) or ():
            found[Finding("request", call.name, member, fault, line["principal"])] += 1
        for member, fault in answers.faults(call) or ():
            found[Finding("answer", call.name, member, fault)] += 1
    return found, judged
