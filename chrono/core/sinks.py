"""The sinks that need no plugin: a table for people, JSON Lines for programs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self

import anyio.to_thread
from pydantic import Field

from chrono.core.component import Sink
from chrono.core.errors import PermanentError, ReaderLeft, TransientError
from chrono.core.reporting import encode, iso, rows
from chrono.core.types import Missing, Price, Reason, Report

_SHOWN = 3
"""Rejected markets named in one cell of the table."""

_GOOD = 0.5
"""Confidence above which a value is shown in green."""


class Console(Sink):
    """A live table on a terminal, plain lines elsewhere."""

    type = "console"

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self._live: Any = None

    async def __aenter__(self) -> Self:
        if sys.stdout.isatty():
            from rich import get_console
            from rich.live import Live

            if not get_console().is_dumb_terminal:
                # log lines appear above the table, unless they go to another place than the terminal
                self._live = Live(auto_refresh=False, redirect_stdout=False, redirect_stderr=sys.stderr.isatty())
                self._live.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.stop()

    async def publish(self, report: Report) -> None:
        """Show a report, in a thread: a reader who stops must not stop the rounds."""
        await anyio.to_thread.run_sync(self._show, report, abandon_on_cancel=True)

    def _show(self, report: Report) -> None:
        if self._live is not None:
            self._live.update(_table(report), refresh=True)
        else:
            _print("".join(f"{line}\n" for line in _lines(report)))


class JsonLines(Sink):
    """One JSON object per round and feed, appended to a file."""

    type = "jsonl"

    class Config(Sink.Config):
        """Where to write."""

        path: str = Field(default="-", min_length=1)
        """The file; `-` is standard output."""

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self._stream: IO[bytes] | None = None
        self._last = -1

    async def __aenter__(self) -> Self:
        if self.config.path != "-":
            try:
                self._stream = Path(self.config.path).open("ab", buffering=0)  # noqa: ASYNC230, SIM115 - once, before anything runs
            except OSError as error:
                raise PermanentError(
                    f"expected to append to {self.config.path}, was refused: {error.strerror}"
                ) from error
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._stream is not None:
            self._stream.close()

    async def publish(self, report: Report) -> None:
        """Append a report, unless it is there already."""
        if report.round.id > self._last:
            text = b"".join(encode(row) + b"\n" for row in rows(report))
            # a reader that stopped reading must not keep the program from ending; a file is written to its end
            await anyio.to_thread.run_sync(self._append, text, abandon_on_cancel=self._stream is None)
            self._last = report.round.id

    def _append(self, text: bytes) -> None:
        if self._stream is None:
            _print(text.decode())
            return
        end = os.fstat(self._stream.fileno()).st_size
        try:
            while text:
                text = text[self._stream.write(text) :]
        except OSError as error:
            # a full disk takes a part; tried again, the report must not be there twice
            with contextlib.suppress(OSError):
                self._stream.truncate(end)
            raise TransientError(f"expected to append to {self.config.path}, was refused: {error.strerror}") from error


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeft("standard output was closed by its reader") from error
    except OSError as error:
        raise PermanentError(f"expected to write to standard output, was refused: {error.strerror}") from error


def _lines(report: Report) -> Iterator[str]:
    """Yield a line a feed, for terminals that are none and for logs."""
    at = iso(report.round.as_of)[11:19]
    for result in report.results:
        yield f"{at}  {result.feed.name:<12} {_value(result):>16}  {_confidence(result):>5}  {_markets(result)}"


def _table(report: Report) -> Any:
    from rich import box
    from rich.table import Table

    title = f"round {report.round.id} · {iso(report.round.as_of)[:19]}Z"
    # as wide as the terminal, so that the columns stay where they are from round to round
    table = Table(title=title, title_justify="left", title_style="dim", box=box.ROUNDED, expand=True)
    for name in ("feed", "value", "confidence", "used"):
        table.add_column(name, justify="left" if name == "feed" else "right", no_wrap=True)
    table.add_column("rejected", ratio=1, overflow="fold")
    for result in report.results:
        table.add_row(*_cells(result))
    return table


def _cells(result: Price | Missing) -> Iterator[Any]:
    from rich.text import Text

    style = "red" if isinstance(result, Missing) else "green" if result.confidence > _GOOD else "yellow"
    yield result.feed.name
    yield Text(_value(result) if isinstance(result, Price) else "-", style=style)
    yield _confidence(result)
    yield f"{len(result.used)}/{len(result.used) + len(result.dropped)}"
    remarks = [Text(market, style="dim") for market in _rejected(result)]
    remarks[:0] = [Text(say(notice), style="yellow") for notice in result.notices]
    if isinstance(result, Missing):
        remarks.insert(0, Text(say(result.reason), style=style))
    yield Text("\n").join(remarks)


def _value(result: Price | Missing) -> str:
    if isinstance(result, Price):
        return format(result.feed.quantize(result.value), "f")
    return say(result.reason)


def _confidence(result: Price | Missing) -> str:
    return f"{result.confidence:.2f}" if isinstance(result, Price) else "-"


def _markets(result: Price | Missing) -> str:
    rejected = ", ".join(_rejected(result))
    used = f"{len(result.used)} of {len(result.used) + len(result.dropped)} markets"
    noticed = "".join(f"; {say(notice)}" for notice in result.notices)
    return f"{used}{noticed}; rejected: {rejected}" if rejected else used + noticed


def _rejected(result: Price | Missing) -> Sequence[str]:
    """Return who was rejected and why; markets never heard of come last."""
    ranked = sorted(result.dropped.items(), key=lambda item: (item[1]["code"] == "no_data", item[0]))
    named = [f"{market} {say(reason)}" for market, reason in ranked[:_SHOWN]]
    return [*named, f"{len(ranked) - _SHOWN} more"] if len(ranked) > _SHOWN else named


def say(reason: Reason) -> str:
    """Put a reason into words: its code, and the numbers behind it.

    Examples
    --------
    >>> say({"code": "stale", "age_s": 41.2, "limit_s": 30.0})
    'stale (age 41.2 s, limit 30 s)'
    """
    numbers = ", ".join(_number(key, value) for key, value in reason.items() if key != "code")
    word = str(reason["code"]).replace("_", " ")
    return f"{word} ({numbers})" if numbers else word


def _number(key: str, value: Any) -> str:
    if key.endswith("_s") and isinstance(value, int | float):
        return f"{key.removesuffix('_s').replace('_', ' ')} {round(value, 1):g} s"
    return f"{key.replace('_', ' ')} {f'{value:.6g}' if isinstance(value, float) else value}"
