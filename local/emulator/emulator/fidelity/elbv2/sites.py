"""Starts the data plane, as the emulator's environment variables say.

`SITES` is a JSON list, with an account, a region and an address to listen on in each entry:
`[{"account": "536580886816", "region": "eu-west-1", "address": "127.0.0.1:4443"}]`. `SITES_CERTIFICATE` and `SITES_KEY`
are PEM files.
"""

import json
import os
import sys

from emulator.fidelity.elbv2 import loop
from emulator.fidelity.elbv2.data_plane import Sites

# Seconds to open a port.
_LONGEST_START = 10


def start():
    """Listens for visitors. Without `SITES`, nothing is started."""
    sites = json.loads(os.environ.get("SITES") or "[]")
    certificate, key = os.environ.get("SITES_CERTIFICATE"), os.environ.get("SITES_KEY")
    if sites and not (certificate and key):
        sys.exit("emulator: SITES needs a certificate: set SITES_CERTIFICATE and SITES_KEY to PEM files")
    for site in sites:
        host, _, port = site["address"].rpartition(":")
        server = Sites(site["account"], site["region"])
        try:
            loop.start(server.listen(host, int(port), certificate, key)).result(_LONGEST_START)
        except OSError as error:
            account, address = site["account"], site["address"]
            sys.exit(f"emulator: the load balancers of account {account} cannot listen on {address}: {error}")
