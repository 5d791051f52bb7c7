"""`chrono flare entity` and `rewards` without a chain: what is wrong input, and where reward data is read."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from entity_node import EntityNode, beside
from keys_at_hand import private
from test_provider_sink import OURS, VOTERS, Living

from chrono import ConfigError, TransientError
from chrono.cli.app import run
from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim, distribution
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.provider.published import Published
from chrono_flare_ftso.provider.sortition_file import sortition_key

IDENTITY = checksummed(VOTERS[0].identity)
MISSPELT = "0x" + checksummed(address_of(OURS["submit"]))[2:].swapcase()


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Return a function that writes a pipeline file with a sink's options."""
    for name, key in OURS.items():
        monkeypatch.setenv(f"FLARE_TEST_{name.upper()}", "0x" + key.hex())

    def written(identity=IDENTITY, **options):
        keys = {name: {"env": f"FLARE_TEST_{name.upper()}"} for name in OURS}
        keys |= {} if identity is None else {"identity": {"address": identity}}
        sink = {"network": "coston2", "keys": keys, "ledger": str(tmp_path / "flare.db"), **options}
        tree = {
            "feeds": {"BTC/USD": {"decimals": 2}},
            "sources": {"hand": {"type": "push"}},
            "consensus": {"median": {"min_venues": 1}},
            "sinks": {"flare_ftso": sink},
        }
        path = tmp_path / "provider.yaml"
        path.write_text(yaml.safe_dump(tree))
        return str(path)

    return written


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "expected a pipeline file or --identity, was both or neither; say one"),
        (("--identity", "0x12"), "--identity: expected an address of 0x and 40 hexadecimal digits, was another"),
        (("--identity", MISSPELT), "--identity: expected an address whose letter case is its checksum (EIP-55)"),
        (("--identity", IDENTITY, "--network", "mainnet"), "--network: expected one of flare, songbird, coston"),
        (("--identity", IDENTITY, "--network", "other"), "--network other: expected --rpc, was none"),
    ],
)
def test_voter_that_is_not_said_or_misspelt_is_wrong_input(capsys, words, told):
    assert run(["flare", "entity", "show", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert said.err.count("\n") == 1


def test_what_nobody_can_send_says_what_is_missing(file, capsys):
    node = EntityNode(Living())
    with beside(node):
        assert run(["flare", "entity", "propose", file(rpc=[node.url]), "delegation"]) == 2
        told = "delegation: expected an address, since no key of the pipeline has this role; add it\n"
        assert capsys.readouterr().err == told
        assert run(["flare", "entity", "confirm", file(None, rpc=[node.url]), "submit"]) == 2
        assert "expected the voter's address under keys.identity, was none; add {address: 0x…}" in (
            capsys.readouterr().err
        )
        node.chain_id = 14
        assert run(["flare", "entity", "propose", file(rpc=[node.url]), "submit", "--yes"]) == 1
        assert "expected chain 114, was another" in capsys.readouterr().err
    assert node.given == []


def test_role_that_is_none_is_wrong_input(file, capsys):
    assert run(["flare", "entity", "propose", file(), "voter"]) == 2
    assert "submit_signatures" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("0x12", 0o600, "expected 0x and 64 hexadecimal digits of a key of bn254, was something else"),
        ("0x" + "00" * 32, 0o600, "expected 0x and 64 hexadecimal digits of a key of bn254, was something else"),
        ("", 0o600, "expected a sortition key, was empty"),
        ("0x" + "07" * 32, 0o644, "expected rights of 0600, was 0644"),
    ],
)
def test_sortition_key_that_is_none_or_that_others_may_read_is_refused(tmp_path, text, mode, told):
    path = private(tmp_path / "sortition.key", text, mode)
    with pytest.raises(ConfigError, match=told) as refused:
        sortition_key(path)
    assert "0707" not in str(refused.value)
    with pytest.raises(ConfigError, match="expected to write it, was refused"):
        sortition_key(tmp_path / "nowhere" / "sortition.key")


@pytest.fixture
def served():
    """Return a server of one file, and what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status = {"/7/data.json": 200, "/9/data.json": 500}.get(self.path, 404)
            self.send_response(status)
            self.end_headers()
            if status == 200:
                self.wfile.write(b"of 7")

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_data_is_read_where_it_is_published_and_is_none_where_it_is_not(served, anyio_backend):
    url, asked = served
    data = Published([f"{url}/{{epoch}}/data.json?key=secret"])
    assert await data.read(7) is None
    data = Published([f"{url}/{{epoch}}/data.json"])
    assert (await data.read(7), await data.read(8)) == (b"of 7", None)
    assert asked[1:] == ["/7/data.json", "/8/data.json"]
    with pytest.raises(TransientError, match=r"127\.0\.0\.1: answered 500") as refused:
        await data.read(9)
    assert "data.json" not in str(refused.value)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_file_of_one_epoch_is_read_for_that_epoch_alone(tmp_path, anyio_backend):
    from chrono_flare_ftso.devnet.rewarding import published

    path = tmp_path / "seven.json"
    path.write_text(published(distribution(None, 7, [RewardClaim(7, bytes(20), 5, ClaimType.FEE)])))
    data = Published([str(path), str(tmp_path / "{epoch}.json")])
    assert await data.read(7) == path.read_bytes()
    assert await data.read(8) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "expected a file, was none; correct the path"), ("<html>", "name a file of published reward distribution")],
)
def test_file_that_is_no_reward_data_is_wrong_input(tmp_path, text, told):
    path = tmp_path / "data.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        Published([str(path)])
