"""Socket to board: what a Binance trade costs chrono, beside a plain client that feeds the same parser and board.

A venue on this machine, in a process on another core, sends trades over WebSocket as fast as they are taken: one loop,
one core, one connection. Costs are CPU time, in turns, so that a busy machine is busy for all.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import frames
from measure import cpu, interleaved, percentile, say
from venue import open_venue
from websockets.asyncio.client import connect

from chrono import Context, Market, Pair, Status, Tick
from chrono.core.board import Board, Inlet
from chrono.core.clock import WallClock
from chrono_binance import Binance

PAIRS = tuple(Pair(base, "USDT") for base in ("BTC", "ETH"))
Client = Callable[[str, ssl.SSLContext | None, Any], Awaitable[None]]


class Ticks:
    """Counts ticks in place of a board."""

    def __init__(self) -> None:
        self.accepted = 0
        self.dropped: dict[str, int] = {}

    def __call__(self, tick: Tick, received: int | None = None) -> None:
        self.accepted += 1


def trusting(made: Path | None) -> ssl.SSLContext | None:
    """Return what checks the venue's own certificate."""
    return ssl.create_default_context(cafile=made) if made else None


def board(source: Binance) -> Inlet:
    """Return an empty board's inlet."""
    markets = [Market("binance", pair, "binance", source.symbol(pair)) for pair in PAIRS]
    return Board(dict.fromkeys(markets, frames.MINUTE), WallClock()).inlets["binance"]


async def plain(url: str, tls: ssl.SSLContext | None, inlet: Any) -> None:
    """Do what the documentation of `websockets` shows."""
    source = Binance()
    async with connect(url, compression=None, ssl=tls) as socket:
        await socket.send("subscribe")
        async for message in socket:
            for tick in source.read(message):
                inlet(tick)


async def chrono(url: str, tls: ssl.SSLContext | None, inlet: Any) -> None:
    """Run the source as a pipeline does, until the venue hangs up."""

    def note(status: Status) -> None:
        if status.code:
            group.cancel_scope.cancel()

    source = Binance(Binance.Config(url=url), Context("binance", WallClock(), note))
    if tls is not None:
        source.tls = tls
    markets = [Market("binance", pair, "binance", source.symbol(pair)) for pair in PAIRS]
    async with anyio.create_task_group() as group:
        group.start_soon(source.run, markets, inlet)


async def picows(url: str, tls: ssl.SSLContext | None, inlet: Any) -> None:
    """Read frames in picows's callback, with nothing else that a client needs."""
    import picows

    source, now = Binance(), WallClock().now
    read = source.read

    class Listener(picows.WSListener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            if frame.payload_size < 126:  # cheaper than asking for the kind, which makes an enum
                transport.disconnect()
                return
            received = now()
            for tick in read(frame.get_payload_as_bytes()):
                inlet(tick, received)

    transport, _ = await picows.ws_connect(Listener, url, ssl_context=tls)
    transport.send(picows.WSMsgType.TEXT, b"subscribe")
    await transport.wait_disconnected()


def contenders() -> dict[str, tuple[Client, Any]]:
    """Return each client and the loop it runs on, of what is installed."""
    loops: dict[str, Any] = {"asyncio": asyncio.new_event_loop}
    if find_spec("uvloop"):
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    clients: dict[str, Client] = {"plain websockets": plain, "chrono": chrono}
    if find_spec("picows"):
        clients["picows, bare"] = picows
    return {f"{name}, {loop}": (client, loops[loop]) for loop in loops for name, client in clients.items()}


def cost(client: Client, loop: Any, url: str, tls: ssl.SSLContext | None, count: int, *, parsed: bool) -> float:
    """Return the seconds of CPU a trade takes from the socket to the board, or until it is `parsed`."""
    inlet = Ticks() if parsed else board(Binance())
    with asyncio.Runner(loop_factory=loop) as runner:
        spent = cpu(lambda: runner.run(client(url, tls, inlet)), count)  # type: ignore[arg-type]
    if inlet.accepted != count:
        raise SystemExit(f"expected {count} trades on the board, was {inlet.accepted}: {dict(inlet.dropped)}")
    return spent


def compare(title: str, count: int, rounds: int, *, parsed: bool = False, **how: Any) -> None:
    """Print what each costs, with the plain client on asyncio as the measure."""
    with open_venue(count, **how) as (url, made):
        tls = trusting(made)
        runs = {
            name: functools.partial(cost, client, loop, url, tls, count, parsed=parsed)
            for name, (client, loop) in contenders().items()
        }
        costs = interleaved(rounds, runs)
    say(title, f"{count} trades", f"{rounds} rounds")
    for name, spent in costs.items():
        ratio = costs["plain websockets, asyncio"] / spent
        say(f"  {name}", f"{spent * 1e6:.2f} us", f"{1 / spent:>9,.0f} a second  {ratio:.2f}x")


async def _beside(url: str, inlet: Inlet, late: list[float]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_tick, late)
        await chrono(url, None, inlet)
        group.cancel_scope.cancel()


async def _tick(late: list[float]) -> None:
    while True:
        due = time.perf_counter() + 0.001
        await anyio.sleep(0.001)
        late.append(time.perf_counter() - due)


def lag(count: int) -> None:
    """Print how late another task of the same loop wakes while one venue floods it."""
    for name, (client, loop) in contenders().items():
        if client is not chrono:
            continue
        late: list[float] = []
        with open_venue(count) as (url, _), asyncio.Runner(loop_factory=loop) as runner:
            runner.run(_beside(url, board(Binance()), late))
        p50, p99, most = (percentile(late, share) * 1e3 for share in (0.5, 0.99, 1.0))
        say(f"  {name}: lateness of another task", f"{p50:.2f} ms", f"p99 {p99:.2f} ms, most {most:.2f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=60_000, help="trades a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    gc.freeze()  # as `chrono pipeline run` does
    for title, parsed in (("board", False), ("parser", True)):
        compare(f"TCP to {title}, as fast as they are taken", options.count, options.rounds, parsed=parsed)
        with suppress(FileNotFoundError):
            compare(
                f"TLS to {title}, as fast as they are taken", options.count, options.rounds, parsed=parsed, tls=True
            )
    compare("TCP to board, 20,000 a second", options.count // 3, options.rounds, rate=20_000, packed=4)
    say("a flood", f"{options.count} trades")
    lag(options.count)


if __name__ == "__main__":
    main()
