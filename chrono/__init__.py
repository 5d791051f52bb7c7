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
    from chrono.core.transport import Amount as Amount
    from chrono.core.transport import Endpoint as Endpoint
    from chrono.core.transport import Heartbeat as Heartbeat
    from chrono.core.transport import Number as Number
    from chrono.core.transport import PollingSource as PollingSource
    from chrono.core.transport import WebSocketSource as WebSocketSource
    from chrono.core.transport import ns_from_iso as ns_from_iso
    from chrono.core.types import Ack as Ack
    from chrono.core.types import Agreement as Agreement
    from chrono.core.types import Code as Code
    from chrono.core.types import Estimate as Estimate
    from chrono.core.types import Feed as Feed
    from chrono.core.types import Limits as Limits
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
    "chrono.core.consensus": "VenueConsensus",
    "chrono.core.errors": (
        "ChronoError ConfigError DataError FrameError InsufficientData NoPrice NoQuorum PermanentError PluginError "
        "RateLimited TransientError"
    ),
    "chrono.core.transport": "Amount Endpoint Heartbeat Number PollingSource WebSocketSource ns_from_iso",
    "chrono.core.types": (
        "Ack Agreement Code Estimate Feed Limits Market Missing Pair Price Quote RateLimit Reconnect Rejected "
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
