"""The scheduler."""

import time
from unittest import mock

from ministack.services import ecs

from emulator.fidelity.ecs import health, scheduler
from support import ContainersTestCase


class Scheduler(ContainersTestCase):
    def setUp(self):
        super().setUp()
        self.call("CreateCluster", clusterName="c")
        for image in ("wordpress", "does-not-exist"):
            containers = [{"name": "wordpress", "image": image}]
            self.call("RegisterTaskDefinition", family=image, containerDefinitions=containers)
        self.call("CreateService", cluster="c", serviceName="s", taskDefinition="wordpress", desiredCount=2)
        self.service = ecs._services["c/s"]
        self.assertTrue(self.is_complete_in_time())

    def call(self, action, **parameters):
        return ecs._ACTION_MAP[action](parameters)

    def deploy(self, task_definition):
        self.call("UpdateService", cluster="c", service="s", taskDefinition=task_definition, forceNewDeployment=True)

    def in_time(self, condition):
        """Waits until the condition holds, for ten seconds at most; gives whether it does."""
        deadline = time.monotonic() + 10
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        return condition()

    def is_complete_in_time(self):
        return self.in_time(lambda: self.service["deployments"][0]["rolloutState"] == "COMPLETED")

    def tasks_of(self, deployment):
        return [task for task in ecs._tasks.values() if task["_deployment_id"] == deployment["id"]]

    def test_a_failure_delays_the_next_start(self):
        begin = time.monotonic()
        self.deploy("does-not-exist")
        deployment = self.service["deployments"][0]
        self.assertTrue(self.in_time(lambda: len(self.tasks_of(deployment)) >= 7))
        # One task first, then two at a time, each pair after a longer delay than the one before.
        self.assertGreater(time.monotonic() - begin, 4 * scheduler.FIRST_DELAY)

    def test_a_deployment_gets_the_room_of_a_failing_one(self):
        worker, later = "_run_task_worker", "_schedule_service_deployment_completion"
        with mock.patch.object(ecs, worker), mock.patch.object(ecs, later):
            # As many tasks are being started as there is room for.
            self.deploy("does-not-exist")
            failing = self.service["deployments"][0]
            failing["_image_resolution_disabled"] = True
            ecs._reconcile_service_tasks("c", "c/s")
            self.assertEqual(len(self.tasks_of(failing)), 2)
            self.deploy("wordpress")
            self.assertEqual(self.tasks_of(self.service["deployments"][0]), [])
        for task in self.tasks_of(failing):
            ecs._mark_task_stopped(task["taskArn"], task, "CannotPullContainerError", "TaskFailedToStart")
        self.assertTrue(self.is_complete_in_time())

    def test_a_deployment_gets_the_room_of_tasks_that_are_not_healthy(self):
        healthy = self.tasks_of(self.service["deployments"][0])
        serves = mock.patch.object(health, "task_is_ready", lambda task: task in healthy)
        with serves:
            # Its tasks run, but are not healthy.
            self.deploy("wordpress")
            failing = self.service["deployments"][0]
            self.assertTrue(self.in_time(lambda: self.are_running(failing, 2)))
            self.deploy("wordpress")
            self.assertTrue(self.in_time(lambda: self.are_running(self.service["deployments"][0], 2)))
            self.assertEqual([task["lastStatus"] for task in healthy], ["RUNNING", "RUNNING"])
            self.assertEqual({task["lastStatus"] for task in self.tasks_of(failing)}, {"STOPPED"})

    def are_running(self, deployment, count):
        return [task["lastStatus"] for task in self.tasks_of(deployment)].count("RUNNING") == count

    def test_the_delay_is_bounded(self):
        deployment = self.service["deployments"][0]
        deployment["_failures"] = 5000
        ecs._record_service_task_failure(self.tasks_of(deployment)[0])
        longest = scheduler.FIRST_DELAY * 2**scheduler.DOUBLINGS
        self.assertLessEqual(deployment["_not_before"], time.monotonic() + longest)
