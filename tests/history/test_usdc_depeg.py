"""The default chain over eleven days of March 2023, six venues: USDC loses its peg, one market is frozen throughout."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.history.candles import MINUTE, Print, Series, instant, prints, series
from tests.history.running import Moment, built, feeds, moments
from tests.history.scores import BASIS_POINT, Score

pytestmark = pytest.mark.timeout(180)

FROZEN = "cryptocom:BTC/USDC"
DEPEGGED = instant("2023-03-11T00:00")
BOTTOM = instant("2023-03-11T07:16")


class Ran(NamedTuple):
    """What a run is asked about: the score, when the frozen market was used, and the rate beside one venue's close."""

    score: Score
    frozen_used: list[int]
    rate: Mapping[int, float]
    kraken: Mapping[int, float]


def ran(described: list[Series], said: list[Print], wanted: Mapping[str, str]) -> Ran:
    found = Ran(Score("BTC/USD", compare=False), [], {}, {})
    for moment in moments(built(described, wanted), said):
        _note(found, moment)
    return found


def _note(found: Ran, moment: Moment) -> None:
    found.score.take(moment)
    result = next(each for each in moment.report.results if each.feed.name == "BTC/USD")
    if any(str(market) == FROZEN for market in result.used):
        found.frozen_used.append(moment.as_of)
    if rate := moment.report.prices.get("USDC/USD"):
        found.rate[moment.as_of] = rate.value  # type: ignore[index]
    close = moment.newest.get("kraken:USDC/USD")
    if close is not None and moment.as_of - close.received < MINUTE:
        found.kraken[moment.as_of] = close.price  # type: ignore[index]


@pytest.fixture(scope="module")
def described(history: Path) -> list[Series]:
    return [one for one in series(history / "usdc-depeg-2023-03") if one.pair.quote != "EUR"]


@pytest.fixture(scope="module")
def said(described: list[Series]) -> list[Print]:
    return prints(described)


@pytest.fixture(scope="module")
def run(described: list[Series], said: list[Print]) -> Ran:
    return ran(described, said, feeds(described))


def test_price_stays_with_the_dollar_venues(run: Ran) -> None:
    """Within 10 bp of the median that leaves each venue out, in 99.5 % of all minutes; in each there is a price."""
    assert run.score.compared == run.score.rounds > 15_000
    assert run.score.within(10 * BASIS_POINT) >= 0.995
    assert run.score.within(50 * BASIS_POINT) >= 0.999


def test_frozen_market_is_out_within_its_first_hour_and_stays_out(run: Ran) -> None:
    """A fresh message of size 0 at 20,100 every minute, while the coin goes from 23,100 to 19,600 and back."""
    first = run.score.path[0][0]
    assert [as_of for as_of in run.frozen_used if as_of > first + 60 * MINUTE] == []
    assert {code for market, code in run.score.drops if market == FROZEN}


def test_rate_follows_the_loss_of_the_peg(run: Ran) -> None:
    """Down to 0.874 and back up, with the one venue that trades it for dollars."""
    near = {as_of: value for as_of, value in run.rate.items() if abs(as_of - BOTTOM) <= 10 * MINUTE}
    assert min(near.values()) == pytest.approx(0.874, abs=0.01)
    both = [as_of for as_of in run.rate.keys() & run.kraken.keys() if as_of > DEPEGGED]
    assert len(both) > 600
    assert median(abs(run.rate[as_of] / run.kraken[as_of] - 1) for as_of in both) < 50 * BASIS_POINT


def test_rate_never_leaps_while_nothing_happens(run: Ran) -> None:
    """From one minute to the next in the nine days before: single venues print 57 bp off the peg."""
    calm = sorted((as_of, value) for as_of, value in run.rate.items() if as_of < instant("2023-03-10T00:00"))
    moves = [abs(after[1] / before[1] - 1) for before, after in pairwise(calm)]
    assert sorted(moves)[int(0.995 * len(moves))] < 20 * BASIS_POINT


def test_price_holds_where_only_it_is_asked_for(described: list[Series], said: list[Print]) -> None:
    """Rates that nobody declares are found, or their markets left out; the last day may spend what all days may."""
    day = [one for one in said if one.received > DEPEGGED - 720 * MINUTE]
    alone = ran(described, day, {"BTC/USD": "{}"})
    assert alone.score.compared == alone.score.rounds > 1_400
    assert len(alone.score.misses) <= 0.005 * 15_120
