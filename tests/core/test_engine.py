"""A pipeline as it runs: who starts when, who fails how, what is left."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from structlog.testing import capture_logs

from chrono.core import engine as engine_module
from chrono.core.clock import Clock, VirtualClock, WallClock
from chrono.core.component import Aggregator, Component, Emit, Sink, Source
from chrono.core.engine import Engine, load_state, save_state
from chrono.core.errors import PermanentError, RateLimited, TransientError
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import PricingState
from chrono.core.recording import read
from chrono.core.transport import PollingSource
from chrono.core.types import SECOND, Estimate, Listing, Market, Pair, Report, Trade
from chrono.core.windows import TradeWindow
from tests.core.conftest import Kept, Make

pytestmark = pytest.mark.anyio

START = 1_795_342_500 * SECOND
TEXT = "feeds: {BTC/USD: {}}\nquotes: [USD]\nconsensus: {median: {min_venues: 1}}\n"


@pytest.fixture(autouse=True)
def log() -> Iterator[list[str]]:
    """What the components of a test did, in order."""
    _LOG.clear()
    with capture_logs():
        yield _LOG


_LOG: list[str] = []


class Steady(Source):
    """Prints once at once, then waits to be stopped."""

    type = "steady"

    async def __aenter__(self) -> Any:
        _LOG.append("source opened")
        return self

    async def __aexit__(self, *exc: object) -> None:
        _LOG.append("source closed")

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        _LOG.append("source running")
        try:
            for market in markets:
                emit(Trade(market.symbol, 100.0, 1.0))
            await anyio.sleep_forever()
        finally:
            _LOG.append("source cancelled")


class Scripted(Source):
    """Raises what the test says, one after the other, then prints."""

    type = "scripted"
    script: list[Exception] = []

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        if self.script:
            raise self.script.pop(0)
        emit(Trade(markets[0].symbol, 50.0, 1.0))


class Witness(Sink):
    """Says when it opens, publishes and closes."""

    type = "witness"

    async def __aenter__(self) -> Any:
        _LOG.append("sink opened")
        return self

    async def __aexit__(self, *exc: object) -> None:
        _LOG.append("sink closed")

    async def publish(self, report: Report) -> None:
        await anyio.lowlevel.checkpoint()
        _LOG.append("published")


def kept(pipeline: Pipeline) -> list[Report]:
    sink = pipeline.sinks["kept"]
    assert isinstance(sink, Kept)
    return sink.reports


async def test_sinks_open_first_and_close_last(make: Make) -> None:
    """Downstream is entered before upstream and left after it, and the last report is delivered in between."""
    text = TEXT + "sources: {steady: {}}\nsinks: {witness: {}}\n"
    await Engine(make(text, source=[Steady], sink=[Witness]), VirtualClock(START), rounds=1).run()
    assert [entry for entry in _LOG if entry != "published"] == [
        "sink opened",
        "source opened",
        "source running",
        "source cancelled",
        "source closed",
        "sink closed",
    ]
    assert _LOG.index("published") < _LOG.index("source closed")


class Lister(PollingSource):
    """Prints at once, and never finishes saying what the venue lists unless the test says what."""

    type = "lister"
    found: list[Listing] = []

    def http(self) -> Any:
        return contextlib.nullcontext()

    def request(self, symbols: Sequence[str]) -> Any:
        return ()

    def parse(self, frame: Any) -> Any:
        return ()

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        emit(Trade(markets[0].symbol, 100.0, 1.0))
        await anyio.sleep_forever()

    async def listings(self, http: Any) -> Any:
        if not self.found:
            _LOG.append("asked for listings")
            await anyio.sleep_forever()
        return self.found


@pytest.mark.parametrize("listed", [[], [Listing("ETH/USD", Pair("ETH", "USD"))]])
async def test_listings_are_read_beside_the_rounds(make: Make, listed: list[Listing]) -> None:
    """A venue that does not answer holds up nothing; one that does changes statuses and no price."""
    Lister.found = listed
    pipeline = make(TEXT + "sources: {lister: {}}\n", source=[Lister])
    engine = Engine(pipeline, VirtualClock(START))
    with anyio.fail_after(3):
        async with anyio.create_task_group() as group:
            group.start_soon(engine.run)
            while not (kept(pipeline) and (("lister", "lister:BTC/USD") in engine.statuses.latest or _LOG)):  # noqa: ASYNC110 - no event tells
                await anyio.sleep(0.001)
            engine.stop.set()
    assert kept(pipeline)[0].prices["BTC/USD"].value == 100.0
    told = engine.statuses.latest.get(("lister", "lister:BTC/USD"))
    assert (told and told.code) == ("unlisted" if listed else None)


async def test_rounds_are_priced_and_counted(make: Make) -> None:
    """As many as were asked for, one a second from the first whole second on."""
    pipeline = make(TEXT + "sources: {steady: {}}\n", source=[Steady])
    summary = await Engine(pipeline, VirtualClock(START + 1), rounds=3).run()
    assert (summary.rounds, summary.priced, summary.ticks) == (3, 3, 1)
    assert [report.round.as_of for report in kept(pipeline)] == [START + n * SECOND for n in (1, 2, 3)]


@pytest.mark.parametrize("error", [PermanentError("unknown api key; correct it"), RuntimeError("a bug")])
async def test_source_that_fails_for_good_leaves_the_others_alone(make: Make, error: Exception) -> None:
    """Its status says why; the feed is priced from the rest."""
    Scripted.script = [error]
    pipeline = make(TEXT + "sources: {steady: {}, scripted: {}}\n", source=[Steady, Scripted])
    engine = Engine(pipeline, VirtualClock(START), rounds=2)
    await engine.run()
    assert engine.statuses.failed() == {"scripted"}
    assert [report.prices["BTC/USD"].value for report in kept(pipeline)] == [100.0, 100.0]


async def test_transient_failure_is_tried_again(make: Make) -> None:
    """After a wait the source runs again."""
    Scripted.script = [TransientError("busy"), TransientError("busy")]
    pipeline = make(TEXT + "sources: {scripted: {}}\n", source=[Scripted])
    engine = Engine(pipeline, VirtualClock(START), rounds=6)
    await engine.run()
    assert kept(pipeline)[-1].prices["BTC/USD"].value == 50.0


async def test_pause_that_a_source_is_asked_for_is_kept(make: Make) -> None:
    """It is not run again before."""
    Scripted.script = [RateLimited("slow down", 20.0)]
    pipeline = make(TEXT + "sources: {scripted: {}}\n", source=[Scripted])
    await Engine(pipeline, VirtualClock(START), rounds=60).run()
    first = next(report.round.as_of for report in kept(pipeline) if report.prices)
    assert first >= START + 20 * SECOND


async def test_failure_in_a_task_group_is_judged_like_any_other(make: Make) -> None:
    """A source that runs tasks of its own raises groups."""
    Scripted.script = [ExceptionGroup("tasks", [TransientError("busy")])]
    pipeline = make(TEXT + "sources: {scripted: {}}\n", source=[Scripted])
    await Engine(pipeline, VirtualClock(START), rounds=6).run()
    assert kept(pipeline)[-1].prices["BTC/USD"].value == 50.0


class Relapsing(Source):
    """Works for an hour, then loses its connection, time and again."""

    type = "relapsing"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        _LOG.append(str(self.context.clock.now()))
        if len(_LOG) > 20:
            await anyio.sleep_forever()
        await self.context.clock.sleep(3600)
        raise TransientError("connection lost")


async def test_source_that_worked_for_long_is_tried_again_at_once(make: Make) -> None:
    """Waits grow while it fails, not over the months."""
    pipeline = make(TEXT + "sources: {relapsing: {}}\n", source=[Relapsing])
    await Engine(pipeline, VirtualClock(START), rounds=50).run()
    starts = [int(entry) for entry in _LOG]
    assert len(starts) > 20
    assert max(later - earlier for earlier, later in itertools.pairwise(starts)) < 3610 * SECOND


class Faulty(Aggregator):
    """Has a bug."""

    type = "faulty"

    def aggregate(self, window: TradeWindow) -> Estimate:
        raise KeyError("price")


async def test_plugin_that_fails_in_every_round_is_told_once(make: Make) -> None:
    """The rounds go on, each feed with its reason, and the log has one traceback."""
    pipeline = make(TEXT + "sources: {steady: {}}\naggregator: faulty\n", source=[Steady], aggregator=[Faulty])
    engine = Engine(pipeline, VirtualClock(START), rounds=5)
    with capture_logs() as logs:
        await engine.run()
    assert [report.missing["BTC/USD"].reason["code"] for report in kept(pipeline)] == ["no_quorum"] * 5
    assert len([entry for entry in logs if "traceback" in entry]) == 1
    assert engine.statuses.failed() == {"faulty"}


class Shut(Sink):
    """Cannot open."""

    type = "shut"

    async def __aenter__(self) -> Any:
        raise OSError(98, "Address already in use")

    async def publish(self, report: Report) -> None:
        """Never called."""


async def test_component_that_cannot_start_is_named(make: Make) -> None:
    """What was opened before it is closed again."""
    text = TEXT + "sources: {steady: {}}\nsinks: {witness: {}, port: {type: shut}}\n"
    with pytest.raises(PermanentError, match="port could not start: .*Address already in use"):
        await Engine(make(text, source=[Steady], sink=[Witness, Shut]), VirtualClock(START), rounds=1).run()
    assert _LOG == ["sink opened", "sink closed"]


async def test_stop_ends_a_run_in_order(make: Make) -> None:
    """A stop in the middle still delivers what was priced."""
    text = TEXT + "sources: {steady: {}}\nevery: 50ms\nsinks: {witness: {}}\n"
    engine = Engine(make(text, source=[Steady], sink=[Witness]), WallClock())
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.run)
            while "published" not in _LOG:
                await anyio.lowlevel.checkpoint()
            engine.stop.set()
    assert _LOG[-2:] == ["source closed", "sink closed"]


class Slow(Sink):
    """Takes for ever over its first report."""

    type = "slow"

    async def publish(self, report: Report) -> None:
        await anyio.sleep_forever()


async def test_round_waits_for_nobody(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sink hangs; the other gets every round in time, and the loss is counted."""
    monkeypatch.setattr(engine_module, "GRACE", 0.05)
    text = TEXT + "sources: {steady: {}}\nsinks: {kept: {}, slow: {}}\n"
    pipeline = make(text, source=[Steady], sink=[Slow])
    summary = await Engine(pipeline, VirtualClock(START), rounds=40).run()
    assert len(kept(pipeline)) == 40
    assert summary.dropped == {"slow": 40}


class Full(Sink):
    """Fails for good."""

    type = "full"

    async def publish(self, report: Report) -> None:
        raise PermanentError("the disk is full; make room")


async def test_run_ends_when_no_sink_is_left(make: Make) -> None:
    """Publishing to nobody is a failure."""
    text = TEXT + "sources: {steady: {}}\nsinks: {full: {}}\n"
    with anyio.fail_after(5), pytest.raises(PermanentError, match="no sink is left"):
        await Engine(make(text, source=[Steady], sink=[Full]), VirtualClock(START)).run()


async def test_fault_of_the_core_ends_the_run(make: Make) -> None:
    """A bug of ours is not hidden behind a plugin."""
    pipeline = make(TEXT + "sources: {steady: {}}\n", source=[Steady])
    object.__setattr__(pipeline, "plans", [None])
    with pytest.raises(AttributeError):
        await Engine(pipeline, VirtualClock(START)).run()


async def test_ticks_of_a_source_with_its_own_connection_are_recorded(make: Make, tmp_path: Path) -> None:
    """Beside them stands which rounds were priced."""
    pipeline = make(TEXT + "sources: {steady: {}}\n", source=[Steady])
    await Engine(pipeline, VirtualClock(START), rounds=2, record=tmp_path).run()
    (record,) = read([tmp_path], pytest.fail)
    assert (record.kind, record.source, record.ts) == ("tick", "steady", START)
    run = msgspec.json.decode((tmp_path / f"{START}.run.json").read_bytes())
    assert (run["first"], run["last"]) == (START // SECOND, START // SECOND + 1)


class Dating(Source):
    """Says when it received its ticks, and is wrong about it."""

    type = "dating"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        now = self.context.clock.now()
        for received in (now - 3600 * SECOND, now + 3600 * SECOND):
            emit(Trade(markets[0].symbol, 100.0, 1.0), received)
        await anyio.sleep_forever()


async def test_ticks_of_a_source_with_its_own_connection_are_stamped_by_the_host(make: Make, tmp_path: Path) -> None:
    """No time of theirs has a round passed over, or is missing from the recording."""
    pipeline = make(TEXT + "sources: {dating: {}}\n", source=[Dating])
    summary = await Engine(pipeline, VirtualClock(START), rounds=2, record=tmp_path).run()
    assert (summary.rounds, summary.skipped) == (2, 0)
    assert [record.ts for record in read([tmp_path], pytest.fail)] == [START, START]


class Sticky(Witness):
    """Cannot close."""

    type = "sticky"

    async def __aexit__(self, *exc: object) -> None:
        raise RuntimeError("a bug")


async def test_component_that_fails_to_close_costs_nothing_else(make: Make, tmp_path: Path) -> None:
    """The others are closed, the state is kept, and the run ends as it did."""
    text = TEXT + "sources: {steady: {}}\nsinks: {kept: {}, witness: {}, sticky: {}}\n"
    text += f"limits: {{max_jump: 10%}}\nstate: {tmp_path / 'state.json'}\n"
    engine = Engine(make(text, source=[Steady], sink=[Witness, Sticky]), VirtualClock(START), rounds=1)
    summary = await engine.run()
    assert summary.rounds == 1
    assert _LOG[-1] == "sink closed"
    assert engine.statuses.failed() == {"sticky"}
    assert load_state(tmp_path / "state.json").published["BTC/USD"].value == 100.0


async def test_state_is_kept_across_restarts(make: Make, tmp_path: Path) -> None:
    """What was published last is known to the next run."""
    text = TEXT + f"sources: {{steady: {{}}}}\nlimits: {{max_jump: 10%}}\nstate: {tmp_path / 'state.json'}\n"
    await Engine(make(text, source=[Steady]), VirtualClock(START), rounds=1).run()
    assert load_state(tmp_path / "state.json").published["BTC/USD"].value == 100.0


async def test_state_that_cannot_be_saved_costs_no_run(make: Make, tmp_path: Path) -> None:
    """A disk that refuses is told; the rounds go on."""
    text = TEXT + f"sources: {{steady: {{}}}}\nstate: {tmp_path / 'nowhere' / 'state.json'}\n"
    with capture_logs() as said:
        summary = await Engine(make(text, source=[Steady]), VirtualClock(START), rounds=1).run()
    assert summary.priced == 1
    assert "was refused: No such file or directory; the run goes on" in said[-1]["event"]


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    """With what to do, and without touching it."""
    path = tmp_path / "state.json"
    assert load_state(path) == PricingState()
    save_state(path, PricingState())
    assert load_state(path) == PricingState()
    path.write_text('{"version": 2}')
    with pytest.raises(PermanentError, match="expected version 1, was 2; remove it"):
        load_state(path)
    path.write_text("{")
    with pytest.raises(PermanentError, match="was damaged"):
        load_state(path)


def test_every_component_is_handed_the_same_host(make: Make) -> None:
    """Under its own name."""
    pipeline = make(TEXT + "sources: {steady: {}, other: {type: steady}}\n", source=[Steady])
    names = {component.context.name for component in pipeline.components()}
    assert names == {"steady", "other", "kept", "last", "median", "flatline", "deviation", "drift"}
    assert all(isinstance(component, Component) for component in pipeline.components())


class Rhythmic(Sink):
    """Wants a report a quarter of a second after each second."""

    type = "rhythmic"

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self.instants: list[int] = []

    async def trigger(self, clock: Clock) -> AsyncIterator[int]:
        for number in range(1, 4):
            yield START + number * SECOND + SECOND // 4

    async def publish(self, report: Report) -> None:
        self.instants.append(report.round.as_of)


async def test_sink_with_a_rhythm_of_its_own_gets_its_own_instants_alone(make: Make) -> None:
    """Beside others, who get every round."""
    text = TEXT + "sources: {steady: {}}\nsinks: {kept: {}, rhythmic: {}}\n"
    pipeline = make(text, source=[Steady], sink=[Rhythmic])
    await Engine(pipeline, VirtualClock(START), rounds=5).run()
    rhythmic = pipeline.sinks["rhythmic"]
    assert isinstance(rhythmic, Rhythmic)
    assert rhythmic.instants == [START + n * SECOND + SECOND // 4 for n in (1, 2, 3)]
    assert len(kept(pipeline)) == 5


class Offbeat(Rhythmic):
    """Cannot say when it wants its reports."""

    type = "offbeat"

    def trigger(self, clock: Clock) -> AsyncIterator[int]:
        raise KeyError("epoch")


async def test_sink_that_cannot_say_its_rhythm_does_not_stop_the_rounds(make: Make) -> None:
    """It gets no reports at all: they would not be those it wants."""
    text = TEXT + "sources: {steady: {}}\nsinks: {kept: {}, offbeat: {}}\n"
    pipeline = make(text, source=[Steady], sink=[Offbeat])
    engine = Engine(pipeline, VirtualClock(START), rounds=3)
    await engine.run()
    offbeat = pipeline.sinks["offbeat"]
    assert isinstance(offbeat, Rhythmic)
    assert (len(kept(pipeline)), offbeat.instants) == (3, [])
    assert engine.statuses.failed() == {"offbeat"}


class Sloppy(Source):
    """Sends what nobody can use, beside what is in order."""

    type = "sloppy"

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        emit(Trade("elsewhere", 100.0, 1.0))
        for _ in range(3):
            emit(Trade(markets[0].symbol, 100.0, 1.0, trade_id="0"))
        emit(Trade(markets[0].symbol, -1.0, 1.0))
        emit(Trade(markets[0].symbol, 1.0, 1.0, ts_event=START * 1000))


async def test_dropped_ticks_are_said_once_with_what_to_do(make: Make) -> None:
    """A frozen price has its reason in the log, and the count is in the summary."""
    pipeline = make(TEXT + "sources: {sloppy: {}}\n", source=[Sloppy])
    with capture_logs() as logs:
        summary = await Engine(pipeline, VirtualClock(START), rounds=3).run()
    said = sorted(entry["event"] for entry in logs if entry.get("code") == "dropped")
    assert [line.partition(": ")[2].split(":")[0] for line in said] == [
        "a number that cannot be one, or a bid above its ask",
        "dated in the future",
        "of a symbol that nobody asked for",
        "under a trade id that was there before",
    ]
    assert (summary.ticks, summary.refused) == (1, 5)


async def test_source_that_ends_by_itself_says_so(make: Make) -> None:
    """Nobody takes it for live."""
    Scripted.script = []
    engine = Engine(make(TEXT + "sources: {scripted: {}}\n", source=[Scripted]), VirtualClock(START), rounds=1)
    await engine.run()
    assert (engine.statuses.latest["scripted", ""].state, engine.statuses.latest["scripted", ""].code) == (
        "stopped",
        "ended",
    )
