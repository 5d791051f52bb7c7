"""Errors, grouped by what happens next.

ChronoError
├── ConfigError            the operator edits the YAML
├── PluginError            the author fixes the plugin
├── UnknownType            the operator installs a plugin, or spells it right
├── DataError              this datum is dropped and counted
│   └── FrameError         … because the frame could not be read
├── NoPrice                this feed has no answer this round; the others do
│   ├── InsufficientData   … the window held too little
│   └── NoQuorum           … too few venues were left
├── TransientError         again, with backoff and jitter
│   └── RateLimited        … not before `retry_after`
└── PermanentError         not again; the component's status says so
    └── ReaderLeft         … because nobody reads what is printed any more; nothing is wrong

Messages name the subject, what was expected, what it was and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = 120


class ChronoError(Exception):
    """Anything chrono raises on purpose."""


class ConfigError(ChronoError):
    """The pipeline file is wrong; `problems` has one line for each thing to edit.

    `partial` is what could be read of it in spite of them, for those who look for further problems.
    """

    def __init__(self, *problems: str, partial: Any = None) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems
        self.partial = partial


class PluginError(ChronoError):
    """A plugin breaks the contract of its hook.

    Parameters
    ----------
    message : str
        What was expected, what it was, what to do.
    plugin : str
        The component type or entry-point name.
    distribution : str
        The distribution that installed it, empty when it is not known.
    """

    def __init__(self, message: str, *, plugin: str, distribution: str = "") -> None:
        origin = f"{plugin} ({distribution})" if distribution else plugin
        super().__init__(f"plugin {origin}: {message}")
        self.plugin = plugin
        self.distribution = distribution


class UnknownType(ChronoError, LookupError):
    """No installed distribution offers a type of component; `known` are those that are installed."""

    def __init__(self, message: str = "", known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.known = known


class DataError(ChronoError):
    """One datum is not what its venue documents; it is dropped and counted."""


class FrameError(DataError):
    """A frame could not be read.

    Parameters
    ----------
    reason : str
        What was expected and what it was.
    frame : bytes or str
        The frame as received; its head is kept for the message.
    venue : str
        The component that received it, empty when it is not known.
    """

    def __init__(self, reason: str, frame: bytes | str = b"", venue: str = "") -> None:
        text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
        head = text if len(text) <= _HEAD else text[:_HEAD] + "…"
        subject = f"{venue}: frame" if venue else "frame"
        # what is no text is shown byte by byte, so that none of it reaches a terminal
        binary = isinstance(frame, bytes) and "\N{REPLACEMENT CHARACTER}" in head
        shown = repr(frame[:_HEAD]) if binary else repr(head)
        super().__init__(f"{subject} {shown}: {reason}" if head else f"{subject}: {reason}")
        self.reason = reason
        self.venue = venue
        self.head = head


class NoPrice(ChronoError):
    """A feed, or one market of it, has no answer this round."""


class InsufficientData(NoPrice):
    """A window holds fewer observations than an aggregator needs."""

    def __init__(self, n: int, wanted: int) -> None:
        super().__init__(f"{n} observations, wanted {wanted}")
        self.n = n
        self.wanted = wanted


class NoQuorum(NoPrice):
    """Too few independent venues were left to agree.

    Parameters
    ----------
    used : int
        Groups that were left.
    wanted : int
        Groups the strategy needs.
    dropped : mapping of Market to Reason
        Who was dropped by the strategy itself, and why.
    **numbers : float
        What else was wanted and what it was, such as `turnover` and `turnover_wanted`.
    """

    def __init__(self, used: int, wanted: int, dropped: Mapping[Any, Mapping[str, Any]], **numbers: float) -> None:
        super().__init__(f"{used} venues left, wanted {wanted}")
        self.used = used
        self.wanted = wanted
        self.dropped = dropped
        self.numbers = numbers


class TransientError(ChronoError):
    """The same call may succeed later; it is tried again with backoff and jitter."""


class RateLimited(TransientError):
    """The venue asks for a pause of `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(ChronoError):
    """The same call will fail again; the component's status says so and the rest goes on."""


class ReaderLeft(PermanentError):
    """Standard output was closed by its reader, as `head` does: nothing is wrong, there is nobody to print for."""


def first(error: BaseException) -> BaseException:
    """Return the first error of a group of tasks that failed, however deep; any other as it is."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
