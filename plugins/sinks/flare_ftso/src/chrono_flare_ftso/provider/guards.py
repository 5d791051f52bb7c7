"""What is looked at before a vote is committed to: better no vote than a wrong one, better no commit than nonsense.

A vote is withheld where it is far from what all providers agreed on a short time ago: whatever the reason, a value in
another unit, another coin of the same name, a conversion that went wrong. Nothing at all is committed to where too few
feeds are left, since then something is wrong with all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chrono_flare_ftso.answers import Feeds, Values
from chrono_flare_ftso.protocol.feeds import FeedDecimals
from chrono_flare_ftso.votes import called, name_of


class Limits(NamedTuple):
    """How far is too far.

    Parameters
    ----------
    missing : float
        Share of a reward epoch's feeds that may be without a vote, 0 to 1.
    distance : float
        Relative distance of a vote from the last median, such as 0.2 for a fifth of it.
    rounds : int
        How many rounds old a median may be, to say anything.
    """

    missing: float = 0.5
    distance: float = 0.2
    rounds: int = 10


class Guarded(NamedTuple):
    """What is left of a round's values.

    Attributes
    ----------
    values : Values
        Those that are voted.
    unpriced : tuple of str
        The reward epoch's feeds that have no value, by their names on the chain.
    withheld : mapping of str to str
        Feeds whose values are not voted, and why.
    refusal : str
        Why nothing is committed to; empty where the rest is.
    """

    values: Values
    unpriced: tuple[str, ...]
    withheld: Mapping[str, str]
    refusal: str


def guarded(
    feeds: Sequence[FeedDecimals],
    names: Feeds,
    values: Values,
    medians: Mapping[bytes, float],
    limits: Limits | None = None,
) -> Guarded:
    """Return what of a round's values may be voted.

    Parameters
    ----------
    feeds : sequence of FeedDecimals
        Those of the round's reward epoch, in whatever order: each is found by its id.
    names : Feeds
        Those that are priced.
    values : Values
        What they were priced at.
    medians : mapping of bytes to float
        The last medians by feed id, in units of the feed's quote; a feed that is not here, or at 0, is not compared.
    limits : Limits, optional

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.feeds import feed_id
    >>> btc, eth = feed_id(1, "BTC/USD"), feed_id(1, "ETH/USD")
    >>> feeds, names = [FeedDecimals(btc, 2), FeedDecimals(eth, 2)], Feeds({"BTC/USD": "crypto", "ETH/USD": "crypto"})
    >>> found = guarded(feeds, names, Values(0, {"BTC/USD": 67_123.5, "ETH/USD": 2.5}), {btc: 67_000.0, eth: 2_500.0})
    >>> dict(found.values.prices), dict(found.withheld), found.refusal
    ({'BTC/USD': 67123.5}, {'ETH/USD': 'expected a value within 20 % of the last median 2500, was 2.5'}, '')
    """
    told = limits or Limits()
    votes: dict[str, float] = {}
    unpriced: list[str] = []
    withheld: dict[str, str] = {}
    for feed in feeds:
        name = name_of(feed.id, names)
        value = values.prices.get(name)
        if value is None:
            unpriced.append(called(feed.id))
            continue
        median = medians.get(feed.id)
        if median and abs(value / median - 1) > told.distance:
            wanted = f"a value within {100 * told.distance:g} % of the last median {median:g}"
            withheld[called(feed.id)] = f"expected {wanted}, was {value:g}"
            continue
        votes[name] = value
    lacking = len(unpriced) + len(withheld)
    refusal = ""
    if not feeds or lacking > told.missing * len(feeds):
        least = f"votes for at least {100 * (1 - told.missing):g} % of {len(feeds)} feeds"
        why = f"{len(unpriced)} have no value, {len(withheld)} are far from their last medians"
        refusal = f"expected {least}, were {len(feeds) - lacking}: {why}"
    return Guarded(Values(values.as_of, votes), tuple(unpriced), withheld, refusal)
