"""The whole tree behind a price, as plain data: what came in, what was made of it, who was left out, who decided.

`explain` makes one object of a moment; every key is always there, null where there is nothing to tell. Times are ISO
8601 with nanoseconds, keys that end in `_s` seconds, in `_bp` basis points. A price is two keys: `value`, text with the
decimals of its feed, and `unrounded`, the number itself.

The object, and each of those under `rates`, which has none of its own::

    feed, pair, decimals, published
    round, as_of, deadline, asked       asked: the time that the round was looked for
    value, unrounded, confidence        value: null where there is none
    method, age_s, rhythm_s             of the price; null where there is none
    reason, why                         why there is no value: {code, …}, and a sentence
    notices                             [{code, …, why}], what an operator should know although there is a value
    aggregator, detectors               {type, options}, and a list of {stage, type, options}
    markets                             [market], in the order of their names
    decision
    rates                               {feed: object}, each rate that was gone over, once

A market::

    market, pair, group, symbol
    window                              null if none was looked at or had data, else {kind, span_s, rows, first, last,
                                        covers, value, unrounded, age_s, turnover}; first and last are event times of
                                        its rows, value the last price, from before the window where it is empty
    rhythm_s                            how often the market usually has news; null where that is not known
    estimate                            in the market's own quote: {pair, value, unrounded, weight, n, age_s, method}
    verdicts                            [{stage, detector, keep, score, code, data, why}], in the order they were given
    conversion                          the way it went into the feed's quote, [] where it has none to go:
                                        [{rate, inverse, value, unrounded, age_s, confidence}]
    alternative                         another way, which it is compared with, or [], as `conversion`
    converted                           the estimate in the feed's quote, and trust, the confidence of its rates
    stale, limit_s                      whether it is too old, and how old it may be
    raw_share, share                    its part of the weight of those used: as traded, and as it counted
    distance_bp                         from the value, or from what the venues agreed on where that was refused
    used, reason, why                   whether it counted, or was left to count; if not, {code, …} and a sentence

A decision::

    consensus                           {type, options}
    quorum                              {used, wanted}, independent venues
    agreed                              {value, unrounded, confidence} before the limits; null without agreement
    limits                              {max_jump, min, max, max_disputed}
    previous                            {value, unrounded, as_of, age_s, moved_bp, counts}, the value that max_jump is
                                        measured against; counts is false if it is too old for that
    peg                                 {rates, beyond, mode}, which rates should be 1; null where none need be
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import InvalidOperation
from numbers import Real
from typing import Any, TypeAlias

from chrono.core.moment import Moment, Seen
from chrono.core.pricing import JUMP_MEMORY
from chrono.core.prose import sentence
from chrono.core.rates import Leg
from chrono.core.recipes import Part, Recipe, behind
from chrono.core.reporting import iso
from chrono.core.rhythm import age_limit
from chrono.core.types import SECOND, Code, Estimate, Feed, Market, Missing, Price, Reason, Report, Verdict
from chrono.core.windows import QuoteWindow, Window

Tree: TypeAlias = dict[str, Any]


def explain(moment: Moment, feed: str) -> Tree:
    """Return the tree behind a feed's price, or behind its having none.

    Parameters
    ----------
    moment : Moment
    feed : str
        One of those that the moment was kept for.
    """
    results = {result.feed.name: result for result in (*moment.report.results, *moment.report.rates)}
    tree = _Tree(moment, results, moment.recipes[feed]).whole()
    needed = behind(moment.recipes, feed)
    tree["rates"] = {name: _Tree(moment, results, moment.recipes[name]).whole() for name in needed}
    return tree


class _Tree:
    """One feed's tree in the making."""

    def __init__(self, moment: Moment, results: Mapping[str, Price | Missing], recipe: Recipe) -> None:
        self.moment = moment
        self.results = results
        self.recipe = recipe
        self.feed: Feed = recipe.feed
        self.result = results[recipe.feed.name]
        self.seen: Seen = moment.seen[recipe.feed.name]

    @property
    def value(self) -> float | None:
        """What the venues agreed on, whether or not it was published."""
        if isinstance(self.result, Price):
            return self.result.value
        return None if self.seen.agreement is None else number(self.seen.agreement.value)

    def whole(self) -> Tree:
        """Return the tree, without its rates."""
        report: Report = self.moment.report
        price = self.result if isinstance(self.result, Price) else None
        reason = self.result.reason if isinstance(self.result, Missing) else None
        return {
            "feed": self.feed.name,
            "pair": str(self.feed.pair),
            "decimals": self.feed.decimals,
            "published": self.feed.published,
            "round": report.round.id,
            "as_of": iso(report.round.as_of),
            "deadline": iso(report.round.deadline),
            "asked": iso(self.moment.asked),
            **self._value(price.value if price else None),
            "confidence": price.confidence if price else 0.0,
            "method": price.method if price else None,
            "age_s": seconds(price.age) if price else None,
            "rhythm_s": seconds(price.rhythm) if price and price.rhythm else None,
            "reason": reason,
            "why": reason and sentence(reason),
            "notices": [{**notice, "why": sentence(notice)} for notice in self.result.notices],
            "aggregator": _part(self.recipe.aggregator),
            "detectors": [
                {"stage": detector.stage, **_part(detector)} for detector in (*self.recipe.native, *self.recipe.cohort)
            ],
            "markets": [self._market(market) for market in self.feed.markets],
            "decision": self._decision(),
        }

    def _market(self, market: Market) -> Tree:
        aggregator = self.recipe.aggregator
        window = self.moment.windows.get((market, aggregator.reads, aggregator.span))
        estimate = self.seen.estimates.get(market)
        converted = self.seen.converted.get(market)
        reason = self.result.dropped.get(market)
        newest = window or estimate
        return {
            "market": str(market),
            "pair": str(market.pair),
            "group": market.group,
            "symbol": market.symbol,
            "window": window and self._window(window),
            "rhythm_s": seconds(newest.rhythm) if newest and newest.rhythm else None,
            "estimate": estimate and self._estimate(estimate),
            "verdicts": [self._verdict(*said) for said in self.seen.verdicts if said[1].market == market],
            **self._ways(market, converted),
            "converted": converted and {**self._estimate(converted), "trust": converted.trust},
            **self._freshness(converted or estimate or window, reason),
            **self._weight(converted),
            "used": market in self.result.used,
            "reason": reason,
            "why": reason and sentence(reason),
        }

    def _window(self, window: Window) -> Tree:
        times = window.ts
        return {
            "kind": window.kind,
            "span_s": seconds(window.span),
            "rows": len(window),
            "first": iso(int(times[0])) if len(times) else None,
            "last": iso(int(times[-1])) if len(times) else None,
            "covers": window.covers,
            **self._value(_newest(window)),
            "age_s": seconds(window.age),
            "turnover": window.turnover,
        }

    def _estimate(self, estimate: Estimate) -> Tree:
        return {
            "pair": str(estimate.pair),
            **self._value(number(estimate.value)),
            "weight": number(estimate.weight),
            "n": estimate.n,
            "age_s": seconds(estimate.age),
            "method": estimate.method,
        }

    def _verdict(self, detector: Part, verdict: Verdict) -> Tree:
        name, code = verdict.detector or detector.name, verdict.code
        return {
            "stage": detector.stage,
            "detector": name,
            "keep": verdict.keep,
            "score": number(verdict.score),
            "code": code,
            "data": dict(verdict.data),
            "why": sentence({"code": code, **verdict.data}) if code else None,
        }

    def _ways(self, market: Market, converted: Estimate | None) -> Tree:
        first, other = self.recipe.ways(market)
        if converted is not None and other and converted.path == tuple(map(str, other)):
            first, other = other, first
        return {"conversion": list(map(self._leg, first)), "alternative": list(map(self._leg, other))}

    def _leg(self, leg: Leg) -> Tree:
        result = self.results[leg.rate]
        price = result if isinstance(result, Price) else None
        return {
            "rate": leg.rate,
            "inverse": leg.inverse,
            **_priced(result.feed, price.value if price else None),
            "age_s": seconds(price.age) if price else None,
            "confidence": price.confidence if price else 0.0,
        }

    def _freshness(self, newest: Estimate | Window | None, reason: Reason | None) -> Tree:
        """Return how old a market may be, as pricing has it, and whether it is older."""
        if newest is None:
            # a store keeps no window
            aged = reason is not None and reason["code"] == Code.STALE
            return {"stale": True if aged else None, "limit_s": reason["limit_s"] if reason and aged else None}
        fixed = self.recipe.consensus.max_age
        limit = age_limit(newest.rhythm) if fixed is None else fixed
        return {"stale": newest.age > limit, "limit_s": seconds(limit)}

    def _weight(self, converted: Estimate | None) -> Tree:
        """Return what a market weighs among those used, and how far it is from the value."""
        shares = self.seen.agreement.shares if self.seen.agreement else {}
        none = {"raw_share": None, "share": None, "distance_bp": None}
        if converted is None:
            return none
        value, at = self.value, number(converted.value)
        apart = (at / value - 1) * 1e4 if value and at is not None else None
        if converted.market not in shares:
            return {**none, "distance_bp": apart}
        total = math.fsum(sorted(e.weight for m, e in self.seen.converted.items() if m in shares))
        raw = converted.weight / total if total > 0 else None
        return {"raw_share": raw, "share": number(shares[converted.market]), "distance_bp": apart}

    def _decision(self) -> Tree:
        recipe, limits, agreement = self.recipe, self.feed.limits, self.seen.agreement
        groups = {market.group for market in self.result.used}
        return {
            "consensus": _part(recipe.consensus),
            "quorum": {"used": len(groups), "wanted": recipe.consensus.wanted},
            "agreed": agreement
            and {**self._value(number(agreement.value)), "confidence": number(agreement.confidence)},
            "limits": {
                "max_jump": limits.max_jump,
                "min": limits.min_value,
                "max": limits.max_value,
                "max_disputed": limits.max_disputed,
            },
            "previous": self._previous(),
            "peg": self._peg(),
        }

    def _peg(self) -> Tree | None:
        rates = [*recipe.pegs, recipe.feed.name] if (recipe := self.recipe).pegged else list(recipe.pegs)
        return {"rates": rates, "beyond": recipe.peg.beyond, "mode": recipe.peg.mode} if rates else None

    def _previous(self) -> Tree | None:
        last = self.moment.published.get(self.feed.name)
        if self.feed.limits.max_jump is None or last is None:
            return None
        when = self.moment.report.round
        age = when.as_of - last.as_of
        return {
            **self._value(last.value),
            "as_of": iso(last.as_of),
            "age_s": seconds(age),
            "moved_bp": None if self.value is None else (self.value / last.value - 1) * 1e4,
            "counts": age <= max(JUMP_MEMORY, 2 * (when.deadline - when.as_of)),
        }

    def _value(self, value: float | None) -> Tree:
        return _priced(self.feed, value)


def _priced(feed: Feed, value: float | None) -> Tree:
    """Return a price as text with a feed's decimals and as it is."""
    if value is None:
        return {"value": None, "unrounded": None}
    try:
        return {"value": format(feed.quantize(value), "f"), "unrounded": value}
    except InvalidOperation:
        # no price at all, such as infinity, of an aggregator that made a mistake
        return {"value": repr(value), "unrounded": value}


def number(value: Any) -> float | None:
    """Return what a plugin called a number as a plain one, None if it is none."""
    return float(value) if isinstance(value, Real) else None


def seconds(nanoseconds: int) -> float:
    """Return nanoseconds in seconds."""
    return nanoseconds / SECOND


def _newest(window: Any) -> float | None:
    return number(window.mid if isinstance(window, QuoteWindow) else window.last)


def _part(part: Part) -> Tree:
    return {"type": part.type, "options": dict(part.options)}
