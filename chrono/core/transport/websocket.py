"""Streaming sources: a venue is a codec, chrono owns the socket."""

from __future__ import annotations

import ssl
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
from pydantic import Field, field_validator

from chrono.core.component import Emit
from chrono.core.errors import PermanentError, first
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.client import TIMEOUT, http_client
from chrono.core.transport.codec import FrameSource, batches
from chrono.core.transport.connection import Connection
from chrono.core.transport.endpoint import Endpoint, Heartbeat, checked, positive
from chrono.core.transport.notices import Notices
from chrono.core.types import Market
from chrono.core.units import Duration

if TYPE_CHECKING:
    import httpx

__all__ = ["Endpoint", "Heartbeat", "WebSocketSource"]


class WebSocketSource(FrameSource):
    """A venue that streams over WebSocket: say where it is, how to subscribe, and how to read a frame.

    Everything else is chrono's: connecting, again with growing waits after a hang-up, a refusal or silence; subscribing
    again; answering pings; statuses; recording. A frame reaches `decode` as bytes, text or binary.

    Attributes
    ----------
    url : str
        Where to connect, unless the user or `endpoint` says otherwise.
    symbols_per_connection : int
        How many symbols the venue takes on one connection; 0 for any number.
    heartbeat : Heartbeat or None
        What the venue wants to hear from time to time, besides WebSocket's own pings.
    ping : float
        Seconds between WebSocket's own pings, which notice a half-open socket; 0 for a venue that ignores them.
    open_within, close_within : float
        Seconds after which opening is given up and closing is cut short.
    ack_within : float
        Seconds after which a subscription counts as unacknowledged, where the venue acknowledges at all.
    healthy_after : float
        Seconds of frames after which a hang-up costs the shortest wait again.

    Examples
    --------
    >>> from chrono.core.types import Trade
    >>> class Toy(WebSocketSource):
    ...     type = "toy"
    ...     url = "wss://toy.example/ws"
    ...     def subscribe(self, symbols):
    ...         yield {"op": "subscribe", "symbols": list(symbols)}
    ...     def parse(self, frame):
    ...         yield Trade(frame["s"], frame["p"], frame["q"])
    >>> Toy().read(b'{"s": "BTC/USD", "p": 67123.1, "q": 0.5}')[0].price
    67123.1
    """

    url: ClassVar[str] = ""
    symbols_per_connection: ClassVar[int] = 0
    heartbeat: ClassVar[Heartbeat | None] = None
    ping: ClassVar[float] = 20.0
    open_within: ClassVar[float] = TIMEOUT
    close_within: ClassVar[float] = 1.0
    ack_within: ClassVar[float] = 10.0
    healthy_after: ClassVar[float] = 10.0

    class Config(FrameSource.Config):
        """Options every streaming source has."""

        url: str = Field(default="", repr=False)
        """Where to connect in place of the venue's usual address, ws:// or wss://."""
        silence: Duration = Duration("30s")
        """Connect again when nothing at all came for this long."""

        @field_validator("url")
        @classmethod
        def _websocket(cls, value: str) -> str:
            return checked(value, ("ws", "wss"))

        @field_validator("silence")
        @classmethod
        def _some_time(cls, value: Duration) -> Duration:
            return positive(value)

    @abstractmethod
    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Return the messages that subscribe to these symbols: text and bytes go as they are, all else as JSON."""

    async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:  # noqa: ARG002 - for those that ask
        """Return where to connect; override for a venue that hands out tokens or addresses over HTTP."""
        return Endpoint(self.config.url or self.url)

    def http(self) -> httpx.AsyncClient:
        """Return the client that `endpoint` is given; it is closed afterwards."""
        return http_client()

    def backoff(self) -> Backoff:
        """Return how long to wait between attempts; each connection has its own."""
        return Backoff()

    @property
    def asks(self) -> bool:
        """Whether the plugin asks over HTTP where to connect."""
        return type(self).endpoint is not WebSocketSource.endpoint

    @property
    def frame_errors(self) -> int:
        """Frames that could not be read so far."""
        return self._notices.frame_errors

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """How to check the venue's certificate, loaded once: it takes tens of milliseconds each time."""
        return ssl.create_default_context()

    @cached_property
    def _notices(self) -> Notices:
        return Notices(self.context)

    @cached_property
    def _numbers(self) -> count[int]:
        return count(1)

    def next_connection(self) -> int:
        """Return the number of a connection that was opened, as it stands in a recording."""
        return next(self._numbers)

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Emit ticks until cancelled; whatever the venue does is a status, and another attempt.

        Raises
        ------
        PermanentError
            If there is no address to connect to, or `endpoint` says that trying again is no use.
        """
        if not (self.asks or self.config.url or self.url):
            raise PermanentError(f"{self.context.name}: no address to connect to; set `url`")
        symbols = {market.symbol or self.symbol(market.pair): market for market in markets}
        self._notices.begin(symbols)
        try:
            async with anyio.create_task_group() as group:
                for slot, batch in enumerate(batches(list(symbols), self.symbols_per_connection)):
                    group.start_soon(Connection(self, batch, emit, self._notices, slot).run)
        except BaseExceptionGroup as failures:
            # the host decides by the kind of error, so it gets the error and not a wrapping of it
            raise first(failures) from None
