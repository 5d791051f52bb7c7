"""What becomes of a row of history, and what prices are held against."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import anyio
import pytest

from chrono import Pair, Quote, Trade
from chrono.core.replay import Replay
from tests.core.conftest import Kept, Make
from tests.history.candles import BEFORE_CLOSE, MINUTE, Print, Series, instant, lines, prints, series, written
from tests.history.running import Moment, feeds, moments, text
from tests.history.yardsticks import ftso, left_out

OPENED = instant("2023-03-01T00:00")
CANDLES = """\
t,open,high,low,close,volume,trades
1677628800000,1,9,1,100.5,2.5,7
1677628860000,100.5,100.5,100.5,100.5,0.0,0
1677628980000,1,9,1,101.0,1.0,
"""


def file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


def test_candle_becomes_a_trade_at_its_close(tmp_path: Path) -> None:
    """Of the close, with the minute's volume, a millisecond before the minute ends; by the name of its file."""
    (one,) = series(file(tmp_path, "kraken_BTC-USD_1m.csv.gz", CANDLES))
    first, repeated, last = prints([one])
    closed = OPENED + MINUTE - BEFORE_CLOSE
    assert first == Print(closed, "kraken", Trade("BTC/USD", 100.5, 2.5, ts_event=closed))
    assert first.market == one.market == "kraken:BTC/USD"
    assert repeated.tick == Trade("BTC/USD", 100.5, 0.0, ts_event=closed + MINUTE)
    # the minute between has no row: silence
    assert last.received == closed + 3 * MINUTE


@pytest.mark.parametrize(("column", "lag"), [("lag_s", "169"), ("lag_ms_median", "169000"), ("lag", "169000")])
def test_minutes_received_late_are_late(tmp_path: Path, column: str, lag: str) -> None:
    """A column of lag moves the receipt, not the venue's time, and orders the messages."""
    rows = f"t,close,volume,{column}\n1677628800000,1,1,{lag}\n1677628860000,2,1,\n"
    timely, late = prints(series(file(tmp_path, "gemini_SKY-USD_1m.csv", rows)))
    assert late.received - (late.tick.ts_event or 0) == 169_000_000_000
    assert timely.received == timely.tick.ts_event
    assert written(late.received) == "2023-03-01 00:03"


def test_bars_ticks_and_quotes_are_read_as_such(tmp_path: Path) -> None:
    """Bars have their day in the name and their venue in the folder's; ticks without sizes are units."""
    file(tmp_path, "coinbase/BTCUSD_20180404_trade.csv.gz", "60000,1,1,1,7405,13.5\n")
    file(tmp_path, "coinbase/BTCUSD_20180404_quote.csv.gz", "0,1,1,1,7424.9,1.5,1,1,1,7424.91,\n60000,,,,,,1,1,1,1,1\n")
    file(tmp_path, "btcbox_BTC-JPY_ticks.csv", "date,last\n2018-04-04 00:00:08,681475.0\n")
    file(tmp_path, "bitfinex/2018-04-04-calm/LTCUSD_1m.csv", "t,open,high,low,close,volume,trades\n")
    file(tmp_path, "notes.csv", "t\n")
    found = series(tmp_path)
    assert {one.market for one in found} == {"coinbase:BTC/USD", "btcbox:BTC/JPY", "bitfinex:LTC/USD"}
    tick, quote, trade = prints(found)
    midnight = instant("2018-04-04T00:00")
    assert tick.tick == Trade("BTC/JPY", 681475.0, 1.0, ts_event=midnight + 8_000_000_000)
    assert quote.tick == Quote("BTC/USD", 7424.9, 7424.91, 1.5, 0.0, midnight + MINUTE - BEFORE_CLOSE)
    assert trade.tick == Trade("BTC/USD", 7405.0, 13.5, ts_event=midnight + 2 * MINUTE - BEFORE_CLOSE)


def test_file_of_another_name_needs_its_market(tmp_path: Path) -> None:
    """A name is never guessed at, a form neither."""
    path = file(tmp_path, "prices.csv", CANDLES)
    with pytest.raises(ValueError, match="state its market"):
        series(path)
    assert series(f"{path}=kraken/eu:BTC/USD") == [Series(path, "kraken/eu", Pair("BTC", "USD"))]
    with pytest.raises(ValueError, match="expected candles, ticks or bars, was 'nonsense'"):
        prints([Series(file(tmp_path, "other.csv", "nonsense\n"), "kraken", Pair("BTC", "USD"))])


def test_stablecoin_is_priced_from_its_pairs_in_another_one_too(tmp_path: Path) -> None:
    """All else is left to the defaults."""
    pairs = ("BTC-USD", "BTC-USDT", "USDC-USDT", "USDC-USD", "USDT-USD", "SKY-USDT")
    venues = ("kraken", "coinbase")
    found = feeds([Series.of(tmp_path / f"{venue}_{pair}_1m.csv") for pair in pairs for venue in venues])
    assert found == {
        "BTC/USD": "{}",
        "SKY/USDT": "{}",
        "USDC/USD": '{markets: ["*:USDC/USD", "*:USDC/USDT"]}',
        "USDT/USD": "{}",
    }


def test_recording_of_the_same_messages_gives_the_same_reports(tmp_path: Path, make: Make) -> None:
    """The loop of this folder prices what a replay prices."""
    described = series(
        file(tmp_path, "kraken_BTC-USD_1m.csv", CANDLES),
        file(tmp_path, "coinbase_BTC-USD_1m.csv", CANDLES.replace("101.0", "101.01")),
    )
    said = prints(described)
    content = text(described, feeds(described))
    expected = [moment.report for moment in moments(make(content), said)]
    assert [round(report.prices["BTC/USD"].value) for report in expected] == [100, 100, 100, 101]
    recording = file(tmp_path, "rec.jsonl", "".join(json.dumps(line) + "\n" for line in lines(said)))
    pipeline = make(content)
    anyio.run(Replay(pipeline, [recording]).run)
    (sink,) = pipeline.sinks.values()
    assert isinstance(sink, Kept)
    assert sink.reports == expected


def test_rounds_go_on_after_the_last_message(tmp_path: Path, make: Make) -> None:
    """Up to the instant that is asked for, and no further."""
    described = series(file(tmp_path, "kraken_BTC-USD_1m.csv", CANDLES))
    run = moments(make(text(described, feeds(described))), prints(described), OPENED + 10 * MINUTE)
    assert [moment.as_of for moment in run] == [OPENED + minute * MINUTE for minute in range(1, 11)]


def test_venue_has_no_say_in_the_median_that_leaves_it_out() -> None:
    """Of four closes the middle two count, whatever the others are; fewer than two are no yardstick."""
    assert left_out([100.0, 101.0, 102.0, 9e9]) == 101.5
    assert left_out([1e-9, 100.0, 100.0, 100.0, 9e9]) == 100.0
    assert left_out([100.0, 102.0]) == 101.0
    assert left_out([100.0]) is None


def test_reference_lets_the_freshest_outvote_the_rest() -> None:
    """Weights fall by half in 14 s; USDT is converted, USDC taken as dollars; what is ancient still has a price."""

    def said(source: str, pair: str, price: float, age_s: float) -> Print:
        ts = OPENED - int(age_s * 1e9)
        return Print(ts, source, Trade(pair, price, 1.0, ts_event=ts))

    honest = [said(f"v{number}", "BTC/USD", 100.0, 90.0) for number in range(7)]
    rogue = said("rogue", "BTC/USD", 95.0, 1.0)
    newest = {one.market: one for one in (said("v0", "USDT/USD", 0.5, 1.0),)}
    moment = Moment(OPENED, None, newest)  # type: ignore[arg-type]
    assert ftso([*honest, rogue], moment, "USD") == 95.0
    assert ftso([said("v0", "BTC/USDT", 100.0, 1.0)], moment, "USD") == 50.0
    assert ftso([said("v0", "BTC/USDC", 100.0, 1.0)], moment, "USD") == 100.0
    assert ftso([said("v0", "BTC/USD", 7.0, 1e9), said("v1", "BTC/USD", 3.0, 1e8)], moment, "USD") == 7.0


def test_reference_is_what_the_example_provider_answered(data: Path) -> None:
    """Fifty lists of prices and ages, and the recorded answer of the provider to each."""
    path = data / "fsp" / "example_value_provider.json"
    recorded = json.loads(path.read_text())
    cases = [case for case in recorded["weighted_median"] if case["prices"]]
    assert len(cases) >= 50
    now = recorded["now_ms"] * 1_000_000
    for case in cases:
        said = [
            Print(0, one["exchange"], Trade("BTC/USD", one["value"], 1.0, ts_event=one["time"] * 1_000_000))
            for one in case["prices"]
        ]
        moment = Moment(now, None, {})  # type: ignore[arg-type]
        assert ftso(said, moment, "USD") == case["result"], case
