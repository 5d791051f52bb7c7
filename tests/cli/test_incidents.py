"""Before a pipeline runs and after something went wrong: the live check, recordings in several files, the dump."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from chrono.core.recording import files

from .conftest import Cli, Site, Write
from .test_commands import PUSHED, STEADILY, STEADY

Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def steady(site: Site, write: Write) -> None:
    """Install a source that prints by itself, and write a pipeline of it."""
    site.install("chrono_steady", STEADY, ["steady", "noted", "stuck"])
    write("steady.yaml", STEADILY)


def two(write: Write) -> None:
    """Write a pipeline of a source that prints and one that is silent, which needs both."""
    text = STEADILY.replace('["v1:BTC/USD"]', '["v1:BTC/USD", "v2:BTC/USD"]').replace("min_venues: 1", "min_venues: 2")
    write("two.yaml", text.replace("steady}\n", "steady}\n  v2: {type: push}\n"))


# the live check


def test_live_check_prints_markets_and_feeds(cli: Cli) -> None:
    """It ends as soon as all is well, and exits with 0."""
    began = time.monotonic()
    outcome = cli("pipeline", "check", "steady.yaml", "--live", "30s")
    assert time.monotonic() - began < 20
    assert outcome.code == 0
    first, head, market, empty, feed = outcome.out.splitlines()
    assert first == "steady.yaml: ok, 1 feeds, 1 sources, 1 markets"
    assert head.split()[:3] == ["source", "pair", "symbol"]
    assert market.split()[:3] == ["v1", "BTC/USD", "BTC/USD"]
    assert empty == ""
    assert feed.startswith("BTC/USD: 10")
    assert outcome.problems == ["closed v1"]


def test_live_check_fails_where_a_feed_has_no_price(cli: Cli, write: Write) -> None:
    """It says which, and prints objects alone."""
    two(write)
    outcome = cli("pipeline", "check", "two.yaml", "--live", "600ms", "--format", "json")
    assert outcome.code == 1
    file, *markets, feed = [json.loads(line) for line in outcome.out.splitlines()]
    assert file == {"kind": "file", "pipeline": "pushed", "file": "two.yaml", "feeds": 1, "sources": 2, "markets": 2}
    assert [(row["market"], row["code"], row["ticks"] > 0) for row in markets] == [
        ("v1:BTC/USD", "", True),
        ("v2:BTC/USD", "no_data", False),
    ]
    assert (feed["feed"], feed["reason"]["code"]) == ("BTC/USD", "no_quorum")
    assert outcome.problems[-1].startswith(
        "pushed: expected a price of BTC/USD, there is none: independent venues left: 1"
    )


def test_live_check_connects_to_nothing_where_a_file_is_wrong(cli: Cli, write: Write) -> None:
    """Not even for the others."""
    write("bad.yaml", PUSHED + "oops: 1\n")
    outcome = cli("pipeline", "check", "steady.yaml", "bad.yaml", "--live", "30s")
    assert (outcome.code, len(outcome.problems)) == (2, 1)
    assert "bad.yaml:" in outcome.err


@pytest.mark.parametrize("text", ["0s", "30", "soon"])
def test_time_of_a_live_check_has_a_unit(cli: Cli, text: str) -> None:
    """And is more than nothing."""
    outcome = cli("pipeline", "check", "steady.yaml", "--live", text)
    assert (outcome.code, len(outcome.problems)) == (2, 1)
    assert outcome.err.startswith("--live: expected a duration")


def test_live_check_that_is_interrupted_tells_what_it_found(started: Started, write: Write) -> None:
    """And exits as any other command would."""
    two(write)
    process = started("pipeline", "check", "two.yaml", "--live", "1h", "-v")
    until(process.stderr, "v1: live")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "v2" in out


# recordings in several files


def test_recording_in_several_files_replays_to_the_same_bytes(cli: Cli, folder: Path) -> None:
    """All of them together, and each file on its own."""
    live = cli(
        "pipeline", "run", "steady.yaml", "--rounds", "50", "--format", "json", "--record", "rec", "--rotate", "1s"
    )
    assert live.code == 0
    parts = files([folder / "rec"])
    assert len(parts) >= 3
    assert cli("replay", "steady.yaml", "rec", "--format", "json").out == live.out
    alone = [cli("replay", "steady.yaml", str(path), "--format", "json").out for path in parts]
    rounds = [json.loads(line)["round"] for out in alone for line in out.splitlines()]
    assert rounds == [json.loads(line)["round"] for line in live.out.splitlines()]


def test_record_takes_sizes_and_times(cli: Cli, folder: Path) -> None:
    """Whichever comes first."""
    outcome = cli("record", "steady.yaml", "--out", "rec", "--for", "2500ms", "--rotate", "1h", "--rotate", "1kB")
    assert outcome.code == 0
    assert len(files([folder / "rec"])) >= 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("record steady.yaml --out rec --rotate 9", "--rotate: expected a size like 100MB or a time like 1h, was '9'"),
        ("pipeline run steady.yaml --record rec --rotate 1ms", "--rotate: expected 1s or more, was '1ms'"),
        ("pipeline run steady.yaml --rotate 1h", "--rotate: expected --record, was missing"),
    ],
)  # fmt: skip
def test_rotation_that_makes_no_sense_is_refused(cli: Cli, words: str, told: str) -> None:
    """Before anything is connected."""
    outcome = cli(*words.split())
    assert (outcome.code, len(outcome.problems)) == (2, 1)
    assert outcome.err.startswith(told)


# the flight recorder


def until(stream: IO[str] | None, text: str) -> str:
    """Read until a line has this text; return it."""
    assert stream is not None
    return next(line for line in stream if text in line)


def test_signal_dumps_the_last_minutes(started: Started, cli: Cli, write: Write, folder: Path) -> None:
    """The run goes on; replay and explain read the dump."""
    write("steady.yaml", STEADILY + "flight_recorder: {folder: black-box}\n")
    process = started("pipeline", "run", "steady.yaml", "--format", "json")
    assert process.stdout is not None
    for _ in range(10):
        process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    line = until(process.stderr, "SIGUSR1")
    assert "flight_recorder: SIGUSR1: the last 0s of what was received are in black-box/pushed-" in line
    assert process.stdout.readline(), "expected the run to go on"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    (path,) = files([folder / "black-box"])
    again = cli("replay", "steady.yaml", str(path), "--format", "json")
    assert again.code == 0
    assert len(again.out.splitlines()) >= 10
    asked = line.partition("--at ")[2].split()[0]
    words = ("--at", asked, "--recording", str(path), "--pipeline", "steady.yaml")
    assert cli("explain", "BTC/USD", *words).out.startswith("BTC/USD 10")


def test_signal_without_a_flight_recorder_ends_nothing(started: Started) -> None:
    """It says what to write."""
    process = started("pipeline", "run", "steady.yaml", "--format", "json")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    assert "add `flight_recorder: {}`" in until(process.stderr, "SIGUSR1")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
