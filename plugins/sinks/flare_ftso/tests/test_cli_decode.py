"""`chrono flare decode`: what it prints, and how it refuses wrong input."""

import io
import json

import pytest

from chrono.cli.app import run
from chrono_flare_ftso.decoding import explain
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import FLARE, SONGBIRD
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import SignaturePayload, address_of, eip191, sign
from chrono_flare_ftso.protocol.text import checksummed, to_hex

COMMIT = calldata(Call.SUBMIT1, PayloadMessage(100, 1_008_123, bytes(range(32))))
RESULT = Result(100, 1_008_123, False, keccak256(b"root"))
KEY = keccak256(b"a key of tests")
SIGNED = calldata(
    Call.SUBMIT_SIGNATURES,
    PayloadMessage(100, 1_008_123, SignaturePayload(sign(eip191(RESULT.hash()), KEY)).encode()),
)


@pytest.fixture
def decode(capsys):
    """Return a function that runs the command in this process: exit code, standard output, standard error."""

    def called(*words):
        code = run(["flare", "decode", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


def test_lines_for_people(decode):
    code, out, err = decode(to_hex(COMMIT))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "submit1(), selector 0x6c532fae, 43 bytes",
        "message 1: protocol 100 (FTSO), voting round 1008123 (from 2025-06-05T22:04:30Z, reward epoch 300)",
        f"  commit hash  {to_hex(bytes(range(32)))}",
    ]


def test_one_json_object_for_programs(decode):
    code, out, _ = decode(COMMIT.hex().upper(), "--format", "json", "--network", "songbird")
    assert code == 0
    assert json.loads(out) == explain(COMMIT, SONGBIRD) != explain(COMMIT, FLARE)


def test_standard_input_is_read(decode, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{to_hex(COMMIT)}\n"))
    code, out, _ = decode("-")
    assert code == 0
    assert out.startswith("submit1()")


def test_result_names_the_signer(decode):
    code, out, _ = decode(SIGNED.hex(), "--result", to_hex(RESULT.encode()))
    assert code == 0
    assert f"signer       {checksummed(address_of(KEY))}" in out
    assert "random not secure" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("0x6c532fae64000f61fb0020d08d3020",), "calldata: byte 11: expected 32 bytes of payload, was 4 bytes"),
        (("0xzz",), "calldata: byte 0: expected digits from 0 to f, was 'z'"),
        (("0x0",), "calldata: byte 0: expected two digits a byte, was one"),
        (("",), "calldata: byte 0: expected a selector of"),
        ((COMMIT.hex(), "--result", "0x00"), "--result: byte 1: expected 38 bytes, was 1 bytes"),
        ((COMMIT.hex(), "--result", "00" * 5 + "02" + "00" * 32), "expected"),
        ((COMMIT.hex(), "--network", "songbrid"), "did you mean songbird"),
        ((), "HEX"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(decode, words, said):
    code, out, err = decode(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
