"""Judges the expressions of the state machines by JSONata's reference engine.

`python -m judges.jsonata` judges only what needs no recording: what the state machines do with an error.
"""

import collections
import pathlib
import sys

from judges import jsonata_matrix, jsonata_replay, recordings
from judges.findings import Finding, apart, exceptions, print_unused
from judges.jsonata_engine import Engine
from judges.jsonata_errors import ROWS
from judges.jsonata_machines import machines
from judges.node import NodeError

EXCEPTIONS = pathlib.Path(__file__).parents[1] / "jsonata_exceptions.toml"


def judge_definitions(definitions, rows, engine):
    """Findings about what state machines do with each kind of error, with their numbers."""
    found, errors = collections.Counter(), collections.defaultdict(list)
    for name, definition in definitions.items():
        for place, fault in jsonata_matrix.unparsable(definition, engine):
            found[Finding("expression", name, place, fault)] += 1
        for place, fault, row in jsonata_matrix.findings(definition, rows, engine):
            errors[name, place, fault].append(row.name)
    for (name, place, fault), after in errors.items():
        found[Finding("error", name, place, f"{fault} after {after[0]}")] = len(after)
    return found


def judge_evaluations(lines, engine):
    """Findings about what the emulator has evaluated, with their numbers, and how many evaluations were judged."""
    found, judged = collections.Counter(), 0
    for line, fault in jsonata_replay.differences(lines, engine):
        judged += "skipped" not in line
        if fault:
            found[
                Finding("evaluation", line["machine"] or "", line["state"] or "", f"{line['expression']} {fault}")
            ] += 1
    return found, judged


def main(directory=None):
    """Prints what is found; gives the status to end with."""
    excepted = exceptions(EXCEPTIONS)
    with Engine() as engine:
        found, judged = judge_definitions(machines(), ROWS, engine), 0
        if directory is None:
            excepted = [exception for exception in excepted if exception.of != "evaluation"]
        else:
            of_evaluations, judged = judge_evaluations(recordings.lines(directory, "evaluations"), engine)
            found += of_evaluations
    left, spare = apart(found, excepted)
    for finding, count in sorted(left.items()):
        print(f"{finding} [{count} times]")
    print_unused(spare, EXCEPTIONS)
    what = f"{len(machines())} state machines, {len(ROWS)} kinds of errors"
    print(f"{what}{f' and {judged} different evaluations' if directory else ''} are judged, with {len(left)} findings")
    return 1 if left or spare or (directory and not judged) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:2]))
    except (recordings.RecordingError, NodeError) as error:
        sys.exit(str(error))
