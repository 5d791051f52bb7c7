"""A venue by configuration alone: where it is, how to subscribe, and where in its messages things are.

`generic` streams over WebSocket, `generic_rest` asks over HTTP. Each id is a venue of its own: `generic/acme` and
`generic/zenith` have a vote each. What to look for is stated in JMESPath [1]_::

    sources:
      generic/acme:
        url: wss://stream.acme.example/ws
        subscribe: {op: subscribe, channel: trades, markets: "{symbols}"}
        symbol: market
        price: p
        size: q
        time: ts
        unit: ms

References
----------
.. [1] JMESPath Specification, https://jmespath.org/specification.html, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from pydantic import Field, ValidationInfo, field_validator

from chrono import Ack, Duration, Pair, Rejected, Reply, Signal, Source, Tick, hookimpl
from chrono.venue import Heartbeat, PollingSource, WebSocketSource, inflated
from chrono_generic.reading import Expression, Finder, Reader, Reading
from chrono_generic.templates import filled, mentions

_GZIP = b"\x1f\x8b"


class Generic(WebSocketSource):
    """A venue that streams trades, or last prices, as JSON over WebSocket."""

    type = "generic"

    class Config(Reading, WebSocketSource.Config):
        """Where the venue is, what it wants to hear, and where in its messages things are."""

        url: str | tuple[str, ...] = Field(repr=False)
        """Where to connect, ws:// or wss://; a list is tried in turn."""
        subscribe: Any
        """What subscribes: once for each symbol where it has {symbol}, else once with {symbols} for all."""
        unsubscribe: Any = None
        """What ends a subscription, written likewise."""
        symbol: Expression = Field(min_length=1)
        """The venue's word for the pair."""
        ack: Expression = ""
        """What finds something in the acknowledgement of a subscription."""
        ping: Any = None
        """What the venue wants to hear from time to time."""
        ping_every: Duration = Duration("20s")
        """How often."""
        pinged: Expression = ""
        """What finds something in a message that wants an answer."""
        pong: Any = None
        """The answer; {ping} is what was found."""
        words: dict[str, Any] = Field(default_factory=dict)
        """Messages that are a word and no JSON, and what to answer, null for nothing: {ping: pong}."""
        symbols_per_connection: int = Field(default=0, ge=0)
        """How many symbols the venue takes on one connection; 0 for any number."""

        @field_validator("url")
        @classmethod
        def _somewhere(cls, url: str | tuple[str, ...]) -> str | tuple[str, ...]:
            return _stated(url, "wss://stream.acme.example/ws")

        @field_validator("subscribe", "unsubscribe")
        @classmethod
        def _of_symbols(cls, template: Any, info: ValidationInfo) -> Any:
            required = info.field_name == "subscribe" or template is not None
            if required and not (mentions(template, "symbol") or mentions(template, "symbols")):
                raise ValueError(f"expected a message with {{symbol}} or {{symbols}} in it, was {template!r}")
            return template

    config: Config

    @property
    def group(self) -> str:
        """The venue: what the user says, else the id, since two ids are two venues."""
        return self.config.group or self.context.name

    @cached_property
    def heartbeat(self) -> Heartbeat | None:  # type: ignore[override]  # the user's, and not of all
        """What the venue wants to hear from time to time."""
        every = self.config.ping_every.seconds
        return None if self.config.ping is None else Heartbeat(self.config.ping, every)

    @property
    def words(self) -> Mapping[str, Any]:  # type: ignore[override]  # the user's, and not of all
        """Messages that are no more than a word."""
        return self.config.words

    @property
    def symbols_per_connection(self) -> int:  # type: ignore[override]  # the user's, and not of all
        """How many symbols the venue takes on one connection."""
        return self.config.symbols_per_connection

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.config)

    @cached_property
    def _asides(self) -> tuple[Finder, Finder]:
        return Finder("ack", self.config.ack), Finder("pinged", self.config.pinged)

    def symbol(self, pair: Pair) -> str:
        """Write a pair as the user says."""
        return self.config.word(pair)

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Fill in what the user says to subscribe or unsubscribe."""
        template = getattr(self.config, verb)
        if template is None:
            return []
        if mentions(template, "symbol"):
            return [filled(template, {"symbol": symbol}) for symbol in symbols]
        return [filled(template, {"symbols": list(symbols)})]

    def decode(self, data: bytes) -> Any:
        """Read JSON, unpacked where it is compressed."""
        return super().decode(inflated(data) if data.startswith(_GZIP) else data)

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Read trades or last prices, or what the venue says besides."""
        ack, pinged = self._asides
        if (ping := pinged.some(frame)) is not None:
            return [Reply(filled(self.config.pong, {"ping": ping}))]
        if (reason := self._reader.reject.some(frame)) is not None:
            return [Rejected(self._named(frame), str(reason))]
        if ack.some(frame) is not None:
            return [Ack((named,) if (named := self._named(frame)) else ())]
        return self._reader.ticks(frame)

    def _named(self, frame: Any) -> str:
        found = self._reader.symbol(frame)
        return found if isinstance(found, str) else ""


class Answer(msgspec.Struct):
    """An answer beside the symbol that it is about."""

    symbol: str
    answer: Any


class GenericRest(PollingSource):
    """A venue that is asked for trades, or last prices, as JSON over HTTP."""

    type = "generic_rest"

    class Config(Reading, PollingSource.Config):
        """Where to ask, and where in the answers things are."""

        url: str | tuple[str, ...] = Field(repr=False)
        """What to ask, http:// or https://: for each symbol where it has {symbol}, else once for all; a list is tried
        in turn."""

        @field_validator("url")
        @classmethod
        def _somewhere(cls, url: str | tuple[str, ...]) -> str | tuple[str, ...]:
            return _stated(url, "https://api.acme.example/trades?market={symbol}")

        @field_validator("symbol")
        @classmethod
        def _known(cls, symbol: str, info: ValidationInfo) -> str:
            urls = info.data.get("url", "{symbol}")
            if not symbol and not all(mentions(url, "symbol") for url in ([urls] if isinstance(urls, str) else urls)):
                raise ValueError("expected where an answer has its symbol, or {symbol} in `url`, was neither")
            return symbol

        @field_validator("id")
        @classmethod
        def _known_again(cls, id_: str, info: ValidationInfo) -> str:
            if not id_ and info.data.get("size") and not info.data.get("time"):
                raise ValueError("expected where a trade has its id or its `time`, to count it once, was neither")
            return id_

    config: Config

    @property
    def group(self) -> str:
        """The venue: what the user says, else the id, since two ids are two venues."""
        return self.config.group or self.context.name

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.config, whole=True)

    def symbol(self, pair: Pair) -> str:
        """Write a pair as the user says."""
        return self.config.word(pair)

    def request(self, symbols: Sequence[str]) -> Any:
        """Ask for each symbol, or for all at once."""
        if not mentions(self.address, "symbol"):
            return self.get("")
        return [self.get("", symbol=symbol) for symbol in symbols]

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Read trades, the oldest first, or last prices, or why the venue refuses."""
        symbol = ""
        if mentions(self.address, "symbol"):
            asked = msgspec.convert(frame, Answer)
            symbol, frame = asked.symbol, asked.answer
        if (reason := self._reader.reject.some(frame)) is not None:
            return [Rejected(symbol, str(reason))]
        found = list(self._reader.ticks(frame, symbol))
        newest_first = len(found) > 1 and (found[0].ts_event or 0) > (found[-1].ts_event or 0)
        return found[::-1] if newest_first else found


def _stated(url: str | tuple[str, ...], example: str) -> str | tuple[str, ...]:
    if not url:
        raise ValueError(f"expected an address like {example}, was an empty one")
    return url


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return both."""
    return [Generic, GenericRest]
