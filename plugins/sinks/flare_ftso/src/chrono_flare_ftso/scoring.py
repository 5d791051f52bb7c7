"""How near values came to the medians of voting rounds, by the rules that rewards are paid by.

A value is judged as the vote that the data provider makes of it: a whole number at the feed's decimals. All bands are
those of the protocol: `protocol.rewards.conditions` has the minimal condition, `protocol.rewards.median` the two that
accuracy is paid for (`fsp.md` §7.2, §7.7, read 2026-11-23).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from chrono_flare_ftso.protocol.medians import Median
from chrono_flare_ftso.protocol.rewards.conditions import anchor_met, is_hit
from chrono_flare_ftso.protocol.rewards.median import vote_bands
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.values import encode_value

SIGNIFICANT = 0.05
"""How probable a difference as large may be, were there none, for it to be called one; over all feeds together."""

_EXACT = 2_000


class FeedMedian(NamedTuple):
    """What a voting round came to for one feed; whole numbers at `decimals`.

    Parameters
    ----------
    id : bytes
        The feed's id, 21 bytes.
    decimals : int
        Of the numbers that follow.
    median : int or None
        None where nobody voted.
    quartile1, quartile3 : int or None
        None where the source does not say them.
    band_ppm : int or None
        Half the width of the percent band, in millionths of the median; None where it is not known.
    """

    id: bytes
    decimals: int
    median: int | None
    quartile1: int | None = None
    quartile3: int | None = None
    band_ppm: int | None = None


Medians = Mapping[int, Mapping[str, FeedMedian]]
"""What rounds came to, by round and by the feed's name."""

Values = Mapping[int, Mapping[str, float]]
"""What was answered, by round and by the feed's name; a round without an answer is not there."""


@dataclass(frozen=True)
class Standing:
    """How one provider did.

    Attributes
    ----------
    rounds : int
        Rounds that are compared.
    missing : int
        Of these, rounds without a vote.
    hits : int
        Votes within 0.5 % of the median, edges included: the minimal condition.
    in_quartiles : float
        Votes between the quartiles; one on the edge counts as the coin of the protocol says where the submit address is
        known, else as a half.
    on_edge : int
        Votes on an edge, of these.
    with_quartiles : int
        Rounds whose quartiles are known.
    in_percent : int
        Votes in the percent band.
    with_band : int
        Rounds with a median whose band is known.
    median_bp, p95_bp, max_bp : float or None
        Of the distance to the median, in 1/10000 of it, without its sign; None where there is none.
    mean_bp : float or None
        Of the distance with its sign: above 0 where values are too high.
    """

    rounds: int
    missing: int
    hits: int
    in_quartiles: float
    on_edge: int
    with_quartiles: int
    in_percent: int
    with_band: int
    median_bp: float | None
    p95_bp: float | None
    max_bp: float | None
    mean_bp: float | None


@dataclass(frozen=True)
class Duel:
    """Which of two providers was nearer to the median how often, in rounds in which both voted.

    Attributes
    ----------
    nearer, farther, even : int
        Rounds.
    p : float
        How probable a split as uneven is where both are equally good: the two-sided sign test, ties left out.
    verdict : str
        `nearer` or `farther` where that is improbable enough even though many feeds are looked at (Holm's correction),
        else `undecided`.
    """

    nearer: int
    farther: int
    even: int
    p: float
    verdict: str = "undecided"


@dataclass(frozen=True)
class FeedScore:
    """How one feed did, and another provider's; `no_median` are rounds in which nobody voted."""

    feed: str
    no_median: int
    ours: Standing
    theirs: Standing | None = None
    duel: Duel | None = None


@dataclass(frozen=True)
class Score:
    """How all feeds did.

    Attributes
    ----------
    rounds : sequence of int
        Those that are compared, ascending.
    feeds : sequence of FeedScore
        By name.
    ours, theirs : Standing
        Over all feeds.
    duel : Duel or None
        By rounds: who was nearer in more feeds of a round. Feeds of one round move together, so that they are no
        separate trials; rounds are nearly so.
    met : bool
        Whether the minimal condition would be met: 80 % of all rounds and feeds.
    """

    rounds: Sequence[int]
    feeds: Sequence[FeedScore]
    ours: Standing
    theirs: Standing | None
    duel: Duel | None
    met: bool


@dataclass
class _Tally:
    """Counts towards a standing."""

    rounds: int = 0
    missing: int = 0
    hits: int = 0
    in_quartiles: float = 0
    on_edge: int = 0
    with_quartiles: int = 0
    in_percent: int = 0
    with_band: int = 0
    distances: list[float] = field(default_factory=list)

    def add(self, other: _Tally) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def standing(self) -> Standing:
        counts = {name: value for name, value in vars(self).items() if name != "distances"}
        if not self.distances:
            return Standing(**counts, median_bp=None, p95_bp=None, max_bp=None, mean_bp=None)
        signed = np.array(self.distances)
        middle, high, most = np.percentile(np.abs(signed), (50, 95, 100)).tolist()
        return Standing(**counts, median_bp=middle, p95_bp=high, max_bp=most, mean_bp=float(signed.mean()))


def score(
    values: Values,
    medians: Medians,
    rounds: Sequence[int],
    feeds: Iterable[str],
    shadowed: Values | None = None,
    submit: bytes | None = None,
) -> Score:
    """Score values against medians, and another provider's in the rounds that it was asked for.

    Parameters
    ----------
    values : mapping of int to mapping of str to float
        What was answered, by round and feed; quote units per base unit. Who is not there has no vote, which is
        compared as 0 and hits nothing.
    medians : mapping of int to mapping of str to FeedMedian
        What the rounds came to.
    rounds : sequence of int
        Which of those are compared.
    feeds : iterable of str
        Which feeds.
    shadowed : mapping of int to mapping of str to float, optional
        What another provider answered in the rounds that it was asked for; empty where it gave no answer.
    submit : bytes, optional
        The submit address of the voter, 20 bytes, for the coin of votes on the edge of the quartile band.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.feeds import feed_id
    >>> btc = FeedMedian(feed_id(1, "BTC/USD"), 2, 6_700_000, 6_699_000, 6_701_000, 500)
    >>> found = score({7: {"BTC/USD": 67_006.7}}, {7: {"BTC/USD": btc}, 8: {"BTC/USD": btc}}, [7, 8], ["BTC/USD"])
    >>> found.ours.rounds, found.ours.missing, found.ours.hits, round(found.ours.mean_bp, 6), found.met
    (2, 1, 1, 1.0, False)
    """
    wanted, others = sorted(set(rounds)), shadowed or {}
    voter = Voter(b"", submit or bytes(20), b"", b"", 0, 0, 0)
    ours, theirs, scores = _Tally(), _Tally(), []
    leads = dict.fromkeys((number for number in wanted if number in others), 0)
    for feed in sorted(set(feeds)):
        judge = _Judge(feed, voter, coin=submit is not None)
        mine, other, votes = _Tally(), _Tally(), _Votes()
        for number in wanted:
            published = medians[number].get(feed)
            vote = judge.judge(mine, number, published, values.get(number, {}).get(feed))
            if number not in others:
                continue
            second = judge.judge(other, number, published, others[number].get(feed))
            leads[number] += votes.count(vote, second, None if published is None else published.median)
        ours.add(mine)
        theirs.add(other)
        duel = votes.duel() if leads else None
        scores.append(FeedScore(feed, judge.empty, mine.standing(), other.standing() if leads else None, duel))
    rows = _decided(scores)
    hits = sum(row.ours.hits for row in rows)
    met = bool(wanted) and bool(rows) and anchor_met(hits, len(wanted), len(rows))
    between = _between(leads.values()) if leads else None
    return Score(wanted, rows, ours.standing(), theirs.standing() if leads else None, between, met)


def sign_test(wins: int, losses: int) -> float:
    """Return how probable a split at least as uneven is between equals, in either direction.

    Notes
    -----
    The exact two-sided sign test: twice the lower tail of a binomial distribution with 1/2, at most 1.

    References
    ----------
    .. [1] W. J. Conover, "Practical Nonparametric Statistics", third edition, 1999, section 3.4.

    Examples
    --------
    >>> sign_test(3, 0), sign_test(9, 1), sign_test(0, 0)
    (0.25, 0.021484375, 1.0)
    """
    trials, term, tail = wins + losses, 1, 0
    if trials > _EXACT:
        # the normal distribution with the correction for continuity: the same to three digits by then
        return math.erfc(max(abs(wins - losses) - 1, 0) / math.sqrt(2 * trials))
    for at in range(min(wins, losses) + 1):
        tail += term
        term = term * (trials - at) // (at + 1)
    return min(1.0, 2 * tail / (1 << trials))


class _Judge:
    """Judges votes on one feed."""

    def __init__(self, feed: str, voter: Voter, *, coin: bool) -> None:
        self.feed = feed
        self.empty = 0
        self._voter = voter
        self._coin = coin
        self._empty_in: set[int] = set()

    def judge(self, tally: _Tally, number: int, published: FeedMedian | None, value: float | None) -> int | None:
        """Count a value of a round, and return the vote that is made of it."""
        tally.rounds += 1
        if published is None or published.median is None:
            self._empty_in.add(number)
            self.empty = len(self._empty_in)
            vote = None if published is None else encode_value(value, published.decimals)
            tally.missing += value is None if published is None else vote is None
            return vote
        vote, median = encode_value(value, published.decimals), published.median
        tally.missing += vote is None
        tally.hits += is_hit(vote, median)
        tally.with_band += published.band_ppm is not None
        quartiles = published.quartile1 is not None and published.quartile3 is not None
        tally.with_quartiles += quartiles
        if vote is None:
            return None
        if median:
            tally.distances.append(1e4 * (vote - median) / abs(median))
        self._in_bands(tally, number, published, vote)
        return vote

    def _in_bands(self, tally: _Tally, number: int, published: FeedMedian, vote: int) -> None:
        low, high = published.quartile1, published.quartile3
        known = low is not None and high is not None
        # where quartiles are not known these hold nobody, and are not looked at
        low, high = (low, high) if known else (vote + 1, vote - 1)
        offer = RoundOffer(number, published.id, 0, 0, 0, published.band_ppm or 0, b"")
        (bands,) = vote_bands(offer, [self._voter], [vote], Median(published.median, low, high, 0))
        if bands is None:
            return
        tally.in_percent += bands.percent
        if not known:
            return
        edge = vote in (low, high)
        tally.on_edge += edge
        tally.in_quartiles += 0.5 if edge and not self._coin else bands.quartile


@dataclass
class _Votes:
    """Who was nearer, round by round."""

    nearer: int = 0
    farther: int = 0
    even: int = 0

    def count(self, vote: int | None, other: int | None, median: int | None) -> int:
        """Return 1 where the first is nearer, -1 where the second is, 0 where neither is or one has no vote."""
        if vote is None or other is None or median is None:
            return 0
        lead = _sign(abs(other - median) - abs(vote - median))
        self.nearer += lead > 0
        self.farther += lead < 0
        self.even += lead == 0
        return lead

    def duel(self) -> Duel:
        return Duel(self.nearer, self.farther, self.even, sign_test(self.nearer, self.farther))


def _between(leads: Iterable[int]) -> Duel:
    counted = _Votes()
    for lead in leads:
        counted.nearer += lead > 0
        counted.farther += lead < 0
        counted.even += lead == 0
    duel = counted.duel()
    return Duel(duel.nearer, duel.farther, duel.even, duel.p, _verdict(duel, SIGNIFICANT))


def _decided(scores: Sequence[FeedScore]) -> list[FeedScore]:
    """Return scores with verdicts: the smallest p against the strictest bound, and so on until one fails (Holm)."""
    found = {each.feed: each for each in scores}
    duels = sorted((each.duel.p, each.feed) for each in scores if each.duel is not None)
    for place, (p, feed) in enumerate(duels):
        bound, row = SIGNIFICANT / (len(duels) - place), found[feed]
        if p > bound or row.duel is None:
            break
        duel = row.duel
        decided = Duel(duel.nearer, duel.farther, duel.even, duel.p, _verdict(duel, bound))
        found[feed] = FeedScore(row.feed, row.no_median, row.ours, row.theirs, decided)
    return [found[each.feed] for each in scores]


def _verdict(duel: Duel, bound: float) -> str:
    if duel.p > bound:
        return "undecided"
    return "nearer" if duel.nearer > duel.farther else "farther"


def _sign(number: int) -> int:
    return int(math.copysign(1, number)) if number else 0
