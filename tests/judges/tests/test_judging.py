"""Recordings, findings and exceptions."""

import collections
import gzip
import json

import pytest

from judges import __main__, calls, recordings
from judges.findings import Finding, apart, exceptions
from support import json_line

REGISTER = "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition"
WRONG = json_line("ecs", REGISTER, {"family": "a", "containerDefinitions": [], "pidMode": ""}, answer={})


def write(directory, *lines, end="\n"):
    with gzip.open(directory / "requests.jsonl.gz", "wt") as file:
        file.write("\n".join(json.dumps(line) for line in lines) + end)
    return directory


def test_findings_name_the_operation_the_member_and_the_role():
    found, judged = calls.judge([WRONG, WRONG])
    ((finding, count),) = found.items()
    assert count == 2
    assert str(finding) == (
        "request of ecs:RegisterTaskDefinition (dev-create-service): pidMode is not in the enumeration: ''"
    )
    assert judged == {"ecs:RegisterTaskDefinition": 2}


def test_calls_of_the_tests_themselves_are_not_judged():
    assert calls.judge([WRONG | {"principal": "root"}]) == ({}, {})


def test_what_was_not_recorded_is_not_judged():
    skipped = WRONG | {"body": None, "body_skipped": "300000 bytes", "answer": None, "answer_skipped": "300000 bytes"}
    assert calls.judge([skipped])[0] == {}


@pytest.fixture
def excepted(tmp_path, monkeypatch):
    def write_exceptions(text):
        path = tmp_path / "exceptions.toml"
        path.write_text(text)
        monkeypatch.setattr(__main__, "EXCEPTIONS", path)
        return path

    return write_exceptions


EXCEPTION = '[[request]]\noperation = "ecs:*"\nmember = "pidMode"\nfault = "*enumeration*"\nreason = "known"\n'


def test_an_exception_covers_findings_and_one_that_covers_none_is_told(excepted):
    known = exceptions(excepted(EXCEPTION + EXCEPTION.replace("pidMode", "ipcMode")))
    finding = Finding("request", "ecs:RegisterTaskDefinition", "pidMode", "is not in the enumeration: ''")
    left, unused = apart(collections.Counter({finding: 3}), known)
    assert (left, [each.member for each in unused]) == ({}, ["ipcMode"])
    left, unused = apart(collections.Counter({Finding("answer", "ecs:X", "pidMode", "is null"): 1}), known[:1])
    assert (len(left), len(unused)) == (1, 1)


def test_brackets_in_an_exceptions_member_are_no_pattern(excepted):
    (known,) = exceptions(excepted(EXCEPTION.replace("pidMode", "tags[].key")))
    fault = "is not in the enumeration: ''"
    assert known.covers(Finding("request", "ecs:A", "tags[].key", fault))
    assert not known.covers(Finding("request", "ecs:A", "tags.key", fault))


def test_an_exception_needs_a_reason(excepted):
    with pytest.raises(ValueError, match="give the reason"):
        exceptions(excepted(EXCEPTION.replace("known", " ")))


def test_the_command_fails_at_findings_and_at_exceptions_without_any(tmp_path, excepted, capsys):
    write(tmp_path, WRONG)
    for text, status in ((EXCEPTION, 0), ("", 1), (EXCEPTION + EXCEPTION.replace("pidMode", "ipcMode"), 1)):
        excepted(text)
        assert __main__.main(tmp_path) == status
    assert "ipcMode: matches nothing, remove it" in capsys.readouterr().out


def test_an_empty_recording_is_a_failure(tmp_path, excepted):
    excepted("")
    assert __main__.main(write(tmp_path, end="")) == 1


def test_a_recording_may_be_cut_off_at_its_end(tmp_path):
    path = write(tmp_path, WRONG, WRONG, end="") / "requests.jsonl.gz"
    assert len(list(recordings.lines(tmp_path, "requests"))) == 1
    path.write_bytes(path.read_bytes()[:-8])
    assert len(list(recordings.lines(tmp_path, "requests"))) == 1


def test_a_damaged_recording_is_a_failure(tmp_path):
    with pytest.raises(recordings.RecordingError, match="is damaged"):
        list(recordings.lines(write(tmp_path, WRONG, end='\n{"prin\n'), "requests"))
    path = tmp_path / "requests.jsonl.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(recordings.RecordingError, match="is damaged"):
        list(recordings.lines(tmp_path, "requests"))


def test_a_recording_that_is_missing_or_full_is_a_failure(tmp_path):
    with pytest.raises(recordings.RecordingError, match="does not exist"):
        list(recordings.lines(tmp_path, "requests"))
    with pytest.raises(recordings.RecordingError, match="largest size"):
        list(recordings.lines(write(tmp_path, {"full": True}), "requests"))
