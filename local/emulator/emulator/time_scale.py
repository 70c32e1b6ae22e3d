"""How long something takes here that takes minutes on AWS."""

from ministack.services import stepfunctions as sfn

# Seconds that a program has to start, at least, if it has as much on AWS.
SHORTEST_START = 5


def scaled(seconds):
    """The seconds times the factor that shortens Wait states too, which the stack's `WAIT_SCALE` sets."""
    return seconds * sfn._SFN_WAIT_SCALE


def scaled_start(seconds):
    """The same for a time that a program has to start. Programs start no faster here, so they keep some seconds."""
    return max(scaled(seconds), min(seconds, SHORTEST_START))
