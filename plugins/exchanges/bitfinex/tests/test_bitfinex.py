"""What is Bitfinex's own: channels by number, trades told twice, loans beside trades, names of its own."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Reconnect, Rejected, Trade
from chrono_bitfinex import Bitfinex, BitfinexTrades

AT = 1_795_342_500_123
TRADES = {"event": "subscribed", "channel": "trades", "chanId": 17470, "symbol": "tBTCUSD", "pair": "BTCUSD"}
TICKER = {"event": "subscribed", "channel": "ticker", "chanId": 224555, "symbol": "tBTCUSD", "pair": "BTCUSD"}
PRINT = [401597395, AT, -0.005, 7245.3]
TOP = [7616.5, 31.89055171, 7617.5, 43.35811863, -550.8, -0.0674, 7617.1, 8314.71, 8257.8, 7500]


def read(*messages: Any) -> tuple[Any, ...]:
    """Read some messages of one connection, and return what the last gives."""
    venue = Bitfinex()
    session = venue.session()
    return [tuple(venue.read(json.dumps(message), session)) for message in messages][-1]


@pytest.mark.parametrize(("amount", "side"), [(-0.005, "sell"), (0.005, "buy")])
def test_the_sign_of_an_amount_is_the_side_of_the_taker(amount: float, side: Any) -> None:
    """A size is never negative."""
    row = [17470, "te", [401597395, AT, amount, 7245.3]]
    assert read(TRADES, row) == (Trade("tBTCUSD", 7245.3, 0.005, side, "401597395", AT * 10**6),)


def test_a_trade_counts_once() -> None:
    """It is told as executed and as stored; what was before the subscription, and loans, are not told at all."""
    assert read(TRADES, [17470, "tu", PRINT, AT]) == ()
    assert read(TRADES, [17470, [PRINT, PRINT], AT]) == ()
    assert read(TRADES, [17470, "fte", [133323072, AT, -59.84, 0.00023647, 2]]) == ()
    assert read(TRADES, [17470, "ftu", [133323072, AT, -59.84, 0.00023647, 2]]) == ()


@pytest.mark.parametrize("more", [[AT], [7, AT], [AT, 7]])
def test_a_ticker_has_the_time_that_was_asked_for(more: list[int]) -> None:
    """It may stand beside a number of the sequence; without it a quote has none."""
    quote = Quote("tBTCUSD", 7616.5, 7617.5, 31.89055171, 43.35811863, AT * 10**6)
    assert read(TICKER, [224555, TOP, *more]) == (quote,)
    assert read(TICKER, [224555, TOP]) == (Quote("tBTCUSD", 7616.5, 7617.5, 31.89055171, 43.35811863),)


@pytest.mark.parametrize("more", [[None], [AT], [True], ["x", 1]])
def test_fields_may_be_appended(more: list[Any]) -> None:
    """Of whatever kind, to a ticker and to a trade."""
    assert read(TICKER, [224555, [*TOP, *more]]) == (Quote("tBTCUSD", 7616.5, 7617.5, 31.89055171, 43.35811863),)
    (trade,) = read(TRADES, [17470, "te", [*PRINT, *more], 2])
    assert trade == Trade("tBTCUSD", 7245.3, 0.005, "sell", "401597395", AT * 10**6)


@pytest.mark.parametrize("empty", [None, 0])
def test_an_empty_side_is_no_quote(empty: Any) -> None:
    """Neither a price nor damage."""
    assert read(TICKER, [224555, [empty, None, *TOP[2:]]]) == ()


@pytest.mark.parametrize(
    "message",
    [
        [17470, "hb"],
        [17470, "hb", AT],
        [17470, "cs", -1234],
        [999, "te", PRINT],
        [999, TOP],
        {"event": "info", "version": 2, "serverId": "x", "platform": {"status": 0}},
        {"event": "info", "code": 20060, "msg": "Entering in Maintenance mode"},
        {"event": "conf", "status": "OK", "flags": 32768},
        {"event": "pong", "ts": AT, "cid": 1},
        {"event": "subscribed", "channel": "candles", "key": "trade:1h:tBTCUSD", "chanId": 3},
        {"event": "subscribed", "channel": "ticker", "chanId": 7, "symbol": "fUSD", "currency": "USD"},
        {"event": "of another year"},
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(message: Any) -> None:
    """Heartbeats, sums, channels that are not known, and events of other kinds."""
    assert read(TRADES, message) == ()


def test_channels_are_those_of_one_connection() -> None:
    """The same number is another channel on another connection, or none."""
    venue = Bitfinex()
    one, other = venue.session(), venue.session()
    for session, symbol in ((one, "tBTCUSD"), (other, "tETHUSD")):
        venue.read(json.dumps(TRADES | {"symbol": symbol}), session)
    row = json.dumps([17470, "te", PRINT])
    found = [[item.symbol for item in venue.read(row, s) if isinstance(item, Trade)] for s in (one, other, None)]
    assert found == [["tBTCUSD"], ["tETHUSD"], []]
    venue.read(json.dumps(TRADES))
    assert len(venue.read(row)) == 1


def test_a_number_may_become_that_of_another_channel() -> None:
    """What it was ends with it."""
    lent = {"event": "subscribed", "channel": "ticker", "chanId": 224555, "symbol": "fUSD", "currency": "USD"}
    assert read(TICKER, lent, [224555, TOP]) == ()
    assert read(TRADES, TRADES | {"channel": "book"}, [17470, "te", PRINT]) == ()
    assert read(TICKER, {"event": "unsubscribed", "status": "OK", "chanId": 224555}, [224555, TOP]) == ()


def test_what_is_lent_is_no_market() -> None:
    """The ticker of a loan has other numbers in other places."""
    lent = {"event": "subscribed", "channel": "ticker", "chanId": 7, "symbol": "fUSD", "currency": "USD"}
    assert read(lent, [7, [0.0003, 0.0002, 30, 1.5, 0.0004, 2, 1.7, 0, 0, 0.0003, 6.3, 1, 1]]) == ()


@pytest.mark.parametrize(
    "message",
    [
        [17470, "te", [401597395, AT, 0, 7245.3]],
        [17470, "te", [401597395, AT, 1e15, 7245.3]],
        [17470, "te", [401597395, AT, 0.005, 0]],
        [17470, "te", [401597395, AT, 0.005, -1]],
        [17470, "te", [401597395, AT // 1000, 0.005, 7245.3]],
        [17470, "te", [401597395, AT, 0.005]],
        [17470, "te", [-1, AT, 0.005, 7245.3]],
        [17470, "te", PRINT[0]],
        [17470, "te"],
        [17470, None],
        [17470, 5],
        [17470],
        [],
        ["tBTCUSD", "te", PRINT],
        [224555, TOP[:9]],
        [224555, [-1, *TOP[1:]]],
        [224555, ["x", *TOP[1:]]],
        {"event": {}},
        {"bird": "great eared nightjar"},
        {"event": "info", "version": 1},
        {"event": "subscribed", "channel": "trades", "chanId": 5, "pair": "BTCUSD"},
        {"event": "subscribed", "channel": "trades", "symbol": "tBTCUSD"},
        [5, "te", "1234-BTCUSD", 1443659698, 236.42, 0.49064538],
        [5, "tu", "1234-BTCUSD", 15254529, 1443659698, 236.42, 0.49064538],
        [2, 236.62, 9.0029, 236.88, 7.1138, -1.02, 0, 236.52, 5191.36754297, 250.01, 220.05],
    ],
)
def test_damage_and_the_superseded_api_are_refused(message: Any) -> None:
    """The last six are those of API v1."""
    venue = Bitfinex()
    session = venue.session()
    for known in (TRADES, TICKER):
        venue.read(json.dumps(known), session)
    with pytest.raises(FrameError):
        venue.read(json.dumps(message), session)


def test_answers_are_signals() -> None:
    """A channel is accepted or refused; code 20051 and the end of maintenance ask for another connection."""
    assert read(TRADES) == (Ack(("tBTCUSD",)),)
    assert read(TICKER) == ()
    refused = {"event": "error", "channel": "trades", "symbol": "tXX:USD", "msg": "symbol: invalid", "code": 10300}
    assert read(refused) == (Rejected("tXX:USD", "symbol: invalid"),)
    assert read(refused | {"code": 10301, "msg": "subscribe: dup"}) == (Ack(("tXX:USD",)),)
    assert read({"event": "error", "code": 10305}) == (Rejected("", "code 10305"),)
    for code in (20051, 20061):
        assert read({"event": "info", "code": code, "msg": "Stopping"}) == (Reconnect("Stopping"),)


def test_a_connection_has_as_many_markets_as_it_takes_channels() -> None:
    """Two for each of twelve markets, of 25; before them the time is asked for."""
    symbols = [f"tA{number:02}USD" for number in range(Bitfinex.symbols_per_connection)]
    first, *others = Bitfinex().subscribe(symbols)
    assert first == {"event": "conf", "flags": 32768}
    assert [message["symbol"] for message in others[::2]] == symbols
    assert {message["channel"] for message in others} == {"trades", "ticker"}
    assert len(others) <= 25


@pytest.mark.parametrize(
    ("pair", "symbol"),
    [
        ("BTC/USD", "tBTCUSD"),
        ("BTC/USDT", "tBTCUST"),
        ("DOGE/USD", "tDOGE:USD"),
        ("BTC/CNHT", "tBTC:CNHT"),
        ("IOTA/USD", "tIOTUSD"),
        ("LUNA/USD", "tLUNA2:USD"),
        ("LUNC/USD", "tLUNA:USD"),
    ],
)
def test_symbols_are_names_of_three_letters_or_have_a_colon(pair: str, symbol: str) -> None:
    """There and back, in the names that the venue gives to coins."""
    assert Bitfinex().symbol(Pair.parse(pair)) == symbol
    answer = json.dumps([[symbol[1:]]]).encode()
    assert list(Bitfinex().listed(answer)) == [Listing(symbol, Pair.parse(pair))]


def test_polled_trades_come_oldest_first() -> None:
    """An answer has the newest first; an error is no answer."""
    rows = [[388063449, AT + 1, -1.5, 10683], [388063448, AT, 1.918524, 10682]]
    first, second = BitfinexTrades().read(json.dumps({"symbol": "tBTCUSD", "answer": rows}))
    assert first == Trade("tBTCUSD", 10682.0, 1.918524, "buy", "388063448", AT * 10**6)
    assert second == Trade("tBTCUSD", 10683.0, 1.5, "sell", "388063449", (AT + 1) * 10**6)
    with pytest.raises(FrameError):
        BitfinexTrades().read('{"symbol": "tBTCUSD", "answer": ["error", 10020, "symbol: invalid"]}')
