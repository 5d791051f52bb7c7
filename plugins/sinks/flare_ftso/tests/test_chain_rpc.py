"""Nodes that are asked by JSON-RPC: what each fault does, what is split, what is never shown."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from fake_epochs import SECOND, FakeClock
from fake_node import FakeChain, FakeNode, Sent, cut, failure, fault
from hypothesis import given, settings
from hypothesis import strategies as st

from chrono import PermanentError, RateLimited, TransientError
from chrono_flare_ftso.chain.blocks import first_block_at
from chrono_flare_ftso.chain.endpoint import LARGEST_ANSWER, Refused, Request, Reverted, endpoints
from chrono_flare_ftso.chain.refusals import Rejected
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata

pytestmark = pytest.mark.anyio

TO = bytes([7]) * 20
EMITTER, TOPIC = bytes([8]) * 20, bytes([9]) * 32
KEY = "s3cr3t-key-of-ours"


@pytest.fixture
def anyio_backend():
    return "asyncio"


def chain_of(blocks: int = 50, every: int = 2, *, logs: Sequence[int] = ()) -> FakeChain:
    chain = FakeChain(14)
    for number in range(blocks):
        chain.mine(1000 + every * number, logs=[(EMITTER, [TOPIC], b"%d" % number)] if number in logs else ())
    return chain


class Nodes:
    """Fake nodes, and what asks them."""

    def __init__(self, node: Node, fakes: Sequence[FakeNode], clock: FakeClock, told: list[tuple[str, str]]) -> None:
        self.node, self.fakes, self.clock, self.told = node, fakes, clock, told


@asynccontextmanager
async def asked(*chains: FakeChain, path: str = "/", **options: object) -> AsyncIterator[Nodes]:
    fakes = [FakeNode(chain, path) for chain in chains]
    told: list[tuple[str, str]] = []
    clock = FakeClock(2000)
    for each in fakes:
        await each.__aenter__()
    try:
        async with Node(
            [each.url for each in fakes], clock, **{"chain_id": 14, "tell": lambda *two: told.append(two), **options}
        ) as node:
            yield Nodes(node, fakes, clock, told)
    finally:
        for each in fakes:
            await each.__aexit__()


async def test_blocks_are_read_with_what_was_sent_to_one_address():
    chain = chain_of(3)
    commit = calldata(Call.SUBMIT1, PayloadMessage(100, 7, bytes(32)))
    other = calldata(Call.SUBMIT3, PayloadMessage(100, 7, b""))
    sent = [
        Sent(EMITTER, None, b""),
        Sent(EMITTER, TO, commit),
        Sent(EMITTER, TO, other),
        Sent(EMITTER, EMITTER, commit),
    ]
    chain.mine(1006, sent)
    async with asked(chain) as nodes:
        block = await nodes.node.block(3, to=TO)
        assert (block.number, block.timestamp, block.parent) == (3, 1006, chain.blocks[2].hash)
        assert [(each.sender, each.transaction_index, each.calldata) for each in block.transactions] == [
            (EMITTER, 1, commit)
        ]
        assert (await nodes.node.block(3)).transactions == ()
        assert [each.number for each in await nodes.node.blocks(range(4))] == [0, 1, 2, 3]
        assert (await nodes.node.chain_id(), await nodes.node.block_number()) == (14, 3)
        assert (await nodes.node.head()).hash == chain.blocks[3].hash


async def test_a_call_answers_bytes_and_one_that_reverts_says_so():
    chain = chain_of(1)
    chain.values[b"abcd"] = 7
    async with asked(chain) as nodes:
        assert await nodes.node.call(TO, b"abcd") == (7).to_bytes(32, "big")
        with pytest.raises(Reverted, match="execution reverted: no"):
            await nodes.node.call(TO, b"revert")
        assert nodes.node.endpoints[0].faults == 0


FAULTS = {
    "500": fault(500, b"oops"),
    "503 with an error": fault(503, b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}'),
    "429": fault(429, b"", retry_after="30"),
    "403": fault(403, b"{}"),
    "404": fault(404, b"not here"),
    "redirect": fault(302, b"", location="http://127.0.0.1:1/"),
    "html": fault(200, b"<html>hello</html>", content_type="text/html"),
    "empty": fault(200, b""),
    "half": fault(200, b'{"jsonrpc":"2.0","id":1,"res'),
    "no utf-8": fault(200, b'{"jsonrpc":"2.0","id":1,"result":"\xff"}'),
    "another id": fault(200, b'{"jsonrpc":"2.0","id":77,"result":"0x1"}'),
    "no result": fault(200, b'{"jsonrpc":"2.0","id":1}'),
    "null": fault(200, b'{"jsonrpc":"2.0","id":1,"result":null}'),
    "a number": fault(200, b'{"jsonrpc":"2.0","id":1,"result":5}'),
    "no number": fault(200, b'{"jsonrpc":"2.0","id":1,"result":"0xzz"}'),
    "a list": fault(200, b"[]"),
    "internal error": failure(-32603, "internal error"),
    "no such method": failure(-32601, "the method eth_blockNumber does not exist"),
    "its own limit": failure(-32005, "limit exceeded"),
    "rate in words": failure(-32000, "Too Many Requests for this plan"),
    "cut": cut,
}


@pytest.mark.parametrize("name", FAULTS)
async def test_what_one_node_cannot_answer_the_next_one_does(name):
    async with asked(chain_of(6), chain_of(9)) as nodes:
        await nodes.node.block_number()
        nodes.fakes[0].faults = [FAULTS[name]]
        assert await nodes.node.block_number() == 8
        assert [code for code, _ in nodes.told] == ["endpoint"]
        assert nodes.told[0][1].startswith("127.0.0.1:")
        assert await nodes.node.block_number() == 8
        nodes.clock.time += 61 * SECOND
        await nodes.node.head()
        assert await nodes.node.block_number() == 5


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_of_the_only_node_is_transient(name):
    async with asked(chain_of(5)) as nodes:
        await nodes.node.block_number()
        nodes.fakes[0].faults = [FAULTS[name]]
        with pytest.raises(TransientError, match=r"^127\.0\.0\.1:\d+"):
            await nodes.node.block_number()
        if name not in {"429", "403", "its own limit", "rate in words"}:
            # there is no other: it is asked although it rests
            assert await nodes.node.block_number() == 4


async def test_retry_after_is_kept_to_even_where_there_is_no_other_node():
    async with asked(chain_of(5)) as nodes:
        nodes.fakes[0].faults = [fault(429, b"", retry_after="30")]
        with pytest.raises(TransientError, match="too many requests"):
            await nodes.node.block_number()
        posts = nodes.fakes[0].posts
        with pytest.raises(RateLimited) as limited:
            await nodes.node.block_number()
        assert limited.value.retry_after == pytest.approx(30)
        assert nodes.fakes[0].posts == posts
        nodes.clock.time += 30 * SECOND
        assert await nodes.node.block_number() == 4


@pytest.mark.parametrize(
    ("asks", "seconds"),
    [("120", 120), ("Thu, 01 Jan 1970 00:35:00 GMT", 100), ("-1", 1), ("1e9", 3600)],
)
async def test_retry_after_is_seconds_or_a_date_within_bounds(asks, seconds):
    async with asked(chain_of(5)) as nodes:
        nodes.fakes[0].faults = [fault(429, b"", retry_after=asks)]
        with pytest.raises(TransientError):
            await nodes.node.block_number()
        with pytest.raises(RateLimited) as limited:
            await nodes.node.block_number()
        assert limited.value.retry_after == pytest.approx(seconds)


@pytest.mark.parametrize("headers", [{}, {"retry_after": "nonsense"}, {"retry_after": "nan"}])
async def test_who_does_not_say_how_long_to_leave_it_alone_is_asked_where_nobody_else_is_left(headers):
    async with asked(chain_of(9), chain_of(9)) as nodes:
        first, second = nodes.fakes
        await nodes.node.head()
        first.faults = [fault(429, b"", **headers)]
        await nodes.node.block_number()
        posts = first.posts
        await nodes.node.block_number()
        assert first.posts == posts
        assert nodes.node.urged
        second.always = fault(429, b"", **headers)
        assert await nodes.node.block_number() == 8
        assert first.posts > posts


async def test_a_node_that_answers_too_slowly_is_passed_over():
    async with asked(chain_of(5), chain_of(9), timeout=0.05) as nodes:
        nodes.fakes[0].silent = True
        assert await nodes.node.block_number() == 8
        assert "no answer in time" in nodes.told[0][1]


async def test_a_head_that_takes_too_long_is_asked_of_another(monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.chain.choosing._TIMEOUT_OF_HEAD", 0.05)
    async with asked(chain_of(5), chain_of(9)) as nodes:
        await nodes.node.block_number()
        nodes.fakes[0].silent = True
        assert (await nodes.node.head()).number == 8


async def test_a_node_that_failed_is_asked_after_the_others_until_it_has_answered():
    """One that hangs would cost its timeout each time it is asked: when its rest is over it is not the first."""
    chain = chain_of(9)
    async with asked(chain, chain) as nodes:
        first = nodes.fakes[0]
        await nodes.node.head()
        first.always = fault(500)
        await nodes.node.block_number()
        posts = first.posts
        nodes.clock.time += 10 * SECOND
        for _ in range(5):
            await nodes.node.block_number()
        assert first.posts == posts
        first.always = None
        nodes.clock.time += 31 * SECOND
        await nodes.node.head()
        posts = first.posts
        await nodes.node.block_number()
        assert first.posts == posts + 1


async def test_the_others_are_not_waited_for_by_who_wants_a_head(monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.chain.choosing._PATIENCE", 0.01)
    chain = chain_of(9)
    async with asked(chain, chain, timeout=30.0) as nodes:
        await nodes.node.head()
        nodes.fakes[1].silent = True
        nodes.clock.time += 31 * SECOND
        async with asyncio.timeout(1):
            assert (await nodes.node.head()).number == 8


async def test_a_transaction_does_not_wait_for_a_node_that_hangs(monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.chain.choosing._URGENT", 0.05)
    chain = chain_of(5)
    async with asked(chain, chain, timeout=30.0) as nodes:
        await nodes.node.head()
        nodes.fakes[0].silent = True
        nodes.fakes[1].faults = [failure(-32000, "nonce too low")]
        async with asyncio.timeout(1):
            with pytest.raises(Rejected):
                await nodes.node.send_raw(b"\x02")


async def test_a_node_that_is_not_there_is_passed_over():
    async with asked(chain_of(5)) as nodes:
        urls = ["http://127.0.0.1:9/" + KEY, nodes.fakes[0].url]
        async with Node(urls, nodes.clock, tell=lambda *two: nodes.told.append(two)) as node:
            assert await node.block_number() == 4
        assert "127.0.0.1:9: not reached (ConnectError)" in nodes.told[0][1]


async def test_a_node_of_another_chain_is_never_asked_again():
    async with asked(chain_of(5), chain_of(9)) as nodes:
        nodes.fakes[0].chain_id = 19
        assert await nodes.node.block_number() == 8
        assert nodes.told[0][0] == "wrong_chain"
        assert "expected chain 14, was 19" in nodes.told[0][1]
        posts = nodes.fakes[0].posts
        nodes.clock.time += 10_000 * SECOND
        assert await nodes.node.block_number() == 8
        assert nodes.fakes[0].posts == posts
        nodes.fakes[1].chain_id = 19
        nodes.fakes[1].faults = [fault(500)]
        with pytest.raises(TransientError):
            await nodes.node.block_number()
        # after a failure it may be another: it is asked again which chain it is of
        with pytest.raises(PermanentError, match="expected chain 14, was another"):
            await nodes.node.block_number()


async def test_the_first_chain_counts_where_none_is_named():
    async with asked(chain_of(5), chain_of(9), chain_id=None) as nodes:
        nodes.fakes[1].chain_id = 16
        assert await nodes.node.chain_id() == 14
        nodes.fakes[0].always = fault(500)
        with pytest.raises(TransientError, match="expected chain 14, was 16"):
            await nodes.node.block_number()


@pytest.mark.parametrize("stands", [True, False])
async def test_a_node_that_lags_behind_is_passed_over_until_it_has_caught_up(stands):
    """One whose head stands still is found out after five seconds, one that follows at a distance after thirty."""
    chain = chain_of(50)
    async with asked(chain, chain) as nodes:
        slow = nodes.fakes[0]
        assert (await nodes.node.head()).number == 49
        chain.until(1200, 2)
        slow.lag = 51 if stands else 10
        assert (await nodes.node.head()).number == (49 if stands else 90)
        assert nodes.told == []
        nodes.clock.time += (6 if stands else 31) * SECOND
        assert (await nodes.node.head()).number == 100
        assert [code for code, _ in nodes.told] == ["stale"]
        assert f"its head is block {49 if stands else 90}, another's is 100" in nodes.told[0][1]
        slow.lag = 0
        nodes.clock.time += 31 * SECOND
        await nodes.node.head()
        nodes.fakes[1].always = fault(500)
        assert (await nodes.node.head()).number == 100
        assert not nodes.node.endpoints[0].stale


async def test_a_node_whose_head_goes_back_is_passed_over():
    chain = chain_of(50)
    async with asked(chain, chain) as nodes:
        assert (await nodes.node.head()).number == 49
        nodes.fakes[0].lag = 2
        assert (await nodes.node.head()).number == 47
        assert nodes.told == []
        nodes.fakes[0].lag = 9
        await nodes.node.head()
        assert "went back from block 47 to 40" in nodes.told[0][1]
        assert (await nodes.node.head()).number == 49


async def test_a_block_that_is_not_there_yet_is_missing_and_the_node_no_worse():
    async with asked(chain_of(5)) as nodes:
        for unfinalized in (False, True):
            nodes.fakes[0].unfinalized = unfinalized
            with pytest.raises(TransientError, match="block 5 is not there"):
                await nodes.node.block(5)
        assert nodes.told == []


# Logs


@pytest.mark.parametrize("span", [None, 1, 7, 30])
@pytest.mark.parametrize("batch", [None, 1, 3])
async def test_logs_of_a_long_range_are_all_there_whatever_a_node_refuses(span, batch):
    there = [0, 1, 6, 7, 29, 30, 31]
    async with asked(chain_of(32, logs=there)) as nodes:
        nodes.fakes[0].span, nodes.fakes[0].batch = span, batch
        logs = await nodes.node.logs(0, 31, [EMITTER], [TOPIC])
        assert [log.block for log in logs] == there
        assert [log.data for log in logs] == [b"%d" % number for number in there]
        assert await nodes.node.logs(0, 31, [TO], [TOPIC]) == []
        assert [log.block for log in await nodes.node.logs(7, 30, [EMITTER], [TOPIC])] == [7, 29, 30]


async def test_a_limit_that_shrinks_is_kept_to_and_batches_stay_long():
    async with asked(chain_of(2000, logs=[5, 1999])) as nodes:
        nodes.fakes[0].span = 30
        await nodes.node.logs(0, 1999, [EMITTER], [TOPIC])
        nodes.fakes[0].span = 20
        assert len(await nodes.node.logs(0, 1999, [EMITTER], [TOPIC])) == 2
        assert nodes.node.reach == 20 * 20 * 4


async def test_the_limit_is_taken_from_the_refusal_and_kept():
    async with asked(chain_of(2000)) as nodes:
        nodes.fakes[0].span = 30
        await nodes.node.logs(0, 1999, [EMITTER], [TOPIC])
        # one that is refused, then exactly as many as are needed
        assert nodes.fakes[0].calls["eth_getLogs"] == 1 + -(-2000 // 30)
        assert nodes.fakes[0].posts < 10
        await nodes.node.logs(0, 29, [EMITTER], [TOPIC])
        assert nodes.fakes[0].calls["eth_getLogs"] == 2 + -(-2000 // 30)
        assert nodes.node.reach == 30 * 20 * 4


async def test_long_ranges_are_read_gently_once_a_node_asked_to_be_left_alone():
    async with asked(chain_of(9000, logs=[8999])) as nodes:
        nodes.fakes[0].span = 30
        await nodes.node.logs(0, 29, [EMITTER], [TOPIC])
        assert nodes.clock.slept == []
        nodes.fakes[0].faults = [fault(429, b"", retry_after="3")]
        with pytest.raises(TransientError):
            await nodes.node.logs(0, 8999, [EMITTER], [TOPIC])
        nodes.clock.time += 4 * SECOND
        assert len(await nodes.node.logs(0, 8999, [EMITTER], [TOPIC])) == 1
        # 300 ranges, 20 together
        assert nodes.clock.slept == [1.0] * 14


async def test_a_transaction_is_urgent_where_every_node_asked_to_be_left_alone():
    """A round that is missed costs more than a request that is refused."""
    async with asked(chain_of(), chain_of()) as nodes:
        for fake in nodes.fakes:
            fake.faults = [fault(429, b"", retry_after="30")]
        with pytest.raises(TransientError):
            await nodes.node.block_number()
        with pytest.raises(RateLimited):
            await nodes.node.block_number()
        before = [fake.posts for fake in nodes.fakes]
        for fake in nodes.fakes:
            fake.faults = [fault(503, b"")]
        with pytest.raises(TransientError) as refused:
            await nodes.node.send_raw(b"\x02")
        assert not isinstance(refused.value, RateLimited)
        assert [fake.posts for fake in nodes.fakes] == [posts + 1 for posts in before]


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("requested too many blocks from 133216808 to 133217807, maximum is set to 30", 30),
        ("range 1000000 exceeds limit of 10000", 10_000),
        ("You can make eth_getLogs requests with up to a 2K block range", 2000),
        ("eth_getLogs is limited to a 10,000 blocks range", 10_000),
        ("maximum [from, to] blocks distance: 2000", 2000),
        ("exceed maximum block range: 5000", 5000),
        ("query returned more than 10000 results", None),
        ("query exceeds max results 20000, retry with the range 25766988-25775072", None),
        ("block range is too wide", None),
    ],
)
async def test_words_of_refusal_are_understood(message, limit):
    answers = httpx.MockTransport(lambda _: httpx.Response(200, content=failure(-32000, message)()[2]))
    (endpoint,) = endpoints(["http://node.example/"])
    async with httpx.AsyncClient(transport=answers) as client:
        with pytest.raises(Refused) as refused:
            await endpoint.ask(client, [Request("eth_getLogs", ({},))], 0)
    assert refused.value.limit == limit


async def test_logs_of_a_node_that_lags_are_asked_of_another():
    chain = chain_of(50, logs=[45])
    async with asked(chain, chain) as nodes:
        nodes.fakes[0].lag = 10
        assert [log.block for log in await nodes.node.logs(30, 49, [EMITTER], [TOPIC])] == [45]
        nodes.fakes[1].lag = 10
        with pytest.raises(TransientError, match="expected logs up to block 49, was at block 39"):
            await nodes.node.logs(30, 49, [EMITTER], [TOPIC])


async def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.chain.endpoint.LARGEST_ANSWER", 1000)
    assert LARGEST_ANSWER == 64 * 2**20
    async with asked(chain_of(50)) as nodes:
        # heads of blocks are read in ever smaller batches until they fit
        assert len(await nodes.node.blocks(range(50))) == 50
        nodes.fakes[0].faults = [fault(200, b" " * 5000)]
        with pytest.raises(Refused, match="longer than 1000 bytes"):
            await nodes.node.block(1)


async def test_a_range_whose_logs_are_too_long_is_divided(monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.chain.endpoint.LARGEST_ANSWER", 2000)
    async with asked(chain_of(50, logs=range(50))) as nodes:
        assert [log.block for log in await nodes.node.logs(0, 49, [EMITTER], [TOPIC])] == [*range(50)]


# Secrets


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:9/v2/{KEY}",
        f"http://127.0.0.1:9/ext/C/rpc?x-apikey={KEY}",
        f"http://user:{KEY}@127.0.0.1:9/",
        f"http://{KEY}:pass@127.0.0.1:9/",
    ],
)
async def test_a_key_in_an_address_is_never_shown(url, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    told: list[tuple[str, str]] = []
    async with Node([url], FakeClock(0), tell=lambda *two: told.append(two)) as node:
        with pytest.raises(TransientError) as error:
            await node.chain_id()
    assert "127.0.0.1:9: not reached" in str(error.value)
    said = "".join((repr(node), repr(node.endpoints), str(vars(error.value)), str(error.value), *map(str, told)))
    assert KEY not in said + repr(error.value) + caplog.text
    assert error.value.__cause__ is None


async def test_a_key_that_a_node_repeats_is_never_shown():
    async with asked(chain_of(5), path=f"/v2/{KEY}") as nodes:
        nodes.fakes[0].always = failure(-32603, f"key {KEY} is\nnot known for /v2/{KEY} " + "x" * 500)
        with pytest.raises(TransientError) as error:
            await nodes.node.chain_id()
        assert KEY not in str(error.value) + str(nodes.told)
        assert "key *** is not known" in str(error.value)
        assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    "url", ["", "node.example", "ftp://node.example/", "http://", f"https//{KEY}", f"ws://n/{KEY}"]
)
def test_what_is_no_address_is_refused_without_being_shown(url):
    with pytest.raises(PermanentError, match="address 2 of a node: expected http://host/path") as error:
        Node(["http://node.example/", url], FakeClock(0))
    assert KEY not in str(error.value)


def test_without_an_address_there_is_no_node():
    with pytest.raises(PermanentError, match="expected the address of a node, was none"):
        Node([], FakeClock(0))


def test_two_addresses_of_one_host_are_told_apart():
    names = [each.name for each in endpoints([f"http://n/{at}" for at in range(3)])]
    assert names == ["n", "n (2)", "n (3)"]


# Where a second is


class Headers:
    """Heads of blocks that cost nothing but are counted."""

    def __init__(self, timestamps: Sequence[int]) -> None:
        self.timestamps = timestamps
        self.asked = 0

    async def block(self, number, *, to=None):
        from chrono_flare_ftso.chain.answers import Block

        self.asked += 1
        return Block(number, bytes(32), bytes(32), self.timestamps[number])

    async def blocks(self, numbers, *, to=None):
        return [await self.block(number, to=to) for number in numbers]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=200), st.integers(-10, 3000))
async def test_the_first_block_of_a_second_is_found_on_any_chain(gaps, second):
    """Several blocks may share a second, and none may have it."""
    stamps = [sum(gaps[: at + 1]) for at in range(len(gaps))]
    headers = Headers(stamps)
    head = await headers.block(len(stamps) - 1)
    found = await first_block_at(headers, second, head)
    assert found == next((at for at, stamp in enumerate(stamps) if stamp >= second), len(stamps))
    assert headers.asked < 30


async def test_on_a_steady_chain_it_takes_a_few_requests():
    headers = Headers([1_700_000_000 + 18 * at // 10 for at in range(400_000)])
    head = await headers.block(399_999)
    for back in (100, 1_980, 302_400, 500_000):
        headers.asked = 0
        second = head.timestamp - back
        found = await first_block_at(headers, second, head)
        assert headers.timestamps[found - 1] < second <= headers.timestamps[found]
        assert headers.asked <= 8


def test_a_log_is_read_as_it_is_written():
    from chrono_flare_ftso.chain.answers import Log

    log = Log(EMITTER, (TOPIC,), b"\0\1", 5, 6)
    assert msgspec.json.decode(msgspec.json.encode(log), type=Log) == log
