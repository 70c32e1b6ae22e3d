"""Asks a simulator of AWS's IAM, which is a program of its own: tests/judges/iam-simulator."""

import json

from judges import node


def answers(questions):
    """The simulator's answer to each question, such as `Allowed`. A question is a dictionary, see `simulate.js`."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    found = node.run("node", ["simulate.js"], node.installed("iam-simulator"), lines).splitlines()
    if len(found) != len(questions):
        raise node.NodeError(f"the simulator has given {len(found)} answers to {len(questions)} questions")
    return found
