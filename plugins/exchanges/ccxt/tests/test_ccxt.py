"""Exchanges of ccxt: streams, polls, stalls and errors on one that is made up; the real library on a served venue."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import dropwhile
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from pydantic import ValidationError

import chrono_ccxt
from chrono import Context, Market, Pair, PermanentError, Quote, Status, Tick, Ticker, Trade
from chrono.core.build import build
from chrono.core.recording import read
from chrono.core.registry import Registry
from chrono.venue import Bounds
from chrono_ccxt import Ccxt
from chrono_ccxt.outages import explained

MS = 1_795_342_500_123
PATIENCE = 80.0
"""Seconds after which what should have happened counts as not happening; ccxt takes some to be imported."""
PAIRS = ("BTC/USD", "ETH/USD")


def error(name: str, *above: type[Exception]) -> type[Exception]:
    """Return a class like one of ccxt's."""
    return type(name, above or (Exception,), {"__module__": "ccxt.base.errors"})


BaseError = error("BaseError")
NetworkError = error("NetworkError", BaseError)
BadRequest = error("BadRequest", error("ExchangeError", BaseError))


class Made:
    """An exchange that is made up, in the manner of ccxt."""

    made: ClassVar[list["Made"]] = []
    has: ClassVar[dict[str, bool]] = {"watchTradesForSymbols": True, "watchTickers": True}
    listed: ClassVar[dict[str, Any]] = {pair: {"spot": True, "active": True} for pair in PAIRS}

    def __init__(self, options: Any) -> None:
        self.options = options
        self.markets: dict[str, Any] = {}
        self.closed = 0
        self.number = 0
        self.made.append(self)

    async def load_markets(self) -> None:
        self.markets = self.listed

    async def close(self) -> None:
        self.closed += 1

    def trade(self, symbol: str, **more: Any) -> dict[str, Any]:
        """Return the next trade as ccxt states it."""
        self.number += 1
        at = {"id": str(self.number), "timestamp": MS + self.number}
        return {"symbol": symbol, "price": 1.5, "amount": 2.0, "side": "buy", **at, **more}

    async def watch_trades_for_symbols(self, symbols: list[str]) -> list[dict[str, Any]]:
        await anyio.sleep(0.005)
        return [self.trade(symbol) for symbol in symbols]

    async def watch_trades(self, symbol: str) -> list[dict[str, Any]]:
        await anyio.sleep(0.005)
        return [self.trade(symbol)]

    async def fetch_trades(self, symbol: str) -> list[dict[str, Any]]:
        self.number = 0
        return [self.trade(symbol) for _ in range(3)]

    async def watch_tickers(self, symbols: list[str]) -> dict[str, Any]:
        await anyio.sleep(0.005)
        return {s: {"symbol": s, "bid": 1.4, "ask": 1.6, "bidVolume": None, "timestamp": None} for s in symbols}

    async def fetch_tickers(self, symbols: list[str]) -> dict[str, Any]:
        rows = {s: {"symbol": s, "bid": None, "last": 1.5, "baseVolume": 9.0, "timestamp": MS} for s in symbols}
        return {**rows, "XX/USD": {"symbol": "XX/USD", "last": 7.0}}


class Seen:
    """What a source emitted and said."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.statuses: list[Status] = []

    def of(self, kind: type[Tick]) -> list[Any]:
        """Return the ticks of a kind."""
        return [tick for tick in self.ticks if isinstance(tick, kind)]

    @property
    def codes(self) -> set[str]:
        """What was said, of the source and of markets."""
        return {status.code for status in self.statuses}

    def since(self, codes: set[str]) -> list[Status]:
        """Return what was said once one of these was."""
        return list(dropwhile(lambda status: status.code not in codes, self.statuses))

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for something to have happened."""
        with anyio.fail_after(PATIENCE):
            while not wanted():  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)


@asynccontextmanager
async def running(name: str = "ccxt/made", pairs: tuple[str, ...] = PAIRS, **options: Any) -> AsyncIterator[Seen]:
    """Run a source for a while."""
    seen = Seen()
    source = Ccxt(Ccxt.Config(**options), Context(name, report=seen.statuses.append))
    markets = [Market(name, Pair.parse(pair), source.group, pair) for pair in pairs]
    async with anyio.create_task_group() as group:
        group.start_soon(source.run, markets, lambda tick, _=None: seen.ticks.append(tick))
        yield seen
        group.cancel_scope.cancel()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> type[Made]:
    """Put an exchange that is made up in the place of ccxt."""

    class Fresh(Made):
        made: ClassVar[list[Made]] = []

    monkeypatch.setattr(chrono_ccxt, "_maker", lambda name, source: Fresh)
    monkeypatch.setattr("chrono_ccxt._LONGEST", 0.01)
    return Fresh


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, the one backend."""
    return "asyncio"


# which exchange


def test_exchange_is_named_after_the_slash() -> None:
    """And it is the venue, by the name that a plugin of its own has."""

    def group(name: str, **options: Any) -> str:
        return Ccxt(Ccxt.Config(**options), Context(name)).group

    assert group("ccxt/binance") == "binance"
    assert group("ccxt/binanceus") == "binance_us"
    assert group("mine", exchange="gate") == "gate"
    assert group("ccxt/binance", group="other") == "other"


def test_groups_are_those_of_the_plugins() -> None:
    """Each is the type of a plugin in this tree."""
    exchanges = Path(__file__).parents[2]
    assert [group for group in chrono_ccxt.GROUPS.values() if not (exchanges / group).is_dir()] == []


def test_plugin_and_ccxt_are_one_venue() -> None:
    """Two sources of one exchange have one vote."""
    text = """
feeds:
  BTC/USD: {decimals: 2}
quotes: [USD]
sources:
  ccxt/coinbaseexchange: {}
  ccxt/bitvavo: {}
  coinbase: {type: push, group: coinbase}
consensus: {median: {min_venues: 2}}
"""
    pipeline = build(text, Registry())
    assert {m.group for plan in pipeline.plans for m in plan.feed.markets} == {"coinbase", "bitvavo"}


def test_proxy_is_checked() -> None:
    """It is http or https."""
    with pytest.raises(ValidationError, match="expected a proxy like http://host:port"):
        Ccxt.Config(proxy="ftp://host")


# what is followed


@pytest.mark.anyio
async def test_streams_become_trades_and_tops(made: type[Made]) -> None:
    """To the digit, with time and the taker's side; closed when it is stopped."""
    async with running(proxy="http://127.0.0.1:1", options={"timeout": 3}) as seen:
        await seen.until(lambda: len(seen.of(Trade)) >= 4 and bool(seen.of(Quote)))
    assert seen.of(Trade)[0] == Trade("BTC/USD", 1.5, 2.0, "buy", "1", (MS + 1) * 1_000_000)
    assert seen.of(Quote)[0] == Quote("BTC/USD", 1.4, 1.6, 0.0, 0.0, None)
    assert [(status.state, status.code) for status in seen.statuses] == [("live", "")]
    (exchange,) = made.made
    assert exchange.closed == 1
    assert exchange.options["wssProxy"] == exchange.options["httpsProxy"] == "http://127.0.0.1:1"
    assert exchange.options["timeout"] == 3


@pytest.mark.anyio
async def test_what_is_not_streamed_is_asked_for(made: type[Made]) -> None:
    """Answers overlap: each trade is emitted once; what nobody asked for is left out."""
    made.has = {"fetchTrades": True, "fetchTickers": True}
    async with running(every="10ms") as seen:
        await seen.until(lambda: len(seen.of(Ticker)) >= 8)
    trades = seen.of(Trade)
    assert len(trades) == len(set(trades)) == 6
    assert {tick.symbol for tick in seen.ticks} == set(PAIRS)
    assert seen.of(Ticker)[0] == Ticker("BTC/USD", 1.5, 9.0, MS * 1_000_000)


@pytest.mark.anyio
async def test_tops_may_be_left_out(made: type[Made]) -> None:
    """By the user, or because the exchange refuses them; trades go on."""
    made.has = {"watchTrades": True, "watchTickers": True}
    async with running(tops=False) as seen:
        await seen.until(lambda: len(seen.ticks) >= 6)
    assert not seen.of(Quote)

    async def refuse(self: Made, symbols: list[str]) -> None:
        raise BadRequest("no such channel")

    made.watch_tickers = refuse  # type: ignore[method-assign]
    async with running() as seen:
        await seen.until(lambda: len(seen.ticks) >= 6)
    assert len(made.made) == 2


def test_recordings_hold_ticks() -> None:
    """Of an exchange that ccxt followed: what is read of them is what it emitted."""
    folder = Path(__file__).parent / "recordings"
    problems: list[str] = []
    records = list(read([folder / "trades.jsonl"], problems.append))
    assert {(record.kind, record.conn) for record in records} == {("tick", 0)}
    ticks = [record.tick.tick(record.tick.symbol) for record in records if record.tick is not None]
    assert {type(tick) for tick in ticks} == {Trade, Quote}
    assert len(ticks) == len(records) >= 20
    assert not problems


# what goes wrong


@pytest.mark.anyio
async def test_markets_that_cannot_have_a_price_say_so(made: type[Made]) -> None:
    """The others are followed."""
    made.listed = {**made.listed, "OFF/USD": {"spot": True, "active": False}}
    async with running(pairs=(*PAIRS, "OFF/USD", "XX/USD")) as seen:
        await seen.until(lambda: len(seen.of(Trade)) >= 4)
    said = {str(status.market): status.code for status in seen.statuses if status.market}
    assert said == {"ccxt/made:OFF/USD": "halted", "ccxt/made:XX/USD": "unlisted"}


@pytest.mark.anyio
async def test_failure_is_told_and_tried_again_with_a_new_object(made: type[Made]) -> None:
    """Every object is closed."""

    async def load(self: Made) -> None:
        if len(self.made) < 3:
            raise NetworkError("cannot connect")
        self.markets = self.listed

    made.load_markets = load  # type: ignore[method-assign]
    async with running() as seen:
        await seen.until(lambda: bool(seen.ticks))
    assert [(status.state, status.code) for status in seen.statuses] == [("waiting", "network")] * 2 + [("live", "")]
    assert [exchange.closed for exchange in made.made] == [1, 1, 1]


@pytest.mark.anyio
async def test_silence_makes_ccxt_begin_anew(made: type[Made]) -> None:
    """A stream of ccxt that hangs raises nothing."""

    async def watch(self: Made, symbols: list[str]) -> list[dict[str, Any]]:
        await anyio.sleep(0.005 if self.number < 3 or len(self.made) > 1 else 60)
        return [self.trade(symbol) for symbol in symbols]

    made.watch_trades_for_symbols = watch  # type: ignore[method-assign]
    made.has = {"watchTradesForSymbols": True}
    async with running(silence="300ms") as seen:
        await seen.until(lambda: [status.state for status in seen.statuses] == ["live", "waiting", "live"])
    assert seen.statuses[1].code == "silence"
    assert seen.statuses[1].message.startswith("made: nothing came for 0.3s: beginning anew")


@pytest.mark.anyio
async def test_market_that_falls_silent_is_told_and_brought_back(
    made: type[Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own rhythm, while others go on."""
    monkeypatch.setattr("chrono_ccxt.watching.Bounds", lambda: Bounds(shortest=0.2, longest=1.0, unknown=1.0))

    async def watch(self: Made, symbols: list[str]) -> list[dict[str, Any]]:
        await anyio.sleep(0.02)
        both = self.number < 40 or len(self.made) > 1
        return [self.trade(symbol, timestamp=None) for symbol in (symbols if both else symbols[:1])]

    made.watch_trades_for_symbols = watch  # type: ignore[method-assign]
    made.has = {"watchTradesForSymbols": True}
    async with running() as seen:
        await seen.until(lambda: any(s.market and s.state == "live" for s in seen.statuses))
    told = [(status.state, status.code, str(status.market)) for status in seen.statuses]
    assert told[:3] == [
        ("live", "", "None"),
        ("degraded", "silent", "ccxt/made:ETH/USD"),
        ("waiting", "market_silent", "None"),
    ]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (error("RateLimitExceeded", NetworkError)("slow down"), "rate_limited"),
        (error("OnMaintenance", error("ExchangeNotAvailable", NetworkError))(""), "unavailable"),
        (error("RestrictedLocation", BaseError)(""), "blocked"),
        (ExceptionGroup("", [ExceptionGroup("", [NetworkError("")])]), "network"),
        (BadRequest(""), "rejected"),
        (KeyError("price"), "unreadable"),
    ],
)
def test_errors_have_codes(failure: Exception, code: str) -> None:
    """Those of the other sources."""
    assert explained(failure).code == code
    assert "; " in explained(failure).message


# the real library


@pytest.mark.anyio
async def test_unknown_exchange_is_told_with_the_nearest() -> None:
    """Once, for good."""
    pytest.importorskip("ccxt", reason="needs ccxt, which is not in this environment")
    source = Ccxt(context=Context("ccxt/krakn"))
    with pytest.raises(
        PermanentError, match="ccxt/krakn: expected an exchange of ccxt, was 'krakn'; did you mean kraken"
    ):
        await source.run([], lambda tick, received=None: None)
    with pytest.raises(PermanentError, match="write ccxt/bitvavo"):
        await Ccxt().run([], lambda tick, received=None: None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ({"kind": "drop", "every": "1s", "times": 1}, {"network"}),
        # which it is depends on whose rhythm is missed first: that of one market, or that of all
        ({"kind": "silent_stream", "after": "1s", "for": "3s"}, {"silence", "market_silent"}),
    ],
)
async def test_real_library_follows_a_served_venue(
    fault: dict[str, Any], codes: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Binance as ccxt.pro speaks to it, twice: the served venue hangs up, or falls silent without a word."""
    pytest.importorskip("ccxt", reason="needs ccxt, which is not in this environment")
    serving = pytest.importorskip("chrono_simulated.serving")
    monkeypatch.setattr("chrono_ccxt._LONGEST", 0.5)
    pairs = ("BTC/USDT", "ETH/USDT")
    async with serving.serving(serving.Binance(pairs, rate=50)) as served:
        api = {"public": f"{served.rest_url}/api/v3", "ws": {"spot": served.url.replace("/stream", "/ws")}}
        options = {"urls": {"api": api}, "options": {"fetchMarkets": {"types": ["spot"]}}}
        async with running("ccxt/binance", (*pairs, "XX/USDT"), options=options, silence="1s") as seen:
            await seen.until(lambda: bool(seen.of(Trade) and seen.of(Quote)))
            trade = seen.of(Trade)[-1]
            assert trade.price == pytest.approx(served.price(trade.symbol), rel=1e-2)
            served.strike(fault)
            # a market may be back before the fault is noticed: what counts is what comes after it
            await seen.until(lambda: "live" in [s.state for s in seen.since(codes)])
    assert {tick.symbol for tick in seen.ticks} == set(pairs)
    assert "unlisted" in seen.codes
    assert all(trade.side and trade.trade_id and trade.ts_event for trade in seen.of(Trade))
