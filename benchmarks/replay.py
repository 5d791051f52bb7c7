"""Frames a second of a replay: recorded Binance streams through a whole pipeline, from the file to the reports."""

from __future__ import annotations

import argparse
import gc
import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import anyio
import frames
import msgspec
import structlog
from measure import say

from chrono.core.build import build
from chrono.core.registry import Registry
from chrono.core.replay import Replay

PIPELINE = """
every: 1s
quotes: [USDT]
feeds: {BTC/USDT: {decimals: 2}, ETH/USDT: {decimals: 2}}
sources: {binance: {}}
consensus: {weighted_median: {min_venues: 1}}
sinks: {jsonl: {path: %s}}
"""


def recording(received: Sequence[frames.Received], path: Path) -> Path:
    """Write frames in the recording format."""
    lines = [
        {"v": 1, "ts": ts, "source": "binance", "conn": 1, "kind": "ws", "data": frame.decode()}
        for ts, frame in received
    ]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def main() -> None:
    """Measure, and print frames a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    received, origin = frames.frames()
    with tempfile.TemporaryDirectory() as folder:
        path = recording(received, Path(folder) / "streams.jsonl")
        costs = []
        for number in range(options.runs):
            replay = Replay(build(PIPELINE % Path(folder, f"reports-{number}.jsonl"), Registry()), [path])
            gc.collect()
            start = time.process_time()
            summary = anyio.run(replay.run)
            costs.append(time.process_time() - start)
    spent = median(costs)
    say(f"{len(received)} frames, {origin}", f"{options.runs} runs")
    say("frames a second of CPU", f"{len(received) / spent:,.0f}", f"{spent / len(received) * 1e6:.1f} us a frame")
    say("rounds priced, with their prices", f"{summary.rounds}", f"{summary.priced} prices, {summary.ticks} ticks")


if __name__ == "__main__":
    main()
