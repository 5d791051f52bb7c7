"""Voting rounds, reward epochs, deadlines."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.epochs import (
    Deadlines,
    benching_window,
    first_round,
    last_round,
    policy_in_force,
    policy_start,
    reveal_deadline,
    reward_epoch,
    reward_epoch_start,
    round_end,
    round_start,
    voting_round,
)
from chrono_flare_ftso.protocol.errors import NoResult
from chrono_flare_ftso.protocol.networks import COSTON, COSTON2, FLARE, NETWORKS, SONGBIRD

chains = st.sampled_from(sorted(NETWORKS)).map(NETWORKS.__getitem__)
rounds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Local:
    """The reference's timing for tests on one machine: rounds and reward epochs do not start at zero."""

    first_voting_round_start: int = 1_707_110_090
    voting_round_seconds: int = 20
    reveal_seconds: int = 10
    first_reward_epoch_round: int = 1000
    reward_epoch_rounds: int = 5


def test_the_reference_settings_are_those_of_the_networks(reference):
    settings = reference("epoch_ids.json")["settings"]
    assert len(settings) == 4
    for name, told in settings.items():
        chain = NETWORKS[name]
        assert told == [
            chain.first_voting_round_start,
            chain.voting_round_seconds,
            chain.first_reward_epoch_round,
            chain.reward_epoch_rounds,
            chain.reveal_seconds,
        ]


def test_every_case_of_the_reference_is_reproduced(reference):
    cases = reference("epoch_ids.json")["cases"]
    assert len(cases) == 36
    for case in cases:
        chain = NETWORKS[case["network"]]
        round = voting_round(chain, case["ts"])
        epoch = reward_epoch(chain, round)
        assert {
            "network": chain.name,
            "ts": case["ts"],
            "voting_epoch": round,
            "voting_epoch_start": round_start(chain, round),
            "voting_epoch_end_inclusive": round_end(chain, round),
            "reveal_deadline_inclusive": reveal_deadline(chain, round),
            "expected_reward_epoch": epoch,
            "reward_epoch_expected_start": reward_epoch_start(chain, epoch),
            "reward_epoch_expected_first_round": first_round(chain, epoch),
        } == case


def test_the_cases_of_the_python_reference_are_reproduced(reference):
    one, two, three = reference("epoch_ids.json")["py"]
    timing = replace(FLARE, first_voting_round_start=one["first_epoch_ts"], voting_round_seconds=one["duration"])
    round = one["id"]
    assert round_start(timing, round) == one["start"]
    assert round_end(timing, round) + 1 == one["end_exclusive"]
    assert reveal_deadline(timing, round) + 1 == one["reveal_deadline"]
    assert reward_epoch(timing, round) == one["expected_reward_epoch"]
    assert voting_round(timing, two["ts"]) == two["id"]
    assert first_round(timing, three["reward_epoch"]) == three["first_voting_epoch"]


def test_real_reward_epochs_start_and_end_as_expected(reference):
    cases = reference("epoch_ids.json")["real"]
    assert len(cases) == 3
    for case in cases:
        chain, epoch = NETWORKS[case["network"]], case["reward_epoch"]
        assert first_round(chain, epoch) == case["expectedStartVotingRoundId"] == case["startVotingRoundId"]
        assert last_round(chain, epoch) == case["expectedEndVotingRoundId"] == case["endVotingRoundId"]
        picked = voting_round(chain, case["votePowerTimestamp"])
        assert reward_epoch(chain, picked) == epoch - 1


@pytest.mark.parametrize(
    ("chain", "second", "round", "epoch"),
    [
        (FLARE, 1_658_430_000, 0, 0),
        (FLARE, 1_795_342_500, 1_521_250, 452),
        (SONGBIRD, 1_795_342_500, 1_521_250, 452),
        (SONGBIRD, 1_795_342_454, 1_521_249, 452),
        (COSTON, 1_795_342_500, 1_521_250, 6338),
        (COSTON2, 1_795_342_499, 1_521_249, 6338),
        (Local(), 1_707_130_189, 1004, 0),
        (Local(), 1_707_130_190, 1005, 1),
    ],
)
def test_a_second_is_in_its_voting_round_and_reward_epoch(chain, second, round, epoch):
    assert voting_round(chain, second) == round
    assert reward_epoch(chain, round) == epoch


def test_seconds_before_the_first_round_are_in_negative_ones():
    assert voting_round(FLARE, FLARE.first_voting_round_start - 1) == -1
    assert voting_round(FLARE, FLARE.first_voting_round_start - 91) == -2


@pytest.mark.parametrize(("timing", "round", "first"), [(FLARE, -1, 0), (Local(), 999, 1000)])
def test_no_reward_epoch_is_expected_before_the_first(timing, round, first):
    with pytest.raises(ValueError, match=f"^expected a voting round from {first} on, was {round}$"):
        reward_epoch(timing, round)


@given(chains, rounds)
def test_a_round_is_where_its_seconds_are(chain, round):
    start, end = round_start(chain, round), round_end(chain, round)
    assert end - start == 89
    assert voting_round(chain, start) == voting_round(chain, end) == round
    assert voting_round(chain, start - 1) == round - 1
    assert voting_round(chain, end + 1) == round + 1


@given(chains, rounds)
def test_a_reward_epoch_is_where_its_rounds_are(chain, round):
    epoch = reward_epoch(chain, round)
    assert first_round(chain, epoch) <= round <= last_round(chain, epoch)
    assert last_round(chain, epoch) + 1 == first_round(chain, epoch + 1)
    assert reward_epoch(chain, first_round(chain, epoch)) == reward_epoch(chain, last_round(chain, epoch)) == epoch
    assert voting_round(chain, reward_epoch_start(chain, epoch)) == first_round(chain, epoch)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@given(second=st.integers(1_658_430_000, 2**34))
def test_the_python_reference_agrees(name, second):
    timing = pytest.importorskip("py_flare_common.fsp.epoch.timing", reason="py-flare-common before 0.1.11 has none")
    theirs = getattr(timing, f"{name}_voting_epoch_factory").from_timestamp(second)
    chain = NETWORKS[name]
    round = voting_round(chain, second)
    assert (theirs.id, theirs.start_s, theirs.end_s) == (round, round_start(chain, round), round_end(chain, round) + 1)
    assert theirs.reveal_deadline() == reveal_deadline(chain, round) + 1
    epoch = theirs.to_reward_epoch()
    assert epoch.id == reward_epoch(chain, round)
    assert epoch.start_s == reward_epoch_start(chain, epoch.id)
    assert epoch.to_first_voting_epoch().id == first_round(chain, epoch.id)


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [("commit", 0, 89), ("reveal", 90, 134), ("signature_grace", 135, 149), ("finalization_grace", 135, 155)],
)
def test_windows_of_a_round_include_their_last_second_and_not_the_next(window, first, last):
    start = round_start(FLARE, 1_317_120)
    found = getattr(Deadlines.of(FLARE, 1_317_120), window)
    assert [second in found for second in (start + first - 1, start + first, start + last, start + last + 1)] == [
        False,
        True,
        True,
        False,
    ]
    assert (found.start, found[-1]) == (start + first, start + last)


def test_rewards_of_a_round_end_with_the_round_after():
    deadlines = Deadlines.of(SONGBIRD, 7)
    assert deadlines.round == 7
    assert deadlines.end == round_start(SONGBIRD, 7) + 179 == round_end(SONGBIRD, 8)


def test_deadlines_follow_any_timing():
    deadlines = Deadlines.of(Local(), 1000)
    start = 1_707_130_090
    assert deadlines.commit == range(start, start + 20)
    assert deadlines.reveal == range(start + 20, start + 30)
    assert deadlines.end == start + 39


@given(chains, rounds)
def test_a_commit_and_a_reveal_count_exactly_where_the_reference_counts_them(chain, round):
    deadlines = Deadlines.of(chain, round)
    start = round_start(chain, round)
    for second in range(start - 1, start + 181):
        at = voting_round(chain, second)
        into = second - round_start(chain, at)
        assert (second in deadlines.commit) == (at == round)
        assert (second in deadlines.reveal) == (at == round + 1 and into < 45)
        assert (second in deadlines.signature_grace) == (at == round + 1 and 45 <= into < 60)
        assert (second in deadlines.finalization_grace) == (at == round + 1 and 45 <= into <= 65)
        assert (second > deadlines.end) == (at > round + 1)


@pytest.mark.parametrize(
    ("set_in", "start"),
    [(0, 1_317_120), (1_317_116, 1_317_120), (1_317_117, 1_317_121), (1_317_120, 1_317_124), (1_318_000, 1_318_004)],
)
def test_a_policy_starts_as_expected_or_three_whole_rounds_after_it_was_set(set_in, start):
    assert policy_start(FLARE, 392, set_in, FLARE.parameters.policy_delay_rounds) == start


@pytest.mark.parametrize(
    ("round", "epoch"), [(3360, 1), (6719, 1), (6720, 1), (6723, 1), (6724, 2), (10_080, 3), (99_999, 3)]
)
def test_a_round_belongs_to_the_last_policy_that_has_started(round, epoch):
    starts = [(3360, 1), (6724, 2), (10_080, 3)]
    assert policy_in_force(starts, round) == epoch
    assert policy_in_force(reversed(starts), round) == epoch
    assert policy_in_force(iter(starts), round) == epoch


def test_of_two_policies_that_start_together_the_later_epoch_counts():
    assert policy_in_force([(10, 2), (10, 1)], 10) == 2


def test_a_round_before_every_policy_has_none():
    with pytest.raises(NoResult) as e:
        policy_in_force([(20, 3), (10, 2)], 9)
    assert str(e.value) == (
        "voting round 9: expected a signing policy that starts by then, was none: the first starts with 10"
    )
    with pytest.raises(NoResult, match="was none: none is known$"):
        policy_in_force([], 9)


def test_the_benching_window_is_the_twenty_rounds_before():
    assert list(benching_window(1_008_123)) == list(range(1_008_103, 1_008_123))


@pytest.mark.parametrize(("first", "start"), [(900, 980), (980, 980), (981, 981), (1000, 1000)])
def test_the_benching_window_of_the_first_reward_epoch_does_not_reach_before_it(first, start):
    assert benching_window(1000, first=first) == range(start, 1000)
