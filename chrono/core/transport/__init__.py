"""Sockets, so that plugins need none: streaming, polling, and being fed from outside."""

from chrono.core.transport.codec import Amount, FrameSource, Number
from chrono.core.transport.polling import PollingSource
from chrono.core.transport.websocket import Endpoint, WebSocketSource

__all__ = ["Amount", "Endpoint", "FrameSource", "Number", "PollingSource", "WebSocketSource"]
