"""What every sink promises where something goes wrong: cancelled, refused, opened anew, handed odd reports."""

from __future__ import annotations

import asyncio
import io
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
import pytest

from chrono.core.component import Sink
from chrono.core.errors import PermanentError, TransientError
from chrono.core.types import Report
from chrono.testing.reports import odd_reports, report

__all__ = ["EnduranceChecks"]

WAITS = 12
"""At how many of its waits a publication is cancelled."""

_DESCRIPTORS = Path("/proc/self/fd")


class EnduranceChecks:
    """K08 to K14."""

    secrets: ClassVar[Sequence[str]]
    make: Callable[[], Sink]
    broken: Callable[[], AbstractContextManager[Any] | None]

    @abstractmethod
    async def seen(self) -> Sequence[Any]:
        """Return all that the world sees."""

    @pytest.mark.anyio
    async def test_k08_a_round_is_known_after_a_restart(self) -> None:
        """Published again by another that opened after the first closed, a round changes nothing; the next one does."""
        async with self.make() as sink:
            await sink.publish(report(0))
        once = list(await self.seen())
        async with self.make() as sink:
            await sink.publish(report(0))
            assert list(await self.seen()) == once, "expected the same after a restart published the round again"
            await sink.publish(report(1))
        assert len(await self.seen()) > len(once), "expected to see the next round, was nothing new"

    @pytest.mark.anyio
    async def test_k09_what_failed_is_published_the_next_time(self) -> None:
        """After a transient failure the same round is published whole, and once."""
        async with self.make() as sink:
            with self._breakage():
                try:
                    await sink.publish(report(0))
                except PermanentError:
                    pytest.skip("this sink says that trying again is no use")
                except TransientError:
                    pass
            await sink.publish(report(0))
            whole = list(await self.seen())
            await sink.publish(report(0))
            assert whole, "expected to see the round that had failed, was nothing"
            assert list(await self.seen()) == whole, "expected the round to be seen once"

    @pytest.mark.anyio
    async def test_k10_a_round_survives_being_cancelled_at_any_wait(self) -> None:
        """Cancelled at its n-th wait and published again, a round is seen as if it had never been cancelled."""
        async with self.make() as sink:
            await sink.publish(report(0))
            usual = before = len(await self.seen())
            for number in range(1, WAITS + 1):
                await _cancelled(sink, report(number), after=number)
                for _ in range(2):
                    await sink.publish(report(number))
                now = len(await self.seen())
                assert now - before == usual, f"expected {usual} new of round {number}, was {now - before}"
                before = now

    @pytest.mark.anyio
    async def test_k11_odd_reports_are_published_or_refused(self) -> None:
        """No feed at all, no price, another order, numbers at their bounds: neither costs more than its own round."""
        async with self.make() as sink:
            for what, odd in odd_reports():
                try:
                    await sink.publish(odd)
                except (TransientError, PermanentError):
                    continue
                except Exception as error:  # noqa: BLE001 - any other kind is what is looked for
                    pytest.fail(f"{what}: expected to be published or refused, was {error!r}")
            before = len(await self.seen())
            await sink.publish(report(100))
            assert len(await self.seen()) > before, "expected to see a round after odd ones, was nothing new"

    @pytest.mark.anyio
    async def test_k12_an_opening_that_failed_leaves_nothing(self) -> None:
        """What could not be opened can be opened once the cause is gone."""
        with self._breakage(), suppress(Exception):
            async with self.make():
                pass
        try:
            async with self.make() as sink:
                await sink.publish(report(0))
        except Exception as error:  # noqa: BLE001 - whatever keeps it from opening is what is looked for
            pytest.fail(f"expected the sink to open after an opening that failed, was {error!r}")
        assert await self.seen(), "expected to see what was published, was nothing"

    @pytest.mark.anyio
    async def test_k13_no_secret_is_printed_or_logged(self) -> None:
        """Neither the standard streams nor the logs of libraries show a secret, whether it goes well or not."""
        with _heard() as heard:
            async with self.make() as sink:
                await sink.publish(report(0))
                with self.broken() or nullcontext(), suppress(Exception):
                    await sink.publish(report(1))
        text = heard.getvalue()
        told = [secret for secret in self.secrets if secret in text]
        assert not told, f"expected no secret to be printed, was {len(told)} of {len(self.secrets)}"

    @pytest.mark.anyio
    async def test_k14_closing_leaves_no_task_and_no_file(self) -> None:
        """Opened and closed again and again, it leaves as many tasks and open files as there were."""
        await self._round(0)
        before = _left()
        for number in range(1, 4):
            await self._round(number)
        tasks, files = _left()
        assert tasks <= before[0], f"expected {before[0]} tasks as before, was {tasks}"
        assert files <= before[1], f"expected {before[1]} open files as before, was {files}"

    async def _round(self, number: int) -> None:
        async with self.make() as sink:
            await sink.publish(report(number))

    def _breakage(self) -> AbstractContextManager[Any]:
        breakage = self.broken()
        if breakage is None:
            pytest.skip("this sink cannot be made to fail")
        return breakage


async def _cancelled(sink: Sink, published: Report, after: int) -> None:
    """Publish, and cancel it after so many turns of the event loop."""
    async with anyio.create_task_group() as group:
        group.start_soon(sink.publish, published)
        for _ in range(after):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


@contextmanager
def _heard() -> Iterator[io.StringIO]:
    """Listen to the standard streams and to all logs."""
    heard = io.StringIO()
    handler, root = logging.StreamHandler(heard), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(heard), redirect_stderr(heard):
            yield heard
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _left() -> tuple[int, int]:
    """Return how many tasks there are, and how many files are open where that can be known."""
    return len(asyncio.all_tasks()), len(list(_DESCRIPTORS.iterdir())) if _DESCRIPTORS.exists() else 0
