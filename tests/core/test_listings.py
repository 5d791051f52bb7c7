"""What venues list: told once, taken back, never waited for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
from structlog.testing import capture_logs

from chrono.core.clock import VirtualClock
from chrono.core.component import Context, Source, Status
from chrono.core.listings import EVERY, Listings
from chrono.core.transport import PollingSource
from chrono.core.types import SECOND, Listing, Market, Pair

pytestmark = pytest.mark.anyio

BTC = Market("toy", Pair("BTC", "USD"), "toy", "BTC-USD")
ETH = Market("toy", Pair("ETH", "USD"), "toy", "ETH-USD")
MATIC = Market("toy", Pair("MATIC", "USD"), "toy", "MATIC-USD")
OM = Market("toy", Pair("OM", "USD"), "toy", "OM-USD")
LUNC = Market("toy", Pair("LUNC", "USD"), "toy", "LUNC-USD")


class Middle:
    """Chance that always takes the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Hours(VirtualClock):
    """A clock that runs as fast as it is slept on, a number of times."""

    def __init__(self, start: int, sleeps: int) -> None:
        super().__init__(start)
        self.slept: list[float] = []
        self.left = sleeps
        self.over = anyio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left -= 1
        if self.left < 0:
            self.over.set()
            await anyio.sleep_forever()
        await super().sleep(seconds)


class Toy(PollingSource):
    """A venue that lists what the test says, one look after the other; an exception is raised."""

    type = "toy"
    url = "https://toy.example"

    def __init__(self, *looks: Any, context: Context) -> None:
        super().__init__(None, context)
        self.looks = list(looks)
        self.asked = 0

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(404)))

    def request(self, symbols: Sequence[str]) -> Iterable[Any]:
        return ()

    def parse(self, frame: Any) -> Iterable[Any]:
        return ()

    async def listings(self, http: Any) -> Iterable[Listing]:
        self.asked += 1
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]


class Silent(Toy):
    """A venue that does not say what it lists."""

    listings = PollingSource.listings


def listing(market: Market, state: Any = "trading", pair: Pair | None = None) -> Listing:
    return Listing(market.symbol, pair or market.pair, state)


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND


async def looked(
    *looks: Any,
    markets: Sequence[Market] = (BTC, ETH),
    day: str = "2026-11-22",
    kind: type[Toy] = Toy,
    latest: Mapping[tuple[str, str], Status] | None = None,
) -> tuple[list[tuple[str, str, str]], Toy, Hours]:
    """Look as often as there is something to see, once more, and return the statuses that were told."""
    told: list[Status] = []
    clock = Hours(at(day), len(looks) + 1)
    source = kind(*looks, context=Context("toy", clock, told.append))

    async def look() -> None:
        await Listings(source, markets, latest, Middle()).run()
        clock.over.set()

    with anyio.fail_after(3):
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            await clock.over.wait()
            group.cancel_scope.cancel()
    return [(str(status.market), status.state, status.code) for status in told], source, clock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_is_listed_is_no_news() -> None:
    """A market that trades is told nothing about."""
    told, source, clock = await looked([listing(BTC), listing(ETH)])
    assert told == []
    assert source.asked == 2
    assert clock.slept[:2] == [2.0, EVERY]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([listing(BTC)], "unlisted"),
        ([listing(BTC), listing(ETH, "delisted")], "delisted"),
        ([listing(BTC), listing(ETH, "halted")], "halted"),
    ],
)
async def test_what_has_no_price_is_told_once(found: list[Listing], code: str) -> None:
    """One message for one market, however often it is looked."""
    told, source, _ = await looked(found, found, found, found)
    assert source.asked == 5
    assert told == [("toy:ETH/USD", "degraded", code)]


async def test_what_the_venue_refused_is_not_told_again() -> None:
    """A market that a subscription was refused to has its message; another name is worth a second one."""
    refused = Status("toy", "degraded", "rejected")
    latest = {("toy", str(market)): refused for market in (ETH, MATIC)}
    assert (await looked([listing(BTC)], latest=latest))[0] == []
    found = [Listing("POL-USD", Pair("POL", "USD"))]
    assert [row[2] for row in (await looked(found, markets=(MATIC,), latest=latest))[0]] == ["renamed"]


async def test_what_was_listed_before_is_delisted_and_taken_back() -> None:
    """It is known from the looks before, and it is live again when it is back."""
    both = [listing(BTC), listing(ETH)]
    told, _, _ = await looked(both, both[:1], both[:1], both)
    assert told == [("toy:ETH/USD", "degraded", "delisted"), ("toy:ETH/USD", "live", "")]


async def test_another_trouble_of_a_market_is_told() -> None:
    """A market that was halted and then went is told twice."""
    told, _, _ = await looked([listing(BTC), listing(ETH, "halted")], [listing(BTC)])
    assert [code for _, _, code in told] == ["halted", "delisted"]


@pytest.mark.parametrize(
    ("market", "listed", "day", "code"),
    [
        (MATIC, Pair("POL", "USD"), "2026-11-22", "renamed"),
        (OM, Pair("MANTRA", "USD"), "2026-11-22", "renamed"),
        (OM, Pair("MANTRA", "USD"), "2026-03-01", "unlisted"),
        (MATIC, Pair("POL", "EUR"), "2026-11-22", "unlisted"),
        (LUNC, Pair("LUNA", "USD"), "2026-11-22", "unlisted"),
        (LUNC, Pair("LUNA", "USD"), "2022-05-27", "renamed"),
    ],
)
async def test_what_goes_by_another_name_is_renamed(market: Market, listed: Pair, day: str, code: str) -> None:
    """Of an asset whose other name is listed it is said which, in that name's time."""
    found = [Listing(f"{listed.base}-{listed.quote}", listed)]
    assert [row[2] for row in (await looked(found, markets=(market,), day=day))[0]] == [code]


async def test_another_asset_under_the_ticker_is_told_at_once() -> None:
    """What a venue means by a ticker is known without asking it."""
    hot = Market("htx", Pair("HOT", "USDT"), "htx", "hotusdt")
    told, source, _ = await looked([], markets=(hot, BTC), kind=Silent)
    assert told == [("htx:HOT/USDT", "degraded", "other_asset")]
    assert source.asked == 0
    told, _, _ = await looked([listing(hot)], markets=(hot,))
    assert told == [("htx:HOT/USDT", "degraded", "other_asset")]


async def test_a_source_without_listings_says_nothing() -> None:
    """Neither one that cannot tell, nor one that chrono does not connect, nor one without a market."""
    assert (await looked([], kind=Silent))[0] == []
    told, source, _ = await looked([], markets=())
    assert (told, source.asked) == ([], 0)

    class Own(Source):
        type = "own"

        async def run(self, markets: Any, emit: Any) -> None:
            """Bring its own connection."""

    await Listings(Own(), [BTC]).run()


@pytest.mark.parametrize(
    "failure", [ValueError("hunter2"), [], ["BTC-USD"], None, httpx.ConnectError("hunter2"), TypeError()]
)
async def test_what_cannot_be_read_is_asked_for_again(failure: Any) -> None:
    """A failure is no empty list: nothing is told of the markets, one line says so, and waits grow."""
    with capture_logs() as logs:
        told, source, clock = await looked(failure, failure, failure, [listing(BTC), listing(ETH)])
    assert told == []
    assert source.asked == 5
    assert clock.slept[1:5] == [10.0, 10.0, 20.0, EVERY]
    assert [line["event"] for line in logs] == ["listings_unread"]
    assert "hunter2" not in repr(logs)


async def test_a_pause_is_honoured_by_all_that_ask_the_venue() -> None:
    """HTTP 429 counts for the address, with the wait that it states."""
    request = httpx.Request("GET", "https://toy.example/markets")
    answer = httpx.Response(429, headers={"Retry-After": "120"}, request=request)
    error = httpx.HTTPStatusError("too many", request=request, response=answer)

    class Strict(Toy):
        type = "strict"

    with capture_logs():
        _, source, clock = await looked(error, [listing(BTC), listing(ETH)], kind=Strict)
    assert clock.slept[1] == 120.0
    assert source.account.paused(at("2026-11-22")) == 122.0
