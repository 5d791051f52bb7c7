"""Feed ids, offers, and the order of feeds."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.feeds import (
    RENAMES,
    CommunityOffer,
    FeedName,
    InflationOffer,
    canonical_order,
    feed_id,
    feed_name,
)
from chrono_flare_ftso.protocol.text import from_hex

Reader = Callable[[str], Any]
NAMES = st.text(max_size=20).filter(lambda name: len(name.encode()) <= 20 and not name.endswith("\0"))
A, B, C, D = (feed_id(1, name) for name in ("A/USD", "B/USD", "C/USD", "D/USD"))


def inflation(ids: Iterable[bytes], decimals: Iterable[int], epoch: int = 1) -> InflationOffer:
    ids = tuple(ids)
    return InflationOffer(epoch, ids, tuple(decimals), 1000, 100, 500_000, (1,) * len(ids), 0)


def community(feed: bytes, decimals: int, amount: int) -> CommunityOffer:
    return CommunityOffer(1, feed, decimals, amount, 100, 500_000, 100_000, bytes(20))


def hexes(texts: Iterable[str]) -> list[bytes]:
    return [from_hex(text) for text in texts]


# What stands in the reference's files


def test_feeds_of_flare(reference: Reader) -> None:
    vectors = reference("feed_ids.json")
    assert (len(vectors["feeds"]), vectors["in_epoch_392_but_not_in_list"]) == (63, [])
    for case in vectors["feeds"]:
        raw = from_hex(case["feed_id"], 21)
        assert feed_id(case["category"], case["name"]) == raw
        assert feed_name(raw) == FeedName(case["category"], case["name"])


def test_cases_of_the_converter(reference: Reader) -> None:
    cases = reference("feed_ids.json")["converter_cases"]
    assert (len(cases), sum("error" in case for case in cases)) == (4, 1)
    for case in cases:
        if "error" in case:
            with pytest.raises(WireError, match="feed name: byte 20: expected at most 20 bytes, was 21 bytes"):
                feed_id(case["category"], case["name"])
        else:
            assert feed_id(case["category"], case["name"]) == from_hex(case["feed_id"])
            assert feed_name(from_hex(case["feed_id"])) == (case["category"], case["name"])


def test_ids_of_another_length(reference: Reader) -> None:
    sizes = reference("feed_ids.json")["invalid_lengths_bytes"]
    assert sizes == [20, 22]
    for size in sizes:
        with pytest.raises(WireError, match=f"feed id: byte {min(size, 21)}: expected 21 bytes, was {size} bytes"):
            feed_name(bytes(size))


def test_a_custom_category_is_a_number_of_one_byte(reference: Reader) -> None:
    """The reference's request for values reads the two hexadecimal digits as a decimal number."""
    case = reference("feed_ids.json")["custom_category"]
    raw = feed_id(case["category"], "X/USD")
    assert (raw[:1], feed_name(raw).category) == (from_hex(case["feed_id_first_byte"]), case["category"])
    assert int(raw[:1].hex()) == case["ftso_scaling_request_category"]


def test_renames_of_the_reference(reference: Reader) -> None:
    cases = reference("feed_ids.json")["renames"]
    assert len(cases) == len(RENAMES) == 4
    for case, rename in zip(cases, RENAMES, strict=True):
        assert (rename.old, rename.new) == (from_hex(case["oldFeedId"]), from_hex(case["newFeedId"]))
        assert (feed_name(rename.old).name, feed_name(rename.new).name) == (case["oldName"], case["newName"])


def test_order_of_the_reference(reference: Reader) -> None:
    vectors = reference("feed_order.json")["ts_case"]
    offers = vectors["offers"]
    assert [len(offers[kind]) for kind in ("inflationOffers", "rewardOffers")] == [2, 5]
    order = canonical_order(
        [inflation(hexes(offer["feedIds"]), offer["decimals"]) for offer in offers["inflationOffers"]],
        [
            community(from_hex(offer["feedId"]), offer["decimals"], int(offer["amount"]))
            for offer in offers["rewardOffers"]
        ],
    )
    assert list(order) == [(from_hex(feed["id"]), feed["decimals"]) for feed in vectors["expected"]]


def test_orders_of_the_tests_of_the_reference(reference: Reader) -> None:
    """Their ids have 8 bytes, and where no decimals stand all feeds have the same."""
    cases = reference("feed_order.json")["ts_test_cases"]
    assert (len(cases), sum("expected_error" in case for case in cases)) == (3, 1)
    for case in cases:
        paid = [inflation(hexes(ids), [2] * len(ids)) for ids in case["inflation_ids"]]
        asked = [(*offer, 2) for offer in case.get("community", [])] + case.get("community_with_decimals", [])
        wanted = [community(from_hex(text), decimals, int(amount)) for text, amount, decimals in asked]
        if "expected_error" in case:
            with pytest.raises(ProtocolError, match="expected 4 decimals as in another offer, was 5"):
                canonical_order(paid, wanted)
        else:
            assert [feed.id for feed in canonical_order(paid, wanted)] == hexes(case["expected"])


def test_orders_of_real_reward_epochs(reference: Reader) -> None:
    cases = reference("feed_order.json")["real_cases"]
    assert [(case["network"], case["reward_epoch"], len(case["canonical_feed_order"])) for case in cases] == [
        ("flare", 256, 50),
        ("flare", 392, 63),
        ("songbird", 392, 63),
    ]
    for case in cases:
        assert (len(case["inflation_offers"]), case["community_offers"]) == (1, [])
        paid = [inflation(hexes(offer["feedIds"]), offer["decimals"]) for offer in case["inflation_offers"]]
        told = [(from_hex(feed["id"]), feed["decimals"]) for feed in case["canonical_feed_order"]]
        assert list(canonical_order(paid, [])) == told


# Ids


@given(st.integers(0, 255), NAMES)
def test_ids_return(category: int, name: str) -> None:
    raw = feed_id(category, name)
    assert len(raw) == 21
    assert feed_name(raw) == (category, name)


@given(st.binary(max_size=25) | st.binary(min_size=21, max_size=21))
def test_any_bytes_are_an_id_that_returns_or_are_refused(raw: bytes) -> None:
    try:
        name = feed_name(raw)
    except ProtocolError:
        return
    assert feed_id(*name) == raw


def test_zeros_at_the_end_are_padding_and_others_are_not() -> None:
    assert feed_name(b"\x01A\0B" + bytes(17)) == (1, "A\0B")
    assert feed_name(bytes(21)) == (0, "")
    assert feed_name(b"\xff" + b" A " + bytes(17)).name == " A "
    assert feed_id(1, "A" * 20) == b"\x01" + b"A" * 20


def test_other_letters_count_as_their_bytes() -> None:
    """The contract takes any text in UTF-8."""
    assert feed_id(1, "€/USD").hex() == "01e282ac2f555344" + "00" * 13
    assert feed_name(feed_id(1, "€" * 6)).name == "€" * 6
    with pytest.raises(WireError, match="feed name: byte 20: expected at most 20 bytes, was 21 bytes"):
        feed_id(1, "€" * 7)


@pytest.mark.parametrize("category", [-1, 256])
def test_a_category_is_one_byte(category: int) -> None:
    with pytest.raises(WireError, match=f"category: byte 0: expected a number from 0 to 2\\^8 - 1, was {category}"):
        feed_id(category, "A/USD")


def test_names_that_are_no_text_are_refused_by_their_byte() -> None:
    with pytest.raises(WireError, match="feed id: byte 3: expected text in UTF-8, was 0xff"):
        feed_name(b"\x01AB\xff" + bytes(17))
    with pytest.raises(WireError, match="feed name: byte 3: expected Unicode text, was a lone surrogate"):
        feed_id(1, "€\ud800")


@given(st.integers(0, 255), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20))
def test_py_flare_common_names_alike(category: int, name: str) -> None:
    told = pytest.importorskip("py_flare_common.ftso.feed").FtsoFeed.from_represenation_and_type(category, name)
    assert told.feed_id == feed_id(category, name)
    assert (told.type, told.representation) == feed_name(told.feed_id)


def test_four_feeds_were_renamed() -> None:
    names = [(feed_name(rename.old).name, feed_name(rename.new).name, rename.since.year) for rename in RENAMES]
    assert names == [
        ("MATIC/USD", "POL/USD", 2024),
        ("FTM/USD", "S/USD", 2025),
        ("DAI/USD", "USDS/USD", 2025),
        ("TON/USD", "GRAM/USD", 2026),
    ]


# Offers


def test_a_packed_offer_is_unpacked() -> None:
    offer = InflationOffer.unpacked(7, B + A, b"\x02\x85", 10, 20, 30, b"\0\0\x01\x01\0\0", 2)
    assert offer == InflationOffer(7, (B, A), (2, -123), 10, 20, 30, (1, 65536), 2)


@given(st.lists(st.tuples(st.binary(min_size=21, max_size=21), st.integers(-128, 127), st.integers(0, 2**24 - 1))))
def test_packed_offers_return(feeds: list[tuple[bytes, int, int]]) -> None:
    ids = b"".join(feed for feed, _, _ in feeds)
    decimals = b"".join(decimals.to_bytes(1, "big", signed=True) for _, decimals, _ in feeds)
    bands = b"".join(band.to_bytes(3, "big") for _, _, band in feeds)
    if not feeds:
        with pytest.raises(WireError, match="packed feed ids: byte 0: expected a feed id, was the end"):
            InflationOffer.unpacked(1, ids, decimals, 1, 1, 1, bands, 0)
        return
    offer = InflationOffer.unpacked(1, ids, decimals, 1, 1, 1, bands, 0)
    assert list(zip(offer.feed_ids, offer.decimals, offer.secondary_band_ppm, strict=True)) == feeds


@given(st.binary(max_size=70), st.binary(max_size=4), st.binary(max_size=10))
def test_any_packed_offer_is_read_or_refused(ids: bytes, decimals: bytes, bands: bytes) -> None:
    try:
        offer = InflationOffer.unpacked(1, ids, decimals, 1, 1, 1, bands, 0)
    except ProtocolError:
        assert not ids or len(ids) % 21 or len(decimals) * 21 != len(ids) or len(bands) * 7 != len(ids)
    else:
        assert b"".join(offer.feed_ids) == ids


@pytest.mark.parametrize(
    ("ids", "decimals", "bands", "refusal"),
    [
        (A + B[:20], b"\2\2", bytes(6), "packed feed ids: byte 21: expected 21 bytes, was 20 bytes"),
        (A + B, b"\2", bytes(6), "packed decimals: byte 1: expected 2 bytes, was 1 bytes"),
        (A, b"\2\2", bytes(3), "packed decimals: byte 1: expected 1 bytes, was 2 bytes"),
        (A + B, b"\2\2", bytes(5), "packed secondary bands: byte 5: expected 6 bytes, was 5 bytes"),
        (A, b"\2", bytes(6), "packed secondary bands: byte 3: expected 3 bytes, was 6 bytes"),
    ],
)
def test_other_packed_offers_are_refused_by_their_byte(ids: bytes, decimals: bytes, bands: bytes, refusal: str) -> None:
    with pytest.raises(WireError) as caught:
        InflationOffer.unpacked(1, ids, decimals, 1, 1, 1, bands, 0)
    assert str(caught.value) == refusal


# Order


def test_inflation_feeds_come_first_by_id_and_others_by_amount() -> None:
    euro = feed_id(2, "A/USD")
    order = canonical_order(
        [inflation([euro, B], [5, 2]), inflation([B, A], [2, -1])],
        [community(D, 3, 5), community(C, 4, 3), community(C, 4, 3), community(B, 2, 99)],
    )
    assert order == ((A, -1), (B, 2), (euro, 5), (C, 4), (D, 3))


def test_equal_amounts_are_ordered_by_id() -> None:
    order = canonical_order([], [community(D, 1, 2), community(A, 1, 1), community(C, 1, 2), community(A, 1, 1)])
    assert [feed.id for feed in order] == [A, C, D]


def test_amounts_beyond_doubles_are_compared_exactly() -> None:
    order = canonical_order([], [community(A, 1, 10**30), community(B, 1, 10**30 + 1)])
    assert [feed.id for feed in order] == [B, A]


def test_no_offers_are_no_feeds() -> None:
    assert canonical_order([], []) == ()


PAID = [inflation([A, B], [1, 2]), inflation([B, D], [2, 4])]
WANTED = [community(C, 3, 5), community(A, 1, 9), community(feed_id(3, "Z/USD"), 0, 5)]


@given(st.permutations(PAID), st.permutations(WANTED))
def test_the_order_of_offers_does_not_matter(paid: list[InflationOffer], wanted: list[CommunityOffer]) -> None:
    order = canonical_order(iter(paid), iter(wanted))
    assert [feed.id for feed in order] == [A, B, D, C, feed_id(3, "Z/USD")]


@pytest.mark.parametrize(
    ("paid", "wanted"),
    [
        ([inflation([A], [2]), inflation([A], [3])], []),
        ([inflation([A, A], [2, 3])], []),
        ([inflation([A], [2])], [community(A, 3, 1)]),
        ([], [community(A, 2, 1), community(A, 3, 1)]),
    ],
)
def test_decimals_that_contradict_each_other_stop(paid: list[InflationOffer], wanted: list[CommunityOffer]) -> None:
    with pytest.raises(ProtocolError, match=f"feed 0x{A.hex()}: expected 2 decimals as in another offer, was 3"):
        canonical_order(paid, wanted)


def test_an_offer_has_decimals_for_each_feed() -> None:
    with pytest.raises(ProtocolError, match="offer of reward epoch 9: expected decimals for 2 feeds, was 1"):
        canonical_order([inflation([A, B], [2], 9)], [])
