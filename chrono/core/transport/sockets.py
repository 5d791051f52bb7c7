"""The seam to the WebSocket client: a message is handled where it is received.

`websockets` does the handshake, control frames, fragments, limits and closing. A frame that is a whole message, as
nearly all of a venue's are, goes from the packet straight to who listens, without the queue, future and task switch of
`recv`, which cost more than reading the message (`benchmarks/receive.py`). RFC 6455, section 5.2, is how it is written.

A flood does not starve others: after `TURN` bytes the rest waits until the loop has had a turn, and while anything
waits nothing more is received, so that TCP slows the venue down.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.frames import CloseCode, Opcode
from websockets.protocol import State

from chrono.core.transport.client import DIRECT
from chrono.core.transport.endpoint import Endpoint

LARGEST = 16 * 2**20
"""Bytes of a message; one that is larger closes the connection with 1009."""

TURN = 32 * 2**10
"""Bytes of frames that are handled before others have their turn: about a millisecond of trades."""

Take: TypeAlias = Callable[[bytes, int], object]
"""Takes a message and when it was received; what it returns is true if it wants no more for now."""

_WHOLE = (0x80 | Opcode.TEXT, 0x80 | Opcode.BINARY)
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_END_OF_HEADERS = b"\r\n\r\n"


class Socket(ClientConnection):
    """A connection that hands messages on as they are received; all else is as in `websockets`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._take: Take | None = None
        self._now: Callable[[], int] = _never
        self._listening: asyncio.Future[tuple[Any, ...] | None] | None = None
        self._head = b""
        self._waiting: list[bytes] = []
        self._size = self._needed = 0
        self._due = self._paused = False
        self._fragments: bytearray | None = None

    async def listen(self, take: Take, now: Callable[[], int]) -> None:
        """Hand on every message in the order received until `take` wants no more; none is lost between two calls.

        Parameters
        ----------
        take : callable
            Called with each message, text or not, as bytes while it is being received, so it must be quick.
        now : callable
            The time; read once a packet, whose messages came together.

        Raises
        ------
        ConnectionClosed
            If the connection is closed, after all that was received before.
        """
        self._take, self._now = take, now
        self._listening = listening = self.loop.create_future()
        try:
            self._go_on()
            closing = await listening
        finally:
            self._take = None
        if closing is not None:
            await self.close(*closing)
            raise self.protocol.close_exc

    async def close(self, code: CloseCode | int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close as `websockets` does; messages that still come are dropped."""
        self._take = _drop
        self._go_on()
        await super().close(code, reason)

    def data_received(self, data: bytes) -> None:
        """Take a packet."""
        if self.protocol.state is State.CONNECTING:
            self._greet(data)
        elif self._waiting or self._take is None:
            self._wait(data)
        else:
            self._read(data)

    def process_event(self, event: Any) -> None:
        """Put fragments together; leave the rest to `websockets`."""
        if getattr(event, "opcode", None) not in _DATA:
            super().process_event(event)
            return
        if self._fragments is None:
            self._fragments = bytearray()
        self._fragments += event.data
        if event.fin:
            message, self._fragments = bytes(self._fragments), None
            if (self._take or _drop)(message, self._now()):
                self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who listens, unless messages still wait to be handed on."""
        super().connection_lost(exc)
        if not self._due:
            self._stop(())

    def _greet(self, data: bytes) -> None:
        # frames may follow in the packet that ends the handshake
        joined = self._head + data
        at = joined.find(_END_OF_HEADERS)
        cut = len(data) if at < 0 else at + len(_END_OF_HEADERS) - len(self._head)
        self._head = joined[1 - len(_END_OF_HEADERS) :]
        super().data_received(data[:cut])
        if cut < len(data):
            self.data_received(data[cut:])

    def _wait(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        if self._due or self._take is None:
            self._pause()
        elif self._size >= self._needed:
            self._go_on()

    def _go_on(self) -> None:
        """Handle what waits, and receive again once that is done."""
        self._due = False
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._read(data)
        if self._due or self._take is None:
            return
        self._resume()
        if self.protocol.state is State.CLOSED:
            self._stop(())

    def _read(self, data: bytes) -> None:
        try:
            self._read_frames(data)
        except Exception as error:  # noqa: BLE001 - of who listens, and raised there
            self._take = None
            if self._listening is not None and not self._listening.done():
                self._listening.set_exception(error)

    def _read_frames(self, data: bytes) -> None:
        # one pass per frame of every venue: whatever it called would cost more than what it does
        at, end, needed = 0, len(data), 2
        last, take, received = min(end - needed, TURN), self._take, self._now()
        while at <= last and take is not None:
            kind, size, start = data[at], data[at + 1], at + 2
            if size > 125:
                start = at + (4 if size == 126 else 10)
                if start > end:
                    needed = start - at
                    break
                size = data[at + 2] << 8 | data[at + 3] if size == 126 else _length(data, at)
                if size > LARGEST:
                    self._leave(data[at:])
                    return
            stop = start + size
            if stop > end:
                needed = stop - at
                break
            if kind not in _WHOLE or self._fragments is not None:
                self._leave(data[at:stop])
            elif take(data[start:stop], received):
                self._stop()
            at, take = stop, self._take
        if at < end:
            self._keep(data[at:] if at else data, needed, full=at > TURN)

    def _keep(self, rest: bytes, needed: int, *, full: bool) -> None:
        """Let the rest of a packet wait: for more of its frame, for who listens, or for the next turn."""
        self._waiting.append(rest)
        self._size, self._needed = len(rest), needed
        if self._take is None:
            self._pause()
        elif full:
            self._due = True
            self._pause()
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        if self._due and self._take is not None:
            self._go_on()

    def _leave(self, frames: bytes) -> None:
        """Leave to `websockets` what is no message by itself."""
        if self.protocol.state is not State.CLOSED:
            super().data_received(frames)
        if self.protocol.state is not State.OPEN:
            self._stop(())

    def _stop(self, closing: tuple[Any, ...] | None = None) -> None:
        """Hand on no more: `take` wanted that, or the connection is `closing`, with this code and reason."""
        if self._take is not _drop:
            self._take = None
        if self._listening is not None and not self._listening.done():
            self._listening.set_result(closing)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()


def _drop(_: Any, __: int) -> None:
    """Drop a message."""


def _never() -> int:
    """Return the time at which those hear who do not listen."""
    return 0


def _length(data: bytes, at: int) -> int:
    # a masked frame, which no server may send, counts as too large: `websockets` refuses either by its header
    return int.from_bytes(data[at + 2 : at + 10], "big") if data[at + 1] == 127 else LARGEST + 1


async def connect(
    endpoint: Endpoint,
    *,
    ping: float,
    tls: ssl.SSLContext | None,
    within: float,
    leave: float,
    proxy: str = "",
) -> Socket:
    """Open a connection, without compression: that costs more than it saves.

    Parameters
    ----------
    endpoint : Endpoint
        Where to, and with which headers.
    ping : float
        Seconds between pings, 0 for none; a peer that does not answer within 20 is left.
    tls : SSLContext or None
        How to check the venue's certificate; None for `ws://`.
    within, leave : float
        Seconds for the handshake as a whole, and for the close.
    proxy : str
        The address of a proxy, `direct` for none, empty for what the environment says.

    Raises
    ------
    OSError, TimeoutError, websockets.exceptions.WebSocketException
        If there is no connection.
    """
    # the library's own debug lines show the request with its query and headers
    logger = logging.getLogger("chrono.websocket")
    logger.setLevel(logging.WARNING)
    connection = await open_websocket(
        endpoint.url,
        create_connection=Socket,
        additional_headers=endpoint.headers,
        compression=None,
        max_size=LARGEST,
        open_timeout=within,
        ping_interval=ping or None,
        close_timeout=leave,
        logger=logger,
        proxy=None if proxy == DIRECT else proxy or True,
        ssl=tls,
    )
    return cast("Socket", connection)
