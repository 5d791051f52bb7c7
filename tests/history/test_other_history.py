"""The default chain over other days: two venues, an outage, a crash, one venue alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from chrono.core.errors import ConfigError
from tests.history.candles import instant, prints, series
from tests.history.running import built, feeds, moments
from tests.history.scores import BASIS_POINT, Score, path, scored, table

pytestmark = pytest.mark.timeout(120)


def priced(history: Path, *places: str, feed: str, start: int = 0, end: int = 2**63) -> Score:
    described = [one for one in series(*(history / place for place in places)) if str(one.pair) == feed]
    score = Score(feed)
    scored(moments(built(described, feeds(described)), prints(described, start, end)), score)
    return score


@pytest.mark.parametrize("feed", ["BTC/USD", "ETH/USD"])
def test_two_venues_of_a_falling_market_are_priced_between_them(history: Path, feed: str) -> None:
    """A real move on both: no round is refused for it, no venue is dropped for going along."""
    score = priced(
        history,
        "bitfinex/2017-09-04-china-ico-ban",
        "lean/coinbase",
        feed=feed,
        start=instant("2017-09-04T00:00"),
        end=instant("2017-09-05T00:00"),
    )
    assert score.compared > 1_400
    assert score.without.total() < 15


def test_two_venues_one_after_the_other_are_both_used(history: Path) -> None:
    """Ticks without sizes; no price where one of them was silent for more than four times its rhythm."""
    score = priced(history, "jpy-2018-08-12", feed="BTC/JPY")
    assert set(score.without) == {"no_quorum"}
    assert score.without.total() < 0.1 * score.rounds
    assert {code for _, code in score.drops} == {"stale"}
    assert score.within(50 * BASIS_POINT) > 0.99


def test_one_venue_alone_has_no_say_unless_asked_for(history: Path) -> None:
    """A price of a single venue is for those who ask for it; then a quiet month of a stablecoin has one each minute."""
    described = series(history / "usde-depeg-2025-10")
    with pytest.raises(ConfigError, match="expected a quorum in reach"):
        built(described, {"USDE/USDT": "{}"})
    score = priced(history, "usde-depeg-2025-10", feed="USDE/USDT", start=instant("2025-10-09T00:00"))
    assert not score.without
    assert len(score.path) == score.rounds > 2_000


def test_outage_has_no_price(history: Path) -> None:
    """From four minutes after the last minute that was traded to the first one that is again."""
    score = priced(history, "bitfinex/2018-03-21-outage", feed="BTC/USD")
    silent = score.lacking["no_quorum"]
    assert 100 < silent.rounds < 200
    assert instant("2018-03-21T09:00") < silent.first
    assert {code for _, code in score.drops} == {"stale"}


def test_score_is_told_in_lines(history: Path) -> None:
    """Shares, refusals, markets dropped with first and last time, and the way of the price."""
    score = priced(history, "jpy-2018-08-12", feed="BTC/JPY", end=instant("2018-08-12T02:00"))
    told = "\n".join([*table(score), *path(score, 60)])
    assert told.startswith(f"BTC/JPY: {score.rounds} rounds")
    assert "chrono" in told
    assert "2018-08-12 01:" in told
