"""Reads the emulator's recordings."""

import gzip
import json
import pathlib
import zlib


class RecordingError(Exception):
    """A recording that cannot be judged."""


def lines(directory, name):
    """The lines of a recording, `requests` or `decisions`. The end may be cut off while the emulator runs."""
    path = pathlib.Path(directory) / f"{name}.jsonl.gz"
    try:
        with gzip.open(path, "rt") as file:
            for text in file:
                if not text.endswith("\n"):
                    return
                line = json.loads(text)
                if line.get("full"):
                    raise RecordingError(f"{path} has reached its largest size, so that later calls are not in it")
                yield line
    except FileNotFoundError:
        raise RecordingError(f"{path} does not exist: set RECORDINGS when the stack is started") from None
    except EOFError:
        return
    except (ValueError, OSError, zlib.error) as error:
        raise RecordingError(f"{path} is damaged, perhaps because the disk was full: {error}") from error
