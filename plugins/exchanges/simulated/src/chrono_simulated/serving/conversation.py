"""One WebSocket of a served venue: what comes in is answered, what falls due is told, what is ordered goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

import anyio
from anyio.abc import ByteStream
from websockets.exceptions import WebSocketException
from websockets.frames import Frame as Received
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from chrono import Pair, Tick, Trade
from chrono_simulated.prints import Prints
from chrono_simulated.serving.distortion import Distortion, Flooding
from chrono_simulated.serving.faults import Drop, Flap, HangUp, Injected, OfEach, RateLimit, Unacknowledged
from chrono_simulated.serving.frames import SECOND, Frame
from chrono_simulated.serving.session import Session

E = TypeVar("E", bound=OfEach)

STEP = 0.01
"""Seconds between two looks at what is due."""

_FAREWELL = 1.0
_LEFT = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


class Conversation:
    """One open stream.

    Parameters
    ----------
    session : Session
    stream : ByteStream
        The socket, of which the request has been read.
    note : callable
        Told every message that is heard.
    """

    def __init__(self, session: Session, stream: ByteStream, note: Callable[[int, bytes], None]) -> None:
        self._session = session
        self._exchange = session.exchange
        self._venue = session.exchange.venue
        self._stream = stream
        self._note = note
        logger = logging.getLogger("chrono.simulated")
        logger.setLevel(logging.WARNING)
        self._protocol = ServerProtocol(logger=logger)
        self._writing = anyio.Lock()
        self._distortion = Distortion(self._exchange, session.number)
        self._flooding = Flooding(self._exchange)
        self._prints: dict[Pair, Prints] = {}
        self._version = self._exchange.script.version
        self._parts = bytearray()
        self._injected: dict[int, int] = {}
        self._pongs = 0

    async def run(self) -> None:
        """Shake hands, then listen and tell until either side has enough."""
        if not await self._open():
            return
        with suppress(*_LEFT):
            await self._say(self._venue.greet(self._session))
        async with anyio.create_task_group() as group:
            for task in (self._listen, self._tell, self._watch, *([self._ping] if self._venue.ping_every else [])):
                group.start_soon(self._until_left, task, group.cancel_scope)

    async def _until_left(self, task: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
        with suppress(*_LEFT, WebSocketException):
            await task()
        scope.cancel()

    async def _open(self) -> bool:
        self._protocol.receive_data(self._session.request.head)
        for request in self._protocol.events_received():
            self._protocol.send_response(self._protocol.accept(request))  # type: ignore[arg-type]
        with suppress(*_LEFT):
            await self._flush()
        return self._protocol.state is State.OPEN

    async def _listen(self) -> None:
        while True:
            await self._thaw()
            received = await self._stream.receive()
            await self._thaw()
            self._protocol.receive_data(received)
            for event in self._protocol.events_received():
                await self._on(event)  # type: ignore[arg-type]
            if await self._flush():
                return

    async def _on(self, frame: Received) -> None:
        if frame.opcode is Opcode.PONG:
            self._pongs += 1
        if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            return
        self._parts += frame.data
        if frame.fin:
            message, self._parts = bytes(self._parts), bytearray()
            await self._hear(message)

    async def _hear(self, message: bytes) -> None:
        self._note(self._session.number, message)
        script, now = self._exchange.script, self._exchange.clock.now()
        if (limit := script.first(RateLimit, now)) is not None:
            script.spend(limit)
            await self._say(self._venue.complain(self._session, message))
        else:
            answers = list(self._venue.hear(self._session, message))
            await self._say(answers if script.first(Unacknowledged, now) is None else ())

    async def _tell(self) -> None:
        while True:
            await self._exchange.clock.sleep(STEP)
            due = list(self._due())
            if self._session.is_half_open():
                continue
            frames = [frame for tick in due for frame in self._tell_one(tick)]
            if frames:
                self._session.said = self._exchange.clock.now()
            await self._say([*frames, *self._venue.beat(self._session), *self._own()])

    def _tell_one(self, tick: Tick) -> Iterable[Frame]:
        if isinstance(tick, Trade):
            self._session.latest[tick.symbol] = tick
        return self._distortion.bend(self._venue.say(self._session, tick))

    def _due(self) -> Iterator[Tick]:
        if self._version != self._exchange.script.version:
            self._version, self._prints = self._exchange.script.version, {}
        self._distortion.look()
        now = self._exchange.clock.now()
        live = list(self._session.pairs())
        market, printing = self._exchange.market, self._exchange.printing
        # a market that comes back starts afresh: what it missed is lost
        self._prints = {pair: self._prints.get(pair) or Prints(market, printing, pair, now) for pair in live}
        for prints in self._prints.values():
            yield from map(self._distortion.date, prints.due(now))
        yield from map(self._distortion.date, self._flooding.due(live))

    def _own(self) -> Iterator[Frame]:
        now = self._exchange.clock.now()
        for fault in self._exchange.script.active(Injected, now):
            done = self._injected.get(id(fault), 0)
            if now >= self._instant(fault, done + 1) and not (done and fault.every == 0):
                self._injected[id(fault)] = done + 1
                self._exchange.script.spend(fault)
                yield Frame(fault.frame.encode())

    def _instant(self, fault: OfEach, time: int = 1) -> int:
        return max(self._session.opened, self._exchange.script.onset(fault)) + time * fault.every

    async def _watch(self) -> None:
        """Return when a fault, or the venue's own rules, end the connection."""
        script, clock = self._exchange.script, self._exchange.clock
        while True:
            await clock.sleep(STEP)
            now = clock.now()
            if self._is_dropped(now) or any(flap.is_down(script.elapsed(now)) for flap in script.active(Flap, now)):
                return
            if (farewell := self._farewell(now)) is not None:
                await self._close(*farewell)
                return

    def _is_dropped(self, now: int) -> bool:
        return self._struck(Drop, now) is not None

    def _farewell(self, now: int) -> tuple[int, str] | None:
        if self._session.ended is not None:
            return self._session.ended
        if (fault := self._struck(HangUp, now)) is not None:
            return fault.code, fault.reason
        within = self._venue.subscribe_within
        late = bool(within) and not self._session.subscriptions and now > self._session.opened + within * SECOND
        return (1008, "subscribe required") if late else None

    def _struck(self, kind: type[E], now: int) -> E | None:
        for fault in self._exchange.script.active(kind, now):
            if now >= self._instant(fault):
                self._exchange.script.spend(fault)
                return fault
        return None

    async def _ping(self) -> None:
        """Return when a ping of the venue's was not answered."""
        while True:
            await self._exchange.clock.sleep(self._venue.ping_every)
            await self._thaw()
            answered = self._pongs
            self._protocol.send_ping(str(self._exchange.now() // 1_000_000).encode())
            await self._flush()
            await self._exchange.clock.sleep(self._venue.pong_within)
            if self._pongs == answered:
                await self._close(1008, "pong timeout")
                return

    async def _thaw(self) -> None:
        while self._session.is_half_open():
            await self._exchange.clock.sleep(STEP)

    async def _say(self, frames: Iterable[Frame]) -> None:
        data = b"".join(self._venue.pack(frame).encode() for frame in frames)
        if data and not self._session.is_silent() and self._protocol.state is State.OPEN:
            async with self._writing:
                await self._stream.send(data)

    async def _flush(self) -> bool:
        """Send what the protocol has to say for itself; True if it has nothing more to say ever."""
        parts = self._protocol.data_to_send()
        if data := b"".join(parts):
            async with self._writing:
                await self._stream.send(data)
        return b"" in parts

    async def _close(self, code: int, reason: str) -> None:
        self._protocol.send_close(code, reason)
        await self._flush()
        with anyio.move_on_after(_FAREWELL):
            while self._protocol.state is not State.CLOSED:
                await self._exchange.clock.sleep(STEP)
