"""Addresses of containers."""

import ipaddress
import subprocess
import sys
import unittest
from unittest import mock

from emulator.containers import addresses


class Addresses(unittest.TestCase):
    def take(self):
        address = addresses.take()
        self.addCleanup(address.release)
        return address

    def test_each_container_has_an_address_and_a_hostname_of_its_own(self):
        taken = [self.take() for _ in range(300)]
        self.assertEqual(len({each.address for each in taken}), 300)
        self.assertTrue(all(ipaddress.ip_address(each.address) in addresses.NETWORK for each in taken))
        self.assertEqual(taken[0].hostname, "ip-" + taken[0].address.replace(".", "-"))

    def test_an_address_of_another_process_is_left_to_it(self):
        address = self.take()
        # The other one begins where this one has begun.
        script = "from emulator.containers import addresses as a; a._next = {}; print(a.take().address)"
        number = int(ipaddress.ip_address(address.address)) - int(addresses.NETWORK.network_address)
        other = subprocess.run(
            [sys.executable, "-c", script.format(number)], check=True, capture_output=True, text=True
        ).stdout.strip()
        self.assertNotEqual(other, address.address)

    def test_an_address_is_free_again_once_it_is_released(self):
        with mock.patch.object(addresses, "_next", 1000):
            address = addresses.take()
        address.release()
        with mock.patch.object(addresses, "_next", 1000):
            self.assertEqual(self.take().address, address.address)
