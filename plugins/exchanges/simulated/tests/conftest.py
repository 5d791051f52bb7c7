"""What the tests of served venues share: one backend, and a socket that shows what it hears."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from chrono import Market, Quote, Tick, Trade
from chrono_simulated.serving import Venue, serving

PATIENCE = 3.0
"""Seconds after which what should have come counts as not coming."""


class Listener:
    """A raw client of a venue."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Any] = []

    async def say(self, *messages: Any) -> None:
        """Send messages, as JSON unless they are text."""
        for message in messages:
            await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def next(self) -> Any:
        """Return the next message, read as JSON where it is."""
        with anyio.fail_after(PATIENCE):
            text = await self.socket.recv()
        try:
            self.heard.append(json.loads(text))
        except ValueError:
            self.heard.append(text)
        return self.heard[-1]

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """Return the next message that is wanted."""
        with anyio.fail_after(PATIENCE):
            while not wanted(await self.next()):
                pass
        return self.heard[-1]

    async def during(self, seconds: float) -> list[Any]:
        """Return what comes within some time."""
        start = len(self.heard)
        with anyio.move_on_after(seconds):
            while True:
                await self.next()
        return self.heard[start:]


@asynccontextmanager
async def listening(url: str, *messages: Any, **options: Any) -> AsyncIterator[Listener]:
    """Connect, and say something."""
    async with connect(url, compression=None, close_timeout=0.2, open_timeout=PATIENCE, **options) as socket:
        listener = Listener(socket)
        await listener.say(*messages)
        yield listener


async def reading(package: str, venue: Venue) -> None:
    """Let the real plugin stream, ask over REST and list: both ways bring the same trades, none of it is damaged."""
    (source,) = pytest.importorskip(package).chrono_sources()
    streamed: list[Tick] = []
    polled: list[Tick] = []
    async with serving(venue) as served, anyio.create_task_group() as group:
        stream = source(source.Config.model_validate({"url": served.url}))
        poll = source.rest(source.rest.Config.model_validate({"url": served.rest_url, "every": "100ms"}))
        markets = [Market(source.type, pair, symbol=stream.symbol(pair)) for pair in venue.pairs]
        for each, ticks in ((stream, streamed), (poll, polled)):
            group.start_soon(each.run, markets, lambda tick, _=None, ticks=ticks: ticks.append(tick))
        with anyio.fail_after(10):
            while not _both_ways(streamed, polled):  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        async with httpx.AsyncClient() as http:
            listed = {row.pair for row in await stream.listings(http)}
        group.cancel_scope.cancel()
    assert listed == set(venue.pairs)
    assert stream.frame_errors == poll.frame_errors == 0


def _both_ways(streamed: list[Tick], polled: list[Tick]) -> bool:
    quoted = any(isinstance(tick, Quote) for tick in streamed)
    return quoted and bool(_trades(streamed) & _trades(polled))


def _trades(ticks: list[Tick]) -> set[Tick]:
    """Return the trades, their times in whole seconds: over REST some venues tell no more."""
    trades = [tick for tick in ticks if isinstance(tick, Trade)]
    return {msgspec.structs.replace(trade, ts_event=(trade.ts_event or 0) // 1_000_000_000) for trade in trades}


@pytest.fixture
def reads() -> Callable[..., Any]:
    """Return how to let a plugin read a venue."""
    return reading


@pytest.fixture
def listen() -> Callable[..., Any]:
    """Return how to connect to a venue."""
    return listening


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, the one backend."""
    return "asyncio"
