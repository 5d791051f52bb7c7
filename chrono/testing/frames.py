"""Recorded frames, with the ticks that are expected of each and what a source makes of them. Needs no pytest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from chrono.core.recording import Record, TickRecord, read
from chrono.core.transport.codec import FrameSource
from chrono.core.types import Ack, Quote, RateLimit, Reconnect, Rejected, Reply, Tick, Ticker, Trade

__all__ = ["SIGNALS", "TICKS", "Recorded", "expected_beside", "expected_of", "recorded"]

TICKS = (Trade, Quote, Ticker)
SIGNALS = (Ack, Rejected, Reply, Reconnect, RateLimit)


class Recorded(msgspec.Struct, frozen=True):
    """A recorded frame, the ticks expected of it, and what the source made of it."""

    record: Record
    expected: Sequence[Tick]
    items: Sequence[Any]

    @property
    def ticks(self) -> list[Any]:
        """The ticks among the items."""
        return [item for item in self.items if isinstance(item, TICKS)]


def recorded(path: Path, source: FrameSource) -> Sequence[Recorded]:
    """Return the frames of a recording, all of one connection, as a source reads them.

    Raises
    ------
    AssertionError
        If a line of it cannot be read, or ticks are expected of a frame that is not there.
    """
    problems: list[str] = []
    records = [record for record in read([path], problems.append) if record.kind in {"ws", "http"}]
    assert not problems, problems
    expected = expected_of(path)
    session = source.session()
    found = []
    for place, record in enumerate(records, 1):
        items = source.read(record.frame, session)
        wanted = list(expected.pop(record.ts, ()))
        if place < len(records) and records[place].ts == record.ts:
            # frames that came at once: what this one does not give is expected of the next
            given = sum(isinstance(item, TICKS) for item in items)
            wanted, expected[record.ts] = wanted[:given], wanted[given:]
        found.append(Recorded(record, wanted, items))
    assert not expected, f"expected frames of these times in the recording: {sorted(expected)}"
    return found


def expected_of(path: Path) -> dict[int, Sequence[Tick]]:
    """Return the ticks that are expected of a recording, by the time of their frame."""
    found: dict[int, list[Tick]] = {}
    for line in expected_beside(path).read_bytes().splitlines():
        row = msgspec.json.decode(line, type=dict[str, Any])
        tick = msgspec.convert(row, TickRecord)
        found.setdefault(row["ts"], []).append(tick.tick(row.get("symbol") or row["pair"]))
    return dict(found)


def expected_beside(path: Path) -> Path:
    """Return where the ticks that are expected of a recording are written down."""
    return path.with_name(path.name.partition(".")[0] + ".expected.jsonl")
