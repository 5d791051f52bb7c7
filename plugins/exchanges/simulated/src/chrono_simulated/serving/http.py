"""As much HTTP as a venue's REST answers and a WebSocket's handshake need.

Facts: the shape of messages is RFC 9112, sections 2 to 6; Retry-After is RFC 9110, section 10.2.3. Read 2026-11-22.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import msgspec
from anyio.abc import ByteReceiveStream

LARGEST = 64 * 2**10
"""Bytes that the head of a request, or its body, may have."""

PAGE = b"""<!DOCTYPE html>
<html><head><title>Attention Required!</title></head>
<body><h1>Sorry, you have been blocked</h1><p>You are unable to access this venue.</p></body></html>
"""


class BadRequest(Exception):
    """What came is no request this server takes."""


class Request(msgspec.Struct, frozen=True):
    """What was asked; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    head: bytes

    @property
    def path(self) -> str:
        """The path alone."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query, the last value of each name."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def opens_a_stream(self) -> bool:
        """Whether it is the handshake of a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


class Response(msgspec.Struct, frozen=True):
    """An answer, after which the connection is closed."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}

    def encode(self) -> bytes:
        """Return the bytes to send."""
        lines = [
            f"HTTP/1.1 {self.status} {_phrase(self.status)}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def data(value: Any, status: int = 200, **headers: str) -> Response:
    """Return an answer in JSON.

    Examples
    --------
    >>> data({"price": 1.5}).body
    b'{"price":1.5}'
    """
    return Response(status, msgspec.json.encode(value), headers=headers)


async def read_request(stream: ByteReceiveStream) -> Request | None:
    """Return the next request, or None if the other side left.

    Raises
    ------
    BadRequest
        If what comes is not HTTP, or too much of it.
    """
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > LARGEST:
            raise BadRequest("expected a head of at most 64 KiB")
        try:
            received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return None
    head, rest = bytes(received[: end + 4]), received[end + 4 :]
    method, target, headers = _read_head(head)
    while len(rest) < _length(headers):
        rest += await stream.receive()
    return Request(method, target, headers, bytes(rest), head)


def _read_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest("expected a request of HTTP/1.1")
    pairs = (line.partition(":") for line in lines)
    return words[0], words[1], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _length(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST:
        raise BadRequest("expected a body of at most 64 KiB")
    return int(length)


def _phrase(status: int) -> str:
    return next((known.phrase for known in HTTPStatus if known == status), "")
