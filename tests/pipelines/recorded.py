"""Recorded Binance streams, their lines `receive_time_ns frame`, and what they say, read independently of chrono."""

from __future__ import annotations

import gzip
import heapq
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Frame(NamedTuple):
    """One line: when it was received, in nanoseconds of the recorder's clock, and the text."""

    received: int
    text: str


def frames(data: Path) -> list[Frame]:
    """Read all streams in the order of their receipt."""
    return list(heapq.merge(*(_lines(path) for path in sorted((data / "stream").glob("*.gz")))))


def _lines(path: Path) -> Iterator[Frame]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            received, _, text = line.strip().partition(" ")
            yield Frame(int(received), text)


def shifted(frame: Frame, by: int) -> Frame:
    """Move a frame and the venue's times in it by whole milliseconds, as if it happened then."""
    message = json.loads(frame.text)
    event = message.get("data", {})
    for key in ("E", "T"):
        if key in event:
            event[key] += by // 1_000_000
    return Frame(frame.received + by, json.dumps(message, separators=(",", ":")))


def record(path: Path, found: Sequence[Frame]) -> Path:
    """Write frames as a recording of source `binance`."""
    with gzip.open(path, "wt", compresslevel=1) as out:
        for received, text in found:
            line = {"v": 1, "ts": received, "source": "binance", "conn": 1, "kind": "ws", "data": text}
            out.write(json.dumps(line) + "\n")
    return path


class Trades:
    """The trades of one symbol as they were received, read with the standard library alone."""

    def __init__(self, found: Sequence[Frame], symbol: str) -> None:
        rows = [(frame.received, _trade(frame)) for frame in found]
        self._rows = [(received, event) for received, event in rows if event.get("s") == symbol]
        self._times = [received for received, _ in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def last(self, as_of: int) -> str | None:
        """Return the price of the last trade by the venue's time among those received by an instant, as printed."""
        known = self._rows[: bisect_right(self._times, as_of)]
        if not known:
            return None
        latest = max(enumerate(known), key=lambda row: (row[1][1]["T"], row[0]))
        return str(latest[1][1]["p"])


def _trade(frame: Frame) -> dict[str, Any]:
    if "@trade" not in frame.text[:40]:
        return {}
    event: dict[str, Any] = json.loads(frame.text)["data"]
    return event
