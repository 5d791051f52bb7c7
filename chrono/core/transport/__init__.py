"""Sockets, so that plugins need none: streaming, polling, and being fed from outside."""

from chrono.core.transport.answers import inside, market_rows, refusals
from chrono.core.transport.budgets import Budget
from chrono.core.transport.codec import FrameSource
from chrono.core.transport.hours import Hours, hours_of, in_dollars, quoted
from chrono.core.transport.liveness import Bounds, Liveness
from chrono.core.transport.polling import PolledTrades, PollingSource
from chrono.core.transport.protobuf import protobuf_fields, protobuf_named
from chrono.core.transport.rows import ns_from, quote_rows, trade_rows
from chrono.core.transport.websocket import Endpoint, Heartbeat, WebSocketSource
from chrono.core.transport.wire import (
    Amount,
    Level,
    Microseconds,
    Milliseconds,
    Nanoseconds,
    Number,
    Serial,
    Text,
    inflated,
    ns_from_iso,
    quotes,
    side,
)

__all__ = [
    "Amount",
    "Bounds",
    "Budget",
    "Endpoint",
    "FrameSource",
    "Heartbeat",
    "Hours",
    "Level",
    "Liveness",
    "Microseconds",
    "Milliseconds",
    "Nanoseconds",
    "Number",
    "PolledTrades",
    "PollingSource",
    "Serial",
    "Text",
    "WebSocketSource",
    "hours_of",
    "in_dollars",
    "inflated",
    "inside",
    "market_rows",
    "ns_from",
    "ns_from_iso",
    "protobuf_fields",
    "protobuf_named",
    "quote_rows",
    "quoted",
    "quotes",
    "refusals",
    "side",
    "trade_rows",
]
