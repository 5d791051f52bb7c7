"""What every venue shares: frames in, ticks and signals out. No socket here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, TypeAlias

import msgspec

from chrono.core.component import Source
from chrono.core.errors import FrameError
from chrono.core.types import PRICE_LIMIT, SECOND, Signal, Tick

Number: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=PRICE_LIMIT)]
"""A price in a frame: finite and positive. A lax float would take "nan" and "inf"."""

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=PRICE_LIMIT)]
"""A size in a frame: finite, zero allowed."""


class Session(Protocol):
    """What parses the frames of one connection."""

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Return the ticks and signals of a frame, in its order."""
        ...


class FrameSource(Source):
    """A source whose frames chrono receives: it decodes and parses, and is replayed from recorded frames.

    Attributes
    ----------
    Frame : type
        What a frame decodes to: any type msgspec knows, with constraints where the wire has them.
    """

    connects = True
    Frame: ClassVar[Any] = Any

    @cached_property
    def _decode(self) -> Any:
        return msgspec.json.Decoder(self.Frame, strict=False).decode

    @cached_property
    def _frame(self) -> Any:
        # a call per frame that only passes on is a fifth of what decoding costs
        return self._decode if type(self).decode is FrameSource.decode else self.decode

    def decode(self, data: bytes) -> Any:
        """Turn bytes into a frame, text in UTF-8; override for compressed or binary wires."""
        return self._decode(data)

    @abstractmethod
    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Return the ticks and signals of a frame, in its order; nothing for what is of no interest."""

    def session(self) -> Session:
        """Return what parses the frames of one connection: the source, or an object with that connection's state."""
        return self

    def read(self, data: bytes | str, session: Session | None = None) -> Sequence[Tick | Signal]:
        """Decode and parse one frame as received, with the session of its connection.

        Raises
        ------
        FrameError
            If it is not what the venue documents; a mistake in `parse` counts as such.
        """
        try:
            raw = data if isinstance(data, bytes) else data.encode()
            return tuple((session or self).parse(self._frame(raw)))
        except FrameError:
            raise
        except Exception as error:
            # a stranger's parser must not cost the connection
            raise FrameError(_reason(error), data, self.context.name) from error


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.MsgspecError):
        return str(error)
    # a mistake in `parse` is looked for where it was made
    where = "" if isinstance(error, ValueError) else _place(error)
    return f"{type(error).__name__}: {error}{where}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace is not None else ""


def ns_from_iso(time: str) -> int:
    """Return an RFC 3339 time in UTC as nanoseconds since the Unix epoch, to the digit.

    Parameters
    ----------
    time : str
        `2026-11-22T10:15:00Z`, with up to nine decimals of a second.

    Raises
    ------
    ValueError
        If it is written otherwise: no other form is guessed.

    Examples
    --------
    >>> ns_from_iso("2026-11-22T10:15:00.123456Z")
    1795342500123456000
    """
    whole, _, decimals = time.removesuffix("Z").partition(".")
    if not (time.endswith("Z") and len(decimals) <= 9 and (decimals.isdecimal() or len(time) == 20)):
        raise ValueError(f"expected a time like 2026-11-22T10:15:00.123456Z, was {time!r}")
    return _seconds(whole) * SECOND + int(decimals.ljust(9, "0"))


@lru_cache(maxsize=64)
def _seconds(time: str) -> int:
    # the trades of a second share it, so it is worked out once
    return int(datetime.strptime(time + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp())


def batches(symbols: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Split symbols into runs of at most `size`; 0 means no limit."""
    step = size or max(len(symbols), 1)
    for start in range(0, len(symbols), step):
        yield symbols[start : start + step]
