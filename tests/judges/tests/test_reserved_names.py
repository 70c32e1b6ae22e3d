"""No execution ends with an error of its own whose name begins with "States.".

These names are reserved for Step Functions: a Fail state may not raise them. Source: "Handling errors in Step Functions
workflows" in the developer guide.
"""

import json

import pytest

from judges import jsonata_machines, jsonata_matrix
from judges.jsonata_engine import Engine
from judges.jsonata_errors import Row

MACHINES = jsonata_machines.machines()

OWN = {
    "States.Timeout": "Transient",
    "States.Permissions": "AccessDenied",
    "States.TaskFailed": "Internal",
    "States.DataLimitExceeded": "Internal",
    "States.ItemReaderFailed": "Internal",
    "States.QueryEvaluationError": "Internal",
}
# Reserved names begin with "States.", and with nothing else.
PASSED_ON = [
    "TenantAlreadyExists",
    "Transient",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "ECS.ServerException",
    "Statesman",
]


def fail_states():
    """The Fail states that pass an error on, with the names of their machines."""
    for machine, definition in MACHINES.items():
        for name, state in jsonata_machines.states(definition).items():
            if state["Type"] == "Fail" and state["Error"].startswith("{%"):
                yield machine, name, state


FAIL_STATES = {f"{machine}: {name}": state for machine, name, state in fail_states()}


@pytest.fixture(scope="module")
def ended():
    """The error and the report with which a state ends the execution."""
    with Engine() as engine:

        def end(state, error, cause):
            variables = jsonata_matrix.variables_after(Row("", error, cause))
            raised = jsonata_machines.evaluated({name: state[name] for name in ("Error", "Cause")}, engine, variables)
            return raised["Error"], json.loads(raised["Cause"])

        yield end


def test_every_machine_passes_errors_on():
    assert {machine for machine, _, _ in fail_states()} == set(MACHINES)


@pytest.mark.parametrize("state", FAIL_STATES.values(), ids=FAIL_STATES)
def test_a_reserved_name_becomes_one_of_ours_and_stays_in_the_message(ended, state):
    for reserved, own in OWN.items():
        error, report = ended(state, reserved, "it took too long")
        assert (error, report["error"]) == (own, own)
        assert report["message"].startswith(f"{reserved}: it took too long")


@pytest.mark.parametrize("state", FAIL_STATES.values(), ids=FAIL_STATES)
def test_any_other_name_is_passed_on(ended, state):
    for given in PASSED_ON:
        error, report = ended(state, given, '{"errorMessage": "no room"}')
        assert (error, report["error"]) == (given, given)
        assert report["message"].startswith("no room")
