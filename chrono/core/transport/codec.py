"""What every venue shares: frames in, ticks and signals out. No socket here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from urllib.parse import urlsplit

import msgspec
from pydantic import Field, ValidationInfo, field_validator

from chrono.core.component import Source
from chrono.core.errors import FrameError
from chrono.core.transport.answers import market_rows
from chrono.core.transport.budgets import Account, Budget, account
from chrono.core.transport.client import http_client
from chrono.core.transport.endpoint import checked_proxies, in_regions
from chrono.core.transport.routes import Routes, routes_of
from chrono.core.transport.wire import inflated
from chrono.core.types import Listing, Pair, Reply, Signal, Tick

if TYPE_CHECKING:
    import httpx

    from chrono.core.transport.hours import Hours


_TEXT = b"{[ \t\r\n"
"""How JSON may begin, and nothing that is compressed does in practice."""


class Session(Protocol):
    """What parses the frames of one connection."""

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Return the ticks and signals of a frame, in its order."""
        ...


class FrameSource(Source):
    """A source whose frames chrono receives: it decodes and parses, and is replayed from recorded frames.

    Attributes
    ----------
    Frame : type
        What a frame decodes to: any type msgspec knows, with constraints where the wire has them.
    url : str
        Where to reach the venue, unless the user or the plugin says otherwise.
    regions : mapping of str to sequence of str
        Addresses by the name of a region, for the option `region`; those of one are tried in turn.
    budget : Budget or None
        What the venue takes over HTTP from one address; all sources of this type in a process keep to it together.
    connections : Budget or None
        How many connections the venue lets one address attempt; kept to likewise.
    compressed : bool
        Whether frames may be gzip, zlib or raw deflate; text is told from these by its first byte.
    words : mapping of str to object
        Frames that are no more than a word, such as `ping`, and what to answer; None for nothing.
    markets_url : str
        The address at which the venue says over HTTP what it lists; empty where it does not.
    markets : market_rows or None
        What reads that answer; override `listed` where it is not rows.
    """

    connects = True
    Frame: ClassVar[Any] = Any
    url: ClassVar[str] = ""
    regions: ClassVar[Mapping[str, Sequence[str]]] = {}
    budget: ClassVar[Budget | None] = None
    connections: ClassVar[Budget | None] = None
    compressed: ClassVar[bool] = False
    words: ClassVar[Mapping[str, Any]] = {}
    markets_url: ClassVar[str] = ""
    markets: ClassVar[market_rows | None] = None

    class Config(Source.Config):
        """Options every source has whose connections are chrono's."""

        region: str = ""
        """Which of the venue's regional addresses to use, by the name that the plugin gives it."""
        proxy: str | tuple[str, ...] = Field(default="", repr=False)
        """The way out: http://, https:// or socks5://host:port, or direct for none; a list is tried in turn."""

        @field_validator("region")
        @classmethod
        def _of_the_venue(cls, region: str, info: ValidationInfo) -> str:
            return in_regions(region, getattr(info.context, "regions", None))

        @field_validator("proxy")
        @classmethod
        def _a_proxy(cls, proxies: str | tuple[str, ...]) -> str | tuple[str, ...]:
            return checked_proxies(proxies)

    @cached_property
    def routes(self) -> Routes:
        """The ways to the venue, shared by its connections."""
        region = self.config.region
        urls = self.config.url or (self.regions.get(region, ()) if region else self.url)
        return routes_of(urls or self.url, self.config, self._now)

    def hours(self, pair: Pair) -> Hours | None:  # noqa: ARG002 - for venues that close
        """Return when a market trades; None for one that is always open."""
        return None

    @cached_property
    def absent(self) -> set[str]:
        """Symbols that the venue does not list or has halted: nothing is done about their silence."""
        return set()

    def _now(self) -> int:
        # the context is another one once the host has handed over its own
        return self.context.clock.now()

    @property
    def address(self) -> str:
        """Where to reach the venue now: what the user wrote, else what the region says, else the usual address."""
        return self.routes.current.url

    def http(self) -> httpx.AsyncClient:
        """Return a client to ask the venue with, over the proxy of now; whoever asked for it closes it."""
        return http_client(self.routes.current.proxy)

    @property
    def account(self) -> Account:
        """What the address that the venue sees spends there, together with all sources of this type.

        Of a type that says its own `group`, and so is several venues: with all sources of this group.
        """
        venue = self.type if type(self).group is Source.group else self.group
        return account(venue, self.routes.current.proxy, self.budget, self.connections)

    @cached_property
    def _decode(self) -> Any:
        return msgspec.json.Decoder(self.Frame, strict=False).decode

    @cached_property
    def _frame(self) -> Any:
        # a call per frame that only passes on is a fifth of what decoding costs
        plain = type(self).decode is FrameSource.decode and not self.compressed
        return self._decode if plain else self.decode

    def decode(self, data: bytes) -> Any:
        """Turn bytes into a frame, text in UTF-8; override for binary wires."""
        return self._decode(self._unpacked(data))

    def _unpacked(self, data: bytes) -> bytes:
        return inflated(data) if self.compressed and not (data[:1] in _TEXT or data.isalpha()) else data

    @abstractmethod
    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Return the ticks and signals of a frame, in its order; nothing for what is of no interest."""

    def session(self) -> Session:
        """Return what parses the frames of one connection: the source, or an object with that connection's state."""
        return self

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return the markets of an answer from `markets_url`, each made by `listing`."""
        rows = self.markets(answer) if self.markets is not None else ()
        return [self.listing(symbol, base, quote, trades=trades) for symbol, base, quote, trades in rows]

    def listing(self, symbol: str, base: str, quote: str, *, trades: bool = True) -> Listing:
        """Return a market by the venue's own words for it and its assets, and whether anything trades there now."""
        return Listing(symbol, Pair(self.asset(base), self.asset(quote)), "trading" if trades else "halted")

    async def listings(self, http: httpx.AsyncClient) -> Iterable[Listing]:
        """Return what the venue lists now; override where one request to `markets_url` does not tell.

        It is asked when a pipeline has started and every hour; what it raises counts as no answer.
        """
        if not self.markets_url:
            return ()
        usual = urlsplit(self.markets_url)
        host = f"{usual.scheme}://{usual.netloc}"
        answer = await http.get(self.http_address(host) + self.markets_url.removeprefix(host))
        answer.raise_for_status()
        return self.listed(answer.content)

    @property
    def lists(self) -> bool:
        """Whether the plugin knows what the venue lists."""
        return bool(self.markets_url) or type(self).listings is not FrameSource.listings

    def http_address(self, usual: str) -> str:
        """Return where to ask over HTTP: at the host of the option `url` where there is one, else as usual.

        Examples
        --------
        >>> from chrono import WebSocketSource
        >>> class Toy(WebSocketSource):
        ...     type = "toy"
        ...     subscribe = parse = lambda self, symbols: ()
        >>> Toy(Toy.Config(url="ws://127.0.0.1:8765/v2")).http_address("https://api.toy.example")
        'http://127.0.0.1:8765'
        >>> Toy().http_address("https://api.toy.example")
        'https://api.toy.example'
        """
        stated = getattr(self.config, "url", "")
        parts = urlsplit(stated if isinstance(stated, str) else next(iter(stated), ""))
        return f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}" if parts.netloc else usual

    def reader(self, kind: str) -> FrameSource:  # noqa: ARG002 - for sources that also ask beside their stream
        """Return what reads the recorded frames of a kind, `ws` or `http`."""
        return self

    def read(self, data: bytes | str, session: Session | None = None) -> Sequence[Tick | Signal]:
        """Decode and parse one frame as received, with the session of its connection.

        Raises
        ------
        FrameError
            If it is not what the venue documents; a mistake in `parse` counts as such.
        """
        try:
            raw = data if isinstance(data, bytes) else data.encode()
            return tuple((session or self).parse(self._frame(raw)))
        except Exception as error:
            # words are few, so the frames that are none do not pay for them
            if self.words and (word := self._word(raw)) in self.words:
                answer = self.words[word]
                return () if answer is None else (Reply(answer),)
            if isinstance(error, FrameError):
                raise
            # a stranger's parser must not cost the connection
            reason = _reason(error)
            # whoever overrides `decode` unpacks there
            if raw.startswith(b"\x1f\x8b") and not self.compressed and type(self).decode is FrameSource.decode:
                reason += "; it begins as gzip does: set `compressed = True`"
            raise FrameError(reason, data, self.context.name) from error

    def _word(self, data: bytes) -> str:
        with suppress(ValueError):
            data = self._unpacked(data)
        return data.decode(errors="replace").strip()


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.MsgspecError):
        return str(error)
    # a mistake in `parse` is looked for where it was made
    where = "" if isinstance(error, ValueError) else _place(error)
    return f"{type(error).__name__}: {error}{where}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace is not None else ""


def batches(symbols: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Split symbols into runs of at most `size`; 0 means no limit."""
    step = size or max(len(symbols), 1)
    for start in range(0, len(symbols), step):
        yield symbols[start : start + step]
