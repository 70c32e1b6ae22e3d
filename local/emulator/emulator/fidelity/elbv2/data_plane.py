"""The data plane: a web server that takes visitors' requests and passes them on, as an Application Load Balancer does.

One server stands for all load balancers of an account and region. It takes HTTPS with HTTP/1.1. Which action a request
gets is decided by routing.py, and which target by targets.py. Not emulated: authentication, sticky sessions, slow
start, rewrites, WebSockets and HTTP/2.
"""

import asyncio
import contextlib
import random
import re
import ssl

import aiohttp
import yarl
from aiohttp import hdrs, web
from ministack.core.responses import request_scope
from ministack.services import alb
from multidict import CIMultiDict

from emulator.fidelity.elbv2 import loop, routing, targets

# Seconds to connect to a target. Source: "Troubleshoot your Application Load Balancers", HTTP 504.
_CONNECT_TIMEOUT = 10

# Requests at the same time. One more is told to come back later.
MOST_REQUESTS = 1000

# Bytes of the request line or of one header. Source: "Quotas for your Application Load Balancers".
_LONGEST_LINE = 16 * 1024

# What is between two programs that speak HTTP, and not passed on. `Expect` is answered here.
_HOP_BY_HOP = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}

# What visitors see, whatever the port is on which this machine listens for them.
_PROTOCOL, _PORT = "https", 443
_VISITED = {"Protocol": "HTTPS", "Port": _PORT}

_TITLES = {
    301: "301 Moved Permanently",
    302: "302 Found",
    408: "408 Request Time-out",
    501: "501 Not Implemented",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


def _own(status, headers=None, body=None, content_type="text/html"):
    """An answer of the load balancer itself: by default, the page that it shows."""
    title = _TITLES.get(status)
    if body is None:
        body = (
            f"<html>\r\n<head><title>{title}</title></head>\r\n"
            f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        )
    headers = {"Server": "awselb/2.0", "Content-Type": content_type, **(headers or {})}
    reason = title.partition(" ")[2] if title else None
    return web.Response(status=status, reason=reason, body=body.encode(), headers=headers)


def _redirect(config, request):
    """A redirect. The parts that the action does not name stay as they are."""
    values = {
        "protocol": _PROTOCOL,
        "host": request.host,
        "port": str(_PORT),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def part(name, default):
        given = str(config.get(name) or default)
        return re.sub(r"#\{(\w+)\}", lambda found: values.get(found[1], found[0]), given)

    protocol, host = part("Protocol", "#{protocol}").lower(), part("Host", "#{host}")
    location = f"{protocol}://{host}:{part('Port', '#{port}')}{part('Path', '/#{path}')}"
    query = part("Query", "#{query}") if config.get("Query", "#{query}") else ""
    status = int(config["StatusCode"].removeprefix("HTTP_"))
    return _own(status, {"Location": f"{location}?{query}" if query else location})


def _group_of(action):
    """The target group of an action; one of several by their weights, None if all weigh nothing."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if not groups:
        return action["TargetGroupArn"]
    weights = [int(group["Weight"]) for group in groups]
    return random.choices(groups, weights)[0]["TargetGroupArn"] if any(weights) else None  # noqa: S311


def _passed_on(headers):
    """The headers that are for the other end."""
    listed = {name.strip().lower() for value in headers.getall(hdrs.CONNECTION, ()) for name in value.split(",")}
    skipped = _HOP_BY_HOP | listed
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in skipped)


def _to_target(request, balancer):
    """The headers that a target gets."""
    headers = _passed_on(request.headers)
    if alb._lb_attr(balancer, "routing.http.drop_invalid_header_fields.enabled", "false") == "true":
        headers = CIMultiDict(each for each in headers.items() if re.fullmatch(r"[-A-Za-z0-9]+", each[0]))
    known = {
        name: ", ".join(headers.getall(name)) for name in ("X-Forwarded-For", "X-Amzn-Trace-Id") if name in headers
    }
    added = alb._target_headers(balancer, _VISITED, known, request.remote)
    headers.popall("X-Forwarded-For", None)
    headers.update(added)
    if alb._lb_attr(balancer, "routing.http.preserve_host_header.enabled", "false") != "true":
        headers[hdrs.HOST] = alb._target_host_header(request.headers.get(hdrs.HOST, ""), _PORT)
    return headers


class _SilenceError(Exception):
    """The visitor has stopped sending."""


async def _body(request, idle_timeout):
    """What the visitor sends, as it arrives."""
    while True:
        try:
            async with asyncio.timeout(idle_timeout):
                chunk = await request.content.readany()
        except TimeoutError as error:
            raise _SilenceError from error
        if not chunk:
            return
        yield chunk


class Sites:
    """The web server of an account and region."""

    def __init__(self, account, region):
        self._account, self._region = account, region
        self._requests = 0
        self._client = None

    async def listen(self, host, port, certificate, key):
        """Listens until the emulator ends; gives the port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["http/1.1"])
        # A connection for each request, so that none is lost on one that the target is about to close.
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_REQUESTS, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=[hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE, hdrs.USER_AGENT],
            max_line_size=_LONGEST_LINE,
            max_field_size=4 * _LONGEST_LINE,
        )
        loop.at_exit(self._client.close)
        # There are no routes to choose from: the middleware answers every request.
        application = web.Application(middlewares=[self._answer])
        application.on_response_prepare.append(_only_the_targets_server)
        runner = web.AppRunner(
            application,
            access_log=None,
            # When a visitor leaves, the request ends.
            handler_cancellation=True,
            auto_decompress=False,
            keepalive_timeout=60,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )
        await runner.setup()
        site = web.TCPSite(runner, host, port, ssl_context=context, backlog=1024)
        await site.start()
        return runner.addresses[0][1]

    @web.middleware
    async def _answer(self, request, handler):  # noqa: ARG002  (there is no route, so no handler)
        if self._requests >= MOST_REQUESTS:
            return _own(503)
        self._requests += 1
        try:
            with request_scope(self._account, self._region):
                return await self._act(request)
        finally:
            self._requests -= 1

    async def _act(self, request):
        # Visitors of a proxy send a whole URL.
        target = request.raw_path if request.raw_path.startswith("/") else request.rel_url.raw_path_qs
        path, _, query = target.partition("?")
        seen = routing.Request(
            method=request.method,
            host=request.headers.get(hdrs.HOST, "").partition(":")[0],
            path=path,
            query=query,
            headers={name.lower(): request.headers.getall(name) for name in request.headers},
            client=request.remote,
        )
        routed = routing.route(seen)
        if not routed:
            return _own(503)
        listener, actions = routed
        action = min(actions, key=lambda action: int(action.get("Order") or 1))
        match action["Type"]:
            case "fixed-response":
                config = action["FixedResponseConfig"]
                kind, body = config.get("ContentType") or "text/plain", config.get("MessageBody") or ""
                return _own(int(config["StatusCode"]), body=body, content_type=f"{kind}; charset=utf-8")
            case "redirect":
                return _redirect(action["RedirectConfig"], seen)
            case "forward":
                return await self._forward(request, target, listener["LoadBalancerArn"], _group_of(action))
        return _own(501)

    async def _forward(self, request, path, balancer, group):
        target = targets.take(group) if group in alb._tgs else None
        if not target:
            return _own(503)
        try:
            # At the address of a record nobody listens, and on a real network it may be somebody else's.
            return await self._exchange(request, path, balancer, target) if target.is_real else _own(502)
        finally:
            targets.give_back(target)

    async def _exchange(self, request, path, balancer, target):
        """Passes a request on to a target, and its answer to the visitor."""
        idle_timeout = float(alb._lb_attr(balancer, "idle_timeout.timeout_seconds", "60"))
        scheme = (alb._tgs[target.group].get("Protocol") or "HTTP").lower()
        response = None
        try:
            async with self._client.request(
                request.method,
                yarl.URL(f"{scheme}://{target.address}:{target.port}{path}", encoded=True),
                headers=_to_target(request, balancer),
                data=_body(request, idle_timeout) if request.body_exists else None,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=idle_timeout),
                allow_redirects=False,
                ssl=False,
            ) as answer:
                headers = _passed_on(answer.headers)
                # The load balancer writes its own.
                headers.popall(hdrs.DATE, None)
                response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    # A visitor who does not read is cut off as well.
                    async with asyncio.timeout(idle_timeout):
                        await response.write(chunk)
                await response.write_eof()
                return response
        except (aiohttp.ClientError, OSError) as error:
            if response is None or not response.prepared:
                return _own(_status_of(error))
            # The visitor has the beginning of an answer. Without its end, it sees that the rest is missing.
            with contextlib.suppress(AttributeError):
                request.transport.abort()
            return response


def _status_of(error):
    """The status for a request without an answer of the target.

    Source: "Troubleshoot your Application Load Balancers".
    """
    if isinstance(error.__cause__, _SilenceError):
        return 408
    return 504 if isinstance(error, TimeoutError) else 502


async def _only_the_targets_server(_request, response):
    """Takes the name of this web server out of an answer, unless it is the target's or the load balancer's."""
    if response.headers.get(hdrs.SERVER) == _SERVER:
        del response.headers[hdrs.SERVER]


# What aiohttp calls itself.
_SERVER = aiohttp.http.SERVER_SOFTWARE
