"""`chrono flare score`: what it prints, from which values and medians, and how it refuses wrong input."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from chrono.cli.app import run
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.feeds import feed_id

FIRST = 1_521_250
START = 1_795_342_500
"""The first second of that round on Flare."""

CSV = "round,feed,median,q1,q3\n"

TABLE = """\
feed     rounds  missing  median bp  p95 bp  max bp  mean bp   0.5 %     IQR     PCT
BTC/USD       3        1       0.50    0.95    1.00    +0.50  66.7 %  50.0 %  66.7 %
FLR/USD       3        1      25.00   47.50   50.00   -25.00  66.7 %       -  33.3 %
all           6        2       0.50   42.65   50.00   -12.25  66.7 %  50.0 %  50.0 %
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty folder, which is the present one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def chrono(capsys):
    """Return a function that runs a command line in this process: exit code, standard output, standard error."""

    def called(*words):
        code = run(["flare", "score", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


def answers(path, values, shadows=()):
    """Write a ledger."""
    with Ledger(Path(path)) as ledger:
        for at, prices in enumerate(values):
            if prices is not None:
                ledger.write("INSERT INTO answers VALUES (?, ?, ?)", FIRST + at, START, json.dumps(prices))
        for at, (prices, problem) in enumerate(shadows):
            text = None if prices is None else json.dumps(prices)
            ledger.write("INSERT INTO shadows VALUES (?, ?, ?, ?)", FIRST + at, START, text, problem)


def test_a_ledger_is_scored_against_a_table(here, chrono):
    """A line a feed, one of all, and what was compared on standard error."""
    answers("flare.db", [{"BTC/USD": 67_000.0, "FLR/USD": 0.02}, None, {"BTC/USD": 67_006.7, "FLR/USD": 0.0199}])
    rows = [f"{FIRST + at},{feed}" for at in range(3) for feed in ("BTC/USD,67000,66990,67006.70", "FLR/USD,0.02,,")]
    (here / "m.csv").write_text(CSV + "\n".join(rows))
    code, out, err = chrono("--medians", "m.csv")
    assert code == 0
    assert out == TABLE
    assert err.splitlines() == [
        f"rounds {FIRST} to {FIRST + 2}: 3 with medians, 2 of them answered; values that were answered, of flare.db",
        "votes on an edge of the IQR band: 1, counted as the coin of --address says, half where it is not given",
        "the minimal condition of the anchor feeds is not met in these rounds: 66.67% within 0.5 %, wanted are 80 %",
    ]


def test_json_has_an_object_a_feed_and_one_of_all(here, chrono):
    """And nothing else on standard output."""
    answers("other.db", [{"BTC/USD": 67_000.0}])
    (here / "m.csv").write_text(CSV + f"{FIRST},BTC/USD,67000,66990,67010\n")
    code, out, _ = chrono("--ledger", "other.db", "--medians", "m.csv", "--format", "json")
    assert code == 0
    one, total = map(json.loads, out.splitlines())
    same = {
        "rounds": 1,
        "missing": 0,
        "median_bp": 0.0,
        "p95_bp": 0.0,
        "max_bp": 0.0,
        "mean_bp": 0.0,
        "minimal": 1.0,
        "iqr": 1.0,
        "iqr_edge": 0,
        "pct": 1.0,
    }
    assert one == {"feed": "BTC/USD", "no_median": 0, **same}
    assert total == {"feed": None, "first": FIRST, "last": FIRST, "met": True, "feeds": 1, **same}


def test_a_shadowed_provider_has_the_same_columns(here, chrono):
    """Its rounds are those that it was asked for; a round without its answer is a miss of its own."""
    ours = [{"BTC/USD": 67_000.0}] * 9
    theirs = [({"BTC/USD": 67_067.0}, None)] * 7 + [(None, "was refused with 500"), (None, "was not asked, because …")]
    answers("flare.db", ours, theirs)
    (here / "m.csv").write_text(CSV + "".join(f"{FIRST + at},BTC/USD,67000,66990,67010\n" for at in range(9)))
    code, out, err = chrono("--medians", "m.csv")
    assert code == 0
    head, one, other, *_ = out.splitlines()
    assert head.split()[-5:] == ["nearer", "farther", "even", "p", "verdict"]
    assert " ".join(one.split()) == "BTC/USD 9 0 0.00 0.00 0.00 +0.00 100.0 % 100.0 % 100.0 % 7 0 0 0.016 nearer"
    assert " ".join(other.split()) == "shadowed 8 1 10.00 10.00 10.00 +10.00 87.5 % 0.0 % 0.0 %"
    assert "in 7 rounds more feeds were nearer here, in 0 there, in 1 as many: ours is nearer (p = 0.016)" in err
    code, out, _ = chrono("--medians", "m.csv", "--format", "json")
    told = json.loads(out.splitlines()[0])
    assert told["shadowed"]["missing"] == 1
    assert (told["nearer"], told["farther"], told["even"], told["verdict"]) == (7, 0, 0, "nearer")


def test_rounds_in_between_that_were_not_answered_are_misses(here, chrono):
    """From the first to the last answer, or as is asked for; answers without a result are left out, which is said."""
    answers("flare.db", [None, {"BTC/USD": 1.0}, None, {"BTC/USD": 1.0}, {"BTC/USD": 1.0}, None])
    (here / "m.csv").write_text(CSV + "".join(f"{FIRST + at},BTC/USD,1,,\n" for at in (0, 1, 2, 4, 5)))
    first = lambda *words: json.loads(chrono("--medians", "m.csv", "--format", "json", *words)[1].splitlines()[0])  # noqa: E731
    assert (first()["rounds"], first()["missing"]) == (3, 1)
    assert "1 answered rounds have no result there and are left out" in chrono("--medians", "m.csv")[2]
    told = first("--from", FIRST, "--to", FIRST + 5)
    assert (told["rounds"], told["missing"]) == (5, 3)
    assert first("--from", FIRST + 2)["rounds"] == 2
    assert first("--to", FIRST + 1)["rounds"] == 1
    # the second is in the round
    assert first("--from", START + 2 * 90, "--to", START + 5 * 90 - 1)["rounds"] == 2
    assert first("--from", "2026-11-22T10:18:00Z", "--to", "2026-11-22T10:22:29+00:00")["rounds"] == 2


def test_medians_of_the_ledger_are_the_default(here, chrono):
    """Those that the data provider wrote down, by the decimals of the feed or as many as they have."""
    answers("flare.db", [{"BTC/USD": 67_000.0, "NEW/USD": 1.25}])
    with Ledger(Path("flare.db")) as ledger:
        for row in (("BTC/USD", 67_000.01, 67_000.0, 67_000.02), ("NEW/USD", 1.25, None, None)):
            ledger.write(
                "INSERT INTO medians (round, feed, median, first_quartile, third_quartile) VALUES (?, ?, ?, ?, ?)",
                FIRST,
                *row,
            )
    code, out, _ = chrono("--format", "json")
    assert code == 0
    btc, new, _ = map(json.loads, out.splitlines())
    assert (btc["max_bp"], btc["iqr"], btc["iqr_edge"], btc["pct"]) == (pytest.approx(1 / 670), 0.5, 1, 1.0)
    assert (new["max_bp"], new["iqr"], new["pct"]) == (0.0, None, None)
    with Ledger(Path("flare.db")) as ledger:
        # the feed has three decimals by now, more than what is known of it says
        ledger.write("UPDATE medians SET median = 67000.001 WHERE feed = 'BTC/USD'")
    btc = json.loads(chrono("--format", "json")[1].splitlines()[0])
    assert btc["max_bp"] == pytest.approx(1e4 * 0.001 / 67_000)


def test_the_coin_is_that_of_the_address(here, chrono):
    """With a submit address a vote on the edge is in or out; over many rounds about half are in."""
    answers("flare.db", [{"BTC/USD": 67_000.0}] * 40)
    (here / "m.csv").write_text(CSV + "".join(f"{FIRST + at},BTC/USD,67001,67000,67010\n" for at in range(40)))
    share = [
        json.loads(chrono("--medians", "m.csv", "--format", "json", *words)[1].splitlines()[0])["iqr"]
        for words in ((), ("--address", "0x" + "11" * 20), ("--address", "22" * 20))
    ]
    assert share[0] == 0.5
    assert share[1] != share[2] or share[1] != 0.5
    assert all(0.2 < each < 0.8 and (each * 40) % 1 == 0 for each in share[1:])


def test_the_band_is_what_the_epoch_or_the_option_says(here, chrono):
    """The option before the file, the file before what is known; of another network nothing is known."""
    answers("flare.db", [{"BTC/USD": 1_000.0}])
    (here / "m.csv").write_text(CSV + f"{FIRST},BTC/USD,1001,,\n")
    id = "0x" + feed_id(1, "BTC/USD").hex()
    offer = {"feedIds": [id], "secondaryBandWidthPPMs": [1_200]}
    epoch = {"canonicalFeedOrder": [{"id": id, "decimals": 2}], "rewardOffers": {"inflationOffers": [offer]}}
    (here / "epoch.json").write_text(json.dumps(epoch))
    pct = lambda *words: json.loads(chrono("--medians", "m.csv", "--format", "json", *words)[1].splitlines()[0])["pct"]  # noqa: E731
    assert pct() == 0.0
    assert pct("--network", "songbird") is None
    assert pct("--epoch", "epoch.json") == 1.0
    assert pct("--epoch", "epoch.json", "--network", "songbird") == 1.0
    assert pct("--epoch", "epoch.json", "--band", 100) == 0.0
    assert pct("--band", 1_200, "--network", "songbird") == 1.0


PIPELINE = """\
name: prices
every: 30s
feeds:
  BTC/USD: {{decimals: 2, markets: [north:BTC/USD]}}
quotes: [USD]
sources: {{north: {{type: push}}}}
consensus: {{weighted_median: {{min_venues: 1, max_age: 60s}}}}
aggregator: {{last: {{window: 60s}}}}
sinks: {{sqlite: {{path: {path}}}}}
"""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """Return the file of a store with a report each half minute: 100, 101, 102, …"""
    here = tmp_path_factory.mktemp("store")
    ticks = [
        {
            "v": 1,
            "ts": (START + 30 * at - 1) * 10**9,
            "source": "north",
            "kind": "tick",
            "tick": {"type": "trade", "pair": "BTC/USD", "price": 100.0 + at, "size": 1.0},
        }
        for at in range(8)
    ]
    (here / "prices.yaml").write_text(PIPELINE.format(path=here / "prices.db"))
    (here / "session.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks))
    assert run(["replay", str(here / "prices.yaml"), str(here / "session.jsonl")]) == 0
    return here / "prices.db"


@pytest.fixture
def store(replayed, here):
    """Return a copy of it in the present folder."""
    shutil.copy(replayed, here / "prices.db")
    return "prices.db"


def test_a_store_is_scored_by_the_last_report_in_time(here, chrono, store):
    """Of each round the last report before its end, or before another second of it; never an earlier round's."""
    (here / "m.csv").write_text(CSV + "".join(f"{FIRST + at},BTC/USD,100,,\n" for at in range(-1, 3)))
    code, out, err = chrono("--store", store, "--medians", "m.csv", "--format", "json")
    assert code == 0
    # reports are at the start of the first round and every 30 s: 102 is the last of it, 105 that of the second
    told = json.loads(out.splitlines()[0])
    assert (told["rounds"], told["max_bp"], told["mean_bp"]) == (3, 700.0, pytest.approx((200 + 500 + 700) / 3))
    assert "prices of the last report in the first 90 s of each round (" in err
    assert err.splitlines()[0].endswith("s before, on average), of prices.db")
    code, out, err = chrono("--store", store, "--medians", "m.csv", "--second", 31, "--format", "json")
    told = json.loads(out.splitlines()[0])
    assert told["mean_bp"] == pytest.approx((100 + 400 + 700) / 3)
    assert "in the first 31 s of each round" in err
    code, out, _ = chrono("--store", store, "--medians", "m.csv", "--pipeline", "prices", "--to", FIRST)
    assert code == 0


def refused(chrono, *words):
    """Return the one line of a refusal."""
    code, out, err = chrono(*words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    return err


def test_wrong_input_is_refused_in_one_line(here, chrono, store):
    """Exit code 2, what was expected, what it was, what to do."""
    assert "flare.db: expected the ledger of a sink flare_feed_values, was no file" in refused(chrono)
    (here / "flare.db").write_bytes(b"")
    assert "was an empty file" in refused(chrono)
    (here / "text.db").write_text("no database at all" * 100)
    assert "text.db: expected" in refused(chrono, "--ledger", "text.db")
    sqlite3.connect(here / "foreign.db").executescript(
        "CREATE TABLE a (b); INSERT INTO a VALUES (1);"
    ).connection.close()
    assert "another program's" in refused(chrono, "--ledger", "foreign.db")
    (here / "flare.db").unlink()
    answers("flare.db", [])
    assert "flare.db: expected answers of voting rounds, were none yet" in refused(chrono)
    answers("flare.db", [{"BTC/USD": 1.0}, {"BTC/USD": 1.0}])
    assert "expected medians that the sink flare_data_provider wrote down, were none" in refused(chrono)
    assert "none.json: expected a file that can be read" in refused(chrono, "--medians", "none.json")
    (here / "m.csv").write_text(CSV + f"{FIRST},BTC/USD,1,,\nx\n")
    assert "m.csv:3: round: expected a whole number" in refused(chrono, "--medians", "m.csv")
    (here / "m.csv").write_text(CSV + "7,BTC/USD,1,,\n9,BTC/USD,1,,\n")
    told = refused(chrono, "--medians", "m.csv")
    assert f"was none: values are of rounds {FIRST} to {FIRST + 1}, medians of rounds 7 to 9;" in told
    (here / "m.csv").write_text(CSV + f"{FIRST},BTC/USD,1,,\n{FIRST},ETH/USD,1,,\n")
    assert f"--from and --to ask for rounds from {FIRST + 9} on" in refused(
        chrono, "--medians", "m.csv", "--from", FIRST + 9
    )
    assert f"ask for rounds {FIRST + 3} to {FIRST + 2}" in refused(
        chrono, "--medians", "m.csv", "--from", FIRST + 3, "--to", FIRST + 2
    )
    assert "was 'ETG/USD'; did you mean ETH/USD" in refused(chrono, "--medians", "m.csv", "--feed", "ETG/USD")
    assert "was 'nothing'; there are BTC/USD, ETH/USD" in refused(chrono, "--medians", "m.csv", "--feed", "nothing")
    assert "--from: expected a voting round, or a time" in refused(chrono, "--medians", "m.csv", "--from", "yesterday")
    assert "--network" in refused(chrono, "--network", "flair")
    assert "--address" in refused(chrono, "--medians", "m.csv", "--address", "0x12")
    assert "m.csv:1: expected JSON" in refused(chrono, "--medians", "m.csv", "--epoch", "m.csv")
    assert "--store: expected either a store or a ledger, were both" in refused(
        chrono, "--store", store, "--ledger", "flare.db"
    )
    assert "--medians: expected files of results" in refused(chrono, "--store", store)
    assert "--pipeline: expected a store with it" in refused(chrono, "--pipeline", "prices")
    assert "expected a pipeline other, was a store of prices" in refused(
        chrono, "--store", store, "--medians", "m.csv", "--pipeline", "other"
    )
    (here / "m.csv").write_text(CSV + "7,BTC/USD,1,,\n")
    assert "prices.db: expected reports in rounds 7 to 7, was none" in refused(
        chrono, "--store", store, "--medians", "m.csv"
    )
    assert "none.db" in refused(chrono, "--store", "none.db", "--medians", "m.csv")


def test_a_damaged_answer_is_said(here, chrono):
    """A ledger whose rows are no JSON is refused, not half read."""
    answers("flare.db", [{"BTC/USD": 1.0}])
    with Ledger(Path("flare.db")) as ledger:
        ledger.write("UPDATE answers SET prices = '{'")
    assert "flare.db: expected a ledger that can be read" in refused(chrono)


def test_help_has_examples_that_run(here, chrono, store):
    """Each command of the help is one line and does what it says, where its files are there."""
    _, out, _ = chrono("--help")
    usage, *examples = re.findall(r"chrono flare score.*", out)
    assert usage.endswith("[OPTIONS]")
    assert len(examples) == 3
    answers("flare.db", [{"BTC/USD": 1.0}])
    with Ledger(Path("flare.db")) as ledger:
        ledger.write("INSERT INTO medians (round, feed, median) VALUES (?, 'BTC/USD', 1.0)", FIRST)
    entry = {"votingRoundId": FIRST, "id": "0x" + feed_id(1, "BTC/USD").hex(), "value": 100}
    (here / "results.jsonl").write_text(json.dumps(entry | {"turnoutBIPS": 9_000, "decimals": 2}))
    (here / "medians.csv").write_text(CSV + f"{FIRST},BTC/USD,1,,\n")
    for example in examples:
        code, out, _ = chrono(*example.split()[3:])
        assert code == 0
        assert "BTC/USD" in out


def test_the_command_imports_no_more_than_it_needs():
    """What scores is imported when something is scored."""
    code = "import sys, chrono_flare_ftso.cli; print('chrono_flare_ftso.scoring' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
