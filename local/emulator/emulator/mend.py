"""How a difference between MiniStack and AWS is mended.

A mend is a small function that takes the place of one of MiniStack's own and may call it. It is written for one version
of MiniStack, the one in pyproject.toml. When that version no longer has what the mend replaces, the emulator does not
start, so that an update of MiniStack cannot undo a mend without anyone noticing.
"""

import functools
import sys


def _require(condition, what):
    if not condition:
        sys.exit(f"emulator: {what}: adapt the mend to this version of MiniStack")


def wraps(module, name, table=None):
    """Replaces `module.name` by the decorated function, whose first argument is the original.

    Some of MiniStack's services find their functions in a dictionary, such as `ecs._ACTION_MAP`, and not by name. Then
    `table` is that dictionary, and the function is replaced in it too.
    """
    original = getattr(module, name, None)
    _require(callable(original), f"{module.__name__} has no function {name}")

    def decorate(function):
        @functools.wraps(original)
        def mended(*arguments, **named):
            return function(original, *arguments, **named)

        setattr(module, name, mended)
        if table is not None:
            keys = [key for key, value in table.items() if value is original]
            _require(keys, f"{module.__name__}.{name} is not in the dictionary that it is called through")
            for key in keys:
                table[key] = mended
        return mended

    return decorate


def replaces(owner, name, value):
    """Replaces `owner.name`, which is no function, by `value`. The owner is a module or a class."""
    _require(hasattr(owner, name), f"{owner.__name__} has no {name}")
    setattr(owner, name, value)
