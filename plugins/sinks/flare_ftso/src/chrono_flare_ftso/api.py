"""What is served over HTTP: endpoints, keys, bounds, and errors worded as the reference words them.

The bodies of errors are those of NestJS 11, which the reference implementations are built with: `fsp.md` §1.2 and §1.4,
`http_value_provider.json` and `http_data_provider.json`, read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

BODY_LIMIT = 1_000_000
"""Bytes of a request's body, as 5,000 feeds are some 250 kB."""

DISCARDED = 16_000_000
"""Bytes that are read of a body that is too large, so that whoever sends it hears why; then that is the end of it."""

BODY_PATIENCE = 5.0
"""Seconds a client has for the body of a request."""

LONGEST = 10.0
"""Seconds after which any request is answered, whatever became of it."""

JSON_TYPE = "application/json; charset=utf-8"

_INTEGER = re.compile(r"-?[0-9]+")
_CONTEXT = 10

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """What is served at one path.

    Parameters
    ----------
    method : str
        GET or POST; another method there is 404, as in the reference.
    path : str
        Such as `/feed-values/{round}`; a slash at its end makes no difference.
    handler : callable
        Given the request; returns a response or raises `Refused`.
    open : bool
        Whether it is served without a key where keys are asked for.
    """

    method: str
    path: str
    handler: Handler
    open: bool = False


class Refused(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status : int
        Of HTTP.
    message : str
        What was wrong, for the caller.
    error : str
        The status in words, which most of the reference's errors carry between the two; empty for those that do not.

    Examples
    --------
    >>> Refused(400, "Validation failed (numeric string is expected)", "Bad Request").response().body
    b'{"message":"Validation failed (numeric string is expected)","error":"Bad Request","statusCode":400}'
    """

    def __init__(self, status: int, message: str, error: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error = error

    def response(self) -> Response:
        """Return it as an answer; what follows a body that was not read is no request."""
        told: dict[str, Any] = {"message": str(self)}
        if self.error:
            told["error"] = self.error
        return answer({**told, "statusCode": self.status}, self.status, close=self.status in {408, 413})


class Failed(Refused):
    """A request that cannot be answered, 500 or 503; the reference puts the status first.

    Examples
    --------
    >>> Failed().response().body
    b'{"statusCode":500,"message":"Internal server error"}'
    """

    def __init__(self, status: int = 500, message: str = "Internal server error") -> None:
        super().__init__(status, message)

    def response(self) -> Response:
        """Return it as an answer."""
        return answer({"statusCode": self.status, "message": str(self)}, self.status)


def bad_request(message: str) -> Refused:
    """Return a 400."""
    return Refused(400, message, "Bad Request")


def answer(content: Any, status: int = 200, *, close: bool = False) -> Response:
    """Return a response in JSON; bytes are taken as they are.

    Parameters
    ----------
    content : bytes or Any
        JSON, or what `msgspec` writes as such.
    status : int
        Of HTTP.
    close : bool
        Whether the connection ends with it.
    """
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Response(body, status, {"connection": "close"} if close else None, JSON_TYPE)


def integer(text: str) -> int:
    """Return the integer that a part of a path or a query is, as NestJS's ParseIntPipe reads it.

    Raises
    ------
    Refused
        400, if it is none, or beyond what a double holds.

    Notes
    -----
    An integer that a double cannot hold exactly is the double next to it, as in JavaScript.

    Examples
    --------
    >>> integer("-1"), integer("007"), integer("9007199254740993")
    (-1, 7, 9007199254740992)
    """
    # a double ends at 309 digits
    if _INTEGER.fullmatch(text) is None or len(text) > 400 or math.isinf(float(text)):
        raise bad_request("Validation failed (numeric string is expected)")
    return int(float(text))


async def read(request: Request) -> bytes:
    """Return the body of a request.

    Raises
    ------
    Refused
        413 if it is larger than `BODY_LIMIT`, 408 if it does not come in time, 415 if it is compressed.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding != "identity":
        raise Refused(415, f'unsupported content encoding "{encoding}"', "Unsupported Media Type")
    declared = request.headers.get("content-length", "0")
    size = int(declared) if len(declared) < 18 else DISCARDED + 1
    parts = [] if size > DISCARDED else await _parts(request)
    if max(size, sum(map(len, parts))) > BODY_LIMIT:
        raise Refused(413, "request entity too large", "Payload Too Large")
    return b"".join(parts)


async def _parts(request: Request) -> list[bytes]:
    """Return a body in parts, or enough of it to see that it is too large."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            async for part in request.stream():
                if size <= BODY_LIMIT:
                    parts.append(part)
                size += len(part)
                if size > DISCARDED:
                    break
    except TimeoutError:
        raise Refused(408, "the body did not come in time", "Request Timeout") from None
    return parts


def parsed(body: bytes, decoder: msgspec.json.Decoder[Any], expected: str) -> Any:
    """Return what a body says.

    Parameters
    ----------
    body : bytes
    decoder : msgspec.json.Decoder
        Of what it should be.
    expected : str
        The same in words, for who sent something else.

    Raises
    ------
    Refused
        400, if it is no JSON or not of that type.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise bad_request(f"Validation failed ({expected} is expected)") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise bad_request(_fault(body)) from None


def _fault(body: bytes) -> str:
    """Say what is wrong with JSON in the words of V8, which the reference passes on."""
    text = body.decode("utf-8", "replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at = error.pos
    except (RecursionError, ValueError):
        return "the body is nested too deeply, or holds a number of too many digits"
    else:
        return "the body is no JSON in UTF-8"
    if at >= len(text):
        return "Unexpected end of JSON input"
    start, end = max(at - _CONTEXT, 0), at + _CONTEXT
    if len(text) <= 2 * _CONTEXT:
        start, end = 0, len(text)
    shown = ("..." if start else "") + f'"{text[start:end]}"' + ("... " if end < len(text) else " ")
    return f"Unexpected token '{text[at]}', {shown}is not valid JSON"


class Api:
    """The ASGI application: finds the endpoint, checks the key, and words what goes wrong.

    Parameters
    ----------
    endpoints : sequence of Endpoint
    base_path : str
        Before each path, such as `/provider`.
    keys : sequence of str
        One of which a request has to bring as X-API-KEY; none are asked for where there are none.
    tell : callable
        Told of a fault of our own: an endpoint, and the exception. Neither holds a key.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        base_path: str = "",
        keys: Sequence[str] = (),
        tell: Callable[[str, Exception], None] | None = None,
    ) -> None:
        self._routes = [(Route(base_path + each.path, each.handler, methods=[each.method]), each) for each in endpoints]
        self._keys = [_digest(key.encode()) for key in keys]
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        with contextlib.suppress(ClientDisconnect):
            response = await self._answered(scope, receive)
            await response(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive) -> Response:
        try:
            endpoint, parameters = self._found(scope)
            request = Request({**scope, "path_params": parameters}, receive)
            if not endpoint.open:
                self._admit(request)
            return await self._handled(endpoint, request)
        except Refused as refused:
            return refused.response()

    async def _handled(self, endpoint: Endpoint, request: Request) -> Response:
        try:
            async with asyncio.timeout(LONGEST):
                return await endpoint.handler(request)
        except (Refused, ClientDisconnect):
            raise
        except TimeoutError:
            raise Failed(503, "no answer in time; ask again") from None
        except Exception as error:  # noqa: BLE001 - one request must not cost the others theirs
            if self._tell is not None:
                self._tell(endpoint.path, error)
            raise Failed from None

    def _found(self, scope: Scope) -> tuple[Endpoint, Mapping[str, Any]]:
        path = scope["path"]
        # Express takes one slash at the end for none
        plain = {**scope, "path": path[:-1]} if len(path) > 1 and path.endswith("/") else scope
        for route, endpoint in self._routes:
            match, found = route.matches(plain)
            if match is Match.FULL:
                return endpoint, found["path_params"]
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = (scope["raw_path"] + query).decode("latin-1")
        raise Refused(404, f"Cannot {scope['method']} {target}", "Not Found")

    def _admit(self, request: Request) -> None:
        if not self._keys:
            return
        given = _digest(request.headers.get("x-api-key", "").encode("latin-1"))
        # all of them, each in constant time: how long it takes says nothing
        if not sum([hmac.compare_digest(given, key) for key in self._keys]):
            raise Refused(401, "Unauthorized")


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
