"""What the mends of function_logs.py promise."""

import queue
import threading
import time
import types

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from emulator.speed import lambda_ as runtime_api
from support import ACCOUNT, REGION, LocalTestCase


class FunctionLogs(LocalTestCase):
    def environment(self, **logging):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
        config = {"FunctionName": "f", "FunctionArn": arn, "Role": "", "LoggingConfig": logging}
        made = lambda_svc._provided_worker_env(config, "/code", 1)
        return {
            name: value for name, value in made.items() if name.startswith("AWS_LAMBDA_LOG_") and "STREAM" not in name
        }

    def test_a_function_knows_how_and_where_it_logs(self):
        told = self.environment(LogFormat="JSON", LogGroup="/aws/lambda/all", ApplicationLogLevel="DEBUG")
        expected = {"FORMAT": "JSON", "GROUP_NAME": "/aws/lambda/all", "LEVEL": "DEBUG"}
        self.assertEqual(told, {f"AWS_LAMBDA_LOG_{name}": value for name, value in expected.items()})

    def test_without_a_choice_it_is_text_in_its_own_group(self):
        expected = {"AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f"}
        self.assertEqual(self.environment(), expected)

    def test_the_answer_has_what_was_logged_and_waits_no_longer(self):
        worker = types.SimpleNamespace(_stderr_queue=runtime_api._Invocations())
        threading.Timer(0.02, lambda: [worker._stderr_queue.put(line) for line in ("one", "two")]).start()
        before = time.monotonic()
        log = lambda_runtime.Worker._drain_stderr_bounded(worker, first_line_wait=10)
        self.assertEqual(log, "one\ntwo")
        self.assertLess(time.monotonic() - before, 5)

    def test_a_function_that_never_stops_logging_is_answered(self):
        endless, ended = queue.Queue(maxsize=1), threading.Event()
        worker = types.SimpleNamespace(_stderr_queue=endless)

        def log():
            while not ended.is_set():
                endless.put("more")

        writer = threading.Thread(target=log)
        writer.start()
        before = time.monotonic()
        self.assertIn("more", lambda_runtime.Worker._drain_stderr_bounded(worker, hard_cap=0.05))
        self.assertLess(time.monotonic() - before, 5)
        ended.set()
        endless.get()
        writer.join()
