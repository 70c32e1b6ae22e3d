"""Which action a request gets: by the listeners of all load balancers, and their rules."""

import dataclasses
import functools
import ipaddress
import re
import urllib.parse
from collections.abc import Mapping

from ministack.services import alb

from emulator.fidelity.elbv2.rules import query_of


@dataclasses.dataclass(frozen=True)
class Request:
    """What conditions look at."""

    method: str
    # Without the port.
    host: str
    path: str
    query: str
    # The values of each header, by its name in small letters.
    headers: Mapping
    client: str


@functools.lru_cache(10_000)
def _pattern(text, flags):
    """A pattern in which `*` stands for any characters and `?` for one, unless there is a backslash before it."""
    wild = {"*": ".*", "?": "."}
    parts = re.findall(r"\\[*?\\]|.", text, re.DOTALL)
    return re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts), flags | re.DOTALL)


def _matches(value, patterns, flags=re.IGNORECASE):
    return any(_pattern(pattern, flags).fullmatch(value) for pattern in patterns)


def _has_query(condition, request):
    pairs = urllib.parse.parse_qsl(request.query, keep_blank_values=True)
    return any(
        (not wanted.get("Key") or _matches(key, [wanted["Key"]])) and _matches(value, [wanted.get("Value") or ""])
        for wanted in query_of(condition)
        for key, value in pairs
    )


def _has_header(condition, request):
    wanted = condition.get("HttpHeaderConfig") or {}
    values = request.headers.get(wanted.get("HttpHeaderName", "").lower(), ())
    return any(_matches(value, wanted.get("Values") or ()) for value in values)


def _comes_from(condition, request):
    client = ipaddress.ip_address(request.client)
    return any(client in ipaddress.ip_network(network, strict=False) for network in condition["Values"])


# Host names and headers are compared without regard to case, paths and methods as they are. Source: the API reference
# of RuleCondition.
_CONDITIONS = {
    "host-header": lambda condition, request: _matches(request.host, condition["Values"]),
    "path-pattern": lambda condition, request: _matches(request.path, condition["Values"], re.NOFLAG),
    "http-header": _has_header,
    "http-request-method": lambda condition, request: request.method in condition["Values"],
    "query-string": _has_query,
    "source-ip": _comes_from,
}


def _applies(rule, request):
    return all(
        condition["Field"] in _CONDITIONS and _CONDITIONS[condition["Field"]](condition, request)
        for condition in rule["Conditions"]
    )


def _listeners():
    """The listeners for HTTPS; those for HTTP of a load balancer that has no others."""
    for balancer in alb._lbs.values():
        listeners = [each for each in alb._listeners.values() if each["LoadBalancerArn"] == balancer["LoadBalancerArn"]]
        yield from [each for each in listeners if each.get("Protocol") == "HTTPS"] or listeners


def route(request):
    """The listener that takes a request, and its actions; None if there is no listener.

    A request on AWS reaches the load balancer to which the host's DNS record points. Here one address stands for all
    load balancers of an account and region: the first listener that has a rule for the request takes it. If none has,
    the first listener takes it by its default action.
    """
    listeners = list(_listeners())
    rules = [rule for rule in alb._rules.values() if not rule.get("IsDefault")]
    for listener in listeners:
        of_listener = [rule for rule in rules if rule["ListenerArn"] == listener["ListenerArn"]]
        for rule in sorted(of_listener, key=lambda rule: int(rule["Priority"])):
            if _applies(rule, request):
                return listener, rule["Actions"]
    return (listeners[0], listeners[0]["DefaultActions"]) if listeners else None
