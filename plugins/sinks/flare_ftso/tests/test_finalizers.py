"""Who may finalize a round first."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.finalizers import initial_seed, select, starts, voter_at
from chrono_flare_ftso.protocol.keccak import keccak256


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def drawn(seed, weights, draws):
    """Return the first voters that are drawn, whoever was drawn before."""
    indices = []
    for _ in range(draws):
        indices.append(voter_at(starts(weights), int.from_bytes(seed, "big") % sum(weights)))
        seed = keccak256(seed)
    return indices


def test_every_selection_of_the_reference_is_ours(reference):
    recorded = reference("finalizer_selection.json")["ts"]
    weights, seed = [int(weight) for weight in recorded["weights"]], int(recorded["policy_seed"], 16)
    for case in recorded["cases"]:
        first = initial_seed(seed, case["protocol_id"], case["voting_round_id"])
        assert first == unhex(case["initial_seed"])
        assert drawn(first, weights, len(case["first_indices"])) == case["first_indices"]
        selected = select(seed, weights, case["protocol_id"], case["voting_round_id"], case["threshold_bips"])
        assert [recorded["voters"][index] for index in selected] == case["selected"]
    assert len(recorded["cases"]) == 42
    assert {case["threshold_bips"] for case in recorded["cases"]} == {500, 1000, 3000}


def test_every_search_of_the_reference_is_ours(reference):
    recorded = reference("finalizer_selection.json")["ts"]["binary_search"]
    before = starts(recorded["weights"])
    assert before == tuple(map(int, recorded["thresholds"]))
    for value, index in recorded["index_for_value"].items():
        assert voter_at(before, int(value)) == index
    assert len(recorded["index_for_value"]) == 20


def test_the_seeds_of_the_regression_test_follow_one_from_another(reference):
    recorded = reference("finalizer_selection.json")["ts_regression"]
    seed = initial_seed(int(recorded["reward_epoch_seed"], 16), recorded["protocol_id"], recorded["voting_round_id"])
    for expected in recorded["randoms"]:
        assert seed == unhex(expected)
        seed = keccak256(seed)
    assert len(recorded["randoms"]) == 5


def test_the_selection_of_go_is_ours(reference):
    recorded = reference("finalizer_selection.json")
    go = recorded["go"]
    for case in [*go["initial_hash_seed"], {**recorded["go_seed"], "seed": int(recorded["go_seed"]["seed"], 16)}]:
        seed = initial_seed(case["seed"], case["protocol_id"], case["voting_round_id"])
        assert seed == unhex(case["hash"])
    search = go["binary_search"]
    before = starts(go["weights"])
    assert [voter_at(before, value) for value in search["values"]] == search["indices"]
    assert (len(search["values"]), len(go["initial_hash_seed"])) == (18, 1)
    case = go["select"]
    selected = select(case["seed"], go["weights"], case["protocol_id"], case["voting_round_id"], case["threshold_bips"])
    assert {go["voters"][index] for index in selected} == {voter.lower() for voter in case["selected_set"]}
    assert len(selected) == len(case["selected_set"]) == 2


def test_voters_of_weight_zero_in_real_policies_are_met_as_by_the_reference(reference):
    recorded = reference("finalizer_selection.json")["zero_weight_voters"]
    policies = {(case["network"], case["rewardEpochId"]): case for case in reference("signing_policy.json")["real"]}
    for case in recorded["binary_search"]:
        weights = policies[case["network"], case["epoch"]]["weights"]
        before = starts(weights)
        assert sum(weights) == case["total"]
        assert [index for index, weight in enumerate(weights) if not weight] == case["zero_weight_indices"]
        differences = []
        for value in range(case["total"]):
            ours, plain = voter_at(before, value), bisect_right(before, value) - 1
            if ours != plain:
                differences.append((value, ours, plain, weights[ours], weights[plain]))
        assert differences == [tuple(difference.values()) for difference in case["differences"]]
    assert len(recorded["binary_search"]) == 3


def test_rounds_that_voters_of_weight_zero_change_are_ours(reference):
    recorded = reference("finalizer_selection.json")["zero_weight_voters"]
    (policy,) = [
        case
        for case in reference("signing_policy.json")["real"]
        if (case["network"], case["rewardEpochId"]) == ("flare", 392)
    ]
    seed = int(recorded["policy_seed"], 16)
    assert seed == int(policy["seed"], 16)
    for case in recorded["selection"]:
        protocol, round = case["protocol_id"], case["voting_round_id"]
        assert initial_seed(seed, protocol, round) == unhex(case["initial_seed"])
        selected = select(seed, policy["weights"], protocol, round, recorded["threshold_bips"])
        assert list(selected) == case["selected_indices"]
        assert [policy["voters"][index] for index in selected] == case["selected"]
        assert [policy["weights"][index] for index in selected] == case["selected_weights"]
    assert len(recorded["selection"]) == 4


def test_a_known_selection():
    weights = [5000, 0, 12000, 301, 0, 0, 7777, 40, 20000, 9999]
    seed = int.from_bytes(keccak256(b"seed of a policy"), "big")
    assert initial_seed(seed, 200, 77).hex() == "b79ecab9a48169b389478c44f9b583f75ee2b3d6a8bb67019d4941c7d37ebaa7"
    assert [select(seed, weights, 200, round, 3000) for round in range(77, 81)] == [(9, 2), (2, 8), (0, 8), (8,)]


def test_a_known_selection_with_voters_of_weight_zero():
    weights = [2, 0, 3, 0, 0, 4, 0, 2, 5, 0]
    assert [select(3, weights, 100, round, 5000) for round in range(1, 6)] == [
        (2, 8),
        (0, 4, 5, 8),
        (8, 5),
        (7, 8, 2),
        (2, 8),
    ]


def test_an_exact_hit_among_equal_starts_is_the_first_that_bisection_meets():
    before = starts([10, 0, 0, 0, 10, 5])
    assert before == (0, 10, 10, 10, 10, 20)
    assert [voter_at(before, value) for value in (0, 9, 10, 11, 19, 20, 25)] == [0, 0, 2, 4, 4, 5, 5]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.data())
def test_without_zero_weights_the_voter_is_the_owner_of_the_interval(weights, data):
    value = data.draw(st.integers(0, sum(weights)))
    assert voter_at(starts(weights), value) == bisect_right(starts(weights), value) - 1


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30).filter(any), st.integers(0, 2**256 - 1))
def test_a_selection_is_minimal_and_ends(weights, seed):
    wanted = sum(weights) * 5000 // 10000
    try:
        selected = select(seed, weights, 100, 1, 5000)
    except ProtocolError:
        assert min(weights) == 0
        return
    reached = [weights[index] for index in selected]
    assert len(set(selected)) == len(selected)
    assert sum(reached) >= wanted
    assert not selected or sum(reached[:-1]) < wanted


def test_the_share_is_five_percent_unless_told():
    assert len(select(7, [500] * 20, 100, 1)) == 1
    assert len(select(7, [500] * 20, 100, 1, 501)) == 2


def test_the_least_share_is_taken():
    assert len(select(7, [5000, 5000], 100, 1, 1)) == 1


def test_a_weight_of_two_is_always_reached():
    """Its first unit may go to a voter of weight 0, its second never."""
    selected = select(7, [0, 0, 2, 0, 0, 2, 0], 100, 1, 5000)
    assert {2, 5} & set(selected)


def test_a_share_that_rounds_to_nothing_selects_nobody():
    assert select(7, [10, 9], 100, 1, 500) == ()


@pytest.mark.parametrize("weights", [[], [0], [0, 0, 0]])
def test_voters_without_any_weight_select_nobody(weights):
    """There is no share to reach, so the reference draws nobody; go-flare-common does not take such a policy."""
    assert select(7, weights, 100, 1) == ()


def test_negative_weights_are_refused():
    with pytest.raises(ProtocolError, match="voters: expected weights from 0, was -1"):
        select(7, [3, -1], 100, 1)


def test_draws_that_can_never_reach_the_share_are_refused():
    """Every exact hit is answered by a voter of weight 0, and a weight of 1 has no other hits."""
    weights = [0, 0, 1, 0, 0, 1, 0]
    assert {weights[voter_at(starts(weights), value)] for value in range(2)} == {0}
    with pytest.raises(ProtocolError, match="voters: expected draws to reach a weight of 1, was 0 at most"):
        select(7, weights, 100, 1, 5000)


@pytest.mark.parametrize("threshold", [0, -1, 5001])
def test_shares_outside_of_the_reference_are_a_mistake(threshold):
    with pytest.raises(ValueError, match=f"threshold_bips: expected 1 to 5000, was {threshold}"):
        select(7, [1, 2], 100, 1, threshold)


@pytest.mark.parametrize(("before", "value"), [((), 0), ((0, 1), -1)])
def test_searches_without_an_answer_are_a_mistake(before, value):
    with pytest.raises(ValueError, match="expected voters and a value from 0"):
        voter_at(before, value)


@pytest.mark.parametrize("numbers", [(2**256, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, 2**256)])
def test_seeds_of_numbers_that_do_not_fit_are_refused(numbers):
    with pytest.raises(WireError):
        initial_seed(*numbers)
