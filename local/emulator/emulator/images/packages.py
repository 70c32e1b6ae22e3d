"""Debian's packages, as this machine gets them: its release, its sources, and its settings of apt."""

import functools
import pathlib
import re
import subprocess


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


@functools.cache
def suite():
    """The release of Debian or Ubuntu that this machine has; empty if it is another system."""
    release = pathlib.Path("/etc/os-release")
    found = re.search(r"^VERSION_CODENAME=(\S+)", release.read_text() if release.exists() else "", re.MULTILINE)
    return found[1] if found else ""


@functools.cache
def sources():
    """The machine's own sources of its release, its updates included, in the form of a sources.list.

    Those of other distributors are left out: an image needs nothing from them.
    """
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)"
    ask = ("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    lines = []
    for line in _output(*ask).splitlines():
        uri, release, component, *key = line.split()
        if release.split("-")[0].split("/")[0] == suite():
            signed = f"[signed-by={key[0]}] " if key and key[0].startswith("/") else ""
            lines.append(f"deb {signed}{uri} {release} {component}")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def apt_options():
    """How this machine reaches the sources: proxies and time limits."""
    found = re.findall(r"^(Acquire::(?:https?|Retries)\S*) \"(.+)\";$", _output("apt-config", "dump"), re.MULTILINE)
    return [f'{name} "{value}"' for name, value in found]


@functools.cache
def with_theme(packages):
    """The packages and WordPress's default theme of this release, which is a package of its own."""
    record = _output("apt-cache", "show", "--no-all-versions", "wordpress")
    theme = re.search(r"^Recommends:.*?\b(wordpress-theme-\w+)", record, re.MULTILINE)
    return (*packages, *theme.groups()) if theme else packages
