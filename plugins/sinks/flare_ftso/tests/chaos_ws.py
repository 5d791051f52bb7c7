"""The leg of the proxy that is a WebSocket: calls, and what is announced."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from chaos import PAGE, Call, Chaos, Cut, Rule, alter, error_of
from chaos_answers import altered
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class Announcing:
    """A proxy before a node that announces.

    Parameters
    ----------
    chaos : Chaos
        Whose rules it goes by, and where it writes down calls.
    node : str
        The address of the node, ws://.
    """

    def __init__(self, chaos: Chaos, node: str) -> None:
        self._chaos = chaos
        self._node = node
        self._server: Server

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Announcing:
        self._server = await serve(self._serve, "127.0.0.1", 0, process_request=self._greet, compression=None)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for each in list(self._server.connections):
            each.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    async def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        rules = self._hitting("connect", ())
        await asyncio.sleep(max((rule.seconds for rule in rules if rule.kind == "delay"), default=0))
        for rule in rules:
            if rule.kind == "status":
                asked = {"Retry-After": rule.retry_after} if rule.retry_after else {}
                return Response(rule.status, "no", Headers({**asked, "Content-Length": "0"}), b"")
            if rule.kind == "html":
                return Response(200, "OK", Headers({"Content-Length": str(len(PAGE))}), PAGE)
            if rule.kind in {"drop", "cut"}:
                connection.transport.abort()
        return None

    async def _serve(self, client: ServerConnection) -> None:
        try:
            async with connect(self._node, compression=None, proxy=None) as node:
                leg = _Leg(self, client, node)
                tasks = [asyncio.create_task(leg.ask()), asyncio.create_task(leg.tell())]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    ended = await asyncio.gather(*tasks, return_exceptions=True)
                if any(isinstance(each, Cut) for each in ended):
                    client.transport.abort()
        except (OSError, ConnectionClosed):
            client.transport.abort()

    def _hitting(self, method: str, params: Sequence[Any]) -> list[Rule]:
        rules = self._chaos.hitting(method)
        self._chaos.calls.append(Call(method, params, "ws", tuple(rule.kind for rule in rules)))
        return rules


class _Leg:
    """One client, and the node it is connected to."""

    def __init__(self, of: Announcing, client: ServerConnection, node: ClientConnection) -> None:
        self._of = of
        self._client = client
        self._node = node
        self._asked: dict[Any, tuple[Mapping[str, Any], list[Rule]]] = {}
        self._subscribed: dict[str, str] = {}
        self._before: deque[dict[str, Any]] = deque(maxlen=64)

    async def ask(self) -> None:
        """Hand on what the client asks."""
        async for text in self._client:
            call = json.loads(text)
            rules = self._of._hitting(call["method"], call.get("params", ()))
            await asyncio.sleep(max((rule.seconds for rule in rules if rule.kind == "delay"), default=0))
            if any(rule.kind in {"cut", "drop"} for rule in rules):
                raise Cut
            failing = next((rule for rule in rules if rule.kind == "error"), None)
            if failing is not None:
                await self._client.send(json.dumps(error_of(failing, call["id"])))
            elif not any(rule.kind == "silence" for rule in rules):
                self._asked[call["id"]] = (call, rules)
                await self._node.send(text)

    async def tell(self) -> None:
        """Hand on what the node says."""
        async for text in self._node:
            said = json.loads(text)
            if said.get("method") == "eth_subscription":
                await self._announced(said)
                continue
            call, rules = self._asked.pop(said.get("id"), ({"method": ""}, []))
            if call["method"] == "eth_subscribe" and "result" in said:
                self._subscribed[said["result"]] = call["params"][0]
            alter(said, call, rules)
            await asyncio.sleep(max((rule.seconds for rule in rules if rule.kind == "late"), default=0))
            if any(rule.kind == "lose" for rule in rules):
                raise Cut
            html = any(rule.kind == "html" for rule in rules)
            await self._client.send(PAGE.decode() if html else json.dumps(said))

    async def _announced(self, said: dict[str, Any]) -> None:
        params = said["params"]
        rules = self._of._hitting(self._subscribed.get(params["subscription"], ""), (params["result"],))
        kinds = {rule.kind for rule in rules}
        await asyncio.sleep(max((rule.seconds for rule in rules if rule.kind in {"delay", "late"}), default=0))
        self._before.append(params["result"])
        if kinds & {"cut", "drop", "lose"}:
            raise Cut
        if "silence" in kinds:
            return
        if "html" in kinds:
            await self._client.send(PAGE.decode())
            return
        behind = max((rule.blocks for rule in rules if rule.kind == "stale"), default=0)
        if behind:
            params["result"] = self._before[max(len(self._before) - 1 - behind, 0)]
        if "null" in kinds:
            params["result"] = None
        if "removed" in kinds and "data" in params["result"]:
            gone = {**said, "params": {**params, "result": altered(params["result"])}}
            await self._client.send(json.dumps(gone))
        for _ in range(2 if "double" in kinds else 1):
            await self._client.send(json.dumps(said))
