"""A program with a root file system and namespaces of its own."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

from emulator import images
from emulator.containers import addresses, sandbox
from emulator.containers.sandbox import Mount
from support import ImageTestCase


class Sandboxes(ImageTestCase):
    def start(self, command, environment=None, mounts=(), user=""):
        address = addresses.take()
        self.addCleanup(address.release)
        variables = {**images.ENVIRONMENT, **(environment or {})}
        return sandbox.start(images.layers("wordpress"), address, command, variables, "/var/www/html", user, mounts)

    def output_of(self, script, **options):
        """What a shell script prints in a container, and its exit status."""
        started = self.start(["sh", "-c", script], **options)
        with started.process.stdout as output:
            lines = output.read().decode().split("\n")[:-1]
        status = started.process.wait()
        started.close()
        return lines, status

    def test_a_container_has_its_own_files_processes_and_hostname(self):
        address = addresses.take()
        self.addCleanup(address.release)
        lines, status = self.output_of("echo $$; hostname; hostname -i; pwd; ls /.machine /proc/2 2>&1 | wc -l; exit 7")
        self.assertEqual((lines[0], lines[3], status), ("1", "/var/www/html", 7))
        self.assertEqual(lines[1], "ip-" + lines[2].replace(".", "-"))
        self.assertTrue(pathlib.Path("/etc/debian_version").exists())
        self.assertEqual(self.output_of("echo x >/etc/debian_version; cat /etc/debian_version")[0], ["x"])
        self.assertNotEqual(pathlib.Path("/etc/debian_version").read_text(), "x\n")

    def test_a_program_may_end_at_once(self):
        for _ in range(20):
            self.assertEqual(self.output_of("echo done"), (["done"], 0))

    def test_a_container_inherits_no_environment_variable(self):
        os.environ["SECRET_OF_THE_EMULATOR"] = "x"
        self.addCleanup(os.environ.pop, "SECRET_OF_THE_EMULATOR")
        lines, _ = self.output_of("env", environment={"WHO": "me"})
        names = {line.partition("=")[0] for line in lines}
        self.assertEqual(names - {"PWD", "SHLVL", "_"}, {"PATH", "WHO"})

    def test_root_in_a_container_cannot_change_the_machine(self):
        lines, _ = self.output_of("mount -t tmpfs none /mnt 2>&1 || echo refused; mknod /d b 8 0 2>&1 || echo no")
        self.assertIn("refused", lines)
        self.assertEqual(lines[-1], "no")

    def test_an_image_that_a_container_uses_is_not_removed(self):
        used, unused = (pathlib.Path(tempfile.mkdtemp(prefix="wordpress-", dir=self.files)) for _ in range(2))
        (used / "root").mkdir()
        with mock.patch.object(images, "layers", return_value=[used / "root", *images.layers("wordpress")]):
            started = self.start(["sleep", "1000"])
        images._remove(self.files, keep=None)
        self.assertEqual((used.exists(), unused.exists()), (True, False))
        started.signal(signal.SIGKILL)
        started.process.wait()
        started.close()

    def test_a_container_may_run_as_another_user(self):
        self.assertEqual(self.output_of("id -u; id -g", user="www-data")[0], ["33", "33"])
        self.assertEqual(self.output_of("id -u; id -g", user="1234:5")[0], ["1234", "5"])

    def test_a_mount_shows_files_as_its_owners(self):
        directory = self.files / "content"
        directory.mkdir()
        (directory / "old").touch()
        script = "cd /data && echo hello >new && mkdir sub && chown 7:7 new && stat -c %u:%g old new sub"
        mount = Mount(directory, "/data", (33, 34))
        lines, status = self.output_of(script, mounts=[mount])
        self.assertEqual(status, 0, lines)
        self.assertEqual((directory / "new").read_text(), "hello\n")
        if sandbox._maps_owners():
            self.assertEqual(lines, ["33:34"] * 3)
            self.assertEqual([(directory / name).stat().st_uid for name in ("old", "new", "sub")], [0, 33, 33])
        self.assertNotIn(str(directory), pathlib.Path("/proc/mounts").read_text())

    def test_a_mount_may_be_read_only_and_cover_files_of_the_image(self):
        directory = self.files / "content"
        directory.mkdir()
        for owner in (None, (33, 33)):
            mount = Mount(directory, "/usr/src", owner, read_only=True)
            lines, _ = self.output_of("ls -A /usr/src; touch /usr/src/x 2>/dev/null || echo refused", mounts=[mount])
            self.assertEqual(lines, ["refused"])

    def test_a_mount_is_not_led_out_of_the_container_by_a_link(self):
        outside, directory = self.files / "outside", self.files / "content"
        outside.mkdir()
        directory.mkdir()
        (directory / "inner").symlink_to(outside)
        mounts = [Mount(directory, "/data"), Mount(directory, "/data/inner/sub")]
        with self.assertRaisesRegex(sandbox.SandboxError, "leads out of the container"):
            self.start(["true"], mounts=mounts)
        self.assertEqual(list(outside.iterdir()), [])

    def test_a_command_runs_in_a_running_container(self):
        started = self.start(["sleep", "1000"])
        environment = images.ENVIRONMENT
        self.assertEqual(started.run(["sh", "-c", "test $PWD = /var/www/html && kill -0 1"], environment, 10), 0)
        self.assertEqual(started.run(["sh", "-c", "echo hello >/proc/1/fd/1; exit 4"], environment, 10), 4)
        begin = time.monotonic()
        self.assertIsNone(started.run(["sleep", "1000"], environment, 0.2))
        self.assertLess(time.monotonic() - begin, 5)
        started.signal(signal.SIGKILL)
        self.assertEqual(started.process.wait(), 128 + signal.SIGKILL)
        with started.process.stdout as output:
            self.assertEqual(output.read(), b"hello\n")
        started.close()

    def test_nothing_is_left_when_a_container_has_ended(self):
        directory = tempfile.mkdtemp(dir=self.files)
        with self.subTest("directories"):
            before = set(pathlib.Path(tempfile.gettempdir()).glob("container-*"))
            self.output_of("sleep 1000 & sleep 1000 & exit 0", mounts=[Mount(pathlib.Path(directory), "/data", (1, 1))])
            self.assertEqual(set(pathlib.Path(tempfile.gettempdir()).glob("container-*")), before)
        self.assertNotIn(directory, pathlib.Path("/proc/mounts").read_text())

    def test_a_container_ends_with_the_emulator_however_that_ends(self):
        script = """
import pathlib, sys, time
from emulator import images
from emulator.containers import addresses, sandbox
mounts = [sandbox.Mount(pathlib.Path(sys.argv[1]), "/data", (1, 1))]
started = sandbox.start(
    images.layers("wordpress"), addresses.take(), ["sleep", "1000"], images.ENVIRONMENT, "/", "", mounts)
print(started._main, started._directory, flush=True)
time.sleep(1000)
"""
        emulator = subprocess.Popen(
            [sys.executable, "-c", script, self.files], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
        )
        with emulator.stdout as output:
            process, directory = output.readline().split()
            self.addCleanup(shutil.rmtree, directory)
            self.assertTrue(pathlib.Path("/proc", process).exists())
            emulator.kill()
        emulator.wait()
        self.wait_for(lambda: not self.is_running(process))

    def is_running(self, process):
        try:
            return ") Z " not in pathlib.Path("/proc", process, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
