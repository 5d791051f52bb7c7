"""What the flight recorder costs: what it adds to a frame, what is done in another thread, and the memory it takes.

Recorded frames go from bytes to board, as in `decode_to_board.py`: alone, with the flight recorder beside, and while a
recording is written. Costs are CPU time, in turns.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import frames
from measure import cpu, interleaved, say

from chrono import Market, Pair
from chrono.core.board import Board
from chrono.core.clock import VirtualClock
from chrono.core.flight import Chunk, Ring
from chrono.core.writing import Writer
from chrono_binance import Binance

PAIRS = Pair("BTC", "USDT"), Pair("ETH", "USDT")


def receive(received: Sequence[frames.Received], write: Callable[..., Any] | None) -> None:
    """Do what the transport does with each frame."""
    source = Binance()
    markets = [Market("binance", pair, "binance", source.symbol(pair)) for pair in PAIRS]
    inlet = Board(dict.fromkeys(markets, frames.MINUTE), VirtualClock()).inlets["binance"]
    read, session = source.read, source.session()
    for ts, data in received:
        if write is not None:
            write("binance", "ws", data, ts=ts, conn=1)
        for item in read(data, session):
            inlet(item, ts)  # type: ignore[arg-type]


def recording(received: Sequence[frames.Received]) -> float:
    """Return what a frame costs while a recording is written."""
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(Path(folder), 1, print)
        cost = cpu(lambda: receive(received, writer.write), len(received))
        writer.close()
    return cost


def flying(received: Sequence[frames.Received]) -> float:
    """Return what a frame costs with the flight recorder beside, apart from packing."""
    ring = Ring(10 * frames.MINUTE, 10**10)
    return cpu(lambda: receive(received, ring.write), len(received))


def packed(received: Sequence[frames.Received]) -> Sequence[Chunk]:
    """Return the frames as they are kept, to be packed."""
    ring = Ring(10**18, 10**10)
    for ts, data in received:
        ring.write("binance", "ws", data, ts=ts, conn=1)
    ring.seal()
    return ring.chunks


def main() -> None:
    """Print what was measured."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    rounds = options.parse_args().rounds
    received, origin = frames.trades()
    say("trades", f"{len(received)}", origin)
    costs = interleaved(
        rounds,
        {
            "bytes to board": lambda: cpu(lambda: receive(received, None), len(received)),
            "with the flight recorder": lambda: flying(received),
            "with a recording": lambda: recording(received),
            "packing, in another thread": lambda: sum(cpu(chunk.pack) for chunk in packed(received)) / len(received),
        },
    )
    alone = costs["bytes to board"]
    for name, cost in costs.items():
        say(name, f"{cost * 1e6:.2f} us", f"{cost / alone:.2f}x")
    size = sum(len(chunk.pack()) for chunk in packed(received)) / len(received)
    say("memory a frame, packed", f"{size:.0f} bytes", f"{size * 1000 * 600 / 1e6:.0f} MB for 10m of 1,000 a second")


if __name__ == "__main__":
    main()
