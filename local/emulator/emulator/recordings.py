"""Records what the stack asks of AWS, so that AWS's own models can judge it: see tests/judges.

It is on if the environment variable RECORDINGS names a directory. Then there are three files of JSON lines, compressed
by gzip:

- `requests.jsonl.gz`: every HTTP request that reaches MiniStack, with its answer
- `decisions.jsonl.gz`: every decision about what the policies of a principal allow it
- `evaluations.jsonl.gz`: every expression that a state machine has evaluated, see `evaluations.py`

No credentials and no secret values are recorded: an asterisk stands for each of their characters.
"""

import atexit
import contextvars
import gzip
import json
import os
import pathlib
import re
import threading
import time
import urllib.parse

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from emulator.mend import wraps

# A body that is larger is not recorded. Packages of functions and templates are.
LARGEST_BODY = 256 * 1024
# A file that has become this large, before compression, gets one last line that says so.
LARGEST_FILE = 4 * 1024**3
_SECONDS_BETWEEN_FLUSHES = 1

# What is no API of AWS: MiniStack's own paths, and the one at which containers get credentials.
_NOT_OF_AWS = ("/_ministack/", "/v2/credentials/")
_SECRET_HEADERS = ("authorization", "x-amz-security-token")
_SECRET_PARAMETERS = ("X-Amz-Security-Token", "X-Amz-Signature")
_SECRET_MEMBERS = "|".join(("SecretString", "SecretBinary", "RandomPassword", "SecretAccessKey", "SessionToken"))
_SECRET_IN_JSON = re.compile(rf'("(?:{_SECRET_MEMBERS})"\s*:\s*")((?:[^"\\]|\\.)*)')
_SECRET_IN_XML = re.compile(rf"(<(?:{_SECRET_MEMBERS})>)([^<]*)")
# A parameter of a stack whose name says that it is a password.
_SECRET_IN_A_FORM = re.compile(
    r"((?:^|&)Parameters\.member\.\d+\.ParameterKey=[^&]*Password[^&]*&Parameters\.member\.\d+\.ParameterValue=)([^&]*)"
)
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")


class Recording:
    """A file of JSON lines, which is empty at first. Several threads may write to it."""

    def __init__(self, path, largest=LARGEST_FILE):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = gzip.GzipFile(path, "wb", compresslevel=1)
        self._lock = threading.Lock()
        self._left = largest
        self._flushed = 0
        atexit.register(self.close)

    def write(self, line):
        """Writes a line, which is a dictionary. After the largest size it does nothing."""
        self.write_text(in_json(line))

    def write_text(self, line):
        """Writes a line, which is JSON already."""
        text = line.encode() + b"\n"
        with self._lock:
            if self._left <= 0:
                return
            self._left -= len(text)
            self._file.write(text if self._left > 0 else b'{"full":true}\n')
            if self._left <= 0 or time.monotonic() > self._flushed + _SECONDS_BETWEEN_FLUSHES:
                self._file.flush()
                self._flushed = time.monotonic()

    def close(self):
        """Completes the file."""
        with self._lock:
            self._file.close()
            self._left = 0


def in_json(line):
    """The text of a line."""
    return json.dumps(line, separators=(",", ":"), default=str)


def without_secrets(text):
    """The text of a body with asterisks in place of secret values, and as long as before."""

    def masked(match):
        return match[1] + "*" * len(match[2])

    for secret in (_SECRET_IN_JSON, _SECRET_IN_XML, _SECRET_IN_A_FORM):
        text = secret.sub(masked, text)
    return text


def principal_of(access_key):
    """Who calls with this key: the ARN of a role, `root`, `anonymous`, or an unknown key's beginning."""
    if not access_key:
        return "anonymous"
    session = sts._sessions.get(access_key)
    if session is None:
        return "root" if iam_evaluator._is_root_key(access_key) else f"unknown: {access_key[:8]}"
    return _role_of(session.get("Arn", ""))


def _role_of(arn):
    """The ARN of the role, for the ARN of one of its sessions; other ARNs as they are."""
    if ":assumed-role/" not in arn:
        return arn
    account, name = arn.split(":")[4], arn.split("/")[1]
    role = iam._roles.get_scoped(account, None, name)
    return role["Arn"] if role else f"arn:aws:iam::{account}:role/{name}"


def _text(chunks, size):
    """The members of a line for a body: the text, or why there is none."""
    if size > LARGEST_BODY:
        return None, f"{size} bytes"
    try:
        return without_secrets(b"".join(chunks).decode()), None
    except UnicodeDecodeError:
        return None, f"{size} bytes that are no text"


class _Body:
    """A body whose pieces pass by."""

    def __init__(self):
        self.chunks, self.size = [], 0

    def take(self, chunk):
        self.size += len(chunk)
        if self.size <= LARGEST_BODY:
            self.chunks.append(bytes(chunk))

    def members(self, name):
        """Its members in a line."""
        text, skipped = _text(self.chunks, self.size)
        return {name: text} | ({f"{name}_skipped": skipped} if skipped else {})


def _headers(pairs):
    """Headers by name in lower case, without secrets."""
    found = {}
    for name, value in pairs:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key not in _SECRET_HEADERS:
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _line(scope):
    """What is known of a request before its body has come."""
    query = urllib.parse.parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    signed = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    signed = _CREDENTIAL.search(signed or "Credential=" + query.get("X-Amz-Credential", [""])[0])
    key, region, service = signed.groups() if signed else (None, None, None)
    session = sts._sessions.get(key) or {}
    return {
        "time": time.time(),
        "principal": principal_of(key),
        "account": session.get("AccountId") or (key if key and key.isdigit() else None),
        "region": region,
        "service": service,
        "method": scope["method"],
        "path": (scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        "query": {name: values for name, values in query.items() if name not in _SECRET_PARAMETERS},
        "headers": _headers(scope["headers"]),
    }


def recorded(app, into=None):
    """The same application (ASGI), whose requests and answers are recorded `into` a recording."""
    if into is None:
        return app

    async def recording_app(scope, receive, send):
        if scope["type"] != "http" or scope["path"].startswith(_NOT_OF_AWS):
            return await app(scope, receive, send)
        line, request, answer, began = _line(scope), _Body(), _Body(), {}

        async def receive_and_note():
            message = await receive()
            request.take(message.get("body", b""))
            return message

        async def note_and_send(message):
            if message["type"] == "http.response.start":
                began.update(status=message["status"], answer_headers=_headers(message.get("headers", [])))
            elif message["type"] == "http.response.body":
                answer.take(message.get("body", b""))
            await send(message)

        try:
            return await app(scope, receive_and_note, note_and_send)
        finally:
            into.write(line | request.members("body") | began | answer.members("answer"))

    return recording_app


# Whether the policy that is just evaluated belongs to a resource.
_of_a_resource = contextvars.ContextVar("of_a_resource", default=False)


def record_decisions(into):
    """MiniStack: keeps no record of what the policies of a principal have allowed. From now on, `into` has it."""

    @wraps(iam_evaluator, "evaluate_resource_policy")
    def for_a_resource(evaluate_resource_policy, *arguments, **named):
        token = _of_a_resource.set(True)
        try:
            return evaluate_resource_policy(*arguments, **named)
        finally:
            _of_a_resource.reset(token)

    @wraps(iam_evaluator, "evaluate")
    def for_a_principal(evaluate, asked, policies, *limits):
        result = evaluate(asked, policies, *limits)
        if not _of_a_resource.get():
            into.write(
                {
                    "time": time.time(),
                    "principal": _role_of(asked.principal_arn),
                    "session": asked.principal_arn,
                    "account": asked.principal_account,
                    "region": asked.region,
                    "action": asked.action,
                    "resources": [asked.resource_arn],
                    "context": asked.service_context,
                    "allowed": result.decision == "Allow",
                    "decision": result.decision,
                }
            )
        return result


# The environment variable is taken away, because functions inherit the environment of this process.
DIRECTORY = os.environ.pop("RECORDINGS", None)
REQUESTS = Recording(pathlib.Path(DIRECTORY, "requests.jsonl.gz")) if DIRECTORY else None
if DIRECTORY:
    record_decisions(Recording(pathlib.Path(DIRECTORY, "decisions.jsonl.gz")))
