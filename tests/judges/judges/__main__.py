"""`python -m judges <recordings>`: prints what the judges find, and fails if there is anything."""

import concurrent.futures
import pathlib
import sys

from judges import calls, iam, jsonata, recordings
from judges.findings import apart, exceptions, print_unused
from judges.node import NodeError

EXCEPTIONS = pathlib.Path(__file__).parents[1] / "exceptions.toml"


def main(directory):
    """Judges the recordings in a directory; gives the status to end with."""
    found, judged = calls.judge(recordings.lines(directory, "requests"))
    left, unused = apart(found, exceptions(EXCEPTIONS))
    for finding, count in sorted(left.items()):
        print(f"{finding} [{count} times]")
    print_unused(unused, EXCEPTIONS)
    print(f"{judged.total()} calls of {len(judged)} operations are judged, with {len(left)} findings")
    if not judged:
        print(f"nothing is recorded in {directory}")
    return 1 if left or unused or not judged else 0


def judge(directory):
    """Has each judge judge the recordings, in a process of its own; gives the status to end with."""
    judges = [main, iam.main, jsonata.main]
    with concurrent.futures.ProcessPoolExecutor(len(judges)) as processes:
        judging = [processes.submit(one, directory) for one in judges]
    return max(one.result() for one in judging)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m judges <directory of recordings>")
    try:
        sys.exit(judge(sys.argv[1]))
    except (recordings.RecordingError, NodeError) as error:
        sys.exit(str(error))
