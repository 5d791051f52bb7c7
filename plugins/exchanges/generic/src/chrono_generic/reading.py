"""What the user's expressions find in a frame, read as strictly as a plugin of a venue would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, Field, field_validator

from chrono import Pair, Source, Ticker, Trade
from chrono.venue import Amount, Number, Serial, Text, ns_from, side
from chrono_generic.templates import mentions

T = TypeVar("T")

_CLIP = 80
Side: TypeAlias = Literal["buy", "sell", ""]

_EMPTY: tuple[Any, ...] = (None, False, "", [], {})


def _compiled(text: str) -> str:
    try:
        _search(text)
    except JMESPathError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"expected a JMESPath expression, was {text!r}: {reason}") from None
    return text


def _search(text: str) -> tuple[Callable[[Any], Any], bool]:
    """Return what searches for an expression, and whether it does so in the whole frame."""
    inner = text.removeprefix("$")
    return jmespath.compile(inner.removeprefix(".") or "@").search, inner != text


Expression = Annotated[str, AfterValidator(_compiled)]


class Reading(Source.Config):
    """How the venue writes its pairs, and where in a row things are, as JMESPath expressions.

    One that begins with $ looks in the whole frame: $.market.
    """

    pair: str = "{BASE}-{QUOTE}"
    """How the venue writes a pair; {base} and {quote} in small letters."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """What the venue calls an asset, by our name, where it differs: {BTC: XBT}."""
    rows: Expression = ""
    """Where in a frame the trades are, each with the fields below; the frame itself, or its items, when empty."""
    price: Expression
    """The price."""
    size: Expression = ""
    """The size in base units; without it, prices are last prices and no trades."""
    symbol: Expression = ""
    """The venue's word for the pair."""
    time: Expression = ""
    """The venue's time; that of the receipt when empty."""
    unit: Literal["s", "ms", "us", "ns", "iso"] = "ms"
    """How the time is written: a count since 1970 of this unit, or 2026-11-22T10:15:00Z as iso."""
    side: Expression = ""
    """What the taker did: buy or sell in any letters, or words of `sides`."""
    sides: dict[str, Literal["buy", "sell"]] = Field(default_factory=dict)
    """What the taker did, by the venue's word: {"1": buy, "2": sell}; turned round where the word is the maker's."""
    id: Expression = ""
    """What tells a trade from all others of its pair, on every connection, so that none counts twice."""
    reject: Expression = ""
    """What finds the reason in a refusal."""

    @field_validator("pair")
    @classmethod
    def _both_assets(cls, pair: str) -> str:
        if not all(mentions(pair, name) or mentions(pair, name.upper()) for name in ("base", "quote")):
            raise ValueError(f"expected a pair like {{BASE}}-{{QUOTE}} or {{base}}{{quote}}, was {pair!r}")
        return pair

    def word(self, pair: Pair) -> str:
        """Return what the venue calls a pair."""
        base, quote = (self.aliases.get(asset, asset) for asset in (pair.base, pair.quote))
        holes = {"BASE": base, "QUOTE": quote, "base": base.lower(), "quote": quote.lower()}
        return self.pair.format_map(holes)


class Finder:
    """One expression at work.

    Parameters
    ----------
    name : str
        The option that states it.
    text : str
        The expression; an empty one finds nothing. One that begins with $ is of the whole frame.
    """

    def __init__(self, name: str, text: str) -> None:
        self.stated = bool(text)
        self._name, self.text = name, text
        self._search, self._whole = _search(text)

    def __call__(self, row: Any, frame: Any = None) -> Any:
        """Return what is found in a row, or in its frame; None for nothing."""
        try:
            return self._search(frame if self._whole and frame is not None else row) if self.stated else None
        except JMESPathError as error:
            raise ValueError(f"{self._name} `{self.text}`: {error}") from error

    def some(self, frame: Any) -> Any:
        """Return what is found unless it is false or empty, and then None."""
        found = self(frame)
        return None if found in _EMPTY else found

    def value(self, read: Callable[[Any], T], wanted: str, row: Any, frame: Any) -> T:
        """Return what is found, as it is read.

        Raises
        ------
        ValueError
            If that cannot be; the message names the expression.
        """
        found = self(row, frame)
        try:
            return read(found)
        except (ValueError, ArithmeticError):
            raise ValueError(f"{self._name} `{self.text}`: expected {wanted}, was {_shown(found)}") from None


class Reader:
    """Reads trades, or last prices where no size is stated.

    Parameters
    ----------
    options : Reading
        Where things are.
    whole : bool
        Whether a frame can be nothing but rows, as the answer to a question; a stream says other things, too, and what
        has neither price nor size is none of them.
    """

    def __init__(self, options: Reading, *, whole: bool = False) -> None:
        self._whole, self._unit, self._sides = whole, options.unit, options.sides
        self._rows = Finder("rows", options.rows)
        self._price, self._size = Finder("price", options.price), Finder("size", options.size)
        self._time, self._side, self._id = (Finder(name, getattr(options, name)) for name in ("time", "side", "id"))
        self.symbol = Finder("symbol", options.symbol)
        self.reject = Finder("reject", options.reject)

    def ticks(self, frame: Any, symbol: str = "") -> Iterator[Trade | Ticker]:
        """Yield what the rows of a frame say, in their order.

        Raises
        ------
        ValueError
            If a row has a price or a size and is not as stated; the message names the expression.
        """
        for row in self._found(frame):
            if self._whole or self._price(row, frame) is not None or self._size(row, frame) is not None:
                yield self._tick(row, frame, symbol)

    def _found(self, frame: Any) -> list[Any]:
        if not self._rows.stated:
            return frame if isinstance(frame, list) else [frame]
        found = self._rows(frame)
        if found is None and not self._whole:
            return []
        rows = found if isinstance(found, list) else [found]
        for row in rows:
            if not isinstance(row, list | dict):
                raise ValueError(f"rows `{self._rows.text}`: expected objects or arrays, was {_shown(row)}")
        return rows

    def _tick(self, row: Any, frame: Any, symbol: str) -> Trade | Ticker:
        price = self._price.value(_number, "a number above 0", row, frame)
        if self.symbol.stated:
            symbol = self.symbol.value(_word, "a word", row, frame)
        time = self._time.value(self._ns, f"a time in {self._unit}", row, frame) if self._time.stated else None
        if not self._size.stated:
            return Ticker(symbol, price, ts_event=time)
        size = self._size.value(_amount, "a number not below 0", row, frame)
        taker: Side = self._side.value(self._taker, self._wanted, row, frame) if self._side.stated else ""
        if self._id.stated:
            number = self._id.value(_word, "a word or a number", row, frame)
        else:
            # answers overlap: what is the same in all that is known of it is the same trade
            number = f"{time}:{price!r}:{size!r}:{taker}" if self._whole else ""
        return Trade(symbol, price, size, taker, number, time)

    def _ns(self, found: Any) -> int:
        return ns_from(found, self._unit)

    @property
    def _wanted(self) -> str:
        return " or ".join(self._sides or ("buy", "sell"))

    def _taker(self, found: Any) -> Side:
        word = found if isinstance(found, str) else msgspec.json.encode(found).decode()
        if not self._sides:
            return side(word)
        if word not in self._sides:
            raise ValueError(word)
        return self._sides[word]


def _number(found: Any) -> float:
    return msgspec.convert(found, Number, strict=False)


def _amount(found: Any) -> float:
    return msgspec.convert(found, Amount, strict=False)


def _word(found: Any) -> str:
    return str(msgspec.convert(found, Text | Serial, strict=False))


def _shown(found: Any) -> str:
    text = msgspec.json.encode(found).decode()
    return text if len(text) <= _CLIP else text[:_CLIP] + "…"
