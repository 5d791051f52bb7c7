"""Heads that are announced over real WebSocket, by nodes that hang up, fall silent, lie and come back."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fake_heads import HeadNode, head_of
from fake_node import FakeChain

from chrono import PermanentError
from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.chain.heads import HEALTHY, Heads

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
START = 1_795_000_000


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Clock:
    """A clock that a test sets; waiting takes no time, and is kept."""

    def __init__(self) -> None:
        self.time = START * SECOND
        self.slept: list[float] = []

    def now(self) -> int:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.002)


def made(length: int = 5) -> FakeChain:
    chain = FakeChain(14)
    for at in range(length):
        chain.mine(START + at)
    return chain


def block(chain: FakeChain, at: int = -1) -> Block:
    found = chain.blocks[at]
    return Block(found.number, found.hash, found.parent, found.timestamp)


@asynccontextmanager
async def following(
    chain: FakeChain, count: int = 1, *, nodes: Sequence[HeadNode] = (), wait: bool = True, **options: object
) -> AsyncIterator[tuple[Heads, list[HeadNode], Clock, list[tuple[str, str]]]]:
    told: list[tuple[str, str]] = []
    async with AsyncExitStack() as stack:
        serving = [await stack.enter_async_context(each) for each in nodes or [HeadNode(chain) for _ in range(count)]]
        clock = Clock()
        heads = Heads([each.url for each in serving], clock, chance=random.Random(1), timeout=1.0, **options)
        heads.chain_id, heads.tell = 14, lambda code, message: told.append((code, message))
        await stack.enter_async_context(heads)
        if wait:
            await eventually(lambda: all(each.subscribers for each in serving) and all(map(standing, heads._lines)))
        yield heads, serving, clock, told


def standing(line) -> bool:
    return line.live


async def eventually(ready) -> None:
    async with asyncio.timeout(8):
        while not ready():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.002)


def codes(told: Sequence[tuple[str, str]]) -> list[str]:
    return [code for code, _ in told]


async def waited(heads: Heads) -> bool:
    """Return whether a head is announced within some tenth of a second."""
    heads._clock = Slow()
    waiting = asyncio.create_task(heads.wait(0.1))
    await waiting
    return heads._clock.ended == 0


class Slow(Clock):
    """A clock on which waiting takes its time."""

    ended = 0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.ended += 1


async def test_a_new_head_wakes_who_waits_and_the_same_from_another_node_does_not():
    chain = made()
    async with following(chain, 2) as (heads, nodes, _, told):
        nodes[1].mute = True
        chain.mine(START + 5)
        assert await waited(heads)
        assert heads.newest() == 5
        assert heads.flow(4.0)
        await nodes[1].announce(chain.blocks[-1])
        assert not await waited(heads)
        assert heads.received(chain.blocks[-1].hash) == START * SECOND
        assert told == []


async def test_a_head_that_came_before_anyone_waited_is_not_lost():
    chain = made()
    async with following(chain) as (heads, *_):
        chain.mine(START + 5)
        await eventually(lambda: heads.newest() == 5)
        assert await waited(heads)
        assert not await waited(heads)


async def test_a_cut_connection_is_made_anew_after_growing_waits_with_full_jitter_and_told_once():
    chain = made()
    node = HeadNode(chain)
    node.refuses = (502, {})
    async with following(chain, nodes=[node], wait=False) as (heads, _, clock, told):
        await eventually(lambda: node.handshakes >= 12)
        assert codes(told) == ["subscription"]
        assert "answered 502; it is tried again" in told[0][1]
        assert all(wait <= min(30, 0.5 * 2**at) for at, wait in enumerate(clock.slept))
        assert max(clock.slept) > 8
        assert len(set(clock.slept)) == len(clock.slept)
        node.refuses = None
        await eventually(lambda: node.subscribers and heads._lines[0].live)
        chain.mine(START + 5)
        await eventually(lambda: heads.newest() == 5)
        # well for a minute: the next waits are short again, and it is told again
        clock.time += HEALTHY
        chain.mine(START + 6)
        await eventually(lambda: heads.newest() == 6)
        before = len(clock.slept)
        await node.cut()
        await eventually(lambda: len(clock.slept) > before)
        assert clock.slept[before] <= 0.5
        assert not heads.flow(4.0)
        assert heads.newest() == -1
        assert codes(told) == ["subscription", "subscription"]
        await eventually(lambda: node.subscribers and heads._lines[0].live)


async def test_a_node_that_hangs_up_after_each_head_is_not_asked_without_an_end():
    chain = made()
    async with following(chain) as (heads, (node,), clock, told):
        for at in range(8):
            chain.mine(START + 5 + at)
            await eventually(lambda: heads.newest() == len(chain.blocks) - 1)
            await node.cut()
            await eventually(lambda: not heads._lines[0].live)
            await eventually(lambda: node.subscribers and heads._lines[0].live)
        assert len(clock.slept) == 8
        assert max(clock.slept) > 4
        assert codes(told) == ["subscription"]


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [(429, {"Retry-After": "120"}, 120), (503, {"Retry-After": "7"}, 7), (429, {}, 5), (403, {}, 60)],
)
async def test_a_node_is_left_alone_for_as_long_as_it_asks(status, headers, pause):
    chain = made()
    node = HeadNode(chain)
    node.refuses = (status, headers)
    async with following(chain, nodes=[node], wait=False) as (_, _, clock, told):
        await eventually(lambda: clock.slept)
        assert clock.slept[0] == pause
        assert str(status) in told[0][1]


async def test_a_node_of_another_chain_is_told_of_and_not_asked_again():
    chain = made()
    node = HeadNode(chain)
    node.chain_id = 19
    async with following(chain, nodes=[node], wait=False) as (heads, _, clock, told):
        await eventually(lambda: told)
        await asyncio.sleep(0.02)
        assert [code for code, message in told if "expected chain 14, was 19" in message] == ["wrong_chain"]
        assert (node.handshakes, clock.slept) == (1, [])
        assert heads.newest() == -1


async def test_a_node_that_announces_nothing_at_all_is_left_for_minutes():
    chain = made()
    node = HeadNode(chain)
    node.error = (-32601, "the method eth_subscribe does not exist")
    async with following(chain, nodes=[node], wait=False) as (_, _, clock, told):
        await eventually(lambda: clock.slept)
        assert clock.slept[0] == 300
        assert "eth_subscribe: the method eth_subscribe does not exist" in told[0][1]


async def test_a_silent_subscription_is_told_and_made_anew():
    chain = made()
    async with following(chain) as (heads, (node,), clock, told):
        heads.polled(block(chain))
        node.mute = True
        chain.mine(START + 5)
        heads.polled(block(chain))
        assert not heads.flow(4.0)
        clock.time += 9 * SECOND
        heads.polled(block(chain))
        assert told == []
        clock.time += SECOND
        heads.polled(block(chain))
        assert codes(told) == ["silent"]
        assert "did not announce block 5, which there was 10 s ago" in told[0][1]
        node.mute = False
        await eventually(lambda: node.opened == 2 and heads._lines[0].live)
        chain.mine(START + 6)
        await eventually(lambda: heads.newest() == 6)
        assert heads.flow(4.0)


async def test_polling_that_is_a_moment_sooner_is_no_silence():
    chain = made()
    async with following(chain) as (heads, (node,), clock, told):
        heads.polled(block(chain))
        node.mute = True
        for at in range(30):
            chain.mine(START + 5 + at)
            heads.polled(block(chain))
            assert not heads.flow(4.0)
            await node.announce(chain.blocks[-1])
            await eventually(lambda: heads.flow(4.0))
            clock.time += 2 * SECOND
        assert (told, node.opened) == ([], 1)


async def test_a_chain_that_stands_still_is_no_silence():
    chain = made()
    async with following(chain) as (heads, (node,), clock, told):
        for _ in range(10):
            heads.polled(block(chain))
            clock.time += 20 * SECOND
        assert (told, node.opened) == ([], 1)
        assert not heads.flow(4.0)


@pytest.mark.parametrize("frame", ["<html>busy</html>", b"\xff\xfe", '{"method": 7}', "[]", "null"])
async def test_frames_that_cannot_be_read_end_the_connection_after_three_and_are_told_once(frame):
    chain = made()
    async with following(chain) as (heads, (node,), _, told):
        for _ in range(2):
            await node.frame(frame)
        chain.mine(START + 5)
        await eventually(lambda: heads.newest() == 5)
        assert (told, node.opened) == ([], 1)
        for opened in (2, 3):
            for _ in range(3):
                await node.frame(frame)
            await eventually(lambda opened=opened: node.opened == opened and heads._lines[0].live)
        assert codes(told) == ["subscription"]
        assert "sends what is no announcement of a block" in told[0][1]


@pytest.mark.parametrize(
    "head",
    [
        None,
        {},
        {"number": "7", "hash": "0x", "parentHash": "0x", "timestamp": "0x1"},
        {"number": "0x7", "hash": "0x" + "00" * 31, "parentHash": "0x" + "00" * 32, "timestamp": "0x1"},
        {"number": "latest", "hash": "0x" + "00" * 32, "parentHash": "0x" + "00" * 32, "timestamp": "0x1"},
        "0x7",
    ],
)
async def test_a_head_that_is_none_wakes_nobody(head):
    chain = made()
    async with following(chain) as (heads, (node,), *_):
        await node.say(head)
        await node.say(head_of(chain.blocks[-1]), method="eth_other")
        assert not await waited(heads)
        assert heads.newest() == -1


async def test_a_head_that_goes_far_back_is_not_listened_to_until_it_has_caught_up():
    chain = made(40)
    async with following(chain) as (heads, (node,), _, told):
        heads.polled(block(chain))
        await node.announce(chain.blocks[-1])
        await eventually(lambda: heads.newest() == 39)
        await node.announce(chain.blocks[10])
        await eventually(lambda: told)
        assert told[0][0] == "backwards"
        assert "its head went back from block 39 to 10" in told[0][1]
        assert (heads.flow(4.0), heads.newest()) == (False, -1)
        await node.announce(*chain.blocks[11:36])
        await asyncio.sleep(0.02)
        assert not heads.flow(4.0)
        await node.announce(*chain.blocks[36:])
        await eventually(lambda: heads.newest() == 39)
        assert heads.flow(4.0)
        assert codes(told) == ["backwards"]


async def test_a_chain_that_was_set_back_is_listened_to_again():
    chain = made(40)
    async with following(chain) as (heads, (node,), _, _):
        await node.announce(chain.blocks[-1])
        await eventually(lambda: heads.newest() == 39)
        node.mute = True
        del chain.blocks[12:]
        heads.polled(block(chain))
        await asyncio.sleep(0.02)
        node.mute = False
        chain.forks += 1
        chain.mine(START + 90)
        await eventually(lambda: heads.newest() == 12)


async def test_a_reorganisation_without_a_word_of_what_was_removed_wakes_who_waits():
    """A node announces the new blocks with their old parent, and nothing else."""
    chain = made(8)
    async with following(chain) as (heads, _, _, told):
        chain.mine(START + 8)
        assert await waited(heads)
        chain.reorganise(3)
        assert await waited(heads)
        await eventually(lambda: heads.received(chain.blocks[-1].hash) is not None)
        assert heads.newest() == 8
        assert told == []


async def test_blocks_that_are_left_out_are_told_once():
    chain = made(10)
    async with following(chain) as (heads, (node,), _, told):
        await node.announce(chain.blocks[2], chain.blocks[4], chain.blocks[7])
        await eventually(lambda: heads.newest() == 7)
        assert told == [
            (
                "skipped",
                f"{heads._lines[0].name}: announced block 4 after block 2; what lies between is read from the nodes",
            )
        ]


async def test_a_node_that_announces_blocks_which_no_node_has_is_listened_to_no_more():
    chain, other = made(10), made(500)
    async with following(chain) as (heads, (node,), clock, told):
        await node.announce(other.blocks[-1])
        await eventually(lambda: heads.newest() == 499)
        heads.polled(block(chain))
        clock.time += 10 * SECOND
        heads.polled(block(chain))
        assert codes(told) == ["ahead"]
        assert "announced block 499, which no node had 10 s later" in told[0][1]
        assert heads.newest() == -1
        chain.mine(START + 10)
        heads.polled(block(chain))
        await eventually(lambda: heads.newest() == 10)


async def test_a_key_in_an_address_is_in_no_message():
    chain = made()
    node = HeadNode(chain, "/a-secret-key")
    node.error = (-32000, "a-secret-key has no more requests")
    async with following(chain, nodes=[node], wait=False) as (heads, _, _, told):
        await eventually(lambda: told)
        node.refuses = (403, {})
        await eventually(lambda: node.handshakes > 3)
        assert "*** has no more requests" in told[0][1]
        assert "secret" not in repr((heads, told))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/secret", "secret", "ws://"])
def test_an_address_that_is_none_is_refused_without_being_shown(url):
    with pytest.raises(PermanentError, match="address 2 under `ws`: expected ws://host/path") as error:
        Heads(["ws://127.0.0.1:1", url], Clock())
    assert "secret" not in str(error.value)


async def test_heads_can_be_left_while_nothing_is_reached():
    node = HeadNode(made())
    async with node:
        url = node.url
    heads = Heads([url], Clock())
    async with heads:
        await asyncio.sleep(0.01)
    assert not heads.flow(1000)
