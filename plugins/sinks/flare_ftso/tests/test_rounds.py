"""Voting rounds from their transactions to the calldata that finalizes them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.commits import Reveal, commit_hash, encode_reveal
from chrono_flare_ftso.protocol.epochs import round_start
from chrono_flare_ftso.protocol.errors import NoResult
from chrono_flare_ftso.protocol.feeds import (
    CommunityOffer,
    FeedDecimals,
    InflationOffer,
    canonical_order,
)
from chrono_flare_ftso.protocol.finalizers import initial_seed, select
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.medians import Median, weighted_median
from chrono_flare_ftso.protocol.merkle import verify
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import FLARE, FTSO_PROTOCOL
from chrono_flare_ftso.protocol.policy import SigningPolicy, policy_hash
from chrono_flare_ftso.protocol.relay import RelayMessage, choose
from chrono_flare_ftso.protocol.results import feed_leaf, random_leaf
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import (
    Revealed,
    RewardEpoch,
    RoundResult,
    Submitted,
    Transaction,
    benched_by,
    by_round,
    is_secure,
    judge,
    median_weights,
    result_of_reveals,
    result_of_transactions,
    round_random,
)
from chrono_flare_ftso.protocol.signatures import SignaturePayload, address_of, eip191, recover, sign
from chrono_flare_ftso.protocol.values import encode_value, pack

Reader = Callable[[str], Any]
Json = Mapping[str, Any]

ROUND = 1_008_123
EPOCH = 300
START = round_start(FLARE, ROUND)
FEEDS = (FeedDecimals(b"\1BTC/USD".ljust(21, b"\0"), 2), FeedDecimals(b"\1FLR/USD".ljust(21, b"\0"), 7))


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def address(number: int) -> bytes:
    return bytes([number]) * 20


def voter(number: int, weight: int = 10**26, signing: int = 100) -> Voter:
    return Voter(address(100 + number), address(number), *(address(200),) * 2, weight, signing, 0)


EPOCH_OF_THREE = RewardEpoch(EPOCH, 1_008_000, (voter(1), voter(2), voter(3)), FEEDS)


class Chain:
    """Transactions of a made-up chain, one a block unless said otherwise."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []

    def send(self, sender: int, second: int, data: bytes, block: int | None = None, index: int = 0) -> None:
        number = len(self.transactions) if block is None else block
        self.transactions.append(Transaction(address(sender), number, index, START + second, data))

    def commit(
        self, sender: int, random: int, *votes: int | None, second: int = 75, round: int = ROUND, **at: int
    ) -> None:
        hashed = commit_hash(address(sender), round, random.to_bytes(32, "big"), pack(votes))
        offset = 90 * (round - ROUND)
        self.send(sender, offset + second, calldata(Call.SUBMIT1, PayloadMessage(100, round, hashed)), **at)

    def reveal(
        self, sender: int, random: int, *votes: int | None, second: int = 110, round: int = ROUND, **at: int
    ) -> None:
        payload = encode_reveal(random.to_bytes(32, "big"), pack(votes))
        offset = 90 * (round - ROUND)
        self.send(sender, offset + second, calldata(Call.SUBMIT2, PayloadMessage(100, round, payload)), **at)

    def vote(self, sender: int, random: int, *votes: int | None, round: int = ROUND) -> None:
        self.commit(sender, random, *votes, round=round)
        self.reveal(sender, random, *votes, round=round)

    def judged(self, round: int = ROUND, feeds: int = 2) -> Revealed:
        return judge(by_round(FLARE, self.transactions).get(round, Submitted(round, {}, {})), feeds)

    def result(self, epoch: RewardEpoch = EPOCH_OF_THREE, network: Any = FLARE) -> RoundResult:
        return result_of_transactions(network, ROUND, self.transactions, [epoch])


# What the reference computed


def transactions_of(scenario: Json) -> list[Transaction]:
    return [
        Transaction(
            raw(each["from"]), each["block_number"], each["transaction_index"], each["timestamp"], raw(each["input"])
        )
        for each in scenario["transactions"]
    ]


def voters_of(setup: Json) -> tuple[Voter, ...]:
    return tuple(
        Voter(
            raw(each["identity"]),
            raw(each["submit"]),
            raw(each["signing"]),
            raw(each["delegation"]),
            int(each["wNatCappedWeight"]),
            each["signingWeight"],
            0,
        )
        for each in setup["voters"]
    )


def feeds_of(setup: Json) -> tuple[FeedDecimals, ...]:
    """Return the canonical order, computed from the offers and compared."""
    inflation = [
        InflationOffer(
            each["rewardEpochId"],
            tuple(map(raw, each["feedIds"])),
            tuple(each["decimals"]),
            int(each["amount"]),
            each["minRewardedTurnoutBIPS"],
            each["primaryBandRewardSharePPM"],
            tuple(each["secondaryBandWidthPPMs"]),
            each["mode"],
        )
        for each in setup["offers"]["inflationOffers"]
    ]
    community = [
        CommunityOffer(
            reward_epoch=each["rewardEpochId"],
            feed_id=raw(each["feedId"]),
            decimals=each["decimals"],
            amount=int(each["amount"]),
            min_turnout_bips=each["minRewardedTurnoutBIPS"],
            primary_share_ppm=each["primaryBandRewardSharePPM"],
            secondary_band_ppm=each["secondaryBandWidthPPM"],
            claim_back=raw(each["claimBackAddress"]),
        )
        for each in setup["offers"]["rewardOffers"]
    ]
    order = canonical_order(inflation, community)
    assert [(feed.id, feed.decimals) for feed in order] == [
        (raw(each["id"]), each["decimals"]) for each in setup["canonical_feed_order"]
    ]
    return order


def epoch_of(setup: Json) -> RewardEpoch:
    return RewardEpoch(setup["reward_epoch_id"], setup["start_voting_round_id"], voters_of(setup), feeds_of(setup))


@pytest.fixture
def rounds(reference: Reader) -> Json:
    return reference("e2e_rounds_legacy.json")


def test_rounds_of_the_reference(rounds: Json) -> None:
    """Six scenarios: every reveal, offender, benched address, median, leaf, proof and root."""
    setup = rounds["setup"]
    epoch = epoch_of(setup)
    assert [scenario["name"] for scenario in rounds["scenarios"]] == [
        "clean",
        "adversarial",
        "only_offender_is_benched",
        "later_wrong_reveal_replaces_good",
        "single_revealer",
        "same_block_tx_index",
    ]
    assert setup["voting_round_start_ts"] == round_start(FLARE, setup["voting_round_id"])
    proved = 0
    for scenario in rounds["scenarios"]:
        said = scenario["result"]
        found = result_of_transactions(FLARE, setup["voting_round_id"], transactions_of(scenario)[::-1], [epoch])
        assert set(found.revealed.valid) == set(map(raw, said["valid_eligible_reveals"]))
        assert found.revealed.offenders == set(map(raw, said["reveal_offenders"]))
        assert found.benched == set(map(raw, said["benching_window_offenders"]))
        weights = dict(
            zip([each.submit for each in epoch.voters], median_weights(epoch.voters, fip16=False), strict=True)
        )
        assert weights == {raw(submit): int(weight) for submit, weight in said["median_weights"].items()}
        assert found.random == int(said["random"]) == int(said["random_hex"], 16)
        assert found.secure == said["is_secure"]
        assert found.leaves == tuple(raw(leaf["hash"]) for leaf in said["leaves"])
        assert found.tree.nodes == tuple(map(raw, said["merkle_tree"]))
        assert found.result.root == raw(said["merkle_root"])
        proved += sum(check_leaf(found, epoch, leaf) for leaf in said["leaves"])
    assert proved == 6 * 8


def check_leaf(found: RoundResult, epoch: RewardEpoch, leaf: Json) -> bool:
    """Compare a leaf's body, votes and median with ours; return whether its proof leads to the root."""
    body, proof = leaf["body"], tuple(map(raw, leaf["proof"]))
    assert found.tree.proof(raw(leaf["hash"])) == proof
    if leaf["kind"] == "random":
        assert (body["votingRoundId"], int(body["value"], 16), body["isSecure"]) == (
            found.revealed.round,
            found.random,
            found.secure,
        )
        return verify(raw(leaf["hash"]), proof, found.tree.root)
    at = next(at for at, feed in enumerate(epoch.feeds) if feed.id == raw(body["id"]))
    valid = found.revealed.valid
    votes = [valid[each.submit].votes[at] if each.submit in valid else None for each in epoch.voters]
    assert votes == leaf["per_voter_values_in_signing_policy_order"]
    median = found.medians[at]
    assert median == Median(body["value"], leaf["q1"], leaf["q3"], int(leaf["participating_weight"])) or (
        median == Median(None, None, None, 0) and body["value"] == body["turnoutBIPS"] == 0
    )
    assert sum(median_weights(epoch.voters, fip16=False)) == int(leaf["total_weight"])
    return verify(raw(leaf["hash"]), proof, found.tree.root)


def test_inputs_of_the_reference_become_its_transactions(rounds: Json) -> None:
    """From prices and randoms to the calldata of submit1 and submit2."""
    setup, scenario = rounds["setup"], rounds["scenarios"][0]
    feeds, sent = feeds_of(setup), {(each["kind"], each["from"]): each["input"] for each in scenario["transactions"]}
    assert len(scenario["inputs"]) == 7
    for each in scenario["inputs"]:
        submit, random = setup["voters"][each["voter"]]["submit"], raw(each["random"])
        votes = [encode_value(price, feed.decimals) for price, feed in zip(each["values"], feeds, strict=True)]
        vector = pack(votes)
        assert vector == raw(each["encoded_values"])
        number = setup["voting_round_id"]
        commit = PayloadMessage(FTSO_PROTOCOL, number, commit_hash(raw(submit), number, random, vector))
        assert calldata(Call.SUBMIT1, commit) == raw(sent["submit1", submit])
        reveal = PayloadMessage(FTSO_PROTOCOL, number, encode_reveal(random, vector))
        assert calldata(Call.SUBMIT2, reveal) == raw(sent["submit2", submit])


def test_finalization_of_the_reference(rounds: Json) -> None:
    """Message, digest, signatures, calldata of submitSignatures and relay, and who may finalize first."""
    setup = rounds["setup"]
    policy = SigningPolicy.decode(raw(setup["signing_policy_encoded"]))
    assert policy.voters == tuple(raw(each["signing"]) for each in setup["voters"])
    assert policy.weights == tuple(each["signingWeight"] for each in setup["voters"])
    assert (policy.encode(), policy.seed) == (
        raw(setup["signing_policy"]["signingPolicyBytes"]),
        int(setup["signing_policy"]["seed"], 16),
    )
    assert policy_hash(policy.encode(), FLARE.chain_id) == raw(setup["signing_policy_hash_legacy"])
    finalized = [scenario for scenario in rounds["scenarios"] if "finalization" in scenario]
    assert [scenario["name"] for scenario in finalized] == ["clean", "adversarial"]
    for scenario in finalized:
        found = result_of_transactions(FLARE, ROUND, transactions_of(scenario), [epoch_of(setup)])
        check_finalization(found, policy, setup, scenario["finalization"])


def check_finalization(found: RoundResult, policy: SigningPolicy, setup: Json, said: Json) -> None:
    message = found.result.encode()
    assert message == raw(said["message_encoded_38_bytes"])
    assert found.result.hash() == raw(said["message_hash"])
    digest = eip191(found.result.hash())
    assert digest == raw(said["eip191_digest"])
    signatures = {}
    for each in said["signatures"]:
        key = raw(setup["voters"][each["index"]]["signing_key"])
        signature = sign(digest, key)
        assert (signature.v, signature.r, signature.s) == (each["v"], raw(each["r"]), raw(each["s"]))
        assert recover(digest, signature) == address_of(key) == raw(each["signer"]) == policy.voters[each["index"]]
        signatures[each["index"]] = signature
        for kind, payload in ((0, SignaturePayload(signature, message)), (1, SignaturePayload(signature))):
            assert payload.encode() == raw(each[f"payload_type{kind}"])
            data = calldata(Call.SUBMIT_SIGNATURES, PayloadMessage(FTSO_PROTOCOL, ROUND, payload.encode()))
            assert data == raw(each[f"submit_signatures_calldata_type{kind}"])
    chosen = choose(signatures, policy.weights, policy.threshold)
    assert [each.index for each in chosen] == said["relay"]["chosen_indices"]
    assert sum(policy.weights[each.index] for each in chosen) == said["relay"]["chosen_weight"]
    assert policy.threshold == said["relay"]["threshold"]
    assert RelayMessage(policy.encode(), message, chosen).encode() == raw(said["relay"]["calldata"])
    drawn = said["finalizer_selection"]
    assert initial_seed(policy.seed, FTSO_PROTOCOL, ROUND) == raw(drawn["initial_seed"])
    selected = select(policy.seed, policy.weights, FTSO_PROTOCOL, ROUND, drawn["threshold_bips"])
    assert [policy.voters[at] for at in selected] == [raw(signer) for signer in drawn["selected"]]


def test_no_reveals_no_result_as_in_the_reference(rounds: Json) -> None:
    assert str(ROUND) in rounds["no_reveals_error"]
    commits = [each for each in transactions_of(rounds["scenarios"][0]) if each.calldata.startswith(Call.SUBMIT1.value)]
    assert len(commits) == 7
    for transactions in ([], commits):
        with pytest.raises(NoResult, match=f"voting round {ROUND}: expected a valid reveal, was none"):
            result_of_transactions(FLARE, ROUND, transactions, [epoch_of(rounds["setup"])])


def test_under_fip16_the_clean_round_has_another_root(rounds: Json) -> None:
    network = replace(FLARE, fip16=EPOCH)
    found = result_of_transactions(network, ROUND, transactions_of(rounds["scenarios"][0]), [epoch_of(rounds["setup"])])
    assert found.result.root.hex().startswith("9221359f")
    assert found.result.root.hex().endswith("f5b0")


# The same rules on rounds made up here


def test_round_of_three() -> None:
    chain = Chain()
    chain.vote(1, 1, 100, 7)
    chain.vote(2, 2**256 - 1, 104)
    chain.vote(3, 5, None, 9)
    found = chain.result()
    assert list(found.revealed.valid) == [address(1), address(2), address(3)]
    assert (found.random, found.secure, found.benched, found.revealed.offenders) == (5, True, frozenset(), frozenset())
    assert found.medians == (Median(102, 100, 104, 2 * 10**26), Median(8, 7, 9, 2 * 10**26))
    leaves = (
        random_leaf(ROUND, 5, True),
        feed_leaf(ROUND, FEEDS[0].id, 102, 6666, 2),
        feed_leaf(ROUND, FEEDS[1].id, 8, 6666, 7),
    )
    assert found.leaves == leaves
    lower, middle, upper = sorted(leaves)
    below = keccak256(middle + upper)
    assert found.tree.root == keccak256(min(below, lower) + max(below, lower))
    assert (found.result.protocol, found.result.round, found.result.secure) == (100, ROUND, True)
    assert found.result.root == found.tree.root


def test_feed_that_nobody_votes_for_keeps_its_leaf() -> None:
    chain = Chain()
    chain.vote(1, 1, 100)
    assert chain.result().leaves[2] == feed_leaf(ROUND, FEEDS[1].id, 0, 0, 7)


def test_reveal_of_a_random_alone_is_valid() -> None:
    chain = Chain()
    hashed = commit_hash(address(1), ROUND, bytes(32), b"")
    chain.send(1, 80, calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, hashed)))
    chain.send(1, 110, calldata(Call.SUBMIT2, PayloadMessage(100, ROUND, bytes(32))))
    assert chain.judged().valid == {address(1): Reveal(bytes(32), (None, None), b"")}


def test_hash_is_over_the_bytes_as_they_were_sent() -> None:
    """Empty values at the end, which a reader drops, are part of what was committed to."""
    vector = pack([5]) + bytes(4)
    chain = Chain()
    hashed = commit_hash(address(1), ROUND, bytes(32), vector)
    chain.send(1, 80, calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, hashed)))
    chain.send(1, 110, calldata(Call.SUBMIT2, PayloadMessage(100, ROUND, bytes(32) + vector)))
    assert chain.judged().valid[address(1)].votes == (5, None)
    chain.send(1, 111, calldata(Call.SUBMIT2, PayloadMessage(100, ROUND, bytes(32) + pack([5]))))
    assert chain.judged().offenders == {address(1)}


@pytest.mark.parametrize(
    ("commit", "reveal", "valid", "offender"),
    [
        (0, 90, True, False),
        (89, 134, True, False),
        (-1, 110, False, False),
        (90, 110, False, False),
        (75, 89, False, True),
        (75, 135, False, True),
        (75, 180, False, True),
        (75, 20, False, True),
    ],
)
def test_windows(commit: int, reveal: int, valid: bool, offender: bool) -> None:
    """A commit within the round, a reveal in the first 45 seconds of the next; both by the block's time."""
    chain = Chain()
    chain.commit(1, 7, 100, second=commit)
    chain.reveal(1, 7, 100, second=reveal)
    found = chain.judged()
    assert (address(1) in found.valid, address(1) in found.offenders) == (valid, offender)


def test_round_in_the_message_must_be_that_of_the_block() -> None:
    """The commit names the round before or after: it counts for neither."""
    chain = Chain()
    for named in (ROUND - 1, ROUND + 1):
        hashed = commit_hash(address(1), named, bytes(32), pack([1]))
        chain.send(1, 75, calldata(Call.SUBMIT1, PayloadMessage(100, named, hashed)))
        chain.send(1, 110, calldata(Call.SUBMIT2, PayloadMessage(100, named, bytes(32) + pack([1]))))
    for number in (ROUND - 1, ROUND, ROUND + 1):
        assert chain.judged(number) == Revealed(number, {}, frozenset())


def test_messages_of_other_protocols_are_passed_over() -> None:
    chain = Chain()
    hashed = commit_hash(address(1), ROUND, bytes(32), pack([1]))
    other = PayloadMessage(200, ROUND, bytes(32))
    chain.send(1, 75, calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, hashed), other))
    chain.send(1, 110, calldata(Call.SUBMIT2, PayloadMessage(100, ROUND, bytes(32) + pack([1])), other))
    chain.send(2, 75, calldata(Call.SUBMIT1, other))
    assert list(chain.judged().valid) == [address(1)]
    assert chain.judged().offenders == frozenset()


@pytest.mark.parametrize("call", [Call.SUBMIT3, Call.SUBMIT_SIGNATURES, Call.SUBMIT2])
def test_only_submit1_commits(call: Call) -> None:
    chain = Chain()
    chain.send(1, 75, calldata(call, PayloadMessage(100, ROUND, bytes(32))))
    assert chain.judged().offenders == frozenset()


@pytest.mark.parametrize("call", [Call.SUBMIT1, Call.SUBMIT3, Call.SUBMIT_SIGNATURES])
def test_only_submit2_reveals(call: Call) -> None:
    chain = Chain()
    chain.commit(1, 0, 1)
    chain.send(1, 110, calldata(call, PayloadMessage(100, ROUND, bytes(32) + pack([1]))))
    assert chain.judged().offenders == {address(1)}


def test_last_commit_counts() -> None:
    chain = Chain()
    chain.commit(1, 7, 100)
    chain.commit(1, 8, 101)
    chain.reveal(1, 8, 101)
    assert chain.judged().valid[address(1)].votes == (101, None)
    chain.commit(1, 7, 100)
    assert chain.judged().offenders == {address(1)}


@pytest.mark.parametrize(("later", "index"), [(11, 0), (10, 2)])
def test_last_is_by_block_and_then_by_place_in_the_block(later: int, index: int) -> None:
    """The order in which transactions are given does not matter."""
    chain = Chain()
    chain.commit(1, 8, 101, block=later, index=index)
    chain.commit(1, 7, 100, block=10, index=1)
    chain.reveal(1, 8, 101, block=20)
    assert list(chain.judged().valid) == [address(1)]


def test_unparsable_message_leaves_the_one_before() -> None:
    """A commit of 31 bytes, a reveal of 31, of a part of a value, of three values for two feeds."""
    chain = Chain()
    chain.vote(1, 7, 100)
    for payload in (b"", bytes(31), bytes(33)):
        chain.send(1, 80, calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, payload)))
    for payload in (b"", bytes(31), bytes(35), bytes(32 + 12)):
        chain.send(1, 120, calldata(Call.SUBMIT2, PayloadMessage(100, ROUND, payload)))
    assert list(chain.judged().valid) == [address(1)]
    assert chain.judged(feeds=3).offenders == {address(1)}


def test_several_messages_in_a_transaction() -> None:
    """The last one that can be parsed counts."""
    chain = Chain()
    right = PayloadMessage(100, ROUND, commit_hash(address(1), ROUND, bytes(32), pack([4])))
    wrong, broken = PayloadMessage(100, ROUND, bytes(32)), PayloadMessage(100, ROUND, bytes(5))
    chain.send(1, 75, calldata(Call.SUBMIT1, wrong, right, broken))
    reveal = PayloadMessage(100, ROUND, bytes(32) + pack([4]))
    chain.send(1, 110, calldata(Call.SUBMIT2, broken, PayloadMessage(100, ROUND, b"\1" * 32), reveal))
    assert list(chain.judged().valid) == [address(1)]


def test_broken_framing_loses_the_whole_transaction() -> None:
    chain = Chain()
    chain.vote(1, 7, 100)
    wrong = calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, bytes(32)))
    for data in (wrong + b"\0", wrong[:-1], b"", wrong[:3], b"\0\0\0\0" + wrong[4:]):
        chain.send(1, 80, data)
    assert list(chain.judged().valid) == [address(1)]


def test_later_wrong_reveal_replaces_an_earlier_right_one() -> None:
    chain = Chain()
    chain.vote(1, 7, 100)
    chain.reveal(1, 7, 101, second=111)
    assert chain.judged() == Revealed(ROUND, {}, frozenset([address(1)]))


def test_reveal_without_a_commit_is_no_offence() -> None:
    chain = Chain()
    chain.reveal(1, 7, 100)
    assert chain.judged() == Revealed(ROUND, {}, frozenset())


def test_reveal_is_bound_to_its_sender() -> None:
    chain = Chain()
    chain.vote(1, 7, 100)
    hashed = commit_hash(address(1), ROUND, (7).to_bytes(32, "big"), pack([100]))
    chain.send(2, 80, calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, hashed)))
    chain.reveal(2, 7, 100)
    assert (list(chain.judged().valid), chain.judged().offenders) == ([address(1)], {address(2)})


def test_who_is_no_voter_changes_nothing_but_the_benched() -> None:
    chain = Chain()
    chain.vote(1, 1, 100)
    chain.vote(2, 2, 100)
    expected = chain.result()
    chain.vote(9, 3, 900)
    chain.commit(8, 4, 800)
    assert chain.result() == expected
    chain.commit(8, 4, 800, round=ROUND - 3)
    assert chain.result().benched == {address(8)}


def test_offenders_are_benched_for_twenty_rounds() -> None:
    """From the twentieth round before to the last one before."""
    for back, benched in ((0, False), (1, True), (20, True), (21, False)):
        chain = Chain()
        chain.vote(1, 1, 100)
        chain.vote(2, 2, 100)
        if back:
            chain.vote(3, 4, 100)
        chain.commit(3, 9, 100, round=ROUND - back)
        found = chain.result()
        assert found.benched == ({address(3)} if benched else set())
        assert found.random == (3 if benched or not back else 7)


def test_benched_voters_vote_on() -> None:
    chain = Chain()
    chain.commit(1, 9, 1, round=ROUND - 1)
    for number, price in ((1, 100), (2, 110), (3, 120)):
        chain.vote(number, number, price)
    found = chain.result()
    assert (found.random, found.secure) == (5, True)
    assert found.medians[0] == Median(110, 100, 120, 3 * 10**26)


def test_all_benched() -> None:
    chain = Chain()
    for number in (1, 2, 3):
        chain.commit(number, 9, 1, round=ROUND - 1)
        chain.vote(number, number, 100)
    assert (chain.result().random, chain.result().secure) == (0, False)


def test_window_ends_with_the_start_of_the_first_epoch() -> None:
    """In the first reward epoch that a network prices, and only there."""
    chain = Chain()
    chain.vote(1, 1, 100)
    chain.commit(2, 2, 100, round=ROUND - 5)
    chain.commit(3, 3, 100, round=ROUND - 4)
    epoch = replace(EPOCH_OF_THREE, start_round=ROUND - 4)
    first = replace(FLARE, initial_reward_epoch=EPOCH - 1)
    assert chain.result(epoch, first).benched == {address(3)}
    before = RewardEpoch(EPOCH - 1, ROUND - 3000, (), FEEDS)
    second = replace(FLARE, initial_reward_epoch=EPOCH - 2)
    found = result_of_transactions(second, ROUND, chain.transactions, [epoch, before])
    assert found.benched == {address(2), address(3)}


def test_window_does_not_reach_before_the_first_priced_epoch_where_epochs_are_short() -> None:
    chain = Chain()
    chain.vote(1, 1, 100)
    chain.commit(2, 2, 100, round=ROUND - 9)
    chain.commit(3, 3, 100, round=ROUND - 4)
    # three rounds each: this one begins with the round, the first that was priced six rounds before
    network = replace(FLARE, reward_epoch_rounds=3, first_reward_epoch_round=ROUND - 9, initial_reward_epoch=0)
    epoch = replace(EPOCH_OF_THREE, number=3, start_round=ROUND)
    before = [RewardEpoch(2, ROUND - 3, (), FEEDS), RewardEpoch(1, ROUND - 6, (), FEEDS)]
    assert result_of_transactions(network, ROUND, chain.transactions, [epoch, *before]).benched == {address(3)}


def test_each_round_of_the_window_has_the_feeds_of_its_own_epoch() -> None:
    """Two values cannot be parsed where there was one feed."""
    chain = Chain()
    chain.vote(1, 1, 100)
    chain.vote(2, 1, 1, 2, round=ROUND - 2)
    chain.vote(3, 1, 1, 2, round=ROUND - 1)
    epoch = replace(EPOCH_OF_THREE, start_round=ROUND - 1)
    before = RewardEpoch(EPOCH - 1, ROUND - 3000, (), FEEDS[:1])
    found = result_of_transactions(FLARE, ROUND, chain.transactions, [before, epoch])
    assert found.benched == {address(2)}


def test_round_before_all_epochs_has_no_result() -> None:
    chain = Chain()
    chain.vote(1, 1, 100)
    with pytest.raises(NoResult, match="expected a signing policy that starts by then"):
        chain.result(replace(EPOCH_OF_THREE, start_round=ROUND + 1))
    chain.commit(1, 1, 100, round=ROUND - 1)
    with pytest.raises(NoResult, match=f"voting round {ROUND - 1}: expected a signing policy that starts by then"):
        chain.result(replace(EPOCH_OF_THREE, start_round=ROUND))


@pytest.mark.parametrize(
    ("valid", "offenders", "benched", "secure"),
    [
        ((1, 2), (), (), True),
        ((1,), (), (), False),
        ((), (), (), False),
        ((1, 2, 3), (), (3,), True),
        ((1, 2), (), (2,), False),
        ((1, 2), (3,), (), False),
        ((1, 2), (3,), (3,), True),
        ((1, 2), (3, 4), (3,), False),
        ((1, 2), (), (7,), True),
    ],
)
def test_secure(valid: tuple[int, ...], offenders: tuple[int, ...], benched: tuple[int, ...], secure: bool) -> None:
    reveals = {address(number): Reveal(bytes([number] * 32), (), b"") for number in valid}
    revealed = Revealed(ROUND, reveals, frozenset(map(address, offenders)))
    out = frozenset(map(address, benched))
    assert is_secure(revealed, out) is secure
    counted = [int.from_bytes(bytes([number] * 32), "big") for number in valid if number not in benched]
    assert round_random(revealed, out) == sum(counted) % 2**256


def test_benched_by_is_the_union() -> None:
    window = [Revealed(number, {}, frozenset([address(number), address(9)])) for number in (1, 2)]
    assert benched_by(window) == {address(1), address(2), address(9)}
    assert benched_by([]) == frozenset()


def test_weights_before_and_from_fip16() -> None:
    voters = (voter(1, 5 * 10**26, 10), voter(2, 10**26, 30))
    assert median_weights(voters, fip16=False) == (5 * 10**26, 10**26)
    assert median_weights(voters, fip16=True) == (10, 30)
    chain = Chain()
    chain.vote(1, 1, 100)
    chain.vote(2, 2, 200)
    epoch = replace(EPOCH_OF_THREE, voters=voters)
    assert chain.result(epoch).medians[0] == Median(100, 100, 100, 6 * 10**26)
    for active, value in ((EPOCH - 1, 200), (EPOCH, 200), (EPOCH + 1, 100)):
        assert chain.result(epoch, replace(FLARE, fip16=active)).medians[0].value == value


def test_voters_without_weight() -> None:
    """The turnout cannot be computed without any; a feed's only vote needs some."""
    chain = Chain()
    chain.vote(1, 1, 100, 5)
    chain.vote(2, 1, 104, 6)
    nothing = (voter(1, 0), voter(2, 0))
    with pytest.raises(NoResult, match="turnout: expected voters with weight"):
        chain.result(replace(EPOCH_OF_THREE, voters=nothing))
    some = chain.result(replace(EPOCH_OF_THREE, voters=(*nothing, voter(3))))
    assert some.medians[0] == Median(102, None, None, 0)
    assert some.leaves[1] == feed_leaf(ROUND, FEEDS[0].id, 102, 0, 2)
    with pytest.raises(NoResult, match="feed 0: median: expected weight or a second vote"):
        chain.result(replace(EPOCH_OF_THREE, voters=(nothing[0], voter(3))))


def test_reveals_alone_give_the_same_result() -> None:
    """A provider keeps what was judged of earlier rounds."""
    chain = Chain()
    chain.commit(3, 1, 1, round=ROUND - 7)
    chain.vote(1, 1, 100, 7)
    chain.vote(2, 2, 104)
    window = [chain.judged(number) for number in range(ROUND - 20, ROUND)]
    found = result_of_reveals(chain.judged(), EPOCH_OF_THREE, benched_by(window), fip16=False)
    assert found == chain.result()
    assert found.benched == {address(3)}


def test_no_feeds_leave_the_random() -> None:
    chain = Chain()
    chain.vote(1, 1)
    hashed = commit_hash(address(1), ROUND, bytes(32), b"")
    chain.send(1, 80, calldata(Call.SUBMIT1, PayloadMessage(100, ROUND, hashed)))
    chain.send(1, 115, calldata(Call.SUBMIT2, PayloadMessage(100, ROUND, bytes(32))))
    found = chain.result(replace(EPOCH_OF_THREE, feeds=()))
    assert found.leaves == (random_leaf(ROUND, 0, False),) == found.tree.nodes


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-100, 200), st.binary(max_size=60)), max_size=8))
def test_random_calldata_never_breaks_a_round(sent: list[tuple[int, int, bytes]]) -> None:
    chain = Chain()
    chain.vote(1, 1, 100)
    chain.vote(2, 1, 101)
    expected = chain.result()
    for sender, second, data in sent:
        chain.send(sender, second, data)
        for call in (Call.SUBMIT1, Call.SUBMIT2):
            chain.send(sender, second, call.value + data)
    assert chain.result() == expected


@given(
    st.lists(st.lists(st.none() | st.integers(-5, 5), min_size=2, max_size=2), min_size=3, max_size=3),
    st.lists(st.integers(1, 2**128), min_size=3, max_size=3),
    st.lists(st.integers(0, 2**256 - 1), min_size=3, max_size=3),
)
def test_round_is_the_sum_of_its_parts(votes: list[list[int | None]], weights: list[int], randoms: list[int]) -> None:
    chain = Chain()
    for number, (said, random) in enumerate(zip(votes, randoms, strict=True), 1):
        chain.vote(number, random, *said)
    voters = tuple(voter(number, weight) for number, weight in enumerate(weights, 1))
    found = chain.result(replace(EPOCH_OF_THREE, voters=voters))
    assert found.random == sum(randoms) % 2**256
    assert found.secure
    assert found.medians == tuple(weighted_median(feed, weights) for feed in zip(*votes, strict=True))
    for leaf in found.leaves:
        assert verify(leaf, found.tree.proof(leaf), found.result.root)
