"""A web3signer over real HTTP: the three requests of its protocol that are used, and the ways in which it fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable
from typing import Any

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import PrivateKey

from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import sign

Answer = tuple[int, str]


class FakeWeb3Signer:
    """Serves the keys it is given; `answer` takes a path and may return another answer, or None for the usual one.

    Attributes
    ----------
    requests : list of tuple
        Method, path, headers and body of each.
    """

    def __init__(self, keys: list[bytes], *, tls: ssl.SSLContext | None = None) -> None:
        self.keys = keys
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[str], Answer | None] = lambda path: None
        self.high = False
        self.signing: bytes | None = None
        self.silent = asyncio.Event()
        self.silent.set()
        self.closing = 0
        self._tls = tls
        self._server: asyncio.Server
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> FakeWeb3Signer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.silent.set()
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http{'s' if self._tls else ''}://{host}:{port}"

    def public(self, key: bytes) -> str:
        return "0x" + PrivateKey(key).public_key.to_bytes().hex()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((method, path, headers, body))
                if self.closing:
                    self.closing -= 1
                    break
                await self.silent.wait()
                status, text = self.answer(path) or self._usual(method, path, body)
                told = f"HTTP/1.1 {status} said\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}"
                writer.write(told.encode())
                await writer.drain()
        writer.close()
        self._open.discard(writer)

    def _usual(self, method: str, path: str, body: bytes) -> Answer:
        if (method, path) == ("GET", "/upcheck"):
            return 200, "OK"
        if (method, path) == ("GET", "/api/v1/eth1/publicKeys"):
            return 200, json.dumps([self.public(key) for key in self.keys])
        asked = path.removeprefix("/api/v1/eth1/sign/")
        for key in self.keys:
            if method == "POST" and asked == self.public(key):
                return 200, self._signed(self.signing or key, json.loads(body))
        return 404, ""

    def _signed(self, key: bytes, tree: Any) -> str:
        made = sign(keccak256(bytes.fromhex(tree["data"][2:])), key)
        s, v = int.from_bytes(made.s, "big"), made.v
        if self.high:
            s, v = SECPK1_N - s, 55 - v
        return "0x" + made.r.hex() + s.to_bytes(32, "big").hex() + bytes([v]).hex()
