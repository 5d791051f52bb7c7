"""Which ticks are expected of which recorded frame."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chrono.testing.frames import recorded

pytest.importorskip("chrono_coinbase")
from chrono_coinbase import Coinbase

TS = 1_795_342_500_200_000_000


def frame(number: int, ts: int = TS) -> str:
    """Return a line of a recording: a trade."""
    match = {
        "type": "match",
        "trade_id": number,
        "maker_order_id": "m",
        "taker_order_id": "t",
        "side": "sell",
        "size": "0.5",
        "price": f"{67000 + number}.5",
        "product_id": "BTC-USD",
        "sequence": number,
        "time": "2026-11-22T10:15:00.100000Z",
    }
    return json.dumps({"v": 1, "ts": ts, "source": "coinbase", "conn": 1, "kind": "ws", "data": json.dumps(match)})


def expected(number: int, ts: int = TS) -> str:
    """Return the tick that is expected of it."""
    trade = {"type": "trade", "pair": "BTC/USD", "symbol": "BTC-USD", "price": 67000.5 + number, "size": 0.5}
    about = {"side": "buy", "trade_id": str(number), "ts_event": 1_795_342_500_100_000_000}
    return json.dumps({"ts": ts} | trade | about)


def test_frames_that_came_at_once_share_what_is_expected(tmp_path: Path) -> None:
    """A busy machine reads several in one go, and stamps them alike: each gives its own, in their order."""
    path = tmp_path / "r.jsonl"
    other = TS + 1
    path.write_text("\n".join([frame(1), frame(2), frame(3), frame(4, other)]))
    (tmp_path / "r.expected.jsonl").write_text("\n".join([expected(1), expected(2), expected(3), expected(4, other)]))
    found = recorded(path, Coinbase())
    assert [len(each.expected) for each in found] == [1, 1, 1, 1]
    assert all(each.ticks == list(each.expected) for each in found)


def test_tick_too_many_or_too_few_is_seen(tmp_path: Path) -> None:
    """The last of them is expected to give what is left."""
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join([frame(1), frame(2)]))
    for numbers in ([1], [1, 2, 3], [2, 1]):
        (tmp_path / "r.expected.jsonl").write_text("\n".join(expected(number) for number in numbers))
        assert not all(each.ticks == list(each.expected) for each in recorded(path, Coinbase())), numbers
