"""Every file in examples/ is checked; the quickstart runs, the live one prices what its venues send, and the value
provider answers what Flare asks."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
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


def test_value_provider_example_answers_what_flare_asks(reader: Any) -> None:
    """Each feed in the order it was asked for, one that is not there without a value, and the same again."""
    text = (ROOT / "examples" / "flare-value-provider.yaml").read_text()
    (reader.folder / "served.yaml").write_text(reader.on_free_ports(text.replace("port: 3101", "port: 8701")))
    asked = {"feeds": [{"category": 1, "name": name} for name in ("XRP/USD", "NOPE/USD", "BTC/USD", "FLR/USD")]}
    reader.start("chrono pipeline run served.yaml")
    first = _patient(lambda: _answer(f"http://127.0.0.1:{reader.ports['8701']}/feed-values/7", asked))
    assert first["votingRoundId"] == 7
    assert [row["feed"] for row in first["data"]] == asked["feeds"]
    assert [round(row["value"] / PRICES[row["feed"]["name"]], 1) for row in first["data"] if "value" in row] == [1] * 3
    assert _answer(f"http://127.0.0.1:{reader.ports['8701']}/feed-values/7", asked) == first


def _answer(url: str, asked: Any) -> Any:
    """Return the answer of a provider that has a value for all but one feed; None before that."""
    with contextlib.suppress(httpx.HTTPError):
        answer = httpx.post(url.replace("/7", "/"), json=asked)
        if answer.status_code == 201 and sum("value" in row for row in answer.json()["data"]) == 3:
            return httpx.post(url, json=asked).json()
    return None


def _patient(look: Any) -> Any:
    """Look until there is something, for half a minute."""
    for _ in range(300):
        if found := look():
            return found
        time.sleep(0.1)
    return pytest.fail("expected an answer within half a minute, was none")


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
