"""`chrono flare epoch`: what it prints, and how it refuses wrong input."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from chrono.cli.app import run
from chrono_flare_ftso.protocol.networks import FLARE, NETWORKS
from chrono_flare_ftso.schedule import schedule


@pytest.fixture
def chrono(capsys):
    """Return a function that runs a command line in this process: exit code, standard output, standard error."""

    def called(*words):
        code = run(["flare", "epoch", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


SHOWN = """\
flare at 2026-07-20T07:01:40Z (1784530900)
voting round 1401121  2026-07-20T07:01:30Z (-10 s)        to  2026-07-20T07:02:59Z (+79 s)
  10 s into it
reward epoch 417      2026-07-20T07:00:00Z (-100 s)       to  2026-07-23T18:59:59Z (+302299 s)
  expected: rounds 1401120 to 1404479
to commit: round 1401121
  commit              2026-07-20T07:01:30Z (-10 s)        to  2026-07-20T07:02:59Z (+79 s)
  reveal              2026-07-20T07:03:00Z (+80 s)        to  2026-07-20T07:03:44Z (+124 s)
  signature grace     2026-07-20T07:03:45Z (+125 s)       to  2026-07-20T07:03:59Z (+139 s)
  finalization grace  2026-07-20T07:03:45Z (+125 s)       to  2026-07-20T07:04:05Z (+145 s)
  end                                                         2026-07-20T07:04:29Z (+169 s)
to reveal, then to sign: round 1401120
  commit              2026-07-20T07:00:00Z (-100 s)       to  2026-07-20T07:01:29Z (-11 s)
  reveal              2026-07-20T07:01:30Z (-10 s)        to  2026-07-20T07:02:14Z (+34 s)
  signature grace     2026-07-20T07:02:15Z (+35 s)        to  2026-07-20T07:02:29Z (+49 s)
  finalization grace  2026-07-20T07:02:15Z (+35 s)        to  2026-07-20T07:02:35Z (+55 s)
  end                                                         2026-07-20T07:02:59Z (+79 s)
"""


@pytest.mark.parametrize(
    "time",
    [
        "1784530900",
        "1784530900.999",
        "2026-07-20T07:01:40Z",
        "2026-07-20 07:01:40.5",
        "2026-07-20T09:01:40+02:00",
        "20260720T070140Z",
        " 2026-07-20T07:01:40 ",
    ],
)
def test_a_time_is_placed_however_it_is_written(chrono, time):
    assert chrono("--at", time) == (0, SHOWN, "")


def test_json_says_the_same_for_another_network(chrono):
    code, out, err = chrono("--at", "1784530900", "--network", "coston", "--format", "json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told == schedule(NETWORKS["coston"], 1_784_530_900)
    assert told["network"] == "coston"
    assert told["now"] == {"time": "2026-07-20T07:01:40Z", "unix": 1_784_530_900, "seconds": 0}
    assert told["voting_round"] == {
        "id": 1_401_121,
        "start": {"time": "2026-07-20T07:00:45Z", "unix": 1_784_530_845, "seconds": -55},
        "last": {"time": "2026-07-20T07:02:14Z", "unix": 1_784_530_934, "seconds": 34},
        "seconds_into": 55,
    }
    assert told["reward_epoch"] == {
        "id": 5838,
        "expected": True,
        "first_round": 1_401_120,
        "last_round": 1_401_359,
        "start": {"time": "2026-07-20T06:59:15Z", "unix": 1_784_530_755, "seconds": -145},
        "last": {"time": "2026-07-20T12:59:14Z", "unix": 1_784_552_354, "seconds": 21_454},
    }
    assert told["committing"]["round"] == told["signing"]["round"] + 1 == 1_401_121
    assert told["signing"]["reveal"] == {
        "start": {"time": "2026-07-20T07:00:45Z", "unix": 1_784_530_845, "seconds": -55},
        "last": {"time": "2026-07-20T07:01:29Z", "unix": 1_784_530_889, "seconds": -11},
    }
    assert told["committing"]["end"]["seconds"] == 34 + 90


@pytest.mark.parametrize(
    ("name", "start", "last"),
    [("commit", 0, 89), ("reveal", 90, 134), ("signature_grace", 135, 149), ("finalization_grace", 135, 155)],
)
def test_windows_are_counted_from_the_start_of_their_round(name, start, last):
    told = schedule(FLARE, 1_784_530_800)
    for role, since in (("committing", 0), ("signing", -90)):
        window = told[role][name]
        assert (window["start"]["seconds"], window["last"]["seconds"]) == (since + start, since + last)
        assert told[role]["end"]["seconds"] == since + 179


def test_the_very_first_round_has_none_before_it_to_sign(chrono):
    code, out, _ = chrono("--at", "1658430000", "--format", "json")
    assert code == 0
    assert json.loads(out)["signing"] is None
    code, out, _ = chrono("--at", "2022-07-21T19:00:00Z")
    assert code == 0
    assert "to commit: round 0" in out
    assert "to reveal" not in out


def test_now_is_meant_where_no_time_is_given(chrono):
    before = int(datetime.now(UTC).timestamp())
    code, out, err = chrono("--format", "json")
    after = int(datetime.now(UTC).timestamp())
    assert (code, err) == (0, "")
    assert before <= json.loads(out)["now"]["unix"] <= after


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ("--network", "flrae"),
            "--network: expected a network (coston, coston2, flare, songbird), was 'flrae'; did you mean flare",
        ),
        (("--network", "ethereum"), "--network: expected a network (coston, coston2, flare, songbird), was 'ethereum'"),
        (("--at", "soon"), "--at: expected a time like 2026-11-22T10:15:00Z, or unix seconds, was 'soon'"),
        (("--at", ""), "--at: expected a time like 2026-11-22T10:15:00Z, or unix seconds, was ''"),
        (("--at", "-5"), "--at: expected a time like 2026-11-22T10:15:00Z, or unix seconds, was '-5'"),
        (("--at", "2026-13-01"), "--at: expected a time like 2026-11-22T10:15:00Z, or unix seconds, was '2026-13-01'"),
        (
            ("--at", "1658429999"),
            "--at: expected a time from 2022-07-21T19:00:00Z, the first round of flare, to the year 9999, "
            "was '1658429999'",
        ),
        (
            ("--at", "1658429954", "--network", "songbird"),
            "--at: expected a time from 2022-07-21T18:59:15Z, the first round of songbird, to the year 9999, "
            "was '1658429954'",
        ),
        (
            ("--at", "1784530900000"),
            "--at: expected a time from 2022-07-21T19:00:00Z, the first round of flare, to the year 9999, "
            "was '1784530900000'",
        ),
        (
            ("--at", "9999-12-31T23:59:59Z"),
            "--at: expected a time from 2022-07-21T19:00:00Z, the first round of flare, to the year 9999, "
            "was '9999-12-31T23:59:59Z'",
        ),
        (
            ("--format", "yaml"),
            "chrono flare epoch: --format: expected one of text, json, was 'yaml'; see chrono flare epoch --help",
        ),
        (("more",), "chrono flare epoch: expected no further argument, was 'more'; see chrono flare epoch --help"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_two(chrono, words, problem):
    assert chrono(*words) == (2, "", f"{problem}\n")


def test_help_tells_every_option(chrono):
    code, out, _ = chrono("--help")
    assert code == 0
    assert re.findall(r"--[a-z]+", out.partition("Options:")[2]) == ["--at", "--network", "--format", "--help"]


def test_the_installed_program_has_the_command():
    words = [sys.executable, "-m", "chrono", "flare", "epoch", "--at", "1784530900"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50, check=True, stdin=subprocess.DEVNULL)
    assert (done.stdout, done.stderr) == (SHOWN, "")
