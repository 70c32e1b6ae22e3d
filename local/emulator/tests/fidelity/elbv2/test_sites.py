"""The start of the data plane."""

import json
import os
import socket
import unittest
from unittest import mock

from emulator.fidelity.elbv2 import loop, sites
from support import certificate


class Start(unittest.TestCase):
    def start(self, **environment):
        with mock.patch.dict(os.environ, environment, clear=True):
            sites.start()

    def start_at(self, address, **more):
        site = {"account": "123456789012", "region": "eu-west-1", "address": address}
        self.start(SITES=json.dumps([site]), **more)

    def files(self):
        return dict(zip(("SITES_CERTIFICATE", "SITES_KEY"), map(str, certificate()), strict=True))

    def test_without_sites_nothing_is_started(self):
        with mock.patch.object(loop, "start") as start:
            self.start()
            self.start(SITES="[]")
        start.assert_not_called()

    def test_an_address_accepts_connections_once_it_is_started(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.start_at(f"127.0.0.1:{port}", **self.files())
        socket.create_connection(("127.0.0.1", port), timeout=10).close()

    def test_what_is_wrong_with_the_settings_is_said(self):
        with self.assertRaisesRegex(SystemExit, "set SITES_CERTIFICATE and SITES_KEY"):
            self.start_at("127.0.0.1:0")
        with self.assertRaisesRegex(SystemExit, "cannot listen on 127.0.0.1:0: .*No such file"):
            self.start_at("127.0.0.1:0", SITES_CERTIFICATE="missing", SITES_KEY="missing")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with self.assertRaisesRegex(SystemExit, f"cannot listen on {address}: .*in use"):
                self.start_at(address, **self.files())
