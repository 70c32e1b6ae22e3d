"""What the container engine promises."""

import unittest

from container_engine import Engine
from docker.errors import ImageNotFound


class Containers(unittest.TestCase):
    def test_an_image_that_does_not_exist_cannot_be_pulled(self):
        with self.assertRaises(ImageNotFound):
            Engine().images.get_registry_data("registry.example/wordpress:does-not-exist")

    def test_containers_run_crash_or_are_stopped(self):
        containers = Engine().containers
        self.assertEqual(containers.run("wordpress").status, "running")
        crashed = containers.run("crash:1")
        self.assertEqual((crashed.status, crashed.wait()["StatusCode"]), ("exited", 1))
        stopped = containers.run("wordpress")
        stopped.stop()
        self.assertEqual((stopped.status, stopped.wait()["StatusCode"]), ("exited", 0))

    def test_a_command_of_an_image_that_runs_is_a_process(self):
        container = Engine().containers.run("mysql-client:8", command=["sh", "-c", "echo $WHO; exit 3"], environment={"WHO": "me"})
        self.assertEqual(container.wait(timeout=10)["StatusCode"], 3)
        self.assertEqual(container.logs(), b"me\n")

    def test_labels_select(self):
        containers = Engine().containers
        containers.run("a", labels={"ministack": "ecs"})
        self.assertEqual(len(containers.list(filters={"label": ["ministack=ecs"]})), 1)
        self.assertEqual(containers.list(filters={"label": ["ministack=rds"]}), [])
