"""`chrono flare entity` and `rewards` on the devnet's contracts: what is sent, and what it changes, to the wei."""

from __future__ import annotations

import io
import json
import re
import stat
import sys

import pytest
import yaml
from claims_at_hand import PLAN, Deployed, deployed
from devnet_at_hand import anvil_or_none

from chrono.cli.app import run
from chrono_flare_ftso.devnet.rewarding import published
from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.sortition import SortitionKey
from chrono_flare_ftso.protocol.text import checksummed, from_hex

COIN = 10**18
NEW, EXECUTOR, SAFE = (keccak256(word) for word in (b"new submit", b"executor", b"safe"))
KEYS = ("submit", "submit_signatures", "signing_policy", "identity")

pytestmark = pytest.mark.skipif(anvil_or_none() is not None, reason=anvil_or_none() or "")


@pytest.fixture(scope="module")
def chain():
    with deployed() as found:
        found.of(found.anvil.fund([address_of(NEW), address_of(EXECUTOR)], 100 * COIN))
        yield found


class Command:
    """The command line of a provider: pipeline file, keys in the environment."""

    def __init__(self, chain: Deployed, folder, monkeypatch, capsys):
        self.chain = chain
        self.folder = folder
        self.capsys = capsys
        self.keys = {}
        for role in KEYS:
            monkeypatch.setenv(f"DEVNET_{role.upper()}", "0x" + chain.free.keys[role].hex())
            self.keys[role] = {"env": f"DEVNET_{role.upper()}"}
        monkeypatch.setenv("DEVNET_NEW", "0x" + NEW.hex())
        monkeypatch.setenv("DEVNET_EXECUTOR", "0x" + EXECUTOR.hex())

    def __call__(self, *words, file=True):
        """Return exit code, standard output and standard error."""
        sink = {
            "network": "other",
            "rpc": [self.chain.anvil.url],
            "keys": self.keys,
            "ledger": str(self.folder / "flare.db"),
        }
        tree = {
            "feeds": {"BTC/USD": {"decimals": 2}},
            "sources": {"hand": {"type": "push"}},
            "consensus": {"median": {"min_venues": 1}},
            "sinks": {"flare_ftso": sink},
        }
        path = self.folder / "provider.yaml"
        path.write_text(yaml.safe_dump(tree))
        self.capsys.readouterr()
        code = run(["flare", *words[:2], *([str(path)] if file else []), *map(str, words[2:])])
        said = self.capsys.readouterr()
        secrets = [key.hex() for key in (*self.chain.free.keys.values(), NEW, EXECUTOR)]
        assert not [key for key in secrets if key in said.out + said.err]
        return code, said.out, said.err


@pytest.fixture
def command(chain, tmp_path, monkeypatch, capsys):
    return Command(chain, tmp_path, monkeypatch, capsys)


def line_of(out, role):
    (line,) = [line for line in out.splitlines() if line.startswith(f"{role} ")]
    return line.split(maxsplit=1)[1]


def test_address_is_proposed_by_the_identity_and_confirmed_by_itself(command):
    old, new = (checksummed(each) for each in (command.chain.free.submit, address_of(NEW)))
    assert line_of(command("entity", "show")[1], "submit") == f"{old} is confirmed"
    command.keys["submit"] = {"env": "DEVNET_NEW"}
    assert line_of(command("entity", "show")[1], "submit") == f"{new} is not proposed; {old} is confirmed"
    code, out, err = command("entity", "confirm", "submit", "--yes")
    assert (code, out) == (1, "")
    assert "address not proposed" in err
    assert command.chain.count(address_of(NEW)) == 0
    code, out, err = command("entity", "propose", "submit", "--yes")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"propose {new} as submit of {checksummed(command.chain.free.identity)}"
    assert [line.split()[0] for line in lines[1:]] == ["from", "to", "cost", "mined"]
    assert "(EntityManager.proposeSubmitAddress)" in lines[2]
    state = line_of(command("entity", "show")[1], "submit")
    assert state == f"{new} is proposed, and not confirmed; {old} is confirmed"
    code, out, _ = command("entity", "confirm", "submit", "--yes")
    assert code == 0
    assert "  mined 0x" in out
    assert line_of(command("entity", "show")[1], "submit") == f"{new} is confirmed"
    told = command.chain.asked("EntityManager", "getVoterAddresses", command.chain.free.identity)
    assert told[0] == address_of(NEW)


def test_cold_identity_is_told_what_to_sign_and_that_is_what_proposes(command):
    free = command.chain.free
    command.keys["identity"] = {"address": checksummed(free.identity)}
    safe = checksummed(address_of(SAFE))
    before = command.chain.count(free.identity)
    code, out, err = command("entity", "propose", "delegation", safe)
    assert code == 0
    assert err.startswith(f"the key of {checksummed(free.identity)} is not here; sign this elsewhere to propose {safe}")
    made = json.loads(out)
    assert command.chain.count(free.identity) == before
    assert {key: made[key] for key in ("from", "value", "chainId")} == {
        "from": checksummed(free.identity),
        "value": "0x0",
        "chainId": hex(PLAN.chain_id),
    }
    command.chain.of(
        command.chain._sent(from_hex(made["from"]), from_hex(made["to"]), from_hex(made["data"]), "by hand")
    )
    code, out, _ = command("entity", "confirm", "delegation", safe)
    assert (code, json.loads(out)["from"]) == (0, safe)


@pytest.mark.parametrize(("typed", "code", "last"), [("n\n", 1, "not sent"), ("y\n", 0, "mined")])
def test_it_is_asked_before_anything_is_sent(command, monkeypatch, typed, code, last):
    answers = io.StringIO(typed)
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", answers)
    before = command.chain.count(command.chain.free.identity)
    found, out, _ = command("entity", "propose", "signing_policy", checksummed(address_of(SAFE)))
    assert found == code
    assert "Send it? [y/N]" in out
    assert last in out.splitlines()[-1]
    assert command.chain.count(command.chain.free.identity) - before == (code == 0)


def test_where_nobody_can_be_asked_nothing_is_sent(command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = command.chain.count(command.chain.free.identity)
    code, _, err = command("entity", "propose", "signing_policy", checksummed(address_of(SAFE)))
    assert code == 2
    told = "expected a terminal to ask at, was none; say --yes to send, or --calldata to sign elsewhere\n"
    assert err == told
    assert command.chain.count(command.chain.free.identity) == before


def test_sortition_key_is_made_kept_for_its_owner_and_registered(command, tmp_path):
    path = tmp_path / "sortition.key"
    code, out, err = command("entity", "sortition", path, "--yes")
    assert (code, err) == (0, "")
    assert "  mined 0x" in out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = SortitionKey(int(path.read_text(), 16))
    point = key.public.x.to_bytes(32, "big") + key.public.y.to_bytes(32, "big")
    assert line_of(command("entity", "show")[1], "sortition key").endswith(f" 0x{point.hex()}")
    assert path.read_text().strip()[2:] not in out
    command.chain.send(command.chain.free.identity, "EntityManager", "unregisterPublicKey")


def test_any_voter_is_shown_by_its_identity_alone(command):
    other = command.chain.free
    place = ("--network", "other", "--rpc", command.chain.anvil.url)
    code, out, _ = command(
        "entity", "show", "--identity", checksummed(other.identity), *place, "--format", "json", file=False
    )
    found = json.loads(out)
    assert code == 0
    assert found["roles"]["submit_signatures"] == {
        "confirmed": checksummed(other.submit_signatures),
        "configured": None,
        "state": "confirmed",
    }
    assert (found["public_key"], found["nodes"]) == (None, [])


DIRECT, FEE, SHARED, OTHER = 70 * COIN + 7, 12 * COIN + 3, 5 * COIN + 1, 3 * COIN + 2


@pytest.fixture(scope="module")
def rewarded(chain, tmp_path_factory):
    """Return the file of a reward epoch that is over and signed."""
    free = chain.free
    claims = [
        RewardClaim(1, free.signing_policy, DIRECT, ClaimType.DIRECT),
        RewardClaim(1, free.identity, FEE, ClaimType.FEE),
        RewardClaim(1, free.delegation, SHARED, ClaimType.WNAT),
        RewardClaim(1, PLAN.entities()[0].identity, OTHER, ClaimType.FEE),
        RewardClaim(1, bytes([7] * 20), 9 * COIN, ClaimType.DIRECT),
    ]
    file = tmp_path_factory.mktemp("rewards") / "1.json"
    file.write_text(published(chain.reward(claims)))
    return file


def test_what_is_owed_is_shown_claimed_and_paid_to_the_wei(command, rewarded):
    free, data = command.chain.free, ("--data", str(rewarded.with_name("{epoch}.json")))
    code, out, _ = command("rewards", "show", *data)
    assert code == 0
    assert out.splitlines() == [
        f"reward epoch 1  direct  70.000000000000000007 C2FLR  {checksummed(free.signing_policy)}",
        f"reward epoch 1  fee     12.000000000000000003 C2FLR  {checksummed(free.identity)}",
        f"reward epoch 1  wnat    5.000000000000000001 C2FLR  {checksummed(free.delegation)}",
        "82.00000000000000001 C2FLR may be claimed, 5.000000000000000001 C2FLR are shared by weight",
    ]
    safe = address_of(SAFE)
    code, out, err = command("rewards", "claim", *data, "--recipient", checksummed(safe), "--yes")
    assert (code, err) == (0, "")
    assert f"claim 70.000000000000000007 direct in WC2FLR of reward epoch 1 for {checksummed(safe)}" in out
    assert f"claim 12.000000000000000003 fee in WC2FLR of reward epoch 1 for {checksummed(safe)}" in out
    assert len(re.findall(r"^  mined 0x", out, re.MULTILINE)) == 2
    assert command.chain.asked("WNat", "balanceOf", safe) == DIRECT + FEE
    code, out, err = command("rewards", "claim", *data, "--yes")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "0 C2FLR may be claimed, 5.000000000000000001 C2FLR are shared by weight"


def test_executor_claims_for_whom_it_is_allowed_and_is_paid_in_coins(command, rewarded, chain):
    """The other entity's rewards: its signing-policy key is not here, and it allows an executor."""
    other, executor = PLAN.entities()[0], address_of(EXECUTOR)
    for role in KEYS:
        command.keys[role] = {"env": f"DEVNET_{role.upper()}"}
    command.keys |= {"claim_executor": {"env": "DEVNET_EXECUTOR"}, "identity": {"address": checksummed(other.identity)}}
    data = ("--data", str(rewarded))
    code, out, err = command("rewards", "claim", *data, "--no-wrap", "--yes")
    assert (code, out) == (1, "")
    assert "only owner or executor" in err
    assert chain.count(executor) == 0
    chain.send(other.identity, "ClaimSetupManager", "setClaimExecutors", [executor])
    before = chain.balance(other.identity)
    code, out, err = command("rewards", "claim", *data, "--no-wrap", "--yes")
    assert (code, err) == (0, "")
    assert f"claim 3.000000000000000002 fee in C2FLR of reward epoch 1 for {checksummed(other.identity)}" in out
    assert chain.balance(other.identity) - before == OTHER


def test_what_is_shared_by_weight_is_opened_to_those_who_gave_it(command, rewarded):
    free, data = command.chain.free, ("--data", str(rewarded))
    code, out, _ = command("rewards", "claim", *data, "--initialise", "--yes")
    assert code == 0
    assert out.splitlines()[0] == "open what is shared by weight to those who gave it"
    assert command.chain.asked("RewardManager", "noOfInitialisedWeightBasedClaims", 1) == 1
    before = command.chain.asked("WNat", "balanceOf", free.delegator)
    command.chain.send(free.delegator, "RewardManager", "claim", free.delegator, free.delegator, 1, True, [])
    assert command.chain.asked("WNat", "balanceOf", free.delegator) - before == SHARED


def test_data_that_is_not_what_was_signed_claims_nothing(command, rewarded, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(rewarded.read_text().replace(str(DIRECT), str(DIRECT + 1)))
    code, out, err = command("rewards", "claim", "--data", wrong, "--yes")
    assert (code, out) == (1, "")
    assert "nothing is claimed by it, look for the right file" in err


def test_network_whose_data_is_published_nowhere_wants_to_be_told(command):
    code, out, err = command("rewards", "show")
    assert (code, out) == (2, "")
    assert err == "--data: expected where reward data is, since none is known for other; name it\n"
