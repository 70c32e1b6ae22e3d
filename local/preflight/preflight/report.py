"""The report: a table for a person, or JSON."""

import collections
import json
import textwrap

from preflight.results import OK, PROBLEM, UNCHECKED, WARNING

_WIDTH = 120
_VERDICT = 13


def as_json(here, results):
    """All that is known, for a program."""
    found = [
        {
            "check": check.name,
            "verdict": result.verdict,
            "found": result.found,
            "remedy": result.remedy,
            "source": check.source,
        }
        for check, result in results
    ]
    where = {
        "environment": here.environment,
        "account": here.account,
        "region": here.region,
        "deployed": bool(here.stack),
    }
    return json.dumps(where | {"results": found}, indent=2)


def heading(here):
    """Where and when it was asked."""
    when = "after" if here.stack else "before"
    return f"{here.environment}, account {here.account}, {here.region}: {when} the deployment"


def lines(check, result):
    """A result, with the remedy below it where there is something to do."""
    found = _wrapped(f"{result.verdict:{_VERDICT}}", f"{check.name}: {result.found}")
    if result.remedy and result.verdict != OK:
        found += _wrapped(" " * _VERDICT, f"→ {result.remedy} ({check.source})")
    return found


def summary(results):
    """How many results have each verdict."""
    counts = collections.Counter(result.verdict for _, result in results)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in (OK, WARNING, PROBLEM, UNCHECKED))


def _wrapped(begin, text):
    indent = " " * (_VERDICT + 4)
    # Identifiers are not cut, so that they can be copied.
    return textwrap.wrap(
        text, _WIDTH, initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
