"""Codes as sentences: every code of the core has one, and what has none is told all the same."""

from __future__ import annotations

from typing import Any

import pytest

from chrono.core.prose import PHRASES, sentence
from chrono.core.registry import Registry
from chrono.core.types import Code

TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "no_data": ({}, "nothing of what the aggregator reads was ever received"),
    "renamed": ({}, "the asset goes by another name at this time"),
    "insufficient_data": ({"n": 1, "wanted": 3}, "observations in the window: 1, wanted by the aggregator: 3"),
    "stale": ({"age_s": 41.2, "limit_s": 30.0}, "the newest observation is 41.2 s old, 30 s are allowed"),
    "invalid_value": ({"value": "nan"}, "what was computed is no price: nan"),
    "rate_missing": ({"rate": "A/USD", "cause": "no_quorum"}, "the rate A/USD has no value: no quorum"),
    "rate_stale": ({"rate": "A/USD", "age_s": 9.0, "limit_s": 3.0}, "the rate A/USD is 9 s old, 3 s are allowed"),
    "rate_paths_differ": (
        {"path": "A/USD", "other": "A/B B/USD", "gap": 0.02, "limit": 0.01},
        "two ways of converting it, A/USD and A/B B/USD, are 2% apart, 1% are allowed",
    ),
    "outlier": ({"deviation": -0.03, "limit": 0.002}, "-3% from the middle of the venues, 0.2% are allowed"),
    "no_quorum": ({"used": 1, "wanted": 3}, "independent venues left: 1, needed: 3"),
    "disputed": ({"rejected": 0.5, "limit": 0.4}, "50% of the venues alive were rejected, 40% are allowed"),
    "depeg": ({"rate": "A/USD", "value": 0.97, "limit": 0.01}, "A/USD is off its peg: 0.97 is more than 1% from 1"),
    "conversion_gap": (
        {"gap": 0.02, "limit": 0.01},
        "converted markets are 2% from those that need no conversion, 1% are ordinary",
    ),
    "held": (
        {"since_s": 4.0, "reason": "no_quorum"},
        "it is the value of 4 s before, in place of one that was refused: no quorum",
    ),
    "max_jump": (
        {"value": 120.0, "previous": 100.0, "limit": 0.1},
        "120 is more than 10% from the last value 100, and too few venues moved with it",
    ),
    "out_of_bounds": ({"value": 12.5, "min": 20, "max": None}, "12.5 lies outside the limits, 20 to no limit"),
    "below_precision": ({"value": 1e-09, "decimals": 5}, "1e-09 rounds to zero at 5 decimals"),
    "component_failed": ({"component": "mine"}, "mine raised what its contract does not allow; the log says what"),
    "flatline": (
        {"moved": 0.006, "limit": 0.005},
        "it repeats one price while the others moved by 0.6%, 0.5% are allowed",
    ),
    "deviation": ({"deviation": 0.1, "limit": 0.0024}, "10% from the other venues, 0.24% are allowed"),
    "drift": (
        {"scales": 5.5, "sum": 101.0, "limit": 100.0},
        "5.5 scales from the other venues for long: 101 added up, 100 are allowed",
    ),
    "quarantine": (
        {"deviation": 0.0001, "left_s": 3.5},
        "it agrees again, 0.01% from the other venues, and is let back in after 3.5 s more",
    ),
}


@pytest.mark.parametrize("code", sorted(PHRASES))
def test_code_is_a_sentence_with_its_numbers(code: str) -> None:
    """No number is left out, none is missing."""
    numbers, wanted = TOLD[code]
    assert sentence({"code": code, **numbers}) == wanted


def test_every_code_of_the_core_has_a_phrase() -> None:
    """Those of the detectors that need no plugin, too."""
    detectors = {entry.cls.type for entry in Registry(found=()).entries()[0] if entry.kind == "detector"}
    assert set(PHRASES) == {*Code, *detectors, "quarantine"} == set(TOLD)


def test_code_of_a_plugin_is_told_with_its_numbers() -> None:
    """There is no phrase for it, and none is made up."""
    assert sentence({"code": "too_quiet", "detector": "mine", "score": 2.25}) == "too quiet (score 2.25)"


@pytest.mark.parametrize("reason", [{"code": "stale"}, {"code": "stale", "age_s": "?", "limit_s": None}])
def test_phrase_that_cannot_be_filled_gives_way_to_the_code(reason: dict[str, Any]) -> None:
    """A plugin may use a word of the core for numbers of its own."""
    assert sentence(reason).startswith("stale")


def test_numbers_that_a_phrase_leaves_out_follow_in_brackets() -> None:
    """Such as the turnover that was wanted for a quorum."""
    reason = {"code": "no_quorum", "used": 3, "wanted": 3, "turnover": 12.5, "turnover_wanted": 100.0}
    told = "independent venues left: 3, needed: 3 (turnover 12.5, turnover wanted 100)"
    assert sentence(reason) == told
