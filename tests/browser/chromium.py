"""Debian's Chromium, in which tenants' sites are where visitors find them: at their hosts, on port 443."""

import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

PROGRAM = "/usr/bin/chromium"


@contextmanager
def started(stack):
    """Start Chromium without a screen. It trusts the stack's authority, and reaches tenants' sites and nothing else."""
    with tempfile.TemporaryDirectory(prefix="browser-") as home, sync_playwright() as playwright:
        trust(stack.sites_authority, Path(home))
        # Nothing else: a page must look the same on a machine without the internet.
        hosts = f"MAP *.{stack.domain}:443 {stack.sites_address}, MAP * ~NOTFOUND"
        browser = playwright.chromium.launch(
            executable_path=PROGRAM,
            # Without a proxy, because a proxy would look up the hosts itself.
            args=[f"--host-resolver-rules={hosts}", "--no-proxy-server"],
            env={**os.environ, "HOME": home},
            # Chromium does not start as root with its sandbox. It opens only pages of the test's own site.
            chromium_sandbox=os.geteuid() != 0,
        )
        try:
            yield browser
        finally:
            browser.close()


def trust(authority, home):
    """Make Chromium trust an authority. It reads this database below its home directory."""
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    create = ["-N", "--empty-password"]
    add = ["-A", "-n", "authority of the local stack", "-t", "C,,", "-i", authority]
    for arguments in (create, add):
        subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True)
