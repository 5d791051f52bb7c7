"""The simulated venue as a source: due ticks, faults from its start, listings, configuration."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import ValidationError

import chrono_simulated
from chrono import Context, Market, Pair, Quote, Status, Tick, Trade
from chrono_simulated import Simulated

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
START = 1_795_342_500 * SECOND + 123_456_789
BTC = Market("north", Pair("BTC", "USD"), symbol="BTC/USD")
ETH = Market("north", Pair("ETH", "USD"), symbol="ETH/USD")


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, the one backend."""
    return "asyncio"


class SteppingClock:
    """A clock that moves by what is slept, and calls `stop` when its time is over."""

    def __init__(self) -> None:
        self.time = START
        self.until = START
        self.stop: Callable[[], None] = lambda: None

    def now(self) -> int:
        """Return where it stands."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += int(seconds * SECOND)
        if self.time > self.until:
            self.stop()
        await anyio.lowlevel.checkpoint()

    async def sleep_until(self, instant: int) -> None:
        """Move to an instant."""
        await self.sleep((instant - self.time) / SECOND)


@dataclass(frozen=True)
class Heard:
    """A tick, the time of receipt stated with it, and the time it was emitted at."""

    tick: Tick
    received: int | None
    at: int


def source(name: str = "north", clock: SteppingClock | None = None, **options: Any) -> Simulated:
    """Return a source with some options as a user writes them."""
    return Simulated(Simulated.Config.model_validate(options), Context(name, clock or SteppingClock()))


async def listen(venue: Simulated, seconds: float, *markets: Market) -> list[Heard]:
    """Run a source for some seconds of its clock and return what it emitted."""
    clock = venue.context.clock
    assert isinstance(clock, SteppingClock)
    heard: list[Heard] = []

    def emit(tick: Tick, received: int | None = None) -> None:
        heard.append(Heard(tick, received, clock.now()))

    with anyio.CancelScope() as scope:
        clock.until, clock.stop = clock.time + int(seconds * SECOND), scope.cancel
        await venue.run(markets or (BTC,), emit)
    return heard


def seconds_of(heard: list[Heard]) -> set[int]:
    """Return the seconds since the start in which something happened."""
    return {((each.tick.ts_event or 0) - START) // SECOND for each in heard}


async def test_prints_are_emitted_when_they_are_due() -> None:
    """Each print comes within a step after it happened, never before, in order, and the host stamps it."""
    heard = await listen(source(rate=50), 4)
    assert len(heard) == pytest.approx(200, rel=0.3)
    for each in heard:
        assert each.received is None
        assert 0 <= each.at - (each.tick.ts_event or 0) <= 0.051 * SECOND
    assert all((a.tick.ts_event or 0) <= (b.tick.ts_event or 0) for a, b in pairwise(heard))
    assert (heard[0].tick.ts_event or 0) >= START
    assert {each.tick.symbol for each in heard} == {"BTC/USD"}


async def test_latency_delays_the_receipt_alone() -> None:
    """A latency of 300 ms lets prints arrive that much after they happened."""
    heard = await listen(source(rate=50, latency="300ms"), 3)
    assert min(each.at - (each.tick.ts_event or 0) for each in heard) >= 0.3 * SECOND


async def test_sources_of_one_seed_follow_one_truth() -> None:
    """Two venues print at other times around the same price; another seed walks elsewhere."""
    north, south = [await listen(source(name, rate=100, noise="0bp"), 1) for name in ("north", "south")]
    truth = source().market(START)
    for each in north + south:
        assert isinstance(each.tick, Trade)
        assert each.tick.price == pytest.approx(truth.price(BTC.pair, each.tick.ts_event or 0), rel=1e-6)
    assert {each.tick.ts_event for each in north} != {each.tick.ts_event for each in south}
    assert source(seed=2).market(START).price(BTC.pair, START) != truth.price(BTC.pair, START)


async def test_venue_name_decides_the_prints() -> None:
    """The noise is drawn from the venue's name, which is the source's id unless stated."""
    assert await listen(source("a", venue="north"), 2) == await listen(source("north"), 2)


async def test_silent_venue_says_nothing_and_comes_back() -> None:
    """A silence after one second for two seconds leaves a hole of just that length."""
    heard = await listen(source(rate=50, faults=[{"kind": "silence", "after": "1s", "for": "2s"}]), 5)
    assert seconds_of(heard) == {0, 3, 4}


async def test_outlier_counts_from_the_start_of_the_source() -> None:
    """An outlier two seconds after the start is off from then on."""
    heard = await listen(source(rate=50, faults=[{"kind": "outlier", "move": "-5%", "after": "2s"}]), 4)
    truth = source().market(START)
    off = [
        each
        for each in heard
        if isinstance(each.tick, Trade) and each.tick.price < 0.97 * truth.price(BTC.pair, each.tick.ts_event or 0)
    ]
    assert seconds_of(off) == {2, 3}


async def test_depeg_moves_what_the_source_takes_for_the_truth() -> None:
    """A source with a depeg of USDT prints USDT/USD at 0.97, one without stays at 1."""
    usdt = Market("north", Pair("USDT", "USD"))
    fallen = await listen(source(faults=[{"kind": "depeg", "asset": "USDT", "move": "-3%"}]), 2, usdt)
    steady = await listen(source(), 2, usdt)
    prices = [each.tick.price for each in (fallen[-1], steady[-1]) if isinstance(each.tick, Trade)]
    assert prices == pytest.approx([0.97, 1.0], rel=2e-3)


async def test_dead_symbol_leaves_the_other_markets_alive() -> None:
    """One pair stops, the other goes on."""
    heard = await listen(source(rate=20, faults=[{"kind": "dead_symbol", "pairs": ["BTC/USD"]}]), 2, BTC, ETH)
    assert {each.tick.symbol for each in heard} == {"ETH/USD"}


async def test_quotes_are_emitted_on_request() -> None:
    """With `quotes: true` tops of book come as well."""
    assert {type(each.tick) for each in await listen(source(rate=20), 1)} == {Trade}
    assert {type(each.tick) for each in await listen(source(rate=20, quotes=True), 1)} == {Trade, Quote}


async def test_source_runs_again_after_it_was_cancelled() -> None:
    """A second run goes on with the clock, repeats nothing, and counts faults anew."""
    venue = source(rate=50, faults=[{"kind": "silence", "after": "1s"}])
    first = await listen(venue, 2)
    second = await listen(venue, 2)
    assert {each.tick.ts_event for each in first}.isdisjoint({each.tick.ts_event for each in second})
    assert seconds_of(second) == {2, 3}


async def test_long_pause_is_not_caught_up_in_full() -> None:
    """After the machine slept for an hour only the last seconds are emitted."""
    venue = source(rate=10)
    clock = venue.context.clock
    assert isinstance(clock, SteppingClock)
    slept: list[float] = []
    step = clock.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await step(3_600.0 if len(slept) == 3 else seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    heard = await listen(venue, 3_601)
    assert len(heard) < 200
    assert heard[-1].at > START + 3_600 * SECOND


async def test_status_is_live_at_the_start() -> None:
    """The venue is live as soon as it runs, before anything was printed."""
    told: list[Status] = []
    clock = SteppingClock()
    venue = Simulated(Simulated.Config(), Context("north", clock, told.append))
    await listen(venue, 0)
    assert [status.state for status in told] == ["live"]


@pytest.mark.parametrize(
    ("lists", "listed", "refused"),
    [
        (["USDT"], ["BTC/USDT"], ["BTC/USD", "USDT/USD"]),
        (["USDT", "USDT/USD"], ["BTC/USDT", "USDT/USD"], ["BTC/USD"]),
        ([], ["BTC/USDT", "BTC/USD"], []),
    ],
)
async def test_symbol_refuses_what_the_venue_does_not_list(
    lists: list[str], listed: list[str], refused: list[str]
) -> None:
    """Pairs of other quotes are refused, with what is listed."""
    venue = source(lists=lists)
    assert [venue.symbol(Pair.parse(text)) for text in listed] == listed
    for text in refused:
        with pytest.raises(ValueError, match=r"expected a pair or quote that the venue lists \(USDT"):
            venue.symbol(Pair.parse(text))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nosie": "2bp"}, "Extra inputs are not permitted"),
        ({"noise": 2}, "expected a share with its unit"),
        ({"rate": -1}, "greater than or equal to 0"),
        ({"latency": "80"}, "expected a duration with its unit"),
        ({"lists": ["USDT/USD/X"]}, "expected a quote like USDT or a pair like USDT/USD, was 'USDT/USD/X'"),
        ({"lists": ["usdt"]}, "expected a quote like USDT or a pair like USDT/USD, was 'usdt'"),
        ({"volume": "0%"}, "greater than 0"),
        ({"faults": [{"kind": "silent"}]}, "does not match any of the expected tags"),
        ({"faults": [{"kind": "outlier", "move": "x"}]}, "expected a move with its unit"),
    ],
)
async def test_wrong_configuration_is_refused(options: dict[str, Any], message: str) -> None:
    """What cannot be meant is refused with what was expected."""
    with pytest.raises(ValidationError, match=message):
        source(**options)


async def test_every_option_is_described() -> None:
    """The JSON Schema describes each option, for editors."""
    properties = Simulated.Config.model_json_schema()["properties"]
    assert [name for name, entry in properties.items() if not entry.get("description")] == []


async def test_plugin_offers_its_one_type() -> None:
    """The hook names the class, and the entry point is its type."""
    assert list(chrono_simulated.chrono_sources()) == [Simulated]
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert f'{Simulated.type} = "chrono_simulated"' in project
