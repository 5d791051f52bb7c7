"""A node over real WebSocket: it announces the heads of a made-up chain, with the faults that such nodes have."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from fake_node import FakeChain, Made
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


def head_of(block: Made) -> dict[str, str]:
    """Return the head of a block as it is announced."""
    return {
        "number": hex(block.number),
        "hash": "0x" + block.hash.hex(),
        "parentHash": "0x" + block.parent.hex(),
        "timestamp": hex(block.timestamp),
        "miner": "0x" + "01" * 20,
        "logsBloom": "0x" + "00" * 256,
    }


class HeadNode:
    """A node that announces heads on a free port of the loopback.

    Attributes
    ----------
    chain_id : int
        What it says.
    mute : bool
        Whether it announces nothing of what is mined.
    refuses : tuple of int and dict, or None
        A status and headers that it answers to a handshake.
    error : tuple of int and str, or None
        What it answers to eth_subscribe.
    opened, calls : int, Counter
        Handshakes that succeeded; methods that were called.
    """

    def __init__(self, chain: FakeChain, path: str = "/") -> None:
        self.chain = chain
        self.chain_id = chain.chain_id
        self.path = path
        self.mute = False
        self.refuses: tuple[int, dict[str, str]] | None = None
        self.error: tuple[int, str] | None = None
        self.opened = self.handshakes = 0
        self.calls: Counter[str] = Counter()
        self._told = [block.hash for block in chain.blocks]
        self._subscribed: dict[str, ServerConnection] = {}
        self._server: Server
        self._following: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self.path}"

    @property
    def subscribers(self) -> int:
        return len(self._subscribed)

    async def __aenter__(self) -> HeadNode:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._greet, compression=None)
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        await self.cut()
        self._server.close()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Cut every connection, without a word."""
        for each in list(self._subscribed.values()):
            each.transport.abort()
        self._subscribed.clear()
        await asyncio.sleep(0)

    async def announce(self, *blocks: Made) -> None:
        """Announce blocks, whatever they are."""
        for block in blocks:
            await self.say(head_of(block))

    async def say(self, result: Any, method: str = "eth_subscription") -> None:
        """Announce something to every subscriber."""
        for id_ in list(self._subscribed):
            params = {"subscription": id_, "result": result}
            await self.frame(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    async def frame(self, frame: str | bytes) -> None:
        """Send a frame to every subscriber."""
        for id_, each in list(self._subscribed.items()):
            try:
                await each.send(frame)
            except ConnectionClosed:
                self._subscribed.pop(id_, None)

    async def _follow(self) -> None:
        """Announce what is mined, and the blocks of a new fork with their old heights, as nodes do."""
        while True:
            blocks, told = self.chain.blocks, self._told
            while told and (len(told) > len(blocks) or blocks[len(told) - 1].hash != told[-1]):
                told.pop()
            for block in blocks[len(told) :]:
                told.append(block.hash)
                if not self.mute:
                    await self.announce(block)
            await asyncio.sleep(0.002)

    def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        self.handshakes += 1
        if self.refuses is None:
            return None
        status, headers = self.refuses
        return Response(status, "no", Headers({**headers, "Content-Length": "0"}), b"")

    async def _serve(self, connection: ServerConnection) -> None:
        self.opened += 1
        async for text in connection:
            asked = json.loads(text)
            self.calls[asked["method"]] += 1
            answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
            if asked["method"] == "eth_chainId":
                answer["result"] = hex(self.chain_id)
            elif self.error is not None:
                answer["error"] = {"code": self.error[0], "message": self.error[1]}
            else:
                answer["result"] = id_ = hex(self.calls["eth_subscribe"])
                await connection.send(json.dumps(answer))
                self._subscribed[id_] = connection
                continue
            await connection.send(json.dumps(answer))
