"""A server in a thread of its own.

A round of a thousand feeds takes the pipeline's thread a tenth of a second; an answer that is known already must not
wait for it. So requests are read and answered on another event loop, and only what has to be priced crosses over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from threading import Event, Thread

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from chrono import PermanentError

HEAD_LIMIT = 32_768
"""Bytes of a request's line and headers."""

HEAD_PATIENCE = 5.0
"""Seconds a client has for the head of a request."""

IDLE = 75
"""Seconds for which a connection is kept that asks for nothing."""

CONNECTIONS = 256
"""Connections that are open at a time; more are closed at once."""

SWITCH = 0.0005
"""Seconds after which the interpreter goes to another thread while one serves: 5 ms would be most of an answer."""


class _Connection(HttpToolsProtocol):
    """One connection, with bounds on the time and the size of a request's head."""

    _patience: asyncio.TimerHandle | None = None
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._size = 0
        self._expect()

    def on_url(self, url: bytes) -> None:
        self._weigh(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._weigh(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._heard()
        super().on_headers_complete()

    def _weigh(self, *parts: bytes) -> None:
        self._size += sum(map(len, parts))
        if self._size > HEAD_LIMIT:
            # the parser takes it for a bad request: 400, and the connection is closed
            raise httptools.HttpParserError("expected a shorter head of a request")

    def _expect(self) -> None:
        self._heard()
        self._patience = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _heard(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class Server:
    """A server in a thread of its own.

    Parameters
    ----------
    host : str
        The address to listen on.
    port : int
        The port; any free one for 0.

    Attributes
    ----------
    port : int
        The one that it listens on.

    Raises
    ------
    PermanentError
        If it cannot listen there.

    Notes
    -----
    It listens from the beginning; who connects before `start` is served after it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self, app: ASGIApp) -> None:
        """Serve an application."""
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switch, SWITCH))
        ready = Event()
        name = f"http-{self.port}"
        self._thread = Thread(target=lambda: asyncio.run(self._serve(app, ready)), name=name, daemon=True)
        self._thread.start()
        ready.wait()

    def call(self, work: Callable[[], object]) -> None:
        """Have something done on the server's loop; nothing where it has ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(work)

    async def stop(self, grace: float = 2.0) -> None:
        """Accept no more, finish what is asked within `grace` seconds, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            self._socket.close()
            return
        sys.setswitchinterval(self._switch)
        self._grace = grace
        if self._stop is not None:
            self.call(self._stop.set)
        try:
            await asyncio.to_thread(thread.join)
        except asyncio.CancelledError:
            thread.join()
            raise

    async def _serve(self, app: ASGIApp, ready: Event) -> None:
        loop = self._loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        state, config = ServerState(), _settings(app)
        server = await loop.create_server(
            lambda: _Connection(config=config, server_state=state, app_state={}, _loop=loop), sock=self._socket
        )
        ready.set()
        await stop.wait()
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                while state.connections or state.tasks:  # noqa: ASYNC110 - nobody tells of the last to leave
                    await asyncio.sleep(0.005)

    _grace = 2.0
    _switch = 0.005


def _settings(app: ASGIApp) -> uvicorn.Config:
    """Return how connections are kept: no signals, no logs, nothing told of the program that answers."""
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL + 1,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=IDLE,
    )
    config.load()
    return config


def _listening(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)  # noqa: FBT003 - the name of the argument is no keyword
    except OSError as error:
        if listener is not None:
            listener.close()
        told = f"{host}:{port}: expected to listen there, was refused: {error.strerror or error}"
        raise PermanentError(f"{told}; stop what listens there, or name another `host` or `port`") from error
    return listener
