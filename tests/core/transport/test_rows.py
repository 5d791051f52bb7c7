"""Rows are read by the keys that a venue gives them, as strictly as it has them."""

import msgspec
import pytest

from chrono import FrameError, Listing, Pair, PolledTrades, Quote, RateLimit, Rejected, Trade, WebSocketSource
from chrono.core.transport.answers import inside, market_rows, refusals
from chrono.core.transport.rows import Unit, ns_from, quote_rows, trade_rows

MS = 1_672_304_486_865

trades = trade_rows(symbol="s", id="i", price="p", size="v", side="S", time="T")


def row(**changes: object) -> bytes:
    """Return one trade as a venue writes it."""
    return msgspec.json.encode([{"s": "BTCUSDT", "i": "7", "p": "1.5", "v": "2", "S": "Buy", "T": MS} | changes])


def test_trade_is_read_to_the_digit() -> None:
    """Text or number, each becomes what it stands for."""
    wanted = Trade("BTCUSDT", 1.5, 2.0, "buy", "7", MS * 1_000_000)
    assert trades(row()) == [wanted]
    assert trades(row(i=7, p=1.5, v=2, S="BUY", T=str(MS))) == [wanted]


def test_trades_come_oldest_first() -> None:
    """Where the venue has the newest first, they are turned round."""
    read = trade_rows(id="i", price="p", size="v", time="T", newest_first=True)
    rows = [{"i": number, "p": 1, "v": 1, "T": MS} for number in (3, 2, 1)]
    assert [trade.trade_id for trade in read(msgspec.json.encode(rows))] == ["1", "2", "3"]
    assert [trade.trade_id for trade in read(msgspec.json.encode(rows[0]))] == ["3"]


def test_one_row_by_itself_is_read() -> None:
    """Some venues send an object where others send a list of one."""
    assert trades(row()[1:-1]) == trades(row())


@pytest.mark.parametrize(
    "changes",
    [
        {"p": "nan"},
        {"p": "-1"},
        {"p": ""},
        {"p": None},
        {"v": "-0.1"},
        {"s": ""},
        {"i": ""},
        {"i": -1},
        {"S": "hold"},
        {"S": 1},
        {"T": MS // 1000},
        {"T": MS * 1000},
        {"T": None},
    ],
)
def test_damage_is_refused(changes: dict[str, object]) -> None:
    """No price is made of what is none, and no unit is taken for another."""
    with pytest.raises(ValueError, match=".+"):
        trades(row(**changes))


def test_rows_that_are_arrays_are_read_by_their_places() -> None:
    """Elements that are not asked for are passed over, more may follow, fewer may not."""
    read = trade_rows(id="i", price="p", size="v", time="T", order=["i", "?", "T", "p", "v"])
    assert read(b'[[7, null, %d, "1.5", 2, "new"]]' % MS, "X") == [Trade("X", 1.5, 2.0, "", "7", MS * 1_000_000)]
    for damaged in (b"[7]", b"[[7, null, %d, 1.5]]" % MS, b"[[7, null, 1.5, %d, 2]]" % MS, b'{"i": 7}'):
        with pytest.raises(msgspec.ValidationError):
            read(damaged, "X")


def test_a_size_may_say_the_side() -> None:
    """Below 0 the taker sold; 0 says nothing of it, and a size beyond all limits is none."""
    read = trade_rows(price="p", size="v", time="T", signed=True)
    rows = [{"p": 1, "v": size, "T": MS} for size in (0.5, "-2")]
    assert [(row.side, row.size) for row in read(msgspec.json.encode(rows), "X")] == [("buy", 0.5), ("sell", 2.0)]
    for size in (0, 1e15, -1e15, "nan", None):
        with pytest.raises(ValueError, match="expected|Expected"):
            read(msgspec.json.encode({"p": 1, "v": size, "T": MS}), "X")


@pytest.mark.parametrize("missing", list("sipvST"))
def test_missing_key_is_named(missing: str) -> None:
    """The venue's own word says what is not there."""
    rows = msgspec.json.decode(row())
    del rows[0][missing]
    with pytest.raises(msgspec.ValidationError, match=f"`{missing}`"):
        trades(msgspec.json.encode(rows))


@pytest.mark.parametrize(
    ("unit", "time", "wanted"),
    [
        ("s", "1672304486.865123", 1_672_304_486_865_123_000),
        ("s", 1_672_304_486, 1_672_304_486_000_000_000),
        ("ms", MS, MS * 1_000_000),
        ("us", MS * 1000 + 1, (MS * 1000 + 1) * 1000),
        ("decimal_ms", f"{MS}.4578", MS * 10**6 + 457_800),
        ("decimal_ms", MS, MS * 10**6),
        ("ns", MS * 1_000_000 + 1, MS * 1_000_000 + 1),
        ("iso", "2022-12-29T09:01:26.865Z", MS * 1_000_000),
    ],
)
def test_time_has_the_unit_that_is_stated(unit: str, time: object, wanted: int) -> None:
    """To the nanosecond, also where a float would not hold it."""
    read = trade_rows(price="p", size="q", time="t", unit=unit)  # type: ignore[arg-type]
    assert read(msgspec.json.encode({"p": 1, "q": 1, "t": time}), "X")[0].ts_event == wanted


@pytest.mark.parametrize(
    ("unit", "time"), [("s", MS), ("decimal_ms", MS * 1000), ("us", MS), ("ns", MS), ("iso", "0001-01-01T00:00:00Z")]
)
def test_time_of_another_unit_is_refused(unit: str, time: object) -> None:
    """Nor is a time that nobody traded at."""
    read = trade_rows(price="p", size="q", time="t", unit=unit)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=".+"):
        read(msgspec.json.encode({"p": 1, "q": 1, "t": time}), "X")


def test_sides_in_the_venues_own_words() -> None:
    """Whether the buyer was the maker, a number, or the maker's side."""
    maker = trade_rows(price="p", size="q", time="t", side="m", sides={True: "sell", False: "buy"})
    number = trade_rows(price="p", size="q", time="t", side="m", sides={1: "buy", 2: "sell"})
    rested = trade_rows(price="p", size="q", time="t", side="m", sides={"buy": "sell", "sell": "buy"})
    about = {"p": 1, "q": 1, "t": MS}
    assert maker(msgspec.json.encode(about | {"m": True}), "X")[0].side == "sell"
    assert number(msgspec.json.encode(about | {"m": "2"}), "X")[0].side == "sell"
    assert rested(msgspec.json.encode(about | {"m": "sell"}), "X")[0].side == "buy"
    with pytest.raises(ValueError, match="expected a side of"):
        number(msgspec.json.encode(about | {"m": 3}), "X")


def test_top_of_a_book() -> None:
    """An empty side is no quote; a price that is none is damage."""
    read = quote_rows(symbol="s", bid="b", ask="a", bid_size="B", ask_size="A", time="t")
    about = {"s": "X", "b": "1", "a": "2", "B": "3", "A": 4, "t": MS}
    assert read(msgspec.json.encode(about)) == [Quote("X", 1.0, 2.0, 3.0, 4.0, MS * 1_000_000)]
    for empty in ("", "0", 0, None):
        assert read(msgspec.json.encode(about | {"a": empty})) == []
    for damaged in ("-1", "x", "nan", [1]):
        with pytest.raises(ValueError, match=".+"):
            read(msgspec.json.encode(about | {"a": damaged}))


def test_top_of_a_book_without_sizes_or_time() -> None:
    """What is not told is not made up."""
    read = quote_rows(bid="b", ask="a")
    assert read(b'{"b": 1, "a": 2}', "X") == [Quote("X", 1.0, 2.0)]
    assert read(b'{"b": 1, "a": 2}', "X", ts=MS) == [Quote("X", 1.0, 2.0, ts_event=MS)]


def test_top_of_a_book_of_levels() -> None:
    """The first level that is there counts; a side without one, or a level that is none, is no quote."""
    read = quote_rows(bid="b", ask="a", time="t", levels=True)
    about = {"b": [["1", "3", "0", "2"], ["0.5", "9", "0", "1"]], "a": [[2, 4]], "t": MS}
    wanted = [Quote("X", 1.0, 2.0, 3.0, 4.0, MS * 1_000_000)]
    assert read(msgspec.json.encode(about), "X") == wanted
    assert read(msgspec.json.encode(about | {"a": [["1.9", "0"], ["2", "4"]]}), "X") == wanted
    for empty in ([], [["2", "0"]]):
        assert read(msgspec.json.encode(about | {"a": empty}), "X") == []
    for damaged in ("", [2], [[2]], [["x", "1"]], [["2", "x"]], [["2", "-1"]], [["2", "nan"]]):
        with pytest.raises(ValueError, match=".+"):
            read(msgspec.json.encode(about | {"a": damaged}), "X")


def test_top_of_a_book_of_one_level_a_side() -> None:
    """The price and the size stand by themselves; an empty side is no quote."""
    read = quote_rows(bid="b", ask="a", time="t", level=True)
    about = {"b": ["1", "3"], "a": [2, 4], "t": MS}
    assert read(msgspec.json.encode(about), "X") == [Quote("X", 1.0, 2.0, 3.0, 4.0, MS * 1_000_000)]
    assert read(msgspec.json.encode(about | {"a": []}), "X") == []
    for damaged in ("", [2], [[2, 4]], ["x", "1"], ["2", "-1"]):
        with pytest.raises(ValueError, match=".+"):
            read(msgspec.json.encode(about | {"a": damaged}), "X")


def test_top_of_a_book_that_is_an_array() -> None:
    """Elements are found by their places, and more may follow."""
    read = quote_rows(order=("time", "symbol", "", "bid", "ask"), symbol="symbol", bid="bid", ask="ask", time="time")
    at = 1_795_342_500_123
    assert read(b'[[%d, "BTC_USDT", 7, "1.5", "2", "more"]]' % at) == [
        Quote("BTC_USDT", 1.5, 2.0, 0.0, 0.0, at * 1_000_000)
    ]
    with pytest.raises(ValueError, match="length"):
        read(b'[[%d, "BTC_USDT", 7, "1.5"]]' % at)


def test_trades_within_rows_come_in_their_order() -> None:
    """A row that stands for what was traded at once is read like several; both may have the newest first."""
    read = trade_rows(id="i", price="p", size="q", time="t", within="data", newest_first=True)
    group = {"data": [{"i": n, "p": 1.5, "q": 2, "t": 1795342500123} for n in (3, 2)]}
    older = {"data": [{"i": 1, "p": 1.5, "q": 2, "t": 1795342500123}]}
    assert [trade.trade_id for trade in read(msgspec.json.encode([group, older]))] == ["1", "2", "3"]
    assert [trade.trade_id for trade in read(msgspec.json.encode(group))] == ["2", "3"]
    with pytest.raises(ValueError, match="data"):
        read(b'{"rows": []}')


def test_a_trade_may_be_known_by_another_key() -> None:
    """Only where the first is missing is the second one read; one of them must be there."""
    read = trade_rows(id="n", or_id="id", price="p", size="q", time="t")
    row = {"p": 1.5, "q": 2, "t": 1795342500123}
    either = [row | {"n": 7, "id": 1.5e26}, row | {"id": 10003317158754670853281}, row | {"id": "abc"}]
    assert [trade.trade_id for trade in read(msgspec.json.encode(either))] == ["7", "10003317158754670853281", "abc"]
    for damaged in (row, row | {"id": None}, row | {"id": 1.5}, row | {"n": None, "id": 7}):
        with pytest.raises(ValueError, match=r"."):
            read(msgspec.json.encode(damaged))


def test_assets_in_lower_case_are_turned() -> None:
    """The symbol stays as the venue writes it."""
    read = market_rows(symbol="s", base="b", quote="q", upper=True)
    assert read(b'[{"s": "btcusdt", "b": "btc", "q": "usdt"}]') == [("btcusdt", "BTC", "USDT", True)]


def test_markets_of_a_list_and_of_an_object() -> None:
    """Rows are found where the answer has them."""
    read = market_rows(at="result.list", symbol="id", base="b", quote="q", state="up", trading=[True])
    rows = [{"id": "A-B", "b": "A", "q": "B", "up": True}, {"id": "C-D", "b": "C", "q": "D", "up": False}]
    wanted = [("A-B", "A", "B", True), ("C-D", "C", "D", False)]
    assert read(msgspec.json.encode({"result": {"list": rows}})) == wanted
    assert read(msgspec.json.encode({"result": {"list": {"1": rows[0], "2": rows[1]}}})) == wanted
    with pytest.raises(ValueError, match="expected result.list, was an object of"):
        read(b'{"result": {}}')


def test_inside_says_where_it_looked() -> None:
    """No key, no value."""
    assert bytes(inside(b'{"a": {"b": 1}}', "a.b")) == b"1"
    assert inside(b"[1]", "") == b"[1]"
    with pytest.raises(ValueError, match="expected a.c, was an object of"):
        inside(b'{"a": {"b": 1}}', "a.c")


def test_refusals() -> None:
    """A code that is fine or absent is none; too many requests ask for a pause."""
    refused = refusals(code="code", fine=["0"], reason="msg", busy=["9"], wait=3.0)
    assert refused(b'{"code": "0"}') is None
    assert refused(b'{"data": []}') is None
    assert refused(b"[1]") is None
    assert refused(b'{"code": "5", "msg": "no"}', "X") == Rejected("X", "no")
    assert refused(b'{"code": "5"}', "X") == Rejected("X", "code 5")
    assert refused(b'{"code": "9", "msg": "slow"}', "X") == RateLimit(3.0, "slow")


class Toy(PolledTrades):
    """A venue asked over HTTP."""

    type = "toy"
    url = "https://api.toy.example"
    path = "/trades?s={symbol}"
    at = "data"
    rows = trade_rows(id="i", price="p", size="v", side="S", time="T")
    refused = refusals(code="code", fine=[0], reason="msg")
    markets_url = "https://api.toy.example/markets?kind=spot"
    markets = market_rows(symbol="id", base="b", quote="q")
    aliases = {"BTC": "XBT"}


def answer(*rows: object, **more: object) -> bytes:
    """Return an answer beside its symbol."""
    return msgspec.json.encode({"symbol": "BTC-USD", "answer": {"data": rows, **more}})


def test_polled_trades_come_oldest_first() -> None:
    """Whichever way round the venue has them."""
    old, new = ({"i": n, "p": n, "v": 1, "S": "sell", "T": MS + n} for n in (1, 2))
    for rows in ((old, new), (new, old)):
        assert [trade.trade_id for trade in Toy().read(answer(*rows))] == ["1", "2"]  # type: ignore[union-attr]
    assert Toy().read(answer()) == ()


def test_tops_may_be_polled_where_trades_have_no_number() -> None:
    """The oldest first, too."""

    class Tops(Toy):
        rows = quote_rows(bid="b", ask="a", time="T")

    rows = [{"b": n, "a": n + 1, "T": MS + n} for n in (2, 1)]
    assert Tops().read(answer(*rows)) == (
        Quote("BTC-USD", 1.0, 2.0, ts_event=(MS + 1) * 1_000_000),
        Quote("BTC-USD", 2.0, 3.0, ts_event=(MS + 2) * 1_000_000),
    )


def test_polled_trades_of_one_moment_come_by_their_numbers() -> None:
    """Their times do not tell which way round they are."""
    old, new = ({"i": n, "p": n, "v": 1, "S": "sell", "T": MS} for n in (9, 10))
    for rows in ((old, new), (new, old)):
        assert [trade.trade_id for trade in Toy().read(answer(*rows))] == ["9", "10"]  # type: ignore[union-attr]


def test_polled_refusal_is_of_the_symbol() -> None:
    """What failed is told, not read."""
    assert Toy().read(answer(code=4, msg="unknown")) == (Rejected("BTC-USD", "unknown"),)
    with pytest.raises(FrameError, match="expected data"):
        Toy().read(b'{"symbol": "BTC-USD", "answer": {}}')


def test_listings_are_asked_for_where_the_plugin_says() -> None:
    """Under our names of the assets, at the host of the option `url` where there is one."""
    toy = Toy()
    assert toy.lists
    assert toy.listed(b'[{"id": "XBT-USD", "b": "XBT", "q": "USD"}]') == [Listing("XBT-USD", Pair("BTC", "USD"))]


def test_source_that_says_nowhere_how_to_subscribe_is_told_so() -> None:
    """One of two methods is enough."""

    class Mute(WebSocketSource):
        type = "mute"
        url = "wss://mute.example"
        parse = lambda self, frame: ()  # noqa: E731

    with pytest.raises(NotImplementedError, match="Mute does not say how to subscribe: define messages, or subscribe"):
        Mute().subscribe(["X"])
    assert Mute().unsubscribe(["X"]) == ()


@pytest.mark.parametrize(
    ("time", "unit"),
    [
        ("1795342500.123", "s"),
        (1795342500.123, "s"),
        ("1795342500123", "ms"),
        (1795342500123000, "us"),
        (1795342500123000000, "ns"),
        ("2026-11-22T10:15:00.123Z", "iso"),
    ],
)
def test_time_is_read_in_its_unit_alone(time: object, unit: Unit) -> None:
    """One instant, however a venue writes it; in any other unit it is refused."""
    assert ns_from(time, unit) == 1795342500123000000
    others: tuple[Unit, ...] = ("s", "ms", "us", "ns", "iso")
    for other in others:
        if other != unit:
            with pytest.raises(ValueError, match=r"Expected|expected|Invalid"):
                ns_from(time, other)
