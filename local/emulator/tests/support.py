"""What the tests share: base classes, one for each of the things that tests need."""

import atexit
import functools
import http.client
import http.server
import itertools
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from unittest import mock

import pymysql
from botocore.parsers import create_parser
from botocore.session import get_session
from ministack import app
from ministack.core.responses import request_scope
from ministack.services import alb, ecs, iam
from ministack.services import stepfunctions as sfn

from emulator import images
from emulator.containers import sandbox
from emulator.fidelity.ecs import container_engine
from emulator.fidelity.ecs.container_engine import Engine
from emulator.fidelity.elbv2 import data_plane, health_checks, loop

ACCOUNT, REGION = "123456789012", "eu-west-1"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/alb/1"
LISTENER = f"{BALANCER.replace('loadbalancer/', 'listener/')}/2"

TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}


class LocalTestCase(unittest.TestCase):
    """A test in an account and a region."""

    def setUp(self):
        scope = request_scope(ACCOUNT, REGION)
        scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)

    def eventually(self, condition, seconds=10):
        """Waits until the condition holds; gives what it gives."""
        deadline = time.monotonic() + seconds
        while not (outcome := condition()):
            self.assertLess(time.monotonic(), deadline, "it never came about")
            time.sleep(0.01)
        return outcome


class ContainersTestCase(LocalTestCase):
    """A test with a container engine of its own."""

    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.object(ecs, "_docker", Engine()))
        self.addCleanup(ecs.reset)


# What the environment says, see conftest.py.
IMAGES_DIRECTORY = None


@functools.cache
def images_directory():
    """Where the image is: IMAGES_DIRECTORY, or where this checkout's local stack keeps it. It is made if missing."""
    directory = IMAGES_DIRECTORY or str(pathlib.Path(__file__).parents[3] / ".local/images")
    with mock.patch.dict(os.environ, IMAGES_DIRECTORY=directory):
        images.build()
    return directory


class ImageTestCase(ContainersTestCase):
    """A test with real containers, which needs root and the image. It is skipped where they are impossible."""

    def setUp(self):
        super().setUp()
        if sandbox.obstacle():
            self.skipTest(sandbox.obstacle())
        try:
            directory = images_directory()
        except images.ImageError as error:
            self.skipTest(str(error))
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="files-"))
        self.addCleanup(shutil.rmtree, self.files, ignore_errors=True)
        self.enterContext(mock.patch.dict(os.environ, IMAGES_DIRECTORY=directory, FILES_ROOT=str(self.files)))
        # The health of a container is checked as often as it can be.
        self.enterContext(mock.patch.object(sfn, "_SFN_WAIT_SCALE", 0))
        self.assertTrue(container_engine.runs_as_wordpress("wordpress"))

    def wait_for(self, condition, seconds=60):
        """Waits until a condition holds, and fails if it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it has taken too long")
            time.sleep(0.02)


@functools.cache
def database():
    """A MariaDB server for this run of the tests, which ends with it: its socket and port. None without MariaDB."""
    if not all(shutil.which(program) for program in ("mariadbd", "mariadb-install-db", "setpriv")):
        return None
    directory = pathlib.Path(tempfile.mkdtemp(prefix="mariadb-"))
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={directory}/data", "--user=root", "--skip-test-db"]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "KILL", "mariadbd", "--no-defaults", "--user=root", "--bind-address=127.0.0.1"),
            *(f"--datadir={directory}/data", f"--socket={directory}/socket", f"--port={port}"),
        ],
        stderr=subprocess.DEVNULL,
    )

    def end():
        server.kill()
        server.wait()
        shutil.rmtree(directory, ignore_errors=True)

    atexit.register(end)
    deadline = time.monotonic() + 60
    while not (directory / "socket").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return directory / "socket", port


def new_database(name):
    """Makes an empty database and a user of the same name with the password `password`; gives host and port."""
    socket_path, port = database()
    with pymysql.connect(unix_socket=str(socket_path), user="root") as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
        cursor.execute(f"GRANT ALL ON {name}.* TO {name} IDENTIFIED BY 'password'")
    return f"127.0.0.1:{port}"


class RolesTestCase(LocalTestCase):
    """A test with IAM enforced."""

    def setUp(self):
        super().setUp()
        original, app.AUTH = app.AUTH, True
        self.addCleanup(setattr, app, "AUTH", original)
        self.addCleanup(iam._roles.clear)

    def make_role(self, name, *allowed, trust=TRUST):
        """Makes a role that may do `allowed`, which are pairs of action and resource."""
        statements = [{"Effect": "Allow", "Action": action, "Resource": arn} for action, arn in allowed]
        iam._roles[name] = {
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
            "InlinePolicies": {"p": json.dumps({"Version": "2012-10-17", "Statement": statements})},
        }
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"


class LoadBalancingTestCase(LocalTestCase):
    """A test with a load balancer that has a listener."""

    def setUp(self):
        super().setUp()
        self.addCleanup(alb.reset)
        self.listener("2")

    def call(self, action, **parameters):
        status, _, body = alb._ACTION_MAP[action]({name: [value] for name, value in parameters.items()})
        return status, body if isinstance(body, str) else body.decode()

    def listener(self, identifier, name="alb"):
        """Makes a listener, and its load balancer if there is none of that name."""
        balancer = BALANCER.replace("/alb/", f"/{name}/")
        alb._lbs[balancer] = {
            "LoadBalancerArn": balancer,
            "LoadBalancerName": name,
            "DNSName": f"{name}-1.{REGION}.elb.amazonaws.com",
            "CreatedTime": alb._now_iso(),
            "Scheme": "internal",
            "State": "active",
            "Type": "application",
        }
        arn = f"{balancer.replace('loadbalancer/', 'listener/')}/{identifier}"
        alb._listeners[arn] = {"ListenerArn": arn, "LoadBalancerArn": balancer, "DefaultActions": []}
        return arn

    def rule(self, priority, group=None, listener=LISTENER):
        condition = {"Conditions.member.1.Field": "host-header", "Conditions.member.1.Values.member.1": "a.example"}
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group or self.group("any")}
        return self.call("CreateRule", ListenerArn=listener, Priority=priority, **condition, **action)

    def modify(self, rule, group):
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group}
        return self.call("ModifyRule", RuleArn=rule, **action)

    def arn_of(self, answer):
        """The ARN of the rule in the answer of CreateRule."""
        return answer[1].partition("<RuleArn>")[2].partition("<")[0]

    def group(self, name, **settings):
        _, body = self.call("CreateTargetGroup", Name=name, Protocol="HTTP", Port="80", VpcId="vpc-1", **settings)
        return body.partition("<TargetGroupArn>")[2].partition("<")[0]


_HEALTH = get_session().get_service_model("elbv2").operation_model("DescribeTargetHealth").output_shape

# Each test server has an address of its own, as a container has.
_ADDRESSES = (f"127.64.{number >> 8}.{number & 255}" for number in itertools.count(256))


class TargetServer(http.server.ThreadingHTTPServer):
    """A web server that answers by a function, which gets the handler of the request."""

    # Not more than five visitors could connect at once.
    request_queue_size = 100

    def __init__(self, answer, port=0):
        self.answer = answer
        self.requests = []
        super().__init__((next(_ADDRESSES), port), _Handler)
        self.address, self.port = self.server_address
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def visits(self):
        """The requests that are no health checks."""
        return [each for each in self.requests if not each.headers.get("User-Agent", "").startswith("ELB-")]

    def stop(self):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        self.server.requests.append(self)
        self.server.answer(self)

    do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815

    def log_message(self, *_arguments):
        pass

    def reply(self, status=200, body=b"", **headers):
        self.send_response_only(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@functools.cache
def certificate():
    """The paths of a certificate for any host below `example`, and of its key."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="certificate-"))
    paths = directory / "certificate.pem", directory / "key.pem"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", paths[1])
    names = ("-subj", "/CN=sites", "-addext", "subjectAltName=DNS:*.example")
    subprocess.run(["openssl", "req", "-x509", *key, *names, "-out", paths[0]], check=True, capture_output=True)
    return paths


@functools.cache
def sites_of(account, region):
    """The port of a server that stands for the load balancers of an account and region."""
    return loop.start(data_plane.Sites(account, region).listen("127.0.0.1", 0, *certificate())).result(10)


class SitesTestCase(LoadBalancingTestCase):
    """A test that visits sites through an HTTPS listener."""

    def setUp(self):
        super().setUp()
        alb._listeners[LISTENER].update(Protocol="HTTPS", Port=443)
        alb._lb_attrs[BALANCER] = []
        self.enterContext(mock.patch.object(health_checks, "SHORTEST_INTERVAL", 0.02))
        # Visitors may come at the same time, so it is started before the first one.
        sites_of(ACCOUNT, REGION)

    def connect(self, account=ACCOUNT, timeout=10):
        """A connection on which requests can be made."""
        context = ssl.create_default_context(cafile=certificate()[0])
        context.check_hostname = False
        port = sites_of(account, REGION)
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=timeout)
        self.addCleanup(connection.close)
        return connection

    def visit(self, host="a.example", path="/", method="GET", body=None, account=ACCOUNT, **headers):
        """Makes a request; gives the answer, which has its whole body as `text`."""
        connection = self.connect(account)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Host": host, **names})
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        return answer

    def serve(self, answer=lambda request: request.reply(), group=None, **settings):
        """A web server that is registered with a target group; gives both. Without `group`, a new one, with a rule."""
        server = TargetServer(answer)
        self.addCleanup(server.stop)
        group = group or self.group_of_rule(**settings)
        self.register(group, server)
        return server, group

    def register(self, group, server):
        target = {"Targets.member.1.Id": server.address, "Targets.member.1.Port": str(server.port)}
        self.assertEqual(self.call("RegisterTargets", TargetGroupArn=group, **target)[0], 200)

    def group_of_rule(self, host="a.example", **settings):
        """A target group to which requests for the host are forwarded."""
        number = len(alb._rules) + 1
        group = self.group(f"group-{number}", **{"HealthCheckIntervalSeconds": "0", **settings})
        condition = {"Conditions.member.1.Field": "host-header", "Conditions.member.1.Values.member.1": host}
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group}
        answer = self.call("CreateRule", ListenerArn=LISTENER, Priority=str(number), **condition, **action)
        self.assertEqual(answer[0], 200, answer[1])
        return group

    def health(self, group):
        """The targets' states, and their reason codes, by address."""
        _, body = self.call("DescribeTargetHealth", TargetGroupArn=group)
        answer = create_parser("query").parse({"body": body.encode(), "headers": {}, "status_code": 200}, _HEALTH)
        return {
            each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason"))
            for each in answer["TargetHealthDescriptions"]
        }

    def become(self, group, server, *health):
        """Waits until a server's target has a state and a reason."""
        self.eventually(lambda: self.health(group).get(server.address) == health)


class StatesTestCase(LocalTestCase):
    """A test that runs the states of a machine."""

    def run_machine(self, states, start):
        """Runs the states from `start`; gives the output and the events."""
        execution = {"executionArn": "arn", "events": [], "stateMachineArn": "none", "name": "test"}
        context = {"QueryLanguage": "JSONata", "variables": {}, "Execution": {"Id": "arn"}}
        return sfn._run_sub_machine(states, start, {"in": 1}, execution, context), execution["events"]
