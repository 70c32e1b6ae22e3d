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
    for site in json.loads(os.environ.get("SITES") or "[]"):
        host, _, port = site["address"].rpartition(":")
        server = Sites(site["account"], site["region"])
        listening = server.listen(host, int(port), os.environ["SITES_CERTIFICATE"], os.environ["SITES_KEY"])
        try:
            loop.start(listening).result(_LONGEST_START)
        except OSError as error:
            sys.exit(f"the load balancers of account {site['account']} cannot listen on {site['address']}: {error}")
