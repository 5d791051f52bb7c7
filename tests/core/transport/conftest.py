"""What the transport tests share: the backend, a clock that does not wait, and a place to read statuses."""

import socket
from importlib.util import find_spec

import anyio
import pytest

from chrono.core.clock import WallClock
from chrono.core.component import Context, Status
from chrono.core.types import SECOND

LOOPS = ("asyncio", "uvloop") if find_spec("uvloop") else ("asyncio",)


class Hasty(WallClock):
    """The machine's clock, but a wait is noted, takes a millisecond and moves it on as if it had been waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._skipped = 0

    def now(self) -> int:
        return super().now() + self._skipped

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._skipped += int(seconds * SECOND)
        await anyio.sleep(0.001)


class Notebook:
    """A recorder and a logger that keep what they are told."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []
        self.warnings: list[dict[str, object]] = []

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int, **more: object
    ) -> None:
        self.lines.append({"source": source, "kind": kind, "data": data, "ts": ts, "conn": conn, **more})

    def warning(self, event: str, **more: object) -> None:
        self.warnings.append({"event": event, **more})

    def of(self, kind: str) -> list[dict[str, object]]:
        return [line for line in self.lines if line["kind"] == kind]


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run on asyncio's loop, and on uvloop where it is installed, as chrono does."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture
def clock() -> Hasty:
    """Return a clock that does not wait."""
    return Hasty()


@pytest.fixture
def notebook() -> Notebook:
    """Return a recorder and logger that can be read."""
    return Notebook()


@pytest.fixture
def statuses() -> list[Status]:
    """Return where the statuses of `context` go."""
    return []


@pytest.fixture
def context(clock: Hasty, notebook: Notebook, statuses: list[Status]) -> Context:
    """Return a context with all of the above."""
    return Context("toy", clock, statuses.append, notebook, notebook)


@pytest.fixture
def unused_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
