"""What the mends of runtime_api.py promise."""

import socket
import socketserver
import threading
import time
import unittest

from emulator.speed import lambda_ as runtime_api


class _Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


class RuntimeApi(unittest.TestCase):
    def test_a_server_answers_at_once_and_ends_at_once(self):
        server = runtime_api._Server(("127.0.0.1", 0), _Echo)
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
        server = runtime_api._Server(("127.0.0.1", 0), _Echo)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        server._stop.close()
        thread.start()
        thread.join(timeout=10)
        self.assertFalse(thread.is_alive())
        server.server_close()

    def test_an_invocation_wakes_who_waits_for_it(self):
        invocations = runtime_api._Invocations(maxsize=1)
        threading.Timer(0.3, invocations.put, ["invocation"]).start()
        before = time.monotonic()
        self.assertEqual(invocations.get(timeout=0.1), "invocation")
        self.assertLess(time.monotonic() - before, runtime_api._LONGEST_WAIT)
