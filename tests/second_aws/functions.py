"""Runs the functions' programs, as Lambda runs them.

A program asks the Lambda Runtime API for an event, and sends its answer there. Source: AWS's developer guide of Lambda,
"Using the Lambda runtime API".
"""

import contextlib
import http.server
import json
import os
import queue
import subprocess
import threading
import time
import uuid
from pathlib import Path

from account import CREDENTIALS, REGION, ROOT

_VERSION = "/2018-06-01/runtime"


def directory():
    """Return the directory of the programs."""
    return Path(os.environ.get("FUNCTIONS") or ROOT / "target/release")


class FunctionFailed(Exception):  # noqa: N818 - it is no fault of this code
    """The error that a function has answered with."""

    def __init__(self, answer):
        super().__init__(f"{answer['errorType']}: {answer['errorMessage']}")
        self.error, self.message, self.answer = answer["errorType"], answer["errorMessage"], answer


class Functions:
    """The functions of a stack, by their names. `called` has the last payload of each that was invoked."""

    def __init__(self, declared, endpoint):
        self._declared, self._endpoint = declared, endpoint
        self.called = {}

    def invoke(self, name, payload):
        """Return the answer of a function to a payload, or raise `FunctionFailed`."""
        self.called[name] = payload
        properties = self._declared[name]
        program = directory() / name.partition("-")[2]
        if not program.is_file():
            raise LookupError(f"{program} is missing: run `cargo build --release --workspace --bins`, or set FUNCTIONS")
        seconds = int(properties["Timeout"])
        with _Invocation(payload, seconds) as invocation:
            environment = self._environment(name, properties) | {"AWS_LAMBDA_RUNTIME_API": invocation.address}
            process = subprocess.Popen([program], env=environment)
            try:
                kind, answer = invocation.answer(process)
            finally:
                process.kill()
                process.wait()
        if kind == "error":
            raise FunctionFailed(answer)
        return answer

    def _environment(self, name, properties):
        """What Lambda sets. Nothing of this process's environment reaches a function."""
        variables = {key: str(value) for key, value in properties["Environment"]["Variables"].items()}
        return variables | {
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "second-aws",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "ERROR",
        }


class _Invocation:
    """A runtime API that has one event, and takes one answer to it."""

    def __init__(self, payload, seconds):
        self._events, self._answers = queue.Queue(), queue.Queue()
        self._events.put(json.dumps(payload).encode())
        self._seconds = seconds
        self._ended = threading.Event()

    def __enter__(self):
        invocation = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                invocation._give(self)

            def do_POST(self):
                invocation._take(self)

            def handle(self):
                # A function that is killed leaves its request for the next event open.
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_):
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        host, port = self._server.server_address
        self.address = f"{host}:{port}"
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, process):
        """The answer: `response` or `error`, and its JSON. A function that ends without one has failed."""
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=0.2)
            if process.poll() is not None and self._answers.empty():
                raise AssertionError(f"{process.args[0]} ended with status {process.returncode} and without an answer")
        raise AssertionError(f"{process.args[0]} gave no answer in {self._seconds} s")

    def _give(self, request):
        """Answer the request for the next event. There is no second one: Lambda freezes a function that asks for it."""
        assert request.path == f"{_VERSION}/invocation/next", request.path
        try:
            event = self._events.get_nowait()
        except queue.Empty:
            self._ended.wait()
            return
        deadline = round((time.time() + self._seconds) * 1000)
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(event)))
        request.send_header("Lambda-Runtime-Aws-Request-Id", str(uuid.uuid4()))
        request.send_header("Lambda-Runtime-Deadline-Ms", str(deadline))
        request.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::function:second-aws")
        request.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        request.end_headers()
        request.wfile.write(event)

    def _take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self._answers.put((request.path.rpartition("/")[2], json.loads(body)))
        request.send_response(202)
        request.send_header("Content-Length", "0")
        request.end_headers()
