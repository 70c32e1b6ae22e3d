"""The HTTP server."""

import asyncio
import http.client
import socket
import threading
import time
import unittest

import hypercorn.asyncio
from hypercorn.config import Config
from ministack import app  # noqa: F401  (it says which headers Hypercorn adds)


async def _echo(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        return
    body, is_whole = scope["raw_path"] + b" ", False
    while not is_whole:
        message = await receive()
        body += message["body"]
        is_whole = not message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class Server(unittest.TestCase):
    def setUp(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = free.getsockname()
        config = Config()
        config.bind = ["{}:{}".format(*self.address)]
        threading.Thread(target=lambda: asyncio.run(hypercorn.asyncio.serve(_echo, config)), daemon=True).start()
        deadline = time.monotonic() + 10
        with socket.socket() as connection:
            while connection.connect_ex(self.address) != 0:
                self.assertLess(time.monotonic(), deadline, "nobody listens")

    def test_the_server_adds_no_headers(self):
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        for body in (b"first", b"second" * 100_000):
            connection.request("PUT", "/a%2Fb", body)
            answer = connection.getresponse()
            self.assertEqual(answer.read(), b"/a%2Fb " + body)
            self.assertEqual([name for name in ("server", "date") if answer.getheader(name)], [])
        connection.close()

    def test_a_client_that_expects_100_continue_gets_it(self):
        with socket.create_connection(self.address, timeout=10) as connection:
            connection.sendall(b"PUT / HTTP/1.1\r\nHost: s3\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n"))
            connection.sendall(b"body")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n"))
