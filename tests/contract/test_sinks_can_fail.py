"""One sink broken on purpose for each check; the check must fail for it."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import SecretStr

from chrono import Component, Report, Sink, TransientError
from chrono.testing import SinkContract, sinks

from .failing import failure

pytestmark = pytest.mark.anyio

SECRET = "hunter2"


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as chrono does."""
    return "asyncio"


class Lines(Sink):
    """A line for each round in a file, and a file that says who has it open."""

    type = "lines"

    class Config(Sink.Config):
        """Options."""

        path: Path
        """Where to."""
        password: SecretStr = SecretStr("")
        """Whose it is."""

    @property
    def lock(self) -> Path:
        """Say who has it open."""
        return Path(self.config.path.with_suffix(".lock"))

    async def __aenter__(self) -> "Lines":
        self.lock.touch(exist_ok=False)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.lock.unlink()

    def written(self) -> list[int]:
        """Return the rounds that are there."""
        path = self.config.path
        return [json.loads(line)["round"] for line in path.read_text().splitlines()] if path.exists() else []

    def write(self, report: Report) -> None:
        """Add a line."""
        try:
            with self.config.path.open("a") as file:
                file.write(json.dumps({"round": report.round.id}) + "\n")
        except OSError as error:
            raise TransientError(f"cannot write: {error.strerror}") from error

    async def publish(self, report: Report) -> None:
        """Add a line unless it is there."""
        await anyio.lowlevel.checkpoint()
        if self.config.path.is_dir() or report.round.id not in self.written():
            self.write(report)


class LinesContract(SinkContract):
    """The contract of the lines."""

    sink = Lines
    secrets = (SECRET,)

    def options(self) -> Mapping[str, Any]:
        """Write into the fresh folder."""
        return {"path": self.folder / "lines", "password": SECRET}

    async def seen(self) -> Sequence[Any]:
        """Return the lines."""
        path = self.folder / "lines"
        return path.read_text().splitlines() if path.exists() else []

    def broken(self) -> AbstractContextManager[Any]:
        """Put a folder where the file should be."""

        @contextmanager
        def folder() -> Iterator[None]:
            kept = self.folder / "kept"
            path = self.folder / "lines"
            if path.exists():
                path.rename(kept)
            path.mkdir()
            yield
            path.rmdir()
            if kept.exists():
                kept.rename(path)

        return folder()


class TestLines(LinesContract):
    """The sound sink passes every check."""


MUTANTS: list[tuple[str, type[Lines]]] = []


def breaks(check: str) -> Callable[[type[Lines]], type[Lines]]:
    """Note which check a broken sink is for."""

    def note(cls: type[Lines]) -> type[Lines]:
        MUTANTS.append((check, cls))
        return cls

    return note


@breaks("k00")
class Capital(Lines):
    """Its type is no lower-case word."""

    type = "Lines"


@breaks("k00")
class Alone(Lines):
    """Its options are its own alone."""

    class Config(Component.Config):
        """Options."""

        path: Path
        """Where to."""
        password: SecretStr = SecretStr("")
        """Whose it is."""


@breaks("k01")
class Again(Lines):
    """It writes a round as often as it is told."""

    def written(self) -> list[int]:
        return []


@breaks("k02")
class NewestFirst(Lines):
    """It writes the newest round on top."""

    def write(self, report: Report) -> None:
        super().write(report)
        lines = self.config.path.read_text().splitlines(keepends=True)
        self.config.path.write_text("".join([lines[-1], *lines[:-1]]))


@breaks("k02")
class OneBehind(Lines):
    """It writes a round when the next one comes, and the first at once."""

    held: Report | None = None

    async def publish(self, report: Report) -> None:
        if self.held is not None or not self.written():
            await super().publish(self.held or report)
        self.held = report if self.held is None or self.held.round != report.round else self.held


@breaks("k03")
class Raw(Lines):
    """It lets the system's error out."""

    def write(self, report: Report) -> None:
        with self.config.path.open("a") as file:
            file.write(f"{report.round.id}\n")


@breaks("k03")
class Silent(Lines):
    """It says nothing of what failed."""

    def write(self, report: Report) -> None:
        if not self.config.path.is_dir():
            super().write(report)


@breaks("k04")
class NotesBefore(Lines):
    """It notes a round as done before it is."""

    done: int = 0

    async def publish(self, report: Report) -> None:
        if self.done != report.round.id:
            self.done = report.round.id
            await super().publish(report)


@breaks("k05")
class Shows(Lines):
    """It shows its password where it shows itself."""

    def __repr__(self) -> str:
        return f"Shows({self.config.password.get_secret_value()})"


@breaks("k05")
class Tells(Lines):
    """It logs its password."""

    async def publish(self, report: Report) -> None:
        self.context.logger.info("publishing", password=self.config.password.get_secret_value())
        await super().publish(report)


@breaks("k05")
class Blurts(Lines):
    """It puts its password into an error."""

    def write(self, report: Report) -> None:
        try:
            super().write(report)
        except TransientError as error:
            raise TransientError(f"cannot write as {self.config.password.get_secret_value()}") from error


@breaks("k06")
class Keeps(Lines):
    """It stays open for ever."""

    async def __aexit__(self, *exc: object) -> None:
        """Leave the lock."""


@breaks("k07")
class Lingers(Lines):
    """It takes its time."""

    async def __aexit__(self, *exc: object) -> None:
        await anyio.sleep(1.0)
        await super().__aexit__(*exc)


@breaks("k08")
class Newborn(Lines):
    """It remembers what it wrote, and no longer than it lives."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: list[int] = []

    def written(self) -> list[int]:
        return self.known

    def write(self, report: Report) -> None:
        super().write(report)
        self.known.append(report.round.id)


@breaks("k09")
class GivesUp(Lines):
    """It does not try again what failed."""

    tried = 0

    async def publish(self, report: Report) -> None:
        if report.round.id > self.tried:
            self.tried = report.round.id
            await super().publish(report)


@breaks("k10")
class NotesAfter(Lines):
    """It writes, waits, and only then notes that it wrote."""

    done = 0

    async def publish(self, report: Report) -> None:
        if report.round.id > self.done:
            self.write(report)
            await anyio.sleep(0.001)
            self.done = report.round.id


@breaks("k10")
class InHalves(Lines):
    """It writes a round in two parts, and waits between them."""

    async def publish(self, report: Report) -> None:
        if report.round.id not in self.written():
            self.write(report)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            self.write(report)


@breaks("k11")
class FirstPrice(Lines):
    """It takes it that there is a price."""

    async def publish(self, report: Report) -> None:
        assert report.results[0].value  # type: ignore[union-attr]
        await super().publish(report)


@breaks("k12")
class HalfOpen(Lines):
    """It locks before it looks."""

    async def __aenter__(self) -> "Lines":
        await super().__aenter__()
        if self.config.path.is_dir():
            raise TransientError("expected a file, was a folder")
        return self


@breaks("k13")
class Prints(Lines):
    """It prints its password."""

    async def publish(self, report: Report) -> None:
        sys.stdout.write(self.config.password.get_secret_value())
        await super().publish(report)


@breaks("k13")
class Debugs(Lines):
    """Its library logs its password."""

    def write(self, report: Report) -> None:
        logging.getLogger("library").debug("as %s", self.config.password.get_secret_value())
        super().write(report)


LEFT: list[Any] = []


@breaks("k14")
class Litters(Lines):
    """It leaves a task behind."""

    async def __aenter__(self) -> "Lines":
        LEFT.append(asyncio.get_running_loop().create_task(asyncio.sleep(60)))
        return await super().__aenter__()


@breaks("k14")
class Forgets(Lines):
    """It never closes a file."""

    async def __aenter__(self) -> "Lines":
        await super().__aenter__()
        LEFT.append(self.lock.open())
        return self


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_sink_broken_for_it(
    check: str, broken: type[Lines], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each broken sink is found out by its own check."""
    monkeypatch.setattr(sinks, "GRACE", 0.1)
    contract = type("Broken", (LinesContract,), {"sink": broken, "folder": tmp_path})
    said = await failure(contract, check)
    for left in LEFT:
        left.cancel() if isinstance(left, asyncio.Task) else left.close()
    LEFT.clear()
    assert said, f"expected {check} to find out that {broken.__doc__}"


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(SinkContract) if name.startswith("test_k")}
    assert numbers == {check for check, _ in MUTANTS}
