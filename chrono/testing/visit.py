"""Runs a source against its venue for a while and tells, market by market, what came. Publishes nothing.

Needs no pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from statistics import median
from typing import Any

import anyio
from pydantic import ValidationError

from chrono.core.board import Board, Inlet
from chrono.core.clock import Clock, WallClock
from chrono.core.component import Context, Source, Status
from chrono.core.errors import ConfigError
from chrono.core.types import SECOND, Market, Pair, Tick
from chrono.core.units import Duration
from chrono.testing.certificate import Plugin, Subject, examine

__all__ = ["Heard", "Visit", "visit"]

HORIZON = 60 * SECOND
"""What the board keeps; nothing is priced of it."""


_COLUMNS = ("first_after_s", "ticks", "typical_gap_s", "longest_gap_s", "lag_s", "dropped")


class Heard:
    """What came of one market.

    Attributes
    ----------
    market : Market
        Whose.
    received, lags : list of int
        Of each tick that was sound, when it came, and nanoseconds between its own time and that.
    dropped : int
        Ticks that no board would take: no price, a duplicate, from the future.
    problem : str
        What is wrong, in words; empty if nothing is.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.received: list[int] = []
        self.lags: list[int] = []
        self.dropped = 0
        self.problem = ""

    def take(self, tick: Tick, received: int, *, sound: bool) -> None:
        """Take note of a tick."""
        if not sound:
            self.dropped += 1
            return
        self.received.append(received)
        if tick.ts_event is not None:
            self.lags.append(received - tick.ts_event)

    def row(self, started: int, ended: int) -> Mapping[str, Any]:
        """Return it in seconds."""
        gaps = [later - earlier for earlier, later in pairwise([*self.received, ended])]
        return {
            "market": str(self.market),
            "symbol": self.market.symbol,
            "first_after_s": _seconds(self.received[0] - started) if self.received else None,
            "ticks": len(self.received),
            "dropped": self.dropped,
            "typical_gap_s": _seconds(median(gaps[:-1])) if len(gaps) > 1 else None,
            "longest_gap_s": _seconds(max(gaps)) if gaps else None,
            "lag_s": _seconds(median(self.lags)) if self.lags else None,
            "problem": self.problem or None,
        }


class Visit:
    """What a source heard of its venue.

    Parameters
    ----------
    source : Source
        With the option values it is run with.
    pairs : sequence of Pair
        What to ask for.
    clock : Clock
        The machine's.

    Attributes
    ----------
    refused : mapping of Pair to str
        Pairs that the source has no symbol for, and why.
    """

    def __init__(self, cls: type[Source], config: Any, pairs: Sequence[Pair], clock: Clock | None = None) -> None:
        self._clock = clock or WallClock()
        self.source = cls(config, Context(cls.type, self._clock, self._note))
        self.refused: dict[Pair, str] = {}
        self.statuses: list[Status] = []
        self._heard = {market.symbol: Heard(market) for market in self._markets(pairs)}
        self._inlet: Inlet | None = None
        self._failure = ""
        self.started = self.ended = 0

    @property
    def covered(self) -> bool:
        """Whether a tick came of every pair."""
        return not self.refused and all(heard.received for heard in self._heard.values())

    async def run(self, length: Duration) -> None:
        """Listen for a while; what ends the source earlier is told."""
        markets = {heard.market: HORIZON for heard in self._heard.values()}
        self._inlet = Board(markets, self._clock).inlets.get(self.source.type)
        self.started = self._clock.now()
        with anyio.move_on_after(length.seconds):
            try:
                async with self.source:
                    await self.source.run(list(markets), self._emit)
                self._failure = "it returned, and sends no more"
            except Exception as error:  # noqa: BLE001 - whatever ends a stranger's source is what is told
                self._failure = " ".join(f"{type(error).__name__}: {error}".split())
        self.ended = self._clock.now()

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each market, and one for the whole."""
        for heard in self._heard.values():
            yield heard.row(self.started, self.ended)
        for pair, reason in self.refused.items():
            yield {"market": f"{self.source.type}:{pair}", "ticks": 0, "problem": f"no market of this venue: {reason}"}
        yield self._whole()

    def lines(self) -> Iterator[str]:
        """Yield them as text."""
        heads = [f"{head:>8}" for head in ("first", "ticks", "typical", "longest", "lag", "dropped")]
        yield f"{'market':<24} {' '.join(heads)}  problem"
        *rows, whole = self.rows()
        for row in rows:
            cells = [f"{_shown(row.get(name)):>8}" for name in _COLUMNS]
            yield f"{row['market']:<24} {' '.join(cells)}  {row['problem'] or ''}".rstrip()
        problem = f": {whole['problem']}" if whole["problem"] else ""
        counts = f"{whole['ticks']} ticks, {whole['dropped']} dropped, {whole['unreadable']} unreadable frames"
        yield f"{whole['covered']} of {whole['pairs']} pairs in {whole['for_s']:.3g}s, {counts}{problem}"

    def _whole(self) -> Mapping[str, Any]:
        heard = self._heard.values()
        return {
            "source": self.source.type,
            "for_s": _seconds(self.ended - self.started),
            "pairs": len(heard) + len(self.refused),
            "covered": sum(bool(one.received) for one in heard),
            "ticks": sum(len(one.received) for one in heard),
            "dropped": sum(self._inlet.dropped.values()) if self._inlet is not None else 0,
            "unreadable": getattr(self.source, "frame_errors", 0),
            "problem": self._failure or self._trouble() or None,
        }

    def _trouble(self) -> str:
        """Return what the source last said of itself, if that is trouble."""
        last = next((status for status in reversed(self.statuses) if status.market is None), None)
        return "" if last is None or last.state == "live" else f"{last.message} [{last.code or last.state}]"

    def _markets(self, pairs: Sequence[Pair]) -> Iterator[Market]:
        for pair in pairs:
            try:
                yield Market(self.source.type, pair, self.source.group, self.source.symbol(pair))
            except ValueError as error:
                self.refused[pair] = str(error)

    def _note(self, status: Status) -> None:
        self.statuses.append(status)
        if status.market is not None and (heard := self._heard.get(status.market.symbol)) is not None:
            heard.problem = "" if status.state == "live" else f"{status.message} [{status.code}]"

    def _emit(self, tick: Tick, received: int | None = None) -> None:
        inlet = self._inlet
        assert inlet is not None
        at, before = self._clock.now() if received is None else received, inlet.accepted
        inlet(tick, at)
        if (heard := self._heard.get(tick.symbol)) is not None:
            heard.take(tick, at, sound=inlet.accepted > before)


def visit(
    plugin: Plugin, length: Duration, *, url: str | None, pairs: Sequence[str], say: Callable[[str], object]
) -> Sequence[Visit]:
    """Run every source that a plugin's contracts are about, one after the other.

    Parameters
    ----------
    plugin : Plugin
    length : Duration
        How long, each.
    url : str or None
        In place of the venue's usual address.
    pairs : sequence of str
        What to ask for; those of the contract if none.
    say : callable
        Told, in one line, what is run.

    Raises
    ------
    ConfigError
        If there is no source, or its options or a pair are not as they should be.
    """
    subjects = [subject for subject in examine(plugin, run=False).subjects if subject.kind == "source"]
    if not subjects:
        raise ConfigError(f"{plugin.folder}: expected a contract of a source, was none; only sources can be run --live")
    visits = [_prepared(subject, url, pairs) for subject in subjects]
    for prepared in visits:
        say(f"{prepared.source.type}: listening for {length}")
        anyio.run(prepared.run, length)
    return visits


def _prepared(subject: Subject, url: str | None, pairs: Sequence[str]) -> Visit:
    cls = _class(subject)
    options = {**subject.options, **({} if url is None else {"url": url})}
    try:
        config = cls.Config(**options)
    except ValidationError as error:
        told = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False)
        ]
        raise ConfigError(*(f"{subject.type}: expected options that are right, was {text}" for text in told)) from None
    try:
        wanted = [Pair.parse(text) for text in pairs or subject.pairs]
    except ValueError as error:
        raise ConfigError(f"--pair: {error}") from None
    return Visit(cls, config, wanted)


def _class(subject: Subject) -> type[Source]:
    found: Any = import_module(subject.module)
    for part in subject.name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _shown(value: float | None) -> str:
    if isinstance(value, float):
        return f"{value:.3g}s"
    return "-" if value is None else str(value)


def _seconds(nanoseconds: float) -> float:
    return round(nanoseconds / SECOND, 6)
