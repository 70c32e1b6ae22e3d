"""The engine evaluates as Step Functions does: JSONata 2.0.6, six more functions, and one less."""

import pytest

from judges.jsonata_engine import Engine

STATES = {"states": {"input": {"a": 1, "none": None}}, "x": None}


@pytest.fixture(scope="module")
def engine():
    with Engine() as started:
        yield started


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.a + 1", 2),
        ("$states.input.none", None),
        ("$x", None),
        ("[]", []),
        ("{'a': $nothing}", {}),
        ("'\u2028\n'", "\u2028\n"),
        ("$partition([1, 2, 3], 2.9)", [[1, 2], [3]]),
        ("$partition('a', 2)", [["a"]]),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$range(3, 1, -1)", [3, 2, 1]),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$parse('{\"a\": [1]}')", {"a": [1]}),
        ("$random(5) < 1 and $random() >= 0", True),
        ("$length($uuid())", 36),
    ],
)
def test_an_expression_has_a_value(engine, expression, value):
    assert engine.evaluate(expression, STATES) == {"value": value}


@pytest.mark.parametrize("expression", ["$states.input.missing", "$nothing", "$x.y", "()", "[][0]"])
def test_an_expression_may_have_no_result(engine, expression):
    assert engine.evaluate(expression, STATES) == {"undefined": True}


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("$eval('1')", "T1006"),
        ("'a' + 1", "T2001"),
        ("(", "S0203"),
        ("$parse('{')", "SyntaxError"),
        ("$parse($nothing)", "SyntaxError"),
        ("$hash('a', 'CRC')", "StepFunctions"),
        ("$partition([1], 0)", "StepFunctions"),
        ("$range(1, 2, 0)", "StepFunctions"),
        ("$replace('a', /x*/, '')", "D1004"),
        ("function($a) { $a }", "StepFunctions"),
        ("{'f': $uppercase}", "StepFunctions"),
        ("($f := function($n) { 1 + $f($n) }; $f(1))", "StepFunctions"),
        ("($f := function($n) { $f($n) }; $f(1))", "StepFunctions"),
    ],
)
def test_an_expression_may_fail(engine, expression, code):
    assert engine.evaluate(expression, STATES)["error"]["code"] == code


def test_the_time_can_be_told(engine):
    expression = "[$now(), $now('[Y]'), $string($millis())]"
    value = ["2023-11-14T22:13:20.123Z", "2023", "1700000000123"]
    assert engine.evaluate(expression, STATES, 1700000000123) == {"value": value}
