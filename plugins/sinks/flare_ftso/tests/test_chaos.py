"""The proxy that does to JSON-RPC what networks and nodes do: each of it is done, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from chaos import Chaos, Rule
from fake_heads import HeadNode
from fake_node import FakeChain, FakeNode
from sending import KEY
from sending_node import Foreign, Pool, SendingNode
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chrono_flare_ftso.chain.fees import GWEI
from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import sign

pytestmark = pytest.mark.anyio

START = 1_795_000_000
ADDRESS, TOPIC = bytes([7] * 20), bytes([9] * 32)


@pytest.fixture
def anyio_backend():
    return "asyncio"


def made(length: int = 30) -> FakeChain:
    chain = FakeChain(14)
    for at in range(length):
        chain.mine(START + at, logs=[(ADDRESS, [TOPIC], bytes([at]))])
    return chain


class Asking:
    """A client that knows nothing of faults."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def raw(self, *calls: tuple[Any, ...]) -> httpx.Response:
        body = [{"jsonrpc": "2.0", "id": at, "method": call[0], "params": call[1:]} for at, call in enumerate(calls)]
        return await self._client.post(self._url, json=body if len(body) > 1 else body[0])

    async def __call__(self, method: str, *params: Any) -> Any:
        return (await self.raw((method, *params))).json()["result"]


@asynccontextmanager
async def proxied(
    chain: FakeChain | None = None, kind: type[FakeNode] = FakeNode, **options: Any
) -> AsyncIterator[tuple[Chaos, Asking, Any]]:
    chain = chain or made()
    async with kind(chain) as node, Chaos(node.url, **options) as chaos, httpx.AsyncClient(trust_env=False) as client:
        yield chaos, Asking(client, chaos.url), node


BLOCK = ("eth_getBlockByNumber", "latest", False)
LOGS = (
    "eth_getLogs",
    {"address": ["0x" + "07" * 20], "topics": [["0x" + "09" * 32]], "fromBlock": "0x1", "toBlock": "0x1c"},
)


async def test_without_rules_answers_are_the_nodes_own_and_calls_are_written_down():
    async with proxied() as (chaos, ask, node):
        async with httpx.AsyncClient(trust_env=False) as client:
            direct = Asking(client, node.url)
            for calls in ([BLOCK], [LOGS], [("eth_chainId",), BLOCK], [("eth_chainId",)]):
                assert (await ask.raw(*calls)).content == (await direct.raw(*calls)).content
        assert [call.method for call in chaos.calls] == [
            "eth_getBlockByNumber",
            "eth_getLogs",
            "eth_chainId",
            "eth_getBlockByNumber",
            "eth_chainId",
        ]
        assert chaos.count("eth_chainId") == 2
        assert not chaos.done()


async def test_a_rule_is_for_its_methods_so_many_times_after_so_many():
    async with proxied() as (chaos, ask, _):
        rule = chaos.do("null", "eth_get*", times=2, skip=1)
        assert await ask(*BLOCK)
        assert await ask("eth_blockNumber")
        assert [await ask(*BLOCK), await ask(*LOGS)] == [None, None]
        assert await ask(*BLOCK)
        assert rule.applied == 2
        assert chaos.done() == {"null": 2}


async def test_what_is_left_to_chance_is_the_same_with_the_same_seed():
    async def drawn(seed: int) -> list[bool]:
        async with proxied(rules=[Rule("null", probability=0.5)], seed=seed) as (_, ask, _):
            return [await ask("eth_chainId") is None for _ in range(40)]

    first = await drawn(3)
    assert 8 < sum(first) < 32
    assert await drawn(3) == first
    assert await drawn(4) != first


@pytest.mark.parametrize("kind", ["delay", "late"])
async def test_a_slow_answer_is_asked_of_the_node_after_or_before_the_wait(kind):
    async with proxied() as (chaos, ask, node):
        chaos.do(kind, seconds=0.3)
        asking = asyncio.create_task(ask("eth_blockNumber"))
        await asyncio.sleep(0.1)
        assert node.calls["eth_blockNumber"] == (kind == "late")
        assert not asking.done()
        assert await asking == "0x1d"


@pytest.mark.parametrize("kind", ["drop", "lose"])
async def test_a_transaction_is_taken_before_the_connection_is_cut_or_not_at_all(kind):
    pool = Pool()
    async with proxied(pool, SendingNode) as (chaos, ask, node):
        chaos.do(kind, "eth_sendRawTransaction", times=1)
        transaction = Transaction(14, 0, GWEI, 100 * GWEI, 100_000, bytes(20), b"a")
        raw = transaction.signed(sign(keccak256(transaction.preimage()), KEY))
        with pytest.raises(httpx.RemoteProtocolError):
            await ask("eth_sendRawTransaction", "0x" + raw.hex())
        assert len(node.given) == len(pool.waiting) == (kind == "lose")
        assert await ask("eth_blockNumber") == "0x0"


@pytest.mark.parametrize("after", [False, True])
async def test_answers_of_its_own_come_before_the_node_is_asked_or_after(after):
    async with proxied() as (chaos, ask, node):
        chaos.do("status", times=1, status=429, retry_after="7", after=after)
        response = await ask.raw(BLOCK)
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        chaos.do("error", times=1, code=-32005, message="too much", after=after)
        assert (await ask.raw(BLOCK)).json()["error"] == {"code": -32005, "message": "too much"}
        chaos.do("html", times=1, after=after)
        assert (await ask.raw(BLOCK)).text.startswith("<html>")
        assert node.calls["eth_getBlockByNumber"] == (3 if after else 0)


async def test_half_an_answer_is_no_json():
    async with proxied() as (chaos, ask, _):
        chaos.do("truncate")
        with pytest.raises(json.JSONDecodeError):
            await ask(*BLOCK)


async def test_a_stale_node_has_nothing_of_the_last_blocks():
    async with proxied() as (chaos, ask, _):
        rule = chaos.do("stale", blocks=4)
        assert await ask("eth_blockNumber") == "0x19"
        assert (await ask(*BLOCK))["number"] == "0x19"
        assert await ask("eth_getBlockByNumber", "0x1a", False) is None
        assert (await ask("eth_getBlockByNumber", "0x19", False))["number"] == "0x19"
        assert [int(log["blockNumber"], 16) for log in await ask(*LOGS)] == list(range(1, 26))
        chaos.rules.remove(rule)
        assert len(await ask(*LOGS)) == 28


async def test_a_stale_node_knows_of_no_transaction_in_the_last_blocks():
    pool = Pool()
    async with proxied(pool, SendingNode) as (chaos, ask, _):
        sent = Foreign(KEY, pool)
        raw = sent.send(0, b"a")
        pool.produce()
        sender = "0x" + pool.mined()[0].sender.hex()
        for blocks in (1, 0):
            chaos.rules = [Rule("stale", blocks=blocks)]
            assert (await ask("eth_getTransactionReceipt", "0x" + raw.hex()) is None) == bool(blocks)
            found = await ask("eth_getTransactionByHash", "0x" + raw.hex())
            assert (found["blockNumber"] is None) == bool(blocks)
            assert found["from"] == sender


async def test_another_chain_and_removed_logs_are_made_up():
    async with proxied() as (chaos, ask, _):
        chaos.do("wrong_chain", chain_id=19)
        chaos.do("removed")
        assert await ask("eth_chainId") == "0x13"
        logs = await ask(*LOGS)
        assert [log.get("removed", False) for log in logs] == [True, False, True] * 28
        assert len({log["data"] for log in logs[:3]}) == 2


async def test_rules_are_for_single_calls_of_what_is_sent_together():
    async with proxied() as (chaos, ask, _):
        chaos.do("null", "eth_blockNumber")
        told = (await ask.raw(("eth_chainId",), ("eth_blockNumber",))).json()
        assert [each["result"] for each in told] == ["0xe", None]


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="expected one of delay, late, .* was 'dropp'"):
        Rule("dropp")


# WebSocket


@asynccontextmanager
async def subscribed(*rules: Rule) -> AsyncIterator[tuple[Chaos, HeadNode, Any]]:
    chain = made()
    async with (
        FakeNode(chain) as node,
        HeadNode(chain) as heads,
        Chaos(node.url, heads.url, rules) as chaos,
        connect(chaos.ws, proxy=None) as socket,
    ):
        await socket.send('{"id": 1, "method": "eth_subscribe", "params": ["newHeads"]}')
        async with asyncio.timeout(5):
            assert json.loads(await socket.recv())["result"] == "0x1"
        yield chaos, heads, socket


async def numbers(socket: Any, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        said = [await socket.recv() for _ in range(count)]
    return [_number(each) for each in said]


def _number(said: str) -> Any:
    try:
        result = json.loads(said)["params"]["result"]
    except json.JSONDecodeError:
        return said[:6]
    return None if result is None else int(result["number"], 16)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule("delay"), [30, 31, 32, 33]),
        (Rule("silence", "newHeads", skip=1, times=2), [30, 33]),
        (Rule("double", "newHeads", times=1), [30, 30, 31, 32, 33]),
        (Rule("null", "newHeads", skip=1, times=1), [30, None, 32, 33]),
        (Rule("html", "newHeads", skip=1, times=1), [30, "<html>", 32, 33]),
        (Rule("stale", "newHeads", skip=2, times=1, blocks=2), [30, 31, 30, 33]),
        (Rule("removed", "newHeads"), [30, 31, 32, 33]),
    ],
)
async def test_what_is_announced_is_altered(rule, told):
    async with subscribed() as (chaos, heads, socket):
        chaos.rules = [rule]
        for at in range(4):
            heads.chain.mine(START + 30 + at)
        assert await numbers(socket, len(told)) == told
        assert [call.method for call in chaos.calls if call.over == "ws"] == [
            "connect",
            "eth_subscribe",
            *["newHeads"] * 4,
        ]


async def test_a_subscription_is_cut_in_the_middle():
    async with subscribed(Rule("cut", "newHeads", skip=1)) as (_, heads, socket):
        heads.chain.mine(START + 30)
        assert await numbers(socket, 1) == [30]
        heads.chain.mine(START + 31)
        with pytest.raises(ConnectionClosed):
            await numbers(socket, 1)


async def test_calls_over_websocket_are_altered_as_over_http():
    async with subscribed() as (chaos, _, socket):
        chaos.rules = [
            Rule("wrong_chain", "eth_chainId", times=1, chain_id=19),
            Rule("error", "eth_subscribe", code=-32601, message="no such method"),
        ]

        async def ask(method: str) -> Any:
            await socket.send(json.dumps({"id": 7, "method": method, "params": ["newHeads"]}))
            async with asyncio.timeout(5):
                return json.loads(await socket.recv())

        assert (await ask("eth_chainId"))["result"] == "0x13"
        assert (await ask("eth_chainId"))["result"] == "0xe"
        assert (await ask("eth_subscribe"))["error"]["code"] == -32601
        chaos.rules = [Rule("lose", "eth_chainId")]
        with pytest.raises(ConnectionClosed):
            await ask("eth_chainId")


async def test_a_handshake_is_refused_or_cut():
    chain = made()
    async with FakeNode(chain) as node, HeadNode(chain) as heads, Chaos(node.url, heads.url) as chaos:
        chaos.do("status", "connect", times=1, status=429, retry_after="3")
        with pytest.raises(InvalidStatus) as refused:
            await connect(chaos.ws, proxy=None)
        assert (refused.value.response.status_code, refused.value.response.headers["Retry-After"]) == (429, "3")
        chaos.do("drop", "connect", times=1)
        with pytest.raises(Exception, match="did not receive a valid HTTP response"):
            await connect(chaos.ws, proxy=None)
        async with connect(chaos.ws, proxy=None) as socket:
            await socket.send('{"id": 1, "method": "eth_chainId"}')
            assert "0xe" in await socket.recv()
            assert heads.opened == 1


async def test_removed_logs_are_announced_beside_those_that_stand():
    async with subscribed() as (chaos, heads, socket):
        chaos.rules = [Rule("removed")]
        log = {"address": "0x", "data": "0x07", "topics": [], "blockNumber": "0x1"}
        await heads.say(log)
        async with asyncio.timeout(5):
            said = [json.loads(await socket.recv())["params"]["result"] for _ in range(2)]
        assert [each.get("removed", False) for each in said] == [True, False]
        assert said[1] == log
