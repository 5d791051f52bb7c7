"""What every command does when all is well, and how it ends."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import jsonschema
import pytest
import yaml

from chrono.core.recording import read

from .conftest import COMMAND, Cli, Site, Write, tick

KEYS = ["round", "as_of", "feed", "value", "confidence", "used", "dropped", "reason", "notices"]

PUSHED = """\
name: pushed
feeds:
  BTC/USD: {decimals: 2, markets: ["v1:BTC/USD"]}
sources:
  v1: {type: push}
consensus: {median: {min_venues: 1}}
"""

TICKS = tick(0.1, 67123.1) + tick(1.1, 67124.125) + tick(2.1, 67125.1)

STEADY = """
import sys
from chrono import Sink, Source, Trade, hookimpl

class Steady(Source):
    \"\"\"Prints every ten milliseconds.\"\"\"

    type = "steady"

    async def run(self, markets, emit):
        self.context.status("live")
        number = 0
        while True:
            await self.context.clock.sleep(0.01)
            for market in markets:
                number += 1
                emit(Trade(market.symbol, 100.0 + number / 7, 1.0, "buy", str(number), self.context.clock.now()))

    async def __aexit__(self, *exc):
        print("closed", self.context.name, file=sys.stderr, flush=True)

class Noted(Sink):
    \"\"\"Says when it is closed.\"\"\"

    type = "noted"

    async def publish(self, report):
        pass

    async def __aexit__(self, *exc):
        print("closed", self.context.name, file=sys.stderr, flush=True)

class Stuck(Sink):
    \"\"\"Never done.\"\"\"

    type = "stuck"

    async def publish(self, report):
        await self.context.clock.sleep(60)

@hookimpl
def chrono_sources():
    return [Steady]

@hookimpl
def chrono_sinks():
    return [Noted, Stuck]
"""

STEADILY = PUSHED.replace("push}", "steady}") + "every: 50ms\n"

Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def steady(site: Site, write: Write) -> Path:
    """Install a source that prints by itself, and return a pipeline of it."""
    site.install("chrono_steady", STEADY, ["steady", "noted", "stuck"])
    path: Path = write("steady.yaml", STEADILY)
    return path


@pytest.fixture
def quickstart(folder: Path, root: Path) -> str:
    """Copy the first pipeline that a reader runs."""
    pytest.importorskip("chrono_simulated")
    shutil.copy(root / "examples" / "quickstart.yaml", folder / "quickstart.yaml")
    return "quickstart.yaml"


def rows(text: str) -> list[dict[str, object]]:
    """Return the rows of JSON Lines, each with the documented keys in their order."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(list(row) == KEYS for row in found)
    return found


# pipeline


def test_run_prints_nothing_but_rows(program: Cli, quickstart: str) -> None:
    """A row for each round and feed: a value with the feed's decimals, or a reason."""
    outcome = program("pipeline", "run", quickstart, "--rounds", "3", "--format", "json")
    found = rows(outcome.out)
    assert outcome.code == 0
    assert [row["feed"] for row in found] == ["USDT/USD", "BTC/USD", "ETH/USD", "XRP/USD", "FLR/USD"] * 3
    assert len({row["round"] for row in found}) == 3
    for row in found:
        value, reason = row["value"], row["reason"]
        assert (value is None) != (reason is None)
        if isinstance(value, str):
            assert len(value.partition(".")[2]) == {"BTC/USD": 2, "ETH/USD": 2}.get(str(row["feed"]), 5)
    assert len(outcome.problems) == 1, "expected the summary alone on standard error"
    assert "3 rounds" in outcome.err


@pytest.mark.usefixtures("steady")
def test_run_prints_plain_lines_where_there_is_no_terminal(cli: Cli) -> None:
    """For logs; and nothing at all of itself when it is asked to be silent."""
    outcome = cli("pipeline", "run", "steady.yaml", "--rounds", "3", "--format", "table", "--no-progress")
    assert outcome.code == 0
    assert outcome.problems == ["closed v1"]
    assert [line.split()[1] for line in outcome.out.splitlines()] == ["BTC/USD"] * 3
    assert outcome.out.splitlines()[-1].endswith("1 of 1 markets")


@pytest.mark.usefixtures("steady")
def test_verbose_tells_what_goes_well(cli: Cli) -> None:
    """Otherwise only what is out of the ordinary is told."""
    outcome = cli("pipeline", "run", "steady.yaml", "--rounds", "1", "-v")
    assert [line.partition(" debug   ")[2] for line in outcome.problems[:2]] == ["v1: starting", "v1: live"]


@pytest.mark.usefixtures("steady")
def test_several_files_are_one_run(cli: Cli, write: Write, folder: Path) -> None:
    """Each has a recording of its own, which replays to its own reports."""
    write("other.yaml", STEADILY.replace("name: pushed", "name: other").replace("BTC/", "ETH/"))
    outcome = cli(
        "pipeline", "run", "steady.yaml", "other.yaml", "--rounds", "3", "--format", "json", "--record", "rec"
    )
    feeds = sorted(str(row["feed"]) for row in rows(outcome.out))
    assert (outcome.code, feeds) == (0, ["BTC/USD"] * 3 + ["ETH/USD"] * 3)
    replayed = rows(cli("replay", "other.yaml", "rec/other", "--format", "json").out)
    assert replayed == [row for row in rows(outcome.out) if row["feed"] == "ETH/USD"]
    assert sorted(path.name for path in (folder / "rec").iterdir()) == ["other", "pushed"]


@pytest.mark.usefixtures("steady")
def test_recordings_of_one_name_are_refused(cli: Cli) -> None:
    """They would be mixed up."""
    outcome = cli("pipeline", "run", "steady.yaml", "steady.yaml", "--record", "rec")
    assert (outcome.code, len(outcome.problems)) == (2, 1)
    assert "--record: expected pipelines of different names, was 'pushed' twice" in outcome.err


def test_check_counts(cli: Cli, write: Write) -> None:
    """One line for a file that is well."""
    write("one.yaml", PUSHED)
    assert cli("pipeline", "check", "one.yaml").out == "one.yaml: ok, 1 feeds, 1 sources, 1 markets\n"


def test_show_prints_the_plan(cli: Cli, write: Write) -> None:
    """Feeds, markets and the rates they are converted with."""
    write(
        "plan.yaml",
        """\
        name: plan
        feeds:
          BTC/USD: {decimals: 2}
        sources:
          v1: {type: push}
          v2: {type: push}
        quotes: [USD, USDT]
        aggregator: mid
        sinks: {console: {}}
        """,
    )
    outcome = cli("pipeline", "show", "plan.yaml")
    assert outcome.code == 0
    assert (
        outcome.out
        == """\
plan, every 1s
├─ BTC/USD, 2 decimals
│  ├─ aggregator mid(window=60s)
│  ├─ detector flatline(every=10s, move=0.5%)
│  ├─ detector deviation(noise_floor=0.06%, max_rejected=40%, release=10s, max_deviation=8.0)
│  ├─ detector drift(noise_floor=0.03%, max_rejected=40%, release=10s, allowance=4.0, threshold=100.0)
│  ├─ consensus median(min_venues=2, min_turnover=0.0, reject=0.0, noise_floor=0.03%, max_rejected=40%)
│  ├─ v1:BTC/USD
│  ├─ v1:BTC/USDT × USDT/USD
│  ├─ v2:BTC/USD
│  └─ v2:BTC/USDT × USDT/USD
├─ USDT/USD, a rate, not published
│  ├─ aggregator mid(window=60s)
│  ├─ detector flatline(every=10s, move=0.5%)
│  ├─ detector deviation(noise_floor=0.06%, max_rejected=40%, release=10s, max_deviation=8.0)
│  ├─ detector drift(noise_floor=0.03%, max_rejected=40%, release=10s, allowance=4.0, threshold=100.0)
│  ├─ consensus median(min_venues=2, min_turnover=0.0, reject=0.0, noise_floor=0.03%, max_rejected=40%)
│  ├─ v1:USDT/USD
│  └─ v2:USDT/USD
└─ sink console: console(on_missing=skip)
"""
    )


def test_schema_holds_for_every_example(cli: Cli, root: Path) -> None:
    """It is a schema of the current draft, and refuses what the program refuses."""
    pytest.importorskip("chrono_simulated")
    outcome = cli("pipeline", "schema")
    schema = json.loads(outcome.out)
    checker = jsonschema.validators.validator_for(schema)
    checker.check_schema(schema)
    examples = sorted((root / "examples").glob("*.yaml"))
    assert examples
    for path in examples:
        text = yaml.safe_load(path.read_text())
        assert list(checker(schema).iter_errors(text)) == [], path.name
        assert list(checker(schema).iter_errors({**text, "evry": "1s"})) != []


# record, replay, decode


@pytest.mark.timeout(180)
def test_recorded_run_replays_to_the_same_bytes(program: Cli, quickstart: str) -> None:
    """Twice, as fast as it goes and at twenty times real time."""
    live = program("pipeline", "run", quickstart, "--rounds", "4", "--format", "json", "--record", "rec")
    assert (live.code, len(rows(live.out))) == (0, 20)
    first = program("replay", quickstart, "rec", "--format", "json")
    again = program("replay", quickstart, "rec", "--format", "json")
    paced = program("replay", quickstart, "rec", "--format", "json", "--speed", "20")
    assert (first.code, first.problems[-1].split(", ")[3]) == (0, "0 damaged")
    assert first.out == live.out
    assert again.out == live.out
    assert paced.out == live.out


@pytest.mark.usefixtures("steady")
def test_record_writes_without_pricing(cli: Cli, write: Write, folder: Path) -> None:
    """What rounds remember stays as it was; the recording can be replayed."""
    write("steady.yaml", STEADILY + "state: state.json\n")
    write("state.json", "untouched")
    outcome = cli("record", "steady.yaml", "--out", "rec", "--for", "300ms")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.problems[-1].endswith(" ticks recorded into rec")
    assert (folder / "state.json").read_text() == "untouched"
    write("steady.yaml", STEADILY)
    assert len(rows(cli("replay", "steady.yaml", "rec", "--format", "json").out)) >= 3


def test_recording_is_read_compressed_or_not(cli: Cli, write: Write, folder: Path) -> None:
    """By its content, whatever its name; and a folder of them."""
    write("one.yaml", PUSHED)
    write("plain.jsonl", TICKS)
    write("packed.jsonl.gz", gzip.compress(TICKS.encode()))
    write("named.jsonl", gzip.compress(TICKS.encode()))
    write("folder/packed.jsonl.gz", gzip.compress(TICKS.encode()))
    outs = [
        cli("replay", "one.yaml", name, "--format", "json").out
        for name in ("plain.jsonl", "packed.jsonl.gz", "named.jsonl", "folder")
    ]
    assert [row["value"] for row in rows(outs[0])] == ["67123.10", "67124.12", "67125.10"]
    assert len(set(outs)) == 1


def test_long_gap_is_priced(cli: Cli, write: Write) -> None:
    """Round by round: nobody knows better what was there."""
    write("one.yaml", PUSHED)
    write("gap.jsonl", tick(0.1, 1.0) + tick(3600.1, 2.0))
    found = rows(cli("replay", "one.yaml", "gap.jsonl", "--format", "json").out)
    assert len(found) == 3601
    assert {str(row["value"]) for row in found} == {"1.00", "2.00", "None"}


def test_gap_of_years_can_be_interrupted(started: Started, write: Write) -> None:
    """It costs time, not memory."""
    write("one.yaml", PUSHED)
    write("gap.jsonl", tick(0.1, 1.0) + tick(1e9, 2.0))
    process = started("replay", "one.yaml", "gap.jsonl", "--format", "json")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert " rounds, " in err


WIRE = """
import msgspec
from chrono import Trade, WebSocketSource, hookimpl

class Frame(msgspec.Struct):
    p: float
    s: str = "XBT"

class Wire(WebSocketSource):
    \"\"\"A venue with short frames.\"\"\"

    type = "wire"
    Frame = Frame
    url = "ws://127.0.0.1:1"

    def symbol(self, pair):
        return {"BTC": "XBT"}.get(pair.base, pair.base)

    def subscribe(self, symbols):
        return []

    def parse(self, frame):
        yield Trade(frame.s, frame.p, 1.0, "buy", "7", 1795342500000000001)

@hookimpl
def chrono_sources():
    return [Wire]
"""


def frame(number: int, text: str) -> str:
    """Return a line of a recording with a frame."""
    return json.dumps({"v": 1, "ts": number, "source": "wire/eu", "conn": 1, "kind": "ws", "data": text}) + "\n"


def test_decode_gives_numbers_to_the_digit(cli: Cli, write: Write, site: Site) -> None:
    """In the form of a recorded tick, with source, time of receipt and the venue's symbol; also of a folder."""
    site.install("chrono_wire", WIRE, ["wire"])
    prices = ["0.1", "67123.123456789", "0.00001234", "123456789.12345678", "5e-9"]
    write("rec/a.jsonl", "".join(frame(number, f'{{"p": {price}}}') for number, price in enumerate(prices)))
    write("rec/b.jsonl.gz", gzip.compress(frame(9, '{"p": 1.5}').encode()))
    outcome = cli("decode", "wire", "rec", "--pair", "BTC/USD", "--format", "json")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert (outcome.code, outcome.problems) == (0, ["6 frames, 6 ticks, 0 damaged"])
    assert [row["price"] for row in found] == [float(price) for price in [*prices, "1.5"]]
    assert found[0] == {
        "ts": 0, "source": "wire/eu", "type": "trade", "pair": "BTC/USD", "symbol": "XBT", "price": 0.1, "size": 1.0,
        "side": "buy", "trade_id": "7", "ts_event": 1795342500000000001,
    }  # fmt: skip
    write("expected.jsonl", outcome.out)
    assert cli("decode", "wire", "rec", "--pair", "BTC/USD", "--expect", "expected.jsonl").code == 0


def test_decode_recognises_the_pairs_that_are_expected(cli: Cli, write: Write, site: Site) -> None:
    """A symbol does not tell its pair, but a pair its symbol."""
    site.install("chrono_wire", WIRE, ["wire"])
    write("a.jsonl", frame(5, '{"p": 1.5}'))
    write("expected.jsonl", '{"pair": "BTC/USD", "price": 1.5}\n')
    assert cli("decode", "wire", "a.jsonl", "--expect", "expected.jsonl").code == 0


def test_decode_prints_a_line_a_tick(cli: Cli, write: Write, site: Site) -> None:
    """For people: when, who, what, and the numbers."""
    site.install("chrono_wire", WIRE, ["wire"])
    write("a.jsonl", frame(5, '{"p": 1.5}'))
    outcome = cli("decode", "wire", "a.jsonl")
    assert outcome.out == "5 wire/eu trade  XBT price=1.5 size=1.0 side=buy trade_id=7 ts_event=1795342500000000001\n"


def test_killed_run_leaves_a_recording_that_replays(started: Started, cli: Cli, folder: Path, steady: Path) -> None:
    """All but the last second of it."""
    process = started("pipeline", "run", steady.name, "--format", "json", "--record", "rec")
    assert process.stdout is not None
    for _ in range(45):
        process.stdout.readline()
    process.kill()
    process.wait()
    (path,) = (folder / "rec").glob("*.jsonl.gz")
    complaints: list[str] = []
    records = list(read([path], complaints.append))
    assert len(complaints) <= 1, "expected it to be cut off, at most"
    assert len(records) > 80, "expected more than the first second of a hundred ticks each"
    outcome = cli("replay", steady.name, "rec", "--format", "json")
    assert (outcome.code, len(rows(outcome.out)) > 15) == (0, True)


@pytest.mark.usefixtures("steady")
def test_full_disk_ends_the_recording_not_the_run(folder: Path) -> None:
    """A price is worth more than its record; the operator is told once."""
    words = [*COMMAND, "pipeline", "run", "steady.yaml", "--format", "json", "--record", "rec", "--rounds", "60"]
    limited = ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *words]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=40, check=False, cwd=folder)
    assert done.returncode == 0
    assert len(rows(done.stdout)) == 60
    assert done.stderr.count("expected to record, was refused: File too large; nothing more is recorded") == 1
    assert "Traceback" not in done.stderr


# plugin


def test_plugin_list_names_what_is_built_in(cli: Cli) -> None:
    """As a table, or as rows."""
    outcome = cli("plugin", "list", "--format", "json")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    types = {(row["kind"], row["type"]) for row in found if row["distribution"] == "chrono-oracle"}
    assert types >= {("source", "push"), ("aggregator", "last"), ("consensus", "weighted_median"), ("sink", "jsonl")}
    assert all(list(row) == ["kind", "type", "distribution", "version", "about"] for row in found)
    assert len(cli("plugin", "list").out.splitlines()) == len(found)


def test_plugin_info_describes_options(cli: Cli) -> None:
    """By name, kind, default and meaning."""
    outcome = cli("plugin", "info", "median")
    assert "median: consensus of chrono-oracle " in outcome.out
    assert "  min_venues: integer, default 2; Independent groups needed for an answer." in outcome.out.splitlines()


def test_broken_plugin_leaves_the_help_alone(program: Cli, site: Site) -> None:
    """The list names it; the rest works."""
    site.install("chrono_bad", "import no_such_module\n", ["bad"])
    assert program("--help").code == 0
    listed = program("plugin", "list")
    assert listed.code == 1
    assert "weighted_median" in listed.out
    assert "Traceback" not in listed.err
    assert [line for line in listed.problems if "plugin bad (chrono-bad): " in line] == listed.problems


EXTRA = """
import typer

app = typer.Typer()

@app.command()
def hello() -> None:
    \"\"\"Greet.\"\"\"
    typer.echo("hi")
"""


def test_command_of_a_plugin_is_imported_when_it_is_typed(cli: Cli, site: Site) -> None:
    """The help knows it by name; a broken one is one line."""
    (site.path / "chrono_extra.py").write_text(EXTRA)
    points = "[chrono.commands]\nextra = chrono_extra:app\nwreck = no_such_module:app\n"
    site.metadata("chrono-extra", {"entry_points.txt": points})
    site.modules.append("chrono_extra")
    assert cli("extra").out == "hi\n"
    broken = cli("wreck")
    assert (broken.code, len(broken.problems)) == (2, 1)
    assert broken.err.startswith("plugin wreck (chrono-extra): expected to import no_such_module:app, was Module")
    assert "wreck" in cli("--help").out


# help


@pytest.mark.parametrize(
    "words",
    ["", "pipeline run", "pipeline check", "pipeline show", "pipeline schema", "record", "replay", "decode",
     "plugin list", "plugin info"],
)  # fmt: skip
def test_help_has_an_example(cli: Cli, words: str) -> None:
    """One that begins with the command itself."""
    outcome = cli(*words.split(), "--help")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.strip() for line in outcome.out.splitlines() if not line.startswith("Usage")]
    assert any(f"chrono {words}".strip() + " " in f"{line} " for line in lines)


def test_help_imports_no_plugin_and_nothing_heavy(program: Cli, site: Site) -> None:
    """It costs milliseconds."""
    site.install("chrono_loud", "raise SystemExit('imported')\n", ["loud"])
    code = (
        "import sys; from chrono.cli.app import run; run(['--help']); "
        "print([n for n in ('numpy', 'pydantic', 'httpx', 'websockets', 'rich', 'chrono_loud') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=40, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# signals and readers


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signal_stops_in_order(started: Started, write: Write, folder: Path, number: signal.Signals, code: int) -> None:
    """Sources first, then sinks in reverse; what was priced is delivered."""
    write("two.yaml", STEADILY + "sinks: {first: {type: noted}, jsonl: {path: out.jsonl}, last: {type: noted}}\n")
    process = started("pipeline", "run", "two.yaml", "--format", "json")
    assert process.stdout is not None
    head = [process.stdout.readline() for _ in range(3)]
    process.send_signal(number)
    rest, err = process.communicate(timeout=20)
    found = rows("".join(head) + rest)
    assert process.returncode == code
    assert "Traceback" not in err
    assert err.splitlines()[:3] == ["closed v1", "closed last", "closed first"]
    assert err.splitlines()[3].startswith(f"{len(found)} rounds, ")
    assert rows((folder / "out.jsonl").read_text()) == found


@pytest.mark.usefixtures("steady")
def test_second_signal_stops_at_once(started: Started, write: Write) -> None:
    """A sink that is never done is left behind."""
    write("two.yaml", STEADILY + "sinks: {stuck: {}}\n")
    process = started("pipeline", "run", "two.yaml", "--format", "json")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(3) == 130
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


@pytest.mark.usefixtures("steady")
def test_reader_that_left_ends_the_run_quietly(folder: Path) -> None:
    """As `head` does."""
    line = f"{' '.join(COMMAND)} pipeline run steady.yaml --format json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=40, check=False, cwd=folder)
    row, code = done.stdout.splitlines()
    assert (len(rows(row)), code) == (1, "0")
    assert done.stderr == "closed v1\n"


def waiting_in(pipe: IO[str]) -> int:
    """Return how many bytes nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.usefixtures("steady")
def test_reader_that_stopped_reading_does_not_keep_the_program(started: Started, write: Write) -> None:
    """Reports are dropped meanwhile, and the second signal ends it."""
    write("fast.yaml", STEADILY.replace("50ms", "1ms"))
    process = started("pipeline", "run", "fast.yaml", "--format", "json")
    assert process.stdout is not None
    waiting, before = waiting_in(process.stdout), -1
    while waiting < 30_000 or waiting != before:
        before = waiting
        time.sleep(0.2)
        waiting = waiting_in(process.stdout)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 130


@pytest.mark.usefixtures("steady")
def test_full_output_is_one_line(folder: Path) -> None:
    """A run that can publish to nobody has failed."""
    for words in (["pipeline", "run", "steady.yaml", "--format", "json"], ["pipeline", "schema"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=40, check=False, cwd=folder
            )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception" not in done.stderr


@pytest.mark.usefixtures("steady")
def test_program_needs_no_standard_streams(folder: Path) -> None:
    """A service manager may give it none."""
    line = f"{' '.join(COMMAND)} pipeline run steady.yaml --rounds 3 <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", line], timeout=40, check=False, cwd=folder).returncode == 0


def test_terminal_gets_a_live_table(folder: Path, steady: Path) -> None:
    """With the logs above it, or elsewhere when they are sent elsewhere."""
    line = f"{' '.join(COMMAND)} pipeline run {steady.name} --rounds 3 -v 2> log.txt"
    script = shutil.which("script")
    if script is None:
        pytest.skip("expected the program `script`, which makes a terminal")
    done = subprocess.run(
        [script, "-qec", line, "/dev/null"],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
        cwd=folder,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    assert "╭" in done.stdout
    assert "confidence" in done.stdout
    assert "debug" not in done.stdout
    assert "v1: live" in (folder / "log.txt").read_text()
