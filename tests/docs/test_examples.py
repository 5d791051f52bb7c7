"""Every file in examples/ is checked; the quickstart runs, and the live one prices what its venues send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
START = 1_795_342_500_000_000_000
"""2026-11-22T10:15:00Z in nanoseconds."""

PRICES = {"USDT/USD": 0.9995, "BTC/USD": 67_000.0, "ETH/USD": 3_500.0, "XRP/USD": 0.52, "FLR/USD": 0.02}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_right(example: Path, reader: Any) -> None:
    """It passes the check, and tells editors where its schema is."""
    code, printed = reader.run(f"chrono pipeline check {example}")
    assert code == 0, printed
    assert example.read_text().startswith("# yaml-language-server: $schema=chrono.schema.json\n")


def test_quickstart_rejects_a_venue_and_prices_every_feed(reader: Any) -> None:
    """Six rounds: five feeds each, USDT markets converted, harbour stale in the last, lagoon out of line."""
    code, printed = reader.run(f"chrono pipeline run {ROOT / 'examples' / 'quickstart.yaml'} --rounds 6 --format json")
    assert code == 0, printed
    rows = [json.loads(line) for line in printed.streams[0].splitlines()]
    assert len(rows) == 30
    last = {row["feed"]: row for row in rows[-5:]}
    assert all(row["value"] is not None for row in last.values()), rows[-5:]
    assert last["BTC/USD"]["dropped"]["harbour:BTC/USDT"]["code"] == "stale"
    assert last["BTC/USD"]["dropped"]["lagoon:BTC/USDT"]["code"] == "deviation"
    assert 0.98 < float(last["USDT/USD"]["value"]) < 1.02


def test_live_example_prices_what_kraken_and_binance_send(reader: Any) -> None:
    """Replayed frames of both venues: five feeds, those of Binance converted with Kraken's USDT/USD."""
    recording = reader.folder / "frames.jsonl"
    recording.write_text("".join(json.dumps(record) + "\n" for record in records()))
    code, printed = reader.run(f"chrono replay {ROOT / 'examples' / 'live.yaml'} {recording} --format json")
    assert code == 0, printed
    rows = {row["feed"]: row for row in map(json.loads, printed.streams[0].splitlines())}
    assert list(rows) == list(PRICES)
    for feed, price in PRICES.items():
        assert float(rows[feed]["value"]) == pytest.approx(price, rel=1e-4)
    assert rows["BTC/USD"]["used"] == ["binance:BTC/USDT", "kraken:BTC/USD"]


def records() -> Iterator[dict[str, Any]]:
    """Yield a recording of one trade of each market, a millisecond apart."""
    for number, (pair, price) in enumerate(PRICES.items()):
        yield _record(number, "kraken", _kraken(number, pair, price))
        if pair not in {"USDT/USD", "FLR/USD"}:
            yield _record(number, "binance", _binance(number, pair, price / PRICES["USDT/USD"]))


def _record(number: int, source: str, frame: dict[str, Any]) -> dict[str, Any]:
    ts = START + (number + 1) * 1_000_000
    return {"v": 1, "ts": ts, "source": source, "conn": 1, "kind": "ws", "data": json.dumps(frame)}


def _kraken(number: int, pair: str, price: float) -> dict[str, Any]:
    at = f"2026-11-22T10:15:00.{number:03}Z"
    trade = {"symbol": pair, "side": "buy", "price": price, "qty": 1.5, "ord_type": "limit", "trade_id": number}
    return {"channel": "trade", "type": "update", "data": [{**trade, "timestamp": at}]}


def _binance(number: int, pair: str, price: float) -> dict[str, Any]:
    symbol, at = pair.replace("/", "") + "T", START // 1_000_000 + number
    trade = {"e": "trade", "E": at, "s": symbol, "t": number, "p": f"{price:.8f}", "q": "1.5", "T": at, "m": False}
    return {"stream": f"{symbol.lower()}@trade", "data": {**trade, "M": True}}
