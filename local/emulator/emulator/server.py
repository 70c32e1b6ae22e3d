"""The HTTP server in front of MiniStack."""

import os
import socket

import hypercorn.asyncio
import uvicorn

from emulator import recordings
from emulator.mend import wraps


def addresses(bind):
    """Where to listen: MiniStack's own address and, if there is one, that at which containers reach this machine."""
    host, port = bind.rsplit(":", 1)
    hosts = [host, os.environ.get("CONTAINERS_BIND_HOST")]
    return [(host, int(port)) for host in hosts if host]


@wraps(hypercorn.asyncio, "serve")
async def http_is_parsed_in_c(_original, app, config):
    """MiniStack: is served by Hypercorn, which is written in Python. Half the time of a call is the parsing of HTTP.

    Here uvicorn serves it, with a parser that is written in C, and at every one of `addresses`.
    """
    listening = [socket.create_server(address, backlog=config.backlog) for address in addresses(config.bind[0])]
    await uvicorn.Server(
        uvicorn.Config(
            recordings.recorded(app, recordings.REQUESTS),
            http="httptools",
            ws="none",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            log_level=config.loglevel.lower(),
            access_log=False,
            proxy_headers=False,
            server_header=config.include_server_header,
            date_header=config.include_date_header,
            timeout_keep_alive=config.keep_alive_timeout,
            # In seconds. Otherwise the end would wait for clients that keep a connection open.
            timeout_graceful_shutdown=1,
        )
    ).serve(sockets=listening)
