"""Rewards against what the reference implementation computed, before and under FIP-16."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.medians import Median, weighted_median
from chrono_flare_ftso.protocol.rewards.fast_updates import Scaled, fast_update_rewards
from chrono_flare_ftso.protocol.rewards.finalization import Finalization, finalization_rewards
from chrono_flare_ftso.protocol.rewards.median import MedianRewards, median_rewards
from chrono_flare_ftso.protocol.rewards.merging import merge, net_of_penalties
from chrono_flare_ftso.protocol.rewards.offers import (
    FastUpdateFeed,
    FastUpdateOffer,
    RoundOffer,
    fast_update_offers,
    round_offers,
    split_offer,
)
from chrono_flare_ftso.protocol.rewards.partial import PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.penalties import penalties
from chrono_flare_ftso.protocol.rewards.signing import Deposit, deposits_in_time, double_signers, signing_rewards
from chrono_flare_ftso.protocol.rewards.split import split_by_signing_weight
from chrono_flare_ftso.protocol.rewards.voters import Node, Voter
from chrono_flare_ftso.protocol.text import from_hex, to_hex

Reader = Callable[[str], Any]
Case = dict[str, Any]

FLARE_BURNS = from_hex("0xD9e5B450773B17593abAfCF73aB96ad99d589751")
LEGACY_CLAIM_BACK = from_hex("0x6a29990768f8173e4ccd36096eb05ba39def476d")
DEAD = from_hex("0x000000000000000000000000000000000000dEaD")
DEADLINES = Deadlines.of(
    SimpleNamespace(
        first_voting_round_start=0,
        voting_round_seconds=90,
        reveal_seconds=45,
        first_reward_epoch_round=0,
        reward_epoch_rounds=100,
    ),
    100,
)
MESSAGES = {"GOOD": b"g" * 32, "BAD": b"b" * 32, "WORSE": None}


def voter(case: Case) -> Voter:
    nodes = zip(case["nodeIds"], case["nodeWeights"], strict=True)
    return Voter(
        identity=from_hex(case["identityAddress"], 20),
        submit=from_hex(case["submitAddress"], 20),
        signing=from_hex(case["signingAddress"], 20),
        delegation=from_hex(case["delegationAddress"], 20),
        capped_weight=int(case["cappedDelegationWeight"]),
        signing_weight=case["signingWeight"],
        fee_bips=case["feeBIPS"],
        nodes=tuple(Node(from_hex(node, 20), int(weight)) for node, weight in nodes),
    )


def voters(case: Case) -> list[Voter]:
    return [voter(each) for each in case["voters"]]


def round_offer(case: Case) -> RoundOffer:
    return RoundOffer(
        round=case["votingRoundId"],
        feed=from_hex(case["feedId"]),
        amount=int(case["amount"]),
        min_turnout_bips=case["minRewardedTurnoutBIPS"],
        primary_share_ppm=case["primaryBandRewardSharePPM"],
        secondary_band_ppm=case["secondaryBandWidthPPM"],
        claim_back=from_hex(case["claimBackAddress"], 20),
        inflation=case.get("isInflation", True),
        burned=case.get("shouldBeBurned", False),
    )


def inflation_offer(case: Case) -> InflationOffer:
    return InflationOffer(
        reward_epoch=case.get("rewardEpochId", 1),
        feed_ids=tuple(map(from_hex, case["feedIds"])),
        decimals=tuple(case["decimals"]),
        amount=int(case["amount"]),
        min_turnout_bips=case["minRewardedTurnoutBIPS"],
        primary_share_ppm=case["primaryBandRewardSharePPM"],
        secondary_band_ppm=tuple(case["secondaryBandWidthPPMs"]),
        mode=case["mode"],
    )


def community_offer(case: Case) -> CommunityOffer:
    return CommunityOffer(
        reward_epoch=case.get("rewardEpochId", 1),
        feed_id=from_hex(case["feedId"]),
        decimals=case["decimals"],
        amount=int(case["amount"]),
        min_turnout_bips=case["minRewardedTurnoutBIPS"],
        primary_share_ppm=case["primaryBandRewardSharePPM"],
        secondary_band_ppm=case["secondaryBandWidthPPM"],
        claim_back=from_hex(case["claimBackAddress"], 20),
    )


def offers_of(case: Case, first: int, last: int, burn_address: bytes) -> list[RoundOffer]:
    order = [from_hex(feed["id"]) for feed in case["info"]["canonicalFeedOrder"]]
    made = case["info"]["rewardOffers"]
    inflation = [inflation_offer(each) for each in made["inflationOffers"]]
    community = [community_offer(each) for each in made["rewardOffers"]]
    randoms = [None if each is None else int(each) for each in case.get("randoms", case.get("random_numbers"))]
    rounds = range(first, last + 1)
    return list(round_offers(rounds, order, inflation, community, randoms, burn_address=burn_address))


def tagged(claims: Iterable[PartialClaim]) -> list[tuple[str, int, int, str]]:
    return [(to_hex(each.beneficiary), each.amount, int(each.type), str(each.detail)) for each in claims]


def said(claims: Iterable[Case]) -> list[tuple[str, int, int, str]]:
    return [(each["beneficiary"], int(each["amount"]), each["claimType"], each["tag"]) for each in claims]


def rows(claims: Iterable[PartialClaim]) -> list[list[Any]]:
    return [
        [to_hex(each.beneficiary), each.amount, int(each.type), str(each.reward), str(each.detail)] for each in claims
    ]


def numbered(listed: Iterable[list[Any]]) -> list[list[Any]]:
    """Return rows with their amounts, which are text where they are large, as numbers."""
    return [[row[0], int(row[1]), *row[2:]] for row in listed]


def median_of(case: Case, known: list[Voter], *, fip16: bool) -> MedianRewards:
    median = weighted_median(case["values"], [each.median_weight(fip16=fip16) for each in known])
    return median_rewards(round_offer(case["offer"]), known, case["values"], median, fip16=fip16)


def test_split_of_the_reference(reference: Reader) -> None:
    vectors = reference("reward_calculation_legacy.json")
    assert (len(vectors["split"]), vectors["fip16_active"]) == (30, False)
    for case in vectors["split"]:
        claims = split_by_signing_weight(
            int(case["amount"]), voter(case["voter"]), reward=Reward.SIGNING, claim_back=LEGACY_CLAIM_BACK, fip16=False
        )
        assert tagged(claims) == said(case["claims"])


def test_penalties_of_the_reference(reference: Reader) -> None:
    cases = reference("reward_calculation_legacy.json")["penalties"]
    assert len(cases) == 1
    for case in cases:
        offer = RoundOffer(1, b"", int(case["offer_amount"]), 0, 0, 0, LEGACY_CLAIM_BACK)
        claims = penalties(
            offer,
            voters(case),
            map(from_hex, case["offenders"]),
            reward=Reward.REVEAL_OFFENDERS,
            fip16=False,
            factor=case["penalty_factor"],
        )
        assert tagged(claims) == said(case["claims"])


def test_offer_split_of_the_reference(reference: Reader) -> None:
    cases = reference("reward_calculation_legacy.json")["offer_split"]
    assert len(cases) == 6
    for case in cases:
        parts = split_offer(RoundOffer(1, b"", int(case["amount"]), 0, 0, 0, bytes(20)))
        assert [parts.median.amount, parts.signing.amount, parts.finalization.amount] == [
            int(case[part]) for part in ("median", "signing", "finalization")
        ]


def test_feed_selection_of_the_reference(reference: Reader) -> None:
    cases = reference("reward_calculation_legacy.json")["feed_selection"]
    assert [len(case["result"]) for case in cases] == [7]
    for case in cases:
        expected = [round_offer(each["offers"][0]["offer"]) for each in case["result"]]
        assert offers_of(case, case["start"], case["end"], FLARE_BURNS) == expected


def test_median_rewards_of_the_reference(reference: Reader) -> None:
    cases = reference("reward_calculation_legacy.json")["median_rewards"]
    assert len(cases) == 25
    for case in cases:
        known = voters(case)
        median = Median(case["median"], case["q1"], case["q3"], int(case["participating"]))
        weights = [each.median_weight(fip16=False) for each in known]
        assert weights == list(map(int, case["weights"]))
        assert median == weighted_median(case["values"], weights)
        paid = median_rewards(round_offer(case["offer"]), known, case["values"], median, fip16=False)
        assert tagged(paid.claims) == said(case["claims"])
        assert list(map(to_hex, paid.rewarded)) == case["rewarded_signing_addresses"]


def test_median_rewards_of_whole_rounds(reference: Reader) -> None:
    vectors = reference("e2e_rounds_legacy.json")
    known = [
        Voter(
            identity=from_hex(each["identity"]),
            submit=from_hex(each["submit"]),
            signing=from_hex(each["signing"]),
            delegation=from_hex(each["delegation"]),
            capped_weight=int(each["wNatCappedWeight"]),
            signing_weight=each["signingWeight"],
            fee_bips=2000,
        )
        for each in vectors["setup"]["voters"]
    ]
    paid = 0
    for scenario in vectors["scenarios"]:
        feeds = {leaf["body"]["id"]: leaf for leaf in scenario["result"]["leaves"] if leaf["kind"] == "feed"}
        for case in scenario.get("median_rewards", ()):
            leaf = feeds[case["feed"]]
            votes = leaf["per_voter_values_in_signing_policy_order"]
            median = weighted_median(votes, [each.capped_weight for each in known])
            assert (median.value, median.quartile1, median.quartile3) == (leaf["body"]["value"], leaf["q1"], leaf["q3"])
            rewards = median_rewards(round_offer(case["offer"]), known, votes, median, fip16=False)
            assert tagged(rewards.claims) == said(case["claims"])
            assert list(map(to_hex, rewards.rewarded)) == case["rewarded_signing_addresses"]
            paid += 1
    assert paid == 7


def test_own_splits(own: Reader) -> None:
    cases = own("rewards.json")["split"]
    assert {case["fip16"] for case in cases} == {False, True}
    for case in cases:
        claims = split_by_signing_weight(
            int(case["amount"]),
            voter(case["voter"]),
            reward=Reward.SIGNING,
            claim_back=from_hex(case["offer"]["claimBackAddress"]),
            fip16=case["fip16"],
        )
        assert rows(claims) == numbered(case["result"])


def test_own_penalties(own: Reader) -> None:
    cases = own("rewards.json")["penalties"]
    assert {case["fip16"] for case in cases} == {False, True}
    for case in cases:
        offenders = map(from_hex, case["offenders"])
        claims = penalties(
            round_offer(case["offer"]), voters(case), offenders, reward=Reward.REVEAL_OFFENDERS, fip16=case["fip16"]
        )
        assert rows(claims) == numbered(case["result"])


def test_own_median_rewards(own: Reader) -> None:
    cases = own("rewards.json")["median"]
    assert {case["fip16"] for case in cases} == {False, True}
    for case in cases:
        paid = median_of(case, voters(case), fip16=case["fip16"])
        assert [rows(paid.claims), list(map(to_hex, paid.rewarded))] == [
            numbered(case["result"][0]),
            case["result"][1],
        ]


def test_own_signing_rewards(own: Reader) -> None:
    cases = own("rewards.json")["signing"]
    assert {case["fip16"] for case in cases} == {False, True}
    for case in cases:
        deposits = [
            Deposit(from_hex(each["sender"]), from_hex(each["signer"]), MESSAGES[each["hash"]], each["timestamp"])
            for each in case["deposits"]
        ]
        at = case["finalizedAt"]
        claims = signing_rewards(
            round_offer(case["offer"]),
            voters(case),
            deposits,
            set(map(from_hex, case["eligible"])),
            finalized=None if at is None else (b"g" * 32, at),
            deadlines=DEADLINES,
            fip16=case["fip16"],
        )
        caught = double_signers(deposits_in_time(deposits, DEADLINES), DEADLINES)
        assert [list(map(to_hex, caught)), rows(claims)] == [case["result"][0], numbered(case["result"][1])]


def test_own_finalization_rewards(own: Reader) -> None:
    cases = own("rewards.json")["finalization"]
    assert {case["fip16"] for case in cases} == {False, True}
    for case in cases:
        claims = finalization_rewards(
            round_offer(case["offer"]),
            voters(case),
            [Finalization(from_hex(f["sender"]), f["timestamp"], f["successful"]) for f in case["finalizations"]],
            list(map(from_hex, case["selected"])),
            set(map(from_hex, case["eligible"])),
            deadlines=DEADLINES,
            fip16=case["fip16"],
        )
        assert rows(claims) == numbered(case["result"])


def test_own_block_latency_rewards(own: Reader) -> None:
    cases = own("rewards.json")["fu"]
    assert {case["fip16"] for case in cases} == {False, True}
    for case in cases:
        offer = case["offer"]
        claims = fast_update_rewards(
            FastUpdateOffer(
                offer["votingRoundId"],
                from_hex(offer["feedId"]),
                int(offer["amount"]),
                offer["rewardBandValue"],
                offer["shouldBeBurned"],
            ),
            voters(case),
            list(map(from_hex, case["submitters"])),
            Scaled(*map(int, case["latest"])),
            None if case["median"] is None else Scaled(*case["median"]),
            burn_address=DEAD,
            fip16=case["fip16"],
        )
        assert rows(claims) == numbered(case["result"])


def test_own_offers(own: Reader) -> None:
    cases = own("rewards.json")["offers"]
    assert cases
    for case in cases:
        found = [
            [
                offer.round,
                to_hex(offer.feed),
                offer.amount,
                offer.min_turnout_bips,
                offer.primary_share_ppm,
                offer.secondary_band_ppm,
                to_hex(offer.claim_back),
                offer.inflation,
                offer.burned,
            ]
            for offer in offers_of(case, case["start"], case["end"], DEAD)
        ]
        assert found == [[*row[:2], int(row[2]), *row[3:]] for row in case["result"]]


def test_own_block_latency_offers(own: Reader) -> None:
    cases = own("rewards.json")["fuoffers"]
    assert cases
    for case in cases:
        info = case["info"]
        inflation = info["fuInflationRewardsOffered"]
        total = int(inflation["amount"]) + sum(int(each["offerAmount"]) for each in info["fuIncentivesOffered"])
        offers = fast_update_offers(
            range(info["signingPolicy"]["startVotingRoundId"], info["endVotingRoundId"] + 1),
            [from_hex(feed["id"]) for feed in info["canonicalFeedOrder"]],
            [FastUpdateFeed(from_hex(c["feedId"]), c["rewardBandValue"]) for c in inflation["feedConfigurations"]],
            total,
            [None if each is None else int(each) for each in case["randoms"]],
        )
        found = [[each.round, to_hex(each.feed), each.amount, each.reward_band_ppm, each.burned] for each in offers]
        assert found == [[*row[:2], int(row[2]), *row[3:]] for row in case["result"]]


def test_own_merges(own: Reader) -> None:
    cases = own("rewards.json")["merge"]
    assert cases
    for case in cases:
        pieces = [
            RewardClaim(7, from_hex(each["beneficiary"]), int(each["amount"]), ClaimType(each["claimType"]))
            for each in case["claims"]
        ]
        for claims, expected in zip(
            (merge(7, pieces), net_of_penalties(7, pieces, from_hex(case["burn"]))), case["result"], strict=True
        ):
            found = [[to_hex(each.beneficiary), each.amount, int(each.type)] for each in claims]
            assert found == numbered(expected)
