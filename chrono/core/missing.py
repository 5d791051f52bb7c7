"""What a sink is given in place of a feed that was refused: the option `on_missing`, and what it does to a report.

On one chain an empty vote costs and on another a wrong one does, so it is for each sink, and each feed of it, to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from chrono.core.types import SECOND, Code, Missing, Price, Report
from chrono.core.units import Duration

HELD = Code.HELD.value
"""The code of the notice that a value is an earlier round's."""

_EXPECTED = "expected skip, fail or {last: {max_age: 30s}}"
_WORDS = ("skip", "fail")


def _no_switch(value: Any) -> Any:
    """Refuse true and false where a number is wanted, as text; Python would count true as 1."""
    return str(value).lower() if isinstance(value, bool) else value


class Last(BaseModel):
    """How old a value may be that stands for one that was refused, and how much it had to be trusted."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    max_age: Duration = Field(gt=0, examples=["30s"])
    """The longest time between the round it is of and the round it stands in for."""

    min_confidence: Annotated[float, BeforeValidator(_no_switch)] = Field(default=0.5, ge=0, le=1)
    """The least confidence that it was given with."""


def _word(value: Any) -> Any:
    if value in _WORDS:
        return value
    if isinstance(value, Mapping) and "last" in value:
        beside = ", ".join(repr(key) for key in value if key != "last")
        raise ValueError(f"expected `last` alone or below a feed or default, was beside {beside}")
    if not isinstance(value, str):
        raise ValueError(_EXPECTED)
    near = get_close_matches(value, [*_WORDS, "last"], 1) if value != "last" else ()
    raise ValueError(f"{_EXPECTED}, was {value!r}" + "".join(f"; did you mean {word!r}?" for word in near))


def _form_of_one(value: Any) -> str:
    return "last value" if isinstance(value, Mapping) and set(value) == {"last"} else "one word"


def _form(value: Any) -> str:
    return "each feed" if isinstance(value, Mapping) and "last" not in value else _form_of_one(value)


# the tags are no words of a pipeline file: they stand in the places of errors between its keys
_Word: TypeAlias = Annotated[Literal["skip", "fail"], BeforeValidator(_word), Tag("one word")]
_LastValue: TypeAlias = Annotated[dict[Literal["last"], Last], Field(min_length=1), Tag("last value")]

Rule: TypeAlias = Annotated[_Word | _LastValue, Discriminator(_form_of_one)]
"""What to do for one feed: `skip`, `fail`, or `{"last": Last}`."""

_EachFeed: TypeAlias = Annotated[dict[str, Rule], Field(min_length=1), Tag("each feed")]

OnMissing: TypeAlias = Annotated[_Word | _LastValue | _EachFeed, Discriminator(_form)]
"""A rule for all feeds, or rules by feed, `default` for those that are not named."""


def named(on_missing: Any) -> Sequence[str]:
    """Return the feeds that have a rule of their own.

    Examples
    --------
    >>> named({"BTC/USD": "fail", "default": "skip"}), named("fail")
    (['BTC/USD'], [])
    """
    single = isinstance(on_missing, str) or "last" in on_missing
    return [] if single else [feed for feed in on_missing if feed != "default"]


class Policy:
    """Does to the reports of one sink what its option `on_missing` says; they come in the order they are given in.

    Parameters
    ----------
    on_missing : OnMissing
        As validated by the sink's `Config`.

    Notes
    -----
    It remembers one price for each feed that may be held, and nothing beyond its own life.

    Examples
    --------
    >>> Policy({"BTC/USD": "fail"}).rule("BTC/USD"), Policy({"BTC/USD": "fail"}).rule("ETH/USD")
    ('fail', 'skip')
    """

    def __init__(self, on_missing: Any) -> None:
        single = isinstance(on_missing, str) or "last" in on_missing
        self._rules: Mapping[str, Rule] = {"default": on_missing} if single else on_missing
        self._given: dict[str, tuple[int, Price]] = {}

    @classmethod
    def of(cls, config: Any) -> Policy | None:
        """Return the policy of a sink's options; None where they leave every report as it is."""
        policy = cls(getattr(config, "on_missing", "skip"))
        return policy if any(rule != "skip" for rule in policy._rules.values()) else None

    def rule(self, feed: str) -> Rule:
        """Return what is to be done when a feed has no value."""
        return self._rules.get(feed) or self._rules.get("default", "skip")

    def lacking(self, report: Report) -> Sequence[Missing]:
        """Return the feeds without a value that a report must not be handed over without."""
        return [
            result for result in report.results if isinstance(result, Missing) and self.rule(result.feed.name) == "fail"
        ]

    def apply(self, report: Report) -> Report:
        """Return a report as it is handed over, last values in place of refusals, and remember its prices.

        Parameters
        ----------
        report : Report
            One that is handed over: what it holds counts as given.

        Returns
        -------
        Report
            The same one where nothing is held.
        """
        results = tuple(self._result(result, report.round.as_of) for result in report.results)
        same = all(mine is theirs for mine, theirs in zip(results, report.results, strict=True))
        return report if same else msgspec.structs.replace(report, results=results)

    def forget(self) -> None:
        """Hold nothing that was given before: another run begins."""
        self._given.clear()

    def _result(self, result: Price | Missing, as_of: int) -> Price | Missing:
        feed = result.feed.name
        rule = self.rule(feed)
        if isinstance(rule, str):
            return result
        if isinstance(result, Price):
            self._given[feed] = as_of, result
            return result
        return self._held(result, rule["last"], as_of) or result

    def _held(self, missing: Missing, last: Last, as_of: int) -> Price | None:
        """Return a feed's last price as it stands for a refusal; None where it may not."""
        given, price = self._given.get(missing.feed.name, (0, None))
        since = as_of - given
        if price is None or not 0 <= since <= last.max_age or price.confidence < last.min_confidence:
            return None
        notice = {"code": HELD, "since_s": since / SECOND, "reason": missing.reason["code"]}
        return msgspec.structs.replace(price, age=price.age + since, notices=(*price.notices, notice))
