"""The faults S4 to S6 of nodes, nonces and forks: nothing is sent twice, nothing wrong, and nothing is missed.

Each is played to a provider's three transactions of a round, over real HTTP; `-s` shows the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

import pytest
from fake_node import cut, failure, fault
from sending import KEY, LABELS, World, beside, data, world
from sending_node import Foreign, SendingNode

from chrono import ChronoError
from chrono_flare_ftso.chain.drafting import Pace
from chrono_flare_ftso.chain.fees import COIN, GWEI, TooDear
from chrono_flare_ftso.chain.refusals import Unfunded, Unsent
from chrono_flare_ftso.chain.sending import Sender

pytestmark = pytest.mark.anyio

Fault = Callable[[World, int], Awaitable[None]]
"""Brings a fault about before transaction 0, 1 and 2."""


@pytest.fixture
def anyio_backend():
    return "asyncio"


def preferred(world: World) -> SendingNode:
    return world.nodes[0]


# S4: the node lies


async def answer_lost(world: World, at: int) -> None:
    preferred(world).loses = 1


async def answer_lost_everywhere(world: World, at: int) -> None:
    for node in world.nodes:
        node.loses = 1


async def taken_and_forgotten(world: World, at: int) -> None:
    preferred(world).forgets = 2


async def null_to_everything(world: World, at: int) -> None:
    methods = ("sendRawTransaction", "getTransactionReceipt", "getTransactionByHash", "getBalance")
    preferred(world).nulls |= {f"eth_{each}" for each in (*methods, "getTransactionCount")}


async def null_receipts(world: World, at: int) -> None:
    preferred(world).nulls |= {"eth_getTransactionReceipt", "eth_getTransactionByHash"}


async def stale_head(world: World, at: int) -> None:
    preferred(world).lag = 4 * at


async def frozen_head(world: World, at: int) -> None:
    preferred(world).lag = len(world.chain.blocks) - 1


async def wrong_chain_id(world: World, at: int) -> None:
    preferred(world).chain_id = 16 if at else None


async def garbage(world: World, at: int) -> None:
    preferred(world).always = fault(200, b"<html>busy</html>")


async def refuses_connections(world: World, at: int) -> None:
    preferred(world).always = cut


async def too_many_requests(world: World, at: int) -> None:
    preferred(world).always = fault(429, retry_after="3600")


async def errors_of_its_own(world: World, at: int) -> None:
    preferred(world).always = failure(-32603, "internal error")


async def silence(world: World, at: int) -> None:
    preferred(world).silent = True


async def pending_made_up(world: World, at: int) -> None:
    preferred(world).pending = 7 if at == 1 else None


async def pending_far_off(world: World, at: int) -> None:
    preferred(world).pending = 40 if at == 1 else None


async def words_nobody_knows(world: World, at: int) -> None:
    for node in world.nodes:
        node.says = ["the moon is full"]


async def says_known(world: World, at: int) -> None:
    for node in world.nodes:
        node.says = ["already known"]


async def says_nonce_too_low(world: World, at: int) -> None:
    for node in world.nodes:
        node.says = ["nonce too low"]


async def pool_full(world: World, at: int) -> None:
    for node in world.nodes:
        node.says = ["txpool is full"]


# S5: nonces, fees, funds


async def foreign_mined(world: World, at: int) -> None:
    """Another process uses the nonce that is known to be next, and its transaction is mined."""
    Foreign(KEY, world.chain).send(world.chain.nonce(_sender(world)), b"foreign %d" % at)
    world.chain.produce()


async def foreign_waits(world: World, at: int) -> None:
    """Another process uses the nonce that is known to be next, and its transaction waits."""
    Foreign(KEY, world.chain).send(world.chain.nonce(_sender(world)), b"foreign %d" % at)


async def nonce_too_high(world: World, at: int) -> None:
    for node in world.nodes:
        node.says = ["Nonce too high. Expected nonce to be 0 but got 1. Note that transactions can't be queued"]


async def underpriced(world: World, at: int) -> None:
    for node in world.nodes:
        node.says = ["transaction underpriced: gas tip cap 1, minimum needed 2"] * 2


async def base_fee_times_ten(world: World, at: int) -> None:
    # after everything was asked for, before it is sent
    world.chain.base_fee = 10 * world.chain.base_fee if at == 1 else world.chain.base_fee


async def base_fee_beyond_the_limit(world: World, at: int) -> None:
    world.chain.base_fee = (11_000 if at == 1 else 25) * GWEI

    async def falls() -> None:
        await asyncio.sleep(0.05)
        world.chain.base_fee = 25 * GWEI

    world.falling = asyncio.create_task(falls())


# S6: forks


async def forked(world: World, at: int, depth: int, *, keep: bool) -> None:
    if at:
        world.chain.fork(depth, keep=keep)


def fork(depth: int, *, keep: bool) -> Fault:
    return lambda world, at: forked(world, at, depth, keep=keep)


def _sender(world: World) -> bytes:
    return world.sender_address


SURVIVED = {
    "S4 answer lost after accept": answer_lost,
    "S4 answer lost by every node": answer_lost_everywhere,
    "S4 accepted and dropped": taken_and_forgotten,
    "S4 null to everything": null_to_everything,
    "S4 null receipts": null_receipts,
    "S4 stale head": stale_head,
    "S4 frozen head": frozen_head,
    "S4 wrong chain id later": wrong_chain_id,
    "S4 no JSON": garbage,
    "S4 connections cut": refuses_connections,
    "S4 429 for an hour": too_many_requests,
    "S4 internal errors": errors_of_its_own,
    "S4 silence": silence,
    "S4 pending nonce made up": pending_made_up,
    "S4 pending nonce far off": pending_far_off,
    "S4 words nobody knows": words_nobody_knows,
    "S4 says it is known": says_known,
    "S5 says nonce too low": says_nonce_too_low,
    "S5 pool full": pool_full,
    "S5 nonce used by another process": foreign_mined,
    "S5 nonce waits from another process": foreign_waits,
    "S5 nonce too high": nonce_too_high,
    "S5 underpriced": underpriced,
    "S5 base fee x 10": base_fee_times_ten,
    "S5 base fee beyond the limit": base_fee_beyond_the_limit,
    **{
        f"S6 fork of {depth}, {'back in the pool' if keep else 'gone'}": fork(depth, keep=keep)
        for depth in (1, 2, 3)
        for keep in (True, False)
    },
}


@pytest.mark.parametrize("name", SURVIVED)
async def test_a_fault_doubles_nothing_falsifies_nothing_and_costs_nothing(tmp_path, name):
    async with world(tmp_path, nodes=2) as world_, world_.sender() as sender:
        world_.sender_address = sender.address
        await sender.refresh()

        async def voted() -> None:
            for at, label in enumerate(LABELS):
                await SURVIVED[name](world_, at)
                outcome = await world_.send(sender, label, seconds=60)
                assert outcome.ok, (label, outcome, world_.texts)
            # what a fork threw out comes back
            for _ in range(40):
                await world_.clock.sleep(0.5)

        await beside(voted(), sender.run())
        counts = world_.chain.counts()
        wanted = set(map(data, LABELS))
        doubled = sum(count - 1 for each, count in counts.items() if each)
        wrong = sum(not each.startswith(b"foreign") and each not in wanted and each != b"" for each in counts)
        missed = len(wanted - set(counts))
        sys.stdout.write(f"{name:<40} doubled {doubled}  wrong {wrong}  missed {missed}\n")
        assert (doubled, wrong, missed) == (0, 0, 0), (counts, world_.texts)


@pytest.mark.parametrize("name", [name for name in SURVIVED if name.startswith("S4")])
async def test_a_fault_of_the_only_node_doubles_nothing_whatever_it_costs(tmp_path, name):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.sender_address = sender.address
        await sender.refresh()

        async def voted() -> None:
            for at, label in enumerate(LABELS):
                await SURVIVED[name](world_, at)
                with contextlib.suppress(ChronoError):
                    await world_.send(sender, label, seconds=12)
            # the node comes to its senses
            node = preferred(world_)
            node.always, node.chain_id, node.pending, node.lag, node.silent = None, None, None, 0, False
            node.nulls.clear()
            for _ in range(160):
                await world_.clock.sleep(0.5)

        await beside(voted(), sender.run())
        counts = world_.chain.counts()
        assert all(count == 1 for each, count in counts.items() if each), counts
        assert set(counts) <= {*map(data, LABELS), b""}


async def refused(world_: World, sender: Sender, **more: object) -> str:
    with pytest.raises((Unsent, Unfunded)) as caught:
        await world_.send(sender, **more)
    assert "\n" not in str(caught.value)
    assert world_.chain.counts() == {}
    assert sender.book.unfinished() == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("intrinsic gas too low: gas 20000, minimum needed 21000", "raise its gas limit"),
        ("exceeds block gas limit", "lower its gas limit"),
        ("tx fee (3.00 ether) exceeds the configured cap (1.00 ether)", "raise the cap of the node"),
        ("insufficient funds for gas * price + value", "needs 0.012 FLR, has 1000; send it some"),
    ],
)
async def test_what_no_node_can_take_is_refused_with_what_to_do_and_may_be_sent_once_that_is_done(
    tmp_path, says, expected
):
    async with world(tmp_path, nodes=2) as world_, world_.sender() as sender:
        for node in world_.nodes:
            node.says = [says]
        told = await refused(world_, sender)
        assert told.startswith("submit1 of round 1 not sent: ")
        assert told.endswith(expected)
        outcome = await world_.send(sender)
        assert (outcome.ok, outcome.nonce) == (True, 0)
        world_.check(data("submit1"))


async def test_a_base_fee_that_stays_beyond_the_limit_is_told_once_and_raised_at_the_end(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.base_fee = 11_000 * GWEI
        world_.chain.produce()
        with pytest.raises(
            TooDear, match=r"expected a base fee of at most 10000 gwei .* was 11000 gwei; raise `max_fee`"
        ):
            await world_.send(sender, seconds=10)
        assert len(world_.told) == 1
        assert sender.book.unfinished() == []


async def test_an_account_that_runs_empty_while_more_is_offered_keeps_what_was_offered(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        task = asyncio.create_task(world_.send(sender, seconds=40))
        while not preferred(world_).given:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        world_.chain.balances[sender.address] = COIN // 100
        while "more may not be offered" not in world_.texts:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        world_.chain.closed = False
        assert (await task).ok
        world_.check(data("submit1"))


async def test_a_process_that_was_killed_between_accept_and_answer_sends_nothing_new(tmp_path):
    async with world(tmp_path, nodes=2) as world_:
        async with world_.sender() as sender:
            world_.chain.closed = True
            preferred(world_).loses = 1
            task = asyncio.create_task(world_.send(sender))
            while not world_.chain.waiting:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        world_.chain.closed = False
        async with world_.sender() as later:
            assert (await world_.send(later)).ok
            assert later.signer.signed == 0
        world_.check(data("submit1"))


async def test_what_was_late_after_a_lost_answer_may_be_there_and_is_never_sent_as_another(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        preferred(world_).loses = 1
        # asked for again it is refused in words that would be a proof, had it never left
        preferred(world_).nulls |= {"eth_getTransactionByHash"}
        task = asyncio.create_task(world_.send(sender, seconds=10))
        while not world_.chain.waiting:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        preferred(world_).says = ["nonce too low"] * 40
        assert (await task).state == "late"
        preferred(world_).says.clear()
        preferred(world_).nulls.clear()
        world_.chain.closed = False
        outcome = await world_.send(sender)
        assert (outcome.ok, outcome.nonce) == (True, 0)
        world_.check(data("submit1"))


async def test_what_is_void_and_mined_in_place_of_what_was_to_replace_it_is_not_taken_for_it(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        assert (await world_.send(sender, "submit1", seconds=3)).state == "late"
        world_.chain.closed = False
        preferred(world_).says = ["the moon is full"] * 5
        outcome = await world_.send(sender, "submit2")
        assert (outcome.ok, outcome.nonce) == (True, 1)
        world_.check(data("submit1"), data("submit2"))


@pytest.mark.parametrize("seconds", [2, 30])
async def test_what_a_fork_threw_out_is_sent_again_only_while_it_counts(tmp_path, seconds):
    async with world(tmp_path) as world_, world_.sender() as sender:
        outcome = await world_.send(sender, seconds=seconds)
        await world_.clock.sleep(2)
        world_.chain.fork(4, keep=False)
        (fallen,) = await sender.watch_depth()
        assert fallen.hash == outcome.hash
        assert set(world_.chain.waiting) == ({outcome.hash} if seconds == 30 else set())


async def test_what_is_sent_waits_for_no_node_that_asked_to_be_left_alone(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        preferred(world_).faults = [fault(429, b"", retry_after="3000")]
        with pytest.raises(ChronoError, match="too many requests"):
            await sender.refresh()
        with pytest.raises(ChronoError, match="every node asked to be left alone"):
            await sender.refresh()
        assert (await world_.send(sender)).ok
        world_.check(data("submit1"))


async def test_what_nobody_took_is_handed_over_again_though_nobody_says_whether_it_is_there(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        await sender.refresh()
        preferred(world_).faults = [fault(429, b"", retry_after="3000")]
        assert (await world_.send(sender)).ok
        world_.check(data("submit1"))


async def test_what_may_be_thrown_out_is_looked_for_more_often_than_the_account(tmp_path, monkeypatch):
    async with world(tmp_path, pace=Pace(keep=20.0, watch=1.0)) as world_, world_.sender() as sender:
        await world_.send(sender, seconds=60)
        slept, sleep = [], world_.clock.sleep

        async def noted(seconds: float) -> None:
            slept.append(seconds)
            await (sleep(seconds) if len(slept) < 40 else asyncio.Event().wait())

        monkeypatch.setattr(world_.clock, "sleep", noted)
        task = asyncio.create_task(sender.run())
        while len(slept) < 40:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        task.cancel()
        assert slept == [1.0] * slept.count(1.0) + [20.0] * (40 - slept.count(1.0))
        assert 28 <= slept.count(1.0) <= 30


async def test_a_fork_that_has_another_version_mined_is_seen(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        task = asyncio.create_task(world_.send(sender, seconds=60))
        while len(preferred(world_).given) < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        world_.chain.closed = False
        assert (await task).ok
        first, second = sender.book.of("submit1", 1)[:2]
        world_.chain.fork(3, keep=False)
        world_.chain.give(first.raw)
        world_.chain.produce()
        await sender.refresh()
        assert await sender.watch_depth() == []
        states = {entry.hash: entry.state for entry in sender.book.of("submit1", 1)}
        assert (states[first.hash], states[second.hash]) == ("mined", "replaced")
        assert "submit1 of round 1: moved from block" in world_.texts
