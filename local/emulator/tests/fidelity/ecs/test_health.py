"""Health checks of containers, and what follows from a task's health."""

import time
from unittest import mock

from ministack.services import ecs
from ministack.services import stepfunctions as sfn

from emulator.fidelity.ecs import health
from support import ACCOUNT, REGION, ContainersTestCase

RECORD = {"name": "wordpress", "image": "wordpress:pretend"}
CHECK = {"command": ["CMD-SHELL", "true"], "interval": 10, "retries": 2, "startPeriod": 0}


class Container:
    """A container whose checks end as the test says, and which ends after the last one."""

    def __init__(self, *results):
        self.results, self.commands = list(results), []

    def has_ended(self, _timeout=0):
        return not self.results

    def execute(self, command, timeout):
        self.commands.append((command, timeout))
        result = self.results.pop(0)
        # One more, so that this one is not the last.
        self.results = self.results or [...] if result is not ... else []
        return result


class Health(ContainersTestCase):
    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.object(sfn, "_SFN_WAIT_SCALE", 0))
        self.call("CreateCluster", clusterName="c")

    def call(self, action, **parameters):
        status, _, body = ecs._ACTION_MAP[action](parameters)
        self.assertEqual(status, 200, body)

    def task(self, *containers, until="RUNNING"):
        self.call("RegisterTaskDefinition", family="f", containerDefinitions=list(containers))
        # With a group of its own, since a one-off task that is only a record ends at once.
        self.call("RunTask", cluster="c", taskDefinition="f", group="g")
        (task,) = ecs._tasks.values()
        deadline = time.monotonic() + 10
        while task["lastStatus"] != until and time.monotonic() < deadline:
            time.sleep(0.01)
        return task

    def statuses(self, *results, check=CHECK):
        """The health of a task after each of its checks, which end with `results`."""
        task = self.task({**RECORD, "healthCheck": check})
        task["healthStatus"] = task["containers"][0]["healthStatus"] = "UNKNOWN"
        seen = []
        container = Container(*results)
        execute = container.execute

        def checked(*arguments):
            seen.append(task["healthStatus"])
            return execute(*arguments)

        container.execute = checked
        health._watch(task, 0, container, check, (ACCOUNT, REGION))
        return seen[1:], container.commands

    def test_a_record_is_healthy_at_once_if_it_has_a_check(self):
        self.assertEqual(self.task({**RECORD, "healthCheck": CHECK})["healthStatus"], "HEALTHY")

    def test_a_record_that_has_crashed_is_never_healthy(self):
        task = self.task({**RECORD, "image": "wordpress:crash", "healthCheck": CHECK}, until="STOPPED")
        self.assertEqual((task["lastStatus"], task["healthStatus"]), ("STOPPED", "UNKNOWN"))

    def test_a_task_without_a_check_has_no_health(self):
        task = self.task(RECORD)
        self.assertEqual((task["healthStatus"], health.task_is_ready(task)), ("UNKNOWN", True))

    def test_a_container_is_unhealthy_after_as_many_failures_in_a_row_as_it_has_retries(self):
        seen, _ = self.statuses(1, 0, 1, 0, 1, None)
        self.assertEqual(seen, ["UNKNOWN", "HEALTHY", "HEALTHY", "HEALTHY", "HEALTHY", "UNHEALTHY"])

    def test_a_container_can_become_healthy_again(self):
        self.assertEqual(self.statuses(1, 1, 0)[0], ["UNKNOWN", "UNHEALTHY", "HEALTHY"])

    def test_failures_in_the_start_period_do_not_count_until_a_check_has_succeeded(self):
        check = {**CHECK, "startPeriod": 300}
        seen, _ = self.statuses(1, 1, 1, 0, 1, 1, check=check)
        self.assertEqual(seen, ["UNKNOWN", "UNKNOWN", "UNKNOWN", "HEALTHY", "HEALTHY", "UNHEALTHY"])

    def test_a_command_is_given_to_a_shell_or_run_as_it_is(self):
        _, commands = self.statuses(0, check={**CHECK, "timeout": 7})
        self.assertEqual(commands[0], (["/bin/sh", "-c", "true"], 7))
        self.assertEqual(health._command({"command": ["CMD", "a", "b"]}), ["a", "b"])
        self.assertIsNone(health._command({}))

    def test_only_essential_containers_with_a_check_count(self):
        checked = {"healthCheck": CHECK}
        containers = [
            {**RECORD, **checked},
            {**RECORD, "name": "b"},
            {**RECORD, "name": "c", "essential": False, **checked},
        ]
        task = self.task(*containers)
        self.assertEqual(task["healthStatus"], "HEALTHY")
        health._note(task, 2, "UNHEALTHY")
        self.assertEqual((task["healthStatus"], task["containers"][2]["healthStatus"]), ("HEALTHY", "UNHEALTHY"))
        health._note(task, 0, "UNKNOWN")
        self.assertEqual((task["healthStatus"], health.task_is_ready(task)), ("UNKNOWN", False))

    def test_an_unhealthy_task_without_a_service_goes_on(self):
        task = self.task({**RECORD, "healthCheck": CHECK})
        health._note(task, 0, "UNHEALTHY")
        self.assertEqual((task["healthStatus"], task["lastStatus"]), ("UNHEALTHY", "RUNNING"))
