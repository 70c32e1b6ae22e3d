"""What the judges find, and the exceptions from it."""

import collections
import fnmatch
import tomllib
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """Something that AWS's models do not allow."""

    # What was judged: `request` or `answer`.
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
    reason: str

    def covers(self, finding):
        """Whether the finding is meant."""
        pairs = ((finding.operation, self.operation), (finding.member, self.member), (finding.fault, self.fault))
        return finding.of == self.of and all(_matches(text, pattern) for text, pattern in pairs)


def _matches(text, pattern):
    # Brackets are a part of members' paths, and no pattern.
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def exceptions(path):
    """The exceptions of a TOML file: tables [[request]] and [[answer]]. A reason is required."""
    tables = tomllib.loads(path.read_text())
    found = []
    for of, entries in tables.items():
        for entry in entries:
            if not entry.get("reason", "").strip():
                raise ValueError(f"{path.name}: {of} of {entry.get('operation')}: give the reason")
            found.append(Exceptional(of, entry["operation"], entry["member"], entry.get("fault", "*"), entry["reason"]))
    return found


def apart(counted, excepted):
    """The findings that no exception covers, with their counts, and the exceptions that cover none."""
    left, used = collections.Counter(), set()
    for finding, count in counted.items():
        covering = [each for each in excepted if each.covers(finding)]
        used.update(covering)
        if not covering:
            left[finding] = count
    return left, [each for each in excepted if each not in used]
