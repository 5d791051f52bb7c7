"""What a round's votes come to: the bands that they hit, and which part of the rewards for accuracy they earn.

All of it by the functions that rewards are calculated with; `protocol.rewards` has them and their sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from chrono_flare_ftso.protocol.claims import ClaimType
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.feeds import FeedDecimals, InflationOffer
from chrono_flare_ftso.protocol.medians import Median
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.rewards.conditions import is_hit
from chrono_flare_ftso.protocol.rewards.median import median_rewards, vote_bands
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer, split_offer
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch, RoundResult
from chrono_flare_ftso.protocol.values import POWERS, unpack
from chrono_flare_ftso.records import Vote
from chrono_flare_ftso.votes import called

COIN = 10**18

COIN_FEEDS: Mapping[str, str] = {"FLR": "FLR/USD", "C2FLR": "FLR/USD", "SGB": "SGB/USD", "CFLR": "SGB/USD"}
"""Which feed says what a network's coin is worth; those of test networks are counted as what they stand for."""


def coin_usd(network: Network, feeds: Sequence[FeedDecimals], medians: Sequence[Median]) -> float | None:
    """Return what a network's coin is worth in US dollars by a round's medians; None where no feed says it."""
    wanted = COIN_FEEDS.get(network.native)
    for feed, median in zip(feeds, medians, strict=True):
        if median.value and called(feed.id) == wanted:
            return median.value / POWERS[feed.decimals]
    return None


def offers_by_feed(offers: Sequence[InflationOffer], round: int, burn_address: bytes) -> dict[bytes, RoundOffer]:
    """Return what each feed is rewarded by in a round, with an amount of 0: which one is drawn is known later."""
    return {
        feed: RoundOffer(round, feed, 0, offer.min_turnout_bips, offer.primary_share_ppm, band, burn_address)
        for offer in offers
        for feed, band in zip(offer.feed_ids, offer.secondary_band_ppm, strict=True)
    }


def judged_votes(
    voter: Voter,
    votes: Sequence[int | None],
    feeds: Sequence[FeedDecimals],
    medians: Sequence[Median | None],
    offers: Mapping[bytes, RoundOffer],
    round: int,
    *,
    counts: bool = True,
) -> list[Vote]:
    """Return where each vote lies.

    Parameters
    ----------
    voter : Voter
        Whose votes; its submit address decides on the edges of the quartile band.
    votes : sequence of int or None
        One a feed, in canonical order.
    feeds : sequence of FeedDecimals
        Those of the round's reward epoch.
    medians : sequence of Median or None
        One a feed; None where the round has no result.
    offers : mapping of bytes to RoundOffer
        By feed; a feed that is not here has no known band of its own.
    round : int
        The voting round.
    counts : bool
        Whether they were revealed in time: votes that were not are in no band.
    """
    judged = []
    for vote, feed, median in zip(votes, feeds, medians, strict=True):
        middle, low, high = (None, None, None) if median is None else median[:3]
        primary = secondary = None
        offer = offers.get(feed.id)
        if median is not None and low is not None:
            known = offer or RoundOffer(round, feed.id, 0, 0, 0, 0, b"")
            (bands,) = vote_bands(known, [voter], [vote if counts else None], median)
            primary = bands is not None and bands.quartile
            secondary = None if offer is None else bands is not None and bands.percent
        hit = counts and vote is not None and is_hit(vote, middle)
        judged.append(Vote(called(feed.id), feed.decimals, vote, middle, low, high, primary, secondary, hit))
    return judged


def accuracy_share(
    voter: Voter,
    votes: Sequence[int | None],
    epoch: RewardEpoch,
    result: RoundResult,
    offers: Mapping[bytes, RoundOffer],
    *,
    fip16: bool,
) -> float | None:
    """Return which part of a round's rewards for accuracy votes earn, on average over the feeds.

    Parameters
    ----------
    voter : Voter
        One of the reward epoch's.
    votes : sequence of int or None
        Its votes, which take the place of what it revealed.
    epoch : RewardEpoch
        The round's.
    result : RoundResult
        What the others revealed; the medians are taken as they are, without the pull of other votes.
    offers : mapping of bytes to RoundOffer
        By feed; nothing is earned on one that is not here.
    fip16 : bool
        Whether the reward epoch follows it.

    Returns
    -------
    float or None
        None where no offer is known. It is the voter's together with its delegators and stakers.
    """
    if not offers:
        return None
    revealed = result.revealed.valid
    vectors = {submit: unpack(reveal.vector, len(epoch.feeds)) for submit, reveal in revealed.items()}
    none = (None,) * len(epoch.feeds)
    table = [votes if each is voter else vectors.get(each.submit, none) for each in epoch.voters]
    total = 0.0
    for at, feed in enumerate(epoch.feeds):
        offer = offers.get(feed.id)
        if offer is None:
            continue
        try:
            paid = median_rewards(
                replace(offer, amount=COIN), epoch.voters, [row[at] for row in table], result.medians[at], fip16=fip16
            )
        except ProtocolError:
            # nobody is paid where nobody has weight
            continue
        ours = {voter.identity, voter.delegation, *(node.id for node in voter.nodes)}
        total += sum(
            claim.amount for claim in paid.claims if claim.beneficiary in ours and claim.type is not ClaimType.DIRECT
        )
    return total / COIN / len(epoch.feeds)


def accuracy_amount(offers: Sequence[InflationOffer], network: Network) -> float:
    """Return what one round pays for accuracy in all, in the network's coin.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> offer = InflationOffer(392, (bytes(21),), (2,), 3360 * COIN, 0, 0, (500,), 0)
    >>> accuracy_amount([offer], FLARE)
    0.8
    """
    whole = sum(offer.amount for offer in offers) // network.reward_epoch_rounds
    return split_offer(RoundOffer(0, b"", whole, 0, 0, 0, b"")).median.amount / COIN


def in_bands(votes: Sequence[Vote]) -> Iterator[tuple[str, int, int]]:
    """Yield each band with the votes that hit it, and how many could have: those of feeds whose band is known."""
    known = [each for each in votes if each.median is not None]
    yield "hit", sum(each.hit for each in known), len(known)
    for band in ("primary", "secondary"):
        told = [flag for each in known if (flag := getattr(each, band)) is not None]
        yield band, sum(told), len(told)
