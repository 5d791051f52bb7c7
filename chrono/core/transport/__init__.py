"""Sockets, so that plugins need none: streaming, polling, and being fed from outside."""

from chrono.core.transport.codec import Amount, FrameSource, Number, ns_from_iso
from chrono.core.transport.polling import PollingSource
from chrono.core.transport.websocket import Endpoint, Heartbeat, WebSocketSource

__all__ = [
    "Amount",
    "Endpoint",
    "FrameSource",
    "Heartbeat",
    "Number",
    "PollingSource",
    "WebSocketSource",
    "ns_from_iso",
]
