"""What every sink promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from pydantic import ValidationError

from chrono.core.component import Context, Sink, Status
from chrono.core.errors import PermanentError, TransientError
from chrono.testing.endurance import EnduranceChecks
from chrono.testing.reports import described, report

__all__ = ["SinkContract"]

GRACE = 5.0
"""Seconds within which a sink has to close."""


class SinkContract(EnduranceChecks, ABC):
    """Subclass this in a plugin's tests, set `sink`, say what the world sees, and every check runs.

    Attributes
    ----------
    sink : type of Sink
        The class to check.
    secrets : sequence of str
        Values among the options that must never be shown.

    Examples
    --------
    ::

        class TestCsv(SinkContract):
            sink = Csv

            def options(self):
                return {"path": str(self.folder / "prices.csv")}

            async def seen(self):
                lines = (self.folder / "prices.csv").read_text().splitlines()
                return [tuple(line.split(",")[:2]) for line in lines]
    """

    sink: ClassVar[type[Sink]]
    secrets: ClassVar[Sequence[str]] = ()
    folder: Path

    @pytest.fixture(autouse=True)
    def _in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Run on asyncio, as chrono does."""
        return "asyncio"

    def options(self) -> Mapping[str, Any]:
        """Return what the user would write; `self.folder` is a fresh folder."""
        return {}

    @abstractmethod
    async def seen(self) -> Sequence[Any]:
        """Return all that the world sees of what was published, oldest first: of each round at least one thing."""

    def broken(self) -> AbstractContextManager[Any] | None:
        """Return something within which publishing cannot succeed, None where it cannot be brought about."""
        return None

    def make(self) -> Sink:
        """Return a fresh sink."""
        self.statuses: list[Status] = []
        self.logged = _Log()
        context = Context(self.sink.type, report=self.statuses.append, logger=self.logged, describe=described)
        return self.sink(self.sink.Config(**self.options()), context)

    def test_k00_type_and_options_are_as_they_should_be(self) -> None:
        """The type is a lower-case word, unknown options are refused, all are described, every sink's among them."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", self.sink.type), f"expected lower snake case, was {self.sink.type!r}"
        with pytest.raises(ValidationError, match="Extra inputs"):
            self.sink.Config(**{**self.options(), "no_such_option": 1})
        fields = self.sink.Config.model_fields
        lacking = [name for name in Sink.Config.model_fields if name not in fields]
        assert not lacking, f"expected the options that every sink has, was none for {lacking}; derive from Sink.Config"
        silent = [name for name, field in fields.items() if not (field.description or "").strip()]
        assert not silent, f"expected a docstring below each option, was none for {silent}"

    @pytest.mark.anyio
    async def test_k01_publishing_a_round_twice_changes_nothing(self) -> None:
        """The world sees the same after the second time as after the first."""
        async with self.make() as sink:
            await sink.publish(report(0))
            once = await self.seen()
            await sink.publish(report(0))
            assert once, "expected to see what was published, was nothing"
            assert await self.seen() == once, "expected the same after publishing the round again"

    @pytest.mark.anyio
    async def test_k02_rounds_are_seen_in_order(self) -> None:
        """Each round adds to the end of what the world sees."""
        async with self.make() as sink:
            before: list[Any] = []
            for number in range(3):
                await sink.publish(report(number))
                now = list(await self.seen())
                assert now[: len(before)] == before, "expected what was seen before to stay"
                assert len(now) > len(before), f"expected to see round {number}, was nothing new"
                before = now

    @pytest.mark.anyio
    async def test_k03_failing_is_transient_or_permanent(self) -> None:
        """A sink that cannot publish says whether to try again, and says nothing else."""
        breakage = self.broken()
        if breakage is None:
            pytest.skip("this sink cannot be made to fail")
        async with self.make() as sink:
            with breakage:
                try:
                    await sink.publish(report(0))
                except (TransientError, PermanentError):
                    return
                except Exception as error:  # noqa: BLE001 - any other kind is what is looked for
                    pytest.fail(f"expected TransientError or PermanentError, was {error!r}")
                pytest.fail("expected TransientError or PermanentError, was success")

    @pytest.mark.anyio
    async def test_k04_a_cancelled_round_can_be_published_again(self) -> None:
        """Cancelled before it began or at its first wait, a round is published whole the next time, and once."""
        async with self.make() as sink:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await sink.publish(report(0))
            await sink.publish(report(0))
            whole = await self.seen()
            await sink.publish(report(0))
            assert whole, "expected to see the round, was nothing"
            assert await self.seen() == whole, "expected the round to be seen once"

    @pytest.mark.anyio
    async def test_k05_no_secret_is_shown(self) -> None:
        """Neither a repr, a log line, a status nor an error shows a secret."""
        async with self.make() as sink:
            await sink.publish(report(0))
            shown = [repr(sink), str(sink), repr(sink.config), str(sink.config), repr(sink.__dict__.get("_config"))]
            if (breakage := self.broken()) is not None:
                with breakage:
                    try:
                        await sink.publish(report(1))
                    except Exception as error:  # noqa: BLE001 - its text is what is looked at
                        shown += [str(error), repr(error), repr(error.__cause__)]
        shown += [repr(self.statuses), repr(self.logged.lines)]
        told = [secret for secret in self.secrets if any(secret in text for text in shown)]
        assert not told, f"expected no secret to be shown, was {len(told)} of {len(self.secrets)}"

    @pytest.mark.anyio
    async def test_k06_another_opens_after_it_closed(self) -> None:
        """A closed sink holds nothing that keeps another from opening; it goes on where the first stopped."""
        seen = 0
        for number in range(3):
            try:
                async with self.make() as sink:
                    await sink.publish(report(number))
            except Exception as error:  # noqa: BLE001 - whatever keeps it from opening is what is looked for
                pytest.fail(f"expected the sink to open again after it was closed, was {error!r}")
            before, seen = seen, len(await self.seen())
            assert seen > before, f"expected to see round {number}, was nothing new"

    @pytest.mark.anyio
    async def test_k07_it_closes_in_time(self) -> None:
        """Closing takes no longer than the time for it."""
        sink = self.make()
        await sink.__aenter__()
        await sink.publish(report(0))
        with anyio.move_on_after(GRACE) as scope:
            await sink.__aexit__(None, None, None)
        assert not scope.cancelled_caught, f"expected to close within {GRACE:g}s"


class _Log:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda *words, **more: self.lines.append((level, *words, *more.items()))
