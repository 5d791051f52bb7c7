"""What a whole provider over a node writes down of its rounds, and tells of itself over HTTP."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
import test_provider_sink as whole

from chrono import PermanentError
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.relay import RELAY
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.provider import reporting
from chrono_flare_ftso.provider.sink import FlareFtso
from chrono_flare_ftso.records import Record, Records

pytestmark = pytest.mark.anyio

world = whole.world
ROUND, START = whole.ROUND, whole.START
IDENTITY = checksummed(whole.VOTERS[0].identity)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def finalising(world):
    """Have Relay say what it was told."""
    place = world.chain.next

    def placed(second: int, sent: Any = ()) -> None:
        place(second, sent)
        if any(each.transaction.data[:4] == RELAY for _, each in world.chain.placed.values()):
            world.chain.values[function("Relay", "isFinalized").selector] = 1

    world.chain.next = placed


def recorded(world: whole.World) -> Record:
    with Ledger(world.folder / "flare.db") as ledger:
        return {each.round: each for each in Records(ledger).last(10)}[ROUND]


async def test_round_is_written_down_with_what_was_sent_and_where_votes_lay(world):
    world.prices = {"BTC/USD": 67_123.5}
    await world.run(START + 175)
    found = recorded(world)
    assert (found.commit, found.reveal, found.signature) == ("ok", "ok", "ok")
    assert (found.finalised, found.offence, found.mismatch, found.missed) == ("us", False, False, False)
    assert [each.label for each in found.sent] == ["submit1", "submit2", "submitSignatures", "relay"]
    assert all(each.cost > 0 and each.block and each.state == "mined" for each in found.sent)
    assert found.relay == found.sent[-1].hash
    # the others voted for nothing: ours is the median
    btc, other = found.votes
    assert btc[:6] == ("BTC/USD", 2, 6_712_350, 6_712_350, 6_712_350, 6_712_350)
    assert btc.hit
    assert other.vote is None
    assert found.share is not None
    assert not [told for told in world.told if "no record" in told], world.told


async def test_shadow_writes_down_what_it_would_have_earned(world):
    world.options["shadow"] = True
    await world.run(START + 175)
    found = recorded(world)
    assert (found.shadow, found.missed) == (True, False)
    assert (found.commit, found.reveal, found.signature, found.sent) == ("unsent", "unsent", "unsent", ())
    assert found.votes[0].vote == 6_712_350


async def test_shadow_of_who_is_not_registered_is_judged_too_and_earns_nothing(world, monkeypatch):
    world.options["shadow"] = True
    monkeypatch.setenv("FLARE_TEST_SUBMIT", "0x" + "77" * 32)
    await world.run(START + 175)
    found = recorded(world)
    assert (found.commit, found.votes[0].vote, found.votes[0].hit) == ("unsent", 6_712_350, False)
    assert found.share is None


async def test_round_that_guards_refused_says_why(world):
    world.options["guards"] = {"missing": 0.1}
    world.prices = {"BTC/USD": 67_123.5}
    await world.run(START + 175)
    found = recorded(world)
    assert (found.commit, found.reveal, found.missed) == ("missing", "missing", True)
    assert found.reason.startswith("expected votes for at least 90 % of 2 feeds, were 1")


async def test_transactions_that_are_long_over_are_forgotten_and_what_they_cost_is_kept(world, monkeypatch):
    monkeypatch.setattr(reporting, "_TIDIED_EVERY", 1)
    monkeypatch.setattr(reporting, "KEPT", 0)
    await world.run(START + 175)
    with Ledger(world.folder / "flare.db") as ledger:
        left = {label for (label,) in ledger.read("SELECT label FROM transactions WHERE round = ?", ROUND)}
    assert "submit1" not in left
    assert recorded(world).sent[0].label == "submit1"


async def test_what_was_committed_to_and_never_revealed_is_an_offence(world):
    world.options["linger"] = "0s"
    await world.run(START + 95, others=False)
    world.chain.until(START + 140)
    world.clock.turning._now = START + 140
    await world.run(START + 190, others=False)
    found = recorded(world)
    assert (found.commit, found.reveal, found.offence, found.missed) == ("ok", "missing", True, True)
    assert found.votes[0].vote == 6_712_350
    assert found.share in (None, 0.0)


async def test_rounds_that_ended_while_nothing_ran_are_written_down_when_it_is_back(world):
    world.options["linger"] = "0s"
    await world.run(START + 95, others=False)
    with Ledger(world.folder / "flare.db") as ledger:
        assert [each.round for each in Records(ledger).last(10)] == [ROUND - 1]
    world.clock.turning._now = START + 90 * 5 + 5
    world.chain.until(world.clock.turning.now())
    await world.run(START + 90 * 5 + 60, others=False)
    with Ledger(world.folder / "flare.db") as ledger:
        found = Records(ledger).last(10)
    assert [each.round for each in found] == [ROUND + at for at in range(-1, 4)]
    assert [(each.commit, each.reveal) for each in found[1:]] == [("ok", "missing"), *[("missing", "missing")] * 3]
    assert [each.offence for each in found[1:]] == [True, False, False, False]
    assert found[1].sent[0].label == "submit1"


async def test_numbers_are_served_while_it_lives(world, monkeypatch):
    served: list[int] = []
    pages: list[str] = []

    async def fetched(sink: FlareFtso) -> str:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{served[0]}/metrics")
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert (await client.get(f"http://127.0.0.1:{served[0]}/other")).status_code == 404
            return answer.text

    async def live(second: float) -> None:
        async with world.sink() as sink:
            served.append(sink.reporting.port)
            pricing = asyncio.create_task(world.price(sink))
            await world.clock.sleep(second - world.clock.turning.now())
            with world.clock.turning.busy():
                pages.append(await fetched(sink))
            pricing.cancel()
            await asyncio.gather(pricing, return_exceptions=True)

    world.options["metrics"] = {"port": 0}
    monkeypatch.setattr(world, "live", live)
    await world.run(START + 175)
    (page,) = pages
    submit = checksummed(address_of(whole.OURS["submit"]))
    for line in (
        f"flare_fsp_voting_round_current {ROUND + 1}",
        f"flare_fsp_reward_epoch_current {whole.EPOCH}",
        f'flare_fsp_registered_current_epoch{{identity_address="{IDENTITY}"}} 1',
        f'flare_fsp_submit_ok_total{{identity_address="{IDENTITY}",protocol="ftso",phase="signatures"}} 1',
        f'flare_fsp_reveal_offence_total{{identity_address="{IDENTITY}",protocol="ftso"}} 0',
        'chrono_flare_finalisations_total{by="us"} 1',
        'chrono_flare_submissions_total{label="submit1",state="mined"} 1',
        'chrono_flare_vote_distance_bips{feed="BTC/USD"} 0.0',
        f'chrono_flare_balance_low{{address="{submit}",role="submit"}} 0',
    ):
        assert line in page.splitlines(), f"{line}\n{page}"
    assert re.search(r'^chrono_flare_node_up{node="127.0.0.1:\d+[^"]*"} 1$', page, re.MULTILINE)
    assert re.search(r"^chrono_flare_head_age_seconds \d", page, re.MULTILINE)


async def test_port_that_is_taken_is_said_before_anything_is_sent(world):
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    world.options["metrics"] = {"port": port}
    async with taken:
        with pytest.raises(PermanentError, match=f"127.0.0.1:{port}: expected to listen there"):
            await world.run(START + 10, others=False)
    assert world.node.given == []
