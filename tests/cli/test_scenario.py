"""`chrono scenario`: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest

from chrono.testing.scenarios.catalogue import SCENARIOS

from .conftest import Cli, Write

FEW = ("--draws", "3", "--jobs", "1", "--setting", "static")

CARELESS = """\
feeds: {BTC/USD: {}}
sources: {v1: {type: push}, v2: {type: push}}
detectors: []
consensus: {median: {max_age: 10h}}
"""

KEYS = [
    "scenario", "title", "setting", "venues", "draws", "markets", "yardstick_bp", "error_bp", "ratio", "ratio_ci",
    "bound", "no_value", "honest_dropped", "dropped", "honest_codes", "reasons", "noticed_s", "confidence",
    "transit_bp", "alone_bp", "beside", "holds", "why",
]  # fmt: skip


def test_list_names_every_row(cli: Cli) -> None:
    """One line each, the name first."""
    done = cli("scenario", "list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == [scenario.name for scenario in SCENARIOS]


def test_json_is_a_line_for_each_row_and_setting(cli: Cli) -> None:
    """A row of variants is all of them; nothing else is printed."""
    done = cli("scenario", "run", "U-alone", "--draws", "1", "--jobs", "1", "--format", "json")
    assert (done.code, done.err) == (0, "")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["scenario"], line["setting"]) for line in lines] == [("U-alone", "static"), ("U-alone", "walking")]
    assert list(lines[0]) == KEYS
    assert lines[0]["no_value"] == 1.0
    assert lines[0]["reasons"] == {"no_quorum": 40}


def test_table_ends_with_a_summary(cli: Cli) -> None:
    """A row a line under its headings, then how many hold."""
    done = cli("scenario", "run", "U-alone", *FEW, "--beside")
    heading, row, summary = done.out.splitlines()
    assert done.code == 0
    assert heading.split()[-1] == "holds"
    assert "ftso_reference" in heading
    assert row.split()[-1] == "yes"
    assert len(row) <= 120
    assert summary == "1 row holds"


def test_row_that_does_not_hold_fails_and_says_why(cli: Cli, write: Write) -> None:
    """A pipeline that lets anything count, however old, has a price after an hour's silence."""
    write("careless.yaml", CARELESS)
    done = cli("scenario", "run", "i", "U-alone", *FEW, "--pipeline", "careless.yaml")
    assert done.code == 1
    assert "expected no value, was one in 100.00% of the draws" in done.out
    assert done.out.splitlines()[-1] == "1 of 2 rows holds"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("Z9",), "chrono scenario run: expected all or one of A, B,"),
        (("G2-stp",), "did you mean G2-step"),
        (("A", "--draws", "0"), "--draws: expected a whole number of 1 or more, was '0'"),
        (("A", "--venues", "3"), "--venues: expected a whole number from 4 to 100, was '3'"),
        (("A", "--jobs", "none"), "--jobs: expected a whole number of 1 or more, was 'none'"),
        (("A", "--setting", "wild"), "--setting: expected one of static, walking, both, was 'wild'"),
        (("A", "--pipeline", "none.yaml"), "none.yaml: "),
        (("A", "--feed", "BTC/USD"), "--feed: expected --pipeline with it"),
    ],
)
def test_wrong_words_are_told(cli: Cli, words: tuple[str, ...], problem: str) -> None:
    """One line, and nothing is played."""
    done = cli("scenario", "run", *words)
    assert (done.code, done.out) == (2, "")
    (line,) = done.problems
    assert problem in line


def test_every_unknown_row_is_told(cli: Cli) -> None:
    """A line for each."""
    done = cli("scenario", "run", "Z", "A", "Y")
    assert done.code == 2
    assert len(done.problems) == 2


def test_problems_of_the_file_are_its_own(cli: Cli, write: Write) -> None:
    """As `chrono pipeline check` tells them."""
    write("wrong.yaml", CARELESS.replace("median", "medium"))
    done = cli("scenario", "run", "A", "--pipeline", "wrong.yaml")
    assert done.code == 2
    assert done.problems == cli("pipeline", "check", "wrong.yaml").problems


def test_unknown_feed_of_the_file_is_told(cli: Cli, write: Write) -> None:
    """The feeds it has, and the one that was asked for."""
    write("prices.yaml", CARELESS)
    done = cli("scenario", "run", "A", "--pipeline", "prices.yaml", "--feed", "ETH/USD")
    assert (done.code, done.problems) == (2, ["--feed: expected a feed of prices.yaml: BTC/USD; was 'ETH/USD'"])
