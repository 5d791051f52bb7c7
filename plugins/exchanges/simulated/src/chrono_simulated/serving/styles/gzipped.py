"""Compressed frames, and pings that are messages, in the style of HTX.

Page https://www.htx.com/en-us/opend/newApiPages/ (WebSocket market data: data format, heartbeat, subscription, trade
detail), read 2026-11-22. All that the venue says is JSON, gzipped, in binary frames; what it is told is plain text. It
asks every five seconds, and leaves who does not answer::

    {"ping": 1492420473027}                  answered with {"pong": 1492420473027}
    {"id": "1", "status": "ok", "subbed": "market.btcusdt.trade.detail", "ts": 1489474081631}
    {"id": "2", "status": "error", "err-code": "bad-request", "err-msg": "invalid topic market.xx.trade.detail"}
    {"ch": "market.btcusdt.trade.detail", "ts": 1489474082831, "tick": {"data": [{"tradeId": 102523573486,
        "amount": 0.0099, "ts": 1533265950234, "price": 401.74, "direction": "buy"}]}}
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from chrono import Ack, Amount, Number, Pair, RateLimit, Rejected, Reply, Signal, Tick, Trade, WebSocketSource
from chrono_simulated.serving.frames import SECOND, Frame, say
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_MILLISECOND = 1_000_000
_LARGEST = 16 * 2**20
_GZIP, _RAW_DEFLATE = 31, -15


Topic = Annotated[str, msgspec.Meta(pattern=r"^market\.[^.]+\.")]


class Detail(msgspec.Struct):
    """One trade."""

    tradeId: int  # noqa: N815 - the wire's own words
    amount: Amount
    ts: int
    price: Number
    direction: Literal["buy", "sell"]


class Details(msgspec.Struct):
    """The trades of one message."""

    data: list[Detail]


class Message(msgspec.Struct, rename={"code": "err-code", "reason": "err-msg"}):
    """Any message."""

    ping: int | None = None
    status: str = ""
    subbed: str = ""
    code: str = ""
    reason: str = ""
    ch: Topic = ""
    tick: Details | None = None


class GzippedSource(WebSocketSource):
    """Every trade of a venue that compresses: the bytes are opened in `decode`, before anything is parsed."""

    type = "gzipped"
    Frame = Message
    window_bits: ClassVar[int] = _GZIP

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{pair.base}{pair.quote}".lower()

    def subscribe(self, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for the trades of one symbol at a time."""
        for number, symbol in enumerate(symbols, 1):
            yield {"sub": f"market.{symbol}.trade.detail", "id": str(number)}

    def decode(self, data: bytes) -> Message:
        """Open a frame, up to a size that no honest one has, and decode what was in it."""
        message = zlib.decompressobj(self.window_bits).decompress(data, _LARGEST)
        return super().decode(message)  # type: ignore[no-any-return]

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Answer a ping, read an answer, or read trades."""
        if frame.ping is not None:
            return (Reply({"pong": frame.ping}),)
        if frame.tick is not None:
            return [_trade(frame.ch.split(".")[1], row) for row in frame.tick.data]
        if frame.status == "ok" and frame.subbed:
            return (Ack((frame.subbed.split(".")[1],)),)
        if frame.code == "too-many-requests":
            return (RateLimit(1.0, frame.reason),)
        if frame.status == "error":
            return (Rejected(frame.reason.partition("market.")[2].partition(".")[0], frame.reason),)
        raise ValueError("expected a ping, an answer or trades")


def _trade(symbol: str, row: Detail) -> Trade:
    return Trade(symbol, row.price, row.amount, row.direction, str(row.tradeId), row.ts * _MILLISECOND)


class DeflatedSource(GzippedSource):
    """The same of a venue whose frames are bare deflate, without a header, as OKX once sent them."""

    type = "deflated"
    window_bits = _RAW_DEFLATE


class GzipVenue(Venue):
    """A venue that compresses every message, with gzip, or with bare deflate where its `window_bits` say so."""

    type: ClassVar[str] = "gzip"
    path: ClassVar[str] = "/ws"
    quoted: ClassVar[tuple[str, ...]] = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)
    window_bits: ClassVar[int] = _GZIP
    beat_every: ClassVar[float] = 5.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one small word."""
        return f"{pair.base}{pair.quote}".lower()

    def pack(self, frame: Frame) -> Frame:
        """Compress a message."""
        packer = zlib.compressobj(wbits=self.window_bits)
        return Frame(packer.compress(frame.payload) + packer.flush(), binary=True)

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or take the answer to a ping."""
        try:
            asked = msgspec.json.decode(message, type=dict[str, Any])
        except msgspec.MsgspecError:
            return [self._error(session, None, "malformed request")]
        if "pong" in asked:
            session.options["", "asked"] = 0
            return ()
        topic = str(asked.get("sub") or asked.get("unsub") or "")
        _, symbol, what = (*topic.split(".", 2), "", "", "")[:3]
        if what != "trade.detail" or session.exchange.refuses(symbol):
            return [self._error(session, asked.get("id"), f"invalid topic {topic}")]
        change, word = (session.subscribe, "subbed") if "sub" in asked else (session.unsubscribe, "unsubbed")
        change("trade", symbol)
        return [say({"id": asked.get("id"), "status": "ok", word: topic, "ts": self._now(session)})]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("trade", symbol):
            ts = (tick.ts_event or 0) // _MILLISECOND
            row = Detail(int(tick.trade_id or 0), tick.size, ts, tick.price, tick.side or "buy")
            yield say({"ch": f"market.{symbol}.trade.detail", "ts": ts, "tick": {"id": ts, "ts": ts, "data": [row]}})

    def beat(self, session: Session) -> Iterator[Frame]:
        """Ask for a sign of life, and leave who gave none twice."""
        now = session.exchange.clock.now()
        if now - session.beaten < self.beat_every * SECOND:
            return
        session.beaten = now
        unanswered = session.options.get(("", "asked"), 0)
        session.options["", "asked"] = unanswered + 1
        if unanswered >= 2:
            session.ended = (1003, "no pong")
        yield say({"ping": self._now(session)})

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [self._error(session, None, "request too frequent", "too-many-requests")]

    def _error(self, session: Session, number: Any, reason: str, code: str = "bad-request") -> Frame:
        told = {"id": number, "status": "error", "err-code": code, "err-msg": reason}
        return say({**told, "ts": self._now(session)})

    def _now(self, session: Session) -> int:
        return session.exchange.now() // _MILLISECOND


class DeflateVenue(GzipVenue):
    """The same with bare deflate."""

    type: ClassVar[str] = "deflate"
    window_bits = _RAW_DEFLATE
