"""What others state their messages mean, read from their files: messages, fixtures, expectations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chrono import Quote, Tick, Trade

from .convert import DATA


def data(*parts: str) -> Path:
    """Return a file of the recorded data, or skip the test where there is none."""
    if not DATA.is_dir():
        pytest.skip("no recorded data: it is looked for in ../shared/data beside the repository")
    return DATA.joinpath(*parts)


def expected(exchange: str) -> dict[tuple[str, int], Any]:
    """Return what is expected of each message of an exchange, by file and line."""
    entries = json.loads(data("wire", "expected.json").read_text())
    return {(e["file"], e["item"] or 0): e["expected"] for e in entries if e["exchange"] == exchange}


def message(file: str, line: int) -> str:
    """Return one message of a file, by its line from 1."""
    return data(*file.split("/")).read_text().splitlines()[line - 1]


def ticks(stated: Any) -> list[Tick]:
    """Return what tardis-node states as ticks; it has no word for a quote without a time, see the disputes."""
    return [tick for row in stated for tick in _tick(row)]


def _tick(row: dict[str, Any]) -> Iterator[Tick]:
    if row["type"] == "trade":
        yield Trade(row["symbol"], row["price"], row["amount"], row["side"], row["id"], nanoseconds(row["timestamp"]))
    if row["type"] == "book_ticker":
        sizes = (row.get("bidAmount", 0.0), row.get("askAmount", 0.0))
        yield Quote(row["symbol"], row["bidPrice"], row["askPrice"], *sizes)


def barter_trade(rust: str, symbol: str) -> Trade:
    """Return the trade that barter-rs states in Rust."""
    number = dict(re.findall(r'\b(id|price|amount): "?([\da-f.-]+)', rust))
    millis = re.search(r"from_millis\(\s*(\d+)", rust)
    side = re.search(r"Side::(Buy|Sell)", rust)
    assert millis is not None
    assert side is not None
    return Trade(
        symbol,
        float(number["price"]),
        float(number["amount"]),
        "buy" if side[1] == "Buy" else "sell",
        number["id"],
        int(millis[1]) * 1_000_000,
    )


def fixture(*parts: str) -> tuple[list[str], list[str]]:
    """Return the acknowledgements and the updates of a fixture, its request numbers filled in."""
    text = data("wire", *parts).read_text().replace("|1|", "1")
    blocks = re.split(r"^([><=]) ", text, flags=re.MULTILINE)[1:]
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    return [body for mark, body in pairs if mark == "<"], [body for mark, body in pairs if mark == "="]


def nanoseconds(time: str) -> int:
    """Return an RFC 3339 time as nanoseconds, by way of the standard library."""
    moment = datetime.fromisoformat(time)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
