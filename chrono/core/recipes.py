"""How feeds are priced, as plain data: what is written down of a pipeline to explain its prices years later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from chrono.core.component import Component, Secret
from chrono.core.pricing import Peg, Plan
from chrono.core.rates import Leg
from chrono.core.types import Feed, Market


class Part(msgspec.Struct, frozen=True):
    """A component in words: its name in the pipeline, its type, and its options, a reference in place of a secret.

    An aggregator says what it `reads`, over how many nanoseconds; a detector its `stage`; a consensus how many groups
    it wants and how many nanoseconds old an estimate may be.
    """

    name: str
    type: str
    options: Mapping[str, str | None] = {}
    reads: str = ""
    span: int = 0
    stage: str = ""
    wanted: int = 0
    max_age: int | None = None

    @classmethod
    def of(cls, component: Component) -> Part:
        """Describe a component."""
        return cls(
            component.context.name,
            component.type,
            {str(name): _shown(value) for name, value in component.config.__repr_args__()},
            getattr(component, "reads", ""),
            getattr(component, "span", 0),
            getattr(component, "stage", ""),
            getattr(component, "wanted", 0),
            None if (limit := getattr(component, "max_age", None)) is None else int(limit),
        )


class Recipe(msgspec.Struct, frozen=True):
    """How one feed is priced: a plan whose components are described.

    `conversions` maps each of the feed's markets, by name, to its legs, if any; `alternatives` maps markets to another
    way to the same currency.
    """

    feed: Feed
    aggregator: Part
    consensus: Part
    native: tuple[Part, ...] = ()
    cohort: tuple[Part, ...] = ()
    conversions: Mapping[str, tuple[Leg, ...]] = {}
    alternatives: Mapping[str, tuple[Leg, ...]] = {}
    pegs: tuple[str, ...] = ()
    pegged: bool = False
    peg: Peg = Peg()

    @classmethod
    def of(cls, plan: Plan) -> Recipe:
        """Describe a plan."""
        ways = {str(market): legs for market, legs in plan.conversions.items()}
        return cls(
            plan.feed,
            Part.of(plan.aggregator),
            Part.of(plan.consensus),
            tuple(map(Part.of, plan.native)),
            tuple(map(Part.of, plan.cohort)),
            ways,
            {name: plan.alternatives[legs] for name, legs in ways.items() if legs in plan.alternatives},
            plan.pegs,
            plan.pegged,
            plan.peg,
        )

    def ways(self, market: Market) -> tuple[tuple[Leg, ...], tuple[Leg, ...]]:
        """Return the legs from a market to the feed's quote, and those of another way, empty where there is none."""
        return self.conversions[str(market)], self.alternatives.get(str(market), ())

    @property
    def legs(self) -> Iterator[Leg]:
        """Every leg that one of its markets may go over."""
        for ways in (self.conversions, self.alternatives):
            for legs in ways.values():
                yield from legs


class Description(msgspec.Struct, frozen=True):
    """A pipeline in words: its name, the nanoseconds between rounds, and how each feed and each rate is priced."""

    pipeline: str
    every: int
    recipes: tuple[Recipe, ...]


def described(name: str, every: int, plans: Iterable[Plan]) -> Description:
    """Describe a pipeline."""
    return Description(name, every, tuple(map(Recipe.of, plans)))


def behind(recipes: Mapping[str, Recipe], feed: str) -> Sequence[str]:
    """Return the rates that a feed needs and those that they need, each once."""
    return list(dict.fromkeys(_rates(recipes, feed)))


def _rates(recipes: Mapping[str, Recipe], feed: str) -> Iterator[str]:
    for leg in recipes[feed].legs:
        yield leg.rate
        yield from _rates(recipes, leg.rate)


def _shown(value: Any) -> str | None:
    return value.written if isinstance(value, Secret) else None if value is None else str(value)
