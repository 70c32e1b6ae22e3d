"""The Runtime API, and how long an answer waits for the log."""

import queue
import socket
import socketserver
import threading
import time
import types
import unittest

from ministack.core import lambda_runtime

from emulator.speed.lambda_ import _LONGEST_WAIT, Invocations, Server


class _Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


class RuntimeApi(unittest.TestCase):
    def test_a_server_answers_at_once_and_ends_at_once(self):
        server = Server(("127.0.0.1", 0), _Echo)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        for line in (b"one\n", b"two\n"):
            with socket.create_connection(server.server_address, timeout=10) as connection:
                connection.sendall(line)
                self.assertEqual(connection.recv(10), line)
        server.shutdown()
        thread.join(timeout=10)
        self.assertFalse(thread.is_alive())
        server.server_close()

    def test_a_server_can_end_before_it_serves(self):
        server = Server(("127.0.0.1", 0), _Echo)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        server._stop.close()
        thread.start()
        thread.join(timeout=10)
        self.assertFalse(thread.is_alive())
        server.server_close()

    def test_an_invocation_wakes_the_thread_that_waits_for_it(self):
        invocations = Invocations(maxsize=1)
        threading.Timer(0.3, invocations.put, ["invocation"]).start()
        before = time.monotonic()
        self.assertEqual(invocations.get(timeout=0.1), "invocation")
        self.assertLess(time.monotonic() - before, _LONGEST_WAIT)


class Logs(unittest.TestCase):
    def test_an_answer_waits_for_what_is_logged_and_no_longer(self):
        worker = types.SimpleNamespace(_stderr_queue=Invocations())
        threading.Timer(0.02, lambda: [worker._stderr_queue.put(line) for line in ("one", "two")]).start()
        before = time.monotonic()
        log = lambda_runtime.Worker._drain_stderr_bounded(worker, first_line_wait=10)
        self.assertEqual(log, "one\ntwo")
        self.assertLess(time.monotonic() - before, 5)

    def test_a_function_that_never_stops_logging_is_answered(self):
        endless, ended = queue.Queue(maxsize=1), threading.Event()
        worker = types.SimpleNamespace(_stderr_queue=endless)

        def log():
            while not ended.is_set():
                endless.put("more")

        writer = threading.Thread(target=log)
        writer.start()
        before = time.monotonic()
        self.assertIn("more", lambda_runtime.Worker._drain_stderr_bounded(worker, hard_cap=0.05))
        self.assertLess(time.monotonic() - before, 5)
        ended.set()
        endless.get()
        writer.join()
