"""What is written down of a run: who and how at its beginning, then an entry a round.

An entry names feeds and markets by their places in the beginning, so it is small, and all of it is msgpack: it waits
in a spool until the database has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf
from numbers import Real
from typing import Any, TypeAlias

import msgspec

from chrono.core.component import Status
from chrono.core.recipes import Description
from chrono.core.reporting import plain
from chrono.core.types import Estimate, Market, Missing, Price, Quote, Reason, Report, Tick, Ticker, Trade

PriceRow: TypeAlias = tuple[
    int, float | None, float, float | None, float | None, int, int, Mapping[Any, Any] | None, Sequence[Any] | None
]
"""Feed, value, confidence, agreed, trust, age, rhythm, reason, notices."""

EstimateRow: TypeAlias = tuple[
    int,
    int,
    float | None,
    float | None,
    int | None,
    int | None,
    int | None,
    float | None,
    float | None,
    float | None,
    str | None,
    str | None,
    Mapping[Any, Any] | None,
]
"""Feed, market, value, weight, n, age, rhythm, share, trust, uncertainty, path, method, reason."""

VerdictRow: TypeAlias = tuple[int, int, int, str, bool, float | None, str, Mapping[Any, Any]]
"""Feed, number, market, detector, keep, score, code, data."""

StatusRow: TypeAlias = tuple[int, int, str, str | None, str, str, str]
"""At, number, component, market, state, code, message."""

TickRow: TypeAlias = tuple[
    int,
    int,
    int,
    int,
    int,
    float | None,
    float | None,
    str | None,
    str | None,
    float | None,
    float | None,
    float | None,
    float | None,
]
"""Market, at, number, received, kind, price, size, side, trade_id, bid, ask, bid_size, ask_size."""

TRADE, QUOTE, TICKER = 1, 2, 3
"""The kinds of ticks."""

_LARGEST = 2**63

JOINT = " × "
"""Between the rates of a path."""


class Opening(msgspec.Struct, frozen=True, tag="run", array_like=True):
    """How a run begins: when, in nanoseconds, how its pipeline prices, and the markets that its entries mean."""

    started: int
    description: Description
    markets: tuple[Market, ...]


class Entry(msgspec.Struct, frozen=True, tag="round", array_like=True):
    """One round, and what was said and heard since the one before.

    `round` is its number, instant and deadline, None for what followed the last one.
    """

    round: tuple[int, int, int] | None
    prices: list[PriceRow] = []
    estimates: list[EstimateRow] = []
    verdicts: list[VerdictRow] = []
    statuses: list[StatusRow] = []
    ticks: list[TickRow] = []


def _written(value: Any) -> Any:
    """Return what is written of something that a plugin told: a number as it is, anything else in words."""
    try:
        return plain(value)
    except TypeError:
        return str(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_written).encode
_decode = msgspec.msgpack.Decoder(Opening | Entry).decode


def encode(record: Opening | Entry) -> bytes:
    """Return what is written down, whatever a plugin told."""
    try:
        return _encode(record)
    except OverflowError:
        return _encode(_bounded(msgspec.to_builtins(record, enc_hook=_written)))


def read(data: bytes) -> Opening | Entry | None:
    """Return what was written down; None where it is something else."""
    try:
        record: Opening | Entry = _decode(data)
    except msgspec.MsgspecError:
        return None
    return record


def _bounded(value: Any) -> Any:
    """Return a whole number that no 64 bits hold as one that is not whole."""
    if isinstance(value, dict):
        return {key: _bounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value]
    return float(value) if isinstance(value, int) and not -_LARGEST <= value < _LARGEST else value


class Clerk:
    """Writes down what a run does.

    Parameters
    ----------
    description : Description
        Of its pipeline.

    Attributes
    ----------
    opening : Opening
        What its entries refer to.
    """

    def __init__(self, description: Description, started: int) -> None:
        feeds = [recipe.feed for recipe in description.recipes]
        markets = tuple(dict.fromkeys(market for feed in feeds for market in feed.markets))
        self.opening = Opening(started, description, markets)
        self._feeds = {feed.name: place for place, feed in enumerate(feeds)}
        self._markets = {market: place for place, market in enumerate(markets)}
        self._methods = [recipe.aggregator.type for recipe in description.recipes]
        self._screened = [
            ({part.name for part in (*recipe.native, *recipe.cohort)}, frozenset(recipe.feed.markets))
            for recipe in description.recipes
        ]
        self._statuses: list[StatusRow] = []
        self._ticks: list[TickRow] = []
        self._number = 0

    def status(self, status: Status) -> None:
        """Keep a status for the next entry."""
        market = None if status.market is None else str(status.market)
        self._statuses.append(
            (status.at, self._next(status.at), status.component, market, status.state, status.code, status.message)
        )

    def tick(self, market: Market, tick: Tick, received: int) -> None:
        """Keep a tick for the next entry."""
        place, number = self._markets.get(market), self._next(received)
        if place is None:
            return
        at = received if tick.ts_event is None else tick.ts_event
        self._ticks.append((place, at, number, received, *_columns(tick)))

    @property
    def ticks(self) -> int:
        """How many ticks wait for the next entry."""
        return len(self._ticks)

    def entry(self, report: Report | None = None) -> Entry | None:
        """Return what there is to write down; None for nothing."""
        statuses, self._statuses = self._statuses, []
        ticks, self._ticks = self._ticks, []
        if report is None:
            return Entry(None, statuses=statuses, ticks=ticks) if statuses or ticks else None
        results = (*report.results, *report.rates)
        when = report.round
        return Entry(
            (when.id, when.as_of, when.deadline),
            [self._price(result) for result in results],
            [row for result in results for row in self._estimates(result)],
            self._verdicts(report),
            statuses,
            ticks,
        )

    def _next(self, at: int) -> int:
        self._number = max(self._number + 1, at)
        return self._number

    def _price(self, result: Price | Missing) -> PriceRow:
        feed, agreement = self._feeds[result.feed.name], result.agreement
        agreed = (None, None) if agreement is None else (_number(agreement.value), _number(agreement.confidence))
        notices = list(result.notices) or None
        if isinstance(result, Price):
            return (feed, result.value, result.confidence, *agreed, result.age, result.rhythm, None, notices)
        return (feed, None, 0.0, *agreed, 0, 0, result.reason, notices)

    def _estimates(self, result: Price | Missing) -> list[EstimateRow]:
        feed = self._feeds[result.feed.name]
        shares: Mapping[Market, float] = {} if result.agreement is None else result.agreement.shares
        dropped, markets, method = result.dropped, self._markets, self._methods[feed]
        rows: list[EstimateRow] = []
        own = {estimate.market: estimate for estimate in result.quoted}
        known = set()
        for estimate in (*result.estimates, *result.rejected):
            market = estimate.market
            known.add(market)
            share = _number(shares.get(market))
            heard = own.get(market, estimate)
            rows.append(_estimate(feed, markets[market], estimate, heard, share, method, dropped.get(market)))
        silent = (None,) * 10
        for market, reason in dropped.items():
            # a plugin may drop what is no market of this pipeline
            if market not in known and market in markets:
                rows.append((feed, markets[market], *silent, reason))
        return rows

    def _verdicts(self, report: Report) -> list[VerdictRow]:
        rows: list[VerdictRow] = []
        for verdict in report.verdicts:
            market, name = verdict.market, verdict.detector
            place = self._markets.get(market)
            if place is None:
                continue
            said = place, name, bool(verdict.keep), _number(verdict.score), verdict.code, verdict.data
            for feed, (detectors, markets) in enumerate(self._screened):
                if market in markets and (name in detectors or not name):
                    rows.append((feed, len(rows), *said))
        return rows


def _columns(tick: Tick) -> tuple[Any, ...]:
    """Return the columns of a tick, from its kind on."""
    match tick:
        case Trade(_, price, size, side, trade_id):
            return TRADE, price, size, side or None, trade_id or None, None, None, None, None
        case Quote(_, bid, ask, bid_size, ask_size):
            return QUOTE, None, None, None, None, bid, ask, bid_size, ask_size
        case Ticker(_, last, volume):
            return TICKER, last, volume, None, None, None, None, None, None


def _estimate(
    feed: int, market: int, estimate: Estimate, heard: Estimate, share: float | None, method: str, reason: Reason | None
) -> EstimateRow:
    return (
        feed,
        market,
        _number(estimate.value),
        _number(estimate.weight),
        _whole(estimate.n),
        _whole(heard.age),
        _whole(heard.rhythm),
        share,
        _number(estimate.trust),
        _number(estimate.uncertainty),
        JOINT.join(estimate.path) or None,
        None if estimate.method == method else estimate.method,
        reason,
    )


def _number(told: Any) -> float | None:
    """Return what a plugin called a number; None where it is none."""
    if type(told) is float:
        return told if told == told else None  # noqa: PLR0124 - what is no number is not even itself
    return _number(float(told)) if isinstance(told, Real) else None


def _whole(told: Any) -> int | None:
    """Return what a plugin called a whole number; None where it is no number."""
    if type(told) is int:
        return told
    number = _number(told)
    return None if number is None or isinf(number) else int(number)
