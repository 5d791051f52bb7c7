"""What every streaming source promises of its connections, checked against a venue on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from statistics import fmean
from typing import Any, ClassVar, TypeAlias, get_args

import anyio
import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chrono.core.clock import WallClock
from chrono.core.component import Context, Emit, State, Status
from chrono.core.transport import Endpoint, Heartbeat, WebSocketSource
from chrono.core.types import SECOND, Market, Pair, RateLimit, Reconnect, Reply, Tick

__all__ = ["ConnectionChecks"]

PATIENCE = 5.0
"""Seconds after which what should have happened counts as not happening."""

LONGEST_WAIT = 600.0
"""Seconds; a source that waits longer than this after a hang-up is as good as dead."""

Script: TypeAlias = Callable[[int, ServerConnection], Awaitable[None]]


class Hasty(WallClock):
    """Notes how long it was asked to wait, and hardly waits: its time passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    @property
    def slept(self) -> float:
        """All seconds that it was asked to wait."""
        return sum(self.waits)

    def now(self) -> int:
        return super().now() + int(self.slept * SECOND)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(max(seconds, 0.0))
        await anyio.sleep(0.001)


async def until(wanted: Callable[[], bool], what: str) -> None:
    """Wait for something to have happened."""
    with anyio.move_on_after(PATIENCE):
        while not wanted():  # noqa: ASYNC110 - what is waited for sets no event
            await anyio.sleep(0.005)
    assert wanted(), f"expected {what} within {PATIENCE:g}s"


@asynccontextmanager
async def at_work(source: Any, markets: Sequence[Market], emit: Emit) -> AsyncIterator[None]:
    """Run a source until left; that it ended before is a failure, too."""
    failure: AssertionError | None = None
    ended: list[str] = []

    async def work() -> None:
        try:
            await source.run(markets, emit)
            ended.append("an end")
        except Exception as error:  # noqa: BLE001 - whatever ends it is what is looked for
            ended.append(repr(error))

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        try:
            yield
        except AssertionError as error:
            failure = error
        group.cancel_scope.cancel()
    if ended:
        raise AssertionError(f"expected the source to run until it is stopped, was {ended[0]}") from failure
    if failure is not None:
        # as it is, not inside the exception group of a task group
        raise failure


class _Venue:
    """Takes subscriptions, then does what a script says for the n-th connection, from 1."""

    def __init__(self, messages: int, script: Script) -> None:
        self.subscriptions: list[list[str | bytes]] = []
        self.said: list[str | bytes] = []
        self.open = 0
        self._messages = messages
        self._script = script

    async def handle(self, socket: ServerConnection) -> None:
        heard: list[str | bytes] = []
        self.subscriptions.append(heard)
        number = len(self.subscriptions)
        self.open += 1
        try:
            while len(heard) < self._messages:
                heard.append(await socket.recv())
            await self._script(number, socket)
        except ConnectionClosed:
            pass
        finally:
            self.open -= 1


class _Running:
    """A source at work, and what was seen of it."""

    def __init__(self, source: Any, venue: _Venue, clock: Hasty) -> None:
        self.source = source
        self.venue = venue
        self.clock = clock
        self.left_at = 0.0
        self.ticks: list[Tick] = []
        self.statuses: list[Status] = []

    def emit(self, tick: Tick, received: int | None = None) -> None:  # noqa: ARG002 - the board's business
        self.ticks.append(tick)


def grown(source: Any) -> None:
    """Fail unless the waits of a source grow up to a bound."""
    rows = [[backoff.next() for _ in range(12)] for backoff in (source.backoff() for _ in range(50))]
    first, last = fmean(row[0] for row in rows), fmean(row[-1] for row in rows)
    assert last > 2 * first > 0, f"expected growing waits, was {first:.3g}s at first and {last:.3g}s after eleven"
    longest = max(max(row) for row in rows)
    assert longest <= LONGEST_WAIT, f"expected waits up to {LONGEST_WAIT:g}s, was {longest:.3g}s"


class ConnectionChecks:
    """S30 to S38, for sources whose socket is chrono's."""

    source: ClassVar[type[Any]]
    pairs: ClassVar[Sequence[str]]
    options: ClassVar[Any]
    frames: Any

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Run on asyncio, as chrono does."""
        return "asyncio"

    @pytest.mark.anyio
    async def test_s30_ticks_come_in_order_and_damage_does_not_cost_the_connection(self) -> None:
        """Frames around a damaged one give their ticks in the order received, on one connection."""

        async def script(_: int, socket: ServerConnection) -> None:
            for frame in (*self._sendable, "{", *self._sendable):
                await socket.send(frame)
            await socket.wait_closed()

        wanted = [tick for frame in self._lasting for tick in frame.expected] * 2
        async with self._running(script) as running:
            await until(lambda: len(running.ticks) >= len(wanted), f"{len(wanted)} ticks")
        assert running.ticks == wanted, "expected the ticks in the order of their frames"
        assert len(running.venue.subscriptions) == 1, "expected one connection to be enough"

    @pytest.mark.anyio
    async def test_s31_a_hang_up_is_answered_with_a_new_subscription(self) -> None:
        """After each hang-up the source connects and subscribes again, and waits before."""

        async def script(_: int, socket: ServerConnection) -> None:
            await socket.send(self._sendable[0])

        async with self._running(script) as running:
            await until(lambda: len(running.venue.subscriptions) >= 4, "three new connections")
        asked = running.venue.subscriptions
        assert asked[:3] == [asked[0]] * 3, f"expected the same subscription again, was {asked[:3]}"
        waits = running.clock.waits
        assert len(waits) >= 3, f"expected a wait before each attempt, was {waits}"
        assert sum(waits) > 0, f"expected a wait before each attempt, was {waits}"

    def test_s31_waits_grow_up_to_a_bound(self) -> None:
        """A venue that stays down is asked less and less often, but for ever."""
        grown(self._streaming())

    @pytest.mark.anyio
    async def test_s32_silence_is_answered_with_a_new_connection(self) -> None:
        """A connection on which nothing comes is given up for another."""

        async def script(_: int, socket: ServerConnection) -> None:
            await socket.wait_closed()

        async with self._running(script, silence="100ms") as running:
            await until(lambda: len(running.venue.subscriptions) >= 2, "another connection after silence")

    @pytest.mark.anyio
    async def test_s33_cancelling_leaves_nothing_behind(self) -> None:
        """A source that is stopped leaves at once, without a task or a connection left."""
        before = len(asyncio.all_tasks())
        async with self._serving(self._chatter()) as (server, venue):
            serving = len(asyncio.all_tasks())
            running = self._start(server, venue)
            async with self._working(running):
                await until(lambda: bool(running.ticks), "a tick")
            took = anyio.current_time() - running.left_at
            assert took < 2.0, f"expected to leave within 2s, was {took:.2g}s"
            await until(lambda: venue.open == 0, "the connection to be closed")
            await until(lambda: len(asyncio.all_tasks()) <= serving, "no task to be left")
        assert len(asyncio.all_tasks()) <= before + 1, "expected no task to be left"

    @pytest.mark.anyio
    async def test_s34_statuses_are_legal_and_say_what_is_wrong(self) -> None:
        """States are words of the list; it is live once frames come, and trouble has a code and a message."""

        async def script(number: int, socket: ServerConnection) -> None:
            for frame in self._sendable:
                await socket.send(frame)
            if number > 1:
                await socket.wait_closed()

        async with self._running(script) as running:
            await until(lambda: len(running.venue.subscriptions) >= 2, "a second connection")
        states = [status.state for status in running.statuses]
        assert set(states) <= set(get_args(State)), f"expected states of {get_args(State)}, was {states}"
        assert "live" in states, f"expected the source to say that it is live, was {states}"
        mute = [
            s for s in running.statuses if s.state in {"degraded", "waiting", "failed"} and not (s.code and s.message)
        ]
        assert not mute, f"expected a code and a message with trouble, was {mute}"

    @pytest.mark.anyio
    async def test_s35_it_can_be_started_again(self) -> None:
        """The same source runs a second time after it was stopped."""
        async with self._serving(self._chatter()) as (server, venue):
            running = self._start(server, venue)
            for _ in range(2):
                running.ticks.clear()
                async with self._working(running):
                    await until(lambda: bool(running.ticks), "a tick in each run")

    @pytest.mark.anyio
    async def test_s36_a_connection_that_breaks_off_is_answered_with_another(self) -> None:
        """One that is cut without a word, in the middle of a frame, costs a new subscription and nothing else."""

        async def script(number: int, socket: ServerConnection) -> None:
            await socket.send(self._sendable[0])
            if number < 3:
                # a text frame of 125 bytes of which two come
                socket.transport.write(b"\x81\x7d{}")
                socket.transport.abort()
            await socket.send(self._sendable[-1])
            await socket.wait_closed()

        async with self._running(script) as running:
            await until(lambda: len(running.venue.subscriptions) >= 3, "two new connections")
            asked = running.venue.subscriptions
            await until(lambda: len(asked[2]) == len(asked[0]), "a whole subscription again")
        assert asked[:3] == [asked[0]] * 3, f"expected the same subscription again, was {asked[:3]}"
        waits = running.clock.waits
        assert sum(waits) > 0, f"expected a wait before each attempt, was {waits}"

    @pytest.mark.anyio
    async def test_s37_a_question_is_answered_where_it_was_asked(self) -> None:
        """Each recorded frame that wants an answer gets it, in order, on the same connection."""
        wanted = [_sent(item.message) for frame in self._lasting for item in frame.items if isinstance(item, Reply)]
        if not wanted:
            pytest.skip("no frame of the recording wants an answer")

        async def script(_: int, socket: ServerConnection) -> None:
            for frame in self._sendable:
                await socket.send(frame)
            while True:
                said.append(await socket.recv())

        said: list[str | bytes] = []
        async with self._running(script):
            await until(lambda: len(said) >= len(wanted), f"{len(wanted)} answers")
        assert said[: len(wanted)] == wanted, f"expected the answers {wanted}, was {said}"

    @pytest.mark.anyio
    async def test_s38_what_keeps_a_connection_is_said(self) -> None:
        """The heartbeat that the source declares reaches the venue, again and again."""
        heartbeat = self._streaming().heartbeat
        if heartbeat is None:
            pytest.skip("this source declares no heartbeat")
        said: list[str | bytes] = []

        async def script(_: int, socket: ServerConnection) -> None:
            while True:
                said.append(await socket.recv())

        async with self._running(script, heartbeat=Heartbeat(heartbeat.message, 0.02)):
            await until(lambda: len(said) >= 2, "a heartbeat, and another")

    # what the checks stand on

    @cached_property
    def _lasting(self) -> Sequence[Any]:
        """The recorded frames that do not end a connection."""
        ending = (Reconnect, RateLimit)
        return [frame for frame in self.frames if not any(isinstance(item, ending) for item in frame.items)]

    @cached_property
    def _sendable(self) -> Sequence[str | bytes]:
        return [frame.record.frame for frame in self._lasting]

    def _chatter(self) -> Script:
        async def script(_: int, socket: ServerConnection) -> None:
            for frame in self._sendable:
                await socket.send(frame)
            await socket.wait_closed()

        return script

    def _streaming(self, **options: Any) -> Any:
        if not issubclass(self.source, WebSocketSource):
            pytest.skip("this source has no connection of chrono's to check")
        return self.source(self.source.Config(**{**self.options, **options}), Context(self.source.type))

    def _markets(self) -> list[Market]:
        source = self._streaming()
        pairs = [Pair.parse(text) for text in self.pairs][: source.symbols_per_connection or None]
        return [Market(self.source.type, pair, symbol=source.symbol(pair)) for pair in pairs]

    @asynccontextmanager
    async def _serving(self, script: Script) -> AsyncIterator[tuple[Server, _Venue]]:
        messages = self._streaming().subscribe([market.symbol for market in self._markets()])
        venue = _Venue(len(list(messages)), script)
        async with serve(venue.handle, "127.0.0.1", 0, close_timeout=0.2) as server:
            yield server, venue

    def _start(self, server: Server, venue: _Venue, silence: str = "30s", **members: Any) -> _Running:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

        async def endpoint(_: Any, http: Any) -> Endpoint:  # noqa: ARG001 - the venue is here
            return Endpoint(url)

        source = self._streaming(url=url, silence=silence)
        # what stands beside the stream is checked on its own
        members = {"rest": None, **members} | ({"endpoint": endpoint} if source.asks else {})
        local = type(self.source.__name__, (self.source,), members)
        clock = Hasty()
        running = _Running(None, venue, clock)
        running.source = local(source.config, Context(self.source.type, clock, running.statuses.append))
        return running

    @asynccontextmanager
    async def _running(self, script: Script, silence: str = "30s", **members: Any) -> AsyncIterator[_Running]:
        async with self._serving(script) as (server, venue):
            running = self._start(server, venue, silence, **members)
            async with self._working(running):
                yield running

    @asynccontextmanager
    async def _working(self, running: _Running) -> AsyncIterator[None]:
        async with at_work(running.source, self._markets(), running.emit):
            yield
            running.left_at = anyio.current_time()


def _sent(message: Any) -> str | bytes:
    """Return what goes over the wire for a message."""
    return message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode()
