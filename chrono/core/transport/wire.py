"""What stands in the fields of frames, read as strictly as the wire has it."""

from __future__ import annotations

import zlib
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias

import msgspec

from chrono.core.types import PRICE_LIMIT, SECOND, Quote

Number: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=PRICE_LIMIT)]
"""A price in a frame: finite and positive. A lax float would take "nan" and "inf"."""

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=PRICE_LIMIT)]
"""A size in a frame: finite, zero allowed."""

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""A word in a frame that must be there, such as a symbol or the id of a trade."""

Serial: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""A number that the venue counts with, such as the id of a trade."""

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=10**12, lt=10**13)]
"""A Unix time in milliseconds, from 2001 to 2286: thirteen digits, so that no other unit is taken for it."""

Microseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=10**15, lt=10**16)]
"""A Unix time in microseconds, sixteen digits."""

Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=10**18, lt=9 * 10**18)]
"""A Unix time in nanoseconds, nineteen digits."""

Level: TypeAlias = float | str | None
"""A price or a size at the top of a book, as a number or as text; None, an empty text or 0 where that side is empty."""

_SIDES: dict[str, Literal["buy", "sell"]] = {"buy": "buy", "sell": "sell"}


def side(word: str) -> Literal["buy", "sell"]:
    """Return what the taker did, `buy` or `sell`, in whatever case the venue writes it.

    Raises
    ------
    ValueError
        If it is another word.

    Examples
    --------
    >>> side("SELL")
    'sell'
    """
    try:
        return _SIDES[word.lower()]
    except KeyError:
        raise ValueError(f"expected buy or sell, was {word!r}") from None


_UNPACKED = 16 * 2**20
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


def quotes(
    symbol: str, bid: Level, ask: Level, bid_size: Level = None, ask_size: Level = None, ts: int | None = None
) -> tuple[Quote, ...]:
    """Return the top of a book as one quote, or none where a side is empty: that is neither a price nor damage.

    Raises
    ------
    ValueError
        If what is there is no price or no size.

    Examples
    --------
    >>> quotes("BTC-USDT", "67123.1", "67123.2", "0.5", 2)
    (Quote(symbol='BTC-USDT', bid=67123.1, ask=67123.2, bid_size=0.5, ask_size=2.0, ts_event=None),)
    >>> quotes("BTC-USDT", "67123.1", "")
    ()
    """
    below, above = _amount(bid), _amount(ask)
    if not (below and above):
        return ()
    return (Quote(symbol, below, above, _amount(bid_size), _amount(ask_size), ts),)


def _amount(level: Level) -> float:
    return msgspec.convert(level, Amount, strict=False) if level else 0.0


def inflated(data: bytes) -> bytes:
    """Return what a compressed frame holds: gzip or zlib, told by its head, else raw deflate.

    For `decode` of venues that compress by themselves: ``return super().decode(inflated(data))``.

    Raises
    ------
    ValueError
        If it is none of them, is cut off, or holds more than 16 MiB.

    References
    ----------
    .. [1] RFC 1950, section 2.2 (zlib); RFC 1951 (deflate); RFC 1952, section 2.3.1 (gzip).

    Examples
    --------
    >>> import gzip
    >>> inflated(gzip.compress(b'{"ping": 1}'))
    b'{"ping": 1}'
    """
    wrapped = data[:2] == b"\x1f\x8b" or (data[:1] == b"\x78" and int.from_bytes(data[:2], "big") % 31 == 0)
    stream = zlib.decompressobj(_GZIP_OR_ZLIB if wrapped else -zlib.MAX_WBITS)
    try:
        unpacked = stream.decompress(data, _UNPACKED)
    except zlib.error as error:
        raise ValueError(f"expected gzip, zlib or deflate, was damaged: {error}") from error
    if not stream.eof:
        what = "more than 16 MiB" if len(unpacked) == _UNPACKED else "cut off"
        raise ValueError(f"expected a whole compressed frame of at most 16 MiB, was {what}")
    return unpacked


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
