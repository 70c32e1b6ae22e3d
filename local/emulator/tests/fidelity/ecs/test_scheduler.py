"""What the mends of service_scheduler.py promise."""

import time
from unittest import mock

from ministack.services import ecs

from emulator.fidelity.ecs import scheduler as service_scheduler
from support import ContainersTestCase


class ServiceScheduler(ContainersTestCase):
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
        self.call("UpdateService", cluster="c", service="s", taskDefinition=task_definition)

    def in_time(self, condition):
        """Waits until something is so; gives whether it came to be."""
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
        # One task, and two at a time, each after a longer delay than those before.
        self.assertGreater(time.monotonic() - begin, 4 * service_scheduler.FIRST_DELAY)

    def test_a_deployment_gets_the_room_of_a_failing_one(self):
        worker, later = "_run_task_worker", "_schedule_service_deployment_completion"
        with mock.patch.object(ecs, worker), mock.patch.object(ecs, later):
            # Tasks that are being started, as many as there is room for.
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

    def test_the_delay_is_bounded(self):
        deployment = self.service["deployments"][0]
        deployment["_failures"] = 5000
        ecs._record_service_task_failure(self.tasks_of(deployment)[0])
        longest = service_scheduler.FIRST_DELAY * 2**service_scheduler.DOUBLINGS
        self.assertLessEqual(deployment["_not_before"], time.monotonic() + longest)

    def test_a_stopped_task_is_forgotten_in_the_end(self):
        first, second = list(ecs._tasks.values())
        ecs._mark_task_stopped(
            first["taskArn"], first, "Essential container in task exited", "EssentialContainerExited"
        )
        self.assertIn(first["taskArn"], ecs._tasks)
        with mock.patch.object(service_scheduler, "KEPT", 0):
            ecs._mark_task_stopped(second["taskArn"], second, "Task stopped by user", "UserInitiated")
        self.assertNotIn(first["taskArn"], ecs._tasks)
        self.assertIn(second["taskArn"], ecs._tasks)
