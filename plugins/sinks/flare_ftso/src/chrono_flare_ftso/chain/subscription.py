"""One address that announces heads of blocks: `eth_subscribe` over WebSocket, and what becomes of its frames.

Source: go-ethereum documentation, "Real-time Events" (eth_subscribe, newHeads; after a reorganisation the blocks of the
new chain are announced, the old ones are not taken back); RFC 6455, section 7.1.5; read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from chrono import PermanentError
from chrono_flare_ftso.chain.answers import Block, head_of, number_of
from chrono_flare_ftso.chain.choosing import TIMEOUT, tls
from chrono_flare_ftso.chain.endpoint import UNWELCOME, Endpoint, NodeFault, endpoints, pause_asked

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LARGEST = 2**20
"""Bytes of a frame; a head of a block is some two thousand."""

GARBAGE = 3
"""Frames in a row that cannot be read, after which the connection is left."""

_PING = 10.0
_UNSUPPORTED = 300.0
_NOT_SAID = 5.0

Took = Callable[[Block], None]


class WrongChain(NodeFault):
    """An endpoint is of another chain."""


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Announcement(msgspec.Struct):
    subscription: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Frame(msgspec.Struct):
    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None
    method: str = ""
    params: _Announcement | None = None


_FRAMES = msgspec.json.Decoder(_Frame)
_TEXT = msgspec.json.Decoder(str)


class Subscription:
    """An address that is asked to announce heads.

    Parameters
    ----------
    url : str
        It may hold a key, so it is never shown: `name` is.
    endpoint : Endpoint
        The same, as messages name it.
    timeout : float
        Seconds for the handshake, and for each answer.
    """

    def __init__(self, url: str, endpoint: Endpoint, timeout: float = TIMEOUT) -> None:
        self._url = url
        self._endpoint = endpoint
        self._timeout = timeout
        self._logger = logging.getLogger("chrono.flare.heads")
        # debug lines of the library show the whole address
        self._logger.setLevel(logging.WARNING)
        self._unread = 0

    def __repr__(self) -> str:
        return f"Subscription({self.name})"

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._endpoint.name

    async def follow(self, chain_id: int, now: int, began: Callable[[], None], took: Took) -> None:
        """Subscribe, and hand on heads until the connection ends.

        Parameters
        ----------
        chain_id : int
            Which chain it has to be.
        now : int
            The time, nanoseconds; for a pause that the endpoint asks for until a date.
        began : callable
            Called once the subscription stands.
        took : callable
            Given each head as it comes.

        Raises
        ------
        NodeFault
            However it ends.
        WrongChain
            If it is of another chain.
        """
        try:
            async with connect(
                self._url,
                open_timeout=self._timeout,
                close_timeout=min(self._timeout, 1.0),
                ping_interval=_PING,
                ping_timeout=_PING,
                max_size=LARGEST,
                compression=None,
                logger=self._logger,
                ssl=tls() if self._url.startswith("wss:") else None,
            ) as socket:
                await self._subscribe(socket, chain_id, took)
                began()
                while True:
                    self._take(await socket.recv(), took)
        except InvalidStatus as error:
            raise self._refused(error, now) from None
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd is not None else 1006
            raise NodeFault(f"{self.name}: the connection ended ({code})") from None
        except TimeoutError:
            raise NodeFault(f"{self.name}: no answer in time") from None
        except (WebSocketException, OSError, ValueError, EOFError) as error:
            # the error's own words may hold the address, and with it the key
            raise NodeFault(f"{self.name}: not reached ({type(error).__name__})") from None

    async def _subscribe(self, socket: ClientConnection, chain_id: int, took: Took) -> None:
        self._unread = 0
        found = number_of(await self._asked(socket, took, 1, "eth_chainId"))
        if found != chain_id:
            raise WrongChain(f"{self.name}: expected chain {chain_id}, was {found}; it is not asked again")
        _TEXT.decode(await self._asked(socket, took, 2, "eth_subscribe", "newHeads"))

    async def _asked(self, socket: ClientConnection, took: Took, id: int, method: str, *params: Any) -> msgspec.Raw:
        request = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        async with asyncio.timeout(self._timeout):
            await socket.send(msgspec.json.encode(request).decode())
            while True:
                frame = self._take(await socket.recv(), took)
                if frame is not None and frame.id == id:
                    break
        if frame.error is not None:
            said = self._endpoint.clean(frame.error.message)
            # such as -32601: it announces nothing at all
            raise NodeFault(f"{self.name}: {method}: {said}", _UNSUPPORTED if frame.error.code == -32601 else None)
        return frame.result

    def _take(self, data: str | bytes, took: Took) -> _Frame | None:
        """Read a frame, and hand on the head that it may announce; None where it cannot be read."""
        try:
            frame = _FRAMES.decode(data)
            announced = head_of(frame.params.result) if frame.method == "eth_subscription" and frame.params else None
        except (msgspec.DecodeError, ValueError):
            self._unread += 1
            if self._unread >= GARBAGE:
                raise NodeFault(f"{self.name}: sends what is no announcement of a block") from None
            return None
        if announced is not None:
            self._unread = 0
            took(announced)
        return frame

    def _refused(self, error: InvalidStatus, now: int) -> NodeFault:
        status, asked = error.response.status_code, error.response.headers.get("Retry-After")
        if status in {401, 403}:
            return NodeFault(f"{self.name}: refuses us ({status}); see to the key in its address", UNWELCOME)
        pause = (pause_asked(asked, now) or _NOT_SAID) if asked or status == 429 else None
        return NodeFault(f"{self.name}: answered {status}", pause)


def subscriptions(urls: Sequence[str], timeout: float = TIMEOUT) -> tuple[Subscription, ...]:
    """Return subscriptions, named by their hosts.

    Raises
    ------
    PermanentError
        If an address is none; it says which, and does not show it.

    Examples
    --------
    >>> [each.name for each in subscriptions(["wss://node.example/key", "ws://127.0.0.1:8546"])]
    ['node.example', '127.0.0.1:8546']
    >>> subscriptions(["https://node.example/key"])
    Traceback (most recent call last):
        ...
    chrono.core.errors.PermanentError: address 1 under `ws`: expected ws://host/path or wss://host/path, ...
    """
    if not urls:
        return ()
    for at, url in enumerate(urls, 1):
        try:
            wrong = url.partition("://")[0] not in {"ws", "wss"} or not endpoints([_as_http(url)])
        except PermanentError:
            wrong = True
        if wrong:
            told = f"address {at} under `ws`: expected ws://host/path or wss://host/path, was something else"
            raise PermanentError(f"{told}; write it in full")
    named = endpoints([_as_http(url) for url in urls])
    return tuple(Subscription(url, endpoint, timeout) for url, endpoint in zip(urls, named, strict=True))


def _as_http(url: str) -> str:
    return "http" + url.removeprefix("ws")
