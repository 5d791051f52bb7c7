"""Swissquote forex, public quotes: the best bid and ask of currencies and metals in dollars, without a key.

The feed behind the bank's own pages, https://forex-data-feed.swissquote.com/public-quotes/bboquotes/instrument/XAU/USD,
which it does not document; its form is that of the answers in github.com/jasperdg/seda-plume-example
(tests/mockdata.ts), read 2026-11-22: one entry for each server of each trading platform, with what each kind of account
is quoted there; `ts` is in milliseconds, no size is told, and no answer names its instrument::

    [{"topo": {"platform": "MT5", "server": "Live5"}, "spreadProfilePrices": [{"spreadProfile": "Elite",
        "bidSpread": 2.1, "askSpread": 2.2, "bid": 31.0309, "ask": 31.0452}], "ts": 1728579068137}]

The tightest quote counts, and of equal ones the newest. An instrument that is not there has no entries. No limit is
documented either; five requests a second at most are a guess that has to be polite.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Pair, Quote, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Hours, Milliseconds, Number, PollingSource, Text, hours_of, in_dollars, quoted


class Prices(msgspec.Struct, gc=False):
    """What one kind of account is quoted."""

    bid: Number
    ask: Number


class Platform(msgspec.Struct, gc=False):
    """What one server quotes."""

    prices: list[Prices] = msgspec.field(name="spreadProfilePrices")
    ts: Milliseconds


class Answer(msgspec.Struct, gc=False):
    """An answer beside the instrument that it is about."""

    symbol: Text
    answer: list[Platform]


class Swissquote(PollingSource):
    """The best bid and ask of currencies and metals in dollars, asked for every two seconds."""

    type = "swissquote"
    url = "https://forex-data-feed.swissquote.com"
    budget = Budget(5, per=1.0)
    Frame = Answer

    def symbol(self, pair: Pair) -> str:
        """Write a pair the way round in which it is quoted: JPY/USD as USD/JPY."""
        return str(quoted(pair))

    def hours(self, pair: Pair) -> Hours:
        """Return when currencies, or metals, trade."""
        return hours_of(pair)

    def request(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for one instrument after the other."""
        return [self.get(f"/public-quotes/bboquotes/instrument/{symbol}", symbol) for symbol in symbols]

    def parse(self, frame: Answer) -> Iterable[Tick | Signal]:
        """Read the tightest quote."""
        quotes = [(p.ask - p.bid, -each.ts, p.bid, p.ask) for each in frame.answer for p in each.prices]
        if not quotes:
            return (Rejected(frame.symbol, "no server quotes this instrument"),)
        _, ts, bid, ask = min(quotes)
        base, _, other = frame.symbol.partition("/")
        return in_dollars(Quote(frame.symbol, bid, ask, ts_event=-ts * 1_000_000), base, other)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the source."""
    return [Swissquote]
