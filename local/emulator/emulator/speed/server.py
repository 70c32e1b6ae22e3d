"""The HTTP server in front of MiniStack."""

import hypercorn.asyncio
import uvicorn

from emulator.mend import wraps


@wraps(hypercorn.asyncio, "serve")
async def http_is_parsed_in_c(_original, app, config):
    """MiniStack: is served by Hypercorn, which is written in Python. Half the time of a call is the parsing of HTTP.

    Here uvicorn serves it, with a parser that is written in C.
    """
    host, port = config.bind[0].rsplit(":", 1)
    await uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=int(port),
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
    ).serve()
