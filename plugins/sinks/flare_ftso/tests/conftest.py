"""Vectors: a small own set beside the tests, and those of the reference implementations where they are at hand."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
RECORDED = HERE.parents[3].parent / "shared" / "data" / "fsp"

# fake_node, fake_epochs, recorded_chain: what several modules of tests share
sys.path.append(str(HERE))

# A first import or a busy machine is no fault of what is tested.
settings.register_profile("unhurried", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Any]:
    """Return a reader of what the reference implementations computed; the test skips where that is not at hand."""

    def read(name: str) -> Any:
        path = RECORDED / name
        if not path.exists():
            pytest.skip(f"expected vectors of the reference implementations in {name}, there are none here")
        return json.loads(path.read_text())

    return read


@pytest.fixture(scope="session")
def own() -> Callable[[str], Any]:
    """Return a reader of our own vectors."""
    return lambda name: json.loads((HERE / "vectors" / name).read_text())


class Running:
    """A pipeline on the machine's clock that runs beside a test: what is pushed to its venues is priced when asked.

    Attributes
    ----------
    sink : Sink
        Of the plugin, the one that `text` names.
    client : httpx.AsyncClient
        Of its server.
    told : list of str
        Every status, and every line of the log.
    """

    def __init__(self, text: str, **options: Any) -> None:
        from chrono.core.build import build
        from chrono.core.engine import Engine
        from chrono.core.registry import Registry

        self.told: list[str] = []
        pipeline = build(text, Registry())
        (self.sink,) = pipeline.sinks.values()
        self.engine = Engine(pipeline, logger=Log(self.told), **options)
        self.client: Any

    async def __aenter__(self) -> "Running":
        import anyio
        import httpx

        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self.engine.run)
        with anyio.fail_after(10):
            # its instants are asked for once all is open
            while self.sink.asking._loop is None:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.001)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.sink.server.port}", timeout=5, verify=False)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self.engine.stop.set()
        await self._tasks.__aexit__(*exc)
        await self.client.aclose()

    def push(self, pair: str, price: float, size: float = 1.0, **more: Any) -> None:
        """Have every venue that lists a pair print a price."""
        from chrono import Trade

        for source, markets in self.engine.pipeline.markets.items():
            for market in markets:
                if str(market.pair) == pair:
                    self.engine.board.inlets[source](Trade(market.symbol, price, size, **more))


class Log:
    """A logger that keeps what it is told, as text."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def bind(self, **more: Any) -> "Log":
        return self

    def __getattr__(self, level: str) -> Any:
        return lambda *words, **more: self._lines.append(f"{level} {words} {more}")


@pytest.fixture(scope="session")
def running() -> type[Running]:
    """Return what runs a pipeline beside a test: `async with running(text) as pipeline: …`."""
    return Running
