"""What the commands that run something share: logs to standard error, signals that stop in order."""

from __future__ import annotations

import functools
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from chrono.core.engine import Engine
    from chrono.core.pipeline import Pipeline
    from chrono.core.rehearsal import Rehearsal
    from chrono.core.replay import Replay

INTERRUPTED = 130

DUMP = tuple(signal.Signals[name] for name in ("SIGUSR1",) if name in signal.Signals.__members__)
"""What has the flight recorder write down what it keeps; nothing where the system has no such signal."""


class _StandardError:
    """Standard error as it is now: a live table replaces it while it draws."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs(*, verbose: bool = False) -> None:
    """Send structured logs to standard error, a line each; tracebacks follow on lines of their own."""
    import logging

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=_stderr()),
        cache_logger_on_first_use=False,
    )


def _stderr() -> TextIO:
    return _StandardError()  # type: ignore[return-value]


def _line(_: Any, __: str, event: Any) -> str:
    """Put an event on one line: when, how grave, who, what; then what to do, then the code and what else is known."""
    when, level, what = event.pop("timestamp"), event.pop("level"), " ".join(str(event.pop("event")).split())
    trace = event.pop("traceback", "")
    component, source = event.pop("component", ""), event.pop("source", "")
    who = event.pop("market", "") or source or component
    advice = "".join(f": {event.pop(key)}" for key in ("error",) if key in event)
    advice += "".join(f"; {event.pop(key)}" for key in ("advice",) if key in event)
    event.pop("state", "")
    more = [str(event.pop("code"))] if event.get("code") else []
    more += [f"{key}={value}" for key, value in event.items() if value != ""]
    head = f"{when} {level:<7} {who + ': ' if who else ''}{what}{advice}"
    return f"{head}{' [' + ' '.join(more) + ']' if more else ''}\n{trace}".rstrip()


def load(file: Path) -> Pipeline:
    """Read, check and wire one pipeline file."""
    from chrono.core.build import build
    from chrono.core.registry import Registry

    return build(file, Registry())


def load_all(files: Sequence[Path]) -> tuple[list[Pipeline], list[str]]:
    """Load those files that can be; return them and the problems of the others."""
    from chrono.core.errors import ConfigError, PluginError

    pipelines: list[Pipeline] = []
    problems: list[str] = []
    for file in files:
        try:
            pipelines.append(load(file))
        except ConfigError as error:
            problems.extend(error.problems)
        except PluginError as error:
            problems.append(f"{file}: {error}")
    return pipelines, problems


def to_stdout(pipeline: Pipeline, form: str | None) -> Pipeline:
    """Replace what a pipeline prints by JSON Lines or a table; leave it alone when no form is asked for."""
    from dataclasses import replace

    from chrono.core.component import Context
    from chrono.core.sinks import Console, JsonLines

    if form is None:
        return pipeline
    kept = {name: sink for name, sink in pipeline.sinks.items() if not _prints(sink)}
    made = JsonLines if form == "json" else Console
    return replace(pipeline, sinks={"stdout": made(context=Context("stdout")), **kept})


def _prints(sink: Any) -> bool:
    from chrono.core.sinks import Console, JsonLines

    return isinstance(sink, Console) or (isinstance(sink, JsonLines) and sink.config.path == "-")


def run_all(work: Sequence[Engine | Replay | Rehearsal]) -> tuple[list[Any], bool]:
    """Run engines, replays or rehearsals until they end or a signal stops them.

    Returns
    -------
    tuple of list and bool
        The summary of each, or what it found, None for one that a second signal cut short; and whether it was SIGINT.
    """
    import anyio

    # What is imported and built by now stays to the end: the collector need not walk through it while a round waits.
    gc.freeze()
    return anyio.run(functools.partial(_run_all, work), backend_options={"use_uvloop": _uvloop()})


def _uvloop() -> bool:
    """Say whether the faster loop is there, the extra `fast`; nothing but the time things take depends on it."""
    # where a standard stream is closed, its number becomes one of the loop's own, and libuv aborts the process
    streams = sys.__stdin__, sys.__stdout__, sys.__stderr__
    return find_spec("uvloop") is not None and all(stream is not None for stream in streams)


async def _run_all(work: Sequence[Engine | Replay | Rehearsal]) -> tuple[list[Any], bool]:
    import anyio

    summaries: list[Any] = [None] * len(work)
    errors: list[Exception] = []
    interrupted = False

    async def one(place: int, run: Callable[[], Awaitable[Any]]) -> None:
        try:
            summaries[place] = await run()
        except Exception as error:  # noqa: BLE001 - raised below, without a group round it
            errors.append(error)
            for other in work:
                other.stop.set()

    async def listen(ended: anyio.Event) -> None:
        nonlocal interrupted
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, *DUMP) as signals:
            ended.set()
            async for number in signals:
                if number in DUMP:
                    _dump(work, number)
                    continue
                if all(other.stop.is_set() for other in work):
                    everything.cancel_scope.cancel()
                interrupted = interrupted or number == signal.SIGINT
                for other in work:
                    other.stop.set()

    async with anyio.create_task_group() as everything:
        ready = anyio.Event()
        everything.start_soon(listen, ready)
        await ready.wait()
        async with anyio.create_task_group() as running:
            for place, item in enumerate(work):
                running.start_soon(one, place, item.run)
        everything.cancel_scope.cancel()
    if errors:
        raise errors[0]
    return summaries, interrupted


def _dump(work: Sequence[Engine | Replay | Rehearsal], number: signal.Signals) -> None:
    for each in work:
        if hasattr(each, "dump"):
            each.dump(number.name)
