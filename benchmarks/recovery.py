"""Prints how long after a fault of a venue it is noticed, and how long after its end prices come again.

Every style that a venue speaks, over real sockets on this machine, with the bounds and waits that users have. A fault
is noticed when the first status tells of it, or the first count where a fault costs no status; it is over when three
prices have reached the board since, of the market that the fault took away or of the first one. Where prices never
stop, that is told. All venues of a fault run at once, in one process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import anyio
import msgspec
from measure import say

from chrono import Context, Market, Pair, Status, Tick, WebSocketSource
from chrono.core.board import Board
from chrono.core.clock import WallClock
from chrono_simulated.serving import VENUES, ServedVenue, serving
from chrono_simulated.serving.styles import DeflatedSource, GzippedSource, ProtobufSource, TokenSource

SECOND = 1_000_000_000
_PATIENCE = 15.0
SOURCES: Mapping[str, type[WebSocketSource] | str] = {
    "kraken": "chrono_kraken",
    "binance": "chrono_binance",
    "coinbase": "chrono_coinbase",
    "gzip": GzippedSource,
    "deflate": DeflatedSource,
    "protobuf": ProtobufSource,
    "token": TokenSource,
}


class Case(msgspec.Struct, frozen=True):
    """A fault, how long it lasts, what of a run tells that it was noticed; a `final` one no step of ours ends."""

    row: str
    what: str
    fault: dict[str, Any]
    lasts: float = 2.0
    at_start: bool = False
    market: bool = False
    counted: str = ""
    final: bool = False


CASES = (
    Case(
        "T1",
        "one symbol dead, until subscribed to again",
        {"kind": "dead_symbol", "cured_by": "subscribing"},
        0,
        market=True,
    ),
    Case(
        "T1",
        "one symbol dead, until connected again",
        {"kind": "dead_symbol", "cured_by": "connecting"},
        0,
        market=True,
    ),
    Case("T2", "subscription refused", {"kind": "reject"}, at_start=True, market=True, final=True),
    Case("T3", "hung up with 1001", {"kind": "hang_up", "every": "0s", "code": 1001, "times": 1}, 0),
    Case("T3", "ended without a close frame", {"kind": "drop", "every": "0s", "times": 1}, 0),
    Case("T3", "half-open socket", {"kind": "half_open"}, 0),
    Case("T4", "HTTP 503 once, after a hang-up", {"kind": "http_error", "times": 1}, 0),
    Case(
        "T4",
        "HTTP 429, Retry-After 2 s, after a hang-up",
        {"kind": "http_error", "status": 429, "retry_after": "2s", "times": 1},
        0,
    ),
    Case("T4", "too many messages, in-band", {"kind": "rate_limit", "times": 1}, 0, at_start=True),
    Case("T5", "a tenth of the messages truncated", {"kind": "truncated"}, counted="frame_errors"),
    Case(
        "T5",
        "a tenth of the messages an hour ahead",
        {"kind": "shifted", "by": "+1h", "share": "10%"},
        counted="future",
    ),
    Case("T6", "5,000 messages a second", {"kind": "flood", "rate": 5000}, counted="folded"),
    Case(
        "T7",
        "clock of the venue five seconds late",
        {"kind": "clock_off", "by": "-5s"},
        2.0,
        at_start=True,
        counted="offset",
    ),
    Case("T8", "refused connection at start", {"kind": "refuse"}, 2.0, at_start=True),
    Case("T8", "handshake not answered at start", {"kind": "unanswered"}, 2.0, at_start=True),
    Case("T9", "down for a second, every two seconds", {"kind": "flap", "every": "2s", "down": "1s"}, 3.5),
)
"""What is measured, in the order of the table."""


class Run:
    """A source on its venue: when it last told something, and when each market last had a price."""

    def __init__(self, style: str, url: str) -> None:
        kind, (base, other) = SOURCES[style], ("BTC", "ETH")
        source_type = import_module(kind).chrono_sources()[0] if isinstance(kind, str) else kind
        self.name = source_type.type
        clock = WallClock()
        self.source = source_type(
            source_type.Config.model_validate({"url": url}), Context(self.name, clock, self._report)
        )
        quote = VENUES[style].quoted[0]
        self.markets = [
            Market(self.name, pair, self.name, self.source.symbol(pair))
            for pair in (Pair(base, quote), Pair(other, quote))
        ]
        self.board = Board(dict.fromkeys(self.markets, 60 * SECOND), clock)
        self.inlet = self.board.inlets[self.name]
        self.told: list[tuple[float, Status]] = []
        self.prices: dict[str, list[float]] = {market.symbol: [] for market in self.markets}

    def _report(self, status: Status) -> None:
        self.told.append((time.monotonic(), status))

    def emit(self, tick: Tick, received: int | None = None) -> None:
        """Put a tick on the board, and note when."""
        before = self.inlet.accepted
        self.inlet(tick, received)
        if self.inlet.accepted > before:
            self.prices[tick.symbol].append(time.monotonic())

    def count(self, what: str) -> bool:
        """Return whether something was counted."""
        if what == "offset":
            return abs(self.inlet.offset.value) > 3 * SECOND
        found = {"frame_errors": self.source.frame_errors, "folded": self.inlet.folded}
        return bool(found.get(what, self.inlet.dropped[what]))

    def lively(self) -> bool:
        """Return whether both markets have shown their rhythm."""
        return all(len(prices) > 60 for prices in self.prices.values())


async def until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Wait for something; return when it was so, None if it never was."""
    with anyio.move_on_after(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.005)
        return time.monotonic()
    return None


async def measured(case: Case, style: str) -> str:
    """Let one fault befall one venue; return from fault to notice, and from its end to recovery."""
    venue = VENUES[style]
    quote = venue.quoted[0]
    pairs = (f"BTC/{quote}", f"ETH/{quote}")
    fault = {**case.fault, **({"pairs": [pairs[1]]} if case.market else {})}
    async with serving(venue(pairs, rate=20, quotes=0)) as served, anyio.create_task_group() as group:
        if case.at_start:
            served.strike(fault)
            await anyio.sleep(0.05)
        run = Run(style, served.url)
        began = time.monotonic()
        group.start_soon(run.source.run, run.markets, run.emit)
        if not case.at_start:
            await until(run.lively, 15.0)
            served.strike(fault, *_hang_up(case))
            began = time.monotonic()
        figure = await _times(case, served, run, began)
        group.cancel_scope.cancel()
    return figure


def _hang_up(case: Case) -> Sequence[dict[str, Any]]:
    # who is connected asks for nothing over HTTP
    return ({"kind": "drop", "every": "0s", "times": 1},) if case.fault["kind"] == "http_error" else ()


async def _times(case: Case, served: ServedVenue, run: Run, began: float) -> str:
    symbol = run.markets[-1].symbol if case.market else run.markets[0].symbol
    noticed = await until(lambda: _noticed(case, run, began), _PATIENCE)
    if noticed is None:
        return f"not in {_PATIENCE:g} s"
    if case.final:
        return f"{noticed - began:6.2f}  the others go on"
    ended = began
    if case.lasts:
        await anyio.sleep(max(0.0, began + case.lasts - time.monotonic()))
        served.heal()
        ended = time.monotonic()
    last = max([when for when in run.prices[symbol] if when <= noticed], default=began)
    if last > noticed - 0.4 and case.counted:
        return f"{noticed - began:6.2f}  prices never stop"
    recovered = await until(lambda: sum(when > max(noticed, ended) for when in run.prices[symbol]) >= 3, _PATIENCE)
    return f"{noticed - began:6.2f}  " + (
        f"not in {_PATIENCE:g} s" if recovered is None else f"{recovered - ended:6.2f}"
    )


def _noticed(case: Case, run: Run, began: float) -> bool:
    return run.count(case.counted) if case.counted else any(when >= began and s.code for when, s in run.told)


async def _measure(cases: Sequence[Case]) -> None:
    say("seconds from fault", "to notice", "and from fault, or its end where it lasts, to prices")
    for case in cases:
        figures: dict[str, str] = {}

        async def one(style: str, case: Case = case, figures: dict[str, str] = figures) -> None:
            figures[style] = await measured(case, style)

        async with anyio.create_task_group() as group:
            for style in SOURCES:
                group.start_soon(one, style)
        lasting = f" ({case.lasts:g} s)" if case.lasts else ""
        say(f"{case.row} {case.what}{lasting}", "")
        for style in SOURCES:
            say(f"   {style}", *figures[style].split("  ", 1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="T1", default=[], help="measure these rows of the faults alone")
    only = parser.parse_args().only
    anyio.run(_measure, [case for case in CASES if not only or case.row in only])
