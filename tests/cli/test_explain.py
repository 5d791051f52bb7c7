"""`chrono explain`: what is printed is what a replay of the same round says, and bad input is one clear line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import START, Cli, Write, tick

PUSHED = """\
name: pushed
feeds:
  BTC/USD: {decimals: 2, markets: ["v1:BTC/USD"]}
sources:
  v1: {type: push}
consensus: {median: {min_venues: 1}}
"""

TICKS = tick(0.1, 67123.1) + tick(1.1, 67124.125) + tick(2.1, 67125.1)

SECOND = START // 10**9


@pytest.fixture
def pushed(write: Write) -> list[str]:
    """Return a pipeline and a recording for it, as options."""
    write("pushed.yaml", PUSHED)
    write("session.jsonl", TICKS)
    return ["--pipeline", "pushed.yaml", "--recording", "session.jsonl"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record the quickstart for a few seconds."""
    pytest.importorskip("chrono_simulated")
    from chrono.cli.app import run

    folder = tmp_path_factory.mktemp("quickstart")
    example = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
    shutil.copy(example, folder / "quickstart.yaml")
    assert run(["record", str(example), "--out", str(folder / "recordings"), "--for", "3s"]) == 0
    return folder


def test_tree_is_printed_for_people(cli: Cli, pushed: list[str]) -> None:
    """The value first, the decision last; nothing on standard error."""
    outcome = cli("explain", "BTC/USD", "--at", "2026-11-22T10:15:02.5Z", *pushed)
    assert (outcome.code, outcome.err) == (0, "")
    printed = outcome.out.splitlines()
    assert printed[0].startswith("BTC/USD 67124.12 (67124.125), confidence 0.")
    assert printed[1] == f"├─ round {SECOND + 2} as of 2026-11-22T10:15:02.000000000Z"
    assert "├─ v1:BTC/USD used" in printed
    assert printed[-1] == "   └─ value 67124.12"


def test_tree_is_one_json_object(cli: Cli, pushed: list[str]) -> None:
    """On one line, for programs."""
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed, "--format", "json")
    assert (outcome.code, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    tree = json.loads(outcome.out)
    assert (tree["value"], tree["unrounded"], tree["round"]) == ("67124.12", 67124.125, SECOND + 2)


@pytest.mark.parametrize("at", [str(SECOND + 2), f"{SECOND + 2}999999999", "2026-11-22 12:15:02+02:00"])
def test_time_can_be_written_in_many_ways(cli: Cli, pushed: list[str], at: str) -> None:
    """Unix seconds, nanoseconds, another offset: the same round."""
    outcome = cli("explain", "BTC/USD", "--at", at, *pushed, "--format", "json")
    assert json.loads(outcome.out)["round"] == SECOND + 2


def test_quickstart_is_explained_as_it_is_replayed(cli: Cli, recorded: Path) -> None:
    """Every round and feed: the same value, confidence, markets and reasons."""
    pipeline, recordings = str(recorded / "quickstart.yaml"), str(recorded / "recordings")
    rows = [json.loads(line) for line in cli("replay", pipeline, recordings, "--format", "json").out.splitlines()]
    assert len(rows) >= 10
    for row in rows[-5:]:
        where = ("--at", f"round:{row['round']}", "--recording", recordings, "--pipeline", pipeline)
        outcome = cli("explain", row["feed"], *where, "--format", "json")
        assert (outcome.code, outcome.err) == (0, "")
        assert as_row(json.loads(outcome.out)) == row
        assert cli("explain", row["feed"], *where).out.startswith(f"{row['feed']} {row['value']}")


def as_row(tree: dict[str, Any]) -> dict[str, Any]:
    """Return what a tree says in the words of a report."""
    return {
        "round": tree["round"],
        "as_of": tree["as_of"],
        "feed": tree["feed"],
        "value": tree["value"],
        "confidence": round(tree["confidence"], 4),
        "used": [market["market"] for market in tree["markets"] if market["used"]],
        "dropped": {market["market"]: market["reason"] for market in tree["markets"] if market["reason"]},
        "reason": tree["reason"],
        "notices": tree["notices"],
    }


def test_feed_without_a_value_is_an_answer(cli: Cli, write: Write, pushed: list[str]) -> None:
    """It exits with 0: an explanation was asked for."""
    write("pushed.yaml", PUSHED.replace("min_venues: 1", "min_venues: 1, max_age: 500ms"))
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed)
    assert outcome.code == 0
    assert outcome.out.startswith("BTC/USD has no value, no_quorum: independent venues left: 0, needed: 1\n")
    assert "├─ v1:BTC/USD dropped, stale: the newest observation is 0.9 s old, 0.5 s are allowed\n" in outcome.out


def test_several_recordings_are_one(cli: Cli, write: Write, pushed: list[str]) -> None:
    """The option may be repeated."""
    write("more.jsonl", tick(4.1, 67130.1))
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 5}", *pushed, "--recording", "more.jsonl")
    assert outcome.out.startswith("BTC/USD 67130.10, ")


def test_damaged_line_is_named_and_skipped(cli: Cli, write: Write, pushed: list[str]) -> None:
    """On standard error; the tree is printed all the same."""
    write("session.jsonl", TICKS.replace("\n", "\n{oops\n", 1))
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed)
    assert outcome.code == 0
    assert outcome.out.startswith("BTC/USD 67124.12 ")
    assert len(outcome.problems) == 1
    assert "session.jsonl:2: expected a line of a recording, was damaged" in outcome.err


def test_recording_of_other_sources_explains_why_there_is_nothing(cli: Cli, write: Write, pushed: list[str]) -> None:
    """The warning names them, the tree says that nothing was received."""
    write("pushed.yaml", PUSHED.replace("v1", "v9"))
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed)
    assert outcome.code == 0
    assert "the recording has frames of source 'v1', the pipeline names v9; they are skipped" in outcome.err
    assert "v9:BTC/USD dropped, no_data: nothing of what the aggregator reads was ever received" in outcome.out


SPAN = (
    "expected a time of the recording, which has rounds from 2026-11-22T10:15:01.000000000Z to "
    f"2026-11-22T10:15:03.000000000Z (round {SECOND + 1} to {SECOND + 3})"
)

REFUSED = {
    "before": (["BTC/USD", "--at", "2026-11-22T10:15:00Z"], f"2026-11-22T10:15:00.000000000Z: {SPAN}"),
    "after": (["BTC/USD", "--at", f"round:{SECOND + 4}"], f"2026-11-22T10:15:04.000000000Z: {SPAN}"),
    "feed": (
        ["BTC/USDX", "--at", "round:1"],
        "expected one of the feeds BTC/USD, was 'BTC/USDX'; did you mean BTC/USD",
    ),
    "no time": (
        ["BTC/USD", "--at", "yesterday"],
        "--at: expected a time like 2026-11-22T10:15:00Z, Unix seconds or nanoseconds, or round:1795342500, "
        "was 'yesterday'",
    ),
    "milliseconds": (
        ["BTC/USD", "--at", "1795342500123"],
        "--at: expected Unix seconds or nanoseconds, was 1795342500123, which is neither; write all its digits",
    ),
    "no recording": (
        ["BTC/USD", "--at", "round:1", "--recording", "none.jsonl"],
        "none.jsonl: expected a recording or a directory of them (.jsonl, .jsonl.gz, .ticks.parquet); there is none",
    ),
    "format": (
        ["BTC/USD", "--at", "round:1", "--format", "yaml"],
        "chrono explain: --format: expected one of text, json, was 'yaml'; see chrono explain --help",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_line(cli: Cli, pushed: list[str], name: str) -> None:
    """With exit code 2, and nothing on standard output."""
    words, wanted = REFUSED[name]
    outcome = cli("explain", *words, *pushed)
    assert (outcome.code, outcome.out, outcome.problems) == (2, "", [wanted])


@pytest.mark.parametrize("text", ["", "{oops\n"])
def test_recording_without_a_readable_line_is_refused(cli: Cli, write: Write, pushed: list[str], text: str) -> None:
    """There is nothing to explain."""
    write("session.jsonl", text)
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.problems[-1] == "session.jsonl: expected a recording, held no line that could be read"


def test_pipeline_that_is_wrong_is_refused(cli: Cli, write: Write, pushed: list[str]) -> None:
    """As by any other command."""
    write("pushed.yaml", "feeds: {}\n")
    assert cli("explain", "BTC/USD", "--at", "round:1", *pushed).code == 2


def test_nothing_is_written_or_remembered(cli: Cli, write: Write, pushed: list[str], folder: Path) -> None:
    """Neither by the sinks of the pipeline, nor into its state."""
    write("pushed.yaml", PUSHED + "state: state.json\nsinks: {jsonl: {path: out.jsonl}}\n")
    before = sorted(folder.iterdir())
    assert cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed).code == 0
    assert sorted(folder.iterdir()) == before


def test_recording_is_read_no_further_than_the_round(cli: Cli, write: Write, pushed: list[str]) -> None:
    """What came later is not looked at, damaged or not."""
    write("session.jsonl", TICKS + "".join(tick(n, 1.0) for n in range(3, 200)) + "{oops\n")
    outcome = cli("explain", "BTC/USD", "--at", f"round:{SECOND + 2}", *pushed)
    assert (outcome.code, outcome.err) == (0, "")
