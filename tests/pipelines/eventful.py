"""Four minutes in which everything goes wrong, live on a clock that the test moves: for runs that are replayed.

As a program, `python -m tests.pipelines.eventful FOLDER`, it is a run that is killed in the middle.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.component import Context, Sink
from chrono.core.engine import Engine
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import Outcome, Plan, PricingState, Windows, price
from chrono.core.registry import Registry
from chrono.core.replay import Replay
from chrono.core.reporting import encode, rows
from chrono.core.types import SECOND, Pair, Report, Round, Tick
from chrono.core.units import Duration, Move
from chrono.testing.faults import Depeg, Drift, Fault, FlashCrash, Outlier, Repeating, Silence, Wash
from chrono.testing.market import Parameters, SimulatedMarket, SimulatedVenue

START = 1_795_342_500 * SECOND
LASTS = 220
END = START + LASTS * SECOND

BREAK = START + 130 * SECOND + SECOND // 2
"""When the first half ends, between two rounds."""
AGAIN = BREAK + 2 * SECOND
"""When the second one begins."""

ASLEEP = (START + 46 * SECOND + SECOND // 3, START + 49 * SECOND + 2 * SECOND // 3)
"""When the machine was suspended: two rounds are passed over."""

TEXT = """\
name: eventful
every: 1s
feeds:
  USDT/USD: {decimals: 5, markets: ["v[1-5]:USDT/USD"], consensus: {median: {min_venues: 3}}}
  EUR/USD: {decimals: 5, category: fx, markets: ["v[678]:EUR/USD"]}
  BTC/USD:
    decimals: 2
    markets: ["v[1-5]:BTC/USDT", v6:BTC/USD, v7:BTC/USD, v8:BTC/EUR]
  ETH/USD:
    decimals: 3
    markets: ["v[1-4]:ETH/USDT", "v[567]:ETH/USD", v8:ETH/EUR]
    detectors: [flatline, deviation, drift, jump, {volume: {warm_up: 70s, half_life: 1m}}]
    depeg: {mode: prefer_usd}
sources:
  v1: {type: push}
  v2: {type: push}
  v3: {type: push}
  v4: {type: push}
  v5: {type: push}
  v6: {type: push}
  v7: {type: push}
  v8: {type: push}
detectors: [flatline, deviation, drift, jump, {volume: {warm_up: 70s, half_life: 1m, action: reject}}]
consensus: {weighted_median: {min_venues: 3, learn: 2m, half_life: 20s}}
limits: {max_jump: 5%}
depeg: {beyond: 1%}
"""

MARKETS = {
    **{f"v{n}": ("BTC/USDT", "ETH/USDT", "USDT/USD") for n in range(1, 5)},
    "v5": ("BTC/USDT", "ETH/USD", "USDT/USD"),
    "v6": ("BTC/USD", "ETH/USD", "EUR/USD"),
    "v7": ("BTC/USD", "ETH/USD", "EUR/USD"),
    "v8": ("BTC/EUR", "ETH/EUR", "EUR/USD"),
}
COINS = tuple(f"{coin}/{quote}" for coin in ("BTC", "ETH") for quote in ("USD", "USDT", "EUR"))
VOLUMES = (0.5, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03)


def at(after: int, lasts: int | None = None, *pairs: str) -> dict[str, Any]:
    """Return when a fault begins and how long it lasts, in seconds, and whom it befalls."""
    length = None if lasts is None else Duration(f"{lasts}s")
    return {"after": Duration(f"{after}s"), "lasts": length, "pairs": pairs or COINS}


FAULTS: dict[str, tuple[Fault, ...]] = {
    "v1": (Wash(**at(85, 15)), Outlier(**at(60, 20, "USDT/USD"), move=Move("5%"))),
    # out twice, the second time until after the restart
    "v2": (Outlier(**at(56, 8), move=Move("3%")), Outlier(**at(108, 19), move=Move("3%"))),
    "v3": (Silence(**at(36, 60)),),
    "v4": (Repeating(**at(74, 130)),),
    "v5": (Drift(**at(14, 56), per_second=Move("1bp")),),
    "v6": (FlashCrash(**at(150, 3)), Silence(**at(176, 38, "EUR/USD"))),
    "v7": (Wash(**at(172, 10), move=Move("0%")), Drift(**at(188), per_second=Move("2bp"))),
}
MOVES = (
    Depeg(asset="BTC", move=Move("3%"), after=Duration("70s"), ramp=Duration("60s")),
    Depeg(asset="ETH", move=Move("3%"), after=Duration("70s"), ramp=Duration("60s")),
    Depeg(asset="USDT", move=Move("-3%"), after=Duration("160s"), ramp=Duration("20s")),
)


@cache
def ticks() -> Sequence[tuple[int, str, Tick]]:
    """Return what the venues say, in the order of its receipt: when, who, what."""
    market = SimulatedMarket(Parameters(seed=7), MOVES, origin=START)
    found = [
        (tick.ts_event + latency, name, tick)
        for (name, pairs), volume, latency in zip(MARKETS.items(), VOLUMES, count(20_000_000, 35_000_000))
        for pair in pairs
        for tick in market.ticks(_venue(name, volume), Pair.parse(pair), START, END)
        if tick.ts_event is not None
    ]
    asleep, awake = ASLEEP
    return sorted((each for each in found if not asleep <= each[0] < awake), key=lambda each: each[:2])


def _venue(name: str, volume: float) -> SimulatedVenue:
    quotes = 0.5 if name in {"v6", "v7", "v8"} else 0.0
    return SimulatedVenue(name, rate=1.0, quotes=quotes, volume=volume, faults=FAULTS.get(name, ()))


class Printed(Sink):
    """Keeps every report, and writes down what would be printed, so that a kill loses none of it."""

    type = "printed"

    def __init__(self, path: Path) -> None:
        super().__init__(None, Context("printed"))
        self.reports: list[Report] = []
        self._path = path

    @property
    def lines(self) -> list[bytes]:
        """What was printed so far."""
        return self._path.read_bytes().splitlines(keepends=True)

    async def publish(self, report: Report) -> None:
        self.reports.append(report)
        with self._path.open("ab", buffering=0) as file:
            file.write(b"".join(encode(row) + b"\n" for row in rows(report)))


class Moved(VirtualClock):
    """A clock that the test moves; who sleeps waits for it."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self._sleepers: list[tuple[int, anyio.Event]] = []

    def set(self, instant: int) -> None:
        super().set(instant)
        for until, event in self._sleepers:
            if until < self._now:
                event.set()
        self._sleepers = [each for each in self._sleepers if not each[1].is_set()]

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self.now() + int(seconds * SECOND))

    async def sleep_until(self, instant: int) -> None:
        await anyio.lowlevel.checkpoint()
        if self.now() <= instant:
            self._sleepers.append((instant, anyio.Event()))
            await self._sleepers[-1][1].wait()


@dataclass
class Runs:
    """Runs of one pipeline one after the other, and where they leave what they print, record and remember."""

    folder: Path
    text: str = TEXT

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def recordings(self) -> Path:
        return self.folder / "recordings"

    @property
    def file(self) -> Path:
        """The pipeline file: without sinks, with the state in the folder."""
        path = self.folder / "eventful.yaml"
        path.write_text(f"{self.text}state: {self.state}\n")
        return path

    def printed(self, name: str) -> Printed:
        return Printed(self.folder / f"{name}.jsonl")

    def pipeline(self, sink: Sink) -> Pipeline:
        return replace(build(self.file, Registry()), sinks={"printed": sink})

    async def live(self, sink: Sink, began: int = START, until: int = END, *, killed: bool = False) -> Engine:
        """Run from an instant until another; end it in order, or have the process killed."""
        clock = Moved(began)
        engine = Engine(self.pipeline(sink), clock, record=self.recordings)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run)
            await _settle()
            await _push(engine, clock, began, until)
            if killed:
                os.kill(os.getpid(), signal.SIGKILL)
            engine.stop.set()
        return engine

    async def replay(self, sink: Sink) -> list[PricingState]:
        """Replay all recordings; return what was remembered after each round."""
        states = []

        def remembering(plans: Sequence[Plan], windows: Windows, state: PricingState, when: Round) -> Outcome:
            outcome = price(plans, windows, state, when)
            states.append(outcome.state)
            return outcome

        await Replay(self.pipeline(sink), [self.recordings], pricer=remembering).run()
        return states


async def _settle() -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def _push(engine: Engine, clock: Moved, began: int, until: int) -> None:
    """Push ticks as they are received; every other round is priced by the timer, the others by the next tick."""
    due = iter(_rounds(began))
    at = next(due)
    for received, source, tick in ticks():
        if not began < received < until:
            continue
        while at < received:
            if at // SECOND % 2 and not ASLEEP[0] < at < ASLEEP[1]:
                clock.set(at + 1_000_000)
                await _settle()
            at = next(due)
        clock.set(received)
        engine.board.inlets[source](tick)
        await anyio.lowlevel.checkpoint()
    clock.set(until)
    await _settle()


def _rounds(began: int) -> Iterator[int]:
    return count(-(-began // SECOND) * SECOND, SECOND)


if __name__ == "__main__":
    runs = Runs(Path(sys.argv[1]))
    anyio.run(lambda: runs.live(runs.printed("killed"), until=BREAK, killed=True))
