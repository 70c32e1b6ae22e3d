"""Elastic Container Service: what makes hundreds of tasks cost little."""

import threading
import time
from unittest import mock

from ministack.services import ecs

from emulator.speed import ecs as speed
from support import ACCOUNT, REGION, ContainersTestCase


class Tasks(ContainersTestCase):
    def running_task(self, arn):
        container = ecs._docker.containers.run("wordpress")
        ecs._tasks[arn] = {
            "taskArn": arn,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "clusterArn": "arn:cluster/c",
            "containers": [{"image": "wordpress", "lastStatus": "RUNNING"}],
            "_docker_ids": [container.id],
        }
        return ecs._tasks[arn], container

    def test_no_thread_watches_a_task_until_its_container_ends(self):
        task, container = self.running_task("arn:task/1")
        before = threading.active_count()
        ecs._watch_task_lifecycle(task, ecs._docker, ACCOUNT, REGION)
        self.assertEqual(threading.active_count(), before)
        container.stop()
        deadline = time.monotonic() + 10
        while task["lastStatus"] != "STOPPED" and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(task["lastStatus"], "STOPPED")

    def test_a_stopped_task_is_forgotten_in_the_end(self):
        (first, _), (second, _) = self.running_task("arn:task/1"), self.running_task("arn:task/2")
        ecs._mark_task_stopped(
            first["taskArn"], first, "Essential container in task exited", "EssentialContainerExited"
        )
        self.assertIn(first["taskArn"], ecs._tasks)
        with mock.patch.object(speed, "KEPT", 0):
            ecs._mark_task_stopped(second["taskArn"], second, "Task stopped by user", "UserInitiated")
        self.assertNotIn(first["taskArn"], ecs._tasks)
        self.assertIn(second["taskArn"], ecs._tasks)
