"""Feed ids, offers, and the order that a reward epoch gives its feeds.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/ftso/implementation/FtsoFeedIdConverter.sol` and
`contracts/userInterfaces/IFtsoRewardOffersManager.sol`; flare-foundation/FTSO-Scaling 9e1e988,
`libs/ftso-core/src/ftso-calculation/feed-ordering.ts`; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.wire import fixed, uint

ID_SIZE = 21
NAME_SIZE = 20


class FeedName(NamedTuple):
    """A feed id as people know it.

    Parameters
    ----------
    category : int
        1 crypto, 2 forex, 3 commodity, 4 stock, 32 to 63 custom.
    name : str
        Such as BTC/USD.
    """

    category: int
    name: str


class FeedDecimals(NamedTuple):
    """A feed of a reward epoch: its id of 21 bytes, and the decimals of its votes, an int8."""

    id: bytes
    decimals: int


class Rename(NamedTuple):
    """A feed that goes on under another id, and the day on which the reference learnt it."""

    old: bytes
    new: bytes
    since: date


@dataclass(frozen=True, slots=True)
class InflationOffer:
    """Event InflationRewardsOffered of FtsoRewardOffersManager, its packed fields unpacked.

    Parameters
    ----------
    reward_epoch : int
        The epoch that is paid for.
    feed_ids : tuple of bytes
        21 bytes each.
    decimals : tuple of int
        An int8 a feed.
    amount : int
        Wei for all feeds.
    min_turnout_bips : int
        Turnout below which nothing is paid, in 1/10,000.
    primary_share_ppm : int
        Share of the inner band, in 1/1,000,000.
    secondary_band_ppm : tuple of int
        Half width of the outer band a feed, in 1/1,000,000 of the median.
    mode : int
        How an offer is split between feeds; the reference ignores it.
    """

    reward_epoch: int
    feed_ids: tuple[bytes, ...]
    decimals: tuple[int, ...]
    amount: int
    min_turnout_bips: int
    primary_share_ppm: int
    secondary_band_ppm: tuple[int, ...]
    mode: int

    @classmethod
    def unpacked(
        cls,
        reward_epoch: int,
        feed_ids: bytes,
        decimals: bytes,
        amount: int,
        min_turnout_bips: int,
        primary_share_ppm: int,
        secondary_band_ppm: bytes,
        mode: int,
    ) -> InflationOffer:
        r"""Return the offer of the event's eight values, three of which are packed: 21, 1 and 3 bytes a feed.

        Raises
        ------
        WireError
            If there is no feed, a feed id is cut, or the other two are not as long as the ids say.

        Notes
        -----
        A byte of decimals is an int8, as FtsoFeedDecimals packs it. The reference reads it as unsigned, but no root
        depends on that: from 128 on its leaf, an int8 too, cannot be encoded and it has no result for any round.

        Examples
        --------
        >>> offer = InflationOffer.unpacked(1, feed_id(1, "BTC/USD"), b"\xfe", 10, 0, 0, b"\0\1\0", 0)
        >>> offer.decimals, offer.secondary_band_ppm
        ((-2,), (256,))
        """
        if not feed_ids:
            raise WireError("packed feed ids", 0, "a feed id", "the end")
        ids = tuple(_chunks(feed_ids, ID_SIZE, "packed feed ids"))
        signed = fixed(decimals, len(ids), "packed decimals")
        bands = fixed(secondary_band_ppm, 3 * len(ids), "packed secondary bands")
        return cls(
            reward_epoch=reward_epoch,
            feed_ids=ids,
            decimals=tuple(byte - 256 if byte > 127 else byte for byte in signed),
            amount=amount,
            min_turnout_bips=min_turnout_bips,
            primary_share_ppm=primary_share_ppm,
            secondary_band_ppm=tuple(int.from_bytes(band, "big") for band in _chunks(bands, 3, "packed bands")),
            mode=mode,
        )


@dataclass(frozen=True, slots=True)
class CommunityOffer:
    """Event RewardsOffered of FtsoRewardOffersManager: anyone's offer for one feed.

    Parameters
    ----------
    reward_epoch, decimals, amount, min_turnout_bips, primary_share_ppm, secondary_band_ppm : int
        As in `InflationOffer`, for this feed.
    feed_id : bytes
        21 bytes.
    claim_back : bytes
        The address that gets back what is not paid, 20 bytes.
    """

    reward_epoch: int
    feed_id: bytes
    decimals: int
    amount: int
    min_turnout_bips: int
    primary_share_ppm: int
    secondary_band_ppm: int
    claim_back: bytes


def feed_id(category: int, name: str) -> bytes:
    """Return the 21 bytes of a feed id: the category and the name, padded with zeros.

    Parameters
    ----------
    category : int
        0 to 255.
    name : str
        At most 20 bytes in UTF-8. Real names are ASCII; the contract takes any text, and so does this function.

    Raises
    ------
    WireError
        If the category is out of range, or the name is too long or is not Unicode text.

    Examples
    --------
    >>> feed_id(1, "BTC/USD").hex()
    '014254432f55534400000000000000000000000000'
    """
    try:
        raw = name.encode()
    except UnicodeEncodeError as error:
        raise WireError("feed name", len(name[: error.start].encode()), "Unicode text", "a lone surrogate") from None
    if len(raw) > NAME_SIZE:
        raise WireError("feed name", NAME_SIZE, f"at most {NAME_SIZE} bytes", f"{len(raw)} bytes")
    return uint(category, 1, "category") + raw.ljust(NAME_SIZE, b"\0")


def feed_name(feed: bytes) -> FeedName:
    """Return the category and the name of a feed id.

    Parameters
    ----------
    feed : bytes
        21 bytes. Zeros at the end are padding; py-flare-common strips white space as well, the contract does not.

    Raises
    ------
    WireError
        If there are not 21 bytes, or the name is not text in UTF-8.

    Examples
    --------
    >>> feed_name(bytes.fromhex("014254432f55534400000000000000000000000000"))
    FeedName(category=1, name='BTC/USD')
    """
    raw = fixed(feed, ID_SIZE, "feed id")
    try:
        return FeedName(raw[0], raw[1:].rstrip(b"\0").decode())
    except UnicodeDecodeError as error:
        at = 1 + error.start
        raise WireError("feed id", at, "text in UTF-8", f"0x{raw[at]:02x}") from None


def canonical_order(
    inflation: Iterable[InflationOffer], community: Iterable[CommunityOffer]
) -> tuple[FeedDecimals, ...]:
    """Return the feeds of a reward epoch in the order of its votes, leaves and rewards.

    Feeds of inflation offers come first, by id; then feeds that only the community offers for, by the sum of their
    offers, largest first, then by id.

    Parameters
    ----------
    inflation, community : iterable of offer
        All that were made for the epoch, in any order.

    Raises
    ------
    ProtocolError
        If two offers contradict each other in the decimals of a feed, or one has not as many decimals as feeds. The
        reference has no result for any round of such an epoch.

    Examples
    --------
    >>> silver = CommunityOffer(1, feed_id(3, "XAG/USD"), 3, 7, 0, 0, 0, bytes(20))
    >>> feeds = (feed_id(1, "XRP/USD"), feed_id(1, "BTC/USD"))
    >>> order = canonical_order([InflationOffer(1, feeds, (5, 2), 10, 0, 0, (1, 1), 0)], [silver])
    >>> [(feed_name(feed.id).name, feed.decimals) for feed in order]
    [('BTC/USD', 2), ('XRP/USD', 5), ('XAG/USD', 3)]
    """
    decimals: dict[bytes, int] = {}
    for feed, its in _inflation_feeds(inflation):
        _agree(decimals, feed, its)
    first = sorted(decimals)
    amounts = dict.fromkeys(first, 0)
    for offer in community:
        _agree(decimals, offer.feed_id, offer.decimals)
        amounts[offer.feed_id] = amounts.get(offer.feed_id, 0) + offer.amount
    then = sorted(amounts.keys() - set(first), key=lambda feed: (-amounts[feed], feed))
    return tuple(FeedDecimals(feed, decimals[feed]) for feed in [*first, *then])


def _inflation_feeds(offers: Iterable[InflationOffer]) -> Iterator[tuple[bytes, int]]:
    for offer in offers:
        if len(offer.feed_ids) != len(offer.decimals):
            raise ProtocolError(
                f"inflation offer of reward epoch {offer.reward_epoch}: "
                f"expected decimals for {len(offer.feed_ids)} feeds, was {len(offer.decimals)}"
            )
        yield from zip(offer.feed_ids, offer.decimals, strict=True)


def _agree(known: dict[bytes, int], feed: bytes, decimals: int) -> None:
    if known.setdefault(feed, decimals) != decimals:
        raise ProtocolError(f"feed 0x{feed.hex()}: expected {known[feed]} decimals as in another offer, was {decimals}")


def _chunks(data: bytes, size: int, what: str) -> Iterator[bytes]:
    if cut := len(data) % size:
        raise WireError(what, len(data) - cut, f"{size} bytes", f"{cut} bytes")
    return (data[at : at + size] for at in range(0, len(data), size))


# Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/feeds-renaming.json`, read
# 2026-11-22: where fast updates still offer for an old id, the anchor feed with the new one is meant.
RENAMES = tuple(
    Rename(feed_id(1, f"{old}/USD"), feed_id(1, f"{new}/USD"), since)
    for old, new, since in (
        ("MATIC", "POL", date(2024, 10, 8)),
        ("FTM", "S", date(2025, 3, 11)),
        ("DAI", "USDS", date(2025, 3, 11)),
        ("TON", "GRAM", date(2026, 6, 19)),
    )
)
