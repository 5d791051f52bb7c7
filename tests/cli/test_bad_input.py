"""Bad input, whatever it is: a clear line for each problem, the right exit code, no traceback, nothing on stdout."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import START, Cli, Outcome, Site, Write, tick

GOOD = """\
feeds:
  BTC/USD: {decimals: 2, markets: ["v1:BTC/USD"]}
sources:
  v1: {type: push}
consensus: {median: {min_venues: 1}}
"""

TICKS = [tick(0.1, 67123.1), tick(1.1, 67124.1), tick(2.1, 67125.1)]

WIRE = """
import msgspec
from chrono import Number, Trade, WebSocketSource, hookimpl

class Frame(msgspec.Struct):
    p: Number
    s: str = "BTC/USD"

class Wire(WebSocketSource):
    \"\"\"A venue with short frames.\"\"\"

    type = "wire"
    Frame = Frame
    url = "ws://127.0.0.1:1"

    def subscribe(self, symbols):
        return []

    def parse(self, frame):
        yield Trade(frame.s, frame.p, 1.0, "buy", "", None)

@hookimpl
def chrono_sources():
    return [Wire]
"""

WIRED = GOOD.replace("type: push", "type: wire") + "every: 200ms\n"


def refused(outcome: Outcome, code: int, *problems: str) -> None:
    """Check that a command said exactly these things, a line each, and nothing else."""
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert len(outcome.problems) == len(problems), outcome.err
    for line, wanted in zip(outcome.problems, problems, strict=True):
        assert re.search(wanted, line), line
    assert outcome.code == code


PIPELINES = {
    "empty": ("", r"bad\.yaml:1:1: expected a pipeline .* was an empty file"),
    "only comments": ("# nothing\n", r"bad\.yaml:1:1: expected a pipeline .* was an empty file"),
    "a list": ("- feeds\n", r"bad\.yaml:1:1: expected the keys feeds: and sources: .* was a list"),
    "open bracket": (GOOD.replace("{type: push}", "{type: push"), r"bad\.yaml:\d+:\d+: not valid YAML: .*; check"),
    "a tab": ("feeds:\n\tBTC/USD: {}\n", r"bad\.yaml:2:1: not valid YAML: .* not with tabs"),
    "no feeds": ("sources: {v1: {type: push}}\n", r"bad\.yaml:1:1: feeds: expected a value, was missing; add"),
    "no sources": ("feeds: {BTC/USD: {}}\n", r"bad\.yaml:1:1: sources: expected a value, was missing; add"),
    "unknown key": (GOOD + "evry: 1s\n", r"bad\.yaml:6:1: evry: unknown key; did you mean 'every'"),
    "unknown option": (GOOD.replace("decimals", "decimal"), r"bad\.yaml:2:13: .* unknown key; did you mean 'decimals'"),
    "a key twice": (GOOD + "sources: {v2: {type: push}}\n", r"bad\.yaml:6:1: sources: stands twice, first at line 3"),
    "no unit": (GOOD + "every: 1\n", r"bad\.yaml:6:8: every: expected a duration with its unit .*, was 1"),
    "unknown unit": (GOOD + "every: 1 fortnight\n", r"bad\.yaml:6:8: every: expected .*, was '1 fortnight'"),
    "zero": (GOOD + "every: 0s\n", r"bad\.yaml:6:8: every: expected more than 0, was '0s'"),
    "text": (GOOD.replace("decimals: 2", "decimals: many"), r"bad\.yaml:2:23: .* expected an integer, was 'many'"),
    "too many": (GOOD.replace("decimals: 2", "decimals: 99"), r"bad\.yaml:2:23: .*decimals: expected .*, was 99"),
    "no pair": (
        GOOD.replace("  BTC/USD:", "  BTCUSD:"),
        r"bad\.yaml:2:3: .*expected a pair like BTC/USD, was 'BTCUSD'",
    ),
    "undeclared source": (GOOD.replace('"v1:', '"v2:'), r"bad\.yaml:2:36: .* was 'v2:BTC/USD'; sources are v1"),
    "other base": (GOOD.replace('["v1:BTC', '["v1:ETH'), r"bad\.yaml:2:36: .*expected a market of BTC, was v1:ETH/USD"),
    "quorum": (GOOD.replace("min_venues: 1", "min_venues: 9"), r"bad\.yaml:5:13: .* 9 venues and can have 1 \(v1\)"),
    "no such source": (GOOD.replace("push", "krakn"), r"bad\.yaml:4:14: .*no source of type 'krakn' is installed"),
    "no such sink": (
        GOOD + "sinks: {lake: {}}\n",
        r"bad\.yaml:6:9: .* no sink of type 'lake' .*pip install chrono-lake",
    ),
    "environment": (GOOD + 'sinks: {jsonl: {path: "${env:NOT_SET}"}}\n', r"bad\.yaml:6:23: .*NOT_SET is not set"),
    "no such file": (GOOD + 'sinks: {jsonl: {path: "${file:no/key}"}}\n', r"bad\.yaml:6:23: .*cannot be read"),
    "cycle": (
        (
            'feeds:\n  A/B: {markets: ["v1:A/C"]}\n  C/B: {markets: ["v1:C/A"]}\n'
            "sources: {v1: {type: push}}\nconsensus: {median: {min_venues: 1}}\n"
        ),
        r"bad\.yaml:2:3: feeds\.A/B: .* was A/B → C/B → A/B",
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipeline_file_is_refused(cli: Cli, write: Write, name: str) -> None:
    """By line and column, before anything runs."""
    text, wanted = PIPELINES[name]
    write("bad.yaml", text)
    refused(cli("pipeline", "run", "bad.yaml", "--rounds", "1", "--format", "json"), 2, wanted)


def test_every_problem_of_every_file_is_told(cli: Cli, write: Write) -> None:
    """A line each, by `run` as by `check`."""
    write("one.yaml", GOOD + "evry: 1s\nsinks: {lake: {}}\n")
    write("two.yaml", "")
    wanted = ("one.yaml:6:1", "one.yaml:7:9", "two.yaml:1:1")
    refused(cli("pipeline", "run", "one.yaml", "two.yaml"), 2, *wanted)
    refused(cli("pipeline", "check", "one.yaml", "two.yaml"), 2, *wanted)


LINES = {
    "unknown command": ("bogus", r"^chrono: expected one of .*pipeline.*, was 'bogus'; see chrono --help$"),
    "near command": ("pipelin run", r"was 'pipelin'; did you mean pipeline"),
    "near subcommand": ("pipeline chek", r"^chrono pipeline: .* was 'chek'; did you mean check"),
    "unknown option": ("pipeline run good.yaml --bogus", r"^chrono pipeline run: expected an option .*was --bogus"),
    "near option": ("pipeline run good.yaml --round 3", r"was --round; did you mean --rounds"),
    "no file": ("pipeline run", r"^chrono pipeline run: expected FILE, was missing; see"),
    "no value": (
        "pipeline run good.yaml --record",
        r"expected a value after --record, was missing|expects? .*--record",
    ),
    "further argument": ("pipeline schema x", r"^chrono pipeline schema: expected no further argument, was 'x'"),
    "negative rounds": ("pipeline run good.yaml --rounds -3", r"--rounds: expected a whole number above 0, was '-3'"),
    "no rounds": ("pipeline run good.yaml --rounds 0", r"--rounds: expected a whole number above 0, was '0'"),
    "rounds in words": ("pipeline run good.yaml --rounds ten", r"--rounds: expected a whole number .*, was 'ten'"),
    "rounds in parts": ("pipeline run good.yaml --rounds 1.5", r"--rounds: expected a whole number .*, was '1\.5'"),
    "unknown format": ("pipeline run good.yaml --format xml", r"--format: expected one of table, json, was 'xml'"),
    "missing file": ("pipeline run none.yaml", r"^none\.yaml: expected a pipeline file, was missing; check the path$"),
    "folder": ("pipeline run folder", r"^folder: expected a pipeline file, was a directory"),
    "below a file": ("pipeline run good.yaml/x", r"^good\.yaml/x: .*not a directory"),
    "unreadable": ("pipeline run /proc/self/mem", r"^/proc/self/mem: cannot be read"),
    "not UTF-8": ("pipeline check latin.yaml", r"^latin\.yaml:1:\d+: expected UTF-8 text, was byte 0xe9"),
    "show nothing": ("pipeline show none.yaml", r"^none\.yaml: expected a pipeline file, was missing"),
    "record nowhere": ("record good.yaml", r"^chrono record: expected --out, was missing"),
    "record for a number": (
        "record good.yaml --out o --for 10",
        r"--for: expected a duration with its unit .*was '10'",
    ),
    "record for less": ("record good.yaml --out o --for -1s", r"--for: expected a duration .*, was '-1s'"),
    "record for nothing": ("record good.yaml --out o --for 0s", r"--for: expected a duration above 0, was '0s'"),
    "record into a file": ("record good.yaml --out good.yaml --for 1s", r"^good\.yaml: expected a folder .*was a file"),
    "run into a file": ("pipeline run good.yaml --record good.yaml", r"^good\.yaml: expected a folder .*was a file"),
    "below a file, too": (
        "pipeline run good.yaml --record good.yaml/x",
        r"^good\.yaml/x: expected a folder .*Not a dir",
    ),
    "replay nothing": ("replay good.yaml", r"^chrono replay: expected RECORDING, was missing"),
    "replay a ghost": ("replay good.yaml ghost.jsonl", r"^ghost\.jsonl: expected a recording .*there is none"),
    "replay an empty folder": ("replay good.yaml folder", r"^folder: expected a recording .*there is none"),
    "speed in words": ("replay good.yaml good.jsonl --speed fast", r"--speed: expected `max` or a number .*'fast'"),
    "no speed": ("replay good.yaml good.jsonl --speed 0", r"--speed: expected .* above 0, was '0'"),
    "speed back": ("replay good.yaml good.jsonl --speed -1", r"--speed: expected .* above 0, was '-1'"),
    "speed NaN": ("replay good.yaml good.jsonl --speed nan", r"--speed: expected .* above 0, was 'nan'"),
    "speed without end": ("replay good.yaml good.jsonl --speed inf", r"--speed: expected .* above 0, was 'inf'"),
    "decode nothing": ("decode", r"^chrono decode: expected TYPE, was missing"),
    "decode a stranger": (
        "decode krakn good.jsonl",
        r"no source of type 'krakn' is installed; .*pip install chrono-krakn",
    ),
    "decode ticks": ("decode push good.jsonl", r"expected a source that chrono connects, was 'push'"),
    "decode a sink": ("decode console good.jsonl", r"no source of type 'console' is installed"),
    "describe a stranger": ("plugin info krakn", r"expected an installed type, was 'krakn'; known are .*console"),
    "list what": ("plugin list all", r"^chrono plugin list: expected no further argument, was 'all'"),
}


@pytest.mark.parametrize("name", LINES)
def test_command_line_is_refused(cli: Cli, write: Write, folder: Path, name: str) -> None:
    """In the words of all other messages, and with the way to the help."""
    write("good.yaml", GOOD)
    write("good.jsonl", "".join(TICKS))
    write("latin.yaml", "# caf\xe9".encode("latin-1"))
    (folder / "folder").mkdir()
    line, wanted = LINES[name]
    refused(cli(*line.split()), 2, wanted)


def test_help_stands_in_for_a_missing_command(cli: Cli) -> None:
    """It is what one asks for who types the name of the program alone."""
    for words in ([], ["pipeline"], ["plugin"]):
        outcome = cli(*words)
        assert (outcome.code, outcome.out) == (2, "")
        assert "Usage: chrono" in outcome.err


RECORDINGS = {
    "empty": (b"", 2, [r"^bad\.jsonl: expected a recording, held no line that could be read"]),
    "not JSON": (b"hello\n", 2, [r"bad\.jsonl:1: .* was damaged: JSON is malformed", "held no line"]),
    "not UTF-8": (b"\xff\xfe\x00\n", 2, [r"bad\.jsonl:1: .* was damaged", "held no line"]),
    "a number": (b"1\n", 2, [r"bad\.jsonl:1: .*Expected `object`, got `int`", "held no line"]),
    "no kind": (
        b'{"v": 1, "ts": 5, "source": "v1"}\n',
        2,
        [r"bad\.jsonl:1: .*missing required field `kind`", "held no"],
    ),
    "unknown kind": (tick(0.1, 1.0, kind="x").encode(), 2, [r"bad\.jsonl:1: .*Invalid enum value 'x'", "held no line"]),
    "other version": (
        tick(0.1, 1.0, v=2).encode(),
        2,
        [r"bad\.jsonl:1: expected version 1, was 2; skip", "held no line"],
    ),
    "negative time": (tick(0.1, 1.0, ts=-5).encode(), 2, [r"bad\.jsonl:1: .*>= 0 - at `\$\.ts`", "held no line"]),
    "time beyond time": (tick(0.1, 1.0, ts=2**63).encode(), 2, [r"bad\.jsonl:1: .*<= 9223372036854775807", "held no"]),
    "bad base64": (tick(0.1, 1.0, b64="*").encode(), 2, [r"bad\.jsonl:1: .*base64", "held no line"]),
    "deeply nested": (b'{"x": ' + b"[" * 100_000 + b"\n", 2, [r"bad\.jsonl:1: .* was damaged", "held no line"]),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_recording_is_refused(cli: Cli, write: Write, name: str) -> None:
    """When no line of it can be read, each with its reason."""
    data, code, wanted = RECORDINGS[name]
    write("good.yaml", GOOD)
    write("bad.jsonl", data)
    refused(cli("replay", "good.yaml", "bad.jsonl", "--format", "json"), code, *wanted)


SPOILT = {
    "garbage between": (
        [TICKS[0], "{oops\n", *TICKS[1:]],
        r"bad\.jsonl:2: expected a line of a recording, was damaged",
    ),
    "cut off": ([*TICKS[:2], TICKS[2], TICKS[2][:60]], r"bad\.jsonl:4: .*was damaged: Input data was truncated"),
    "a tick without a price": ([TICKS[0].replace("price", "prize"), *TICKS], r"expected a trade with price and size"),
    "a price of NaN": ([TICKS[0].replace("67123.1", "NaN"), *TICKS], r"bad\.jsonl:1: .*was damaged"),
    "a day of its own": (
        [tick(0.05, 9.0, ts=5), *TICKS],
        r"bad\.jsonl:1: expected a time near those .* was weeks away",
    ),
    "another year": ([*TICKS[:2], tick(1.2, 9.0, ts=2**62), TICKS[2]], r"bad\.jsonl:3: expected a time near those"),
    "a stranger": ([*TICKS, tick(2.2, 9.0, source="v9")], r"frames of source 'v9', the pipeline names v1"),
    "a tick of no pair": ([TICKS[0].replace('"pair"', '"pear"'), *TICKS], r"v1 at \d+: expected a tick with its pair"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_damaged_line_is_named_and_skipped(cli: Cli, write: Write, name: str) -> None:
    """The rest of the recording gives what it gave without it."""
    lines, wanted = SPOILT[name]
    write("good.yaml", GOOD)
    write("bad.jsonl", "".join(lines))
    outcome = cli("replay", "good.yaml", "bad.jsonl", "--format", "json")
    assert outcome.code == 0
    assert [json.loads(line)["value"] for line in outcome.out.splitlines()] == ["67123.10", "67124.10", "67125.10"]
    assert re.search(wanted, outcome.problems[0])
    assert len(outcome.problems) == 2, outcome.err


def test_flood_of_damage_is_counted(cli: Cli, write: Write) -> None:
    """Twenty lines are named, the rest is a number."""
    write("good.yaml", GOOD)
    write("bad.jsonl", "".join(TICKS) + "oops\n" * 1000)
    outcome = cli("replay", "good.yaml", "bad.jsonl", "--format", "json")
    assert len(outcome.problems) == 22
    assert "1000 damaged" in outcome.problems[-1]


def test_truncated_gzip_is_read_up_to_its_end(cli: Cli, write: Write) -> None:
    """A run that was killed leaves one."""
    lines = [tick(0.1 + i / 100, 67123.1 + i) for i in range(500)]
    write("good.yaml", GOOD)
    write("cut.jsonl.gz", gzip.compress("".join(lines).encode())[:-400])
    outcome = cli("replay", "good.yaml", "cut.jsonl.gz", "--format", "json")
    assert outcome.code == 0
    assert json.loads(outcome.out.splitlines()[0])["value"] == "67213.10"
    assert re.search(r"cut\.jsonl\.gz:\d+: expected more of a recording, was cut off", outcome.err)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"every": 0}', '{"every": 1000000000, "started": 1, "state": {}, "first": -1}']
)
def test_damaged_account_of_the_run_is_left_out(cli: Cli, write: Write, text: str) -> None:
    """Then every round that the recording spans is priced."""
    write("good.yaml", GOOD)
    write("bad.jsonl", "".join(TICKS))
    write("bad.run.json", text)
    outcome = cli("replay", "good.yaml", "bad.jsonl", "--format", "json")
    assert (outcome.code, len(outcome.out.splitlines())) == (0, 3)
    assert re.search(
        r"bad\.run\.json: expected what the recorded run did, was damaged: .*every round", outcome.problems[0]
    )


def test_state_that_cannot_be_restored_is_refused(cli: Cli, write: Write) -> None:
    """Pricing from another state would give other reports."""
    write("good.yaml", GOOD)
    write("bad.jsonl", "".join(TICKS))
    run = {"every": 10**9, "started": START, "state": {"version": 99}, "first": START // 10**9 + 1}
    write("bad.run.json", json.dumps(run))
    refused(cli("replay", "good.yaml", "bad.jsonl", "--format", "json"), 2, r"expected a recorded state.*version")


def test_other_sources_alone_are_a_failure(cli: Cli, write: Write) -> None:
    """There is nothing to replay."""
    write("good.yaml", GOOD)
    write("other.jsonl", tick(0.1, 1.0, source="v9"))
    outcome = cli("replay", "good.yaml", "other.jsonl", "--format", "json")
    assert outcome.code == 1
    assert "expected ticks of the pipeline's sources" in outcome.problems[-1]


FRAMES = {
    "truncated": ('{"p": 1', "truncated"),
    "wrong root": ("[]", "Expected `object`, got `array`"),
    "wrong type": ('{"p": {}}', "got `object` - at `$.p`"),
    "missing": ("{}", "missing required field `p`"),
    "null": ('{"p": null}', "got `null` - at `$.p`"),
    "NaN": ('{"p": "nan"}', "$.p"),
    "infinite": ('{"p": 1e999}', ""),
    "negative": ('{"p": -1.5}', "$.p"),
    "zero": ('{"p": 0}', "$.p"),
    "giant": ('{"p": 1e300}', "$.p"),
    "words": ('{"p": "many"}', "$.p"),
    "text": ("oops", "malformed"),
    "nested": ('{"x": ' + "[" * 100_000, ""),
    "long": ('{"p": "' + "9" * 1_000_000 + '"}', ""),
}


@pytest.fixture
def wire(site: Site) -> Site:
    """Install the venue with short frames."""
    site.install("chrono_wire", WIRE, ["wire"])
    return site


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.usefixtures("wire")
def test_frame_is_named_and_skipped(cli: Cli, write: Write, name: str) -> None:
    """By line, with its head and the reason; the next is decoded."""
    frame, wanted = FRAMES[name]
    write("frames.jsonl", frame + '\n{"p": 2.5}\n')
    outcome = cli("decode", "wire", "frames.jsonl", "--raw", "--format", "json")
    assert outcome.code == 1
    assert [json.loads(line)["price"] for line in outcome.out.splitlines()] == [2.5]
    assert len(outcome.problems) == 2, outcome.err
    assert outcome.problems[0].startswith("frames.jsonl:1: wire: frame ")
    assert wanted in outcome.problems[0]
    assert len(outcome.problems[0]) < 400
    assert outcome.problems[1] == "2 frames, 1 ticks, 1 damaged"


@pytest.mark.usefixtures("wire")
def test_decoding_without_a_frame_is_a_failure(cli: Cli, write: Write) -> None:
    """It says whose frames there are."""
    write("good.jsonl", "".join(TICKS))
    outcome = cli("decode", "wire", "good.jsonl", "--format", "json")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.problems[0] == "expected frames of wire, there are of v1: use --source"


EXPECTED = {
    "missing": (None, 2, "ghost.jsonl:1: expected"),
    "not JSON": ("oops\n", 2, "e.jsonl:1: expected a tick as a JSON object, was damaged"),
    "a list": ("[]\n", 2, "e.jsonl:1: expected a tick as a JSON object"),
    "tick of text": ('{"tick": "x"}\n', 2, "e.jsonl:1: expected a tick as a JSON object"),
    "another price": ('{"price": 3.5}\n', 1, "e.jsonl:1: price: expected 3.5, was 2.5"),
    "one more": ('{"price": 2.5}\n{"price": 3.5}\n', 1, "e.jsonl:2: expected .*no further tick"),
    "one less": ("\n", 1, "e.jsonl: expected no tick 1, was"),
    "a list in it": ('{"price": 2.5, "levels": []}\n', 1, "levels: expected"),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.usefixtures("wire")
def test_difference_is_told(cli: Cli, write: Write, name: str) -> None:
    """By line of the file of what was expected."""
    text, code, wanted = EXPECTED[name]
    write("frames.jsonl", '{"p": 2.5}\n')
    if text is not None:
        write("e.jsonl", text)
    outcome = cli("decode", "wire", "frames.jsonl", "--raw", "--expect", "ghost.jsonl" if text is None else "e.jsonl")
    assert outcome.code == code
    assert re.search(wanted, outcome.err), outcome.err


BROKEN = {
    "import error": ("import no_such_module\n", r"^bad\.yaml:4:14: .*plugin bad \(chrono-bad\).*No module named"),
    "syntax error": ("def (\n", r"plugin bad \(chrono-bad\).*SyntaxError"),
    "misspelt hook": (
        "from chrono import hookimpl\n@hookimpl\ndef chrono_source():\n    return []\n",
        r"plugin bad \(chrono-bad\): .*chrono_source",
    ),
    "hook raises": (
        "from chrono import hookimpl\n@hookimpl\ndef chrono_sources():\n    raise OSError('no disk')\n",
        r"plugin bad \(chrono-bad\): .*OSError: no disk",
    ),
    "no class": (
        "from chrono import hookimpl\n@hookimpl\ndef chrono_sources():\n    return [1]\n",
        r"expected subclasses of Source, was 1",
    ),
    "abstract": (
        (
            "from chrono import Source, hookimpl\nclass Bad(Source):\n    type = 'bad'\n"
            "@hookimpl\ndef chrono_sources():\n    return [Bad]\n"
        ),
        r"expected methods run to be implemented",
    ),
    "constructor raises": (
        (
            "from chrono import Source, hookimpl\nclass Bad(Source):\n    type = 'bad'\n"
            "    def __init__(self, config=None, context=None):\n        raise KeyError('oops')\n"
            "    async def run(self, markets, emit):\n        pass\n"
            "@hookimpl\ndef chrono_sources():\n    return [Bad]\n"
        ),
        r"bad.*KeyError",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_plugin_is_named(cli: Cli, write: Write, site: Site, name: str) -> None:
    """With its distribution and the cause; it fails the pipelines that name it, no other."""
    source, wanted = BROKEN[name]
    site.install("chrono_bad", source, ["bad"])
    write("bad.yaml", GOOD.replace("push", "bad"))
    write("good.yaml", GOOD)
    refused(cli("pipeline", "check", "bad.yaml"), 2, wanted)
    assert cli("pipeline", "check", "good.yaml").code == 0


def test_plugin_for_another_core_is_named(cli: Cli, write: Write, site: Site) -> None:
    """By both versions."""
    site.install("chrono_wire", WIRE, ["wire"], requires="chrono-oracle>=7,<8")
    write("bad.yaml", WIRED)
    refused(cli("pipeline", "check", "bad.yaml"), 2, r"made for chrono-oracle (>=7,<8|<8,>=7), this is \d")


def test_clash_names_both_distributions(cli: Cli, write: Write, site: Site) -> None:
    """One of them must go."""
    site.install("chrono_wire", WIRE, ["wire"])
    site.install("chrono_cable", WIRE, ["wire"])
    write("bad.yaml", WIRED)
    outcome = cli("pipeline", "check", "bad.yaml")
    refused(outcome, 2, "chrono-wire")
    assert "chrono-cable" in outcome.err


@pytest.fixture
def busy() -> Iterator[int]:
    """Return a port of this machine that is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


DOOR = """
import asyncio
from chrono import Sink, hookimpl

class Door(Sink):
    \"\"\"Listens.\"\"\"

    type = "door"

    class Config(Sink.Config):
        \"\"\"Where.\"\"\"

        port: int
        \"\"\"The port.\"\"\"

    async def __aenter__(self):
        self.server = await asyncio.start_server(lambda *_: None, "127.0.0.1", self.config.port)
        return self

    async def __aexit__(self, *exc):
        self.server.close()

    async def publish(self, report):
        pass

@hookimpl
def chrono_sinks():
    return [Door]
"""


def test_port_in_use_is_one_line(cli: Cli, write: Write, site: Site, busy: int) -> None:
    """It names the sink and the port."""
    site.install("chrono_door", DOOR, ["door"])
    write("bad.yaml", GOOD + f"sinks: {{door: {{port: {busy}}}}}\n")
    refused(
        cli("pipeline", "run", "bad.yaml", "--rounds", "1"),
        1,
        rf"^door could not start: .*{busy}.*address already in use;",
    )


@pytest.mark.usefixtures("wire")
def test_refused_connection_is_one_line(cli: Cli, write: Write, busy: int) -> None:
    """However often it is tried again; then the run has failed."""
    del busy
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write("net.yaml", WIRED.replace("type: wire", f'type: wire, url: "ws://127.0.0.1:{port}"'))
    outcome = cli("pipeline", "run", "net.yaml", "--rounds", "2", "--format", "json")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert {json.loads(line)["reason"]["code"] for line in outcome.out.splitlines()} == {"no_quorum"}
    assert re.search(
        rf"warning v1: .*127\.0\.0\.1:{port} refused the connection: trying again .*\[refused\]", outcome.problems[0]
    )
    assert outcome.problems[-1].startswith("expected ticks from at least one source, there was none")
    assert len(outcome.problems) == 3, outcome.err


UNWRITABLE = {
    "missing folder": ("no/such/prices.jsonl", r"No such file"),
    "folder": (".", r"Is a directory"),
    "below a file": ("out.yaml/prices.jsonl", r"Not a directory"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_unwritable_output_is_one_line(cli: Cli, write: Write, name: str) -> None:
    """Before anything runs."""
    path, wanted = UNWRITABLE[name]
    write("out.yaml", GOOD + f"sinks: {{jsonl: {{path: {path}}}}}\n")
    refused(
        cli("pipeline", "run", "out.yaml", "--rounds", "1"),
        1,
        rf"^jsonl could not start: expected to append .*{wanted}",
    )


def test_damaged_state_is_one_line(cli: Cli, write: Write) -> None:
    """It says what to remove."""
    write("state.yaml", GOOD + "state: state.json\n")
    write("state.json", "{")
    refused(
        cli("pipeline", "run", "state.yaml", "--rounds", "1"), 1, r"^state\.json: expected a saved state.*remove it"
    )
