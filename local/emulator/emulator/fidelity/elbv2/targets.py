"""Targets: what is registered with a target group, which of them get requests, and which are draining.

MiniStack's list of a group's targets says what is registered. This module adds what a load balancer knows about each
of them: whether it is healthy, and how many requests it is answering. A target that has left the list drains: it gets
no new request, and is forgotten when the deregistration delay is over and its requests have ended.

Most targets of the local stack are only records, at whose address nobody listens. They are healthy at once and cost
nothing. The others are checked, see health_checks.py.
"""

import collections
import ipaddress
import threading
import time

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import alb

from emulator.containers import addresses
from emulator.fidelity.elbv2 import health_checks, loop
from emulator.fidelity.elbv2.changes import has_a_load_balancer
from emulator.mend import wraps
from emulator.time_scale import scaled, scaled_start

_INITIAL = "Elb.InitialHealthChecking", "Initial health checks in progress"
_DELAY = "deregistration_delay.timeout_seconds"

# Held for every look at, and change of, what is known about targets. It is notified when a request ends.
_known = threading.Condition()

# What is known: for each ARN of a target group the targets by address and port, and whose turn it is.
_targets = collections.defaultdict(dict)
_turns = collections.Counter()

# Called with a target after each check that finds it unhealthy, and after the one that makes it healthy.
observers = []


def is_real(address):
    """Whether a program may listen at the address of a target."""
    try:
        return ipaddress.ip_address(address) in addresses.NETWORK
    except ValueError:
        return False


def key_of(target, group):
    """The address and the port of a target, which has the group's port if it is registered without one."""
    return target["Id"], int(target.get("Port") or group["Port"])


class Target:
    """A target, as a load balancer sees it."""

    def __init__(self, group, address, port):
        self.group, self.address, self.port = group, address, port
        self.registered_at = time.monotonic()
        self.is_real = is_real(address)
        self.state, self.reason = ("initial", _INITIAL) if self.is_real else ("healthy", None)
        # When it has been drained; None while it is registered.
        self.drained_at = None
        # When its requests are cut off, should they not have ended by then.
        self.cut_off_at = None
        # Requests that it is answering, and checks in a row that it has passed or failed.
        self.requests = self.passed = self.failed = 0
        self._watch = None

    def watch(self):
        """Begins the health checks."""
        if self.is_real:
            self._watch = loop.start(health_checks.watch(self, lambda: _group_in_use(self.group), _report))
            self._watch.add_done_callback(loop.log_failure)

    def drain(self, delay):
        """Deregisters the target. Its requests have `delay` seconds to end, as on AWS."""
        if self._watch:
            self._watch.cancel()
        now = time.monotonic()
        self.drained_at, self.cut_off_at = now + scaled(delay), now + max(delay, scaled(delay))

    def is_drained(self):
        """Whether nothing is left of it."""
        now = time.monotonic()
        return self.drained_at is not None and now >= self.drained_at and (not self.requests or now >= self.cut_off_at)

    def checked(self, group, problem):
        """Takes a check's result; gives whether observers should be called."""
        self.passed, self.failed = (0, self.failed + 1) if problem else (self.passed + 1, 0)
        if not problem:
            # One success is enough for a new target. Source: "Health checks for Application Load Balancer target
            # groups".
            if self.state == "initial" or (self.state == "unhealthy" and self.passed >= group["HealthyThresholdCount"]):
                self.state, self.reason = "healthy", None
                return True
            return False
        if self.state == "unhealthy" or (
            self.failed >= group["UnhealthyThresholdCount"] and not self._may_start(group)
        ):
            self.state, self.reason = "unhealthy", problem
            return True
        return False

    def _may_start(self, group):
        """Whether a new target still has time before its failures make it unhealthy."""
        seconds = group["HealthCheckIntervalSeconds"] * (group["UnhealthyThresholdCount"] - 1)
        return self.state == "initial" and time.monotonic() < self.registered_at + scaled_start(seconds)


def _group_in_use(arn):
    """A target group, if there is one to which a load balancer forwards and whose targets are to be checked."""
    spec = parse_arn(arn)
    with request_scope(spec.account_id, spec.region):
        group = alb._tgs.get(arn)
        if not group:
            # It was deleted with its CloudFormation stack. That ends the checks.
            of_group(arn)
            return None
        return group if group["HealthCheckEnabled"] and has_a_load_balancer(arn) else None


def _report(target, group, problem):
    with _known:
        if target.drained_at is not None:
            return
        if group is None:
            target.state, target.reason, target.passed, target.failed = "initial", _INITIAL, 0, 0
            return
        is_news = target.checked(group, problem)
    if is_news:
        for observer in observers:
            observer(target)


def _delay(arn):
    attributes = {attribute["Key"]: attribute["Value"] for attribute in alb._tg_attrs.get(arn) or []}
    return float(attributes.get(_DELAY) or 300)


def of_group(arn):
    """The targets of a group: those that are registered, in MiniStack's order, and then those that drain."""
    spec = parse_arn(arn)
    with _known, request_scope(spec.account_id, spec.region):
        group, known = alb._tgs.get(arn), _targets[arn]
        if group is None:
            _forget(arn)
            return []
        registered = {key_of(each, group): None for each in alb._targets.get(arn) or []}
        for key, target in list(known.items()):
            if key not in registered and target.drained_at is None:
                target.drain(_delay(arn))
            if target.is_drained() or (key in registered and target.drained_at is not None):
                del known[key]
        for key in registered:
            if key not in known:
                known[key] = Target(arn, *key)
                known[key].watch()
        return sorted(known.values(), key=lambda target: target.drained_at is not None)


def find(arn, address, port):
    """A registered target; None if there is none."""
    found = (each for each in of_group(arn) if (each.address, each.port) == (address, port) and not each.drained_at)
    return next(found, None)


def _forget(arn):
    for target in _targets.pop(arn, {}).values():
        target.drain(0)
    _turns.pop(arn, None)
    _known.notify_all()


def take(arn):
    """The target that gets the next request, which `give_back` ends; None if none is registered.

    The healthy ones take turns. If none is healthy, all do: the load balancer fails open.
    """
    with _known:
        registered = [target for target in of_group(arn) if target.drained_at is None]
        candidates = [target for target in registered if target.state == "healthy"] or registered
        if not candidates:
            return None
        _turns[arn] += 1
        target = candidates[_turns[arn] % len(candidates)]
        target.requests += 1
        return target


def give_back(target):
    """Ends a request to a target."""
    with _known:
        target.requests -= 1
        _known.notify_all()


def wait_until_drained(targets):
    """Waits until targets that were deregistered have been drained."""
    with _known:
        for target in targets:
            while target.drained_at is not None and not target.is_drained():
                now = time.monotonic()
                _known.wait(max(0.01, (target.drained_at if now < target.drained_at else target.cut_off_at) - now))


@wraps(alb, "set_targets_for_group")
def ecs_registers_and_deregisters(set_targets, arn, *arguments, **named):
    """AWS: a task that a service has started is registered, and checked from then on. When it stops, it drains.

    MiniStack: keeps a list of the targets, and knows nothing about them.
    """
    exists = set_targets(arn, *arguments, **named)
    if exists:
        of_group(arn)
    return exists


@wraps(alb, "_register_targets", alb._ACTION_MAP)
def an_address_has_many_ports(_register, params):
    """AWS: registers an address as often as it has different ports.

    MiniStack: once.
    """
    arn = alb._p(params, "TargetGroupArn")
    group = alb._tgs.get(arn)
    if not group:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    with _known:
        registered = alb._targets.setdefault(arn, [])
        for target in alb._parse_targets_param(params):
            if key_of(target, group) not in [key_of(each, group) for each in registered]:
                registered.append(target)
        of_group(arn)
    return alb._empty("RegisterTargets")


@wraps(alb, "_deregister_targets", alb._ACTION_MAP)
def a_deregistered_target_drains(_deregister, params):
    """AWS: deregisters a target with the port that the call names; without a port, with the group's. It drains then.

    MiniStack: removes all ports of the address at once.
    """
    arn = alb._p(params, "TargetGroupArn")
    group = alb._tgs.get(arn)
    if not group:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    leaving = {key_of(each, group) for each in alb._parse_targets_param(params)}
    with _known:
        alb._targets[arn] = [each for each in alb._targets.get(arn) or [] if key_of(each, group) not in leaving]
        of_group(arn)
    return alb._empty("DeregisterTargets")


@wraps(alb, "_delete_tg", alb._ACTION_MAP)
def a_deleted_group_has_no_targets(delete_target_group, params):
    """AWS: the targets of a deleted group are checked no more.

    MiniStack: checks none.
    """
    answer = delete_target_group(params)
    if answer[0] == 200:
        of_group(alb._p(params, "TargetGroupArn"))
    return answer


@wraps(alb, "reset")
def a_reset_forgets_targets(reset):
    """AWS: has no reset.

    MiniStack: forgets what it knows, and knows nothing of the targets' health.
    """
    reset()
    with _known:
        for arn in list(_targets):
            _forget(arn)
