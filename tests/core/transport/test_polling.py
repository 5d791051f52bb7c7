"""Polled sources against a transport that answers from a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import anyio
import httpx
import pytest
from pydantic import ValidationError

from chrono.core.component import Context, Status
from chrono.core.errors import PermanentError
from chrono.core.transport.backoff import Backoff
from chrono.core.transport.polling import PollingSource
from chrono.core.types import Market, Pair, RateLimit, Rejected, Signal, Tick, Ticker

pytestmark = pytest.mark.anyio

BTC, ETH = (Market("toy", Pair(base, "USD"), "toy", base) for base in ("BTC", "ETH"))
Answer = Callable[[httpx.Request], httpx.Response]


class Steady:
    """Chance that always takes the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Toy(PollingSource):
    """A venue that answers with a list of tickers."""

    type = "toy"
    url = "https://venue.test/tickers"
    Frame = list[dict[str, Any]]
    transport: ClassVar[httpx.MockTransport]

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.transport, headers={"User-Agent": "toy"})

    def backoff(self) -> Backoff:
        return Backoff(chance=Steady())

    def request(self, symbols: Sequence[str]) -> httpx.Request | list[httpx.Request]:
        return httpx.Request("GET", self.address, params={"symbols": ",".join(symbols), "apikey": "hunter2"})

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        for row in frame:
            if "rejected" in row:
                yield Rejected(row["rejected"], "not listed")
            elif "limit" in row:
                yield RateLimit(row["limit"], "slow down")
            else:
                yield Ticker(row["s"], row["last"])


class Single(Toy):
    """The same venue, where each symbol is asked for alone."""

    def request(self, symbols: Sequence[str]) -> list[httpx.Request]:
        return [httpx.Request("GET", f"{self.address}/{symbol}") for symbol in symbols]


class Nameless(Toy):
    """The same venue, whose answers do not say whom they are about."""

    Frame = dict[str, Any]

    def request(self, symbols: Sequence[str]) -> list[httpx.Request]:
        return [httpx.Request("GET", self.address, extensions={"symbol": symbol}) for symbol in symbols]

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        yield from (Ticker(frame["symbol"], row["last"]) for row in frame["answer"])


class Venue:
    """Answers in order, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def rows(*prices: float) -> httpx.Response:
    """Answer with a ticker for each price."""
    return httpx.Response(200, json=[{"s": "BTC", "last": price} for price in prices])


def toy(answer: Answer, context: Context, kind: type[Toy] = Toy, **options: Any) -> Toy:
    """Make a source of a venue that answers like this."""
    source = kind(kind.Config.model_validate(options), context)
    source.__dict__["transport"] = httpx.MockTransport(answer)
    return source


@asynccontextmanager
async def running(source: PollingSource, *markets: Market) -> AsyncIterator[list[tuple[Tick, int | None]]]:
    """Run a source for as long as the block lasts."""
    got: list[tuple[Tick, int | None]] = []

    def emit(tick: Tick, received: int | None = None) -> None:
        got.append((tick, received))

    async with source, anyio.create_task_group() as group:
        group.start_soon(source.run, markets or (BTC,), emit)
        yield got
        group.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that will be true."""
    with anyio.fail_after(3):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the source, which has no event to wait on
            await anyio.sleep(0.001)


async def test_answers_reach_the_board_with_one_timestamp_each(context: Context, statuses: list[Status]) -> None:
    """All ticks of an answer carry the time at which the answer was complete, and each round asks anew."""
    async with running(toy(Venue(rows(1.0, 2.0), rows(3.0)), context)) as got:
        await until(lambda: len(got) >= 3)
    times = [ts for _, ts in got]
    assert [tick.last for tick, _ in got[:3] if isinstance(tick, Ticker)] == [1.0, 2.0, 3.0]
    assert times[0] == times[1] != times[2]
    assert [status.state for status in statuses] == ["live"]


async def test_ticks_of_an_answer_enter_whatever_else_it_says(context: Context) -> None:
    """A replay takes all of them, so the live run must not stop half way."""
    venue = Venue(httpx.Response(200, json=[{"limit": 5}, {"s": "BTC", "last": 1.5}]))
    async with running(toy(venue, context)) as got:
        await until(lambda: len(venue.asked) >= 2)
    assert got[0][0] == Ticker("BTC", 1.5)


async def test_venue_is_asked_every_so_often(context: Context, clock: Any) -> None:
    """The time an answer took is part of the interval, so that rounds do not drift apart."""
    venue = Venue(rows(1.0))
    async with running(toy(venue, context, every="5s")):
        await until(lambda: len(clock.waits) >= 3)
    assert all(4.5 < wait <= 5.0 for wait in clock.waits)
    assert venue.asked[0].url.params["symbols"] == "BTC"
    assert venue.asked[0].headers["user-agent"] == "toy"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((429, {"Retry-After": "45"}), ("rate_limited", 45.0)),
        ((429, {}), ("rate_limited", 60.0)),
        ((418, {"Retry-After": "600"}), ("banned", 600.0)),
        ((451, {}), ("blocked", 300.0)),
        ((403, {"Retry-After": "1"}), ("blocked", 300.0)),
        ((401, {}), ("unauthorized", 300.0)),
        ((404, {}), ("http_404", 300.0)),
        ((400, {}), ("http_400", 300.0)),
        ((500, {}), ("unavailable", 2.0)),
        ((503, {"Retry-After": "30"}), ("unavailable", 30.0)),
        ((429, {"Retry-After": "soon"}), ("rate_limited", 60.0)),
        ((429, {"Retry-After": "-3"}), ("rate_limited", 60.0)),
        ((429, {"Retry-After": "inf"}), ("rate_limited", 60.0)),
        ((429, {"Retry-After": "99999999999"}), ("rate_limited", 604_800.0)),
    ],
)
async def test_refusal_is_waited_out(
    context: Context,
    clock: Any,
    statuses: list[Status],
    answer: tuple[int, dict[str, str]],
    expected: tuple[str, float],
) -> None:
    """Each HTTP status has its code and its wait; none ends the source."""
    venue = Venue(httpx.Response(answer[0], headers=answer[1], text="{}"), rows(1.0))
    async with running(toy(venue, context)) as got:
        await until(lambda: got)
    assert (statuses[0].state, statuses[0].code) == ("waiting", expected[0])
    assert clock.waits[0] == pytest.approx(expected[1], abs=0.01)
    assert statuses[-1].state == "live"


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
async def test_retry_after_may_be_a_date(context: Context, clock: Any, zone: str) -> None:
    """A pause until an instant is waited for in full."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True).replace("GMT", zone)
    venue = Venue(httpx.Response(429, headers={"Retry-After": date}), rows(1.0))
    async with running(toy(venue, context)) as got:
        await until(lambda: got)
    assert 97.0 < clock.waits[0] < 101.0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("hunter2"), "handshake"),
        (httpx.ReadTimeout("hunter2"), "timeout"),
        (httpx.RemoteProtocolError("hunter2"), "handshake"),
    ],
)
async def test_network_errors_are_tried_again_with_growing_waits(
    context: Context, clock: Any, statuses: list[Status], error: Exception, code: str
) -> None:
    """A request that fails is a status, and the waits grow until one succeeds."""
    venue = Venue(*[error] * 7, rows(1.0))
    async with running(toy(venue, context, every="100ms")) as got:
        await until(lambda: len(clock.waits) >= 8 and got)
    assert [round(wait) for wait in clock.waits[:7]] == [1, 2, 4, 8, 16, 30, 30]
    assert clock.waits[7] <= 0.1
    assert statuses[0].code == code
    assert "hunter2" not in repr(statuses)


async def test_refused_connection_is_called_by_its_code(
    context: Context, statuses: list[Status], unused_port: int
) -> None:
    """What the socket said is found behind what the client made of it."""

    class Real(Toy):
        def http(self) -> httpx.AsyncClient:
            return PollingSource.http(self)

    async with running(toy(Venue(rows(1.0)), context, Real, url=f"http://127.0.0.1:{unused_port}/x")):
        await until(lambda: statuses)
    assert statuses[0].code == "refused"


async def test_waits_start_again_after_an_answer(context: Context, clock: Any) -> None:
    """One good answer makes the next failure cost the shortest wait."""
    down = httpx.Response(500)
    async with running(toy(Venue(down, down, rows(1.0), down), context, every="100ms")):
        await until(lambda: len(clock.waits) >= 5)
    assert [round(wait) for wait in clock.waits[:5]] == [1, 2, 0, 1, 2]


async def test_web_page_in_place_of_an_answer_is_counted_and_told(
    context: Context, clock: Any, statuses: list[Status], notebook: Any
) -> None:
    """HTML with status 200 is a frame that cannot be read, asked for again with growing waits."""
    page = httpx.Response(200, html="<html>maintenance</html>")
    source = toy(Venue(page, page, page, rows(1.0)), context, every="100ms")
    async with running(source) as got:
        await until(lambda: got)
    assert source.frame_errors == 3
    assert statuses[0].code == "unreadable"
    assert "web page" in statuses[0].message
    assert [round(wait) for wait in clock.waits[:3]] == [1, 2, 4]
    assert len(notebook.warnings) == 1


async def test_request_for_a_market_that_is_gone_does_not_stop_the_others(
    context: Context, statuses: list[Status]
) -> None:
    """One request answered 404 rests for minutes while the others are asked as ever."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return rows(1.0) if request.url.path.endswith("BTC") else httpx.Response(404)

    async with running(toy(answer, context, Single), BTC, ETH):
        await until(lambda: len(asked) >= 30)
    assert asked.count("/tickers/ETH") == 1
    assert {(status.state, status.code) for status in statuses} == {("live", ""), ("degraded", "http_404")}


async def test_refusal_of_one_request_pauses_the_round(context: Context, clock: Any, statuses: list[Status]) -> None:
    """A rate limit concerns the address, so that nothing more is asked until it is over."""
    venue = Venue(rows(1.0), httpx.Response(429, headers={"Retry-After": "50"}), rows(2.0))
    async with running(toy(venue, context, Single), BTC, ETH) as got:
        await until(lambda: len(got) >= 3)
    assert clock.waits[0] == pytest.approx(50.0, abs=0.2)
    assert ("waiting", "rate_limited") in [(status.state, status.code) for status in statuses]
    assert statuses[-1].state == "live"


async def test_answer_that_names_no_symbol_is_read_and_recorded_with_the_one_asked_for(
    context: Context, notebook: Any
) -> None:
    """What was asked is part of the frame, so that a replay knows it too; a refusal is recorded as it came."""
    venue = Venue(rows(1.0), httpx.Response(404, text="none"), rows(2.0))
    async with running(toy(venue, context, Nameless), BTC, ETH) as got:
        await until(lambda: len(notebook.of("http")) >= 2)
    assert got[0][0] == Ticker("BTC", 1.0)
    bodies = [line["data"] for line in notebook.of("http")[:2]]
    assert json.loads(bodies[0]) == {"symbol": "BTC", "answer": [{"s": "BTC", "last": 1.0}]}
    assert bodies[1] == "none"
    assert [tick.last for tick in Nameless().read(bodies[0]) if isinstance(tick, Ticker)] == [1.0]


async def test_rate_limit_in_the_answer_is_honoured(context: Context, clock: Any) -> None:
    """A pause asked for in a 200 is a pause."""
    venue = Venue(httpx.Response(200, json=[{"limit": 70}]), rows(1.0))
    async with running(toy(venue, context)) as got:
        await until(lambda: got)
    assert clock.waits[0] == pytest.approx(70.0, abs=0.2)


async def test_rejection_is_told_once(context: Context, statuses: list[Status]) -> None:
    """A market the venue does not know is named once, not every two seconds."""
    venue = Venue(httpx.Response(200, json=[{"s": "BTC", "last": 1}, {"rejected": "ETH"}]))
    async with running(toy(venue, context), BTC, ETH):
        await until(lambda: len(venue.asked) >= 5)
    assert [status.market for status in statuses if status.code == "rejected"] == [ETH]


async def test_recording_holds_the_answers_without_secrets(context: Context, notebook: Any) -> None:
    """A recording shows address, status, headers and body; no cookie, no credential, no query."""
    headers = {"Set-Cookie": "id=hunter2", "X-Api-Key": "hunter2", "Authorization": "hunter2", "Date": "today"}
    answer = httpx.Response(200, headers=headers, content=b'[{"s": "BTC", "last": 5}]')
    async with running(toy(Venue(answer), context)) as got:
        await until(lambda: got)
    line = notebook.of("http")[0]
    assert (line["url"], line["status"], json.loads(line["data"])) == (
        "https://venue.test/tickers",
        200,
        [{"s": "BTC", "last": 5}],
    )
    assert line["headers"]["date"] == "today"
    assert line["ts"] == got[0][1]
    assert "hunter2" not in repr(notebook.lines)


async def test_secrets_of_the_address_never_show(
    context: Context, statuses: list[Status], caplog: pytest.LogCaptureFixture, unused_port: int
) -> None:
    """Neither the query nor the user of an address appears in a status or in the client's own log."""

    class Real(Toy):
        def http(self) -> httpx.AsyncClient:
            return PollingSource.http(self)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]")
        await writer.drain()
        writer.close()

    told: list[Status] = []
    caplog.set_level("DEBUG")
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        for port in (server.sockets[0].getsockname()[1], unused_port):
            url = f"http://me:hunter2@127.0.0.1:{port}/x"
            async with running(toy(Venue(rows(1.0)), context, Real, url=url)):
                await until(lambda: statuses)
            told.extend(statuses)
            statuses.clear()
    assert {"", "refused"} <= {status.code for status in told}
    assert "hunter2" not in repr((told, [record.getMessage() for record in caplog.records]))


async def test_endless_answer_is_cut_off(context: Context, statuses: list[Status]) -> None:
    """An answer beyond any sense is given up, not kept in memory."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 2**20

    async with running(toy(lambda _: httpx.Response(200, content=endless()), context)):
        await until(lambda: statuses)
    assert statuses[0].state == "waiting"


async def test_slow_answer_is_given_up(context: Context, statuses: list[Status]) -> None:
    """An answer that trickles is bounded as a whole, not byte by byte."""

    class Hurried(Toy):
        answer_within = 0.05

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await anyio.sleep(0.01)

    async with running(toy(lambda _: httpx.Response(200, content=trickle()), context, Hurried)):
        await until(lambda: statuses)
    assert statuses[0].code == "timeout"


async def test_cancelling_leaves_no_task_and_a_second_start_works(context: Context) -> None:
    """A source that was stopped leaves nothing running and polls again when started again."""
    before = asyncio.all_tasks()
    source = toy(Venue(rows(1.0)), context)
    for _ in range(2):
        async with running(source) as got:
            await until(lambda: got)
        assert asyncio.all_tasks() == before


async def test_mistake_in_request_leaves_run_as_itself(context: Context) -> None:
    """A plugin's own mistake is not mistaken for the venue's."""

    class Wrong(Toy):
        def request(self, symbols: Sequence[str]) -> httpx.Request:
            raise PermanentError(f"no way to ask for {symbols}")

    with pytest.raises(PermanentError, match="no way to ask"):
        await toy(Venue(rows(1.0)), context, Wrong).run([BTC], lambda *_: None)


@pytest.mark.parametrize(
    "options", [{"url": "ws://venue.test/x?key=hunter2"}, {"url": "venue.test"}, {"every": "0s"}, {"every": 2}]
)
def test_option_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    """An address of another kind and an interval of nothing are refused, without secrets."""
    with pytest.raises(ValidationError, match="expected") as caught:
        Toy.Config.model_validate(options)
    assert "hunter2" not in str(caught.value)


def test_symbol_stands_in_the_address_where_it_has_a_place(context: Context) -> None:
    """Written so that no symbol changes what is asked."""
    source = toy(Venue(rows(1.0)), context, url="http://127.0.0.1/{symbol}/trades")
    assert str(source.get("", symbol="BTC/USD").url) == "http://127.0.0.1/BTC%2FUSD/trades"


async def test_type_of_several_venues_has_an_account_for_each(context: Context) -> None:
    """What is asked of one costs the others nothing."""

    class Several(Toy):
        @property
        def group(self) -> str:
            return self.context.name

    one, other = (Several(context=replace(context, name=name)) for name in ("several/one", "several/other"))
    assert one.account is not other.account
    assert one.account is Several(context=replace(context, name="several/one")).account
    first, second = (Toy(context=replace(context, name=name)) for name in ("toy", "toy/2"))
    assert first.account is second.account
