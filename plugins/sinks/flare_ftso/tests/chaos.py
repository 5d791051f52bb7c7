"""A proxy before a node that does to JSON-RPC what networks and nodes do, over HTTP and over WebSocket.

What it does is said by rules, each for a method, so many times, with a probability. Usable by tests and by benchmarks;
needs no pytest.

=========== ================================================================================================
`delay`     waits before it asks the node
`late`      asks the node, and waits before it answers
`drop`      asks nothing, and cuts the connection
`lose`      asks the node, and cuts the connection: what was sent is taken
`status`    answers a status, with Retry-After where it is given
`error`     answers an error of JSON-RPC
`html`      answers a page
`truncate`  answers half of the answer
`null`      asks the node, and answers null
`stale`     answers as a node that is some blocks behind
`wrong_chain` answers another chain's number
`removed`   adds logs of blocks that were replaced, marked as removed
`cut`       cuts a WebSocket connection
`silence`   swallows what is announced
`double`    announces it twice
=========== ================================================================================================

`status`, `error` and `html` are answered after the node was asked where a rule says `after`. Over WebSocket the method
of what is announced is that of its subscription, such as newHeads or logs; a handshake's is connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, get_args

import httpx
from chaos_answers import Stale, altered

Kind = Literal[
    "delay",
    "late",
    "drop",
    "lose",
    "status",
    "error",
    "html",
    "truncate",
    "null",
    "stale",
    "wrong_chain",
    "removed",
    "cut",
    "silence",
    "double",
]

PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Rule:
    """What is done to whom.

    Attributes
    ----------
    kind : Kind
        What.
    method : str
        To which calls; `*` stands for anything, as in `eth_get*`.
    times : int or None
        How often; without an end for None.
    skip : int
        How many are let through before.
    probability : float
        Of each.
    seconds : float
        How long a delay is.
    status, retry_after : int, str
        What `status` answers.
    code, message : int, str
        What `error` answers.
    blocks : int
        How far behind `stale` is.
    chain_id : int
        What `wrong_chain` answers.
    after : bool
        Whether the node is asked before an answer of the proxy's own.
    applied : int
        How often it was done.
    """

    kind: Kind
    method: str = "*"
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seconds: float = 0.03
    status: int = 503
    retry_after: str = ""
    code: int = -32603
    message: str = "internal error"
    blocks: int = 5
    chain_id: int = 1
    after: bool = False
    applied: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"expected one of {', '.join(get_args(Kind))}, was {self.kind!r}")

    def hits(self, method: str, chance: random.Random) -> bool:
        """Return whether it is done to a call, and count it."""
        if not fnmatchcase(method, self.method) or (self.times is not None and self.applied >= self.times):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if chance.random() >= self.probability:
            return False
        self.applied += 1
        return True


class Call(NamedTuple):
    """A call that came, and what was done to it."""

    method: str
    params: Sequence[Any]
    over: Literal["http", "ws"]
    done: tuple[Kind, ...]


class Cut(Exception):
    """The connection is to be cut."""


Answer = tuple[int, dict[str, str], bytes]


class Chaos:
    """A proxy on free ports of the loopback.

    Parameters
    ----------
    node : str
        The address of a node, http://.
    ws : str
        Its address for subscriptions, ws://; without one there is no such proxy.
    rules : sequence of Rule
        To begin with.
    seed : int
        Of what is left to chance.

    Attributes
    ----------
    rules : list of Rule
        May be changed at any time.
    calls : list of Call
        All that came.

    Examples
    --------
    A transaction is taken, and nobody hears of it: `Rule("lose", "eth_sendRawTransaction", times=1)`.
    """

    def __init__(self, node: str, ws: str = "", rules: Sequence[Rule] = (), seed: int = 1) -> None:
        self.rules = list(rules)
        self.calls: list[Call] = []
        self.chance = random.Random(seed)
        self._node = node
        self._upstream = ws
        self._ws: Any = None
        self._server: asyncio.Server
        self._client: httpx.AsyncClient
        self._serving: set[asyncio.Task[None]] = set()
        self._undo = AsyncExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def ws(self) -> str:
        return self._ws.url

    def do(self, kind: Kind, method: str = "*", **more: Any) -> Rule:
        """Add a rule."""
        rule = Rule(kind, method, **more)
        self.rules.append(rule)
        return rule

    def count(self, method: str) -> int:
        """Return how often a method was called."""
        return sum(call.method == method for call in self.calls)

    def done(self) -> Counter[Kind]:
        """Return how often each thing was done to calls."""
        return Counter(kind for call in self.calls for kind in call.done)

    def hitting(self, method: str) -> list[Rule]:
        """Return the rules that are done to a call."""
        return [rule for rule in self.rules if rule.hits(method, self.chance)]

    async def __aenter__(self) -> Chaos:
        async with AsyncExitStack() as undo:
            self._client = await undo.enter_async_context(httpx.AsyncClient(timeout=20, trust_env=False))
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            undo.push_async_callback(self._close)
            if self._upstream:
                from chaos_ws import Announcing

                self._ws = await undo.enter_async_context(Announcing(self, self._upstream))
            self._undo = undo.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._undo.aclose()

    async def _close(self) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    # HTTP

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = [line.lower() for line in head.split(b"\r\n")]
                size = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
                status, headers, body = await self._answered(await reader.readexactly(size))
                told = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
                told += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join(told).encode() + b"\r\n\r\n" + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, Cut):
            pass
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answered(self, body: bytes) -> Answer:
        asked = json.loads(body)
        each = asked if isinstance(asked, list) else [asked]
        hit = [self.hitting(call["method"]) for call in each]
        for call, rules in zip(each, hit, strict=True):
            done = tuple(rule.kind for rule in rules)
            self.calls.append(Call(call["method"], call.get("params", ()), "http", done))
        rules = [rule for of_call in hit for rule in of_call]
        await asyncio.sleep(max((rule.seconds for rule in rules if rule.kind == "delay"), default=0))
        if any(rule.kind == "drop" for rule in rules):
            raise Cut
        own = _own(rules, each[0]["id"])
        if own is not None and not own[0].after:
            return own[1]
        status, headers, told = await self._forwarded(asked, each, hit)
        await asyncio.sleep(max((rule.seconds for rule in rules if rule.kind == "late"), default=0))
        if any(rule.kind in {"lose", "cut"} for rule in rules):
            raise Cut
        if any(rule.kind == "truncate" for rule in rules):
            told = told[: len(told) // 2]
        return own[1] if own is not None else (status, headers, told)

    async def _forwarded(self, asked: Any, each: Sequence[dict[str, Any]], hit: Sequence[Sequence[Rule]]) -> Answer:
        """Ask the node, and alter what it answers."""
        behind = [max((rule.blocks for rule in rules if rule.kind == "stale"), default=0) for rules in hit]
        head = await self._head() if any(behind) else 0
        stales = [Stale(head - blocks) if blocks else None for blocks in behind]
        sent = [stale.asked(call) if stale else call for call, stale in zip(each, stales, strict=True)]
        response = await self._client.post(self._node, json=sent if isinstance(asked, list) else sent[0])
        headers = {"content-type": "application/json"}
        if response.status_code != 200 or not any(hit):
            return response.status_code, headers, response.content
        told = response.json()
        by_id = {answer["id"]: answer for answer in (told if isinstance(told, list) else [told])}
        for call, rules, stale in zip(each, hit, stales, strict=True):
            answer = by_id.get(call["id"])
            if answer is not None:
                alter(answer, call, rules, stale)
        return 200, headers, json.dumps(told).encode()

    async def _head(self) -> int:
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
        return int((await self._client.post(self._node, json=body)).json()["result"], 16)


def alter(answer: dict[str, Any], call: Mapping[str, Any], rules: Sequence[Rule], stale: Stale | None = None) -> None:
    """Alter the node's answer to a call, as rules say."""
    if "result" not in answer:
        return
    for rule in rules:
        if rule.kind == "null":
            answer["result"] = None
        elif rule.kind == "wrong_chain" and call["method"] == "eth_chainId":
            answer["result"] = hex(rule.chain_id)
        elif rule.kind == "removed" and call["method"] == "eth_getLogs":
            answer["result"] = [
                each for log in answer["result"] for each in (altered(log), log, altered(log, same=True))
            ]
    if stale is not None:
        answer["result"] = stale.answered(call, answer["result"])


def error_of(rule: Rule, id: Any) -> dict[str, Any]:
    """Return the error of JSON-RPC that a rule answers."""
    return {"jsonrpc": "2.0", "id": id, "error": {"code": rule.code, "message": rule.message}}


def _own(rules: Sequence[Rule], id: Any) -> tuple[Rule, Answer] | None:
    """Return an answer of the proxy's own to all that was sent together, and why."""
    for rule in rules:
        if rule.kind == "status":
            return rule, (rule.status, {"retry-after": rule.retry_after} if rule.retry_after else {}, b"")
        if rule.kind == "html":
            return rule, (200, {"content-type": "text/html"}, PAGE)
        if rule.kind == "error":
            return rule, (200, {"content-type": "application/json"}, json.dumps(error_of(rule, id)).encode())
    return None
