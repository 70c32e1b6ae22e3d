"""Checks and their results."""

import dataclasses

import botocore.exceptions

from preflight import aws

OK, WARNING, PROBLEM, UNCHECKED = "ok", "warning", "problem", "not checked"


@dataclasses.dataclass(frozen=True)
class Result:
    """What a check has found, and what to do about it."""

    verdict: str
    found: str
    remedy: str = ""


def ok(found):
    """Nothing is to be done."""
    return Result(OK, found)


def warning(found, remedy):
    """Provisioning can succeed, but a person should know this."""
    return Result(WARNING, found, remedy)


def problem(found, remedy):
    """Provisioning will fail, or the stack is not what it should be."""
    return Result(PROBLEM, found, remedy)


def unchecked(why, remedy=""):
    """Nothing is known, and this is the reason."""
    return Result(UNCHECKED, why, remedy)


class NotReadyError(Exception):
    """Something that tenants need is missing or ambiguous."""

    def __init__(self, found, remedy):
        super().__init__(found)
        self.found, self.remedy = found, remedy


class UnknownError(Exception):
    """A question cannot be answered, for a reason that is no fault."""


@dataclasses.dataclass(frozen=True)
class Check:
    """A question to the account."""

    name: str
    # Where the reason for the question is written.
    source: str
    # Whether there is an answer only after the deployment.
    after: bool
    # Whether a NotReadyError is this check's own finding.
    finds: bool
    ask: object

    def results(self, here):
        """The results, at least one. An answer that AWS refuses leaves the question open."""
        if self.after and not here.stack:
            return [unchecked("the stack is not deployed yet")]
        try:
            found = self.ask(here)
            return list(found) if not isinstance(found, Result) else [found]
        except NotReadyError as error:
            if self.finds:
                return [problem(error.found, error.remedy)]
            return [unchecked(f"needs what another check has not found: {error.found}")]
        except UnknownError as error:
            return [unchecked(str(error))]
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            return [unchecked(aws.reason(error))]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # An answer of another shape than expected must not hide what the other checks find.
            return [unchecked(f"a fault of the preflight: {type(error).__name__}: {error}")]


# In the order in which the modules of `checks` are imported.
CHECKS = []


def check(name, source, after=False, finds=False):
    """Makes a function a check. It takes a `Here`, and returns or yields results."""

    def add(ask):
        CHECKS.append(Check(name, source, after, finds, ask))
        return ask

    return add
