"""A pipeline file made of what another provider lists: `src/config/feeds.json` of Flare's example value provider.

Its form, read 2026-11-22 in github.com/flare-foundation/ftso-v2-example-value-provider: a list of feeds, each with its
category and the markets that it is priced from, exchanges and symbols in ccxt's words::

    [{"feed": {"category": 1, "name": "BTC/USD"}, "sources": [{"exchange": "gate", "symbol": "BTC/USDT"}]}]
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from chrono.core.assets import FOREVER, RENAMES, rename
from chrono.core.errors import ConfigError
from chrono.core.types import Pair

NATIVE = frozenset(
    {
        "binance",
        "binance_us",
        "bingx",
        "bitfinex",
        "bitget",
        "bitmart",
        "bitrue",
        "bitstamp",
        "bybit",
        "coinbase",
        "coinex",
        "cryptocom",
        "gate",
        "gemini",
        "htx",
        "kraken",
        "kucoin",
        "mexc",
        "okx",
        "poloniex",
        "upbit",
        "whitebit",
        "xt",
    }
)
"""Types of sources with a plugin of their own; any other exchange is ccxt's."""

CALLED = {
    "binanceus": "binance_us",
    "coinbaseexchange": "coinbase",
    "coinbasepro": "coinbase",
    "gateio": "gate",
    "huobi": "htx",
    "okex": "okx",
    "okex5": "okx",
}
"""What ccxt calls, or called, an exchange whose type has another name."""

CATEGORIES = {1: "crypto", 2: "fx", 3: "commodity", 4: "stock"}
"""What Flare's categories are, developer hub, FTSO feeds, read 2026-11-22."""

DECIMALS: Mapping[str, int] = {
    base: decimals
    for decimals, bases in {
        2: "BTC",
        3: "ETH PAXG",
        4: "AAVE BCH BNB LTC QNT SOL TAO",
        5: "ADA ALGO APT ARB ATOM AVAX BERA DOGE DOT ENA ETC ETHFI FET FIL HBAR HNT HYPE ICP JUP LEO LINK NEAR ONDO OP"
        " POL PYTH RENDER RUNE S SUI TON TRUMP TRX UNI USDC USDS USDT USDX WIF XPL XRP",
        6: "FLR NIGHT PENGU XDC XLM",
        7: "MON NOT PUMP SGB",
        9: "BONK SHIB",
        10: "PEPE",
    }.items()
    for base in bases.split()
}
"""Decimals of the feeds in USD of Flare's reward epoch 392; an epoch may change them."""

RATES: Mapping[str, Sequence[str]] = {
    "USDT/USD": ("kraken", "coinbase", "bitstamp", "bitfinex", "cryptocom"),
    "USDC/USD": ("kraken", "bitstamp", "cryptocom"),
}
"""Where the rates can be had that prices are converted with, should the list have none."""

ONE_BOOK = {("coinbase", "USDC"): "USD"}
"""A quote that shares a venue's book with another."""

_FORM = '[{"feed": {"category": 1, "name": "BTC/USD"}, "sources": [{"exchange": "kraken", "symbol": "BTC/USD"}]}]'
_QUORUM = 2
_ID = re.compile(r"[a-z0-9]+")


class _Name(msgspec.Struct):
    name: str
    category: int = 1


class _Place(msgspec.Struct):
    exchange: str
    symbol: str


class _Entry(msgspec.Struct):
    feed: _Name
    sources: list[_Place] = []


@dataclass
class _Feed:
    category: str
    markets: dict[str, str] = field(default_factory=dict)


class Imported(NamedTuple):
    """A pipeline file, and a line on what of the list is not in it as it stood there; empty where all is.

    The file is a comment that ends with the first empty line, then `feeds`, then `sources`, and nothing else: whoever
    has more to say puts it after the comment or at the end.
    """

    text: str
    note: str


def import_feeds(path: Path) -> Imported:
    """Make a pipeline file of a list of feeds.

    Raises
    ------
    ConfigError
        If the list cannot be read, or nothing of it can be taken.
    """
    return _Import(path.name, _read(path)).made()


class _Import:
    """One list on its way to a pipeline file."""

    def __init__(self, name: str, entries: Sequence[_Entry]) -> None:
        self.name = name
        self.feeds: dict[str, _Feed] = {}
        self.left: list[tuple[str, str]] = []
        for entry in entries:
            self._take(entry)
        self.added = dict(self._rates())

    def made(self) -> Imported:
        if not self.feeds:
            raise ConfigError(
                f"{self.name}: expected feeds with markets, was none; left out: {self._left_out() or 'none'}"
            )
        return Imported("\n".join(self._lines()) + "\n", self._note())

    def _take(self, entry: _Entry) -> None:
        """Take a feed in with those of its markets that can be."""
        name, category = entry.feed.name, CATEGORIES.get(entry.feed.category)
        try:
            pair = Pair.parse(name)
        except ValueError:
            self.left.append((repr(name), "no pair"))
            return
        if category is None:
            self.left.append((name, f"of category {entry.feed.category}"))
            return
        feed = _Feed(category)
        for place in entry.sources:
            for market in self._markets(pair, place):
                feed.markets[f"{market[0]}:{market[1]}"] = market[0]
        if feed.markets:
            self.feeds.setdefault(name, feed).markets.update(feed.markets)
        else:
            self.left.append((name, "without a market"))

    def _markets(self, feed: Pair, place: _Place) -> Iterator[tuple[str, Pair]]:
        """Yield a market by its source and pair, and the one that its asset goes on as under a new name."""
        try:
            pair = Pair.parse(place.symbol)
            source = _source(place.exchange)
        except ValueError:
            self.left.append((f"{place.exchange} {place.symbol}", "no spot market"))
            return
        if pair.base != feed.base and rename(pair.base, feed.base) is None:
            self.left.append((f"{place.exchange} {place.symbol} of {feed}", "another asset"))
            return
        quote = ONE_BOOK.get((source, pair.quote), pair.quote)
        yield source, Pair(pair.base, quote)
        yield from ((source, Pair(name, quote)) for name in _also(pair.base))

    def _rates(self) -> Iterator[tuple[str, _Feed]]:
        """Yield the rates that are wanted and not there, at the sources that are there or else at others."""
        sources = set(self._sources(self.feeds))
        wanted = {f"{market.rpartition('/')[2]}/USD" for feed in self.feeds.values() for market in feed.markets}
        for rate in RATES.keys() & wanted - self.feeds.keys():
            near = [source for source in RATES[rate] if source in sources]
            places = near if len(near) >= _QUORUM else list(dict.fromkeys((*near, *RATES[rate])))[:_QUORUM]
            yield rate, _Feed("crypto", {f"{source}:{rate}": source for source in places})

    def _lines(self) -> Iterator[str]:
        feeds = self.feeds | self.added
        sources = self._sources(feeds)
        markets = sum(len(feed.markets) for feed in feeds.values())
        yield "# yaml-language-server: $schema=chrono.schema.json"
        yield "#"
        yield f"# {len(feeds)} feeds from {markets} markets at {len(sources)} venues, made of {self.name}."
        yield "# Decimals are those of Flare's reward epoch 392, 8 where it has no such feed; an epoch may change them."
        yield ""
        yield "feeds:"
        for name, feed in feeds.items():
            yield from _feed(name, feed)
        yield ""
        yield "sources:"
        for source in sources:
            yield f"  {source}: {{}}"

    @staticmethod
    def _sources(feeds: Mapping[str, _Feed]) -> list[str]:
        return sorted({source for feed in feeds.values() for source in feed.markets.values()})

    def _note(self) -> str:
        """Say in one line what could not be taken as it stood in the list."""
        by_ccxt = [source for source in self._sources(self.feeds) if source.startswith("ccxt/")]
        told = {
            "without a plugin of their own, so read by chrono-ccxt": ", ".join(by_ccxt),
            "added, to convert with": ", ".join(self.added),
            "left out": self._left_out(),
        }
        said = "; ".join(f"{what}: {which}" for what, which in told.items() if which)
        return said and f"{self.name}: {said}"

    def _left_out(self) -> str:
        return ", ".join(f"{what} ({why})" for what, why in dict.fromkeys(self.left))


def _read(path: Path) -> list[_Entry]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[_Entry])
    except OSError as error:
        raise ConfigError(f"{path}: expected a list of feeds, was not readable: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        told = str(error).replace(", got ", ", was ")
        raise ConfigError(f"{path}: expected feeds like {_FORM}, was not: {told[:1].lower() + told[1:]}") from error


def _source(exchange: str) -> str:
    """Return the type of an exchange's plugin, by its name in ccxt.

    Examples
    --------
    >>> _source("gateio"), _source("ascendex")
    ('gate', 'ccxt/ascendex')
    """
    if not _ID.fullmatch(exchange):
        raise ValueError(f"expected an exchange like gate, was {exchange!r}")
    name = CALLED.get(exchange, exchange)
    return name if name in NATIVE else f"ccxt/{name}"


def _also(base: str) -> list[str]:
    """Return the name under which an asset that is about to lose this one goes on."""
    return [
        known.new for known in RENAMES if known.old == base and known.valid(base)[1] != FOREVER and not known.reused
    ]


def _feed(name: str, feed: _Feed) -> Iterator[str]:
    base, _, quote = name.partition("/")
    yield f"  {name}:"
    if quote == "USD" and base in DECIMALS:
        yield f"    decimals: {DECIMALS[base]}"
    if feed.category != "crypto":
        yield f"    category: {feed.category}"
    listed = f"markets: [{', '.join(feed.markets)}]"
    yield from textwrap.wrap(
        listed, 116, initial_indent=" " * 4, subsequent_indent=" " * 6, break_long_words=False, break_on_hyphens=False
    )
    if len(set(feed.markets.values())) < _QUORUM:
        yield "    consensus: {median: {min_venues: 1}}  # one venue: nobody contradicts it"
