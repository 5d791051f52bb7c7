"""Bytes to board: what a Binance trade costs in chrono, in a loop written by hand, in cryptofeed and in ccxt.

All take the same recorded frames, one after the other in one thread. `--python PATH` names an interpreter in whose
environment cryptofeed and ccxt are installed; they pin what chrono does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import frames
import msgspec
from measure import cpu, interleaved, say

from chrono import Market, Pair, Quote, Ticker, Trade
from chrono.core.board import Board
from chrono.core.clock import VirtualClock
from chrono.core.errors import FrameError
from chrono_binance import Binance

_TICKS = (Trade, Quote, Ticker)


def chrono(received: Sequence[frames.Received]) -> None:
    """Do what the transport does with each frame."""
    source = Binance()
    pairs = Pair("BTC", "USDT"), Pair("ETH", "USDT")
    markets = [Market("binance", pair, "binance", source.symbol(pair)) for pair in pairs]
    inlet = Board(dict.fromkeys(markets, frames.MINUTE), VirtualClock()).inlets["binance"]
    read, session, damaged = source.read, source.session(), 0
    for ts, data in received:
        try:
            items = read(data, session)
        except FrameError:
            damaged += 1
            continue
        for item in items:
            if isinstance(item, _TICKS):
                inlet(item, ts)
    if inlet.accepted != len(received) or damaged:
        raise SystemExit(f"expected {len(received)} trades on the board, was {inlet.accepted}")


class _Print(
    msgspec.Struct,
    gc=False,
    rename={"symbol": "s", "id": "t", "price": "p", "size": "q", "time": "T", "maker": "m"},
):
    symbol: str
    id: int
    price: Annotated[float, msgspec.Meta(gt=0, lt=1e15)]
    size: Annotated[float, msgspec.Meta(ge=0, lt=1e15)]
    time: int
    maker: bool


class _Frame(msgspec.Struct, gc=False):
    data: _Print


class _Lists:
    """One market's columns."""

    __slots__ = ("full", "old", "prices", "received", "sizes", "times", "young")

    def __init__(self) -> None:
        self.prices: list[float] = []
        self.sizes: list[float] = []
        self.times: list[int] = []
        self.received: list[int] = []
        self.young: set[int] = set()
        self.old: set[int] = set()
        self.full = 64


def by_hand(received: Sequence[frames.Received]) -> None:  # noqa: PLR0915 - one loop is the point
    """Do the same with the same checks in one loop: no types, no layers, no other venue."""
    decode = msgspec.json.Decoder(_Frame, strict=False).decode
    markets = {"BTCUSDT": _Lists(), "ETHUSDT": _Lists()}
    recent: deque[int] = deque()
    ranked: list[int] = []
    offset = next_at = accepted = duplicates = future = unknown = damaged = 0
    for ts, data in received:
        try:
            event = decode(data).data
        except msgspec.MsgspecError:
            damaged += 1
            continue
        market = markets.get(event.symbol)
        if market is None:
            unknown += 1
            continue
        time = event.time * 1_000_000
        if ts >= next_at:
            if len(recent) == 600:
                del ranked[bisect_left(ranked, recent.popleft())]
            recent.append(ts - time)
            insort(ranked, ts - time)
            offset = ranked[len(ranked) // 2]
            next_at = ts + 1_000_000_000 if len(ranked) >= 16 else 0
        if time + offset > ts + 10_000_000_000:
            future += 1
            continue
        if event.id in market.young or event.id in market.old:
            duplicates += 1
            continue
        market.young.add(event.id)
        if len(market.young) >= 2048:
            market.old, market.young = market.young, set()
        times = market.times
        if times and time < times[-1]:
            at = bisect_right(times, time)
            market.prices.insert(at, event.price)
            market.sizes.insert(at, event.size)
            times.insert(at, time)
            market.received.insert(at, ts)
        else:
            market.prices.append(event.price)
            market.sizes.append(event.size)
            times.append(time)
            market.received.append(ts)
        accepted += 1
        if len(times) >= market.full:
            gone = max(bisect_left(times, times[-1] - frames.MINUTE) - 1, 0)
            del market.prices[:gone], market.sizes[:gone], times[:gone], market.received[:gone]
            market.full = len(times) + max(len(times) // 2, 64)
    if accepted != len(received):
        raise SystemExit(f"expected {len(received)} trades, was {accepted}")


@contextmanager
def peers(python: str, received: Sequence[frames.Received]) -> Iterator[dict[str, Callable[[], float]]]:
    """Start the peers in their own environment, and end them."""
    command = [python, str(Path(__file__).with_name("peers.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ask, answer = process.stdin, process.stdout
        if ask is None or answer is None:
            raise SystemExit(f"{python}: expected a process to talk to")

        def run(name: str) -> Callable[[], float]:
            def once() -> float:
                ask.write(name + "\n")
                ask.flush()
                return float(answer.readline())

            return once

        texts = [frame.decode() for _, frame in received]
        aggregates = [frames.aggregate(frame).decode() for _, frame in received]
        ask.write(json.dumps({"frames": texts, "aggregates": aggregates}) + "\n")
        ask.flush()
        found = json.loads(answer.readline())
        for name, version in found.items():
            say(name, version)
        yield {f"{name} {version}": run(name) for name, version in found.items() if not version.startswith("skipped")}
        ask.close()


def main() -> None:
    """Measure, and print each contender's cost a trade and its ratio to chrono."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", help="interpreter with cryptofeed==2.4.1 and ccxt installed")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    received, origin = frames.trades()
    say(f"{len(received)} trades, {origin}", f"{options.rounds} rounds")
    ours = {
        "chrono": lambda: cpu(lambda: chrono(received), len(received)),
        "by hand": lambda: cpu(lambda: by_hand(received), len(received)),
    }
    if options.python is None:
        say("cryptofeed, ccxt", "skipped", "no --python of an environment that has them")
        report(interleaved(options.rounds, ours))
    else:
        with peers(options.python, received) as theirs:
            report(interleaved(options.rounds, ours | theirs))


def report(costs: dict[str, float]) -> None:
    """Print microseconds of CPU a trade and ratios."""
    chrono = costs["chrono"]
    for name, cost in costs.items():
        say(
            name,
            f"{cost * 1e6:.2f} us",
            f"chrono costs {chrono / cost:.2f}x" if cost < chrono else f"{cost / chrono:.1f}x chrono",
        )


if __name__ == "__main__":
    main()
