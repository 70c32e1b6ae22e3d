"""The container engine."""

import os
import pathlib
import threading
import unittest

from docker.errors import ImageNotFound

from emulator.fidelity.ecs.container_engine import KILLED, Engine


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

    def test_each_callback_is_called_once_when_the_container_ends(self):
        containers, told = Engine().containers, []
        container = containers.run("wordpress")
        container.when_ended(lambda: told.append("then"))
        self.assertEqual(told, [])
        container.stop()
        container.stop()
        container.when_ended(lambda: told.append("now"))
        self.assertEqual(told, ["then", "now"])

    def run_command(self, command, **options):
        container = Engine().containers.run("mysql-client:8", command=["sh", "-c", command], **options)
        return container, container.wait(timeout=10)["StatusCode"]

    def test_a_command_of_an_image_that_runs_is_a_process(self):
        container, status = self.run_command("echo $WHO; echo why >&2; exit 3", environment={"WHO": "me"})
        self.assertEqual(status, 3)
        self.assertEqual(container.logs(), b"me\nwhy\n")

    def test_a_process_inherits_no_environment_variable_but_the_path(self):
        os.environ["SECRET_OF_THE_EMULATOR"] = "x"
        self.addCleanup(os.environ.pop, "SECRET_OF_THE_EMULATOR")
        container, _ = self.run_command("env", environment={"WHO": "me"})
        names = {line.partition("=")[0] for line in container.logs().decode().splitlines()}
        self.assertEqual(names - {"PATH", "HOME", "TMPDIR", "PWD", "WHO", "SHLVL", "_", "OLDPWD"}, set())

    def test_a_process_leaves_neither_processes_nor_files_behind(self):
        # What it left would keep its output open, and the container would not end.
        container, status = self.run_command("pwd; touch $HOME/file $TMPDIR/other; sleep 1000 &")
        self.assertEqual((status, container.status), (0, "exited"))
        self.assertFalse(pathlib.Path(container.logs().decode().strip()).exists())

    def test_all_output_is_logged_when_a_container_has_ended(self):
        lines = []
        self.run_command("seq 1000; printf end", log=lines.append)
        self.assertEqual(lines, [*map(str, range(1, 1001)), "end"])

    def test_a_process_that_ignores_sigterm_is_killed(self):
        started = threading.Event()
        container = Engine().containers.run(
            "mysql-client", command=["sh", "-c", "trap '' TERM; echo up; sleep 1000"], log=lambda _: started.set()
        )
        self.assertTrue(started.wait(10))
        container.stop(timeout=0)
        self.assertEqual(container.wait(10)["StatusCode"], KILLED)

    def test_a_process_finds_mariadbs_client_under_the_name_mysql(self):
        container, status = self.run_command("mysql --version")
        self.assertIn(status, (0, 127))
        self.assertTrue(status == 127 or b"Ver" in container.logs())

    def test_containers_are_listed_by_their_labels(self):
        containers = Engine().containers
        containers.run("a", labels={"ministack": "ecs"})
        self.assertEqual(len(containers.list(filters={"label": ["ministack=ecs"]})), 1)
        self.assertEqual(containers.list(filters={"label": ["ministack=rds"]}), [])
