"""The recordings of requests and decisions."""

import asyncio
import gzip
import json
import pathlib
import tempfile
from unittest import mock

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from emulator import recordings
from support import ACCOUNT, REGION, LocalTestCase

KEY = "ASIA0000000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/dev-create-secret"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/dev-create-secret/dev-create-secret"
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/{REGION}/secretsmanager/aws4_request, Signature=abc"


async def answer_in_two_pieces(_scope, receive, send):
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Amzn-RequestId", b"1")]})
    await send({"type": "http.response.body", "body": b'{"Secret', "more_body": True})
    await send({"type": "http.response.body", "body": b'String": "four"}'})


class Recordings(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "new" / "requests.jsonl.gz"
        self.recording = recordings.Recording(self.path)
        self.addCleanup(lambda: self.recording.close())
        self.enterContext(mock.patch.dict(sts._sessions, {KEY: {"Arn": SESSION, "AccountId": ACCOUNT}}))
        iam._roles["dev-create-secret"] = {"Arn": ROLE}
        self.addCleanup(iam._roles.clear)

    def lines(self):
        self.recording.close()
        return [json.loads(line) for line in gzip.open(self.path, "rt")]

    def call(self, *pieces, path="/", authorization=SIGNED):
        messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        messages.append({"type": "http.request", "body": b"", "more_body": False})
        headers = [(b"authorization", authorization.encode()), (b"X-Amz-Security-Token", b"t"), (b"X-Other", b"o")]
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
        sent = []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        app = recordings.recorded(answer_in_two_pieces, self.recording)
        asyncio.run(app({**scope, "query_string": b"a=1&X-Amz-Signature=s"}, receive, send))
        return sent

    def test_a_request_is_recorded_with_its_answer_and_without_secrets(self):
        sent = self.call(b'{"Name": "dev-1", "SecretSt', b'ring": "a\\"b"}')
        self.assertEqual(sent[-1]["body"], b'String": "four"}', "the caller gets what it asked for")
        (line,) = self.lines()
        self.assertEqual((line["principal"], line["account"]), (ROLE, ACCOUNT))
        self.assertEqual((line["region"], line["service"]), (REGION, "secretsmanager"))
        self.assertEqual((line["method"], line["path"], line["query"]), ("POST", "/", {"a": ["1"]}))
        self.assertEqual(line["headers"], {"x-other": "o"})
        self.assertEqual(line["body"], '{"Name": "dev-1", "SecretString": "****"}')
        self.assertEqual((line["status"], line["answer_headers"]), (200, {"x-amzn-requestid": "1"}))
        self.assertEqual(line["answer"], '{"SecretString": "****"}')

    def test_a_caller_is_a_role_or_root_or_nobody(self):
        for key, principal in (
            (KEY, ROLE),
            (ACCOUNT, "root"),
            (None, "anonymous"),
            ("AKIAxyz12345", "unknown: AKIAxyz1"),
        ):
            self.assertEqual(recordings.principal_of(key), principal)

    def test_large_bodies_and_binary_ones_are_left_out(self):
        self.call(b"x" * recordings.LARGEST_BODY, b"x")
        self.call(b"\xff")
        large, binary = self.lines()
        self.assertEqual((large["body"], large["body_skipped"]), (None, f"{recordings.LARGEST_BODY + 1} bytes"))
        self.assertEqual((binary["body"], binary["body_skipped"]), (None, "1 bytes that are no text"))

    def test_what_is_no_api_is_not_recorded(self):
        self.call(path="/_ministack/ready")
        self.call(path="/v2/credentials/1")
        self.assertEqual(self.lines(), [])

    def test_a_recording_does_not_grow_beyond_its_largest_size(self):
        self.recording = recordings.Recording(self.path, largest=20)
        for _ in range(3):
            self.recording.write({"a": "b" * 10})
        self.assertEqual(self.lines(), [{"a": "b" * 10}, {"full": True}])

    def test_secrets_in_xml_are_masked(self):
        self.assertEqual(
            recordings.without_secrets("<SessionToken>abc</SessionToken>"), "<SessionToken>***</SessionToken>"
        )

    def test_passwords_among_the_parameters_of_a_stack_are_masked(self):
        parameter = "Parameters.member.{0}.ParameterKey={1}&Parameters.member.{0}.ParameterValue={2}"
        body = "&".join(
            parameter.format(*each) for each in ((1, "Domain", "a.b"), (2, "DatabaseAdminPassword", "s%2F"))
        )
        self.assertEqual(recordings.without_secrets(body), body.replace("s%2F", "****"))

    def test_decisions_about_principals_are_recorded_and_those_about_resources_are_not(self):
        for name in ("evaluate", "evaluate_resource_policy"):
            self.enterContext(mock.patch.object(iam_evaluator, name, getattr(iam_evaluator, name)))
        recordings.record_decisions(self.recording)
        asked = iam_evaluator.EvalContext(
            principal_arn=SESSION,
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action="ecs:StopTask",
            resource_arn="arn:task",
            region=REGION,
            service_context={"ecs:cluster": "arn:cluster"},
        )
        statement = {"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}
        policy = iam_evaluator.parse_policy_document({"Statement": [statement]})
        self.assertEqual(iam_evaluator.evaluate(asked, [policy]).decision, "Allow")
        self.assertEqual(iam_evaluator.evaluate(asked, []).decision, "ImplicitDeny")
        iam_evaluator.evaluate_resource_policy({"Statement": [{**statement, "Principal": "*"}]}, asked)
        lines = self.lines()
        self.assertEqual([line["allowed"] for line in lines], [True, False])
        self.assertEqual((lines[0]["principal"], lines[0]["action"]), (ROLE, "ecs:StopTask"))
        self.assertEqual((lines[0]["resources"], lines[0]["context"]), (["arn:task"], {"ecs:cluster": "arn:cluster"}))
