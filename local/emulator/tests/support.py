"""What the tests share: base classes, one for each of the things that tests need."""

import atexit
import functools
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from unittest import mock

import pymysql
from ministack import app
from ministack.core.responses import request_scope
from ministack.services import alb, ecs, iam
from ministack.services import stepfunctions as sfn

from emulator import images
from emulator.containers import sandbox
from emulator.fidelity.ecs import container_engine
from emulator.fidelity.ecs.container_engine import Engine

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

    def group(self, name):
        _, body = self.call("CreateTargetGroup", Name=name, Protocol="HTTP", Port="80", VpcId="vpc-1")
        return body.partition("<TargetGroupArn>")[2].partition("<")[0]


class StatesTestCase(LocalTestCase):
    """A test that runs the states of a machine."""

    def run_machine(self, states, start):
        """Runs the states from `start`; gives the output and the events."""
        execution = {"executionArn": "arn", "events": [], "stateMachineArn": "none", "name": "test"}
        context = {"QueryLanguage": "JSONata", "variables": {}, "Execution": {"Id": "arn"}}
        return sfn._run_sub_machine(states, start, {"in": 1}, execution, context), execution["events"]
