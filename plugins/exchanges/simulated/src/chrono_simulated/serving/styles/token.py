"""A handshake over HTTP that hands out address, token and rhythm, in the style of KuCoin.

Page https://www.kucoin.com/docs-new/websocket-api/base-info/introduction (apply for a connect token, create a
connection, ping, subscribe), read 2026-11-22. A POST without a body returns where to connect; the venue welcomes who
shows the token, and leaves who does not ping within `pingInterval` and `pingTimeout` together, in milliseconds::

    {"code": "200000", "data": {"token": "…", "instanceServers": [{"endpoint": "wss://ws-api.example/endpoint",
        "encrypt": true, "protocol": "websocket", "pingInterval": 18000, "pingTimeout": 10000}]}}
    {"id": "1", "type": "welcome"}
    {"id": "2", "type": "ack"}
    {"id": "2", "type": "error", "code": 404, "data": "topic /market/match:XX-USDT is not found"}
    {"type": "message", "topic": "/market/match:BTC-USDT", "subject": "trade.l3match", "data": {"symbol": "BTC-USDT",
        "side": "buy", "price": "67123.1", "size": "0.5", "tradeId": "16", "time": "1731898619520000000"}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from chrono import (
    Ack,
    Amount,
    Endpoint,
    Heartbeat,
    Number,
    Pair,
    RateLimit,
    Rejected,
    Signal,
    Tick,
    Trade,
    WebSocketSource,
)
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.frames import SECOND, Frame, plain, say
from chrono_simulated.serving.http import Request, Response, data
from chrono_simulated.serving.session import Session
from chrono_simulated.serving.venue import Venue

_ASK = "/api/v1/bullet-public"
_TOPIC = "/market/match:"
_TOO_MANY = 509


class Server(msgspec.Struct, rename="camel"):
    """Where to connect, and how often to ping, in milliseconds."""

    endpoint: str
    encrypt: bool = False
    protocol: str = "websocket"
    ping_interval: int = 18_000
    ping_timeout: int = 10_000


class Grant(msgspec.Struct, rename="camel"):
    """What a handshake grants."""

    token: str
    instance_servers: Annotated[list[Server], msgspec.Meta(min_length=1)]


class Granted(msgspec.Struct):
    """What answers a handshake."""

    code: Literal["200000"]
    data: Grant


class Match(msgspec.Struct, rename="camel"):
    """One trade."""

    symbol: Annotated[str, msgspec.Meta(min_length=1)]
    side: Literal["buy", "sell"]
    price: Number
    size: Amount
    trade_id: str
    time: Annotated[int, msgspec.Meta(ge=10**18, lt=4 * 10**18)]


class Message(msgspec.Struct):
    """Any message; what `data` holds depends on the type."""

    type: str
    id: str = ""
    topic: str = ""
    code: int = 0
    data: Any = None


class TokenSource(WebSocketSource):
    """Every trade of a venue that wants to be asked before it is connected to."""

    type = "token"
    Frame = Message
    heartbeat = Heartbeat({"id": "beat", "type": "ping"}, 10.0)

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{pair.base}-{pair.quote}"

    async def endpoint(self, http: Any) -> Endpoint:
        """Ask for an address and a token; without one there is nothing to connect to."""
        response = await http.post(self.address.replace("ws", "http", 1) + _ASK)
        response.raise_for_status()
        grant = msgspec.json.decode(response.content, type=Granted).data
        return Endpoint(f"{grant.instance_servers[0].endpoint}?token={grant.token}&connectId=chrono")

    def subscribe(self, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for the trades of one symbol at a time, under its own name, so that each is answered by it."""
        for symbol in symbols:
            yield {"id": symbol, "type": "subscribe", "topic": f"{_TOPIC}{symbol}", "response": True}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and answers; a welcome and a pong say nothing of interest."""
        match frame.type:
            case "message":
                return (_trade(msgspec.convert(frame.data, Match, strict=False)),)
            case "ack":
                return (Ack((frame.id,)),)
            case "error" if frame.code == _TOO_MANY:
                return (RateLimit(1.0, str(frame.data)),)
            case "error":
                return (Rejected(frame.id, str(frame.data)),)
            case "welcome" | "pong":
                return ()
        raise ValueError(f"expected a message, an answer, a welcome or a pong, was type {frame.type!r}")


def _trade(row: Match) -> Trade:
    return Trade(row.symbol, row.price, row.size, row.side, row.trade_id, row.time)


class TokenVenue(Venue):
    """A venue that takes only who asked first, and shows what it was given."""

    type: ClassVar[str] = "token"
    quoted: ClassVar[tuple[str, ...]] = ("USDT",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDC/USDT",)
    ping_interval: ClassVar[float] = 18.0
    ping_timeout: ClassVar[float] = 10.0
    valid_for: ClassVar[float] = 86_400.0

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{pair.base}-{pair.quote}"

    def answer(self, exchange: Exchange, request: Request) -> Response:
        """Grant a token to whoever asks."""
        if request.method != "POST" or request.path != _ASK:
            return super().answer(exchange, request)
        interval, timeout = int(self.ping_interval * 1000), int(self.ping_timeout * 1000)
        host = request.headers.get("host", "")
        server = Server(f"ws://{host}/endpoint", ping_interval=interval, ping_timeout=timeout)
        return data(Granted("200000", Grant(self._token(exchange.clock.now()), [server])))

    def refusal(self, exchange: Exchange, request: Request) -> Response | None:
        """Refuse who shows no token, or an old one."""
        if request.path != "/endpoint":
            return Response(404, b"not found", "text/plain")
        token, now = request.query.get("token", ""), exchange.clock.now()
        issued = token.partition(".")[0]
        good = issued.isdecimal() and now - int(issued) < self.valid_for * SECOND and token == self._token(int(issued))
        return None if good else data({"code": "401", "msg": "token is invalid"}, 401)

    def _token(self, issued: int) -> str:
        return f"{issued}.{blake2b(f'{self.settings.seed}/{issued}'.encode(), digest_size=16).hexdigest()}"

    def greet(self, session: Session) -> Iterable[Frame]:
        """Welcome."""
        return [say({"id": session.request.query.get("connectId", ""), "type": "welcome"})]

    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Subscribe, unsubscribe, or answer a ping."""
        try:
            asked = msgspec.json.decode(message, type=Message)
        except msgspec.MsgspecError:
            return [say({"id": "", "type": "error", "code": 400, "data": "malformed request"})]
        if asked.type == "ping":
            session.beaten = session.exchange.clock.now()
            return [say({"id": asked.id, "type": "pong"})]
        symbols = asked.topic.removeprefix(_TOPIC).split(",")
        if not asked.topic.startswith(_TOPIC) or any(session.exchange.refuses(symbol) for symbol in symbols):
            return [say({"id": asked.id, "type": "error", "code": 404, "data": f"topic {asked.topic} is not found"})]
        for symbol in symbols:
            (session.subscribe if asked.type == "subscribe" else session.unsubscribe)("match", symbol)
        return [say({"id": asked.id, "type": "ack"})]

    def say(self, session: Session, tick: Tick) -> Iterator[Frame]:
        """Tell a trade."""
        symbol = self.symbol(Pair.parse(tick.symbol))
        if isinstance(tick, Trade) and session.has("match", symbol):
            about = {"symbol": symbol, "side": tick.side, "price": plain(tick.price), "size": plain(tick.size)}
            told = {**about, "tradeId": tick.trade_id, "time": str(tick.ts_event)}
            topic = {"topic": f"{_TOPIC}{symbol}", "subject": "trade.l3match"}
            yield say({"type": "message", **topic, "data": told})

    def beat(self, session: Session) -> Iterable[Frame]:
        """Leave who has not pinged for too long."""
        patience = (self.ping_interval + self.ping_timeout) * SECOND
        if session.exchange.clock.now() - session.beaten > patience:
            session.ended = (1000, "ping timeout")
        return ()

    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:  # noqa: ARG002 - the words are the same
        """Say that there were too many messages."""
        return [say({"id": "", "type": "error", "code": 509, "data": "exceed max subscription frequency"})]
