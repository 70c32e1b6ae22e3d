"""What the judges find, and the exceptions from it."""

import collections
import fnmatch
import tomllib
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """Something that AWS's models do not allow."""

    # What was judged: `request` or `answer`; for the judges of IAM, see iam_exceptions.toml.
    of: str
    # Service and operation, such as `ecs:CreateService`.
    operation: str
    # The path of the member, such as `tags[].key`.
    member: str
    # What is wrong with it.
    fault: str
    # Whose call it was.
    principal: str = ""

    def __str__(self):
        who = f" ({self.principal.rpartition('/')[2]})" if self.principal else ""
        return " ".join(f"{self.of} of {self.operation}{who}: {self.member} {self.fault}".split())


@dataclass(frozen=True)
class Exceptional:
    """Findings that are known, and the reason why they are right. `*` stands for any text."""

    of: str
    operation: str
    member: str
    fault: str
    principal: str
    reason: str
    # Whether it depends on the order of events in a run that there is something to cover.
    sometimes: bool = False

    def covers(self, finding):
        """Whether the finding is meant."""
        return finding.of == self.of and all(
            _matches(getattr(finding, name), getattr(self, name))
            for name in ("operation", "member", "fault", "principal")
        )


def _matches(text, pattern):
    # Brackets are a part of members' paths, and no pattern.
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def exceptions(path):
    """The exceptions of a TOML file, in a table for each kind of finding. A reason is required."""
    tables = tomllib.loads(path.read_text())
    found = []
    for of, entries in tables.items():
        for entry in entries:
            if not entry.get("reason", "").strip():
                raise ValueError(f"{path.name}: {of} of {entry.get('operation')}: give the reason")
            anything = {"fault": "*", "principal": "*"}
            found.append(Exceptional(of, **anything | entry))
    return found


def apart(counted, excepted):
    """The findings that no exception covers, with their counts, and the exceptions that cover none."""
    left, used = collections.Counter(), set()
    for finding, count in counted.items():
        covering = [each for each in excepted if each.covers(finding)]
        used.update(covering)
        if not covering:
            left[finding] = count
    return left, [each for each in excepted if each not in used and not each.sometimes]


def print_unused(unused, path):
    """Prints the exceptions of a TOML file that cover nothing. Each is a failure, so that none outlives its cause."""
    for exception in unused:
        what = f"{exception.of} of {exception.operation}, {exception.member}"
        print(f"{path.name}: {what}: matches nothing, remove it")
