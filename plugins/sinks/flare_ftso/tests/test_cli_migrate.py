"""`chrono flare migrate`: what it prints, writes, and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from chrono.cli.app import run

ROOT = Path(__file__).parents[4]
SECRET = "0x" + "ab" * 32


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder, which is the one the command is run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def migrate(folder, capsys):
    """Return a function that runs the command in this process: exit code, standard output, lines of standard error."""

    def called(*words, command=("flare", "migrate")):
        capsys.readouterr()
        code = run([*command, *words])
        said = capsys.readouterr()
        return code, said.out, said.err.splitlines()

    return called


@pytest.fixture
def listed(folder):
    """Return the list of the reference provider: 63 feeds, as examples/ftso.yaml has them, in the list's own form."""
    feeds = yaml.safe_load((ROOT / "examples" / "ftso.yaml").read_text())["feeds"]
    tree = [
        {
            "feed": {"category": 1, "name": name},
            "sources": [
                dict(zip(("exchange", "symbol"), market.split(":"), strict=True)) for market in feed["markets"]
            ],
        }
        for name, feed in feeds.items()
    ]
    path = folder / "feeds.json"
    path.write_text(json.dumps(tree))
    return path


def test_file_is_written_and_steps_are_printed(migrate, folder, listed):
    """With `--out`, standard output says what to change and how to go back."""
    (folder / ".env").write_text(f"NETWORK=songbird\nSUBMIT_PK={SECRET}\n")
    code, out, said = migrate("--from", "feeds.json", "--from", ".env", "--out", "mine.yaml")
    assert (code, said) == (0, ["SUBMIT_PK: of the system client, which stays as it is"])
    assert "./mine.yaml:/etc/chrono/mine.yaml:ro" in out
    assert "docker start CONTAINER  # back" in out
    tree = yaml.safe_load((folder / "mine.yaml").read_text())
    assert (tree["name"], len(tree["feeds"])) == ("ftso-songbird", 63)
    assert SECRET not in out + (folder / "mine.yaml").read_text()


def test_without_out_standard_output_is_the_pipeline_file_alone(migrate, folder):
    """It can be piped; what to do is said on the other stream."""
    (folder / ".env").write_text("")
    code, out, said = migrate("--from", ".env")
    assert code == 0
    assert len(yaml.safe_load(out)["feeds"]) == 63
    assert said[0] == "# 1. Once, in a checkout of chrono: the image."


def test_network_said_comes_before_network_written(migrate, folder):
    """The option is the newest word."""
    (folder / ".env").write_text("NETWORK=flare\n")
    assert yaml.safe_load(migrate("--from", ".env", "--network", "coston2")[1])["name"] == "ftso-coston2"


def test_file_that_is_there_is_not_written_over_unless_told(migrate, folder):
    """It may be somebody's work."""
    (folder / ".env").write_text("")
    path = folder / "ftso.yaml"
    path.write_text("mine")
    code, out, said = migrate("--from", ".env", "--out", "ftso.yaml")
    told = "--out: expected a file that is not there, was ftso.yaml; name another, or write over it with --force"
    assert (code, out, said, path.read_text()) == (2, "", [told], "mine")
    assert migrate("--from", ".env", "--out", "ftso.yaml", "--force")[0] == 0
    assert path.read_text().startswith("# yaml-language-server")
    assert sorted(each.name for each in folder.iterdir()) == [".env", "ftso.yaml"]
    code, _, said = migrate("--from", ".env", "--out", "../" + folder.name + "/.env", "--force")
    assert (code, (folder / ".env").read_text()) == (2, "")
    assert said[0].startswith("--out: expected another file than those that are read, was ")


def test_file_that_cannot_be_written_is_said(migrate, folder):
    """In one line, and nothing else is printed."""
    (folder / ".env").write_text("")
    code, out, said = migrate("--from", ".env", "--out", "nowhere/ftso.yaml")
    assert (code, out) == (2, "")
    assert said == ["--out: expected to write nowhere/ftso.yaml, was refused: No such file or directory"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from", "nowhere.json"], ["nowhere.json: expected a list of feeds, was not readable: No such file or"]),
        (["--from", "broken.json"], ["broken.json: expected JSON, was broken in line 1, column 2"]),
        (["--from", "wrong.json"], ["wrong.json: feed 1: expected a name like", "wrong.json: feed 2: expected feed"]),
        (["--from", "bad.env"], ["bad.env:1: expected NAME=value, was another line"]),
        (["--from", ".env", "--network", "mars"], ["--network: expected "]),
        (["--from", ".env", "--compose", "broken.json"], ["broken.json:1: expected YAML, was broken"]),
        ([], ["chrono flare migrate: expected --from, was missing"]),
    ],
)
def test_wrong_input_is_a_line_for_each_problem(migrate, folder, words, told):
    """Exit code 2, nothing on standard output, no traceback."""
    (folder / ".env").write_text("")
    (folder / "bad.env").write_text(SECRET)
    (folder / "broken.json").write_text("[")
    (folder / "wrong.json").write_text('[{"feed": {"name": "BTC"}}, {"feeds": 1, "feed": {"name": "A/B"}}]')
    code, out, said = migrate(*words)
    assert (code, out) == (2, "")
    assert all(wanted.lower() in line.lower() for line, wanted in zip(said, told, strict=True)), said


def test_nothing_is_written_where_anything_is_wrong(migrate, folder):
    """A wrong compose file is found before the pipeline file is there."""
    (folder / ".env").write_text("")
    assert migrate("--from", ".env", "--out", "ftso.yaml", "--compose", "nowhere.yaml")[0] == 2
    assert not (folder / "ftso.yaml").exists()


def test_pipeline_of_the_reference_s_list_passes_the_check(migrate, listed):
    """All of its 63 feeds, with the plugins of its venues."""
    assert migrate("--from", "feeds.json", "--out", "ftso.yaml")[0] == 0
    code, out, said = migrate("ftso.yaml", command=("pipeline", "check"))
    assert (code, said) == (0, [])
    assert re.fullmatch(r"ftso.yaml: ok, 63 feeds, 18 sources, \d+ markets\n", out)


@pytest.mark.anyio
async def test_pipeline_that_was_written_serves_what_the_provider_served(migrate, folder, listed, running):
    """Its venues fed from outside, the sink as it stands in the file but for the port: all feeds have a value."""
    (folder / ".env").write_text("VALUE_PROVIDER_CLIENT_BASE_PATH=prices\nVALUE_PROVIDER_CLIENT_PORT=4199\n")
    text = migrate("--from", "feeds.json", "--from", ".env")[1]
    fed = re.sub(r"^(  [a-z]+): \{\}$", r"\1: {type: push}", text, flags=re.MULTILINE)
    names = list(yaml.safe_load(text)["feeds"])
    async with running(fed.replace("port: 4199", "port: 0").replace("0.0.0.0", "127.0.0.1")) as pipeline:
        for market in {market.pair for markets in pipeline.engine.pipeline.markets.values() for market in markets}:
            pipeline.push(str(market), 1.0)
        asked = {"feeds": [{"category": 1, "name": name} for name in names]}
        answer = await pipeline.client.post("/prices/feed-values/1234567", json=asked)
    assert answer.status_code == 201
    assert answer.json()["votingRoundId"] == 1234567
    assert {row["feed"]["name"]: row.get("value") for row in answer.json()["data"]} == dict.fromkeys(names, 1)
    assert (folder / "ftso-flare.db").stat().st_mode & 0o777 == 0o600
