"""Health checks: requests to a target, again and again."""

import asyncio

import aiohttp
import yarl

from emulator.fidelity.elbv2 import loop
from emulator.time_scale import scaled

# Seconds between two checks of a target, at least.
SHORTEST_INTERVAL = 0.2

# How many checks wait for their answer at the same time.
_MOST_AT_ONCE = 256

_HEADERS = {"User-Agent": "ELB-HealthChecker/2.0", "Accept-Encoding": "gzip, compressed", "Connection": "close"}

# The words of AWS. Source: "Health checks for Application Load Balancer target groups", reason codes.
FAILED = "Target.FailedHealthChecks", "Health checks failed"
TIMED_OUT = "Target.Timeout", "Request timed out"


def mismatch(status):
    """Why a target is unhealthy that answers with a status that is not expected."""
    return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"


def expects(matcher, status):
    """Whether a matcher, such as `200`, `200,302` or `200-399`, contains a status."""
    for part in matcher.split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def port_of(target, group):
    """The port that is checked."""
    port = str(group.get("HealthCheckPort") or "traffic-port")
    return target.port if port == "traffic-port" else int(port)


def _url(target, group):
    scheme = (group.get("HealthCheckProtocol") or "HTTP").lower()
    path = group.get("HealthCheckPath") or "/"
    return yarl.URL(f"{scheme}://{target.address}:{port_of(target, group)}{path}", encoded=True)


async def _problem(session, target, group):
    """What is wrong with a target: the reason's code and description; None if it passes the check."""
    timeout = aiohttp.ClientTimeout(total=group["HealthCheckTimeoutSeconds"])
    try:
        # A redirect is an answer like any other. The certificate of a target is not checked, as on AWS.
        async with session.get(
            _url(target, group), headers=_HEADERS, timeout=timeout, allow_redirects=False, ssl=False
        ) as answer:
            matcher = (group.get("Matcher") or {}).get("HttpCode") or "200"
            return None if expects(matcher, answer.status) else mismatch(answer.status)
    except TimeoutError:
        return TIMED_OUT
    except (aiohttp.ClientError, OSError, ValueError):
        return FAILED


_sessions = []


def _session():
    """The HTTP client, made on the loop on which it is used."""
    if not _sessions:
        _sessions.append(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MOST_AT_ONCE, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        )
        loop.at_exit(_sessions[0].close)
    return _sessions[0]


async def watch(target, settings, report):
    """Checks a target at its group's interval, until it is cancelled.

    `settings` gives the target group as it is now, so that ModifyTargetGroup takes effect with the next check; None
    while no load balancer forwards to it. `report` gets the target, its group and the problem after each check.
    """
    while True:
        group = settings()
        if group is None:
            report(target, None, None)
            await asyncio.sleep(SHORTEST_INTERVAL)
            continue
        report(target, group, await _problem(_session(), target, group))
        await asyncio.sleep(max(SHORTEST_INTERVAL, scaled(group["HealthCheckIntervalSeconds"])))
