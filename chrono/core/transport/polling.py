"""Polled sources: a venue is a request and a codec, chrono does the asking."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import msgspec
from pydantic import Field, field_validator

from chrono.core.component import Emit
from chrono.core.transport.answers import inside, refusals
from chrono.core.transport.asking import Asking
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.client import TIMEOUT
from chrono.core.transport.codec import FrameSource
from chrono.core.transport.endpoint import checked_all, positive
from chrono.core.transport.notices import Notices
from chrono.core.transport.rows import quote_rows, trade_rows
from chrono.core.transport.wire import Text
from chrono.core.types import Market, Quote, Signal, Tick, Trade
from chrono.core.units import Duration

if TYPE_CHECKING:
    import httpx


class Asked(msgspec.Struct):
    """An answer beside the symbol that it is about."""

    symbol: Text
    answer: msgspec.Raw


class PollingSource(FrameSource):
    """A venue that is asked over HTTP: say what to ask, and how to read an answer.

    chrono asks every so often, honours what the venue says about that, waits longer while it fails, and reports.

    Attributes
    ----------
    answer_within : float
        Seconds for one request as a whole.

    Examples
    --------
    >>> import httpx
    >>> from chrono.core.types import Ticker
    >>> class Toy(PollingSource):
    ...     type = "toy"
    ...     url = "https://toy.example/tickers"
    ...     def request(self, symbols):
    ...         return httpx.Request("GET", self.address, params={"symbols": ",".join(symbols)})
    ...     def parse(self, frame):
    ...         yield from (Ticker(row["s"], row["last"]) for row in frame)
    >>> str(Toy().request(["BTC", "ETH"]).url)
    'https://toy.example/tickers?symbols=BTC%2CETH'
    """

    answer_within: ClassVar[float] = TIMEOUT

    class Config(FrameSource.Config):
        """Options every polled source has."""

        url: str | tuple[str, ...] = Field(default="", repr=False)
        """Where to ask in place of the venue's usual address, http:// or https://; a list is tried in turn."""
        every: Duration = Duration("2s")
        """How often to ask."""

        @field_validator("url")
        @classmethod
        def _http(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
            return checked_all(value, ("http", "https"))

        @field_validator("every")
        @classmethod
        def _some_time(cls, value: Duration) -> Duration:
            return positive(value)

    @abstractmethod
    def request(self, symbols: Sequence[str]) -> httpx.Request | Iterable[httpx.Request]:
        """Return what to ask for these symbols, in one request or in several; called anew each time."""

    def get(self, path: str, symbol: str | None = None, **parameters: Any) -> httpx.Request:
        """Return a request for a path below `address`.

        Parameters
        ----------
        path : str
            As it begins with a slash.
        symbol : str, optional
            For an answer that does not name the symbol it is about: what is decoded, parsed and recorded is then
            `{"symbol": …, "answer": …}`. Where the address or the path has `{symbol}`, it stands there.
        **parameters
            The query.

        Examples
        --------
        >>> class Toy(PollingSource):
        ...     type = "toy"
        ...     url = "https://api.toy.example"
        ...     request = parse = lambda self, symbols: ()
        >>> Toy().get("/trades", symbol="BTC-USD", product="BTC-USD", limit=100).url
        URL('https://api.toy.example/trades?product=BTC-USD&limit=100')
        """
        import httpx  # costs some 60 ms that a stream need not pay

        extensions = {} if symbol is None else {"symbol": symbol}
        where = f"{self.address}{path}"
        if symbol is not None:
            where = where.replace("{symbol}", quote(symbol, safe=""))
        return httpx.Request("GET", where, params=parameters or None, extensions=extensions)

    def weight(self, request: httpx.Request) -> float:  # noqa: ARG002 - for venues that count by weight
        """Return what a request weighs in the `budget`; override where the venue does not count each as 1."""
        return 1.0

    def backoff(self) -> Backoff:
        """Return how long to wait while the venue fails."""
        return Backoff()

    @property
    def frame_errors(self) -> int:
        """Answers that could not be read so far."""
        return self._notices.frame_errors

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each code was said of this source so far, and what else was counted."""
        return self._notices.counts

    @cached_property
    def _notices(self) -> Notices:
        return Notices(self.context)

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Emit ticks until cancelled; whatever the venue does is a status, and another attempt."""
        symbols = {market.symbol or self.symbol(market.pair): market for market in markets}
        self._notices.begin(symbols)
        await Asking(self, emit, self._notices, account=lambda: self.account).run(lambda: list(symbols))


class PolledTrades(PollingSource):
    """A venue that is asked for the last trades of one symbol after the other, such as while its stream is down.

    Attributes
    ----------
    path : str
        What to ask for below the address, with `{symbol}` where the symbol goes.
    rows : trade_rows or quote_rows
        What reads the trades of an answer; the newest may come first. Quotes where trades have no number: by nothing
        else could it be told which of them were streamed.
    at : str
        Where in an answer the rows are: keys joined by dots.
    refused : refusals or None
        What tells an answer that failed, where the venue does not say so by its status.
    weighs : float
        What one request weighs in the `budget`.

    Examples
    --------
    >>> class Toy(PolledTrades):
    ...     type = "toy"
    ...     url = "https://api.toy.example"
    ...     path = "/trades/{symbol}?limit=100"
    ...     rows = trade_rows(id="id", price="p", size="q", time="t")
    ...     at = "data"
    >>> str(next(Toy().request(["BTC-USD"])).url)
    'https://api.toy.example/trades/BTC-USD?limit=100'
    >>> answer = b'{"data": [{"id": "7", "p": "67123.1", "q": "0.5", "t": 1795342500123}]}'
    >>> Toy().read(b'{"symbol": "BTC-USD", "answer": %b}' % answer)[0].price
    67123.1
    """

    path: ClassVar[str]
    rows: ClassVar[trade_rows | quote_rows]
    at: ClassVar[str] = ""
    refused: ClassVar[refusals | None] = None
    weighs: ClassVar[float] = 1.0
    Frame = Asked

    class Config(PollingSource.Config):
        """Options every polled source has, with an interval in which sixty symbols can be asked for."""

        every: Duration = Duration("15s")
        """How often to ask for every symbol."""

    def request(self, symbols: Sequence[str]) -> Iterator[httpx.Request]:
        """Ask for each symbol."""
        return (self.get(self.path.format(symbol=symbol), symbol=symbol) for symbol in symbols)

    def weight(self, request: httpx.Request) -> float:  # noqa: ARG002 - all are of one kind
        """Return what the venue counts for one request."""
        return self.weighs

    def parse(self, frame: Asked) -> Iterable[Tick | Signal]:
        """Read the trades of the symbol that was asked for, the oldest first, or what failed."""
        if self.refused is not None and (signal := self.refused(frame.answer, frame.symbol)) is not None:
            return (signal,)
        found: Sequence[Trade | Quote] = self.rows(inside(frame.answer, self.at), frame.symbol)
        newest_first = len(found) > 1 and _order(found[0]) > _order(found[-1])
        return found[::-1] if newest_first else found


def _order(tick: Trade | Quote) -> tuple[int, int, str]:
    """Return by what ticks are put in order: their time, and trades of one time by their number."""
    number = tick.trade_id if isinstance(tick, Trade) else ""
    return tick.ts_event or 0, len(number), number
