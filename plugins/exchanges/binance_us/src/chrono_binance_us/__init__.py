"""Binance.US spot, combined WebSocket streams: Binance's API at addresses of its own, with markets in US dollars.

Frames, subscriptions and answers are those of Binance, whose pages, see `chrono_binance`, were read 2026-11-22; the
venue's own, https://docs.binance.us/, were not at hand. An address may weigh 1200 in a minute, as its exchange
information says (recorded 2021-10-12); what a list of trades weighs was not found, so it is taken for what it is at
Binance.
"""

from collections.abc import Iterable

from chrono import Source, hookimpl
from chrono.venue import Budget
from chrono_binance import Binance, BinanceTrades


class BinanceUsTrades(BinanceTrades):
    """The last trades of each symbol."""

    type = "binance_us"
    url = "https://api.binance.us"


class BinanceUs(Binance):
    """Every public trade of Binance.US's spot market, and the best bid and ask at each change."""

    type = "binance_us"
    url = "wss://stream.binance.us:9443/stream"
    rest = BinanceUsTrades
    markets_url = "https://api.binance.us/api/v3/exchangeInfo"
    budget = Budget(1200, per=60.0)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [BinanceUs]
