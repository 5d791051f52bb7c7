"""`chrono explain` from a store: the tree is that of a replay of the same rounds, and bad input is one clear line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import START, Cli, Write, tick

SECOND = START // 10**9

PUSHED = """\
name: pushed
feeds:
  BTC/USD: {decimals: 2, markets: ["v1:BTC/USD", "v2:BTC/USDT"], limits: {max_jump: 1%}}
  USDT/USD: {decimals: 4, markets: ["v1:USDT/USD"]}
sources: {v1: {type: push}, v2: {type: push}}
quotes: [USD]
consensus: {median: {min_venues: 1}}
sinks: {sqlite: {path: prices.db}}
"""


def line(second: float, price: float, market: str) -> str:
    """Return a line of a recording, a trade at a market."""
    source, _, pair = market.partition(":")
    return tick(second, price, source=source).replace("BTC/USD", pair)


TICKS = "".join(
    line(*each)
    for each in [
        (0.1, 67100.0, "v1:BTC/USD"),
        (0.2, 1.001, "v1:USDT/USD"),
        (0.3, 67000.0, "v2:BTC/USDT"),
        (1.1, 67200.0, "v1:BTC/USD"),
        (1.2, 69900.0, "v1:BTC/USD"),
        (1.3, 67010.0, "v2:BTC/USDT"),
        (2.4, 67300.0, "v1:BTC/USD"),
    ]
)


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where two trees differ in more than a float's last digits.

    But for the windows, which no store keeps, and the rhythm of a market without an estimate, which is its window's.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        of_windows = {"window", "rhythm_s"} if one.get("estimate", one) is None else {"window"}
        for key in {*one, *other} - of_windows:
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}[{place}]")
    elif isinstance(one, float) and isinstance(other, float):
        if one != pytest.approx(other, rel=1e-12, abs=0):
            yield path, one, other
    elif one != other:
        yield path, one, other


def tree(cli: Cli, *words: str) -> Any:
    """Return what is explained."""
    outcome = cli("explain", *words, "--format", "json")
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(outcome.out)


@pytest.fixture
def stored(cli: Cli, write: Write) -> list[str]:
    """Replay a recording into a store; return what to say of the recording."""
    write("pushed.yaml", PUSHED)
    write("session.jsonl", TICKS)
    assert cli("replay", "pushed.yaml", "session.jsonl").code == 0
    return ["--recording", "session.jsonl", "--pipeline", "pushed.yaml"]


@pytest.mark.parametrize("feed", ["BTC/USD", "USDT/USD"])
@pytest.mark.parametrize("second", [1, 2, 3])
def test_store_tells_what_a_replay_tells(cli: Cli, stored: list[str], feed: str, second: int) -> None:
    """A price, one that was refused for its jump, and the value before it."""
    at = "--at", f"round:{SECOND + second}"
    replayed, told = tree(cli, feed, *at, *stored), tree(cli, feed, *at, "--store", "prices.db")
    assert not list(differences(replayed, told))
    assert (feed, second) != ("BTC/USD", 2) or told["reason"]["code"] == "max_jump"


def test_quickstart_is_told_as_it_is_replayed(cli: Cli, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Detectors, rates, silence: every round and feed, in the words of people, too."""
    pytest.importorskip("chrono_simulated")
    example = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
    shutil.copy(example, folder / "quickstart.yaml")
    assert cli("record", "quickstart.yaml", "--out", "recordings", "--for", "5s").code == 0
    text = (folder / "quickstart.yaml").read_text()
    (folder / "quickstart.yaml").write_text(f"{text.partition('sinks:')[0]}sinks: {{sqlite: {{path: quick.db}}}}\n")
    assert cli("replay", "quickstart.yaml", "recordings").code == 0
    newest = tree(cli, "BTC/USD", "--store", "quick.db")["round"]
    for at in (f"round:{newest}", f"round:{newest - 1}", f"round:{newest - 3}"):
        for feed in ("BTC/USD", "USDT/USD", "FLR/USD"):
            where = ("--at", at, "--pipeline", "quickstart.yaml")
            assert not list(
                differences(tree(cli, feed, *where, "--recording", "recordings"), tree(cli, feed, *where))
            ), f"{feed} {at}"
    lines = cli("explain", "BTC/USD", "--store", "quick.db").out
    assert "lagoon:BTC/USDT dropped, deviation" in lines
    assert "cohort detector deviation rejects it" in lines


def test_newest_round_is_told_where_no_time_is_asked(cli: Cli, stored: list[str]) -> None:
    """And the last one by a time that lies after it, which is said."""
    assert tree(cli, "BTC/USD", "--store", "prices.db")["round"] == SECOND + 3
    later = cli("explain", "BTC/USD", "--store", "prices.db", "--at", f"round:{SECOND + 9}")
    assert later.code == 0
    assert "the last one priced before" in later.out


def test_store_is_that_of_the_pipeline_else_one_by_name(cli: Cli, stored: list[str], folder: Path) -> None:
    """The pipeline file says where it writes; without either it is looked for here."""
    assert tree(cli, "BTC/USD", "--pipeline", "pushed.yaml")["round"] == SECOND + 3
    (folder / "prices.db").rename(folder / "chrono.db")
    assert tree(cli, "BTC/USD")["round"] == SECOND + 3


def test_feed_of_two_pipelines_is_asked_for_with_one_of_them(cli: Cli, stored: list[str], write: Write) -> None:
    """Their series stay apart."""
    write("other.yaml", PUSHED.replace("name: pushed", "name: other"))
    assert cli("replay", "other.yaml", "session.jsonl").code == 0
    outcome = cli("explain", "BTC/USD", "--store", "prices.db")
    wanted = "prices.db: expected BTC/USD of one pipeline, was of other, pushed; name its file with --pipeline"
    assert (outcome.code, outcome.problems) == (2, [wanted])
    assert tree(cli, "BTC/USD", "--pipeline", "other.yaml")["round"] == SECOND + 3


REFUSED = {
    "feed": (
        ["BTC/USDX", "--store", "prices.db"],
        "prices.db: expected one of the feeds BTC/USD, USDT/USD, was 'BTC/USDX'; did you mean BTC/USD",
    ),
    "before": (
        ["BTC/USD", "--store", "prices.db", "--at", "2020-01-01"],
        "prices.db: 2020-01-01T00:00:00.000000000Z: expected a time of the store, which has rounds of pushed from "
        "2026-11-22T10:15:01.000000000Z to 2026-11-22T10:15:03.000000000Z",
    ),
    "no time": (
        ["BTC/USD", "--store", "prices.db", "--at", "yesterday"],
        "prices.db: --at: expected a time like 2026-11-22T10:15:00Z, Unix seconds or nanoseconds, or round:1795342500, "
        "was 'yesterday'",
    ),
    "none": (
        ["BTC/USD", "--store", "none.db"],
        "none.db: expected a database, there is none; name one that a pipeline writes to",
    ),
    "both": (
        ["BTC/USD", "--store", "prices.db", "--recording", "session.jsonl"],
        "expected --store or --recording, was both; leave one of them out",
    ),
    "recording alone": (
        ["BTC/USD", "--at", "round:1", "--recording", "session.jsonl"],
        "expected --pipeline FILE beside --recording, was none; say how, and when, it was priced",
    ),
    "no sink": (
        ["BTC/USD", "--pipeline", "plain.yaml"],
        "plain.yaml: expected one sink that is a store, was none; name the store with --store URL",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_line(cli: Cli, write: Write, stored: list[str], name: str) -> None:
    """With exit code 2, and nothing on standard output."""
    write("plain.yaml", PUSHED.partition("sinks:")[0])
    words, wanted = REFUSED[name]
    outcome = cli("explain", *words)
    assert (outcome.code, outcome.out, outcome.problems) == (2, "", [wanted])
