"""Binance frames to measure with: recorded ones where they are at hand, else made from the documented form."""

from __future__ import annotations

import gzip
import heapq
import random
from collections.abc import Iterator
from pathlib import Path

MINUTE = 60_000_000_000
RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data" / "stream"

Received = tuple[int, bytes]


def recorded() -> list[Received]:
    """Return the recorded streams in the order of their receipt, empty where there are none."""
    return list(heapq.merge(*(_lines(path) for path in sorted(RECORDED.glob("*.gz")))))


def _lines(path: Path) -> Iterator[Received]:
    with gzip.open(path, "rb") as lines:
        for line in lines:
            ts, _, frame = line.partition(b" ")
            yield int(ts), frame.strip()


def made(count: int = 20_000) -> list[Received]:
    """Return trades and book tickers of two symbols as the venue documents them, some forty trades a second."""
    random.seed(1)
    ts, frames = 1_723_161_254_000_000_000, []
    price = {"BTCUSDT": 61_837.63, "ETHUSDT": 2_683.81}
    for number in range(count):
        symbol = random.choice(("BTCUSDT", "BTCUSDT", "ETHUSDT"))
        price[symbol] *= 1 + random.gauss(0, 1e-5)
        ts += int(random.expovariate(40) * 1e9)
        form = _BOOK if number % 4 == 3 else _TRADE
        values = {"symbol": symbol, "lower": symbol.lower(), "price": price[symbol], "ask": price[symbol] + 0.01}
        size, maker = abs(random.gauss(0, 0.1)) + 1e-5, random.choice(("true", "false"))
        frames.append((ts, (form % (values | {"n": number, "ms": ts // 10**6, "size": size, "maker": maker})).encode()))
    return frames


_TRADE = (
    '{"stream":"%(lower)s@trade","data":{"e":"trade","E":%(ms)d,"s":"%(symbol)s","t":%(n)d,"p":"%(price).8f",'
    '"q":"%(size).8f","T":%(ms)d,"m":%(maker)s,"M":true}}'
)
_BOOK = (
    '{"stream":"%(lower)s@bookTicker","data":{"u":%(n)d,"s":"%(symbol)s","b":"%(price).8f","B":"%(size).8f",'
    '"a":"%(ask).8f","A":"1.00000000"}}'
)


def frames() -> tuple[list[Received], str]:
    """Return frames and where they are from."""
    found = recorded()
    return (found, "recorded 2024-08-08") if found else (made(), "made from the documented form")


def trades() -> tuple[list[Received], str]:
    """Return frames of trades alone and where they are from."""
    found, origin = frames()
    return [(ts, frame) for ts, frame in found if b'"e":"trade"' in frame], origin


def aggregate(frame: bytes) -> bytes:
    """Write a trade as an aggregate trade of one print: the only form that cryptofeed reads."""
    frame = frame.replace(b"@trade", b"@aggTrade").replace(b'"e":"trade"', b'"e":"aggTrade"')
    return frame.replace(b'"t":', b'"a":', 1)
