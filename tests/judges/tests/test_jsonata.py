"""The judge of expressions finds what the reference engine evaluates otherwise, and errors that get lost."""

import copy

import pytest

from judges import jsonata, jsonata_machines, jsonata_matrix, jsonata_replay
from judges.findings import exceptions
from judges.jsonata_engine import Engine
from judges.jsonata_errors import LONGEST_CAUSE, ROWS

MACHINES = jsonata_machines.machines()
CATCH = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "End"}
# An error that ends an execution may not have a reserved name.
ERROR = jsonata_machines.states(MACHINES["audit-tenants"])["Report the failure"]["Error"][2:-2].strip()
STATES = {"states": {"input": {"a": 1, "list": [2, 1]}}}


@pytest.fixture(scope="module")
def engine():
    with Engine() as started:
        yield started


def evaluation(expression, **more):
    return {
        "machine": "m",
        "state": "s",
        "expression": expression,
        "variables": STATES,
        "now": 1_700_000_000_000,
    } | more


def found(engine, line):
    counted, judged = jsonata.judge_evaluations([line], engine)
    assert judged == 1
    return [str(finding) for finding in counted]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.a + 1", 2),
        ("$states.input.a + 1", 2.0),
        ("$sort($states.input.list)", [1, 2]),
        ("{'a': $states.input.a = 1}", {"a": True}),
        ("$uuid()", "00000000-0000-4000-8000-000000000000"),
        ("{'at': $now(), 'in': $millis()}", {"at": "2026-01-01T00:00:00.000Z", "in": 5}),
        ("$millis() < 1700000000001", True),
    ],
)
def test_an_evaluation_that_both_engines_agree_on_is_right(engine, expression, value):
    assert found(engine, evaluation(expression, value=value)) == []


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.a + 1", 3),
        ("$states.input.a = 1", 1),
        ("$sort($states.input.list)", [2, 1]),
        ("{'a': 1}", {"a": 1, "b": None}),
        ("[$states.input.a]", 1),
        ("$string($states.input.a)", 1),
        ("$uuid()", "0000"),
        ("$millis()", "5"),
        ("$millis() > 1700000000001", True),
        # The emulator's engine knows what these are; the reference engine does not, or has no such limit.
        ("$eval('1')", 1),
        ("$states.input.missing", None),
        ("$states.context.variables", {}),
        ("$replace('a', /x*/, '')", "a"),
    ],
)
def test_an_evaluation_with_another_result_is_found(engine, expression, value):
    (finding,) = found(engine, evaluation(expression, value=value))
    assert finding.startswith("evaluation of m: s ")
    assert "on AWS" in finding


def test_an_evaluation_that_fails_on_one_engine_only_is_found(engine):
    assert found(engine, evaluation("'a' + 1", error="T2001")) == []
    (finding,) = found(engine, evaluation("1 + 1", error="a mistake"))
    assert "fails on the emulator (a mistake), and not on AWS" in finding


def test_an_evaluation_that_is_too_large_to_be_recorded_is_not_judged(engine):
    assert jsonata.judge_evaluations([{"expression": "1", "skipped": "300000 characters"}], engine) == ({}, 0)


def test_true_is_not_1():
    assert not jsonata_replay.same([True], [1])
    assert jsonata_replay.same({"a": [1.0, None]}, {"a": [1, None]})
    assert not jsonata_replay.same({"a": None}, {})


def after(engine, **states):
    """What is wrong with a machine after any error: the places, and the sentences."""
    return {(place, fault) for place, fault, _ in jsonata_matrix.findings({"States": states}, ROWS, engine)}


TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "End"}


@pytest.mark.parametrize(
    ("kept", "fault"),
    [
        ({"Output": "{% {'error': $states.errorOutput.Error} %}"}, None),
        ({"Assign": {"failure": "{% $states.errorOutput %}"}, "Output": {}}, None),
        ({"Output": "{% $states.input %}"}, "has lost the error's name"),
        (
            {"Output": "{% {'a': $states.errorOutput.Error, 'b': $parse($states.errorOutput.Cause)} %}"},
            "cannot be evaluated",
        ),
        ({"Output": "{% [$states.errorOutput.Error, $states.errorOutput.Cause] %}"}, "has an empty Output.1"),
        ({"Output": "{% {'a': $states.errorOutput.Error, 'b': null} %}"}, "has an empty Output.b"),
        (
            {"Output": "{% $states.errorOutput.Cause & $states.errorOutput.Error %}", "Assign": {"x": "{% $no %}"}},
            "cannot be",
        ),
    ],
)
def test_a_catcher_keeps_the_error_and_evaluates_with_any(engine, kept, fault):
    catch = {"ErrorEquals": ["States.ALL"], "Next": "End"} | kept
    faults = after(engine, A=TASK | {"Catch": [catch]})
    assert (fault is None) == (not faults)
    assert all(place == "A/Catch/0" for place, _ in faults)
    assert fault is None or any(text.startswith(fault) for _, text in faults)


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        (f"$string({{'message': 'm', 'error': {ERROR}}})", None),
        ("$string({'message': 'm', 'error': $failure.Error})", "has the error States.Timeout and not Transient"),
        ("$string({'message': $failure.Cause, 'error': $failure.Error})", "has no message"),
        ("$string({'message': 'm', 'error': $failure.step})", "has the error a-step"),
        ("$string({'message': 'm' & $failure.Cause, 'error': $failure.Error})", f"has more than {LONGEST_CAUSE}"),
        ("$parse($failure.Cause).message", "cannot be evaluated"),
        ("$failure", "is no text"),
        ("$failure.step", "is no report"),
        ("$string([$failure.step])", "is no report"),
        ("$substring($failure.step, 0, 0)", "is no text"),
    ],
)
def test_a_failed_execution_has_a_message_and_the_error(engine, cause, fault):
    fail = {"Type": "Fail", "Error": f"{{% {ERROR} %}}", "Cause": f"{{% {cause} %}}"}
    faults = after(engine, A=fail)
    assert (fault is None) == (not faults)
    assert fault is None or any(text.startswith(fault) for _, text in faults)


def test_an_error_with_a_reserved_name_ends_no_execution(engine):
    cause = f"{{% $string({{'message': 'm', 'error': {ERROR}}}) %}}"
    fail = {"Type": "Fail", "Error": "{% $failure.Error %}", "Cause": cause}
    assert any(text == "is States.Timeout and not Transient" for _, text in after(engine, A=fail))


def test_a_condition_on_a_failure_is_a_boolean(engine):
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $failure %}", "Next": "End"}]}
    assert any(text.startswith("is no boolean") for _, text in after(engine, A=choice))


def test_an_expression_that_the_reference_engine_does_not_understand_is_found(engine):
    broken = copy.deepcopy(MACHINES["audit-tenants"])
    broken["States"]["Report the failure"]["Error"] = "{% $failure..[ %}"
    counted = jsonata.judge_definitions({"audit-tenants": broken}, [], engine)
    assert [(each.of, each.member) for each in counted] == [("expression", "Report the failure/Error")]


def test_every_state_that_catches_is_judged_with_every_error(engine):
    mutant = copy.deepcopy(MACHINES)
    catchers = [
        (name, state, catcher)
        for name, machine in mutant.items()
        for state, definition in jsonata_machines.states(machine).items()
        for catcher in definition.get("Catch", [])
    ]
    for _, _, catcher in catchers:
        catcher.pop("Assign", None)
        catcher["Output"] = "{% $states.input.none %}"
    counted = jsonata.judge_definitions(mutant, ROWS[:2], engine)
    lost = {(each.operation, each.member.partition("/")[0]) for each in counted if "/Catch/" in each.member}
    assert lost == {(name, state) for name, state, _ in catchers}
    assert len(catchers) > 50


def test_the_exceptions_have_reasons():
    assert {each.of for each in exceptions(jsonata.EXCEPTIONS)} <= {"expression", "error", "evaluation"}
