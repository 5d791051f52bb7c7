"""What is wrong is told by the running sink in one line of what to do, before or without sending."""

from __future__ import annotations

import pytest
import test_provider_sink as scene
from test_provider_sink import EPOCH, OURS, START, VOTERS, World, anyio_backend, world  # noqa: F401 - fixtures

from chrono import PermanentError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.text import checksummed

pytestmark = pytest.mark.anyio

SUBMIT = checksummed(address_of(OURS["submit"]))
STRANGER = keccak256(b"nobody knows it")


class Told(list):
    """Statuses, each with how many transactions had been sent when it was told."""

    def __init__(self, node):
        super().__init__()
        self.node = node

    def append(self, status):
        super().append((status, len(self.node.given)))


@pytest.fixture
def told(world):  # noqa: F811 - the fixture
    world.told = Told(world.node)
    return world.told


def other_chain(world, monkeypatch):  # noqa: F811
    world.node.chain_id = 14


def other_registry(world, monkeypatch):  # noqa: F811
    world.options |= {"network": "other", "registry": "0x" + "11" * 20}
    world.chain.contracts = {}


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (other_chain, "expected chain 114, was another; see to the addresses of nodes"),
        (
            other_registry,
            "expected a contract registry at 0x1111111111111111111111111111111111111111 that knows "
            "FlareSystemsManager, was none; see to `registry`, to the network and to the nodes",
        ),
    ],
)
async def test_chain_or_registry_that_is_another_is_refused_when_the_sink_opens(world, monkeypatch, wrong, line):  # noqa: F811
    wrong(world, monkeypatch)
    with pytest.raises(PermanentError) as refused:
        await world.run(START + 100, others=False)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert world.node.given == []


def unfunded(world, monkeypatch):  # noqa: F811
    world.chain.balances[address_of(OURS["submit"])] = 0


def unregistered(world, monkeypatch):  # noqa: F811
    monkeypatch.setenv("FLARE_TEST_SUBMIT", "0x" + STRANGER.hex())


@pytest.mark.parametrize(
    ("wrong", "code", "line"),
    [
        (unfunded, "commit", f"no commit: {SUBMIT} needs "),
        (
            unregistered,
            "unregistered",
            f"reward epoch {EPOCH}: expected 0x{address_of(STRANGER).hex()} among its {len(VOTERS)} voters' submit "
            "addresses, was none of them; register, or wait for the next reward epoch",
        ),
    ],
)
async def test_who_cannot_pay_or_is_no_voter_commits_to_nothing(world, told, monkeypatch, wrong, code, line):  # noqa: F811
    wrong(world, monkeypatch)
    await world.run(START + 130, others=False)
    (found,) = {status for status, _ in told if f"code='{code}'" in status and f"round {scene.ROUND + 1}" not in status}
    assert line in found
    assert world.node.given == []


async def test_unfunded_key_is_told_what_it_needs_and_has(world, told, monkeypatch):  # noqa: F811
    unfunded(world, monkeypatch)
    await world.run(START + 100, others=False)
    (found,) = {status for status, _ in told if "no commit" in status}
    assert "has 0; send it some" in found


@pytest.mark.parametrize(("off", "line"), [(3.0, "s ahead of the chain's"), (-3.0, "s behind the chain's")])
async def test_clock_that_is_off_by_three_seconds_is_told_before_anything_is_sent(
    world,  # noqa: F811
    told,
    off,
    line,
):
    usual = world.clock.moved
    world.clock.turning._moved = lambda second: usual(second - off)
    await world.run(START + 85, others=False)
    found = [(status, sent) for status, sent in told if "code='clock'" in status]
    assert line in found[-1][0]
    assert "set it, by NTP" in found[-1][0]
    assert {sent for _, sent in found} == {0}


async def test_feeds_that_changed_are_told_before_anything_is_sent_and_the_others_are_found_by_id(
    world,  # noqa: F811
    told,
    monkeypatch,
):
    monkeypatch.setattr(scene, "PRICES", {"FLR/USD": 0.0215, "BTC/EUR": 60_000.0})
    world.prices = dict(scene.PRICES)
    await world.run(START + 130, others=False)
    ((found, sent),) = [(status, sent) for status, sent in told if "code='feeds'" in status]
    assert f"1 of 2 feeds of reward epoch {EPOCH} are priced; add BTC/USD to the pipeline" in found
    assert sent == 0
    (reveal,) = [each for each in world.calls() if each[2][:4] == Call.SUBMIT2.value]
    # the second of the chain's feeds has the vote of the one that is priced
    assert reveal[2][-8:-4] == bytes(4)
    assert reveal[2][-4:] == (2**31 + 215_000).to_bytes(4, "big")
