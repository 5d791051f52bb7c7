"""chrono: a price oracle you compose. Import what you need from here; nothing else is promised."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chrono.core.component import Aggregator as Aggregator
    from chrono.core.component import Component as Component
    from chrono.core.component import Config as Config
    from chrono.core.component import Consensus as Consensus
    from chrono.core.component import Context as Context
    from chrono.core.component import Detector as Detector
    from chrono.core.component import Emit as Emit
    from chrono.core.component import Event as Event
    from chrono.core.component import Sink as Sink
    from chrono.core.component import Source as Source
    from chrono.core.component import Status as Status
    from chrono.core.config.importing import import_feeds as import_feeds
    from chrono.core.consensus import VenueConsensus as VenueConsensus
    from chrono.core.errors import ChronoError as ChronoError
    from chrono.core.errors import ConfigError as ConfigError
    from chrono.core.errors import DataError as DataError
    from chrono.core.errors import FrameError as FrameError
    from chrono.core.errors import InsufficientData as InsufficientData
    from chrono.core.errors import NoPrice as NoPrice
    from chrono.core.errors import NoQuorum as NoQuorum
    from chrono.core.errors import PermanentError as PermanentError
    from chrono.core.errors import PluginError as PluginError
    from chrono.core.errors import RateLimited as RateLimited
    from chrono.core.errors import TransientError as TransientError
    from chrono.core.outline import read_pipeline as read_pipeline
    from chrono.core.transport import Amount as Amount
    from chrono.core.transport import Bounds as Bounds
    from chrono.core.transport import Budget as Budget
    from chrono.core.transport import Endpoint as Endpoint
    from chrono.core.transport import Heartbeat as Heartbeat
    from chrono.core.transport import Hours as Hours
    from chrono.core.transport import Level as Level
    from chrono.core.transport import Liveness as Liveness
    from chrono.core.transport import Microseconds as Microseconds
    from chrono.core.transport import Milliseconds as Milliseconds
    from chrono.core.transport import Nanoseconds as Nanoseconds
    from chrono.core.transport import Number as Number
    from chrono.core.transport import PolledTrades as PolledTrades
    from chrono.core.transport import PollingSource as PollingSource
    from chrono.core.transport import Serial as Serial
    from chrono.core.transport import Text as Text
    from chrono.core.transport import WebSocketSource as WebSocketSource
    from chrono.core.transport import hours_of as hours_of
    from chrono.core.transport import in_dollars as in_dollars
    from chrono.core.transport import inflated as inflated
    from chrono.core.transport import inside as inside
    from chrono.core.transport import market_rows as market_rows
    from chrono.core.transport import ns_from as ns_from
    from chrono.core.transport import ns_from_iso as ns_from_iso
    from chrono.core.transport import protobuf_fields as protobuf_fields
    from chrono.core.transport import protobuf_named as protobuf_named
    from chrono.core.transport import quote_rows as quote_rows
    from chrono.core.transport import quoted as quoted
    from chrono.core.transport import quotes as quotes
    from chrono.core.transport import refusals as refusals
    from chrono.core.transport import side as side
    from chrono.core.transport import trade_rows as trade_rows
    from chrono.core.types import Ack as Ack
    from chrono.core.types import Agreement as Agreement
    from chrono.core.types import Code as Code
    from chrono.core.types import Estimate as Estimate
    from chrono.core.types import Feed as Feed
    from chrono.core.types import Limits as Limits
    from chrono.core.types import Listing as Listing
    from chrono.core.types import Market as Market
    from chrono.core.types import Missing as Missing
    from chrono.core.types import Pair as Pair
    from chrono.core.types import Price as Price
    from chrono.core.types import Quote as Quote
    from chrono.core.types import RateLimit as RateLimit
    from chrono.core.types import Reconnect as Reconnect
    from chrono.core.types import Rejected as Rejected
    from chrono.core.types import Reply as Reply
    from chrono.core.types import Report as Report
    from chrono.core.types import Round as Round
    from chrono.core.types import Signal as Signal
    from chrono.core.types import Tick as Tick
    from chrono.core.types import Ticker as Ticker
    from chrono.core.types import Trade as Trade
    from chrono.core.types import Verdict as Verdict
    from chrono.core.units import Duration as Duration
    from chrono.core.units import Move as Move
    from chrono.core.units import Share as Share
    from chrono.core.windows import Prior as Prior
    from chrono.core.windows import QuoteWindow as QuoteWindow
    from chrono.core.windows import TickerWindow as TickerWindow
    from chrono.core.windows import TradeWindow as TradeWindow
    from chrono.core.windows import Window as Window
    from chrono.hookspecs import hookimpl as hookimpl

_HOMES = {
    "chrono.core.component": ("Aggregator Component Config Consensus Context Detector Emit Event Sink Source Status"),
    "chrono.core.config.importing": "import_feeds",
    "chrono.core.consensus": "VenueConsensus",
    "chrono.core.errors": (
        "ChronoError ConfigError DataError FrameError InsufficientData NoPrice NoQuorum PermanentError PluginError "
        "RateLimited TransientError"
    ),
    "chrono.core.outline": "read_pipeline",
    "chrono.core.transport": (
        "Amount Bounds Budget Endpoint Heartbeat Hours Level Liveness Microseconds Milliseconds Nanoseconds "
        "Number PolledTrades PollingSource Serial Text WebSocketSource hours_of in_dollars inflated inside "
        "market_rows ns_from ns_from_iso protobuf_fields protobuf_named quote_rows quoted quotes refusals side "
        "trade_rows"
    ),
    "chrono.core.types": (
        "Ack Agreement Code Estimate Feed Limits Listing Market Missing Pair Price Quote RateLimit Reconnect Rejected "
        "Reply Report Round Signal Tick Ticker Trade Verdict"
    ),
    "chrono.core.units": "Duration Move Share",
    "chrono.core.windows": "Prior QuoteWindow TickerWindow TradeWindow Window",
    "chrono.hookspecs": "hookimpl",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Import a name's home when it is first asked for, so that `import chrono` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'chrono' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
