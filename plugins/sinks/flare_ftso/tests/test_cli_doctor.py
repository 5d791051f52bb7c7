"""`chrono flare doctor` over a node: what is wrong is a line with what to do, and nothing is ever sent."""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import socket
import sqlite3

import pytest
import yaml
from entity_node import EntityNode, beside
from test_chain_watch import IDS
from test_provider_sink import EPOCH, OURS, START, VOTERS, Living

from chrono.cli.app import run
from chrono.core.clock import WallClock
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.text import checksummed

IDENTITY = checksummed(VOTERS[0].identity)
SUBMIT = checksummed(address_of(OURS["submit"]))


class World:
    """A pipeline file, the node that it names, and a clock that is off the chain's by some seconds."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.chain = Living()
        self.node = EntityNode(self.chain)
        self.second = START + 1.0
        self.off = 0.0
        self.feeds = {"BTC/USD": {"decimals": 2}, "FLR/USD": {"decimals": 7}}
        self.options = {"network": "coston2"}
        for name, key in OURS.items():
            monkeypatch.setenv(f"FLARE_TEST_{name.upper()}", "0x" + key.hex())
        monkeypatch.setattr(WallClock, "now", lambda _: int((self.second + self.off) * 10**9))
        monkeypatch.setattr(WallClock, "sleep", lambda _, seconds: self.slept(seconds))

    async def slept(self, seconds):
        self.second += seconds
        self.chain.until(self.second)
        await asyncio.sleep(0)

    def file(self):
        keys = {name: {"env": f"FLARE_TEST_{name.upper()}"} for name in OURS}
        sink = {
            "rpc": [self.node.url],
            "keys": {"identity": {"address": IDENTITY}, **keys},
            "ledger": str(self.folder / "flare.db"),
            **self.options,
        }
        tree = {
            "feeds": self.feeds,
            "sources": {"hand": {"type": "push"}},
            "consensus": {"median": {"min_venues": 1}},
            "sinks": {"flare_ftso": sink},
        }
        path = self.folder / "provider.yaml"
        path.write_text(yaml.safe_dump(tree))
        return path

    def examined(self, capsys, *words):
        """Return exit code, lines and standard error of the command; see that nothing was sent."""
        with beside(self.node):
            code = run(["flare", "doctor", str(self.file()), *words])
        said = capsys.readouterr()
        assert self.node.given == []
        assert not [key for key in OURS.values() if key.hex() in said.out + said.err]
        return code, said.out.splitlines(), said.err


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_what_is_right_is_a_line_each_and_exits_with_0(world, capsys):
    code, lines, err = world.examined(capsys)
    assert (code, err) == (0, "")
    assert [line.split(":")[0].split(maxsplit=1) for line in lines[:-1]] == [
        ["ok", name]
        for name in (
            "spelling",
            "ledger",
            "node 127.0.0.1",
            "clock",
            "registry",
            "submit",
            "submit_signatures",
            "signing_policy",
            "delegation",
            "balance of submit",
            "balance of submit_signatures",
            "balance of signing_policy",
            "registration",
            "next registration",
            "feeds",
        )
    ]
    assert lines[-1] == "0 failures, 0 warnings"
    assert not (world.folder / "flare.db").exists()


def other_chain(world):
    world.node.chain_id = 14


def other_registry(world):
    world.options = {"network": "other", "registry": "0x" + "11" * 20}
    world.chain.contracts = {}


def unfunded(world):
    world.chain.balances[address_of(OURS["submit"])] = 0


def unregistered(world):
    world.node.registered = False


def clock_ahead(world):
    world.off = 3.0


def clock_behind(world):
    world.off = -3.0


def feeds_changed(world):
    del world.feeds["FLR/USD"]


@pytest.mark.parametrize(
    ("wrong", "code", "line"),
    [
        (
            other_chain,
            1,
            "failure  node 127.0.0.1:PORT: expected chain 114 (coston2), was 14; "
            "give the address of a node of this network",
        ),
        (
            other_registry,
            1,
            "failure  registry: expected a contract registry at 0x1111111111111111111111111111111111111111 that knows "
            "FlareSystemsManager, was none; see to `registry`, to the network and to the nodes",
        ),
        (unfunded, 1, f"failure  balance of submit: {SUBMIT} has 0; send it 10 or more"),
        (
            unregistered,
            1,
            f"failure  registration: expected {IDENTITY} to be registered in reward epoch {EPOCH}, was not; nothing "
            "that it votes counts; run the provider with `duties: true`, which registers for the next one",
        ),
        (
            clock_ahead,
            1,
            "failure  clock: the machine's clock is 2.2 s ahead of the chain's, give or take 0.8 s; set it, by NTP, "
            "unless every node is behind",
        ),
        (
            clock_behind,
            1,
            "failure  clock: the machine's clock is 3.8 s behind the chain's, give or take 0.8 s; set it, by NTP",
        ),
        (
            feeds_changed,
            0,
            f"warning  feeds: 1 of 2 feeds of reward epoch {EPOCH} are priced; add FLR/USD to the pipeline",
        ),
    ],
)
def test_what_is_wrong_is_one_line_of_what_to_do(world, capsys, wrong, code, line):
    wrong(world)
    found, lines, err = world.examined(capsys)
    assert (found, err) == (code, "")
    told = [re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", each) for each in lines[:-1]]
    assert [each for each in told if not each.startswith("ok")] == [line]


def test_more_feeds_missing_than_guards_let_pass_is_a_failure(world, capsys):
    feeds_changed(world)
    world.options["guards"] = {"missing": 0.4}
    code, lines, _ = world.examined(capsys)
    assert code == 1
    assert f"failure  feeds: 1 of {len(IDS)} feeds of reward epoch" in "\n".join(lines)


def test_as_json_each_check_is_a_line(world, capsys):
    unfunded(world)
    code, lines, _ = world.examined(capsys, "--format", "json")
    found = {each["name"]: each for each in map(json.loads, lines)}
    assert code == 1
    assert found["balance of submit"] == {
        "name": "balance of submit",
        "state": "failure",
        "told": f"{SUBMIT} has 0",
        "advice": "send it 10 or more",
    }


def nobody():
    """Return an address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def test_where_no_node_answers_nothing_more_is_looked_at(world, capsys):
    name = nobody()
    world.options["rpc"] = [f"http://{name}/key-in-the-path"]
    code, lines, _ = world.examined(capsys)
    assert code == 1
    told = "not reached (ConnectError); see to its address and key, or leave it out"
    assert lines[2:] == [f"failure  node {name}: {told}", "1 failure, 0 warnings"]


def test_one_node_that_does_not_answer_hides_nothing_of_the_other(world, capsys):
    name = nobody()
    with beside(world.node):
        world.options["rpc"] = [f"http://{name}", world.node.url]
        assert run(["flare", "doctor", str(world.file())]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines[:-1] if line.startswith("failure")] == [f"failure  node {name}"]
    assert len(lines) == 17


def test_address_with_a_wrong_checksum_in_a_comment_is_told(world, capsys):
    wrong = IDENTITY.swapcase().replace("0X", "0x")
    path = world.file
    world.file = lambda: (path(), path().write_text(path().read_text() + f"# {wrong} {SUBMIT.lower()} {SUBMIT}\n"))[0]
    code, lines, _ = world.examined(capsys)
    spelled = "\n".join(line for line in lines if "spelling" in line)
    assert code == 0 if wrong[2:] == IDENTITY[2:] else 1
    assert f"{SUBMIT.lower()} is spelled in 2 ways; write {SUBMIT} everywhere" in spelled


def test_ledger_of_another_has_to_be_free_within_two_seconds(world, capsys, monkeypatch):
    path = world.folder / "flare.db"
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.01}))
    other = connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (a)")
    other.execute("BEGIN IMMEDIATE")
    code, lines, _ = world.examined(capsys)
    other.close()
    assert code == 1
    assert any(f"{path}: expected to write to it, was refused: database is locked" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--sink", "other"), "expected a sink other of type flare_ftso, was flare_ftso; correct --sink"),
        (("--sink", "hand"), "expected a sink hand of type flare_ftso"),
    ],
)
def test_sink_that_is_not_there_is_wrong_input(world, capsys, words, told):
    code, lines, err = world.examined(capsys, *words)
    assert (code, lines) == (2, [])
    assert told in err


def test_file_without_a_provider_says_so(tmp_path, capsys):
    path = tmp_path / "prices.yaml"
    path.write_text(
        "feeds: {BTC/USD: {decimals: 2}}\nsources: {hand: {type: push}}\nconsensus: {median: {min_venues: 1}}\n"
    )
    assert run(["flare", "doctor", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: expected a sink flare_ftso, was none; add it under sinks\n"


def test_lease_is_told_with_who_has_it_and_is_not_taken(world, capsys):
    path = world.folder / "flare.lease"
    world.options["lease"] = {"file": str(path)}

    def told():
        (line,) = [line for line in world.examined(capsys)[1] if " lease: " in line]
        return line

    assert told() == f"ok       lease: {path} is not there yet, and can be made"
    assert not path.exists()
    path.write_text(f"{1:020d} other/7\n")
    before = path.read_bytes()
    assert told() == f"ok       lease: {path} is free"
    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert told() == f"ok       lease: {path} is held by other/7: this one would stand by"
    assert path.read_bytes() == before
    world.options["lease"] = {"file": str(world.folder / "nowhere" / "flare.lease")}
    assert told().startswith("failure  lease: ")
