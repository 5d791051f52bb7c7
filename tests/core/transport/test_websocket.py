"""Streaming sources against a local server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, ClassVar

import anyio
import pytest
from pydantic import SecretStr, ValidationError
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from chrono.core.component import Context, Secret, Status
from chrono.core.errors import PermanentError
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.websocket import Endpoint, Heartbeat, WebSocketSource
from chrono.core.types import Ack, Market, Pair, RateLimit, Reconnect, Rejected, Reply, Signal, Tick, Trade

pytestmark = pytest.mark.anyio

BTC, ETH, SOL = (Market("toy", Pair(base, "USD"), "toy", base) for base in ("BTC", "ETH", "SOL"))


class Steady:
    """Chance that always takes the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Toy(WebSocketSource):
    """A venue whose frames are one JSON object each."""

    type = "toy"
    Frame = dict[str, Any]
    healthy_after: ClassVar[float] = 3_600.0

    def backoff(self) -> Backoff:
        return Backoff(chance=Steady())

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield {"subscribe": list(symbols)}

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        match frame:
            case {"before": signal, "then": ticks}:
                yield from self.parse(signal)
                yield from self.parse(ticks)
            case {"trades": prices}:
                yield from (Trade("BTC", price, 1.0) for price in prices)
            case {"ack": symbols}:
                yield Ack(tuple(symbols))
            case {"rejected": symbol}:
                yield Rejected(symbol, "not listed")
            case {"ping": number}:
                yield Reply({"pong": number})
            case {"reconnect": reason}:
                yield Reconnect(reason)
            case {"limit": seconds}:
                yield RateLimit(seconds, "slow down")


Script = Callable[[ServerConnection, "Venue"], Awaitable[None]]


class Venue:
    """A local server that keeps what it was sent and runs `script` on each connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sent: list[Any] = []
        self.paths: list[str] = []
        self.opened = 0
        self.closed: list[int | None] = []
        self.url = ""

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        try:
            self.sent.append(json.loads(await socket.recv()))
            self.opened += 1
            await self.script(socket, self)
        except ConnectionClosed:
            pass
        finally:
            await socket.close()
            self.closed.append(socket.close_code)

    def listen(self, server: Server) -> None:
        self.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v2"


@asynccontextmanager
async def venue(script: Script, **options: Any) -> AsyncIterator[Venue]:
    """Serve `script` on loopback."""
    local = Venue(script)
    async with serve(local.handle, "127.0.0.1", 0, close_timeout=0.1, **options) as server:
        local.listen(server)
        yield local


class Board:
    """Keeps every tick with its time of receipt."""

    def __init__(self) -> None:
        self.got: list[tuple[Tick, int | None]] = []

    def __call__(self, tick: Tick, received: int | None = None) -> None:
        self.got.append((tick, received))

    @property
    def prices(self) -> list[float]:
        return [tick.price for tick, _ in self.got if isinstance(tick, Trade)]


@asynccontextmanager
async def running(source: WebSocketSource, *markets: Market) -> AsyncIterator[Board]:
    """Run a source for as long as the block lasts."""
    board = Board()
    async with source, anyio.create_task_group() as group:
        group.start_soon(source.run, markets or (BTC,), board)
        yield board
        group.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that will be true."""
    with anyio.fail_after(3):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the source, which has no event to wait on
            await anyio.sleep(0.002)


async def idle(socket: ServerConnection, _: Venue) -> None:
    """Say nothing."""
    await socket.wait_closed()


def sending(*frames: Any) -> Script:
    """Send these frames, then stay; text goes as it is."""

    async def script(socket: ServerConnection, _: Venue) -> None:
        for frame in frames:
            await socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
        await socket.wait_closed()

    return script


def then_hang_up(*frames: Any) -> Script:
    """Send these frames, then close."""

    async def script(socket: ServerConnection, _: Venue) -> None:
        for frame in frames:
            await socket.send(json.dumps(frame))

    return script


def codes(statuses: Sequence[Status]) -> list[str]:
    """Return each status's code, or its state where it has none."""
    return [status.code or status.state for status in statuses]


def toy(url: str, context: Context, kind: type[WebSocketSource] = Toy, **options: Any) -> WebSocketSource:
    """Make a source of the venue at `url`."""
    return kind(kind.Config.model_validate({"url": url, **options}), context)


async def test_frames_reach_the_board_with_one_timestamp_each(context: Context, statuses: list[Status]) -> None:
    """All ticks of a frame carry the time at which the frame was received."""
    async with (
        venue(sending({"trades": [1.0, 2.0]}, {"trades": [3.0]})) as local,
        running(toy(local.url, context)) as board,
    ):
        await until(lambda: len(board.got) == 3)
    times = [ts for _, ts in board.got]
    assert board.prices == [1.0, 2.0, 3.0]
    assert times[0] == times[1] is not None
    assert local.sent == [{"subscribe": ["BTC"]}]
    assert codes(statuses) == ["live"]


async def test_binary_frames_are_read_too(context: Context) -> None:
    """A venue may send its JSON in binary frames."""
    async with venue(sending(b'{"trades": [4.5]}')) as local, running(toy(local.url, context)) as board:
        await until(lambda: board.prices)
    assert board.prices == [4.5]


async def test_messages_of_text_and_bytes_go_as_they_are(context: Context) -> None:
    """A subscription that is not JSON is sent unchanged."""

    class Plain(Toy):
        def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
            yield '"text"'
            yield b'"bytes"'

    async def listen(socket: ServerConnection, local: Venue) -> None:
        local.sent.append(await socket.recv())
        await socket.wait_closed()

    async with venue(listen) as local, running(toy(local.url, context, Plain)):
        await until(lambda: len(local.sent) == 2)
    assert local.sent == ["text", b'"bytes"']


async def test_hang_up_is_followed_by_a_new_connection_and_subscription(
    context: Context, statuses: list[Status]
) -> None:
    """After the venue hangs up, the source connects again, subscribes again, and says so."""
    async with venue(then_hang_up({"trades": [1.0]})) as local, running(toy(local.url, context)):
        await until(lambda: local.opened >= 3)
    assert local.sent[:3] == [{"subscribe": ["BTC"]}] * 3
    assert codes(statuses)[:4] == ["live", "hung_up", "live", "hung_up"]
    assert statuses[1].state == "waiting"


async def test_waits_grow_to_a_bound(context: Context, clock: Any) -> None:
    """A venue that hangs up at once is asked less and less often, but at least every 30 seconds."""
    async with venue(then_hang_up()) as local, running(toy(local.url, context)):
        await until(lambda: len(clock.waits) >= 8)
    assert clock.waits[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


async def test_waits_start_again_after_a_healthy_connection(context: Context, clock: Any) -> None:
    """Once frames have flowed for long enough, the next hang-up costs the shortest wait."""

    class Hardy(Toy):
        healthy_after = 0.02

    async def script(socket: ServerConnection, local: Venue) -> None:
        if local.opened == 4:
            await socket.send('{"trades": [1.0]}')
            await anyio.sleep(0.04)
            await socket.send('{"trades": [1.0]}')

    async with venue(script) as local, running(toy(local.url, context, Hardy)):
        await until(lambda: len(clock.waits) >= 5)
    assert clock.waits[:5] == [1.0, 2.0, 4.0, 1.0, 2.0]


async def test_silent_connection_is_replaced(context: Context, statuses: list[Status]) -> None:
    """A connection without any frame for `silence` is closed and opened again."""
    async with venue(sending({"trades": [1.0]})) as local, running(toy(local.url, context, silence="200ms")):
        await until(lambda: local.opened >= 2)
    assert codes(statuses)[:2] == ["live", "silence"]
    assert "200ms" in statuses[1].message


async def test_talking_connection_outlives_its_silence(context: Context) -> None:
    """Any frame, even one of no interest, keeps the connection."""

    async def chatter(socket: ServerConnection, _: Venue) -> None:
        for _round in range(12):
            await socket.send('{"heartbeat": 1}')
            await anyio.sleep(0.03)

    async with venue(chatter) as local, running(toy(local.url, context, silence="100ms")):
        await until(lambda: local.closed)
        assert local.opened == 1


async def test_pings_are_no_talk(context: Context, statuses: list[Status]) -> None:
    """A venue that only asks whether anybody listens brings no prices: it is left for a new connection."""

    async def pinging(socket: ServerConnection, _: Venue) -> None:
        while True:
            await socket.ping()
            await anyio.sleep(0.02)

    async with venue(pinging) as local, running(toy(local.url, context, silence="200ms")):
        await until(lambda: local.opened >= 2)
    assert codes(statuses)[0] == "silence"


async def test_damaged_frames_do_not_cost_the_connection(context: Context, notebook: Any) -> None:
    """Frames that cannot be read are counted and told once, with the head of the first; what follows is read."""
    damaged = ["", "<html>", "[]", "{", '{"trades": 5}', b"\xff\xfe"]
    context = Context("toy", context.clock, logger=notebook)
    async with venue(sending(*damaged, {"trades": [7.0]})) as local:
        source = toy(local.url, context)
        async with running(source) as board:
            await until(lambda: board.prices == [7.0])
            assert local.opened == 1
    assert source.frame_errors == len(damaged)
    assert len(notebook.warnings) == 1


async def test_rejection_is_told_once_across_reconnections(context: Context, statuses: list[Status]) -> None:
    """A market the venue refuses is named once, with what to do, however often it is refused."""
    async with (
        venue(then_hang_up({"rejected": "ETH"}, {"rejected": "ETH"})) as local,
        running(toy(local.url, context), BTC, ETH),
    ):
        await until(lambda: local.opened >= 3)
    told = [status for status in statuses if status.code == "rejected"]
    assert [(status.state, status.market) for status in told] == [("degraded", ETH)]
    assert "'not listed'" in told[0].message


async def test_market_that_is_accepted_later_is_live_again(context: Context, statuses: list[Status]) -> None:
    """An acknowledgement takes an earlier rejection back."""
    async with (
        venue(sending({"rejected": "ETH"}, {"ack": ["ETH"]})) as local,
        running(toy(local.url, context), BTC, ETH),
    ):
        await until(lambda: any(status.market == ETH and status.state == "live" for status in statuses))


async def test_rejection_of_a_whole_request_is_told_once(context: Context, statuses: list[Status]) -> None:
    """Without a symbol the refusal is the component's, and it is not called live for it."""
    async with (
        venue(sending({"rejected": ""}, {"rejected": ""}, {"ping": 1})) as local,
        running(toy(local.url, context), BTC, ETH),
    ):
        await until(lambda: statuses)
        await anyio.sleep(0.02)
    assert [(status.state, status.code, status.market) for status in statuses] == [("degraded", "rejected", None)]


async def test_source_is_live_when_prices_come_after_a_rejected_request(
    context: Context, statuses: list[Status]
) -> None:
    """A refusal of one request among several does not hide that the others stream."""
    async with venue(sending({"rejected": ""}, {"trades": [1.0]})) as local, running(toy(local.url, context)):
        await until(lambda: len(statuses) == 2)
    assert codes(statuses) == ["rejected", "live"]


async def test_acknowledgement_without_names_takes_no_rejection_back(context: Context, statuses: list[Status]) -> None:
    """Where each request is acknowledged alike, the refusal of a symbol stands, also after a reconnection."""
    async with venue(then_hang_up({"ack": []}, {"rejected": "ETH"}, {"ack": []})) as local:  # noqa: SIM117
        async with running(toy(local.url, context), BTC, ETH):
            await until(lambda: local.opened >= 3)
    assert [status.code for status in statuses if status.market == ETH] == ["rejected"]


async def test_unacknowledged_symbol_is_told_where_the_venue_acknowledges(
    context: Context, statuses: list[Status]
) -> None:
    """Where one subscription was acknowledged, the one that was not is named; the connection stays."""

    class Impatient(Toy):
        ack_within = 0.05

    async with (
        venue(sending({"ack": ["BTC"]}, {"rejected": "SOL"})) as local,
        running(toy(local.url, context, Impatient), BTC, ETH, SOL),
    ):
        await until(lambda: "unacknowledged" in codes(statuses))
        assert local.opened == 1
    assert [status.market for status in statuses if status.code == "unacknowledged"] == [ETH]


async def test_venue_that_never_acknowledges_is_not_blamed(context: Context, statuses: list[Status]) -> None:
    """Where nothing is ever acknowledged, nothing is unacknowledged."""

    class Impatient(Toy):
        ack_within = 0.02

    async with venue(sending({"trades": [1.0]})) as local, running(toy(local.url, context, Impatient)):
        await until(lambda: codes(statuses) == ["live"])
        await anyio.sleep(0.06)
    assert codes(statuses) == ["live"]


async def test_reply_is_sent_back(context: Context) -> None:
    """What the venue wants back it gets on the same connection."""

    async def ask(socket: ServerConnection, local: Venue) -> None:
        await socket.send('{"ping": 71}')
        local.sent.append(json.loads(await socket.recv()))
        await socket.wait_closed()

    async with venue(ask) as local, running(toy(local.url, context)):
        await until(lambda: len(local.sent) == 2)
    assert local.sent[1] == {"pong": 71}


async def test_heartbeat_is_sent_every_so_often(context: Context) -> None:
    """An application-level heartbeat goes out for as long as the connection lives."""

    class Beating(Toy):
        heartbeat = Heartbeat({"op": "ping"}, every=0.01)

    async def listen(socket: ServerConnection, local: Venue) -> None:
        async for message in socket:
            local.sent.append(json.loads(message))

    async with venue(listen) as local, running(toy(local.url, context, Beating)):
        await until(lambda: len(local.sent) >= 4)
    assert local.sent[1:4] == [{"op": "ping"}] * 3


async def test_reconnect_signal_opens_a_new_connection(context: Context, statuses: list[Status]) -> None:
    """When the venue asks for a new connection, the source closes this one and opens the next."""
    async with venue(sending({"reconnect": "maintenance"})) as local, running(toy(local.url, context)):
        await until(lambda: local.opened >= 2)
    assert local.closed[0] == 1000
    assert "reconnect" in codes(statuses)


@pytest.mark.parametrize("signal", [{"reconnect": "maintenance"}, {"limit": 90.0}])
async def test_ticks_of_a_frame_enter_whatever_else_it_says(context: Context, signal: Any) -> None:
    """A replay takes all of them, so the live run must not stop half way."""
    async with (
        venue(sending({"before": signal, "then": {"trades": [1.0, 2.0]}})) as local,
        running(toy(local.url, context)) as board,
    ):
        await until(lambda: local.opened >= 2)
    assert board.prices[:2] == [1.0, 2.0]


async def test_rate_limit_signal_is_honoured(context: Context, clock: Any, statuses: list[Status]) -> None:
    """An in-band pause is waited for in full before the next connection."""
    async with venue(sending({"limit": 90.0})) as local, running(toy(local.url, context)):
        await until(lambda: local.opened >= 2)
    assert clock.waits[0] == 90.0
    assert "rate_limited" in codes(statuses)


@pytest.mark.parametrize("seconds", [-5.0, 0.0])
async def test_nonsense_rate_limit_falls_back_to_backoff(context: Context, clock: Any, seconds: float) -> None:
    """A pause of nothing never becomes a hot loop."""
    async with venue(sending({"limit": seconds})) as local, running(toy(local.url, context)):
        await until(lambda: local.opened >= 3)
    assert clock.waits[:2] == [1.0, 2.0]


async def test_cancelling_closes_the_socket_and_leaves_no_task(context: Context) -> None:
    """When cancelled, the venue sees a close and nothing of the source is left running."""
    async with venue(sending({"trades": [1.0]})) as local:
        before = asyncio.all_tasks()
        async with running(toy(local.url, context)) as board:
            await until(lambda: board.got)
        await until(lambda: local.closed)
        await until(lambda: asyncio.all_tasks() == before)
    assert local.closed == [1000]


async def test_deaf_venue_does_not_delay_leaving(context: Context) -> None:
    """A venue that never answers the close costs at most the bound, not ten seconds."""

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(upgrade(request))
        await reader.read(-1)
        writer.close()

    class Curt(Toy):
        close_within = 0.1

    async with await asyncio.start_server(deaf, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        before = asyncio.all_tasks()
        async with running(toy(url, context, Curt)):
            await anyio.sleep(0.1)
            assert asyncio.all_tasks() > before
            started = anyio.current_time()
        assert anyio.current_time() - started < 0.5
        await until(lambda: asyncio.all_tasks() <= before)


def upgrade(request: bytes) -> bytes:
    """Answer an opening handshake by hand."""
    from websockets.utils import accept_key

    key = next(line for line in request.decode().split("\r\n") if line.lower().startswith("sec-websocket-key"))
    accept = accept_key(key.split(": ", 1)[1])
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a connection and never answer."""
    await reader.read(-1)
    writer.close()


async def test_a_venue_that_wants_patience_is_asked_later(context: Context, clock: Any) -> None:
    """Nothing is said on a new connection for as long as the plugin says."""

    class Patient(Toy):
        subscribe_after = 1.0

    async def script(socket: ServerConnection, _: Venue) -> None:
        await socket.wait_closed()

    async with venue(script) as local, running(toy(local.url, context, Patient)):
        await until(lambda: local.sent)
    assert clock.waits == [1.0]


async def test_handshake_that_is_never_answered_is_given_up(context: Context, statuses: list[Status]) -> None:
    """A server that accepts and says nothing is a timeout."""

    class Curt(Toy):
        open_within = 0.05

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(toy(f"ws://127.0.0.1:{port}/", context, Curt)):
            await until(lambda: statuses)
    assert statuses[0].code == "timeout"


async def test_cancelling_during_the_handshake_leaves_nothing(context: Context) -> None:
    """A socket that is not open yet is closed, too."""
    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        before = asyncio.all_tasks()
        async with running(toy(f"ws://127.0.0.1:{port}/", context)):
            await until(lambda: len(asyncio.all_tasks()) >= len(before) + 2)
        await until(lambda: asyncio.all_tasks() == before)


async def test_cancelling_while_waiting_leaves_at_once(context: Context, unused_port: int) -> None:
    """A source between two attempts is left as quickly as one that streams."""
    before = asyncio.all_tasks()
    context = Context("toy")
    with anyio.fail_after(1):
        async with running(toy(f"ws://127.0.0.1:{unused_port}/", context)):
            await anyio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_source_can_be_started_twice(context: Context, statuses: list[Status]) -> None:
    """A source that was stopped streams again, and tells again what it told before."""
    async with venue(sending({"rejected": "ETH"}, {"trades": [1.0]})) as local:
        source = toy(local.url, context)
        for _ in range(2):
            async with running(source, BTC, ETH) as board:
                await until(lambda: board.got)
    assert local.opened == 2
    assert codes(statuses) == ["rejected", "live"] * 2


async def test_refused_connection_is_tried_again_and_says_what_to_do(
    context: Context, clock: Any, statuses: list[Status], unused_port: int
) -> None:
    """Nothing listening is a status with a code and advice, and no reason to give up."""
    async with running(toy(f"ws://127.0.0.1:{unused_port}/", context)):
        await until(lambda: len(clock.waits) >= 4)
    assert {(status.state, status.code) for status in statuses} == {("waiting", "refused")}
    assert f"ws://127.0.0.1:{unused_port}/" in statuses[0].message
    assert "trying again" in statuses[0].message
    assert clock.waits[:4] == [1.0, 2.0, 4.0, 8.0]


async def test_unknown_host_is_a_status(context: Context, clock: Any, statuses: list[Status]) -> None:
    """A name that cannot be resolved is called by its code."""
    async with running(toy("ws://venue.invalid/", context)):
        await until(lambda: len(clock.waits) >= 2)
    assert codes(statuses)[0] == "dns"


async def test_tls_failure_is_a_status(context: Context, statuses: list[Status]) -> None:
    """A server that does not speak TLS is called by its code."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(toy(f"wss://127.0.0.1:{port}/", context)):
            await until(lambda: statuses)
    assert codes(statuses)[0] == "tls"


def answering(status: int, headers: dict[str, str]) -> Callable[[ServerConnection, Request], Response]:
    """Refuse every opening handshake like this."""

    def respond(socket: ServerConnection, _: Request) -> Response:
        response = socket.respond(HTTPStatus(status), "<html>no</html>")
        for name, value in headers.items():
            response.headers[name] = value
        return response

    return respond


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((429, {"Retry-After": "77"}), ("rate_limited", 77.0)),
        ((429, {}), ("rate_limited", 60.0)),
        ((418, {"Retry-After": "120"}), ("banned", 120.0)),
        ((451, {}), ("blocked", 300.0)),
        ((403, {}), ("blocked", 300.0)),
        ((401, {}), ("unauthorized", 300.0)),
        ((404, {}), ("http_404", 300.0)),
        ((503, {}), ("unavailable", 1.0)),
        ((503, {"Retry-After": "9"}), ("unavailable", 9.0)),
    ],
)
async def test_refused_handshake_is_waited_out(
    context: Context,
    clock: Any,
    statuses: list[Status],
    answer: tuple[int, dict[str, str]],
    expected: tuple[str, float],
) -> None:
    """Each HTTP answer to the handshake has its code and its wait; none ends the source."""
    async with venue(idle, process_request=answering(*answer)) as local, running(toy(local.url, context)):
        await until(lambda: len(clock.waits) >= 2)
    assert statuses[0].state == "waiting"
    assert (statuses[0].code, clock.waits[0]) == expected


async def test_recording_holds_the_life_of_a_connection(context: Context, notebook: Any) -> None:
    """A recording shows what was opened, sent, received and closed, in order; it tells text by itself."""
    frames = ({"trades": [1.0]}, b'{"trades": [2.0]}', "\u20ac")
    async with venue(sending(*frames)) as local, running(toy(local.url, context)) as board:
        await until(lambda: len(notebook.of("ws")) == 3)
    assert [line["kind"] for line in notebook.lines] == ["open", "sent", "ws", "ws", "ws", "close"]
    wanted = [b'{"trades": [1.0]}', b'{"trades": [2.0]}', "\u20ac".encode()]
    assert [line["data"] for line in notebook.of("ws")] == wanted
    assert notebook.of("sent")[0]["data"] == '{"subscribe":["BTC"]}'
    assert [line["ts"] for line in notebook.of("ws")][:2] == [ts for _, ts in board.got]
    assert notebook.of("close")[0]["reason"]
    assert {(line["source"], line["conn"]) for line in notebook.lines} == {("toy", 1)}


class Guarded(Toy):
    """A venue that wants a password."""

    class Config(Toy.Config):
        """With it."""

        password: SecretStr = SecretStr("")
        """Sent at the start of a conversation."""

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield {"login": self.config.password.get_secret_value()}


async def test_recording_holds_no_secret(context: Context, notebook: Any) -> None:
    """The venue gets the password, the recording what stands in its place."""
    async with venue(idle) as local:
        source = Guarded(Guarded.Config(url=local.url, password=SecretStr("hunter2")), context)
        async with running(source):
            await until(lambda: local.sent)
    assert local.sent == [{"login": "hunter2"}]
    assert notebook.of("sent")[0]["data"] == '{"login":"**********"}'


async def test_each_new_connection_has_its_own_number_in_the_recording(context: Context, notebook: Any) -> None:
    """A replay can tell the frames of one socket from those of the next."""
    async with venue(then_hang_up({"trades": [1.0]})) as local, running(toy(local.url, context)):
        await until(lambda: local.opened >= 2 and len(notebook.of("close")) >= 2)
    assert [line["conn"] for line in notebook.of("open")][:2] == [1, 2]


async def test_symbols_are_spread_over_connections(context: Context, statuses: list[Status]) -> None:
    """A venue that takes two symbols a connection gets three of them on two, and is live when both are."""

    class Narrow(Toy):
        symbols_per_connection = 2

    async with venue(sending({"trades": [1.0]})) as local, running(toy(local.url, context, Narrow), BTC, ETH, SOL):
        await until(lambda: len(statuses) >= 1 and local.opened == 2)
    assert sorted(map(str, local.sent)) == ["{'subscribe': ['BTC', 'ETH']}", "{'subscribe': ['SOL']}"]


async def test_one_lost_connection_of_two_is_degraded_not_waiting(context: Context, statuses: list[Status]) -> None:
    """While another connection streams, the source is degraded; when the lost one is back, it is live."""

    class Narrow(Toy):
        symbols_per_connection = 1

    async def script(socket: ServerConnection, local: Venue) -> None:
        second = local.opened == 2
        await socket.send('{"trades": [1.0]}')
        if second:
            await until(lambda: "live" in codes(statuses))
            return
        await socket.wait_closed()

    async with venue(script) as local, running(toy(local.url, context, Narrow), BTC, ETH):
        await until(lambda: local.opened == 3 and statuses[-1].state == "live")
    assert ("degraded", "hung_up") in [(status.state, status.code) for status in statuses]
    assert "waiting" not in [status.state for status in statuses]


async def test_session_lives_as_long_as_its_connection(context: Context) -> None:
    """Each connection is parsed by an object of its own."""
    sessions = []

    class Stateful(Toy):
        def session(self) -> Any:
            sessions.append(self)
            return super().session()

    async with venue(then_hang_up({"trades": [1.0]})) as local, running(toy(local.url, context, Stateful)):
        await until(lambda: local.opened >= 3)
    assert len(sessions) >= 3


async def test_token_handshake_gives_the_endpoint(context: Context) -> None:
    """A source may ask over HTTP where to connect; it is asked anew for each connection."""
    import httpx

    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"token": f"t{len(asked)}"})

    class Tokened(Toy):
        def http(self) -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=httpx.MockTransport(answer))

        async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:
            reply = await http.post("https://venue.test/token")
            return Endpoint(f"{self.config.url}?token={reply.json()['token']}", {"X-Toy": "1"}, ping=5.0)

    async with venue(then_hang_up()) as local, running(toy(local.url, context, Tokened)):
        await until(lambda: local.opened >= 2)
    assert local.paths[:2] == ["/v2?token=t1", "/v2?token=t2"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [((429, "{}"), ("rate_limited", 33.0)), ((200, "<html>"), ("handshake", 1.0)), ((200, "{}"), ("handshake", 1.0))],
)
async def test_failed_token_handshake_is_waited_out(
    context: Context, clock: Any, statuses: list[Status], answer: tuple[int, str], expected: tuple[str, float]
) -> None:
    """A token that cannot be had is a status like any other refusal, without its address's secrets."""
    import httpx

    class Tokened(Toy):
        def http(self) -> httpx.AsyncClient:
            reply = httpx.Response(answer[0], text=answer[1], headers={"Retry-After": "33"})
            return httpx.AsyncClient(transport=httpx.MockTransport(lambda _: reply))

        async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:
            reply = await http.post("https://venue.test/token?apikey=hunter2")
            return Endpoint("ws://127.0.0.1/" + reply.raise_for_status().json()["token"])

    async with running(toy("", context, Tokened)):
        await until(lambda: len(clock.waits) >= 1)
    assert (statuses[0].code, clock.waits[0]) == expected
    assert "hunter2" not in repr(statuses)


async def test_permanent_error_of_the_endpoint_leaves_run_as_itself(context: Context) -> None:
    """What a plugin calls permanent is not tried again and reaches the engine unwrapped."""

    class Closed(Toy):
        async def endpoint(self, http: Any) -> Endpoint:
            raise PermanentError("the venue closed for good")

    with pytest.raises(PermanentError, match="closed for good"):
        await toy("", context, Closed).run([BTC], Board())


async def test_mistake_in_subscribe_leaves_run_as_itself(context: Context) -> None:
    """A plugin's own mistake is not mistaken for the venue's, and the socket is closed."""

    class Wrong(Toy):
        def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
            raise KeyError("channel")

    async with venue(idle) as local:
        with pytest.raises(KeyError, match="channel"):
            await toy(local.url, context, Wrong).run([BTC], Board())
        await until(lambda: local.closed)


async def test_secrets_of_the_address_never_show(
    context: Context, statuses: list[Status], notebook: Any, unused_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the query nor the user of an address appears in a status, a log, a recording or a repr."""
    caplog.set_level("DEBUG")
    secret = "hunter2"
    endpoint = Endpoint(f"wss://me:{secret}@venue.test/ws?key={secret}", {"Authorization": secret})
    async with venue(sending("damaged"), process_request=None) as local:
        for base in (local.url, f"ws://127.0.0.1:{unused_port}/v2"):
            url = base.replace("ws://", f"ws://me:{secret}@") + f"?key={secret}"
            source = toy(url, context)
            async with running(source):
                await until(lambda: statuses or notebook.warnings)
            assert secret not in repr(source.config)
        assert local.paths == [f"/v2?key={secret}"] * len(local.paths)
    client = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert secret not in repr((statuses, notebook.lines, notebook.warnings, endpoint, client))
    assert "wss://venue.test/ws" in repr(endpoint)


async def test_reference_in_the_path_of_an_address_is_shown_as_written(
    context: Context, statuses: list[Status], notebook: Any, unused_port: int
) -> None:
    """Some venues put the key into the path: neither a status nor a recording shows it."""
    async with venue(idle) as local:
        for base, told in ((local.url, notebook.lines), (f"ws://127.0.0.1:{unused_port}/v2", statuses)):
            url = Secret(f"{base}/hunter2", f"{base}/${{env:KEY}}")
            async with running(toy(url, context)):
                await until(lambda told=told: told)
    assert "hunter2" not in repr((statuses, notebook.lines))
    assert "/v2/${env:KEY}" in repr(statuses)
    assert "/v2/${env:KEY}" in repr(notebook.lines)


@pytest.mark.parametrize("url", ["http://h/x?key=hunter2", "https://me:hunter2@h/", "venue.test", "ws://", "wss:///x"])
def test_address_that_is_not_websocket_is_refused(url: str) -> None:
    """Anything but ws:// or wss:// with a host is refused, without its secrets."""
    with pytest.raises(ValidationError, match="expected an address like wss://") as caught:
        Toy.Config.model_validate({"url": url})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("silence", ["0s", "0ms"])
def test_silence_of_nothing_is_refused(silence: str) -> None:
    """A silence of zero would reconnect for ever."""
    with pytest.raises(ValidationError, match="more than 0s"):
        Toy.Config.model_validate({"silence": silence})


async def test_source_without_an_address_says_so(context: Context) -> None:
    """Without an address there is nothing to try again."""
    with pytest.raises(PermanentError, match="no address"):
        await toy("", context).run([BTC], Board())


def test_importing_the_transport_loads_no_client() -> None:
    """Neither the WebSocket nor the HTTP client is imported before it is used."""
    code = "import sys, chrono.core.transport; print([m for m in ('websockets', 'httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
