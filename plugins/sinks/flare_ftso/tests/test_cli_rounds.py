"""`chrono flare rounds`: what an operator reads of the last rounds, and what is said where there is nothing to read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chrono.cli.app import run
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.records import Record, Records, Sent, Vote
from chrono_flare_ftso.rounds_text import Totals

VOTES = (
    Vote("BTC/USD", 2, 6_700_670, 6_700_000, 6_699_000, 6_701_000, True, True, True),
    Vote("FLR/USD", 5, None, 2_000, 1_999, 2_001, False, False, False),
)
SENT = tuple(
    Sent(label, bytes([at]) * 32, "mined", 100 + at, cost, refunded)
    for at, (label, cost, refunded) in enumerate(
        [
            ("submit1", 0.000525, True),
            ("submit2", 0.000525, True),
            ("submitSignatures", 0.0009, True),
            ("relay", 0.05, False),
        ]
    )
)
GOOD = Record(
    round=1_400_000,
    epoch=392,
    written=1_795_342_500_000_000_000,
    shadow=False,
    commit="ok",
    reveal="ok",
    signature="ok",
    finalised="us",
    relay=SENT[3].hash,
    relay_block=103,
    coin_usd=0.02,
    share=0.0123,
    earned=1.5,
    sent=SENT,
    votes=VOTES,
)
MISSED = replace(
    GOOD,
    round=1_400_001,
    reveal="missing",
    signature="late",
    offence=True,
    finalised="others",
    relay=None,
    share=0.0,
    earned=0.0,
    sent=SENT[:1],
    votes=tuple(each._replace(hit=False, primary=False, secondary=False) for each in VOTES),
)
REFUSED = Record(
    round=1_400_002,
    epoch=392,
    written=1_795_342_680_000_000_000,
    shadow=False,
    commit="missing",
    reveal="missing",
    signature="ok",
    finalised="others",
    reason="expected votes for at least 50 % of 2 feeds, were 0",
)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Ledger(tmp_path / "flare.db") as opened:
        for record in (GOOD, MISSED, REFUSED):
            Records(opened).write(record)
    return tmp_path / "flare.db"


def printed(capsys: pytest.CaptureFixture[str], *argv: Any) -> list[str]:
    assert run(["flare", "rounds", *map(str, argv)]) == 0
    return capsys.readouterr().out.splitlines()


def test_table_has_a_line_for_each_round_and_what_they_come_to(ledger, capsys):
    lines = printed(capsys, ledger)
    assert [" ".join(line.split()) for line in lines[:3]] == [
        "round written commit reveal signature final votes in 0.5 % IQR PCT share cost USD",
        "1400000 2026-11-22T10:15:00Z ok ok ok us 1/2 1/2 1/2 1/2 1.230 % 0.051950 0.00104",
        "1400001 2026-11-22T10:15:00Z ok missing (offence) late others 1/2 0/2 0/2 0/2 0.000 % 0.000525 0.00001",
    ]
    assert lines[3].startswith("1400002  2026-11-22T10:18:00Z  missing  missing")
    assert lines[4] == "  expected votes for at least 50 % of 2 feeds, were 0"
    assert lines[6:] == [
        "3 rounds: 2 missed, 1 reveal offence",
        "a submission costs 0.00061875 on average, $0.000012, within the target of $0.10 (4 submissions); "
        "all together 0.052475, $0.0010",
        "share of the rewards for accuracy 0.6150 % on average, some 1.5000 before it is split with delegators",
    ]


def test_feeds_are_shown_under_their_round(ledger, capsys):
    lines = printed(capsys, ledger, "--last", 3, "--feeds")
    assert "  BTC/USD: 67006.70, median 67000.00 (66990.00 to 67010.00), +1.00 bp; in 0.5 %, IQR, PCT" in lines
    assert "  FLR/USD: –, median 0.02000 (0.01999 to 0.02001); in none" in lines


def test_newest_rounds_and_those_from_one_on_are_chosen(ledger, capsys):
    lines = printed(capsys, ledger, "--last", 1)
    assert lines[1].startswith("1400002")
    assert lines[4].startswith("1 round: 1 missed, 0 reveal offences")
    assert len([line for line in printed(capsys, ledger, "--from", 1_400_001) if line.startswith("14000")]) == 2


def test_json_lines_have_everything(ledger, capsys):
    *rounds, last = map(json.loads, printed(capsys, ledger, "--format", "json"))
    assert [each["round"] for each in rounds] == [1_400_000, 1_400_001, 1_400_002]
    first = rounds[0]
    assert first["finalised"] == "us"
    assert first["relay"] == "0x" + "03" * 32
    assert first["sent"]["relay"] == {
        "hash": "0x" + "03" * 32,
        "state": "mined",
        "block": 103,
        "cost": 0.05,
        "usd": 0.001,
        "refunded": False,
    }
    assert first["votes"][0] == {
        "feed": "BTC/USD",
        "vote": 67006.7,
        "median": 67000.0,
        "quartile1": 66990.0,
        "quartile3": 67010.0,
        "distance_bp": 1.0,
        "hit": True,
        "primary": True,
        "secondary": True,
    }
    totals = last["totals"]
    assert (totals["rounds"], totals["missed"], totals["offences"], totals["target_usd"]) == (3, 2, 1, 0.10)
    assert totals["bands"]["hit"] == {"votes": 1, "of": 4}


PIPELINE = """
feeds: {BTC/USD: {decimals: 2}}
sources: {hand: {type: push}}
consensus: {median: {min_venues: 1}}
sinks:
  one: {type: flare_ftso, network: coston2, ledger: LEDGER, keys: KEYS}
"""
KEYS = "{submit: {env: A}, submit_signatures: {env: A}, signing_policy: {env: A}}"


OTHER = PIPELINE.split("sinks:", maxsplit=1)[0] + "sinks: {console: {}}\n"


def pipeline(ledger: str, more: str = "") -> str:
    return (PIPELINE + more).replace("LEDGER", ledger).replace("KEYS", KEYS)


def test_pipeline_file_says_where_its_ledger_is(ledger, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STATE", str(tmp_path))
    (tmp_path / "p.yaml").write_text(pipeline('"${env:STATE}/flare.db"'))
    assert len(printed(capsys, "p.yaml")) == 9
    second = "  two: {type: flare_ftso, network: coston2, ledger: other.db, keys: KEYS}\n"
    (tmp_path / "q.yaml").write_text(pipeline("flare.db", second))
    assert len(printed(capsys, "q.yaml", "--sink", "one")) == 9


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.db", None, "none.db: expected the ledger of a sink flare_ftso, was no file; name the file"),
        ("empty.db", "", "empty.db: expected the ledger of a sink flare_ftso, was an empty file"),
        ("text.db", "no database " * 100, "text.db: expected to open or make a ledger, was refused"),
        ("none.yaml", None, "none.yaml: expected a pipeline file, was missing"),
        ("broken.yaml", "{", "broken.yaml:"),
        ("other.yaml", OTHER, "other.yaml: expected a sink flare_ftso, was none"),
        (
            "reference.yaml",
            pipeline('"${env:NOWHERE}/flare.db"'),
            "reference.yaml:6:53: sinks.one.ledger: environment variable NOWHERE is not set",
        ),
    ],
)
def test_what_has_no_rounds_is_said_in_a_line(tmp_path, monkeypatch, capsys, name, text, told):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)
    assert run(["flare", "rounds", name]) == 2
    out = capsys.readouterr()
    assert out.err.startswith(told)
    assert out.err.count("\n") == 1


def test_ledger_of_another_sink_has_none(tmp_path, capsys):
    with Ledger(tmp_path / "flare.db"):
        pass
    assert run(["flare", "rounds", str(tmp_path / "flare.db")]) == 2
    assert "expected rounds that the sink flare_ftso wrote down, were none yet; wait" in capsys.readouterr().err


def test_totals_of_nothing_are_nothing():
    found = Totals.of([])
    assert (found.rounds, found.submission_cost, found.share, found.cost) == (0, None, None, 0)
