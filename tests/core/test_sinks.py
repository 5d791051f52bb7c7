"""The sinks that need no plugin, where a disk fills up."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chrono.core.errors import TransientError
from chrono.core.sinks import JsonLines
from chrono.core.types import SECOND, Feed, Missing, Pair, Report, Round

pytestmark = pytest.mark.anyio

FEED = Feed("BTC/USD", Pair("BTC", "USD"), 2, ())


def report(number: int) -> Report:
    return Report(Round(number, number * SECOND, (number + 1) * SECOND), (Missing(FEED, {"code": "no_data"}, (), {}),))


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """Refuse to let any file grow beyond a size in bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_report_that_a_full_disk_cut_short_is_written_once(tmp_path: Path) -> None:
    """What was refused half way leaves nothing behind, is tried again, and appears once."""
    path = tmp_path / "prices.jsonl"
    async with JsonLines(JsonLines.Config(path=str(path))) as sink:
        await sink.publish(report(1))
        for _ in range(3):
            with full_at(path.stat().st_size + 20), pytest.raises(TransientError, match="expected to append"):
                await sink.publish(report(2))
        await sink.publish(report(2))
        await sink.publish(report(2))
    assert [json.loads(line)["round"] for line in path.read_text().splitlines()] == [1, 2]
