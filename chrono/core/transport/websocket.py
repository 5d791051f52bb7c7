"""Streaming sources: a venue is a codec, chrono owns the socket."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import anyio
from pydantic import Field, field_validator

from chrono.core.component import Emit, Secret
from chrono.core.errors import PermanentError, first
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.client import TIMEOUT
from chrono.core.transport.codec import FrameSource, batches
from chrono.core.transport.connection import Connection
from chrono.core.transport.endpoint import Endpoint, Heartbeat, checked_all, positive
from chrono.core.transport.fallback import Fallback
from chrono.core.transport.liveness import Bounds
from chrono.core.transport.notices import Notices
from chrono.core.transport.polling import PollingSource
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
    symbols_per_connection : int
        How many symbols the venue takes on one connection; 0 for any number.
    heartbeat : Heartbeat or None
        What the venue wants to hear from time to time, besides WebSocket's own pings.
    ping : float
        Seconds between WebSocket's own pings, which notice a half-open socket; 0 for a venue that ignores them.
    open_within, close_within : float
        Seconds after which opening is given up and closing is cut short.
    subscribe_after : float
        Seconds to wait once connected before anything is asked for, where the venue wants that.
    ack_within : float
        Seconds after which a subscription counts as unacknowledged, where the venue acknowledges at all.
    healthy_after : float
        Seconds of frames after which a hang-up costs the shortest wait again.
    rest : type of PollingSource or None
        How to ask over HTTP for markets that the stream does not bring; its ticks carry the stream's symbols.
    bounds : Bounds
        Within what a market's rhythm is believed.

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

    symbols_per_connection: ClassVar[int] = 0
    heartbeat: ClassVar[Heartbeat | None] = None
    ping: ClassVar[float] = 20.0
    open_within: ClassVar[float] = TIMEOUT
    close_within: ClassVar[float] = 1.0
    subscribe_after: ClassVar[float] = 0.0
    ack_within: ClassVar[float] = 10.0
    healthy_after: ClassVar[float] = 10.0
    rest: ClassVar[type[PollingSource] | None] = None
    bounds: ClassVar[Bounds] = Bounds()

    class Config(FrameSource.Config):
        """Options every streaming source has."""

        url: str | tuple[str, ...] = Field(default="", repr=False)
        """Where to connect in place of the venue's usual address, ws:// or wss://; a list is tried in turn."""
        silence: Duration = Duration("30s")
        """Connect again when nothing at all came for this long."""

        @field_validator("url")
        @classmethod
        def _websocket(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
            return checked_all(value, ("ws", "wss"))

        @field_validator("silence")
        @classmethod
        def _some_time(cls, value: Duration) -> Duration:
            return positive(value)

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Return the messages that `subscribe` to these symbols or `unsubscribe`: at most venues they differ in a word.

        Text and bytes go as they are, all else as JSON. Override `subscribe` instead where they differ in more, or
        where there is no way to unsubscribe.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to {verb}: define messages, or subscribe")

    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Return the messages that subscribe to these symbols."""
        return self.messages("subscribe", symbols)

    def unsubscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Return the messages that end the subscription of these symbols; sent before they are subscribed to again."""
        says_both = type(self).messages is not WebSocketSource.messages
        return self.messages("unsubscribe", symbols) if says_both else ()

    async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:  # noqa: ARG002 - for those that ask
        """Return where to connect; override for a venue that hands out tokens or addresses over HTTP."""
        return Endpoint(self.address)

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

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each code was said of this source so far, and what else was counted."""
        return self._notices.counts

    @cached_property
    def polled(self) -> PollingSource | None:
        """What asks over HTTP: at the host of the option `url` where there is one, over the same proxy."""
        if self.rest is None:
            return None
        usual = urlsplit(self.rest.url)
        there = self.http_address(host := f"{usual.scheme}://{usual.netloc}")
        url = Secret(there + self.rest.url.removeprefix(host), self.config.written("url"))
        options: dict[str, Any] = {"proxy": self.config.proxy} if self.config.proxy else {}
        if there != host:
            options["url"] = url if url.written else str(url)
        return self.rest(self.rest.Config.model_validate(options), self.context)

    def reader(self, kind: str) -> FrameSource:
        """Return what reads the recorded frames of a kind: answers are of what asks beside the stream."""
        return self.polled or self if kind == "http" else self

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
        if not (self.asks or self.address):
            raise PermanentError(f"{self.context.name}: no address to connect to; set `url`")
        symbols = {market.symbol or self.symbol(market.pair): market for market in markets}
        self._notices.begin(symbols)
        rest = self.polled
        fallback = None if rest is None else Fallback(rest, emit, self._notices, lambda: self.account)
        try:
            async with anyio.create_task_group() as group:
                if fallback is not None:
                    group.start_soon(fallback.run)
                for slot, batch in enumerate(batches(list(symbols), self.symbols_per_connection)):
                    group.start_soon(Connection(self, batch, emit, self._notices, slot, fallback).run)
        except BaseExceptionGroup as failures:
            # the host decides by the kind of error, so it gets the error and not a wrapping of it
            raise first(failures) from None
