"""Reason codes as sentences for people: the one table of them."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from chrono.core.sinks import say
from chrono.core.types import Reason

PHRASES: Mapping[str, str] = {
    "no_data": "nothing of what the aggregator reads was ever received",
    "renamed": "the asset goes by another name at this time",
    "insufficient_data": "observations in the window: {n}, wanted by the aggregator: {wanted}",
    "stale": "the newest observation is {age_s:s} old, {limit_s:s} are allowed",
    "invalid_value": "what was computed is no price: {value}",
    "rate_missing": "the rate {rate} has no value: {cause:code}",
    "rate_stale": "the rate {rate} is {age_s:s} old, {limit_s:s} are allowed",
    "rate_paths_differ": "two ways of converting it, {path} and {other}, are {gap:%} apart, {limit:%} are allowed",
    "outlier": "{deviation:%} from the middle of the venues, {limit:%} are allowed",
    "no_quorum": "independent venues left: {used}, needed: {wanted}",
    "disputed": "{rejected:%} of the venues alive were rejected, {limit:%} are allowed",
    "depeg": "{rate} is off its peg: {value} is more than {limit:%} from 1",
    "conversion_gap": "converted markets are {gap:%} from those that need no conversion, {limit:%} are ordinary",
    "held": "it is the value of {since_s:s} before, in place of one that was refused: {reason:code}",
    "max_jump": "{value} is more than {limit:%} from the last value {previous}, and too few venues moved with it",
    "out_of_bounds": "{value} lies outside the limits, {min} to {max}",
    "below_precision": "{value} rounds to zero at {decimals} decimals",
    "component_failed": "{component} raised what its contract does not allow; the log says what",
    "flatline": "it repeats one price while the others moved by {moved:%}, {limit:%} are allowed",
    "deviation": "{deviation:%} from the other venues, {limit:%} are allowed",
    "drift": "{scales:z} scales from the other venues for long: {sum:z} added up, {limit:z} are allowed",
    "quarantine": "it agrees again, {deviation:%} from the other venues, and is let back in after {left_s:s} more",
}
"""A sentence for each code, with the numbers of its reason; what a sentence leaves out follows in brackets."""

_BESIDE = ("code", "detector")


class _Numbers(string.Formatter):
    """Seconds as `s`, parts of one as `%`, plain numbers to four digits as `z`, codes as `code`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "code":
            return str(value).replace("_", " ")
        if isinstance(value, str):
            return value
        if format_spec == "s":
            return f"{value:.4g} s"
        if format_spec == "%":
            return percent(value)
        if value is None:
            return "no limit"
        return f"{value:.4g}" if format_spec == "z" else f"{value:.10g}" if isinstance(value, float) else str(value)


_numbers = _Numbers()


def percent(part: float) -> str:
    """Write a part of one as a percentage.

    Examples
    --------
    >>> percent(0.1), percent(-0.00031234)
    ('10%', '-0.03123%')
    """
    return f"{part * 100:.4g}%"


def sentence(reason: Reason) -> str:
    """Put a reason into a sentence; where its code has none, the code itself and its numbers.

    Examples
    --------
    >>> sentence({"code": "stale", "age_s": 41.2, "limit_s": 30.0})
    'the newest observation is 41.2 s old, 30 s are allowed'
    >>> sentence({"code": "strange", "detector": "mine", "score": 2.0})
    'strange (score 2)'
    """
    numbers = {key: value for key, value in reason.items() if key not in _BESIDE}
    phrase = PHRASES.get(str(reason["code"]))
    if phrase is None:
        return say({"code": reason["code"], **numbers})
    try:
        told = _numbers.vformat(phrase, (), numbers)
    except (KeyError, ValueError, TypeError):
        return say({"code": reason["code"], **numbers})
    rest = {key: value for key, value in numbers.items() if key not in _named(phrase)}
    return f"{told}{say({'code': '', **rest})}"


def _named(phrase: str) -> Sequence[str]:
    return [name for _, name, _, _ in string.Formatter().parse(phrase) if name]
