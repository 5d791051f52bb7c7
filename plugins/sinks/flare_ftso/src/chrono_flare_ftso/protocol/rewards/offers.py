"""From the offers of a reward epoch to one offer a round, and its parts.

One feed a round is rewarded. Which one is known only afterwards: it follows from the first secure random of a later
round, in the epoch or shortly after it. Where there is none, the round's offer is burned.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/reward-offers.ts`,
`libs/fsp-rewards/src/utils/PartialRewardOffer.ts`,
`apps/ftso-reward-calculation-process/src/libs/random-number-fixing-utils.ts`, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.feeds import RENAMES, CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.rewards.shares import TOTAL_BIPS, TOTAL_PPM
from chrono_flare_ftso.protocol.text import to_hex

SIGNING_BIPS = 1000
FINALIZATION_BIPS = 1000
LOOK_AHEAD_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class RoundOffer:
    """What an anchor feed is rewarded with in one voting round.

    Parameters
    ----------
    round : int
        Voting round.
    feed : bytes
        Id of the feed that was drawn.
    amount : int
        Wei.
    min_turnout_bips : int
        Weight that must have voted, of all weight; nothing is paid below.
    primary_share_ppm : int
        What the band between the quartiles gets against the band near the median.
    secondary_band_ppm : int
        Half the width of the band near the median, of the median.
    claim_back : bytes
        20 bytes, gets what is not paid.
    inflation : bool
        Whether the feed is in an inflation offer.
    burned : bool
        Whether nothing is paid for want of a secure random.
    """

    round: int
    feed: bytes
    amount: int
    min_turnout_bips: int
    primary_share_ppm: int
    secondary_band_ppm: int
    claim_back: bytes
    inflation: bool = True
    burned: bool = False


@dataclass(frozen=True, slots=True)
class OfferParts:
    """A round's offer, split by what is rewarded; the parts sum up to its amount."""

    median: RoundOffer
    signing: RoundOffer
    finalization: RoundOffer


@dataclass(frozen=True, slots=True)
class FastUpdateFeed:
    """A block-latency feed of a reward epoch: its id, and how far from the median it may be, in millionths."""

    feed: bytes
    reward_band_ppm: int


@dataclass(frozen=True, slots=True)
class FastUpdateOffer:
    """What a block-latency feed is rewarded with in one voting round; fields as in `RoundOffer`."""

    round: int
    feed: bytes
    amount: int
    reward_band_ppm: int
    burned: bool = False


def feed_random(random: int, voting_round: int) -> int:
    """Return the number that draws feeds: keccak256 of the ABI encoding (uint256, uint256).

    Parameters
    ----------
    random : int
        A secure random.
    voting_round : int
        Its own round, which is a later one than those it draws for; they share the number.

    Examples
    --------
    >>> hex(feed_random(1, 2))[:10]
    '0xe90b7bce'
    """
    return int.from_bytes(keccak256(abi.encode("uint256,uint256", random, voting_round)), "big")


def round_randoms(first: int, last: int, secure: Mapping[int, int]) -> tuple[int | None, ...]:
    """Return the number that draws the feed of each round of a reward epoch.

    Parameters
    ----------
    first, last : int
        First and last round of the epoch.
    secure : mapping of int to int
        Random of each round that had a secure one. Rounds later than `LOOK_AHEAD_ROUNDS` after the epoch do not count.

    Returns
    -------
    tuple of int or None
        One a round; None where no later round had a secure random.

    Examples
    --------
    >>> [number == feed_random(6, 12) for number in round_randoms(10, 13, {10: 5, 12: 6})]
    [True, True, False, False]
    """
    drawn: list[int | None] = []
    number = None
    for voting_round in range(last + LOOK_AHEAD_ROUNDS, first, -1):
        if voting_round in secure:
            number = feed_random(secure[voting_round], voting_round)
        if voting_round <= last + 1:
            drawn.append(number)
    return tuple(reversed(drawn))


def round_offers(
    rounds: range,
    order: Sequence[bytes],
    inflation: Sequence[InflationOffer],
    community: Sequence[CommunityOffer],
    randoms: Sequence[int | None],
    *,
    burn_address: bytes,
) -> tuple[RoundOffer, ...]:
    """Return the offer of each round of a reward epoch.

    The amounts of all offers are one pot, shared equally; the first rounds get the wei left over. Of inflation offers
    for one feed the last one's bands count. Community offers count for their amount and for feeds without an inflation
    offer, which then pay the quartile band alone, whatever the turnout and whatever those offers say.

    Parameters
    ----------
    rounds : range
        All voting rounds of the epoch.
    order : sequence of bytes
        Feed ids in canonical order.
    inflation, community : sequence of offer
        In the order of the chain.
    randoms : sequence of int or None
        One a round, of `round_randoms`; where it is None the first feed's offer is returned, to be burned.
    burn_address : bytes
        20 bytes, of the network.

    Raises
    ------
    ProtocolError
        If a feed that is drawn has no offer, or an inflation offer has not one band a feed.
    ValueError
        If there are more or fewer randoms than rounds, or no feeds: a mistake of the caller.
    """
    if len(randoms) != len(rounds) or not order:
        raise ValueError(f"expected {len(rounds)} randoms and at least a feed, was {len(randoms)} and {len(order)}")
    templates = dict(_community_templates(community, burn_address)) | dict(
        _inflation_templates(inflation, burn_address)
    )
    total = sum(offer.amount for offer in inflation) + sum(offer.amount for offer in community)
    return tuple(
        replace(_drawn(order, number, templates), round=voting_round, amount=amount, burned=number is None)
        for voting_round, amount, number in zip(rounds, round_amounts(total, len(rounds)), randoms, strict=True)
    )


def _drawn(order: Sequence[bytes], number: int | None, templates: Mapping[bytes, RoundOffer]) -> RoundOffer:
    feed = order[(number or 0) % len(order)]
    if feed not in templates:
        raise ProtocolError(f"reward offers: expected one for feed {to_hex(feed)}, was none")
    return templates[feed]


def _inflation_templates(offers: Iterable[InflationOffer], burn_address: bytes) -> Iterator[tuple[bytes, RoundOffer]]:
    for offer in offers:
        if len(offer.secondary_band_ppm) != len(offer.feed_ids):
            feeds, bands = len(offer.feed_ids), len(offer.secondary_band_ppm)
            raise ProtocolError(f"inflation offer: expected one secondary band a feed, was {bands} of {feeds}")
        for feed, band in zip(offer.feed_ids, offer.secondary_band_ppm, strict=True):
            yield feed, RoundOffer(0, feed, 0, offer.min_turnout_bips, offer.primary_share_ppm, band, burn_address)


def _community_templates(offers: Iterable[CommunityOffer], burn_address: bytes) -> Iterator[tuple[bytes, RoundOffer]]:
    for offer in offers:
        yield offer.feed_id, RoundOffer(0, offer.feed_id, 0, 0, TOTAL_PPM, 0, burn_address, inflation=False)


def round_amounts(total: int, rounds: int) -> Iterator[int]:
    """Yield equal amounts that sum up to a total; the first ones have one wei more.

    Examples
    --------
    >>> list(round_amounts(11, 4))
    [3, 3, 3, 2]
    """
    share, over = divmod(total, rounds)
    return (share + (at < over) for at in range(rounds))


def split_offer(offer: RoundOffer) -> OfferParts:
    """Split a round's offer: a tenth each for signing and finalization, the rest for accuracy.

    Examples
    --------
    >>> parts = split_offer(RoundOffer(1, bytes(21), 99, 0, 0, 0, bytes(20)))
    >>> parts.median.amount, parts.signing.amount, parts.finalization.amount
    (81, 9, 9)
    """
    signing = offer.amount * SIGNING_BIPS // TOTAL_BIPS
    finalization = offer.amount * FINALIZATION_BIPS // TOTAL_BIPS
    return OfferParts(
        median=replace(offer, amount=offer.amount - signing - finalization),
        signing=replace(offer, amount=signing),
        finalization=replace(offer, amount=finalization),
    )


def fast_update_offers(
    rounds: range,
    order: Iterable[bytes],
    feeds: Sequence[FastUpdateFeed],
    total: int,
    randoms: Sequence[int | None],
) -> tuple[FastUpdateOffer, ...]:
    """Return the block-latency offer of each round of a reward epoch.

    Only feeds that are anchor feeds too can be drawn, under their id or the one they were renamed to.

    Parameters
    ----------
    rounds : range
        All voting rounds of the epoch.
    order : iterable of bytes
        Ids of the anchor feeds.
    feeds : sequence of FastUpdateFeed
        Configurations of the epoch's inflation offer, in its order.
    total : int
        Wei: the inflation offer and all incentive offers.
    randoms : sequence of int or None
        One a round, of `round_randoms`.

    Raises
    ------
    ProtocolError
        If no feed is an anchor feed.
    ValueError
        If there are more or fewer randoms than rounds: a mistake of the caller.
    """
    anchors = frozenset(order)
    renamed = {rename.old: rename.new for rename in RENAMES}
    drawable = [feed for feed in feeds if {feed.feed, renamed.get(feed.feed)} & anchors]
    if not drawable:
        raise ProtocolError(f"block-latency offers: expected an anchor feed, was none among {len(feeds)} feeds")

    def offer(voting_round: int, amount: int, number: int | None) -> FastUpdateOffer:
        feed = drawable[(number or 0) % len(drawable)]
        return FastUpdateOffer(voting_round, feed.feed, amount, feed.reward_band_ppm, burned=number is None)

    return tuple(map(offer, rounds, round_amounts(total, len(rounds)), _one_each(randoms, rounds)))


def _one_each(randoms: Sequence[int | None], rounds: range) -> Sequence[int | None]:
    if len(randoms) != len(rounds):
        raise ValueError(f"expected {len(rounds)} randoms, was {len(randoms)}")
    return randoms
