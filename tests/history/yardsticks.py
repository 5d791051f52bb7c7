"""What a price is held against: medians of the venues' own closes, and the rules of others on the same messages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from chrono import Feed
from tests.history.candles import MINUTE, Print
from tests.history.running import STABLE, Moment

DECAY = 5e-5
"""How fast the reference FTSO provider forgets, per millisecond of age."""


def closes(moment: Moment, feed: Feed) -> list[float]:
    """Return the prices at which the markets quoted in a feed's own currency traded in the minute before a round."""
    markets = [str(market) for market in feed.markets if market.pair == feed.pair]
    found = [moment.newest[market] for market in markets if market in moment.newest]
    return [said.price for said in found if said.size > 0 and _lately(said, moment)]


def left_out(values: Sequence[float]) -> float | None:
    """Return the median over venues of the median of the other venues' closes; None of fewer than two.

    A venue's own close has no say in the median that leaves it out, and of those medians the middle one counts: no
    venue pulls it alone.

    Parameters
    ----------
    values : sequence of float, shape (n,)
        One close of each venue.

    Examples
    --------
    >>> left_out([100.0, 101.0, 102.0, 900.0])
    101.5
    """
    if len(values) < 2:
        return None
    return median([median([*values[:index], *values[index + 1 :]]) for index in range(len(values))])


def rivals(moment: Moment, feed: Feed) -> dict[str, float]:
    """Return what other rules make of the messages by a round.

    `vwap` and `median` take the feed's markets that said something in the minute, by volume or each as one; once with
    a stablecoin taken for a dollar and once converted at the round's own rates. `ftso` takes them all.
    """
    said = [moment.newest[str(market)] for market in feed.markets if str(market) in moment.newest]
    if not said:
        return {}
    found = {"ftso": ftso(said, moment, feed.pair.quote)}
    fresh = [one for one in said if _lately(one, moment)]
    for name, rates in (("at par", dict.fromkeys(STABLE, 1.0)), ("converted", _rates(moment, feed))):
        rates[feed.pair.quote] = 1.0
        known = [(one.price * rates[_quote(one)], one.size) for one in fresh if _quote(one) in rates]
        if known:
            found[f"median, {name}"] = median([price for price, _ in known])
        if volume := math.fsum(size for _, size in known):
            found[f"vwap, {name}"] = math.fsum(price * size for price, size in known) / volume
    return found


def ftso(said: Sequence[Print], moment: Moment, quote: str) -> float:
    """Return the price by the rule of Flare's example provider.

    Each market's newest price, however old, with weight `exp(-5e-5 age_ms)`; prices in USDT are multiplied by USDT/USD,
    found in the same way, those in USDC are taken as dollars; sorted by price, the first with half of the weight below
    or at it. Where all weights vanish it is the oldest price.
    """
    usdt = [one for market, one in moment.newest.items() if market.endswith(":USDT/USD")]
    rate = _fading(usdt, moment.as_of, {}) if usdt and quote == "USD" else 1.0
    return _fading(said, moment.as_of, {"USDT": rate})


def _fading(said: Sequence[Print], as_of: int, rates: Mapping[str, float]) -> float:
    found = [
        (one.price * rates.get(_quote(one), 1.0), math.exp(-DECAY * max(as_of - (one.tick.ts_event or 0), 0) / 1e6))
        for one in sorted(said, key=lambda one: one.tick.ts_event or 0)
    ]
    half = math.fsum(weight for _, weight in found) / 2
    below = 0.0
    for price, weight in sorted(found) if half > 0 else found:
        below += weight
        if below >= half:
            return price
    return found[0][0]


def _rates(moment: Moment, feed: Feed) -> dict[str, float]:
    results = (*moment.report.results, *moment.report.rates)
    values = {result.feed.name: getattr(result, "value", None) for result in results}
    found = {stable: values.get(f"{stable}/{feed.pair.quote}") for stable in STABLE}
    return {stable: rate for stable, rate in found.items() if rate is not None}


def _quote(said: Print) -> str:
    return said.tick.symbol.partition("/")[2]


def _lately(said: Print, moment: Moment) -> bool:
    return moment.as_of - said.received < MINUTE and moment.as_of - (said.tick.ts_event or 0) < MINUTE
