"""From a pipeline file and what is installed to a pipeline that is ready to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chrono.core import config as configuration
from chrono.core import missing, rates
from chrono.core.assets import FIAT, Rename, rename
from chrono.core.builtin import Push
from chrono.core.clock import Schedule
from chrono.core.component import Aggregator, Component, Consensus, Context, Detector, Source
from chrono.core.config import Declared, FeedConfig, PipelineConfig
from chrono.core.config.explain import nearest
from chrono.core.errors import ConfigError, PluginError
from chrono.core.pipeline import Pipeline, Retention
from chrono.core.pricing import Peg, Plan
from chrono.core.rates import Leg
from chrono.core.registry import Registry
from chrono.core.types import Feed, Limits, Market, Pair

DEFAULT_AGGREGATOR = "last"
DEFAULT_PEGGED_AGGREGATOR = "steady"
"""Of stablecoins: what stands still can be averaged, and what it converts is as noisy as it is."""
DEFAULT_DETECTORS = ("flatline", "deviation", "drift")
DEFAULT_CONSENSUS = "median"
STABLE = "USD"
"""A feed in this currency is by default also priced from its pairs in the other `quotes`, which are pegged to it."""

MAX_ALTERNATIVE = 2
"""Legs of another way that a conversion is compared with: each leg adds its error."""

MAX_DISPUTED = 2 / 3
"""The share of the venues alive that may be rejected before a feed has no value."""
MAX_DISPUTED_RATE = 1 / 3
"""The same for rates: what is wrong with one is wrong with all that it converts."""


def build(source: Path | str, registry: Registry, *, filename: str = "pipeline.yaml") -> Pipeline:
    """Read a pipeline file, check all of it, and wire it.

    Parameters
    ----------
    source : Path or str
        A file, or the text of one.
    registry : Registry
        Where components are found.
    filename : str
        What to call a text in messages.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    try:
        config = configuration.load(source, registry.component, filename=filename)
    except ConfigError as error:
        found = _Builder(error.partial, registry).cross_check() if error.partial else []
        raise ConfigError(*configuration.in_order([*error.problems, *found])) from None
    return wire(config, registry)


def wire(config: PipelineConfig, registry: Registry) -> Pipeline:
    """Return the pipeline of a configuration that has been read, or made.

    Raises
    ------
    ConfigError
        With one line for each problem.
    """
    return _Builder(config, registry).pipeline()


class _Builder:
    """One pipeline in the making."""

    def __init__(self, config: PipelineConfig, registry: Registry) -> None:
        self.config = config
        self.registry = registry
        self.problems: list[str] = []
        self.sources: dict[str, Source] = {
            name: _make(declared, name) if _sound(declared) else Push(context=Context(name))
            for name, declared in config.sources.items()
        }
        self.made: dict[int, Component] = {}
        self.standard: dict[tuple[str, str], Declared] = {}
        self.feeds: dict[str, Feed] = {}
        self.settings: dict[str, FeedConfig] = {}
        self.conversions: dict[str, dict[Market, tuple[Leg, ...]]] = {}
        self.faulty: set[str] = set()
        self.unreachable: set[str] = set()
        self.needed_at: dict[str, str] = {}

    def cross_check(self) -> list[str]:
        """Return what only the whole of a file shows; what is faulty in itself gives rise to nothing more."""
        self._prepare()
        return self.problems

    def _prepare(self) -> list[Plan]:
        for name in self.config.feeds:
            self._feed(name, self.config.feed(name))
        for name in list(self.feeds):
            self._convert(name)
        self._symbols()
        self._missing()
        return self._plans()

    def pipeline(self) -> Pipeline:
        """Return the pipeline.

        Raises
        ------
        ConfigError
            If only the whole of the file shows that it cannot be.
        """
        plans = self._prepare()
        if self.problems:
            raise ConfigError(*configuration.in_order(self.problems))
        horizons: dict[Market, int] = {}
        for plan in plans:
            for market in plan.feed.markets:
                horizons[market] = max(horizons.get(market, 0), plan.aggregator.span)
        return Pipeline(
            name=self.config.name,
            schedule=Schedule(int(self.config.every)),
            plans=plans,
            sources=self.sources,
            sinks={name: _make(declared, name) for name, declared in self.config.sinks.items()},
            markets={source: [market for market in horizons if market.source == source] for source in self.sources},
            horizons=horizons,
            registry=self.registry,
            state_path=self.config.state,
            flight_recorder=_retention(self.config.flight_recorder),
        )

    def _feed(self, name: str, settings: FeedConfig, *, published: bool = True) -> None:
        """Take one feed in, with its markets."""
        pair = Pair.parse(name)
        before = len(self.problems)
        found = dict.fromkeys(self._stated(name, pair, settings) if settings.markets else self._default(pair, settings))
        if len(self.problems) > before:
            self.faulty.add(name)
        elif not found and published and not settings.markets:
            self._problem(f"feeds.{name}", f"expected a source that lists {pair}, none does; add one, or state markets")
        jump = settings.limits.max_jump
        disputed = settings.limits.max_disputed
        # plain numbers: reasons are written as JSON
        limits = Limits(
            None if jump is None else float(jump),
            settings.limits.min,
            settings.limits.max,
            None if disputed is None else float(disputed),
        )
        self.settings[name] = settings
        self.feeds[name] = Feed(
            name=name,
            pair=pair,
            decimals=settings.decimals,
            markets=tuple(sorted(found, key=str)),
            category=settings.category,
            limits=limits,
            published=published,
            place=len(self.feeds),
        )

    def _default(self, pair: Pair, settings: FeedConfig) -> Iterator[Market]:
        """Yield a feed's pair, and its pairs in the other quotes, at every source that may list them."""
        quotes = settings.quotes or self.config.quotes
        # a stablecoin also from its pairs in those before it, so that no two need each other
        others = quotes[: quotes.index(pair.base)] if pair.base in quotes else quotes
        others = others if pair.quote == STABLE else ()
        for quote in dict.fromkeys((pair.quote, *others)):
            for source in self.sources:
                market = self._market(source, Pair(pair.base, quote))
                if isinstance(market, Market):
                    yield market

    def _stated(self, name: str, pair: Pair, settings: FeedConfig) -> Iterator[Market]:
        for index, pattern in enumerate(settings.markets or ()):
            path = f"feeds.{name}.markets[{index}]"
            if pattern.pair.base != pair.base and rename(pattern.pair.base, pair.base) is None:
                wanted = f"expected a market of {pair.base}, was {pattern}; a feed converts quotes, never its base"
                self._problem(path, wanted)
                continue
            refused = ""
            matched = False
            for source in self.sources:
                if pattern.matches(source):
                    market = self._market(source, pattern.pair)
                    if isinstance(market, Market):
                        matched = True
                        yield market
                    else:
                        refused = market
            if refused and not matched:
                self._problem(path, refused)

    def _market(self, name: str, pair: Pair) -> Market | str:
        """Return a market, or why the source can never list it."""
        source = self.sources[name]
        try:
            return Market(name, pair, source.group, source.symbol(pair))
        except ValueError as error:
            return f"{name} does not list {pair}: {error}"
        except Exception as error:  # noqa: BLE001 - a stranger's bug is told like any other problem of the file
            told = f"plugin {source.type} failed to name {pair}: {type(error).__name__}: {error}; tell its author"
            self._problem(f"sources.{name}", told)
            return told

    def _convert(self, name: str) -> None:
        """Find how each market of a feed reaches its quote, adding the legs that no one declared."""
        feed = self.feeds[name]
        quotes = dict.fromkeys(market.pair.quote for market in feed.markets)
        target = feed.pair.quote
        legs = {quote: self._legs(name, quote, target) if quote != target else () for quote in quotes}
        self.conversions[name] = {market: legs[market.pair.quote] for market in feed.markets}

    def _legs(self, name: str, quote: str, target: str) -> tuple[Leg, ...]:
        known = {other: feed.pair for other, feed in self.feeds.items() if other != name}
        legs = rates.direct(quote, target, known)
        if legs is None and quote not in self.config.quotes:
            legs = rates.route(quote, target, known)
        if legs is not None:
            return legs
        leg = str(Pair(quote, target))
        path = f"feeds.{name}.markets" if self.settings[name].markets else f"feeds.{name}"
        # a leg that no one declared is priced as the first feed that needs it
        self._feed(leg, self.settings[name].model_copy(update=_UNDECLARED), published=False)
        self.needed_at[leg] = path
        if not self.feeds[leg].markets:
            wanted = f"expected a rate {leg} to convert with, nothing can price it"
            self._problem(path, f"{wanted}; add under feeds a line like {leg}: {{markets: [SOURCE:{leg}]}}")
        self._convert(leg)
        return (Leg(leg),)

    def _plans(self) -> list[Plan]:
        """Put the feeds in the order in which they are priced."""
        needs = {
            name: dict.fromkeys(leg.rate for legs in found.values() for leg in legs)
            for name, found in self.conversions.items()
        }
        try:
            ranked = rates.order(needs)
        except rates.Cycle as cycle:
            circle = " → ".join(cycle.names)
            self._problem(
                f"feeds.{cycle.names[0]}",
                f"expected rates that do not need each other, was {circle}; state other markets",
            )
            return []
        converting = {rate for wanted in needs.values() for rate in wanted}
        return [self._plan(name, ranked[:place], name in converting) for place, name in enumerate(ranked)]

    def _plan(self, name: str, before: Sequence[str], converts: bool) -> Plan:  # noqa: FBT001 - a fact, not a switch
        """Return how a feed is priced, given the feeds `before` it and whether it `converts` others."""
        settings, feed = self.settings[name], self.feeds[name]
        if feed.limits.max_disputed is None:
            most = MAX_DISPUTED_RATE if converts else MAX_DISPUTED
            feed = msgspec.structs.replace(feed, limits=msgspec.structs.replace(feed.limits, max_disputed=most))
        pegged = self._pegged(feed.pair)
        standard = DEFAULT_PEGGED_AGGREGATOR if pegged else DEFAULT_AGGREGATOR
        aggregator: Aggregator = self._shared(settings.aggregator, "aggregator", standard)
        consensus: Consensus = self._shared(settings.consensus, "consensus", DEFAULT_CONSENSUS)
        detectors = self._detectors(settings)
        if all(_sound(declared) for declared in (settings.consensus, *self.config.sources.values()) if declared):
            self._quorum(feed, consensus, settings.consensus.path if settings.consensus else f"feeds.{name}")
        if aggregator.span <= 0:
            self._problem(
                settings.aggregator.path if settings.aggregator else "", "expected a window of some time, was 0s"
            )
        ways = dict.fromkeys(legs for legs in self.conversions[name].values() if legs)
        used = dict.fromkeys(leg.rate for legs in ways for leg in legs)
        depeg = settings.depeg or self.config.depeg
        return Plan(
            feed=feed,
            aggregator=aggregator,
            consensus=consensus,
            conversions=self.conversions[name],
            native=tuple(detector for detector in detectors if detector.stage == "native"),
            cohort=tuple(detector for detector in detectors if detector.stage == "cohort"),
            alternatives={legs: other for legs in ways if (other := self._alternative(legs, before))},
            pegs=tuple(rate for rate in used if self._pegged(self.feeds[rate].pair)),
            pegged=pegged,
            peg=Peg(float(depeg.beyond), depeg.mode),
            names={m: known.valid(m.pair.base) for m in feed.markets if (known := _known(feed, m))},
        )

    def _detectors(self, settings: FeedConfig) -> list[Detector]:
        if settings.detectors is None:
            return [self._shared(None, "detector", standard) for standard in DEFAULT_DETECTORS]
        return [self._made(declared) for declared in settings.detectors if _sound(declared)]

    def _pegged(self, pair: Pair) -> bool:
        """Say whether a pair is a stablecoin's rate, which should be 1."""
        return pair.quote == STABLE and pair.base in self.config.quotes and pair.base not in FIAT

    def _alternative(self, legs: tuple[Leg, ...], before: Sequence[str]) -> tuple[Leg, ...]:
        """Return another way to where some legs lead, over rates that are priced before; none of them shared."""
        source, target = rates.ends(legs, {name: feed.pair for name, feed in self.feeds.items()})
        taken = {leg.rate for leg in legs}
        others = {name: self.feeds[name].pair for name in before if name not in taken}
        found = rates.route(source, target, others) or ()
        return found if len(found) <= MAX_ALTERNATIVE else ()

    def _quorum(self, feed: Feed, consensus: Consensus, path: str) -> None:
        groups = sorted({market.group for market in feed.markets})
        if not feed.markets or feed.name in self.faulty or path in self.unreachable or len(groups) >= consensus.wanted:
            return
        self.unreachable.add(path)
        if feed.name in self.needed_at:
            path = self.needed_at[feed.name]
            line = f"{feed.name}: {{consensus: {{{consensus.type}: {{min_venues: {len(groups)}}}}}}}"
            wanted = (
                f"expected a rate {feed.name} of {consensus.wanted} venues to convert with, {len(groups)} may list it"
            )
            self._problem(path, f"{wanted} ({', '.join(groups)}); add sources, or under feeds a line like {line}")
            return
        what = f"{feed.name} needs {consensus.wanted} venues and can have {len(groups)} ({', '.join(groups)})"
        shared = "; sources of one type are one venue unless `group` says otherwise"
        hint = shared if len(groups) < len({market.source for market in feed.markets}) else ""
        self._problem(path, f"expected a quorum in reach, was not: {what}; add sources or lower min_venues{hint}")

    def _symbols(self) -> None:
        """Refuse two pairs under one symbol: their ticks could not be told apart."""
        taken: dict[tuple[str, str], Market] = {}
        for feed in self.feeds.values():
            for market in feed.markets:
                other = taken.setdefault((market.source, market.symbol), market)
                if other.pair != market.pair:
                    both = f"{other} and {market} are both {market.symbol!r} there"
                    self._problem(f"feeds.{feed.name}", f"expected one pair per symbol, was not: {both}; state markets")

    def _missing(self) -> None:
        """Refuse what a sink says of a feed that is not published."""
        feeds = ", ".join(self.config.feeds)
        for declared in self.config.sinks.values():
            for feed in missing.named(getattr(declared.options, "on_missing", "skip")):
                if feed not in self.config.feeds:
                    hint = nearest(feed, self.config.feeds) or nearest(feed.upper(), self.config.feeds)
                    wanted = (
                        f"expected a feed of this pipeline or default, was {feed!r}{hint or f'; feeds are {feeds}'}"
                    )
                    self._problem(f"{declared.path}.on_missing.{feed}", wanted)

    def _shared(self, declared: Declared | None, kind: str, standard: str) -> Any:
        """Return a component of a feed, the standard one where the file names none."""
        if declared is not None and _sound(declared):
            return self._made(declared)
        if (kind, standard) not in self.standard:
            cls = self.registry.component(kind, standard)
            self.standard[kind, standard] = Declared(standard, kind, standard, cls, cls.Config(), "")
        return self._made(self.standard[kind, standard])

    def _made(self, declared: Declared) -> Any:
        """Make a component once for all feeds that have it from one place of the file."""
        if id(declared) not in self.made:
            self.made[id(declared)] = _make(declared, declared.id)
        return self.made[id(declared)]

    def _problem(self, path: str, message: str) -> None:
        self.problems.append(self.config.problem(path, message))


_UNDECLARED: Mapping[str, Any] = {"markets": None, "limits": configuration.LimitsConfig(), "category": "rate"}


def _retention(config: configuration.FlightRecorderConfig | None) -> Retention | None:
    if config is None:
        return None
    return Retention(int(config.keep), int(config.max), config.folder, int(config.pause), config.dumps)


def _known(feed: Feed, market: Market) -> Rename | None:
    """Return the change of name that a market's validity follows from, if its feed goes by two names."""
    names = {feed.pair.base, *(other.pair.base for other in feed.markets)}
    return next((known for name in names if (known := rename(market.pair.base, name))), None)


def _sound(declared: Declared) -> bool:
    """Say whether a component was found and its options are right."""
    return isinstance(declared.options, declared.cls.Config) and declared.cls is not Component


def _make(declared: Declared, name: str) -> Any:
    make: Any = declared.cls
    try:
        return make(declared.options, Context(name))
    except Exception as error:
        reason = f"expected to be made of its options, raised {type(error).__name__}: {error}; tell its author"
        raise PluginError(reason, plugin=declared.type) from error
