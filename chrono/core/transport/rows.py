"""Rows of objects read by naming their keys: most venues differ in no more than what they call a price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any, Literal, TypeAlias, Union

import msgspec

from chrono.core.transport.wire import (
    Amount,
    Level,
    Microseconds,
    Milliseconds,
    Nanoseconds,
    Number,
    Serial,
    Text,
    ns_from_iso,
    quotes,
    side,
)
from chrono.core.types import PRICE_LIMIT, Quote, Trade

Unit: TypeAlias = Literal["s", "ms", "us", "ns", "iso", "decimal_ms"]
"""How a venue writes a time: a count since 1970, of `s` and `decimal_ms` with decimals, or RFC 3339 in UTC."""

Side: TypeAlias = Literal["buy", "sell"]

_FIRST, _LAST = 10**18, 9 * 10**18
_SIGNED = Annotated[float, msgspec.Meta(gt=-PRICE_LIMIT, lt=PRICE_LIMIT)]
_TIMES: dict[Unit, Any] = {
    "s": Decimal,
    "ms": Milliseconds,
    "us": Microseconds,
    "ns": Nanoseconds,
    "iso": str,
    "decimal_ms": Decimal,
}
_FACTORS = {"s": 1_000_000_000, "ms": 1_000_000, "decimal_ms": 1_000_000, "us": 1_000, "ns": 1}


class trade_rows:  # noqa: N801 - used as a function
    """Reads rows of trades, in their order.

    Parameters
    ----------
    price, size : str
        The keys of the price and of the size in base units.
    time : str
        The key of the time.
    unit : {"s", "ms", "us", "ns", "iso", "decimal_ms"}
        How the time is written; a time in another unit is damage.
    side : str or None
        The key of what the taker did; None where it is not told.
    sides : mapping or None
        What the venue says for `buy` and `sell`, where it is not these words in any case: `{1: "buy", 2: "sell"}`. What
        tells the side of the maker is turned round here.
    id : str or None
        The key of the number or word by which a trade is known again; None where there is none.
    or_id : str or None
        The key of that in rows without `id`; None where it is in all of them.
    symbol : str or None
        The key of the symbol; None where rows do not tell, and whoever reads them does.
    order : sequence of str
        Of rows that are arrays, what their elements are called here, in their order; more may follow.
    signed : bool
        Whether a size below 0 says that the taker sold, in place of a side.
    newest_first : bool
        Whether the venue has the newest trade first; they are turned round.
    within : str or None
        The key of the trades of a row, where each row stands for several; None where a row is a trade.

    Examples
    --------
    >>> read = trade_rows(symbol="s", id="i", price="p", size="v", side="S", time="T", unit="ms")
    >>> read(b'[{"s": "BTCUSDT", "i": "7", "p": "16578.50", "v": "0.001", "S": "Buy", "T": 1672304486865}]')
    [Trade(symbol='BTCUSDT', price=16578.5, size=0.001, side='buy', trade_id='7', ts_event=1672304486865000000)]
    """

    def __init__(
        self,
        *,
        price: str,
        size: str,
        time: str,
        unit: Unit = "ms",
        side: str | None = None,
        sides: Mapping[Any, Side] | None = None,
        id: str | None = None,
        symbol: str | None = None,
        order: Sequence[str] = (),
        signed: bool = False,
        newest_first: bool = False,
        or_id: str | None = None,
        within: str | None = None,
    ) -> None:
        keys = {"symbol": symbol, "price": price, "size": size, "side": side, "id": id, "time": time, "or_id": or_id}
        said: Any = str if sides is None else Union[tuple({*map(type, sides)})]  # noqa: UP007 - of as many as there are
        types = {"symbol": Text, "price": Number, "side": said, "id": Text | Serial, "time": _TIMES[unit]}
        types["size"] = _SIGNED if signed else Amount
        if or_id is not None:
            types |= {"id": Text | Serial | msgspec.UnsetType, "or_id": msgspec.Raw | msgspec.UnsetType}
        self._decode, fields = _decoder("Trade", keys, types, order=order, within=within)
        self._within = within is not None
        self._sides, self._unit, self._signed = sides, unit, signed
        self._step = -1 if newest_first else 1
        self._symbol = attrgetter("symbol") if symbol is not None else None
        self._side, self._id = "side" in fields, "id" in fields

    def __call__(self, data: bytes | msgspec.Raw, symbol: str = "") -> list[Trade]:
        """Return the trades of rows, or of one row by itself where rows are objects.

        Raises
        ------
        ValueError
            If a row is not as documented: `msgspec.ValidationError` where a key or a type is wrong.
        """
        found = self._decode(data)
        rows = found[:: self._step] if isinstance(found, list) else (found,)
        if self._within:
            rows = [row for group in rows for row in group.rows[:: self._step]]
        return [self._trade(row, symbol) for row in rows]

    def _trade(self, row: Any, symbol: str) -> Trade:
        return Trade(
            symbol if self._symbol is None else row.symbol,
            row.price,
            abs(row.size),
            self._taker(row.side) if self._side else _by_sign(row.size) if self._signed else "",
            _known_by(row) if self._id else "",
            _nanoseconds(row.time, self._unit),
        )

    def _taker(self, said: Any) -> Side:
        if self._sides is None:
            return side(said)
        try:
            return self._sides[said]
        except KeyError:
            raise ValueError(f"expected a side of {sorted(map(str, self._sides))}, was {said!r}") from None


def _known_by(row: Any) -> str:
    # rows whose number is under another key are the rare ones
    if row.id is msgspec.UNSET:
        return str(msgspec.json.decode(row.or_id or b"", type=Text | Serial))
    return str(row.id)


def _by_sign(size: float) -> Side:
    if not size:
        raise ValueError("expected a size above or below 0, was 0")
    return "buy" if size > 0 else "sell"


class quote_rows:  # noqa: N801 - used as a function
    """Reads rows of the top of books, in their order; a row with an empty side is none.

    Parameters
    ----------
    bid, ask : str
        The keys of the best prices.
    bid_size, ask_size : str or None
        The keys of the sizes there.
    time : str or None
        The key of the time; None where rows have none.
    unit : {"s", "ms", "us", "ns", "iso", "decimal_ms"}
        How the time is written.
    symbol : str or None
        The key of the symbol; None where rows do not tell.
    levels : bool
        Whether `bid` and `ask` are the keys of levels `[price, size, …]`, the best first; one of size 0 is gone.
    level : bool
        Whether they are the keys of one level `[price, size]` each, empty where a side is.
    order : sequence of str
        Of rows that are arrays, what their elements are called here, in their order; more may follow.

    Examples
    --------
    >>> read = quote_rows(symbol="s", bid="b", ask="a", bid_size="B", ask_size="A")
    >>> read(b'{"s": "BNBUSDT", "b": "25.35", "B": "31.21", "a": "25.36", "A": "40.66"}')
    [Quote(symbol='BNBUSDT', bid=25.35, ask=25.36, bid_size=31.21, ask_size=40.66, ts_event=None)]
    >>> quote_rows(bid="b", ask="a", levels=True)(b'{"b": [["25.35", "31.21"]], "a": [["25.36", "40.66"]]}', "BNBUSDT")
    [Quote(symbol='BNBUSDT', bid=25.35, ask=25.36, bid_size=31.21, ask_size=40.66, ts_event=None)]
    """

    def __init__(
        self,
        *,
        bid: str,
        ask: str,
        bid_size: str | None = None,
        ask_size: str | None = None,
        time: str | None = None,
        unit: Unit = "ms",
        symbol: str | None = None,
        levels: bool = False,
        order: Sequence[str] = (),
        level: bool = False,
    ) -> None:
        keys = {"symbol": symbol, "bid": bid, "ask": ask, "bid_size": bid_size, "ask_size": ask_size, "time": time}
        types = {"symbol": Text, "time": _TIMES[unit]}
        side: Any = list[list[Level]] if levels else list[Level] if level else Level
        self._decode, fields = _decoder("Top", keys, types, otherwise=side, order=order)
        self._unit, self._levels, self._level = unit, levels, level
        self._symbol, self._time, self._sizes = "symbol" in fields, "time" in fields, "bid_size" in fields

    def __call__(self, data: bytes | msgspec.Raw, symbol: str = "", ts: int | None = None) -> list[Quote]:
        """Return the quotes of rows, or of one row by itself; `ts`, in nanoseconds, where rows have no time.

        Raises
        ------
        ValueError
            If a row is not as documented.
        """
        rows = self._decode(data)
        return [
            quote for row in (rows if isinstance(rows, list) else (rows,)) for quote in self._quote(row, symbol, ts)
        ]

    def _quote(self, row: Any, symbol: str, ts: int | None) -> tuple[Quote, ...]:
        below, above = (row.bid_size, row.ask_size) if self._sizes else (None, None)
        bid, ask = row.bid, row.ask
        if self._levels:
            (bid, below), (ask, above) = _best(bid), _best(ask)
        elif self._level:
            (bid, below), (ask, above) = (side or (None, None) for side in (bid, ask))
        time = _nanoseconds(row.time, self._unit) if self._time else ts
        return quotes(row.symbol if self._symbol else symbol, bid, ask, below, above, time)


def _best(levels: Sequence[Sequence[Level]]) -> tuple[Level, Level]:
    """Return the price and the size of the first level that is there."""
    for price, size, *_ in levels:
        if float(size or 0):
            return price, size
    return None, None


def row_struct(
    name: str,
    keys: Mapping[str, str | None],
    types: Mapping[str, Any],
    otherwise: Any = Any,
    order: Sequence[str] = (),
) -> tuple[Any, frozenset[str]]:
    """Return a struct that reads some of our names from their keys or, of arrays, their places, and these names."""
    stated = {ours: theirs for ours, theirs in keys.items() if theirs is not None}
    fields = {ours: types.get(ours, otherwise) for ours in stated}
    if order:
        named = {theirs: ours for ours, theirs in stated.items()}
        places = [named.get(word, f"other_{place}") for place, word in enumerate(order)]
        fields = {ours: fields.get(ours, Any) for ours in places}
    rename = None if order else stated
    # of two keys that may tell one thing, either may be missing
    either = {"id", "or_id"} if "or_id" in fields else set()
    typed = [(ours, kind, msgspec.UNSET) if ours in either else (ours, kind) for ours, kind in fields.items()]
    typed.sort(key=len)
    struct = msgspec.defstruct(name, typed, rename=rename, array_like=bool(order), gc=False)
    return struct, frozenset(stated)


def _decoder(
    name: str,
    keys: Mapping[str, str | None],
    types: Mapping[str, Any],
    otherwise: Any = Any,
    order: Sequence[str] = (),
    within: str | None = None,
) -> tuple[Callable[[bytes | msgspec.Raw], Any], frozenset[str]]:
    """Return what decodes one row or several, of arrays several alone, and our names of what it reads."""
    row, fields = row_struct(name, keys, types, otherwise, order)
    if within is not None:
        row, _ = row_struct("Group", {"rows": within}, {"rows": GenericAlias(list, (row,))})
    several: Any = GenericAlias(list, (row,))
    return msgspec.json.Decoder(several if order else several | row, strict=False).decode, fields


def ns_from(time: object, unit: Unit) -> int:
    """Return a time as a venue writes it, number or text, as nanoseconds since the Unix epoch.

    Raises
    ------
    ValueError
        If it is not written in this unit.

    Examples
    --------
    >>> ns_from("1795342500.123456", "s"), ns_from(1795342500123, "ms")
    (1795342500123456000, 1795342500123000000)
    """
    return _nanoseconds(msgspec.convert(time, _TIMES[unit], strict=False), unit)


def _nanoseconds(time: Any, unit: Unit) -> int:
    found = ns_from_iso(time) if unit == "iso" else int(time * _FACTORS[unit])
    if not _FIRST <= found < _LAST:
        raise ValueError(f"expected a time between 2001 and 2255, was {time}")
    return found
