"""Serves an ASGI app on a free loopback port, inside the running event loop: real sockets, real HTTP, no process to clean up."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

KEEP_ALIVE_S = 3_600
"""Longer than any test or afternoon leaves a connection idle."""


class _Server(uvicorn.Server):
    """Stops at once when it is told to, instead of at the next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), timeout=0.1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that embeds the server."""
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Run `app` with its lifespan while the block lasts; yields the base URL, without a trailing slash."""
    # asyncio switches Nagle's algorithm off only for sockets that say they are TCP; with it every request takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # A client that uses a connection in the moment in which an idle server closes it sees a failure that nobody ordered.
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=2, timeout_keep_alive=KEEP_ALIVE_S, lifespan="on"
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                if task.done():
                    await task
                    raise RuntimeError("the server ended before it had started; its log says why")
                await asyncio.sleep(0.005)
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            server.stopping.set()
            await task
