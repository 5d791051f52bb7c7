"""Binary frames of protocol buffers beside answers in JSON, in the style of MEXC.

Page https://protobuf.dev/programming-guides/encoding/ (base 128 varints, message structure, length-delimited records),
read 2026-11-22. The message is read field by field: a venue with a dozen of them is better read with the code that its
`.proto` files generate. What is sent here is::

    message Print {
      string symbol = 1;  double price = 2;  double size = 3;  bool sell = 4;  uint64 trade_id = 5;  uint64 time_ms = 6;
    }

and, as text, `{"id": 1, "code": 0, "msg": "trades@BTCUSDT"}`, with another code and the reason where it is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from chrono import Ack, Pair, RateLimit, Rejected, Signal, Tick, Trade, WebSocketSource, protobuf_fields
from chrono_simulated.serving.frames import Frame, say
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_MILLISECOND = 1_000_000
_VARINT, _FIXED64, _BYTES = 0, 1, 2
_LIMIT = 1e15
_TOO_MANY = 429

Field: TypeAlias = int | float | bytes


def write_fields(fields: Iterable[tuple[int, Field]]) -> bytes:
    """Return fields as a message: whole numbers as varints, floats as doubles, bytes with their length.

    Examples
    --------
    >>> write_fields([(1, b"testing"), (2, 150)]).hex(" ")
    '0a 07 74 65 73 74 69 6e 67 10 96 01'
    """
    return b"".join(_write(number, value) for number, value in fields)


def _write(number: int, value: Field) -> bytes:
    if isinstance(value, bytes):
        return _varint(number << 3 | _BYTES) + _varint(len(value)) + value
    if isinstance(value, float):
        return _varint(number << 3 | _FIXED64) + struct.pack("<d", value)
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def read_fields(data: bytes) -> dict[int, Field]:
    """Return the fields of a message by their number, the last where one comes twice.

    Raises
    ------
    ValueError
        If it ends in the middle, or holds a kind of field that is not written here.

    Examples
    --------
    >>> read_fields(bytes.fromhex("0a 07 74 65 73 74 69 6e 67 10 96 01"))
    {1: b'testing', 2: 150}
    """
    return dict(protobuf_fields(data))


class Asked(msgspec.Struct):
    """A request in JSON."""

    method: str
    id: int = 0
    params: list[str] = []


class Answer(msgspec.Struct):
    """An answer in JSON."""

    id: int
    code: int
    msg: str


class ProtobufSource(WebSocketSource):
    """Every trade of a venue that sends protocol buffers: `decode` tells them from text and reads both."""

    type = "protobuf"
    Frame = Answer

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}"

    def subscribe(self, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for the trades of one symbol at a time, so that each is answered by its name."""
        for number, symbol in enumerate(symbols, 1):
            yield {"id": number, "method": "SUBSCRIBE", "params": [f"trades@{symbol}"]}

    def decode(self, data: bytes) -> Answer | dict[int, Field]:
        """Read text as JSON, and bytes as protocol buffers."""
        return super().decode(data) if data.startswith(b"{") else read_fields(data)

    def parse(self, frame: Answer | dict[int, Field]) -> Iterable[Tick | Signal]:
        """Read a print, or the answer to a request."""
        if isinstance(frame, dict):
            return (_print(frame),)
        if frame.code == _TOO_MANY:
            return (RateLimit(1.0, frame.msg),)
        symbol = frame.msg.rpartition("@")[2]
        return (Ack((symbol,)),) if frame.code == 0 else (Rejected(symbol, frame.msg),)


def _print(fields: dict[int, Field]) -> Trade:
    # a field that holds nothing is not sent, so only what may be nothing has a default
    match [fields.get(number, 0) for number in range(1, 7)]:
        case [bytes(symbol), float(price), float() | 0 as size, int(sell), int(number), int(time)]:
            if 0 < price < _LIMIT and 0 <= size < _LIMIT and symbol and time and number:
                ts = time * _MILLISECOND
                return Trade(symbol.decode(), price, float(size), "sell" if sell else "buy", str(number), ts)
    raise ValueError("expected a print with symbol, price, size, trade_id and time_ms")


class ProtobufVenue(Venue):
    """A venue that tells prices in protocol buffers, and answers in JSON."""

    type: ClassVar[str] = "protobuf"
    path: ClassVar[str] = "/ws"
    quoted: ClassVar[tuple[str, ...]] = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}"

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Asked)
        except msgspec.MsgspecError:
            return [say(Answer(0, 1, "malformed request"))]
        if asked.method == "PING":
            return [say(Answer(asked.id, 0, "PONG"))]
        return [say(self._change(session, asked, topic)) for topic in asked.params]

    def _change(self, session: Session, asked: Asked, topic: str) -> Answer:
        channel, _, symbol = topic.partition("@")
        if channel != "trades" or session.exchange.refuses(symbol):
            return Answer(asked.id, 1, f"not subscribed: {topic}")
        (session.subscribe if asked.method == "SUBSCRIBE" else session.unsubscribe)("trades", symbol)
        return Answer(asked.id, 0, topic)

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trades", symbol):
            time, number = (tick.ts_event or 0) // _MILLISECOND, int(tick.trade_id or 0)
            values = (symbol.encode(), tick.price, tick.size, int(tick.side == "sell"), number, time)
            yield Frame(write_fields(enumerate(values, 1)), binary=True)

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [say(Answer(0, _TOO_MANY, "too many requests"))]
