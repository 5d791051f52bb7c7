"""Rules of the rewards, one sentence each, on rounds small enough to follow by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim
from chrono_flare_ftso.protocol.epochs import Deadlines, round_start
from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer, feed_id
from chrono_flare_ftso.protocol.medians import Median
from chrono_flare_ftso.protocol.networks import FLARE
from chrono_flare_ftso.protocol.rewards.fast_updates import Scaled, fast_update_rewards, within_band
from chrono_flare_ftso.protocol.rewards.finalization import Finalization, finalization_rewards, first_successful
from chrono_flare_ftso.protocol.rewards.median import (
    Bands,
    MedianRewards,
    edge_coin,
    eligible_signers,
    median_rewards,
    vote_bands,
)
from chrono_flare_ftso.protocol.rewards.merging import merge, net_of_penalties
from chrono_flare_ftso.protocol.rewards.offers import (
    FastUpdateFeed,
    FastUpdateOffer,
    RoundOffer,
    fast_update_offers,
    feed_random,
    round_offers,
    round_randoms,
    split_offer,
)
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.penalties import penalties
from chrono_flare_ftso.protocol.rewards.rounds import RoundRecord, anchor_rewards
from chrono_flare_ftso.protocol.rewards.shares import declining_shares, truncated
from chrono_flare_ftso.protocol.rewards.signing import Deposit, deposits_in_time, double_signers, signing_rewards
from chrono_flare_ftso.protocol.rewards.split import split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Node, Voter

BURN = b"B" * 20
BTC, XRP, ETH = (feed_id(1, f"{name}/USD") for name in ("BTC", "XRP", "ETH"))
ROUND = 1000
DEADLINES = Deadlines.of(FLARE, ROUND)
AFTER = round_start(FLARE, ROUND + 1)
DONE = b"h" * 32
HERE = Scaled(1000, 2)


def make_voter(
    number: int, *, capped: int = 100, signing: int = 10, fee: int = 0, nodes: tuple[int, ...] = ()
) -> Voter:
    return Voter(
        identity=bytes([number, 1]) * 10,
        submit=bytes([number, 2]) * 10,
        signing=bytes([number, 3]) * 10,
        delegation=bytes([number, 4]) * 10,
        capped_weight=capped,
        signing_weight=signing,
        fee_bips=fee,
        nodes=tuple(Node(bytes([number, 16 + at]) * 10, weight) for at, weight in enumerate(nodes)),
    )


def make_offer(amount: int, *, turnout: int = 0, primary: int = 400_000, band: int = 10_000) -> RoundOffer:
    return RoundOffer(ROUND, BTC, amount, turnout, primary, band, BURN)


def amounts(claims: tuple[PartialClaim, ...]) -> list[int]:
    return [claim.amount for claim in claims]


def details(claims: tuple[PartialClaim, ...]) -> list[Detail]:
    return [claim.detail for claim in claims]


# Shares and the split.


@given(st.integers(), st.integers(1))
def test_division_truncates_towards_zero(numerator: int, denominator: int) -> None:
    found = truncated(numerator, denominator)
    assert abs(found) == abs(numerator) // denominator
    assert found == 0 or (found < 0) == (numerator < 0)


@given(st.integers(-(10**30), 10**30), st.lists(st.integers(0, 10**28), max_size=8))
def test_declining_shares_leave_nothing(amount: int, weights: list[int]) -> None:
    shares = declining_shares(amount, weights)
    assert sum(shares) == (amount if any(weights) else 0)
    assert all(weight or not share for weight, share in zip(weights, shares, strict=True))


@given(
    st.integers(-(10**25), 10**25),
    st.integers(0, 10**28),
    st.lists(st.integers(0, 10**28), max_size=4),
    st.integers(0, 10_000),
    st.booleans(),
)
def test_a_split_gives_away_exactly_the_amount(
    amount: int, capped: int, nodes: list[int], fee: int, fip16: bool
) -> None:
    voter = make_voter(1, capped=capped, fee=fee, nodes=tuple(nodes))
    claims = split_by_signing_weight(amount, voter, reward=Reward.SIGNING, claim_back=BURN, fip16=fip16)
    assert sum(amounts(claims)) == amount
    assert all(claim.amount * amount >= 0 for claim in claims)


def test_stake_counts_once_before_fip16_and_five_times_after() -> None:
    voter = make_voter(1, capped=100, nodes=(60, 40))
    before, after = (
        split_by_signing_weight(600, voter, reward=Reward.SIGNING, claim_back=BURN, fip16=fip16)
        for fip16 in (False, True)
    )
    assert (amounts(before), amounts(after)) == ([300, 180, 120], [100, 300, 200])


def test_the_fee_on_stake_is_capped_at_a_fifth() -> None:
    voter = make_voter(1, capped=100, fee=5000, nodes=(100,))
    claims = split_by_signing_weight(1000, voter, reward=Reward.SIGNING, claim_back=BURN, fip16=False)
    assert amounts(claims) == [250 + 100, 250, 400]
    assert [claim.type for claim in claims] == [ClaimType.FEE, ClaimType.WNAT, ClaimType.MIRROR]
    assert [claim.beneficiary for claim in claims] == [voter.identity, voter.delegation, voter.nodes[0].id]


def test_a_penalty_rounds_as_a_reward_does_with_the_other_sign() -> None:
    voter = make_voter(1, capped=3, fee=3333, nodes=(5, 0, 2))
    gain, loss = (
        split_by_signing_weight(amount, voter, reward=Reward.SIGNING, claim_back=BURN, fip16=True)
        for amount in (1001, -1001)
    )
    assert amounts(loss) == [-amount for amount in amounts(gain)]


def test_a_voter_without_weight_gives_all_back() -> None:
    (claim,) = split_by_signing_weight(
        -7, make_voter(1, capped=0), reward=Reward.REVEAL_OFFENDERS, claim_back=BURN, fip16=True
    )
    assert claim == PartialClaim(BURN, -7, ClaimType.DIRECT, Reward.REVEAL_OFFENDERS, Detail.NO_VOTER_WEIGHT)


# Offers.


def test_a_round_is_drawn_by_the_next_secure_random_which_earlier_rounds_share() -> None:
    drawn = round_randoms(10, 13, {10: 1, 12: 2, 43: 3, 44: 4})
    late = feed_random(3, 43)
    assert drawn == (feed_random(2, 12), feed_random(2, 12), late, late)
    assert round_randoms(10, 13, {10: 1, 44: 4}) == (None,) * 4


def test_the_last_inflation_offer_of_a_feed_counts_and_community_offers_only_by_their_amount() -> None:
    inflation = [InflationOffer(1, (BTC,), (2,), 5, 1, 2, (band,), 0) for band in (7, 8)]
    community = [CommunityOffer(1, feed, 2, 1, 9, 9, 9, b"c" * 20) for feed in (BTC, XRP, XRP)]
    offers = round_offers(range(10, 13), (BTC, XRP), inflation, community, (2, 3, None), burn_address=BURN)
    assert offers == (
        RoundOffer(10, BTC, 5, 1, 2, 8, BURN),
        RoundOffer(11, XRP, 4, 0, 1_000_000, 0, BURN, inflation=False),
        RoundOffer(12, BTC, 4, 1, 2, 8, BURN, burned=True),
    )


def test_an_offer_is_split_in_tenths_and_accuracy_takes_what_rounding_leaves() -> None:
    parts = split_offer(make_offer(10**18 + 19))
    tenth = 10**17 + 1
    assert (parts.signing.amount, parts.finalization.amount) == (tenth, tenth)
    assert parts.median == make_offer(8 * 10**17 + 17)


def test_a_drawn_feed_without_an_offer_is_refused() -> None:
    inflation = [InflationOffer(1, (BTC,), (2,), 5, 1, 2, (7,), 0)]
    with pytest.raises(ProtocolError, match="expected one for feed 0x015852502f555344[0]+, was none"):
        round_offers(range(1), (XRP,), inflation, (), (0,), burn_address=BURN)


def test_an_inflation_offer_must_have_a_band_for_each_feed() -> None:
    inflation = [InflationOffer(1, (BTC, XRP), (2, 2), 5, 1, 2, (7,), 0)]
    with pytest.raises(ProtocolError, match="expected one secondary band a feed, was 1 of 2"):
        round_offers(range(1), (BTC,), inflation, (), (0,), burn_address=BURN)


@pytest.mark.parametrize(("order", "randoms"), [((BTC,), (0, 0)), ((), (0,))])
def test_a_caller_must_give_a_random_a_round_and_a_feed(order: tuple[bytes, ...], randoms: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected 1 randoms and at least a feed"):
        round_offers(range(1), order, (), (), randoms, burn_address=BURN)


def test_block_latency_feeds_are_drawn_among_anchor_feeds_old_names_included() -> None:
    feeds = [FastUpdateFeed(feed_id(1, name), band) for name, band in (("X/USD", 1), ("MATIC/USD", 2), ("BTC/USD", 3))]
    offers = fast_update_offers(range(5, 8), (BTC, feed_id(1, "POL/USD")), feeds, 10, (2, 5, None))
    assert offers == (
        FastUpdateOffer(5, feeds[1].feed, 4, 2),
        FastUpdateOffer(6, BTC, 3, 3),
        FastUpdateOffer(7, feeds[1].feed, 3, 2, burned=True),
    )
    with pytest.raises(ProtocolError, match="expected an anchor feed, was none among 1 feeds"):
        fast_update_offers(range(1), (BTC,), feeds[:1], 10, (1,))
    with pytest.raises(ValueError, match="expected 1 randoms, was 2"):
        fast_update_offers(range(1), (BTC,), feeds, 10, (1, 2))


# Accuracy.


def coined(*, within: bool) -> Voter:
    """Return a voter whose votes on an edge are within the band, or not."""
    return next(voter for voter in map(make_voter, range(1, 99)) if edge_coin(BTC, ROUND, voter.submit) is within)


def test_the_bands_are_open_and_a_coin_decides_on_the_edge_of_the_quartiles() -> None:
    lucky, unlucky = coined(within=True), coined(within=False)
    median = Median(1000, 995, 1010, 1)
    found = vote_bands(
        make_offer(1, band=10_000),
        [lucky, unlucky, lucky, unlucky, lucky, lucky, lucky],
        [995, 995, 1010, 1010, 990, 991, None],
        median,
    )
    assert found == (
        Bands(quartile=True, percent=True),
        Bands(quartile=False, percent=True),
        Bands(quartile=True, percent=False),
        Bands(quartile=False, percent=False),
        Bands(quartile=False, percent=False),
        Bands(quartile=False, percent=True),
        None,
    )


def test_the_percent_band_of_a_negative_median_is_as_wide_as_of_a_positive_one() -> None:
    voters = [coined(within=False)] * 4
    bands = vote_bands(make_offer(1), voters, [-1010, -1009, -991, -990], Median(-1000, -1000, -1000, 1))
    assert [band.percent for band in bands if band] == [False, True, True, False]


def test_both_bands_pay_by_weight_and_share() -> None:
    voters = [make_voter(1, capped=300), make_voter(2, capped=100)]
    paid = median_rewards(make_offer(1000), voters, [1000, 1005], Median(1000, 900, 1004, 400), fip16=False)
    in_both = 300 * (400_000 * 400 + 600_000 * 300)
    in_percent = 100 * 600_000 * 300
    assert (in_both, in_percent) == (850 * 120_000_000, 150 * 120_000_000)
    assert amounts(paid.claims) == [850, 150]
    assert paid.rewarded == (voters[0].signing, voters[1].signing)


def test_without_a_vote_in_the_percent_band_the_quartile_band_takes_all() -> None:
    voters = [make_voter(1), make_voter(2)]
    paid = median_rewards(make_offer(1000, band=0), voters, [1000, 2000], Median(1000, 900, 1004, 200), fip16=False)
    assert amounts(paid.claims) == [1000]


def test_without_a_vote_in_the_quartile_band_all_is_claimed_back_whoever_is_near() -> None:
    voter = coined(within=False)
    paid = median_rewards(make_offer(1000), [voter], [1000], Median(1000, 1000, 1000, 100), fip16=False)
    assert paid.claims == (PartialClaim(BURN, 1000, ClaimType.DIRECT, Reward.MEDIAN, Detail.NO_NORMALIZED_WEIGHT),)
    assert paid.rewarded == ()


@pytest.mark.parametrize(("turnout", "low"), [(5000, False), (5001, True)])
def test_below_the_turnout_all_is_claimed_back(turnout: int, low: bool) -> None:
    voters = [make_voter(1), make_voter(2)]
    offer = make_offer(1000, turnout=turnout)
    paid = median_rewards(offer, voters, [1000, None], Median(1000, 900, 1100, 100), fip16=False)
    assert (details(paid.claims) == [Detail.LOW_TURNOUT]) is low


def test_without_a_median_all_is_claimed_back() -> None:
    paid = median_rewards(make_offer(9), [make_voter(1)], [None], Median(None, None, None, 0), fip16=False)
    assert details(paid.claims) == [Detail.LOW_TURNOUT]


def test_a_median_without_quartiles_has_no_result() -> None:
    voters = [make_voter(1, capped=0), make_voter(2, capped=0)]
    with pytest.raises(NoResult, match=r"round 1000: expected a median with quartiles, was Median\(value=3"):
        median_rewards(make_offer(9), voters, [1, 5], Median(3, None, None, 0), fip16=False)


def test_more_votes_than_voters_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="zip"):
        median_rewards(make_offer(9), [make_voter(1)], [1, 5], Median(3, 1, 5, 0), fip16=False)


def test_fip16_pays_by_signing_weight_and_stakers_too() -> None:
    voters = [make_voter(1, capped=0, signing=30, nodes=(7,)), make_voter(2, capped=900, signing=10)]
    median = Median(1000, 900, 1100, 40)
    paid = median_rewards(make_offer(1000), voters, [1000, 1000], median, fip16=True)
    assert [(claim.type, claim.amount) for claim in paid.claims] == [
        (ClaimType.WNAT, 0),
        (ClaimType.MIRROR, 750),
        (ClaimType.WNAT, 250),
    ]
    assert eligible_signers(paid, voters, fip16=True) == {voters[0].signing, voters[1].signing}


def test_a_share_of_nothing_leaves_claims_of_nothing_from_fip16_on() -> None:
    voters = [make_voter(1), make_voter(2, nodes=(1,))]
    median = Median(1000, 900, 1100, 20)
    before, after = (
        median_rewards(make_offer(1), voters, [1000, 1000], median, fip16=fip16) for fip16 in (False, True)
    )
    assert (amounts(before.claims), amounts(after.claims)) == ([1], [0, 1, 0])
    assert before.rewarded == after.rewarded == (voters[1].signing,)


def test_before_fip16_a_voter_that_keeps_all_as_fee_is_not_eligible_for_more() -> None:
    voters = [make_voter(1, fee=10_000), make_voter(2)]
    paid = median_rewards(make_offer(1000), voters, [1000, 1000], Median(1000, 900, 1100, 200), fip16=False)
    assert len(paid.rewarded) == 2
    assert eligible_signers(paid, voters, fip16=False) == {voters[1].signing}


def test_before_fip16_a_shared_delegation_address_stands_for_its_last_voter() -> None:
    first, last = make_voter(1), replace(make_voter(2), delegation=make_voter(1).delegation)
    claim = PartialClaim(first.delegation, 5, ClaimType.WNAT, Reward.MEDIAN, Detail.PARTICIPATION)
    assert eligible_signers(MedianRewards((claim,), (first.signing,)), [first, last], fip16=False) == {last.signing}


# Signing.


def deposit(voter: Voter, second: int, message: bytes | None = DONE) -> Deposit:
    return Deposit(b"S" + voter.signing[1:], voter.signing, message, AFTER + second)


def signed(deposits: list[Deposit], voters: list[Voter], *, at: int | None, eligible: bool = True) -> list[int]:
    claims = signing_rewards(
        make_offer(1000),
        voters,
        deposits,
        {voter.signing for voter in voters} if eligible else (),
        finalized=None if at is None else (DONE, AFTER + at),
        deadlines=DEADLINES,
        fip16=False,
    )
    return [claim.amount if claim.beneficiary != BURN else -claim.amount for claim in claims]


@pytest.mark.parametrize(
    ("second", "at", "paid"),
    [(44, 50, False), (45, 45, True), (59, 50, True), (60, 59, False), (60, 60, True), (89, 89, True), (90, 95, False)],
)
def test_signatures_count_in_grace_or_before_finalization(second: int, at: int, paid: bool) -> None:
    assert signed([deposit(make_voter(1), second)], [make_voter(1)], at=at) == [1000 if paid else -1000]


def test_without_finalization_in_time_the_signing_part_is_burned() -> None:
    assert signed([deposit(make_voter(1), 50)], [make_voter(1)], at=None) == [-1000]


def test_signers_share_by_weight_in_policy_order() -> None:
    voters = [make_voter(1, signing=1), make_voter(2, signing=0), make_voter(3, signing=2)]
    deposits = [deposit(voters[2], 46), deposit(voters[1], 46), deposit(voters[0], 47)]
    assert signed(deposits, voters, at=50) == [333, 0, 667]
    assert signed(deposits[:1], voters, at=50, eligible=False) == [-1000]


def test_a_signer_of_two_messages_within_the_epoch_is_caught_and_not_paid() -> None:
    voters = [make_voter(1), make_voter(2)]
    deposits = [deposit(voters[0], 46), deposit(voters[1], 47), deposit(voters[0], 89, None)]
    assert double_signers(deposits, DEADLINES) == (voters[0].signing,)
    assert signed(deposits, voters, at=50) == [1000]
    assert double_signers([*deposits[:2], deposit(voters[0], 90, None)], DEADLINES) == ()
    assert double_signers([deposit(voters[1], 0, b"x" * 32), *deposits], DEADLINES) == (
        voters[1].signing,
        voters[0].signing,
    )


def test_only_a_senders_first_deposit_of_a_message_counts() -> None:
    early, again, other = (deposit(make_voter(1), second) for second in (44, 61, 62))
    assert deposits_in_time([early, again, other], DEADLINES) == (again,)


def test_two_deposits_of_one_signer_and_strangers_are_refused() -> None:
    twice = [deposit(make_voter(1), 46), replace(deposit(make_voter(1), 47), sender=b"T" * 20)]
    for deposits in (twice, [deposit(make_voter(9), 46)]):
        with pytest.raises(ProtocolError, match="signatures: expected one a voter, was"):
            signed(deposits, [make_voter(1)], at=50)


# Finalization.


def finalized(
    tries: list[tuple[int, int, bool]], *, selected: tuple[int, ...] = (1, 2, 3), eligible: tuple[int, ...] = (1, 2, 3)
) -> list[tuple[bytes, int, Detail]]:
    voters = {number: make_voter(number) for number in range(1, 5)}
    claims = finalization_rewards(
        make_offer(1000),
        list(voters.values()),
        [Finalization(voters[number].signing, AFTER + second, good) for number, second, good in tries],
        [voters[number].signing for number in selected],
        {voters[number].signing for number in eligible},
        deadlines=DEADLINES,
        fip16=True,
    )
    return [(claim.beneficiary[:1], claim.amount, claim.detail) for claim in claims]


def test_selected_finalizers_share_equally_and_absent_shares_are_burned() -> None:
    assert finalized([(2, 50, True), (1, 65, False)]) == [
        (b"\2", 333, Detail.DELEGATION),
        (b"\1", 333, Detail.DELEGATION),
        (b"B", 334, Detail.UNDISTRIBUTED),
    ]
    assert [amount for _, amount, _ in finalized([(2, 50, True), (1, 65, False), (3, 65, False)])] == [333, 333, 334]


def test_finalizers_that_are_late_not_selected_or_not_eligible_get_no_share() -> None:
    assert finalized([(4, 45, True), (1, 66, False), (2, 50, False)], eligible=(1, 3)) == [
        (b"B", 1000, Detail.UNDISTRIBUTED)
    ]
    assert finalized([(4, 45, True)]) == [(b"B", 1000, Detail.NO_ELIGIBLE_FINALIZERS)]
    assert finalized([(1, 45, True)], eligible=()) == [(b"B", 1000, Detail.NO_ELIGIBLE_FINALIZERS)]


def test_after_the_grace_period_the_first_takes_all() -> None:
    assert finalized([(1, 65, False), (4, 66, True)]) == [(b"\4", 1000, Detail.OUTSIDE_OF_GRACE_PERIOD)]
    assert finalized([(4, 65, True)], selected=()) == [(b"B", 1000, Detail.NO_ELIGIBLE_FINALIZERS)]


@pytest.mark.parametrize("second", [44, 90])
def test_finalization_out_of_time_is_none(second: int) -> None:
    assert finalized([(1, second, True)]) == [(b"B", 1000, Detail.NO_FINALIZATION)]


def test_a_senders_reverted_try_hides_its_later_success() -> None:
    tries = [
        Finalization(b"f" * 20, AFTER + 50, successful=False),
        Finalization(b"f" * 20, AFTER + 51, successful=True),
    ]
    assert first_successful(tries, DEADLINES) is None


def test_a_selected_stranger_is_refused() -> None:
    with pytest.raises(ProtocolError, match="expected a voter's signing address, was 0x"):
        finalization_rewards(
            make_offer(1),
            [],
            [Finalization(b"f" * 20, AFTER + 50, successful=True)],
            [b"f" * 20],
            [b"f" * 20],
            deadlines=DEADLINES,
            fip16=False,
        )


# Penalties, merging, whole rounds.


def test_an_offender_loses_thirty_times_its_share_once() -> None:
    voters = [
        make_voter(1, capped=1, signing=1),
        make_voter(2, capped=6, signing=0),
        make_voter(3, capped=0, signing=1),
    ]
    offenders = [voters[1].submit, voters[1].submit]
    before, after = (
        penalties(make_offer(100), voters, offenders, reward=Reward.REVEAL_OFFENDERS, fip16=fip16)
        for fip16 in (False, True)
    )
    assert (amounts(before), amounts(after)) == ([-(6 * 100 * 30 // 7)], [0])


def test_an_offender_must_be_a_voter() -> None:
    with pytest.raises(ProtocolError, match="penalties: expected an offender's submit address, was 0x7a7a"):
        penalties(make_offer(1), [make_voter(1)], [b"z" * 20], reward=Reward.REVEAL_OFFENDERS, fip16=False)


PIECES = st.lists(
    st.builds(
        RewardClaim,
        st.just(7),
        st.sampled_from([bytes([n]) * 20 for n in range(3)] + [BURN]),
        st.integers(-9, 9),
        st.sampled_from(list(ClaimType)[:3]),
    ),
    max_size=30,
)


@given(PIECES, st.integers(0, 30))
def test_merging_round_by_round_is_merging_once(pieces: list[RewardClaim], at: int) -> None:
    assert merge(7, [*merge(7, pieces[:at]), *pieces[at:]]) == merge(7, pieces)


@given(PIECES)
def test_penalties_burn_what_they_take_and_never_more(pieces: list[RewardClaim]) -> None:
    claims = net_of_penalties(7, pieces, BURN)
    assert sum(claim.amount for claim in claims) == sum(max(piece.amount, 0) for piece in pieces)
    assert all(claim.amount > 0 for claim in claims)
    assert len({(claim.beneficiary, claim.type) for claim in claims}) == len(claims)


def make_record(voters: list[Voter], *, finalize: bool = True) -> RoundRecord:
    return RoundRecord(
        deadlines=DEADLINES,
        votes=[1000, 1000, None],
        median=Median(1000, 900, 1100, 200),
        offenders=(voters[2].submit,),
        message=DONE,
        deposits=(deposit(voters[0], 46), deposit(voters[1], 46), deposit(voters[1], 47, None)),
        finalizations=(Finalization(voters[0].signing, AFTER + 48, successful=True),) if finalize else (),
        selected=(voters[0].signing,),
    )


def test_a_round_pays_its_parts_and_punishes() -> None:
    voters = [make_voter(number) for number in (1, 2, 3)]
    claims = anchor_rewards(make_offer(1000), voters, make_record(voters), fip16=True)
    assert [(claim.reward, claim.beneficiary[0], claim.amount) for claim in claims] == [
        (Reward.MEDIAN, 1, 400),
        (Reward.MEDIAN, 2, 400),
        (Reward.SIGNING, 1, 100),
        (Reward.FINALIZATION, 1, 100),
        (Reward.REVEAL_OFFENDERS, 3, -10_000),
        (Reward.DOUBLE_SIGNERS, 2, -10_000),
    ]
    netted = net_of_penalties(5, claims, BURN)
    assert [(claim.beneficiary[0], claim.amount) for claim in netted] == [(1, 600), (66, 400)]


def test_nobody_signs_double_where_nothing_was_finalized() -> None:
    voters = [make_voter(number) for number in (1, 2, 3)]
    claims = anchor_rewards(make_offer(1000), voters, make_record(voters, finalize=False), fip16=True)
    assert [(claim.reward, claim.detail) for claim in claims][2:] == [
        (Reward.SIGNING, Detail.NO_TIMELY_FINALIZATION),
        (Reward.FINALIZATION, Detail.NO_FINALIZATION),
        (Reward.REVEAL_OFFENDERS, Detail.DELEGATION),
    ]


def test_a_burned_offer_pays_and_punishes_nobody() -> None:
    voters = [make_voter(number) for number in (1, 2, 3)]
    claims = anchor_rewards(replace(make_offer(1000), burned=True), voters, make_record(voters), fip16=True)
    assert claims == (PartialClaim(BURN, 1000, ClaimType.DIRECT, Reward.FULL_OFFER, Detail.WHOLE),)


# Block latency.


def latency(
    submitters: list[bytes] | None,
    *,
    latest: Scaled | None = HERE,
    median: Scaled | None = HERE,
    burned: bool = False,
    fip16: bool = False,
) -> tuple[PartialClaim, ...]:
    voters = [make_voter(1, fee=1000, nodes=(20,)), make_voter(2)]
    offer = FastUpdateOffer(ROUND, BTC, 101, 5000, burned)
    return fast_update_rewards(offer, voters, submitters, latest, median, burn_address=BURN, fip16=fip16)


def test_each_update_has_an_equal_share_and_the_first_ones_the_rest() -> None:
    one, two = make_voter(1).signing, make_voter(2).signing
    assert amounts(latency([two, one, two])) == [0, 34, 3, 31, 0, 33]
    assert amounts(latency([two, one, two], fip16=True)) == [34, 2, 16, 16, 33]


@pytest.mark.parametrize(
    ("claims", "reward", "detail"),
    [
        (latency(None), Reward.FULL_OFFER, Detail.NO_FAST_UPDATE_FEEDS),
        (latency(None, burned=True), Reward.FULL_OFFER, Detail.NO_FAST_UPDATE_FEEDS),
        (latency([], latest=None), Reward.FULL_OFFER, Detail.NO_FAST_UPDATE_FEEDS),
        (latency([], burned=True), Reward.FULL_OFFER, Detail.WHOLE),
        (latency([], median=None), Reward.FAST_UPDATES, Detail.NO_SUBMISSIONS),
        (latency([b"x" * 20], median=None), Reward.FAST_UPDATES, Detail.NO_MEDIAN),
        (latency([b"x" * 20], latest=Scaled(1006, 2)), Reward.FAST_UPDATES, Detail.MISSED_BAND),
    ],
)
def test_what_is_not_earned_is_burned(claims: tuple[PartialClaim, ...], reward: Reward, detail: Detail) -> None:
    assert claims == (PartialClaim(BURN, 101, ClaimType.DIRECT, reward, detail),)


def test_an_update_of_a_stranger_is_refused() -> None:
    with pytest.raises(ProtocolError, match="block-latency update 1: expected a voter's signing address, was 0x7878"):
        latency([make_voter(1).signing, b"x" * 20])


def test_the_band_aligns_decimals_and_holds_its_edges() -> None:
    assert [within_band(Scaled(value, 0), Scaled(1000_00, 2), 5000) for value in (994, 995, 1005, 1006)] == [
        False,
        True,
        True,
        False,
    ]
    assert [within_band(Scaled(value, 1), Scaled(19, 0), 5000) for value in (189, 190, 191)] == [False, True, False]
    assert not within_band(Scaled(-1000, 0), Scaled(-1000, 0), 5000)
