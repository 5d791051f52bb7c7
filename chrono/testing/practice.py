"""A venue to practise on, on this machine: what `chrono plugin new source` is written for.

It streams JSON over WebSocket; markets are named `BTC-USD`. A client asks once, or again for more::

    {"op": "subscribe", "channel": "trades", "markets": ["BTC-USD", "DOGE-USD"]}

It confirms what it lists, refuses what it does not, and sends a frame for each trade. Prices and sizes are text, times
are milliseconds, `side` is the taker's; a ping wants `{"op": "pong", "id": 4}` back::

    {"event": "subscribed", "market": "BTC-USD"}
    {"event": "error", "market": "DOGE-USD", "message": "no such market"}
    {"event": "trade", "market": "BTC-USD", "id": 17, "px": "67123.10", "qty": "0.25", "side": "sell",
        "time": 1795342500123}
    {"event": "ping", "id": 4}

Its markets are listed over HTTP at the same address, `GET /markets`::

    [{"market": "BTC-USD", "base": "BTC", "quote": "USD", "status": "online"}]

Run it with `python -m chrono.testing.practice PORT [SPOIL_EVERY]`: every so many trades is then no trade.

Needs no pytest.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count

import anyio
import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from chrono.core.clock import WallClock
from chrono.core.errors import ConfigError

__all__ = ["LISTED", "PracticeVenue", "listed"]

LISTED = {"BTC-USD": 67_000.0, "ETH-USD": 3_500.0}
"""What it lists, and about what it trades at."""

WORDS = "expected `python -m chrono.testing.practice PORT [SPOIL_EVERY]`, two whole numbers"


class PracticeVenue:
    """The venue, listening on this machine while it is open.

    Parameters
    ----------
    port : int
        Where to listen; 0 for any port that is free.
    every : float
        Seconds between two frames of a connection.
    spoil_every : int
        Every so many trades has a price that is none; 0 for no such trade.
    seed : int
        Of prices, sizes and sides.

    Attributes
    ----------
    url : str
        Where it listens, once it is open.

    Examples
    --------
    >>> async def visit():
    ...     async with PracticeVenue().open() as venue:
    ...         return venue.url.rpartition(":")[0]
    >>> anyio.run(visit)
    'ws://127.0.0.1'
    """

    def __init__(self, port: int = 0, *, every: float = 0.05, spoil_every: int = 0, seed: int = 1) -> None:
        self.url = ""
        self._port = port
        self._every = every
        self._spoil_every = spoil_every
        self._chance = np.random.default_rng(seed)
        self._clock = WallClock()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PracticeVenue]:
        """Listen until left."""
        async with serve(
            self._talk, "127.0.0.1", self._port, process_request=_answer, compression=None, close_timeout=0.2
        ) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _talk(self, socket: ServerConnection) -> None:
        wanted: list[str] = []
        with contextlib.suppress(ConnectionClosed, ValueError, KeyError):
            wanted.extend(await self._admit(socket, await socket.recv()))
            async with anyio.create_task_group() as group:
                group.start_soon(self._stream, socket, wanted)
                async for message in socket:
                    wanted.extend(await self._admit(socket, message))
                group.cancel_scope.cancel()

    async def _admit(self, socket: ServerConnection, message: bytes | str) -> list[str]:
        """Confirm or refuse what a message asks for; return what is confirmed."""
        request = json.loads(message)
        asked = request["markets"] if request["op"] == "subscribe" else ()
        for market in asked:
            refusal = {"event": "error", "market": market, "message": "no such market"}
            known = {"event": "subscribed", "market": market}
            await socket.send(json.dumps(known if market in LISTED else refusal))
        return [market for market in asked if market in LISTED]

    async def _stream(self, socket: ServerConnection, wanted: list[str]) -> None:
        with contextlib.suppress(ConnectionClosed):
            for number in count(1):
                if wanted:
                    await socket.send(json.dumps(self._trade(wanted[number % len(wanted)], number)))
                if number % 40 == 5:
                    await socket.send(json.dumps({"event": "ping", "id": number}))
                await anyio.sleep(self._every)

    def _trade(self, market: str, number: int) -> dict[str, object]:
        price = LISTED[market] * (1 + self._chance.normal(0, 0.0002))
        spoilt = self._spoil_every and number % self._spoil_every == 0
        return {
            "event": "trade",
            "market": market,
            "id": number,
            "px": "nan" if spoilt else f"{price:.2f}",
            "qty": f"{self._chance.exponential(0.5) + 0.0001:.4f}",
            "side": "buy" if self._chance.random() < 0.5 else "sell",
            "time": self._clock.now() // 1_000_000,
        }


def listed() -> Iterator[dict[str, str]]:
    """Yield what `GET /markets` says of each market."""
    for market in LISTED:
        base, _, quote = market.partition("-")
        yield {"market": market, "base": base, "quote": quote, "status": "online"}


def _answer(connection: ServerConnection, request: Request) -> Response | None:
    if request.path.partition("?")[0] != "/markets":
        return None
    response = connection.respond(HTTPStatus.OK, json.dumps(list(listed())))
    response.headers["Content-Type"] = "application/json"
    return response


async def _listen(port: int, spoil_every: int) -> None:
    async with PracticeVenue(port, spoil_every=spoil_every).open() as venue:
        sys.stdout.write(f"listening on {venue.url}\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


def main(words: list[str]) -> None:
    """Listen on a port until stopped.

    Raises
    ------
    ConfigError
        If that is not what the words say.
    """
    if len(words) not in {1, 2} or not all(word.isdecimal() for word in words):
        raise ConfigError(f"{WORDS}, was {' '.join(words)!r}")
    port, spoil_every = [*map(int, words), 0][:2]
    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(_listen, port, spoil_every)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (ConfigError, OSError) as error:
        sys.exit(str(error))
