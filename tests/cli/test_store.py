"""`chrono store`: each command on a store that a replay wrote, and what each refuses, in a line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .conftest import START, Cli, Write, tick

SECOND = START // 10**9

PUSHED = """\
name: pushed
feeds:
  BTC/USD: {decimals: 2, markets: ["v1:BTC/USD"]}
sources: {v1: {type: push}}
consensus: {median: {min_venues: 1}}
sinks: {sqlite: {path: prices.db, ticks: true}}
"""

TICKS = "".join(tick(second + 0.1, 67123.1 + second) for second in range(4))


@pytest.fixture
def stored(cli: Cli, write: Write) -> list[str]:
    """Replay four rounds into a store; return what names it."""
    write("pushed.yaml", PUSHED)
    write("session.jsonl", TICKS)
    assert cli("replay", "pushed.yaml", "session.jsonl").code == 0
    return ["--store", "prices.db"]


def change(statement: str, path: str = "prices.db") -> None:
    """Change a database behind its back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def rows(cli: Cli, *words: str) -> list[dict[str, Any]]:
    """Return what a command prints as JSON Lines."""
    outcome = cli("store", *words, "--format", "json")
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_stats_count_rows_and_bytes(cli: Cli, stored: list[str]) -> None:
    """Of each table, with its span; for people, too."""
    told = {row["table"]: row for row in rows(cli, "stats", *stored)}
    assert {name: told[name]["rows"] for name in ("rounds", "prices", "estimates", "ticks")} == dict.fromkeys(
        ("rounds", "prices", "estimates", "ticks"), 4
    )
    assert told["rounds"]["first"] == "2026-11-22T10:15:01.000000000Z"
    assert told["prices"]["bytes_per_row"] == told["prices"]["bytes"] / 4
    assert told["prices"]["bytes"] in {4096, 8192}
    assert cli("store", "stats", *stored).out.startswith("table")


def test_store_is_found_by_its_pipeline(cli: Cli, stored: list[str]) -> None:
    """As it is for the other commands."""
    assert rows(cli, "stats", "--pipeline", "pushed.yaml") == rows(cli, "stats", *stored)


def test_whole_store_is_said_to_be_whole(cli: Cli, stored: list[str]) -> None:
    """On standard error: there is nothing to tell."""
    outcome = cli("store", "verify", *stored)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.problems == ["prices.db: ok, 4 rounds in 1 runs of 1 pipelines"]


DAMAGE = {
    "gap": (
        "DELETE FROM rounds WHERE round = {0}",
        [
            "pushed: 2026-11-22T10:15:03.000000000Z: expected round {0} after {before}, was {after}; "
            "round {0} is missing",
            "pushed: 2026-11-22T10:15:02.000000000Z: expected a round, was none; 1 prices have this time",
            "pushed: 2026-11-22T10:15:02.000000000Z: expected a round, was none; 1 estimates have this time",
        ],
    ),
    "counts": (
        "DELETE FROM estimates WHERE at = {0}000000000",
        ["pushed: round {0}: expected 1 estimates, was 0"],
    ),
    "price": (
        "DELETE FROM prices WHERE at = {0}000000000",
        ["pushed: round {0}: expected 1 prices, was 0"],
    ),
    "twice": (
        "INSERT INTO rounds SELECT pipeline_id, at + 1, round, as_of + 1, deadline, run_id, 0, 0 FROM rounds"
        " WHERE round = {0}",
        [
            "pushed: round {0}: expected it at 2026-11-22T10:15:02.000000000Z, was at 2026-11-22T10:15:02.000000001Z",
            "pushed: round {0}: expected it once, was there 2 times",
        ],
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_missing_is_named(cli: Cli, stored: list[str], name: str) -> None:
    """A line each, and exit code 1."""
    statement, wanted = DAMAGE[name]
    numbers = {"before": SECOND + 1, "after": SECOND + 3}
    change(statement.format(SECOND + 2))
    outcome = cli("store", "verify", *stored)
    assert outcome.code == 1
    assert outcome.out.splitlines() == [line.format(SECOND + 2, **numbers) for line in wanted]
    told = [json.loads(line) for line in cli("store", "verify", *stored, "--format", "json").out.splitlines()]
    assert [f"{each['pipeline']}: {each['message']}" for each in told] == outcome.out.splitlines()


def test_what_lies_between_two_runs_is_no_gap(cli: Cli, stored: list[str], write: Write) -> None:
    """Nobody was there to look."""
    write("later.jsonl", tick(100.1, 67000.0) + tick(101.1, 67001.0))
    assert cli("replay", "pushed.yaml", "later.jsonl").code == 0
    outcome = cli("store", "verify", *stored)
    assert (outcome.code, outcome.problems) == (0, ["prices.db: ok, 6 rounds in 2 runs of 1 pipelines"])


def test_prune_deletes_what_is_older_and_keeps_names(cli: Cli, stored: list[str]) -> None:
    """What is left is whole."""
    went = {row["table"]: row["deleted"] for row in rows(cli, "prune", "--before", f"{SECOND + 3}", *stored)}
    # a tick of the round's own second is from before it
    assert (went["rounds"], went["prices"], went["estimates"], went["ticks"]) == (2, 2, 2, 3)
    told = {row["table"]: row["rows"] for row in rows(cli, "stats", *stored)}
    assert (told["rounds"], told["feeds"], told["markets"], told["runs"]) == (2, 1, 1, 1)
    assert cli("store", "verify", *stored).code == 0
    assert cli("explain", "BTC/USD", *stored).code == 0
    assert sum(row["deleted"] for row in rows(cli, "prune", "--keep", "36500d", *stored)) == 0


def test_export_can_be_replayed(cli: Cli, stored: list[str], write: Write) -> None:
    """The files are there, and its ticks make the same prices."""
    pytest.importorskip("pyarrow")
    written = rows(cli, "export", "--out", "archive", "--ticks", *stored)
    assert written == [
        {"file": "archive/pushed/2026-11-22/BTC-USD.prices.parquet", "rows": 4},
        {"file": "archive/pushed/2026-11-22/BTC-USD.estimates.parquet", "rows": 4},
        {"file": "archive/ticks/2026-11-22/v1-BTC-USD.ticks.parquet", "rows": 4},
    ]
    write("plain.yaml", PUSHED.partition("sinks:")[0])
    again = cli("replay", "plain.yaml", "archive", "--format", "json")
    assert again.code == 0
    assert again.out == cli("replay", "plain.yaml", "session.jsonl", "--format", "json").out
    assert not rows(cli, "export", "--out", "archive", "--since", "2026-11-23", *stored)


def test_export_says_what_it_needs(cli: Cli, stored: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow is not installed."""
    monkeypatch.setattr("chrono.core.archive.find_spec", lambda _: None)
    outcome = cli("store", "export", "--out", "archive", *stored)
    wanted = 'prices.db: expected what reads Parquet, is not installed; pip install "chrono-oracle[parquet]"'
    assert (outcome.code, outcome.problems) == (2, [wanted])


def test_backup_is_restored(cli: Cli, stored: list[str], folder: Path) -> None:
    """To a new place, and, forced, over what is there; a backup is replaced by the next."""
    assert cli("store", "backup", "backup.db", *stored).out == "backup.db: ok, 4 rounds of prices.db\n"
    assert cli("store", "backup", "backup.db", *stored).code == 0
    assert cli("store", "restore", "backup.db", "--store", "new.db").out == "new.db: ok, 4 rounds of backup.db\n"
    assert rows(cli, "stats", "--store", "new.db")[5] == rows(cli, "stats", *stored)[5]
    cli("store", "prune", "--keep", "0s", *stored)
    refused = cli("store", "restore", "backup.db", *stored)
    wanted = "prices.db: expected no file to write over, was there; name another, or say --force"
    assert (refused.code, refused.problems) == (2, [wanted])
    assert cli("store", "restore", "backup.db", *stored, "--force").code == 0
    assert cli("store", "verify", *stored).problems == ["prices.db: ok, 4 rounds in 1 runs of 1 pipelines"]
    assert sorted(path.name for path in folder.glob("*.db*")) == ["backup.db", "new.db", "prices.db", "prices.db.spool"]


def test_damaged_backup_changes_nothing(cli: Cli, stored: list[str], folder: Path) -> None:
    """It is looked at first."""
    cli("store", "backup", "backup.db", *stored)
    data = bytearray((folder / "backup.db").read_bytes())
    data[8192:20000] = bytes(20000 - 8192)
    (folder / "backup.db").write_bytes(data)
    outcome = cli("store", "restore", "backup.db", *stored, "--force")
    assert (outcome.code, len(outcome.problems)) == (2, 1)
    assert outcome.err.startswith("backup.db: expected a")
    assert cli("store", "verify", *stored).code == 0


def test_tables_go_down_and_up(cli: Cli, stored: list[str]) -> None:
    """What is not at this version's form is refused by the others, which say what to do."""
    assert cli("store", "downgrade", "base", *stored).code == 0
    outcome = cli("store", "stats", *stored)
    wanted = "prices.db: expected the tables of this version, there are none; run `chrono store upgrade` on it"
    assert (outcome.code, outcome.problems) == (2, [wanted])
    assert cli("store", "upgrade", *stored).out == "prices.db: ok, its tables are of this version\n"
    assert rows(cli, "stats", *stored)[0]["rows"] == 0
    refused = cli("store", "downgrade", "nowhere", *stored)
    assert (refused.code, len(refused.problems)) == (2, 1)
    assert refused.err.startswith("prices.db: expected an earlier revision, was 'nowhere'")


REFUSED = {
    "none": (["stats", "--store", "none.db"], "none.db: expected a database, there is none; name one that"),
    "neither": (["prune", "--store", "prices.db"], "expected either --before TIME or --keep LENGTH, was neither"),
    "both": (["prune", "--keep", "1d", "--before", "2020-01-01"], "expected either --before TIME or --keep LENGTH"),
    "length": (["prune", "--keep", "long"], "--keep: expected a duration with its unit like 10s"),
    "time": (["prune", "--before", "round:17"], "--before: expected a time like 2026-11-22T10:15:00Z"),
    "backup": (["restore", "none.db", "--store", "x.db"], "none.db: expected a backup, there is none"),
    "other": (["restore", "pushed.yaml", "--store", "x.db"], "pushed.yaml: expected a backup that chrono store backup"),
    "kind": (
        ["restore", "prices.db", "--store", "postgresql://someone@127.0.0.1:1/x"],
        "prices.db: expected a backup of postgresql, was of sqlite",
    ),
    "chain": (["downgrade", "base", "--of", "nobody"], "--of: expected one of "),
    "folder": (
        ["backup", "nowhere/b.db", "--store", "prices.db"],
        "nowhere/b.db: expected to write it, there is no folder nowhere",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_line(cli: Cli, stored: list[str], name: str) -> None:
    """With exit code 2, and nothing on standard output."""
    words, wanted = REFUSED[name]
    outcome = cli("store", *words)
    assert (outcome.code, outcome.out, len(outcome.problems)) == (2, "", 1)
    assert outcome.err.startswith(wanted)
