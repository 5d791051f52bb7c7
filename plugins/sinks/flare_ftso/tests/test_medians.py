"""Weighted medians and quartiles, one feed at a time and all at once."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import NoResult, WireError
from chrono_flare_ftso.protocol.medians import (
    Median,
    Words,
    turnout_bips,
    vote_matrix,
    weighted_median,
    weighted_medians,
)
from chrono_flare_ftso.protocol.values import MAX_VOTE, pack

Reader = Callable[[str], Any]
Votes = Sequence[int | None]

# Few values and few weights make ties of both; the large ones span several limbs.
VOTE = st.none() | st.integers(-3, 3) | st.integers(-MAX_VOTE, MAX_VOTE)
WEIGHT = st.integers(0, 3) | st.sampled_from([10**26, 2**62, 2**256 - 1]) | st.integers(0, 2**256 - 1)
CAST = st.lists(st.tuples(VOTE, WEIGHT), max_size=12)


def matrix(*feeds: Votes) -> Words:
    """Return votes, one sequence a feed, as the matrix of what each voter sent."""
    voters = zip(*feeds, strict=True)
    return vote_matrix([pack(votes) for votes in voters], len(feeds))


def walked(votes: Votes, weights: Sequence[int]) -> Median:
    """Return the median as the reference walks, step by step."""
    cast = sorted(
        ((vote, at, weights[at]) for at, vote in enumerate(votes) if vote is not None), key=lambda each: each[:2]
    )
    total = sum(weight for _, _, weight in cast)
    value = quartile1 = quartile3 = None
    reached = 0
    for place, (vote, _, weight) in enumerate(cast):
        reached += weight
        if quartile1 is None and reached > total // 4:
            quartile1 = vote
        if value is None and reached >= total // 2 + total % 2:
            value = vote
            if reached == total // 2 + total % 2 and total % 2 == 0:
                value = (vote + cast[place + 1][0]) // 2
    reached = 0
    for vote, _, weight in reversed(cast):
        reached += weight
        if quartile3 is None and reached > total // 4:
            quartile3 = vote
    return Median(value, quartile1, quartile3, total)


def both(votes: Votes, weights: Sequence[int]) -> Median:
    """Return the median of a feed, having checked that the fast way beside another feed says the same."""
    found = weighted_median(votes, weights)
    assert weighted_medians(matrix(votes, votes[::-1]), weights)[0] == found
    return found


def test_cases_of_the_reference(reference: Reader) -> None:
    cases = reference("weighted_median.json")["ts_computed"]
    assert len(cases) == 178
    refused = 0
    for case in cases:
        votes, weights = case["values"], [int(weight) for weight in case["weights"]]
        if "error" in case:
            refused += 1
            with pytest.raises(NoResult, match="was one vote of weight 0"):
                weighted_median(votes, weights)
            with pytest.raises(NoResult, match="feed 0: median: expected weight or a second vote"):
                weighted_medians(matrix(votes), weights)
            continue
        said = Median(case["median"], case["q1"], case["q3"], int(case["participating_weight"]))
        assert weighted_median(votes, weights) == said
        if votes:
            assert weighted_medians(matrix(votes), weights) == (said,)
        if case["turnout_bips"] is None:
            with pytest.raises(NoResult, match="expected voters with weight"):
                turnout_bips(said.participating, sum(weights))
        else:
            assert turnout_bips(said.participating, sum(weights)) == case["turnout_bips"]
    assert refused == 1


def test_cases_in_the_tests_of_the_reference(reference: Reader) -> None:
    cases = reference("weighted_median.json")["ts_tests"]
    assert len(cases) == 7
    for case in cases:
        found = both(case["values"], [int(weight) for weight in case["weights"]])
        assert found == Median(case["median"], case["q1"], case["q3"], int(case["participating_weight"]))


def test_cases_in_the_tests_of_py_flare_common(reference: Reader) -> None:
    vectors = reference("weighted_median.json")
    assert set(vectors) == {"sources", "ts_computed", "ts_tests", "py_tests"}
    assert len(vectors["py_tests"]) == 21
    for case in vectors["py_tests"]:
        found = both(case["values"], [int(weight) for weight in case["weights"]])
        assert found[:3] == (case["median"], case["q1"], case["q3"])


@pytest.mark.parametrize(
    ("votes", "weights", "expected"),
    [
        ([], [], Median(None, None, None, 0)),
        ([None, None], [3, 4], Median(None, None, None, 0)),
        ([-7], [1], Median(-7, -7, -7, 1)),
        ([2, 5], [1, 1], Median(3, 2, 5, 2)),
        ([-2, -5], [1, 1], Median(-4, -5, -2, 2)),
        ([-MAX_VOTE, -MAX_VOTE + 1], [9, 9], Median(-MAX_VOTE, -MAX_VOTE, -MAX_VOTE + 1, 18)),
        ([MAX_VOTE, MAX_VOTE], [9, 9], Median(MAX_VOTE, MAX_VOTE, MAX_VOTE, 18)),
        ([1, 2, 3, 4], [1, 1, 1, 1], Median(2, 2, 3, 4)),
        ([1, 2, 3, 4], [1, 1, 1, 2], Median(3, 2, 4, 5)),
        ([4, 3, None, 1], [7, 6, 1000, 6], Median(3, 1, 4, 19)),
        ([1, 5, 9], [2, 0, 2], Median(3, 1, 9, 4)),
        ([0, 0, 0], [0, 5, 0], Median(0, 0, 0, 5)),
        ([1, None, 2], [2**256 - 1, 2**256 - 1, 2**256 - 1], Median(1, 1, 2, 2**257 - 2)),
        ([3, 1, 2], [0, 0, 0], Median(1, None, None, 0)),
        ([-4, -1, 0], [0, 0, 0], Median(-3, None, None, 0)),
        ([None, 8, 9], [5, 0, 0], Median(8, None, None, 0)),
    ],
)
def test_edges(votes: Votes, weights: list[int], expected: Median) -> None:
    assert weighted_median(votes, weights) == expected
    if votes:
        assert weighted_medians(matrix(votes), weights) == (expected,)


def test_equal_votes_keep_the_order_of_the_voters() -> None:
    """A voter without weight is the next vote or not, depending on whether it comes after its equal."""
    assert both([5, 5, 9], [2, 0, 2]).value == 5
    assert both([5, 5, 9], [0, 2, 2]).value == 7
    assert both([9, 5, 5], [2, 2, 0]).value == 5


def test_a_wei_decides() -> None:
    """One wei in 10^26 more or less turns an exact half into one side."""
    whole = 10**26
    assert both([10, 20], [whole, whole]).value == 15
    assert both([10, 20], [whole + 1, whole]).value == 10
    assert both([10, 20], [whole, whole + 1]).value == 20
    assert both([10, 20, 30, 40], [whole] * 4)[:3] == (25, 20, 30)
    assert both([10, 20, 30, 40], [whole + 3, whole, whole, whole])[:3] == (20, 10, 30)


@pytest.mark.parametrize("bits", [1, 30, 53, 58, 59, 60, 61, 62, 63, 64, 87, 118, 119, 120, 178, 180, 255, 256])
def test_weights_of_any_size_are_exact(bits: int) -> None:
    """Around the edges of limbs: a half that is exact, one more, one less."""
    heavy = 2**bits - 1
    for weights in (
        [heavy, heavy, 0],
        [heavy, heavy - 1, 0],
        [heavy - 1, heavy, 0],
        [heavy, heavy, 1],
        [heavy // 2] * 3,
    ):
        assert both([1, 4, 9], weights) == walked([1, 4, 9], weights)


def test_feeds_do_not_touch_each_other() -> None:
    feeds = [[1, 2, None], [None, None, None], [None, 7, None], [-1, -2, 4]]
    weights = [10**26, 1, 10**26 + 1]
    assert weighted_medians(matrix(*feeds), weights) == tuple(weighted_median(votes, weights) for votes in feeds)


def test_feed_without_a_median_is_named() -> None:
    votes = matrix([1, 2], [1, None], [None, 2])
    with pytest.raises(NoResult, match="^feed 1: median: expected weight or a second vote, was one vote of weight 0$"):
        weighted_medians(votes, [0, 1])


def test_no_feeds_and_no_voters() -> None:
    assert weighted_medians(vote_matrix([b"", b""], 0), [1, 2]) == ()
    assert weighted_medians(vote_matrix([], 2), []) == (Median(None, None, None, 0),) * 2


def test_vectors_become_rows() -> None:
    rows = vote_matrix([b"", bytes.fromhex("0000000080000001"), bytes.fromhex("ffffffff")], 3)
    assert rows.dtype == np.uint32
    assert rows.tolist() == [[0, 0, 0], [0, 2**31 + 1, 0], [2**32 - 1, 0, 0]]


def test_vector_that_is_cut_is_refused() -> None:
    with pytest.raises(WireError, match="^values: byte 4: expected 4 bytes a value, was 3$"):
        vote_matrix([b"", bytes(7)], 3)


def test_vector_of_too_many_values_is_refused() -> None:
    with pytest.raises(WireError, match="^values: byte 8: expected the end after 2 values, was 4 bytes more$"):
        vote_matrix([bytes(12)], 2)


@given(st.binary(max_size=20), st.integers(0, 4))
def test_random_vectors_are_read_or_refused(vector: bytes, feeds: int) -> None:
    if len(vector) % 4 or len(vector) > 4 * feeds:
        with pytest.raises(WireError, match="^values: byte"):
            vote_matrix([vector], feeds)
    else:
        assert vote_matrix([vector], feeds).astype(">u4").tobytes() == vector.ljust(4 * feeds, b"\0")


def test_mistakes_of_the_caller() -> None:
    rows = matrix([1, 2])
    with pytest.raises(ValueError, match="expected weights that are not negative, was -1"):
        weighted_median([1, 2], [1, -1])
    with pytest.raises(ValueError, match="expected weights that are not negative, was -1"):
        weighted_medians(rows, [1, -1])
    with pytest.raises(ValueError, match="zip"):
        weighted_median([1, 2], [1])
    with pytest.raises(ValueError, match=r"expected uint32 in 3 rows, was uint32 of shape \(2, 1\)"):
        weighted_medians(rows, [1, 1, 1])
    with pytest.raises(ValueError, match="expected uint32 in 2 rows, was int64"):
        weighted_medians(rows.astype(np.int64), [1, 1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="of shape"):
        weighted_medians(rows[:, 0], [1, 1])


def test_input_is_left_alone() -> None:
    votes, weights, rows = [3, None, 1], [1, 2, 3], matrix([3, None, 1])
    before = rows.copy()
    weighted_median(votes, weights)
    weighted_medians(rows, weights)
    assert (votes, weights) == ([3, None, 1], [1, 2, 3])
    assert np.array_equal(rows, before)


def test_rows_in_any_memory_layout() -> None:
    votes = [[3, None, 1], [4, 4, 5], [None, 9, 9]]
    rows = matrix(*votes)
    expected = weighted_medians(rows, [1, 2, 3])
    assert weighted_medians(np.asfortranarray(rows), [1, 2, 3]) == expected
    assert weighted_medians(rows.astype(">u4"), [1, 2, 3]) == expected
    assert weighted_medians(np.repeat(rows, 2, axis=0)[::2], [1, 2, 3]) == expected


@pytest.mark.parametrize(
    ("participating", "total", "expected"),
    [(0, 1, 0), (1, 1, 10_000), (1, 3, 3333), (2, 3, 6666), (10**30 - 1, 10**30, 9999), (1, 10_001, 0)],
)
def test_turnout_is_rounded_down(participating: int, total: int, expected: int) -> None:
    assert turnout_bips(participating, total) == expected


def test_no_weight_at_all_has_no_turnout() -> None:
    with pytest.raises(NoResult, match="turnout: expected voters with weight, was a total of 0"):
        turnout_bips(0, 0)


@given(CAST)
def test_median_is_what_the_walk_finds(cast: list[tuple[int | None, int]]) -> None:
    votes, weights = [vote for vote, _ in cast], [weight for _, weight in cast]
    voted = [weight for vote, weight in cast if vote is not None]
    assume(voted != [0])
    assert weighted_median(votes, weights) == walked(votes, weights)


@given(st.integers(1, 9), st.integers(1, 12), st.data())
def test_all_feeds_at_once_are_the_same(feeds: int, voters: int, data: st.DataObject) -> None:
    weights = data.draw(st.lists(WEIGHT, min_size=voters, max_size=voters))
    votes = [data.draw(st.lists(VOTE, min_size=voters, max_size=voters)) for _ in range(feeds)]
    try:
        expected = tuple(weighted_median(feed, weights) for feed in votes)
    except NoResult:
        with pytest.raises(NoResult):
            weighted_medians(matrix(*votes), weights)
    else:
        assert weighted_medians(matrix(*votes), weights) == expected


@pytest.mark.parametrize("seed", range(6))
def test_many_voters(seed: int) -> None:
    """As many as a signing policy may have, with weights from a few wei to 256 bits."""
    random = np.random.default_rng(seed)
    votes = random.integers(-20, 20, (17, 300)).tolist()
    weights = [int(weight) ** (seed + 1) * (seed % 2 or 10**20) for weight in random.integers(0, 4000, 300)]
    feeds = [[None if vote % 10 == 9 else vote for vote in feed] for feed in votes]
    assert weighted_medians(matrix(*feeds), weights) == tuple(walked(feed, weights) for feed in feeds)


def test_more_feeds_than_are_done_at_a_time() -> None:
    random = np.random.default_rng(7)
    feeds = random.integers(-9, 9, (1100, 5)).tolist()
    feeds[3] = feeds[700] = [None] * 5
    weights = [3, 10**26, 10**26, 0, 5]
    assert weighted_medians(matrix(*feeds), weights) == tuple(walked(feed, weights) for feed in feeds)
    feeds[1050] = [None, None, None, 8, None]
    with pytest.raises(NoResult, match="^feed 1050: "):
        weighted_medians(matrix(*feeds), weights)


@pytest.mark.parametrize("seed", range(12))
def test_sums_that_are_nearly_a_half_or_a_quarter(seed: int) -> None:
    """Voters in pairs or fours that weigh the same but for a few wei, on both sides of the bounds."""
    random = Random(seed)
    each = [random.getrandbits(100) for _ in range(8)]
    for off in (0, 1, 7, 2**36, 2**40, 2**44):
        for groups in (2, 4):
            weights = [max(weight + random.choice([-off, 0, off]), 0) for weight in each * groups]
            votes = [[group * 10 + random.randrange(3) for group in range(groups) for _ in each] for _ in range(5)]
            found = weighted_medians(matrix(*votes), weights)
            assert found == tuple(walked(feed, weights) for feed in votes)


@given(CAST)
def test_py_flare_common_says_the_same(cast: list[tuple[int | None, int]]) -> None:
    """Where there is weight: without any it raises AssertionError, or IndexError."""
    peer = pytest.importorskip("py_flare_common.ftso.median")
    voted = [(vote, weight) for vote, weight in cast if vote is not None]
    assume(sum(weight for _, weight in voted))
    theirs = peer.calculate_median([peer.FtsoVote(vote, weight) for vote, weight in voted])
    ours = weighted_median([vote for vote, _ in cast], [weight for _, weight in cast])
    assert ours[:3] == (theirs.value, theirs.first_quartile, theirs.third_quartile)
