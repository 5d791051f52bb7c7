"""A pipeline over many served venues whose streams end again and again, and what it holds on to meanwhile.

Venues and pipeline have a process each. Usable by any test and by the benchmarks; needs no pytest. As a program,
`python -m tests.pipelines.soaking OPTIONS`, with the fields of `Soak` as JSON, it prints what was read at first and in
the end, each a line of JSON.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import structlog

from chrono import Context, Sink, hookimpl
from chrono.core.build import build
from chrono.core.engine import Engine
from chrono.core.registry import Registry
from chrono.core.transport.backoff import Backoff
from chrono.core.types import SECOND, Report

KINDS = ("kraken", "binance", "coinbase")
BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "DOT")
CHANNELS = 2
"""Messages of each venue for one trade: it, and the top of the book."""
RECONNECTS_WITHIN = 60.0
"""Seconds for as many of them as are asked for."""


@dataclass(frozen=True)
class Soak:
    """What to run: `flaps` are faults by kind of venue, `backoff` seconds in place of the usual waits.

    It lasts longer where the venues take longer to say so many `messages`.

    `leak` lets every source keep its frames, and a descriptor for each connection, for ever: to see that it is noticed.
    """

    venues: int = 15
    rate: float = 5000.0
    feeds: int = 2
    flaps: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    backoff: Sequence[float] = (1.0, 30.0)
    reconnects: int = 0
    settle: float = 0.0
    lasts: float = 60.0
    messages: int = 0
    leak: bool = False

    @property
    def pairs(self) -> Sequence[str]:
        """What is priced."""
        return [f"{base}/USD" for base in BASES[: self.feeds]]


@dataclass(frozen=True)
class Reading:
    """What was counted since the start, and what is held now; `lateness` is of the rounds since the last reading."""

    seconds: float
    memory: int
    descriptors: int
    messages: int
    refused: int
    folded: int
    reconnects: int
    rounds: int
    missed: int
    lateness: Sequence[float]


class Published(Sink):
    """Notes how late each round comes out."""

    type = "published"

    def __init__(self, context: Context) -> None:
        super().__init__(context=context)
        self.first = self.last = self.rounds = 0
        self.lateness = array("d")

    async def publish(self, report: Report) -> None:
        self.first = self.first or report.round.id
        self.last = report.round.id
        self.rounds += 1
        self.lateness.append((self.context.clock.now() - report.round.as_of) / SECOND)

    @property
    def missed(self) -> int:
        """Rounds that were passed over, or not published."""
        return self.last - self.first + 1 - self.rounds if self.rounds else 0


class Venues:
    """The plugins of the venues, without the budgets of one address, as all of them have the same one here."""

    def __init__(self, soak: Soak) -> None:
        installed = Registry()
        self.kept: list[Any] = []
        self._sources = [self._unbudgeted(installed.component("source", kind), soak) for kind in KINDS]

    @hookimpl
    def chrono_sources(self) -> Iterable[type[Any]]:
        return self._sources

    def _unbudgeted(self, source: Any, soak: Soak) -> type[Any]:
        kept, leak = self.kept, soak.leak

        class Served(source):
            connections = budget = None
            opened = 0

            def backoff(self) -> Backoff:
                return Backoff(*soak.backoff)

            def next_connection(self) -> int:
                self.opened = super().next_connection()
                if leak:
                    kept.append(os.dup(0))
                return self.opened

            if leak:

                def decode(self, data: bytes) -> Any:
                    kept.append(data)
                    return super().decode(data)

        return Served


@contextmanager
def served(soak: Soak) -> Iterator[Mapping[str, str]]:
    """Serve the venues in a process of their own, as their user does; yield where each of them is."""
    names = [KINDS[place % len(KINDS)] for place in range(soak.venues)]
    rate = soak.rate / (CHANNELS * soak.venues * soak.feeds)
    faults = {kind: list(soak.flaps.get(kind, ())) for kind in set(names)}
    command = [sys.executable, "-m", "chrono", "simulated", "serve", "--rate", str(rate), "--format", "json"]
    # they end by themselves, should whoever runs this be killed
    command += ["--faults", json.dumps(faults), "--for", f"{soak.settle + soak.lasts + 4 * RECONNECTS_WITHIN:.0f}s"]
    command += [word for name in names for word in ("--venue", name)]
    command += [word for pair in soak.pairs for word in ("--pair", pair)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [json.loads(process.stdout.readline()) for _ in names]  # type: ignore[union-attr]
            yield {line["venue"]: line["url"] for line in lines}
        finally:
            process.terminate()


def piped(soak: Soak, urls: Mapping[str, str]) -> tuple[Engine, Published]:
    """Return a pipeline over the venues, with the usual chain of rules, ready to run."""
    text = ["name: soak", "every: 1s", "quotes: [USD]", "aggregator: {median: {window: 10s}}", "feeds:"]
    text += [f"  {pair}: {{decimals: 4}}" for pair in soak.pairs]
    text.append("sources:")
    text += [f'  {name}: {{type: {name.partition("-")[0]}, url: "{url}"}}' for name, url in urls.items()]
    registry, sink = Registry(found=()), Published(Context("published"))
    registry.register(Venues(soak), "venues")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "soak.yaml"
        file.write_text("\n".join(text))
        pipeline = build(file, registry)
    return Engine(replace(pipeline, sinks={"published": sink})), sink


class Gauge:
    """Reads what a running engine holds, with all garbage collected."""

    def __init__(self, engine: Engine, sink: Published) -> None:
        self._engine, self._sink = engine, sink
        self._began = anyio.current_time()

    @property
    def seconds(self) -> float:
        """How long it runs."""
        return anyio.current_time() - self._began

    @property
    def reconnects(self) -> int:
        """Connections beyond the first of each venue."""
        return sum(max(source.opened - 1, 0) for source in self._engine.pipeline.sources.values())  # type: ignore[attr-defined]

    @property
    def messages(self) -> int:
        """Ticks that came to the board so far, those that it refused among them."""
        return sum(inlet.accepted + inlet.dropped.total() for inlet in self._engine.board.inlets.values())

    def read(self) -> Reading:
        inlets = self._engine.board.inlets.values()
        lateness, self._sink.lateness = self._sink.lateness, array("d")
        return Reading(
            seconds=self.seconds,
            memory=resident(),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            messages=self.messages,
            refused=sum(inlet.dropped.total() for inlet in inlets),
            folded=sum(inlet.folded for inlet in inlets),
            reconnects=self.reconnects,
            rounds=self._sink.rounds,
            missed=self._sink.missed,
            lateness=list(lateness),
        )


def resident() -> int:
    """Return the bytes of memory that are held once garbage is collected and free memory is given back."""
    gc.collect()
    with suppress(AttributeError, OSError):  # a C library other than GNU's gives back what it likes
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def soaking(soak: Soak) -> AsyncIterator[Gauge]:
    """Run venues and pipeline; begin once every venue was connected to again as often as asked for, and has settled.

    Raises
    ------
    TimeoutError
        If the venues do not hang up so often.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with served(soak) as urls:
        engine, sink = piped(soak, urls)
        async with anyio.create_task_group() as group:
            group.start_soon(engine.run)
            gauge = Gauge(engine, sink)
            with anyio.fail_after(RECONNECTS_WITHIN):
                while gauge.reconnects < soak.reconnects:  # noqa: ASYNC110 - nothing tells
                    await anyio.sleep(0.05)
            await anyio.sleep(soak.settle)
            yield gauge
            engine.stop.set()


def run(work: Any, *arguments: Any) -> None:
    """Run on the loop that `chrono pipeline run` takes, with what is loaded by now left out of collections."""
    gc.freeze()
    anyio.run(work, *arguments, backend_options={"use_uvloop": find_spec("uvloop") is not None})


async def _compare(soak: Soak) -> None:
    async with soaking(soak) as gauge:
        gauge.read()  # what reading itself needs
        first = gauge.read()
        await anyio.sleep(soak.lasts)
        while gauge.messages < first.messages + soak.messages:  # noqa: ASYNC110 - nothing tells
            await anyio.sleep(0.1)
        for reading in (first, gauge.read()):
            sys.stdout.write(json.dumps(asdict(reading)) + "\n")


if __name__ == "__main__":
    run(_compare, Soak(**json.loads(sys.argv[1])))
