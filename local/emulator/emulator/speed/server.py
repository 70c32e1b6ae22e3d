"""The HTTP server in front of MiniStack.

MiniStack: Hypercorn, which is Python all the way: half of what a call costs is the reading and writing of HTTP.
Uvicorn has a parser in C.
"""

import hypercorn.asyncio
import uvicorn

from emulator.mend import wraps


@wraps(hypercorn.asyncio, "serve")
async def http_is_parsed_in_c(_original, app, config):
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
            # Whom the end of the stack would wait for.
            timeout_graceful_shutdown=1,
        )
    ).serve()
