"""How long something takes here that takes minutes on AWS."""

from ministack.services import stepfunctions as sfn


def scaled(seconds):
    """The seconds times the factor that shortens Wait states too, which the stack's `WAIT_SCALE` sets."""
    return seconds * sfn._SFN_WAIT_SCALE
