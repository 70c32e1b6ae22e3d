"""The HTTP server in front of MiniStack.

MiniStack: Hypercorn, which is Python all the way: half of what a call costs is the reading and writing of HTTP.
Uvicorn has a parser in C.
"""

import os
import socket

import hypercorn.asyncio
import uvicorn
from mend import wraps


def addresses(bind):
    """Where to listen: at MiniStack's own address, and at the one at which containers reach this machine, if any."""
    host, port = bind.rsplit(":", 1)
    hosts = [host, os.environ.get("CONTAINERS_BIND_HOST")]
    return [(host, int(port)) for host in hosts if host]


@wraps(hypercorn.asyncio, "serve")
async def http_is_parsed_in_c(_original, app, config):
    listening = [socket.create_server(address, backlog=config.backlog) for address in addresses(config.bind[0])]
    await uvicorn.Server(
        uvicorn.Config(
            app,
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
            # Whom the end of the stack would wait for.
            timeout_graceful_shutdown=1,
        )
    ).serve(sockets=listening)
