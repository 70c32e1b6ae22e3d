"""How a difference between MiniStack and AWS is mended.

Each mend is a small function that says what AWS does and what MiniStack does, and wraps MiniStack's own function.
MiniStack's version is pinned in requirements.txt; a mend that does not find what it wraps ends the start, so that an
update cannot quietly undo it.
"""

import functools
import sys


def wraps(module, name, table=None):
    """Replaces `module.name` by the decorated function, which is given the original first.

    `table` is the dictionary, if any, through which MiniStack calls the function.
    """
    original = getattr(module, name, None)
    if not callable(original):
        sys.exit(f"emulator: {module.__name__}.{name} is not in this MiniStack: adapt the mend to its version")

    def decorate(function):
        @functools.wraps(original)
        def mended(*arguments, **named):
            return function(original, *arguments, **named)

        setattr(module, name, mended)
        if table is not None:
            keys = [key for key, value in table.items() if value is original]
            if not keys:
                sys.exit(f"emulator: {module.__name__}.{name} is not called through its table any more")
            for key in keys:
                table[key] = mended
        return mended

    return decorate
