"""Looking on while a round is priced: which round a time means, and that looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from chrono.core.component import Detector
from chrono.core.errors import ConfigError
from chrono.core.moment import Moment, instant
from chrono.core.pipeline import Pipeline
from chrono.core.pricing import PricingState, Published
from chrono.core.recording import Run
from chrono.core.replay import Replay
from chrono.core.types import SECOND, Estimate, Report, Verdict
from chrono.core.witness import Witness
from tests.core.conftest import Kept, Make
from tests.core.test_replay import PUSH, START, Memory, tick, write

pytestmark = pytest.mark.anyio

MANY = """\
feeds:
  USDT/USD: {decimals: 5, markets: ['v1:USDT/USD', 'v2:USDT/USD']}
  BTC/USD: {decimals: 2, markets: ['v1:BTC/USD', 'v2:BTC/USDT', 'v3:BTC/USDT']}
sources: {v1: {type: push}, v2: {type: push}, v3: {type: push}}
aggregator: {median: {window: 10s, count: 3}}
detectors: [memory]
consensus: {weighted_median: {min_venues: 1, max_age: 5s}}
limits: {max_jump: 1%}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def witnessed(pipeline: Pipeline, feed: str, at: float, *paths: Path) -> Moment:
    """Return the moment of a time in seconds after the start."""
    witness = Witness(pipeline, paths, feed, START + int(at * SECOND))
    await witness.replay.run()
    return witness.moment()


async def reported(pipeline: Pipeline, *paths: Path) -> list[Report]:
    await Replay(pipeline, paths).run()
    sink = pipeline.sinks["kept"]
    assert isinstance(sink, Kept)
    return sink.reports


def session(folder: Path, seconds: int = 12) -> Path:
    """Write a recording of three venues, one of them at times far off."""
    lines = []
    for number in range(seconds * 4):
        at, walk = 0.1 + number / 4, 1 + number / 5000
        lines += [
            tick(at, 100.0 * walk * (1.03 if 16 <= number < 20 else 1.0), size=1.0 + number / 3),
            tick(at + 0.01, 99.9 * walk, "v2", pair="BTC/USDT"),
            tick(at + 0.02, 100.2 * walk, "v3", pair="BTC/USDT", size=number / 7),
            tick(at + 0.03, 1.001, pair="USDT/USD"),
            tick(at + 0.04, 1.0 + number / 9e4, "v2", pair="USDT/USD"),
        ]
    return write(folder / "session.jsonl", *lines)


async def test_moment_is_what_a_replay_reports_to_the_bit(make: Make, tmp_path: Path) -> None:
    """Of every round: with memory, conversions, a window cut short and a guard against jumps."""
    path = session(tmp_path)
    reports = await reported(make(MANY, detector=[Memory]), path)
    assert {len(report.missing) for report in reports} > {0}
    for report in reports:
        at = (report.round.as_of - START) / SECOND
        assert (await witnessed(make(MANY, detector=[Memory]), "BTC/USD", at, path)).report == report


async def test_moment_starts_from_the_state_of_the_recorded_run(make: Make, tmp_path: Path) -> None:
    """What was remembered when it began decides whether a value jumps."""
    path = write(tmp_path / "r.jsonl", tick(0.5, 2.0), tick(1.5, 2.0))
    first = START // SECOND + 1
    state = PricingState(published={"BTC/USD": Published(START, 1.0, {"v1": 2.0})})
    (tmp_path / "r.run.json").write_bytes(msgspec.json.encode(Run(SECOND, START, msgspec.to_builtins(state), first)))
    moment = await witnessed(make(PUSH + "limits: {max_jump: 1%}\n"), "BTC/USD", 1, path)
    assert moment.report.missing["BTC/USD"].reason["code"] == "max_jump"
    assert moment.published == state.published


async def test_nothing_is_published(make: Make, tmp_path: Path) -> None:
    """A question has no consequences."""
    pipeline = make(PUSH)
    await witnessed(pipeline, "BTC/USD", 1, write(tmp_path / "r.jsonl", tick(0.5, 1.0), tick(2.5, 2.0)))
    sink = pipeline.sinks["kept"]
    assert isinstance(sink, Kept)
    assert sink.reports == []


class Spent(Detector):
    """Says what it has to say only once."""

    type = "spent"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Any, Any]:
        return (Verdict(e.market, keep=False, score=1.0, code="spent") for e in estimates), state


async def test_looking_takes_nothing_away(make: Make, tmp_path: Path) -> None:
    """A detector may answer with an iterator."""
    pipeline = make(PUSH + "detectors: [spent]\n", detector=[Spent])
    moment = await witnessed(pipeline, "BTC/USD", 1, write(tmp_path / "r.jsonl", tick(0.5, 1.0)))
    assert [verdict.code for _, verdict in moment.seen["BTC/USD"].verdicts] == ["spent"]
    assert [reason["code"] for reason in moment.report.missing["BTC/USD"].dropped.values()] == ["spent"]


class Broken(Detector):
    """Always raises."""

    type = "broken"

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        raise RuntimeError("no idea")


async def test_component_that_fails_does_so_as_in_a_replay(make: Make, tmp_path: Path) -> None:
    """It is named in the log and passed over."""
    path = write(tmp_path / "r.jsonl", tick(0.5, 1.0))
    with capture_logs() as logs:
        moment = await witnessed(make(PUSH + "detectors: [broken]\n", detector=[Broken]), "BTC/USD", 1, path)
    assert moment.report.prices["BTC/USD"].value == 1.0
    assert [entry["component"] for entry in logs if entry["log_level"] == "error"] == ["broken"]


@pytest.mark.parametrize(("at", "wanted"), [(1.0, 1.0), (1.999, 1.0), (2.0, 2.0), (3.5, 3.0)])
async def test_time_means_the_last_round_by_then(make: Make, tmp_path: Path, at: float, wanted: float) -> None:
    """What a reader of the price saw at that time."""
    path = write(tmp_path / "r.jsonl", *(tick(n - 0.5, float(n)) for n in range(1, 4)))
    moment = await witnessed(make(PUSH), "BTC/USD", at, path)
    assert moment.report.prices["BTC/USD"].value == wanted


async def test_round_that_was_passed_over_means_the_one_before(make: Make, tmp_path: Path) -> None:
    """Nothing was published at that time but what stood."""
    path = write(tmp_path / "r.jsonl", *(tick(n - 0.5, float(n)) for n in range(1, 5)))
    first = START // SECOND + 1
    run = Run(SECOND, START, msgspec.to_builtins(PricingState()), first, first + 3, skipped=[first + 1, first + 2])
    (tmp_path / "r.run.json").write_bytes(msgspec.json.encode(run))
    moment = await witnessed(make(PUSH), "BTC/USD", 3, path)
    assert (moment.report.round.id, moment.asked) == (first, START + 3 * SECOND)


@pytest.mark.parametrize("at", [0.9, -1000.0, 4.0, 1e6])
async def test_time_outside_the_recording_is_refused_with_its_span(make: Make, tmp_path: Path, at: float) -> None:
    """Before its first round, or after its last."""
    path = write(tmp_path / "r.jsonl", *(tick(n - 0.5, float(n)) for n in range(1, 4)))
    span = r"from 2026-11-22T10:15:01\.0{9}Z to 2026-11-22T10:15:03\.0{9}Z \(round 1795342501 to 1795342503\)$"
    with pytest.raises(ConfigError, match=span):
        await witnessed(make(PUSH), "BTC/USD", at, path)


@pytest.mark.parametrize(
    ("feed", "wanted"),
    [
        ("btc/usd", "expected one of the feeds BTC/USD, was 'btc/usd'; did you mean BTC/USD"),
        ("BTC/USDT", "expected one of the feeds BTC/USD, was 'BTC/USDT'; did you mean BTC/USD"),
        ("Ω", "expected one of the feeds BTC/USD, was 'Ω'"),
    ],
)
def test_feed_that_is_not_there_is_refused_with_the_nearest_name(
    make: Make, tmp_path: Path, feed: str, wanted: str
) -> None:
    """Before anything is replayed."""
    with pytest.raises(ConfigError) as refused:
        Witness(make(PUSH), [tmp_path], feed, START)
    assert refused.value.problems == (wanted,)


NS = START + 123_456_789


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-22T10:15:00.123456789Z", NS),
        ("2026-11-22T10:15:00.1234567891Z", NS),
        ("2026-11-22 11:15:00,123456789+01:00", NS),
        ("2026-11-22T10:15:00.123456789", NS),
        ("20261122T101500.123456789Z", NS),
        (str(NS), NS),
        ("2026-11-22T10:15:00Z", START),
        ("2026-11-22T10:15", START),
        ("1795342500", START),
        ("round:1795342500", START),
        ("1970-01-01", 0),
        ("0", 0),
    ],
)
def test_time_is_read_as_it_is_written(text: str, wanted: int) -> None:
    """To the nanosecond; in UTC unless it says otherwise."""
    assert instant(text, SECOND) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "10:15",
        "-1",
        "1.5",
        "1795342500.5",
        "1795342500123",
        "1795342500123456",
        "9" * 19,
        "9" * 5000,
        "round:",
        "round:-1",
        "round:x",
        "round:" + "9" * 19,
        "round:" + "9" * 5000,
        "2026-13-01T00:00:00Z",
        "2026-11-22T10:15.5",
        "1969-12-31T23:59:59.999999999Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "2026-11-22T10:15:00Z\n2026",
        "\u0661\u0667\u0669\u0665",
        "\x00",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """In one line that says what was expected."""
    with pytest.raises(ValueError, match="^expected ") as refused:
        instant(text, SECOND)
    assert "\n" not in str(refused.value)
