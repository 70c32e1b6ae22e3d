"""What the mends of task_end.py promise."""

import threading
import time

from ministack.services import ecs

from support import ACCOUNT, REGION, ContainersTestCase


class TaskEnd(ContainersTestCase):
    def test_no_thread_watches_a_task_until_its_container_ends(self):
        container = ecs._docker.containers.run("wordpress")
        task = {
            "taskArn": "arn:task/1",
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "clusterArn": "arn:cluster/c",
            "containers": [{"image": "wordpress", "lastStatus": "RUNNING"}],
            "_docker_ids": [container.id],
        }
        ecs._tasks["arn:task/1"] = task
        before = threading.active_count()
        ecs._watch_task_lifecycle(task, ecs._docker, ACCOUNT, REGION)
        self.assertEqual(threading.active_count(), before)
        container.stop()
        deadline = time.monotonic() + 10
        while task["lastStatus"] != "STOPPED" and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(task["lastStatus"], "STOPPED")
