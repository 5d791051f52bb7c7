"""How long the sink `flare_feed_values` takes to answer, while trades come in and rounds are priced.

A pipeline runs in a process of its own, with six venues to a feed that are pushed to; this one asks over the loopback,
at times that do not wait for answers. Most requests repeat the running round; a new round begins now and then; the rest
is round 0, as the block-latency client asks. A latency is counted from the moment a request was due.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from measure import percentile, say

VENUES = 6
CHAINS = {"short": "aggregator: last\ndetectors: []\nconsensus: weighted_median\n", "default": ""}


def text(feeds: int, chain: str, ledger: str) -> str:
    """Return a pipeline file of so many feeds; the last is the rate the others convert with."""
    usdt = ", ".join(f"v{venue}:%s/USDT" for venue in range(1, VENUES))
    lines = [f"  C{i}/USD: {{markets: [v0:C{i}/USD, {usdt.replace('%s', f'C{i}')}]}}" for i in range(feeds - 1)]
    sources = [f"  v{venue}: {{type: push}}" for venue in range(VENUES)]
    sinks = ["sinks:", f"  flare_feed_values: {{port: 0, ledger: {ledger}}}"]
    return CHAINS[chain] + "\n".join(["sources:", *sources, "feeds:", *lines, "  USDT/USD: {decimals: 5}", *sinks])


def serve(to: Connection, feeds: int, chain: str, trades: int) -> None:
    """Run the pipeline until it is told to stop; say the port when every feed has a value."""
    import gc
    import logging

    import anyio
    import structlog

    from chrono import Trade
    from chrono.core.build import build
    from chrono.core.engine import Engine
    from chrono.core.registry import Registry

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            pipeline = build(text(feeds, chain, f"{folder}/flare.db"), Registry())
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
            engine, draw = Engine(pipeline), random.Random(1)
            markets = [market for each in pipeline.markets.values() for market in each]
            levels = {base: 100.0 + n for n, base in enumerate(sorted({market.pair.base for market in markets}))}
            levels["USDT"] = 1.0
            pushed = 0

            def push(market: Any) -> None:
                nonlocal pushed
                pushed += 1
                price = levels[market.pair.base] * draw.gauss(1, 1e-4)
                engine.board.inlets[market.source](Trade(market.symbol, price, draw.random(), "buy", str(pushed)))

            async def feed() -> None:
                for market in markets:
                    push(market)
                began = time.monotonic()
                start = pushed
                while True:
                    await anyio.sleep(0.002)
                    while pushed - start < (time.monotonic() - began) * trades:
                        push(draw.choice(markets))

            async def control() -> None:
                await anyio.to_thread.run_sync(to.recv)
                to.send((pushed, time.process_time()))
                engine.stop.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(engine.run)
                (sink,) = pipeline.sinks.values()
                while sink.asking._loop is None:  # noqa: ASYNC110, SLF001
                    await anyio.sleep(0.01)
                tasks.start_soon(feed)
                gc.collect()
                gc.freeze()
                await anyio.sleep(3)
                to.send((sink.server.port, pushed, time.process_time()))
                await control()
                tasks.cancel_scope.cancel()

    anyio.run(run)


class Client:
    """Connections that are kept, one for each request under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one request and return its status and answer."""
        way = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = way
        writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        self._idle.append(way)
        return int(head.split(b" ", 2)[1]), answer


async def ask(port: int, feeds: int, rate: float, lasts: float, new_every: float) -> dict[str, list[float]]:
    """Ask at a rate, and return the seconds each kind of request took."""
    client, draw = Client(port), random.Random(2)
    names = [f"C{i}/USD" for i in range(feeds - 1)] + ["USDT/USD"]
    body = json.dumps({"feeds": [{"category": 1, "name": name} for name in names]}, separators=(",", ":")).encode()
    took: dict[str, list[float]] = {"new round": [], "repeat": [], "round 0": [], "no value": [], "not 201": []}
    first: dict[int, bytes] = {}

    async def one(kind: str, number: int, due: float) -> None:
        status, answer = await client.post(f"/feed-values/{number}", body)
        spent = time.monotonic() - due
        took[kind].append(spent)
        if status != 201:
            took["not 201"].append(spent)
        elif number:
            assert first.setdefault(number, answer) == answer, "a round changed"
        if status == 201 and answer.count(b'"value"') != feeds:
            took["no value"].append(spent)

    began = time.monotonic() + 0.1
    running = 0
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * lasts)):
            due = began + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            current = 1 + int((due - began) / new_every)
            kind = "new round" if current > running else "repeat" if draw.random() < 0.6 else "round 0"
            running = current
            tasks.create_task(one(kind, current if kind != "round 0" else 0, due))
    return took


def report(feeds: int, took: dict[str, list[float]]) -> None:
    """Print what the requests took."""
    asked = [spent for kind in ("new round", "repeat", "round 0") for spent in took[kind]]
    for kind, found in {"all": asked, **took}.items():
        if kind in {"no value", "not 201"}:
            say(f"{feeds} feeds, {kind}", str(len(found)))
        elif found:
            p50, p99, most = (1e3 * each for each in (percentile(found, 0.5), percentile(found, 0.99), max(found)))
            say(f"{feeds} feeds, {kind}, of {len(found)}", f"p50 {p50:.1f} ms", f"p99 {p99:.1f} ms, most {most:.1f} ms")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, nargs="+", default=[63, 1000])
    parser.add_argument("--chain", choices=CHAINS, default="default")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--trades", type=int, default=2000, help="trades a second")
    parser.add_argument("--for", type=float, default=60.0, dest="lasts", help="seconds")
    parser.add_argument("--new", type=float, default=10.0, help="seconds between new rounds; 90 on the chain")
    given = parser.parse_args(arguments)
    say("load average, before", f"{os.getloadavg()[0]:.1f}")
    for feeds in given.feeds:
        here, there = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(there, feeds, given.chain, given.trades), daemon=True
        )
        process.start()
        port, pushed, cpu = here.recv()
        began = time.monotonic()
        took = asyncio.run(ask(port, feeds, given.rate, given.lasts, given.new))
        here.send("stop")
        ended, spent = here.recv()
        lasted = time.monotonic() - began
        process.join()
        report(feeds, took)
        say(f"{feeds} feeds, trades a second", f"{(ended - pushed) / lasted:.0f}")
        say(f"{feeds} feeds, CPU of one core", f"{(spent - cpu) / lasted:.0%}")
    say("load average, after", f"{os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
