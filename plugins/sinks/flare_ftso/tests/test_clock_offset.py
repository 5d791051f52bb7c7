"""By how much the machine's clock is off, from blocks of a chain whose clock is right."""

import random

import pytest

from chrono_flare_ftso.chain.clockoffset import ClockOffset, Offset

SECOND = 1_000_000_000
START = 1_795_000_000


def seen(
    off: float, *, seed: int = 1, blocks: int = 40, pace: float = 1.8, late: float = 0.4, wrong: int = 0
) -> Offset:
    """Return what is made of blocks at some pace, that come up to so many seconds after the first could."""
    chance, clock, made = random.Random(seed), ClockOffset(), START + random.Random(seed).random()
    for number in range(blocks):
        made += pace * chance.uniform(0.6, 1.4)
        timestamp = int(made) + (5 if wrong and number % wrong == 0 else 0)
        clock.seen(number, timestamp, int((made + 0.1 + chance.uniform(0, late) + off) * SECOND))
    found = clock.offset
    assert found is not None
    return found


@pytest.mark.parametrize("off", [-20.0, -3.0, -0.4, 0.0, 0.3, 1.5, 3.0, 45.0])
@pytest.mark.parametrize("seed", range(20))
def test_the_offset_lies_within_what_is_told(off, seed):
    found = seen(off, seed=seed)
    assert abs(found.seconds - off) <= found.uncertainty
    assert abs(found.surely) <= abs(off)


@pytest.mark.parametrize("pace", [0.2, 1.0, 2.0, 15.0])
@pytest.mark.parametrize("phase", [0.0, 0.5, 0.99])
def test_blocks_at_a_steady_pace_hide_no_more_than_a_second(pace, phase):
    """All are made at the same part of a second, so none says where in it."""
    clock = ClockOffset()
    for number in range(40):
        made = START + phase + pace * number
        clock.seen(number, int(made), int((made + 0.2) * SECOND))
    found = clock.offset
    assert found is not None
    assert abs(found.seconds) <= found.uncertainty


def test_one_maker_of_eight_whose_clock_is_ahead_is_left_out():
    assert abs(seen(0.0, blocks=32, wrong=10).seconds) <= 0.75


def test_a_block_that_comes_very_late_costs_nothing():
    clock = ClockOffset()
    for number in range(32):
        late = 60 if number % 2 else 0.2
        clock.seen(number, START + number, int((START + number + 0.3 + late) * SECOND))
    assert clock.offset is not None
    assert clock.offset.verdict == "right"


def test_nothing_is_known_of_the_first_three_blocks():
    clock = ClockOffset()
    for number in range(3):
        clock.seen(number, START + number, (START + number) * SECOND)
        assert clock.offset is None
    clock.seen(3, START + 3, (START + 3) * SECOND)
    assert clock.offset is not None


def test_a_head_that_is_seen_again_tells_nothing_new():
    clock = ClockOffset()
    for at in range(10):
        clock.seen(7, START, (START + at) * SECOND)
    assert clock.offset is None


def test_a_clock_that_is_set_is_right_after_as_many_blocks_as_are_remembered():
    clock = ClockOffset()
    for number in range(32):
        clock.seen(number, START + number, (START + number + 10) * SECOND)
    assert clock.offset is not None
    assert clock.offset.verdict == "wrong"
    for number in range(32, 64):
        clock.seen(number, START + number, int((START + number + 0.4) * SECOND))
    assert clock.offset.verdict == "right"


@pytest.mark.parametrize(
    ("off", "verdict"),
    [(0.0, "right"), (3.0, "wrong"), (-3.0, "wrong"), (30.0, "wrong"), (1.6, "off"), (-1.2, "off")],
)
def test_three_seconds_are_wrong_and_more_than_one_is_off(off, verdict):
    assert {seen(off, seed=seed).verdict for seed in range(10)} == {verdict}
