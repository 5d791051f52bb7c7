"""What is promised of a round, and what was traded of a feed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import Market, PermanentError, Quote, Trade
from chrono.core.types import Pair
from chrono_flare_ftso import answers
from chrono_flare_ftso.answers import Answers, Values, codes
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.volumes import Ring, Volumes, Way

SECOND = 1_000_000_000


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "flare.db") as ledger:
        yield ledger


def test_what_was_promised_first_stands(ledger):
    """Even where another process promised it meanwhile."""
    mine, others = Answers(ledger), Answers(ledger)
    first = mine.freeze(7, Values(1, {"BTC/USD": 100.5}))
    second = others.freeze(7, Values(2, {"BTC/USD": 200.5}))
    assert (second.as_of, second.prices) == (first.as_of, first.prices)
    assert Answers(ledger).known(7)
    assert Answers(ledger).find(7).prices == {"BTC/USD": 100.5}
    assert Answers(ledger).find(8) is None


@given(value=st.floats(1e-12, 1e15))
def test_value_survives_the_ledger_to_the_bit(value):
    kept = json.loads(json.dumps({"a": value}))
    assert kept["a"] == value
    assert Values(0, kept).text("a") == Values(0, {"a": value}).text("a")
    assert float(Values(0, kept).text("a")) == value


def test_newest_rounds_are_kept_by_time(ledger, monkeypatch):
    """Not by their number, which a stranger chooses."""
    monkeypatch.setattr(answers, "KEPT", 3)
    monkeypatch.setattr(answers, "_PRUNED_EVERY", 1)
    kept = Answers(ledger)
    for as_of, number in enumerate((4_000_000_000, 5, 6, 7, 8)):
        kept.freeze(number, Values(as_of, {}))
        kept.tidy()
    assert [kept.known(number) for number in (4_000_000_000, 5, 6, 7, 8)] == [False, False, True, True, True]
    assert ledger.read("SELECT round FROM answers ORDER BY round") == [(6,), (7,), (8,)]
    assert kept.recent(5) is None


def test_what_cannot_be_written_or_read_is_said(tmp_path):
    ledger = Ledger(tmp_path / "flare.db")
    kept = Answers(ledger)
    ledger.close()
    with pytest.raises(PermanentError, match="expected to write the answer"):
        kept.freeze(1, Values(0, {}))
    with pytest.raises(PermanentError, match="expected to read the answer"):
        kept.find(1)
    assert Path(ledger.path).stat().st_mode & 0o077 == 0


def test_categories_go_by_the_numbers_that_requests_have():
    assert [sorted(codes(each)) for each in ("crypto", "fx", "forex", "commodity", "stock")] == [
        [1],
        [2],
        [2],
        [3],
        [4],
    ]
    # 0x21 arrives as 21 or as 33; 0x2a as 42 alone, since its digits are no decimal ones
    assert [sorted(codes(each)) for each in ("33", "0x2a", "64", "nonsense")] == [[21, 33], [42], [64], []]
    assert {20, 32, 39, 63} <= codes("custom")


NORTH, SOUTH, AGAIN = (Market(name, Pair("BTC", "USD"), group) for name, group in zip("nsm", "nsn", strict=True))
TETHER = Market("n", Pair("BTC", "USDT"), "n")


def volumes():
    ways = [Way(each, ()) for each in (NORTH, SOUTH, AGAIN)]
    return Volumes({"BTC/USD": [*ways, Way(TETHER, [("USDT/USD", False)])]})


def trade(price, size, at):
    return Trade("BTC", price, size, ts_event=at)


def test_volume_is_by_exchange_and_an_exchange_reached_twice_counts_once():
    heard = volumes()
    for market in (NORTH, AGAIN, SOUTH):
        heard.hear(market, trade(100.0, 2.0, 5 * SECOND), 5 * SECOND)
    heard.hear(AGAIN, trade(100.0, 1.0, 5 * SECOND), 5 * SECOND)
    heard.hear(TETHER, trade(10.0, 1.0, 5 * SECOND), 5 * SECOND)
    heard.hear(NORTH, Quote("BTC", 1.0, 2.0), 5 * SECOND)
    assert heard.of_feed("BTC/USD", 60, 6 * SECOND, {"USDT/USD": 0.5}) == {"n": 305, "s": 200}
    assert heard.of_feed("BTC/USD", 60, 6 * SECOND, {}) == {"n": 300, "s": 200}
    assert heard.of_feed("ETH/USD", 60, 6 * SECOND, {}) == {}


def test_trade_counts_in_its_own_second_and_none_is_still_to_come():
    heard = volumes()
    heard.hear(NORTH, trade(1.0, 1.0, 100 * SECOND), 190 * SECOND)
    heard.hear(NORTH, trade(1.0, 10.0, None), 190 * SECOND)
    heard.hear(NORTH, trade(1.0, 100.0, 999 * SECOND), 190 * SECOND)
    assert heard.of_feed("BTC/USD", 60, 191 * SECOND, {}) == {"n": 110}
    assert heard.of_feed("BTC/USD", 91, 191 * SECOND, {}) == {"n": 111}
    assert heard.of_feed("BTC/USD", 60, 190 * SECOND + 1, {}) == {"n": 0}


@given(
    st.lists(st.tuples(st.integers(0, 9_000), st.floats(0, 1e6)), max_size=60),
    st.integers(0, 9_000),
    st.integers(1, 3600),
)
def test_ring_agrees_with_counting(trades, end, window):
    """Of the last hour before the newest trade; what is older may be forgotten."""
    ring, newest, counted = Ring(), -1, 0.0
    end = max([end, *(second for second, _ in trades)])
    for second, amount in trades:
        ring.add(second, amount)
        newest = max(newest, second)
        if end - window <= second < end and second > newest - 3600:
            counted += amount
    assert ring.sum(end - window, end) == pytest.approx(counted, abs=1e-6)


def test_ring_holds_an_hour_and_not_much_more():
    ring = Ring()
    for second in range(20_000):
        ring.add(second, 1.0)
    assert len(ring) <= 7_200
    assert ring.sum(20_000 - 3_600, 20_000) == 3_600
