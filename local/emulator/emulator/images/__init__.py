"""Images of containers, as directories.

There is one: WordPress, made from Debian's packages, and laid out and started as the official image is. `recipe/` has
what is put into it. Some names of images stand for other versions of it, see `layers`.

The images lie in the directory that the environment variable IMAGES_DIRECTORY names. What they are made of is part of
their directory's name, so that a change of the recipe makes another image.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from emulator.images import packages

RECIPE = pathlib.Path(__file__).with_name("recipe")

# The image's programs. WordPress is installed, copied and removed again, see recipe/customize.sh.
PACKAGES = (
    *("apache2", "ca-certificates", "libapache2-mod-php", "mount", "php-cli", "php-curl", "php-gd", "php-intl"),
    *("php-mbstring", "php-mysql", "php-xml", "php-zip", "wordpress"),
)

# What a container starts with, unless its definition says otherwise.
ENTRY_POINT = ["docker-entrypoint.sh"]
COMMAND = ["apache2-foreground"]
WORKING_DIRECTORY = "/var/www/html"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
STOP_SIGNAL = "SIGWINCH"


class ImageError(Exception):
    """Why an image cannot be made."""


def directory():
    """Where the images are; None if nobody has said where."""
    named = os.environ.get("IMAGES_DIRECTORY")
    return pathlib.Path(named).absolute() if named else None


def is_wordpress(name):
    """Whether an image is WordPress: its name, and not its tag, says so."""
    return "wordpress" in _repository(name)


def _repository(name):
    return name.removesuffix(":" + _tag(name))


def _tag(name):
    """The tag of an image's name, which may be empty. A registry's port is none."""
    return name.rpartition("/")[2].partition("@")[0].partition(":")[2]


def layers(name):
    """The directories that make up the image, the topmost first. Makes the image if there is none.

    A tag that contains `next` stands for the next release, whose database is newer too. One that contains `fatal`
    stands for such a release whose pages end in a fatal error.
    """
    image = build()
    tag = _tag(name)
    wanted = [part for part, names in (("fatal", ["fatal"]), ("next", ["next", "fatal"])) if _any(names, tag)]
    return [image / part for part in [*wanted, "root"]]


def _any(names, text):
    return any(name in text for name in names)


@functools.cache
def _fingerprint():
    """What the image depends on: the recipe, the packages' names, and Debian's release and architecture."""
    parts = [file.read_bytes() for file in sorted(RECIPE.iterdir()) if file.is_file()]
    parts += [part.encode() for part in (*PACKAGES, packages.suite(), os.uname().machine)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def build(progress=lambda _line: None):
    """Makes the image, if there is none that is up to date; gives its directory.

    It is made under another name and renamed, so that what was interrupted is never used. Two stacks that share the
    directory make it once.
    """
    images = directory()
    if images is None:
        raise ImageError("IMAGES_DIRECTORY does not say where images are")
    image = images / f"wordpress-{_fingerprint()}"
    if image.is_dir():
        return image
    images.mkdir(parents=True, exist_ok=True)
    with _lock(images / "lock"):
        if not image.is_dir():
            _remove(images, keep=image)
            made = pathlib.Path(tempfile.mkdtemp(prefix="new-", dir=images))
            try:
                _make(made, progress)
                made.rename(image)
            except BaseException:
                shutil.rmtree(made, ignore_errors=True)
                raise
    return image


def _remove(images, keep):
    """Removes what interrupted builds have left, and images of other recipes that no container uses."""
    old = [path for path in (*images.glob("new-*"), *images.glob("wordpress-*")) if path != keep]
    # A container's mounts are seen by its own processes only.
    mounts = [_text(path) for path in pathlib.Path("/proc").glob("[0-9]*/mounts")] if old else []
    for path in old:
        if not any(f"{path}/" in text for text in mounts):
            shutil.rmtree(path, ignore_errors=True)


def _text(path):
    try:
        return path.read_text()
    except OSError:
        # The process has ended.
        return ""


@contextlib.contextmanager
def _lock(path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(made, progress):
    root = made / "root"
    wanted = packages.with_theme(PACKAGES)
    sources = made / "sources.list"
    sources.write_text(packages.sources())
    progress(f"making the WordPress image from Debian's packages ({packages.suite()}), which takes a minute or two")
    command = [
        "mmdebstrap",
        "--mode=root",
        # Only what Debian itself needs, and apt, which installs the rest and is taken for granted by customize.sh.
        "--variant=apt",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={option}" for option in packages.apt_options()),
        # An image that was cut off is made anew, so nothing need reach the disk in order.
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        f"--include={','.join(wanted)}",
        f'--customize-hook=RECIPE={_quoted(RECIPE)} bash {_quoted(RECIPE / "customize.sh")} "$1"',
        packages.suite(),
        str(root),
        str(sources),
    ]
    _run(command, progress)
    # The directory is made for root alone, and a container's other users must find its files.
    made.chmod(0o755)
    root.chmod(0o755)
    for part in ("next", "fatal"):
        progress(f"making the image's {part} release")
        (made / part).mkdir()
        script = {"next": "newer-core.sh", "fatal": "fatal-core.sh"}[part]
        _run(["bash", str(RECIPE / script), str(made / part), str(root)], progress)
    sources.unlink()


def _quoted(path):
    return "'" + str(path).replace("'", "'\\''") + "'"


def _run(command, progress):
    """Runs a command and passes on what it says of its progress. Its last lines are the reason when it fails."""
    try:
        process = subprocess.Popen(  # noqa: S603
            command,
            # Without /usr/sbin nothing of this works.
            env={**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        raise ImageError(f"{command[0]} does not start: {error.strerror}") from error
    last = []
    with process, process.stdout as output:
        for line in output:
            last = [*last[-9:], line.strip()]
            # mmdebstrap's own lines: `I: downloading packages with apt...`
            if re.match(r"I: \w", line):
                progress(line[3:].strip().rstrip("."))
    if process.returncode:
        raise ImageError(f"{command[0]} has failed: {' | '.join(filter(None, last))}")
