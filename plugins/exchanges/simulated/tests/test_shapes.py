"""That what served venues say has the shape of what real ones said."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chrono_simulated.serving import Binance, Coinbase, Kraken, serving

pytestmark = pytest.mark.anyio

DATA = Path(__file__).resolve().parents[4].parent / "shared" / "data"
"""Where recorded data of others lies: `../shared/data` seen from the root of the repository. It may be absent."""


def shape(value: Any) -> Any:
    """Return the types of a message with the names of its fields; of a list, of its first item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def recorded(name: str) -> Iterator[Any]:
    """Yield the messages that stand in a file of captured or documented ones, one a line."""
    path = DATA / name
    if not path.exists():
        pytest.skip("needs the recorded data")
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    for line in text.splitlines():
        start = line.find("{")
        if start >= 0 and "<-" not in line[:start]:
            try:
                yield json.loads(line[start:])
            except ValueError:
                continue


def documented(name: str) -> Iterator[Any]:
    """Yield the acknowledgement and the update of a documented example."""
    path = DATA / name
    if not path.exists():
        pytest.skip("needs the recorded data")
    _, _, rest = path.read_text().partition("\n< ")
    answer, _, update = rest.partition("\n= ")
    yield from (json.loads(text.replace("|1|", "1")) for text in (answer, update))


@pytest.mark.parametrize("channel", ["trade", "ticker"])
async def test_kraken_speaks_in_the_shape_of_its_documentation(listen: Any, channel: str) -> None:
    """An acknowledgement and an update, but for what was added since: the time and the trigger of a ticker."""
    name = {"trade": "ws-Trades.txt", "ticker": "ws-Ticker.txt"}[channel]
    answer, update = documented(f"wire/kraken/fixtures/{name}")
    request = {"method": "subscribe", "params": {"channel": channel, "symbol": ["BTC/USD"]}, "req_id": 1}
    async with serving(Kraken(rate=50)) as venue, listen(venue.url, request) as heard:
        told = await heard.until(lambda message: message.get("method") == "subscribe")
        row = await heard.until(lambda message: message.get("type") == "update" and message["channel"] == channel)
    told["result"].pop("event_trigger", None)
    if channel == "ticker":
        del row["data"][0]["timestamp"]
    assert shape({**told, "req_id": "1"}) == shape({**answer, "req_id": "1"})
    assert shape(row) == shape(update)


@pytest.mark.parametrize("stream", ["trade", "bookTicker"])
async def test_binance_speaks_in_the_shape_of_a_recording(listen: Any, stream: str) -> None:
    """As it was sent in August 2024."""
    messages = recorded("stream/binance-spot-btcusdt_20240808.gz")
    real = next(message for message in messages if message["stream"] == f"btcusdt@{stream}")
    answer = next(documented("wire/binance/fixtures/ws-Trades.txt"))
    request = {"method": "SUBSCRIBE", "params": [f"btcusdt@{stream}"], "id": 1}
    async with serving(Binance(rate=50)) as venue, listen(venue.url, request) as heard:
        assert shape(await heard.next()) == shape(answer | {"id": 1})
        assert shape(await heard.next()) == shape(real)


@pytest.mark.parametrize("type", ["match", "last_match", "ticker"])
async def test_coinbase_speaks_in_the_shape_of_a_recording(listen: Any, type: str) -> None:
    """As it was sent in April 2021; a ticker tells sizes since 2022."""
    real = next(
        message for message in recorded("wire/coinbase/capture/COINBASE.ws.28.0.log") if message["type"] == type
    )
    channel = "ticker" if type == "ticker" else "matches"
    request = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": [channel]}
    async with serving(Coinbase(rate=50)) as venue, listen(venue.url, request) as heard:
        message = await heard.until(lambda message: message["type"] == type)
    if type == "ticker":
        message = {name: value for name, value in message.items() if name not in {"best_bid_size", "best_ask_size"}}
    assert shape(message) == shape(real)


async def test_binance_lists_in_the_shape_of_a_recording() -> None:
    """What a listing says of a symbol, as far as it is said here."""
    path = DATA / "wire" / "binance" / "gct-rest-recorded.json.gz"
    if not path.exists():
        pytest.skip("needs the recorded data")
    real = json.loads(gzip.decompress(path.read_bytes()))["/api/v3/exchangeInfo"][0]["body"]
    async with serving(Binance()) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        listed = (await http.get("/api/v3/exchangeInfo")).json()
    assert set(listed) <= set(real)
    told, said = shape(listed["symbols"][0]), shape(real["symbols"][0])
    for name in ("filters", "permissionSets", "permissions"):
        assert type(told.pop(name)) is type(said.pop(name, []))
    assert told.items() <= said.items()


async def test_kraken_lists_in_the_shape_of_its_documentation() -> None:
    """What a listing says of a pair."""
    path = DATA / "wire" / "kraken" / "fixtures" / "rest-GetSymbols.txt"
    if not path.exists():
        pytest.skip("needs the recorded data")
    real = json.loads(path.read_text().partition("false\n")[2])["result"]["XXBTZUSD"]
    async with serving(Kraken()) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        told = (await http.get("/0/public/AssetPairs?pair=XBTUSD")).json()["result"]["XXBTZUSD"]
    assert set(told) <= set(real)
    assert {name for name in set(real) - set(told) if "limit" not in name} == set()
