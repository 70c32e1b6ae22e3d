"""Step Functions."""

import time
import types

from ministack.services import stepfunctions as sfn

from emulator.mend import replaces

# How many seconds MiniStack sleeps before an execution begins.
_PAUSE = 0.15


def _sleep(seconds):
    """AWS: an execution enters its first state within milliseconds.

    MiniStack: sleeps first, before nested executions too. Its other sleeps are left as they are.
    """
    if seconds != _PAUSE:
        time.sleep(seconds)


replaces(sfn, "time", types.SimpleNamespace(sleep=_sleep, time=time.time, monotonic=time.monotonic))
