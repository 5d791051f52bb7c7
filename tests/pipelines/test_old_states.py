"""A saved state of another shape, of an older version or of other options: refused at once, or begun anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from chrono.cli.app import run as chrono
from chrono.core.engine import Engine
from chrono.core.errors import PermanentError
from chrono.core.types import SECOND, Price, Report
from tests.pipelines.eventful import AGAIN, BREAK, TEXT, Printed, Runs

pytest.importorskip("chrono_jump", reason="the plugin chrono-jump is not installed")
pytest.importorskip("chrono_volume", reason="the plugin chrono-volume is not installed")

UNTIL = AGAIN + 6 * SECOND
OTHERS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda memory: "of old",
    "a list": lambda memory: [1, 2],
    "a number": lambda memory: 7,
    "other keys": lambda memory: {"of old": 1},
    "no keys": lambda memory: {},
    "null values": lambda memory: dict.fromkeys(memory),
    "text values": lambda memory: dict.fromkeys(memory, "of old"),
}


@pytest.fixture(autouse=True)
def said() -> Iterator[list[Any]]:
    """What is logged."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a run of two minutes remembers: v2 is in quarantine, v4 flat."""
    made = Runs(tmp_path_factory.mktemp("saved"))
    with capture_logs():
        anyio.run(made.live, made.printed("first"), BREAK - 80 * SECOND, BREAK)
    return json.loads(made.state.read_bytes())


def restarted(folder: Path, state: Any, text: str = TEXT) -> tuple[Engine, Printed, Runs]:
    """Run for some seconds from a state."""
    made = Runs(folder, text)
    made.state.write_text(json.dumps(state))
    sink = made.printed("second")
    return anyio.run(made.live, sink, AGAIN, UNTIL), sink, made


def code(report: Report, feed: str, market: str) -> str | None:
    """Return why a market was dropped in a round, None where it was used."""
    result = next(result for result in report.results if result.feed.name == feed)
    return next((reason["code"] for each, reason in result.dropped.items() if str(each) == market), None)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, saved: Any) -> Printed:
    """What a run prints that remembers nothing but what was published."""
    with capture_logs():
        return restarted(tmp_path_factory.mktemp("fresh"), {**saved, "components": {}})[1]


@pytest.mark.parametrize("other", OTHERS)
def test_memory_of_another_shape_is_begun_anew(
    other: str, saved: Any, fresh: Printed, said: list[Any], tmp_path: Path
) -> None:
    """As at a first start, in the same round and for good; each component says so once, and a replay does the same."""
    memories = {key: OTHERS[other](memory) for key, memory in saved["components"].items()}
    engine, sink, made = restarted(tmp_path, {**saved, "components": memories})
    assert sink.reports == fresh.reports
    assert all(isinstance(result, Price) for result in sink.reports[-1].results)
    assert engine.statuses.failed() == set()
    told = [each["component"] for each in said if each.get("code") == "forgotten"]
    assert len(told) == len(set(told)) > 0
    assert ("flatline" in told, "deviation" in told) == (True, other != "no keys")
    again = made.printed("again")
    anyio.run(made.replay, again)
    assert (again.lines, again.reports) == (sink.lines, sink.reports)


def test_memory_of_one_component_costs_the_others_nothing(saved: Any, said: list[Any], tmp_path: Path) -> None:
    """The flat line is forgotten, the quarantine is not."""
    memories = {**saved["components"], "BTC/USD flatline": {"version": 0}}
    _, sink, _ = restarted(tmp_path, {**saved, "components": memories})
    last = sink.reports[-1]
    assert code(last, "BTC/USD", "v4:BTC/USDT") != "flatline"
    assert code(last, "ETH/USD", "v4:ETH/USDT") == "flatline"
    assert code(last, "BTC/USD", "v2:BTC/USDT") == "quarantine"
    (line,) = (each for each in said if each.get("code") == "forgotten")
    assert line["event"] == (
        "BTC/USD flatline: expected to use what it remembered, could not: KeyError: 'at'; "
        "it began anew, as at a first start"
    )
    assert (line["log_level"], line["state"]) == ("warning", "degraded")


@pytest.mark.parametrize(
    ("option", "other"),
    [
        ("detectors: [flatline, deviation,", "detectors: [flatline, {deviation: {release: 40s, noise_floor: 7bp}},"),
        ("detectors: [flatline,", "detectors: [{flatline: {every: 12s, move: 60bp}},"),
        ("drift, jump,", "{drift: {threshold: 120}}, {jump: {within: 90s, confirm: 20s}},"),
        ("learn: 2m", "learn: 5m, noise_floor: 4bp"),
    ],
)
def test_other_options_go_on_with_what_is_remembered(
    saved: Any, said: list[Any], tmp_path: Path, option: str, other: str
) -> None:
    """A venue does not come back from quarantine because a number in the file was changed."""
    assert option in TEXT
    _, sink, _ = restarted(tmp_path, saved, TEXT.replace(option, other))
    last = sink.reports[-1]
    for feed, quote in (("BTC/USD", "BTC/USDT"), ("ETH/USD", "ETH/USDT")):
        assert (code(last, feed, f"v2:{quote}"), code(last, feed, f"v4:{quote}")) == ("quarantine", "flatline")
    assert not [each for each in said if each.get("code") == "forgotten"]


def test_component_that_is_new_begins_without_a_memory(saved: Any, said: list[Any], tmp_path: Path) -> None:
    """A state from before there was a second detector of a kind, or a learning consensus, has nothing for it."""
    kept = {key: memory for key, memory in saved["components"].items() if key.endswith(("deviation", "flatline"))}
    _, sink, _ = restarted(tmp_path, {**saved, "components": kept})
    assert code(sink.reports[-1], "BTC/USD", "v2:BTC/USDT") == "quarantine"
    assert not [each for each in said if each.get("code") == "forgotten"]


@pytest.mark.parametrize("state", [{"version": 1}, {}, {"version": 1, "published": {}, "of the future": 1}])
def test_state_without_the_keys_of_now_begins_anew(state: Any, said: list[Any], tmp_path: Path) -> None:
    """What an older version did not know of is as at a first start, without complaint."""
    _, sink, _ = restarted(tmp_path, state)
    assert any(isinstance(result, Price) for result in sink.reports[-1].results)
    assert not [each for each in said if each["log_level"] in {"warning", "error"}]


ROUND = AGAIN // SECOND
REFUSED = [
    ({"version": 2}, "expected version 1, was 2"),
    ({"version": 1, "published": {"BTC/USD": {"as_of": ROUND, "value": 1.0}}}, "missing required field `groups`"),
    ({"version": 1, "published": {"BTC/USD": {"as_of": 1, "value": 0, "groups": {}}}}, "Expected `float` > 0.0"),
    ({"version": 1, "published": {"BTC/USD": {"as_of": 1, "value": 1, "groups": {"v1": 0}}}}, "Expected `float` > 0.0"),
    ({"version": 1, "components": []}, "Expected `object`, got `array`"),
]


@pytest.mark.parametrize(("state", "expected"), REFUSED)
def test_state_of_another_shape_is_refused_before_anything_runs(state: Any, expected: str, tmp_path: Path) -> None:
    """With the file and what to do; nothing is printed, and no recording is begun that would spoil a replay."""
    with pytest.raises(ExceptionGroup) as caught:
        restarted(tmp_path, state)
    (error,) = caught.value.exceptions
    assert isinstance(error, PermanentError)
    assert expected in str(error)
    assert str(error).startswith(f"{tmp_path / 'state.json'}: expected a saved state, was damaged: ")
    assert str(error).endswith("; remove it to start anew")
    assert not (tmp_path / "recordings").exists()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"components": ' + "[" * 100_000])
def test_damaged_state_is_one_line_for_the_user(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the damage; never a traceback."""
    made = Runs(tmp_path)
    made.state.write_text(text)
    assert chrono(["pipeline", "run", str(made.file), "--record", str(made.recordings), "--rounds", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "state.json: expected a saved state, was damaged: " in line
    assert not made.recordings.exists()


def test_recording_of_a_refused_start_does_not_spoil_the_replay(saved: Any, tmp_path: Path) -> None:
    """A start that was refused between two runs has left nothing behind."""
    _, before, made = restarted(tmp_path, saved)
    good = made.state.read_bytes()
    made.state.write_text("{")
    with pytest.raises(ExceptionGroup):
        anyio.run(made.live, made.printed("refused"), UNTIL + SECOND, UNTIL + 2 * SECOND)
    made.state.write_bytes(good)
    after = made.printed("after")
    anyio.run(made.live, after, UNTIL + 3 * SECOND, UNTIL + 9 * SECOND)
    again = made.printed("again")
    anyio.run(made.replay, again)
    assert again.lines == [*before.lines, *after.lines]
