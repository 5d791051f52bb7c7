"""The real plugins against served venues, as their user runs them: a pipeline file with a `url`."""

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from chrono import Emit, Market, Pair, Tick, Trade
from chrono_simulated.serving import Binance, Coinbase, Kraken, Venue, serving

pytestmark = pytest.mark.anyio

FILE = """
name: served
every: 500ms
quotes: [{quote}]
feeds:
  BTC/{quote}: {{decimals: 2}}
  ETH/{quote}: {{decimals: 2}}
sources:
  {type}: {{url: "{url}"}}
consensus: {{weighted_median: {{min_venues: 1}}}}
"""
VENUES = [
    pytest.param("chrono_kraken", Kraken, "USD", id="kraken"),
    pytest.param("chrono_binance", Binance, "USDT", id="binance"),
    pytest.param("chrono_coinbase", Coinbase, "USD", id="coinbase"),
]


async def run(file: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run a pipeline and return the lines it prints."""
    command = [sys.executable, "-m", "chrono", "pipeline", "run", str(file), "--format", "json", *arguments]
    with anyio.fail_after(30):
        done = await anyio.run_process(command, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("package", "venue", "quote"), VENUES)
async def test_plugin_prices_a_served_venue(package: str, venue: type[Venue], quote: str, tmp_path: Path) -> None:
    """Every round has both feeds once prices come, and they are the truth within the noise."""
    pytest.importorskip(package)
    file = tmp_path / "served.yaml"
    async with serving(venue(rate=50)) as served:
        file.write_text(FILE.format(type=venue.type, url=served.url, quote=quote))
        rows = await run(file, "--rounds", "3")
        assert len(rows) == 6
        last = {row["feed"]: float(row["value"]) for row in rows[-2:]}
        for feed, value in last.items():
            assert value == pytest.approx(served.price(feed), rel=3e-3)
        assert served.opened == 1


@pytest.mark.parametrize(("package", "venue", "quote"), VENUES)
async def test_plugin_reads_what_a_served_venue_lists(package: str, venue: type[Venue], quote: str) -> None:
    """A pair that is delisted is gone, one that is halted says so."""
    (source,) = pytest.importorskip(package).chrono_sources()
    async with serving(venue((f"BTC/{quote}", f"ETH/{quote}", f"DOGE/{quote}"))) as served, httpx.AsyncClient() as http:
        venue_ = source(source.Config.model_validate({"url": served.url}))
        listed = {str(row.pair): row.state for row in await venue_.listings(http)}
        assert listed == {f"{base}/{quote}": "trading" for base in ("BTC", "ETH", "DOGE")}
        served.strike({"kind": "delisted", "pairs": [f"ETH/{quote}"]}, {"kind": "halted", "pairs": [f"DOGE/{quote}"]})
        listed = {str(row.pair): row.state for row in await venue_.listings(http)}
        assert listed == {f"BTC/{quote}": "trading", f"DOGE/{quote}": "halted"}


@pytest.mark.parametrize(("package", "venue", "quote"), VENUES)
async def test_plugin_polls_the_trades_that_it_streams(package: str, venue: type[Venue], quote: str) -> None:
    """The same numbers at the same prices, so that none counts twice when a stream is down for a while."""
    (source,) = pytest.importorskip(package).chrono_sources()
    pair = Pair("BTC", quote)
    streamed: dict[str, float] = {}
    polled: dict[str, float] = {}
    async with serving(venue((str(pair),), rate=100)) as served, anyio.create_task_group() as group:
        stream = source(source.Config.model_validate({"url": served.url}))
        poll = source.rest(source.rest.Config.model_validate({"url": served.rest_url, "every": "100ms"}))
        markets = [Market(source.type, pair, symbol=stream.symbol(pair))]
        for each, trades in ((stream, streamed), (poll, polled)):
            group.start_soon(each.run, markets, noting(trades))
        with anyio.fail_after(10):
            while not streamed.keys() & polled.keys():  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    both = streamed.keys() & polled.keys()
    assert {number: streamed[number] for number in both} == {number: polled[number] for number in both}


def noting(trades: dict[str, float]) -> Emit:
    """Return what notes the price of each trade by its number."""

    def emit(tick: Tick, received: int | None = None) -> None:
        if isinstance(tick, Trade):
            trades[tick.trade_id] = tick.price

    return emit


@pytest.mark.parametrize(("package", "venue", "quote"), VENUES)
async def test_plugin_comes_back_to_a_venue_that_drops_it(
    package: str, venue: type[Venue], quote: str, tmp_path: Path
) -> None:
    """Two connections end without a word; the last round has both feeds."""
    pytest.importorskip(package)
    file = tmp_path / "served.yaml"
    fault = {"kind": "drop", "every": "300ms", "times": 2}
    async with serving(venue(rate=50, faults=[fault])) as served:
        file.write_text(FILE.format(type=venue.type, url=served.url, quote=quote))
        rows = await run(file, "--rounds", "12")
        assert all(row["value"] for row in rows[-2:])
        assert served.opened == 3
