"""A venue on a port of this machine."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSStream

from chrono import Context, Pair
from chrono.testing.faults import Timed
from chrono_simulated.serving.conversation import STEP, Conversation
from chrono_simulated.serving.exchange import Clock, Exchange
from chrono_simulated.serving.faults import Flap, HttpError, Refuse, TlsError, Unanswered, read_faults
from chrono_simulated.serving.http import BadRequest, Request, Response, read_request
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

HOST = "127.0.0.1"
"""Venues are served on loopback only: they hold no secret and check none."""

_ALERT = bytes((0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28))
"""A fatal TLS alert, handshake_failure (RFC 8446, section 6)."""

_NOTED = 256
_PATIENCE = 5.0


class ServedVenue:
    """A venue that runs; `serving` makes it.

    Attributes
    ----------
    venue : Venue
    port : int
    sessions : list of Session
        The streams that are open now.
    opened : int
        How many streams were opened so far.
    heard : deque of (int, str)
        The last messages received on streams, each with the number of its connection.
    requests : deque of Request
        The last requests over HTTP, handshakes of streams among them.
    """

    def __init__(self, venue: Venue, clock: Clock, port: int, tls: ssl.SSLContext | None) -> None:
        self.venue = venue
        self.port = port
        self.sessions: list[Session] = []
        self.heard: deque[tuple[int, str]] = deque(maxlen=_NOTED)
        self.requests: deque[Request] = deque(maxlen=_NOTED)
        self._exchange = Exchange(venue, clock)
        self._tls = tls
        self._numbers = count(1)
        self.opened = 0

    @property
    def url(self) -> str:
        """What a pipeline file says after `url:`."""
        return f"{'wss' if self._tls else 'ws'}://{HOST}:{self.port}{self.venue.path}".rstrip("/")

    @property
    def rest_url(self) -> str:
        """Where the venue answers over HTTP; the paths are the venue's own."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    def price(self, pair: str, ts: int | None = None) -> float:
        """Return the true price of a pair, now or at a time in nanoseconds."""
        at = self._exchange.clock.now() if ts is None else ts
        return self._exchange.market.price(Pair.parse(pair), at)

    def strike(self, *faults: Timed | Mapping[str, Any]) -> None:
        """Let faults begin, counted from now.

        Raises
        ------
        ConfigError
            If one is not known, or has an option it does not take.
        """
        self._exchange.strike(read_faults(faults))

    def heal(self) -> None:
        """End every fault, those of the venue among them."""
        self._exchange.heal()

    async def listen(self) -> Any:
        """Return what takes connections.

        Raises
        ------
        OSError
            If the port is taken.
        """
        listener = await anyio.create_tcp_listener(local_host=HOST, local_port=self.port)
        self.port = int(listener.extra(SocketAttribute.local_port))  # noqa: S610 - this is no query
        return listener

    async def run(self, listener: Any) -> None:
        """Serve until cancelled."""
        async with anyio.create_task_group() as connections:
            while True:
                async with listener:
                    with anyio.CancelScope() as scope:
                        connections.start_soon(self._cancel_when_down, scope)
                        await listener.serve(self._handle, connections)
                while self._is_down():
                    await self._exchange.clock.sleep(STEP)
                listener = await self._listen_again()

    async def _listen_again(self) -> Any:
        # another program may have the port for a moment, as it was free
        with anyio.move_on_after(_PATIENCE):
            while True:
                with suppress(OSError):
                    return await self.listen()
                await self._exchange.clock.sleep(STEP)
        return await self.listen()

    async def _cancel_when_down(self, scope: anyio.CancelScope) -> None:
        while not self._is_down():
            await self._exchange.clock.sleep(STEP)
        scope.cancel()

    def _is_down(self) -> bool:
        script, now = self._exchange.script, self._exchange.clock.now()
        down = (flap.is_down(script.elapsed(now)) for flap in script.active(Flap, now))
        return script.first(Refuse, now) is not None or any(down)

    async def _handle(self, stream: ByteStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError):
                await self._welcome(stream)

    async def _welcome(self, stream: ByteStream) -> None:
        script, now = self._exchange.script, self._exchange.clock.now()
        if script.first(TlsError, now) is not None:
            # what the client says is read first, so that the alert arrives before the end
            await stream.receive()
            await stream.send(_ALERT)
        elif script.first(Unanswered, now) is not None:
            await self._say_nothing(stream)
        elif self._tls is not None:
            wrap = TLSStream.wrap(stream, server_side=True, ssl_context=self._tls, standard_compatible=False)
            await self._serve(await wrap)
        else:
            await self._serve(stream)

    async def _say_nothing(self, stream: ByteStream) -> None:
        while self._exchange.script.first(Unanswered, self._exchange.clock.now()) is not None:
            with anyio.move_on_after(STEP):
                await stream.receive()

    async def _serve(self, stream: ByteStream) -> None:
        try:
            request = await read_request(stream)
        except BadRequest as error:
            await stream.send(Response(400, str(error).encode(), "text/plain").encode())
            return
        if request is None:
            return
        self.requests.append(request)
        if (response := self._respond(request)) is not None:
            await stream.send(response.encode())
        else:
            with self._session(request) as session:
                await Conversation(session, stream, self._note).run()

    def _respond(self, request: Request) -> Response | None:
        """Return the answer to a request, or None for a stream to be opened."""
        script, kind = self._exchange.script, "stream" if request.opens_a_stream else "rest"
        for fault in script.active(HttpError, self._exchange.clock.now()):
            if kind in fault.requests:
                script.spend(fault)
                return self.venue.failure(self._exchange, fault)
        if not request.opens_a_stream:
            return self.venue.answer(self._exchange, request)
        return self.venue.refusal(self._exchange, request)

    @contextmanager
    def _session(self, request: Request) -> Iterator[Session]:
        self.opened = next(self._numbers)
        session = Session(self._exchange, self.opened, request)
        self.sessions.append(session)
        try:
            yield session
        finally:
            self.sessions.remove(session)

    def _note(self, number: int, message: bytes) -> None:
        self.heard.append((number, message.decode(errors="replace")))


@asynccontextmanager
async def serving(
    venue: Venue, *, port: int = 0, tls: ssl.SSLContext | None = None, clock: Clock | None = None
) -> AsyncIterator[ServedVenue]:
    """Serve a venue on loopback for as long as the block runs.

    Parameters
    ----------
    venue : Venue
    port : int
        0 for any that is free.
    tls : SSLContext, optional
        The venue's certificate and key; without it the venue speaks plain `ws://` and `http://`.
    clock : Clock, optional
        What time it is and how to wait; the clock on the wall when not given.

    Yields
    ------
    ServedVenue
        With `url` to connect to, and `price` to compare with.

    Raises
    ------
    OSError
        If the port is taken.

    Examples
    --------
    >>> import anyio
    >>> from chrono_simulated.serving import Kraken, serving
    >>> async def main():
    ...     async with serving(Kraken(faults=[{"kind": "hang_up", "every": "30s"}])) as venue:
    ...         return venue.url.rpartition(":")[0], venue.url.rpartition("/")[2]
    >>> anyio.run(main)
    ('ws://127.0.0.1', 'v2')
    """
    served = ServedVenue(venue, clock or Context("simulator").clock, port, tls)
    listener = await served.listen()
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(served.run, listener)
        try:
            yield served
        except Exception as error:  # noqa: BLE001 - raised again as it is, not inside a group
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
