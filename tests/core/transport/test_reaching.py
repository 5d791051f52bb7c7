"""Several addresses, regions, proxies, budgets: how a venue is reached, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count
from typing import Any, ClassVar

import anyio
import httpx
import pytest
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chrono.core.component import Context, Secret, Status
from chrono.core.transport.budgets import Budget
from chrono.core.transport.endpoint import Endpoint, Heartbeat
from chrono.core.transport.polling import PollingSource
from chrono.core.transport.websocket import WebSocketSource
from chrono.core.types import Market, Pair, RateLimit, Reply, Signal, Tick, Ticker, Trade

pytestmark = pytest.mark.anyio

BTC, ETH, SOL = (Market("toy", Pair(base, "USD"), "toy", base) for base in ("BTC", "ETH", "SOL"))


class Toy(WebSocketSource):
    """A venue of JSON trades."""

    type = "toy"
    regions: ClassVar[Any] = {}

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield {"subscribe": list(symbols)}

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        yield (
            RateLimit(frame["limit"], "slow down", address=True) if "limit" in frame else Trade("BTC", frame["p"], 1.0)
        )


class Slate(PollingSource):
    """A venue that is asked."""

    type = "toy"

    def request(self, symbols: Sequence[str]) -> httpx.Request:
        return httpx.Request("GET", self.address)

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        yield Ticker("BTC", frame["p"])


class Venue:
    """Sends one trade at its price to whoever connects; closes, or refuses with a status, if told to."""

    def __init__(self, price: float) -> None:
        self.price = price
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.heard: list[str | bytes] = []
        self.frames: list[str | bytes] = []
        self.opened = self.asked = 0
        self.sockets: set[ServerConnection] = set()
        self.url = self.web = ""

    async def handle(self, socket: ServerConnection) -> None:
        self.opened += 1
        self.sockets.add(socket)
        with contextlib.suppress(ConnectionClosed):
            self.heard.append(await socket.recv())
            for frame in self.frames:
                await socket.send(frame)
            await socket.send(json.dumps({"p": self.price}))
            async for message in socket:
                self.heard.append(message)

    def process(self, socket: ServerConnection, _: Any) -> Any:
        self.asked += 1
        if self.refusal is None:
            return None
        response = socket.respond(HTTPStatus(self.refusal[0]), "no")
        for name, value in self.refusal[1].items():
            response.headers[name] = value
        return response

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            status, headers = self.refusal or (200, {})
            body = json.dumps({"p": self.price}).encode()
            lines = [f"HTTP/1.1 {status} X", "Connection: close", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def venue(price: float = 1.0) -> AsyncIterator[Venue]:
    local = Venue(price)
    async with (
        serve(local.handle, "127.0.0.1", 0, close_timeout=0.1, process_request=local.process) as server,
        await asyncio.start_server(local.answer, "127.0.0.1", 0) as web,
    ):
        local.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v2"
        local.web = f"http://127.0.0.1:{web.sockets[0].getsockname()[1]}/all"
        yield local


@asynccontextmanager
async def running(
    kind: Any, context: Context, *markets: Market, **options: Any
) -> AsyncIterator[tuple[Any, list[Any]]]:
    got: list[Any] = []
    source = kind(kind.Config.model_validate(options), context)
    async with source, anyio.create_task_group() as group:
        group.start_soon(source.run, markets or (BTC,), lambda tick, received=None: got.append(tick))
        yield source, got
        group.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await anyio.sleep(0.002)


def codes(statuses: Sequence[Status]) -> list[str]:
    return [status.code or status.state for status in statuses]


@pytest.mark.parametrize("refusal", [(451, {}), (403, {}), (503, {}), (429, {"Retry-After": "0.01"})])
@pytest.mark.parametrize("kind", [Toy, Slate])
async def test_next_address_is_used_when_one_refuses(
    context: Context, clock: Any, statuses: list[Status], kind: Any, refusal: Any
) -> None:
    """Blocked, banned or unavailable: the second of the list answers, without the wait that the first asked for."""
    async with venue(1.0) as first, venue(2.0) as second:
        first.refusal = refusal
        urls = [first.url, second.url] if kind is Toy else [first.web, second.web]
        async with running(kind, context, url=urls) as (source, got):
            await until(lambda: got)
    assert {getattr(tick, "price", getattr(tick, "last", 0)) for tick in got} <= {2.0} or refusal[0] == 429
    if refusal[0] != 429:
        assert codes(statuses)[1:3] == ["moved", "live"]
        assert first.asked == 1
        assert max(clock.waits[:1]) <= 2.0
        assert source.counts["moved"] == 1


async def test_next_address_is_used_when_one_cannot_be_reached(
    context: Context, statuses: list[Status], unused_port: int
) -> None:
    """Refused connections and names that are none."""
    async with venue(2.0) as second:
        urls = ["ws://venue.invalid/", f"ws://127.0.0.1:{unused_port}/", second.url]
        async with running(Toy, context, url=urls) as (_, got):
            await until(lambda: got)
    assert codes(statuses) == ["dns", "moved", "refused", "moved", "live"]


async def test_connection_that_is_lost_three_times_goes_elsewhere(context: Context, statuses: list[Status]) -> None:
    """Each time it was accepted, and cut off."""
    async with (
        venue(1.0) as first,
        venue(2.0) as second,
        running(Toy, context, url=[first.url, second.url]) as (_, got),
    ):
        for number in range(1, 4):
            await until(lambda number=number: len(got) >= number)
            for socket in first.sockets:
                await socket.close()
        await until(lambda: got[-1].price == 2.0)
        assert first.opened == 3


async def test_first_address_is_used_again_after_a_while(context: Context, statuses: list[Status]) -> None:
    """Although the second one works; the source says so."""
    async with venue(1.0) as first, venue(2.0) as second:
        first.refusal = (451, {})
        async with running(Toy, context, url=[first.url, second.url]) as (_source, got):
            await until(lambda: got)
            first.refusal = None
            await context.clock.sleep(900.0)
            await until(lambda: got[-1].price == 1.0)
    assert "homeward" in codes(statuses)


async def test_region_is_a_set_of_addresses(context: Context) -> None:
    """By the name that the plugin gives it; tried in turn."""
    async with venue(1.0) as first, venue(2.0) as second:
        first.refusal = (451, {})

        class Regional(Toy):
            regions: ClassVar[Any] = {"us": (first.url, second.url)}

        async with running(Regional, context, region="us") as (_, got):
            await until(lambda: got)
    assert got[0].price == 2.0


def test_unknown_region_is_refused_with_those_there_are() -> None:
    """Where the host says whose options these are, as it does for a pipeline file."""

    class Regional(Toy):
        regions: ClassVar[Any] = {"us": ("wss://us",), "eu": ("wss://eu",)}

    assert Regional.Config.model_validate({"region": "eu"}, context=Regional).region == "eu"
    with pytest.raises(ValidationError, match="expected one of eu, us, was 'asia'"):
        Regional.Config.model_validate({"region": "asia"}, context=Regional)
    with pytest.raises(ValidationError, match="this venue has no regions"):
        Toy.Config.model_validate({"region": "asia"}, context=Toy)


def test_addresses_of_a_list_keep_their_secrets(context: Context) -> None:
    """Each is shown as it was written."""
    urls = ["wss://a.example/ws?key=hunter2", Secret("wss://b.example/hunter2", "wss://b.example/${env:KEY}")]
    source = Toy(Toy.Config.model_validate({"url": urls}), context)
    shown = [route.shown for route in source.routes._routes]
    assert shown == ["wss://a.example/ws", "wss://b.example/${env:KEY}"]
    assert "hunter2" not in repr(source.config)
    assert "hunter2" not in source.config.without_secrets("to wss://b.example/hunter2")


@pytest.mark.parametrize("urls", [[], [""], ["wss://a", "http://b"], 5])
def test_list_of_addresses_is_checked(urls: Any) -> None:
    """Every one of them."""
    with pytest.raises(ValidationError):
        Toy.Config.model_validate({"url": urls})


class Proxy:
    """An HTTP or SOCKS5 proxy on this machine that counts what passes."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            first = await reader.readexactly(1)
            host, port, rest = await (self._socks if first == b"\x05" else self._http)(first, reader, writer)
            self.passed.append(f"{host}:{port}")
            there, back = await asyncio.open_connection(host, port)
            back.write(rest)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        writer.close()

    async def _http(self, first: bytes, reader: Any, writer: Any) -> tuple[str, int, bytes]:
        head = first + await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode().split("\r\n")[0].split()
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            host, _, port = target.partition(":")
            return host, int(port), b""
        parts = httpx.URL(target)
        return parts.host, parts.port or 80, head

    async def _socks(self, first: bytes, reader: Any, writer: Any) -> tuple[str, int, bytes]:
        methods = (await reader.readexactly(1))[0]
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        host = ".".join(map(str, await reader.readexactly(4))) if kind == 1 else ""
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return host, port, b""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def proxy(scheme: str) -> AsyncIterator[Proxy]:
    local = Proxy()
    async with await asyncio.start_server(local.handle, "127.0.0.1", 0) as server:
        local.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield local


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("kind", [Toy, Slate])
async def test_venue_is_reached_through_a_proxy(context: Context, kind: Any, scheme: str) -> None:
    """Streams and requests alike."""
    async with venue() as local, proxy(scheme) as between:
        url = local.url if kind is Toy else local.web
        async with running(kind, context, url=url, proxy=between.url) as (_, got):
            await until(lambda: got)
            assert len(between.passed) == 1 or kind is Slate
            assert set(between.passed) == {url.split("/")[2]}


async def test_proxy_is_used_when_the_venue_blocks_this_address(context: Context, statuses: list[Status]) -> None:
    """`direct` first, then the proxy: what is blocked for one may not be for the other."""
    async with venue() as local, proxy("http") as between:
        local.refusal = (451, {})
        async with running(Toy, context, url=local.url, proxy=["direct", between.url]) as (_, got):
            await until(lambda: statuses)
            local.refusal = None
            await until(lambda: got)
    assert between.passed
    assert codes(statuses)[:2] == ["blocked", "moved"]


async def test_proxy_that_is_down_is_a_status_without_its_secrets(
    context: Context, statuses: list[Status], notebook: Any, unused_port: int
) -> None:
    """Nor does it appear in the repr of the options."""
    secret = f"http://me:hunter2@127.0.0.1:{unused_port}"
    async with venue() as local, running(Toy, context, url=local.url, proxy=secret) as (source, _):
        await until(lambda: len(statuses) > 2)
    assert "hunter2" not in repr((statuses, notebook.lines, notebook.warnings, source.config, source.routes.current))


@pytest.mark.parametrize("text", ["ftp://me:hunter2@proxy:1", "proxy:8080", "socks5://", "http:///x"])
def test_what_is_no_proxy_is_refused(text: str) -> None:
    """Without its secrets."""
    with pytest.raises(ValidationError, match="expected a proxy like") as caught:
        Toy.Config.model_validate({"proxy": text})
    assert "hunter2" not in str(caught.value)


async def test_rate_limit_of_an_address_pauses_the_other_connections_too(context: Context, clock: Any) -> None:
    """One is told in-band; the next that is lost waits as long before it connects again."""

    class Narrow(Toy):
        symbols_per_connection = 1

    async with venue() as local, running(Narrow, context, BTC, ETH, url=local.url) as (source, got):
        await until(lambda: len(got) == 2)
        first, _second = local.sockets
        clock.waits.clear()
        await first.send('{"limit": 500.0}')
        await until(lambda: clock.waits)
        assert clock.waits[0] == 500.0
        assert source.account.paused(context.clock.now()) <= 500.0


async def test_pause_of_an_address_holds_for_every_source_of_the_venue(context: Context, clock: Any) -> None:
    """A second pipeline of the process waits, too."""
    source = Toy(Toy.Config(url="ws://127.0.0.1:1/"), context)
    other = Slate(Slate.Config(url="http://127.0.0.1:1/"), context)
    source.account.pause(77.0, clock.now())
    assert other.account is source.account
    async with venue() as local, running(Slate, context, url=local.web) as (_, got):
        await until(lambda: got)
    assert clock.waits[0] == pytest.approx(77.0, abs=5.0)


async def test_requests_keep_to_the_budget_of_the_venue(context: Context, clock: Any) -> None:
    """Two that weigh three each in ten seconds of seven; waits are counted and told, folded."""

    class Heavy(Slate):
        budget = Budget(7, per=10.0)

        def weight(self, request: httpx.Request) -> float:
            return 3.0

    async with venue() as local, running(Heavy, context, url=local.web, every="1s") as (source, got):
        began = clock.now()
        await until(lambda: len(got) >= 9)
        assert (clock.now() - began) / 1e9 >= 4 * 9.0
    assert source.counts["throttled"] >= 3


async def test_connections_keep_to_the_budget_of_the_venue(
    context: Context, clock: Any, statuses: list[Status]
) -> None:
    """However often a connection is lost, and however many there are."""

    class Strict(Toy):
        symbols_per_connection = 1
        connections = Budget(2, per=300.0)

    async with venue() as local, running(Strict, context, BTC, ETH, SOL, url=local.url) as (source, _):
        began = clock.now()
        await until(lambda: local.opened == 3)
        assert (clock.now() - began) / 1e9 >= 299.0
    assert source.counts["throttled"] == 1


async def test_token_handshakes_are_counted(context: Context, clock: Any) -> None:
    """Asking where to connect is a request like any other."""

    class Tokened(Toy):
        budget = Budget(1, per=60.0)

        async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:
            return Endpoint(self.address)

    async with venue() as local, running(Tokened, context, url=local.url):
        began = clock.now()
        for number in (1, 2):
            await until(lambda number=number: local.opened == number)
            await until(lambda: local.heard)
            local.heard.clear()
            for socket in local.sockets:
                await socket.close()
        assert (clock.now() - began) / 1e9 >= 59.0


async def test_words_that_are_no_frames_are_answered(context: Context, notebook: Any) -> None:
    """A text `ping` gets its `pong`, a `pong` of theirs nothing; neither is damage."""

    class Wordy(Toy):
        words: ClassVar[Any] = {"ping": "pong", "pong": None}
        heartbeat = Heartbeat("ping", every=0.02)

    async with venue() as local:
        local.frames = ["ping", "pong", b"ping"]
        async with running(Wordy, context, url=local.url) as (source, _got):
            await until(lambda: local.heard.count("pong") == 2 and local.heard.count("ping") > 1)
    assert source.frame_errors == 0
    assert source.read("pong") == ()
    assert source.read(b"ping\n") == (Reply("pong"),)


async def test_heartbeat_may_be_made_anew_each_time(context: Context) -> None:
    """With a number or the time in it."""
    numbers = count(1)

    class Counting(Toy):
        heartbeat = Heartbeat(lambda: {"id": next(numbers)}, every=0.01)

    async with venue() as local, running(Counting, context, url=local.url):
        await until(lambda: len(local.heard) > 3)
    assert [json.loads(heard) for heard in local.heard[1:4]] == [{"id": 1}, {"id": 2}, {"id": 3}]


async def test_heartbeat_of_the_endpoint_counts(context: Context) -> None:
    """Where the venue says with the token how often it wants to hear something."""

    class Told(Toy):
        heartbeat = Heartbeat("never", every=3600.0)

        async def endpoint(self, http: httpx.AsyncClient) -> Endpoint:
            return Endpoint(self.address, heartbeat=Heartbeat("ping", every=0.01))

    async with venue() as local, running(Told, context, url=local.url):
        await until(lambda: local.heard[1:3] == ["ping", "ping"])
