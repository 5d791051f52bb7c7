"""Minimal conditions and passes."""

import pytest

from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.rewards.conditions import (
    Conditions,
    NodeStake,
    Standing,
    anchor_met,
    burn_ineligible,
    fast_updates_met,
    fdc_met,
    is_hit,
    staking_met,
    standing,
)
from chrono_flare_ftso.protocol.rewards.voters import Node, Voter

BURN = b"B" * 20
MILLION = 10**15
MET = Conditions(anchor=True, fast_updates=True, staking=True, fdc=True)
VOTER = Voter(b"i" * 20, b"s" * 20, b"p" * 20, b"d" * 20, 1, 1, 0, (Node(b"n" * 20, 1),))


def claim(beneficiary: bytes, amount: int, kind: ClaimType = ClaimType.FEE) -> RewardClaim:
    return RewardClaim(7, beneficiary, amount, kind)


@pytest.mark.parametrize(
    ("median", "hits"),
    [
        (1000, [995, 1005]),
        (1199, [1194, 1204]),
        (199, [199, 199]),
        (-199, [-199, -199]),
    ],
)
def test_a_hit_is_within_half_a_percent_rounded_down(median: int, hits: list[int]) -> None:
    low, high = hits
    assert [is_hit(vote, median) for vote in (low - 1, low, high, high + 1)] == [False, True, True, False]


def test_an_empty_vote_is_compared_as_zero() -> None:
    assert (is_hit(None, 0), is_hit(None, 1), is_hit(0, None)) == (True, False, False)


def test_around_a_larger_negative_median_nothing_hits() -> None:
    assert not any(is_hit(vote, -200) for vote in range(-203, -197))


def test_eighty_percent_of_all_rounds_and_feeds_must_hit() -> None:
    assert [anchor_met(hits, 3, 7) for hits in (16, 17)] == [False, True]


def test_expected_updates_are_eighty_percent_of_the_weight_share_in_whole_millionths() -> None:
    assert [fast_updates_met(updates, 1000, 1, 3) for updates in (266, 267)] == [False, True]
    # a third of 800,000 is 266,666 millionths, of 1,000,000 updates 266,666 and not two thirds more
    assert [fast_updates_met(updates, 10**6, 1, 3) for updates in (266_665, 266_666)] == [False, True]


def test_a_weight_below_a_fifth_of_a_percent_need_not_update() -> None:
    assert [fast_updates_met(0, 1000, weight, 10_000) for weight in (19, 20)] == [True, False]


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ([NodeStake(3 * MILLION, 15 * MILLION, uptime=True)], (True, True)),
        ([NodeStake(3 * MILLION - 1, 15 * MILLION, uptime=True)], (True, False)),
        ([NodeStake(3 * MILLION, 15 * MILLION - 1, uptime=True)], (True, False)),
        ([NodeStake(MILLION, MILLION, uptime=True)], (True, False)),
        ([NodeStake(MILLION - 1, 20 * MILLION, uptime=True)], (False, False)),
        ([NodeStake(MILLION, 80, uptime=True), NodeStake(0, 20, uptime=False)], (True, False)),
        ([NodeStake(MILLION, 79, uptime=True), NodeStake(0, 20, uptime=False)], (False, False)),
        ([NodeStake(4 * MILLION, 20 * MILLION, uptime=False)], (False, True)),
        ([], (False, False)),
    ],
)
def test_staking_asks_for_uptime_and_self_bond_and_more_for_a_pass(
    nodes: list[NodeStake], found: tuple[bool, bool]
) -> None:
    assert staking_met(nodes) == found


def test_sixty_percent_of_the_rewarded_rounds_of_the_fdc_suffice() -> None:
    assert [fdc_met(rounds, 7) for rounds in (4, 5)] == [False, True]


@pytest.mark.parametrize(
    ("held", "conditions", "expected"),
    [
        (0, MET, Standing(eligible=True, passes=1)),
        (3, MET, Standing(eligible=True, passes=3)),
        (2, Conditions(True, True, True, True, stake_for_pass=False), Standing(eligible=True, passes=2)),
        (1, Conditions(False, True, True, True), Standing(eligible=True, passes=0)),
        (0, Conditions(True, False, True, True), Standing(eligible=False, passes=0)),
        (3, Conditions(False, False, True, False), Standing(eligible=True, passes=0)),
        (3, Conditions(False, False, False, False), Standing(eligible=False, passes=0)),
    ],
)
def test_each_strike_takes_a_pass(held: int, conditions: Conditions, expected: Standing) -> None:
    assert standing(held, conditions) == expected


def test_all_of_a_failed_voter_but_its_signing_address_is_burned() -> None:
    claims = [
        claim(b"z" * 20, 1),
        claim(VOTER.identity, 10),
        claim(VOTER.delegation, 20, ClaimType.WNAT),
        claim(VOTER.nodes[0].id, 30, ClaimType.MIRROR),
        claim(BURN, 40, ClaimType.DIRECT),
        claim(VOTER.signing, 2, ClaimType.DIRECT),
    ]
    assert burn_ineligible(7, claims, [VOTER], BURN) == (
        claim(BURN, 100, ClaimType.DIRECT),
        claim(VOTER.signing, 2, ClaimType.DIRECT),
        claim(b"z" * 20, 1),
    )


def test_the_burn_address_has_a_claim_even_of_nothing() -> None:
    assert burn_ineligible(7, [claim(b"z" * 20, 1)], [], BURN) == (
        claim(BURN, 0, ClaimType.DIRECT),
        claim(b"z" * 20, 1),
    )


def test_two_claims_of_one_beneficiary_that_keeps_them_are_refused() -> None:
    claims = [claim(b"z" * 20, 1), claim(b"z" * 20, 1, ClaimType.WNAT)]
    with pytest.raises(ProtocolError, match="expected one of beneficiary 0x7a7a.*, was two"):
        burn_ineligible(7, claims, [], BURN)
