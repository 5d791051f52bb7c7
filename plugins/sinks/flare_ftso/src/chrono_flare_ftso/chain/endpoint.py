"""One address that answers JSON-RPC, and what becomes of its answers.

What the node cannot or will not do now is a `NodeFault`: another endpoint may. What it says about the request itself
(too many blocks, a call that reverts) is an answer, and another endpoint is not asked.

Source: JSON-RPC 2.0 specification, section 5.1 (codes); EIP-1474, "Error codes"; RFC 9110, section 10.2.3
(Retry-After); ava-labs/avalanchego, `vms/saevm/rpc` (range of logs); texts of refusals as they are reported for
Flare's public endpoints (30 blocks), Avalanche's (2048) and others; read 2026-11-23.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx
import msgspec

from chrono import DataError, PermanentError, TransientError

SECOND = 1_000_000_000
LARGEST_ANSWER = 64 * 2**20
"""Bytes of one answer, batches included; a longer one is not read to its end."""

SEND = "eth_sendRawTransaction"

UNWELCOME = 60.0
"""Seconds for which an endpoint that refuses us is left alone."""

_HEAD = 160
_LONGEST_PAUSE = 3600.0


class NodeFault(TransientError):
    """An endpoint does not answer, or not with what was asked for.

    Attributes
    ----------
    pause : float or None
        How many seconds it asked to be left alone, 0 where it did not say how many; None where it did not ask.
    """

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class Missing(NodeFault):
    """Something is not there, or not yet: the endpoint answers, and is no worse for it."""


class NotTaken(Missing):
    """A transaction is not taken into the pool: the endpoint answers, and is no worse for it.

    Attributes
    ----------
    said : str
        The endpoint's words, in lower case.
    """

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


class Refused(DataError):
    """A node's answer is that the request is wrong."""


class Reverted(Refused):
    """A call was executed, and failed."""


class TooMuch(Refused):
    """A node will not answer so much at once; `limit` is how many blocks it would, where it says so."""

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit


class Divide(Refused):
    """Requests that were sent together are too many, or their answer is too long; fewer may do."""


class Request(NamedTuple):
    """A method of JSON-RPC and its parameters."""

    method: str
    params: Sequence[Any] = ()


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


_ONE = msgspec.json.Decoder(_Answer)
_MANY = msgspec.json.Decoder(list[_Answer])
_ABSENT = msgspec.Raw(b"null")


class Endpoint:
    """One address.

    Parameters
    ----------
    url : str
        It may hold a key, so it is never shown: `name` is.
    name : str
        What it is called in messages.

    Attributes
    ----------
    head : int
        The last block it was seen to have; -1 before it was asked.
    verified, refused, stale : bool
        Whether its chain is known to be the right one, is known to be another, is behind.
    alone : bool
        Whether it takes no two requests together.
    rests_until : int
        Nanoseconds; it is asked before that only when no other is left.
    asked_to_rest : bool
        Whether it asked for that itself: then it is not asked before.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self.name = name
        self._secrets = _secrets(url)
        self.head = -1
        self.verified = self.refused = self.stale = self.asked_to_rest = False
        self.alone = False
        self.faults = 0
        self.rests_until = 0

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    async def ask(self, client: httpx.AsyncClient, requests: Sequence[Request], now: int) -> list[msgspec.Raw]:
        """Return the results of requests, sent together; JSON's null for a block that is not there.

        Raises
        ------
        NodeFault
            If it does not answer them.
        Divide
            If they are too many, or their answers too long.
        Refused
            If it answers that one of them is wrong.
        """
        if self.alone and len(requests) > 1:
            return [(await self.ask(client, [each], now))[0] for each in requests]
        calls = [
            {"jsonrpc": "2.0", "id": at, "method": each.method, "params": each.params} for at, each in _at(requests)
        ]
        body = msgspec.json.encode(calls[0] if len(calls) == 1 else calls)
        status, headers, data = await self._post(client, body)
        if status == 413:
            raise Divide(f"{self.name}: the request is too long")
        self._check(status, headers, data, now)
        answers = self._answers(data, requests)
        return [self._result(each, answer) for each, answer in zip(requests, answers, strict=True)]

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        try:
            async with client.stream("POST", self._url, content=body) as response:
                chunks, size = [], 0
                async for chunk in response.aiter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > LARGEST_ANSWER:
                        raise Divide(f"{self.name}: the answer is longer than {LARGEST_ANSWER} bytes")
                return response.status_code, response.headers, b"".join(chunks)
        except httpx.TimeoutException:
            raise NodeFault(f"{self.name}: no answer in time") from None
        except (httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
            # the error's own words may hold the address, and with it the key
            raise NodeFault(f"{self.name}: not reached ({type(error).__name__})") from None

    def _check(self, status: int, headers: httpx.Headers, data: bytes, now: int) -> None:
        if status == 429:
            raise NodeFault(f"{self.name}: too many requests (429)", pause_asked(headers.get("retry-after"), now))
        if status in {401, 403}:
            raise NodeFault(f"{self.name}: refuses us ({status}); see to the key in its address", UNWELCOME)
        if status >= 500:
            asked = headers.get("retry-after")
            raise NodeFault(f"{self.name}: answered {status}", pause_asked(asked, now) if asked else None)
        if status != 200 and data.lstrip()[:1] not in {b"{", b"["}:
            raise NodeFault(f"{self.name}: answered {status}")

    def _answers(self, data: bytes, requests: Sequence[Request]) -> list[_Answer]:
        try:
            answers = _MANY.decode(data) if data.lstrip()[:1] == b"[" else [_ONE.decode(data)]
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NodeFault(f"{self.name}: answered with what is no JSON-RPC") from None
        if len(requests) > 1 and len(answers) == 1 and answers[0].error is not None:
            error = self._error("a batch", answers[0].error)
            raise error if isinstance(error, NodeFault) else Divide(str(error))
        by_id = {answer.id: answer for answer in answers}
        found = [by_id.get(at) for at, _ in _at(requests)]
        if None in found:
            raise NodeFault(f"{self.name}: left a request unanswered")
        return [answer for answer in found if answer is not None]

    def _result(self, request: Request, answer: _Answer) -> msgspec.Raw:
        if answer.error is None:
            return answer.result
        error = self._error(request.method, answer.error)
        if error is None and request.method == "eth_getBlockByNumber":
            return _ABSENT
        raise error or NodeFault(f"{self.name}: {request.method}: {self.clean(answer.error.message)}")

    def _error(self, what: str, error: _Error) -> Exception | None:
        """Return what an error means; None for a block that is not there."""
        said = self.clean(error.message)
        told, text = f"{self.name}: {what}: {said}", error.message.lower()
        if any(words in text for words in _BUSY):
            return NodeFault(told, 10.0)
        if what == SEND:
            return NotTaken(told, text)
        if error.code == 3 or "revert" in text:
            return Reverted(told)
        if any(words in text for words in _NOT_THERE):
            return None
        if error.code == -32005 or _TOO_MUCH.search(text):
            return TooMuch(told, _limit(text)) if what in _DIVISIBLE else NodeFault(told, 10.0)
        return Refused(told) if error.code in {-32600, -32602, -32700} else NodeFault(told)

    def clean(self, text: str) -> str:
        """Return a node's words without control characters, at most a line of them, and without the key."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        plain = "".join(letter if letter.isprintable() else " " for letter in text)
        return plain if len(plain) <= _HEAD else plain[:_HEAD] + "…"


def endpoints(urls: Sequence[str]) -> tuple[Endpoint, ...]:
    """Return endpoints, named by their hosts.

    Raises
    ------
    PermanentError
        If there is none, or one is no address; it says which, and does not show it.

    Examples
    --------
    >>> [each.name for each in endpoints(["https://node.example/key", "https://node.example:8545/", "http://[::1]/"])]
    ['node.example', 'node.example:8545', '[::1]']
    """
    if not urls:
        raise PermanentError("expected the address of a node, was none; give one under `rpc`")
    found: list[Endpoint] = []
    for at, url in enumerate(urls, 1):
        name = _host(url)
        if not name:
            told = f"address {at} of a node: expected http://host/path or https://host/path, was something else"
            raise PermanentError(f"{told}; write it in full")
        same = sum(each.name.partition(" ")[0] == name for each in found)
        found.append(Endpoint(url, f"{name} ({same + 1})" if same else name))
    return tuple(found)


def quiet() -> None:
    """Keep the client's own logs from showing whole addresses, keys included."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))


def _at(requests: Sequence[Request]) -> list[tuple[int, Request]]:
    return list(enumerate(requests, 1))


def _host(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        return ""
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        return ""
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return host if parsed.port is None else f"{host}:{parsed.port}"


def _secrets(url: str) -> tuple[str, ...]:
    """Return the parts of an address that could be a key, the longest first."""
    parsed = httpx.URL(url)
    parts = [
        url,
        *parsed.path.split("/"),
        parsed.username,
        parsed.password,
        *(value for _, value in parsed.params.multi_items()),
    ]
    return tuple(sorted({part for part in parts if len(part) > 5}, key=len, reverse=True))


def pause_asked(asked: str | None, now: int) -> float:
    """Return the seconds of a Retry-After, within a second and an hour; 0 where there is none to be read."""
    try:
        seconds = float(asked or math.nan)
    except ValueError:
        try:
            when = parsedate_to_datetime(asked or "")
        except ValueError:
            return 0.0
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = when.timestamp() - now / SECOND
    return min(max(seconds, 1.0), _LONGEST_PAUSE) if not math.isnan(seconds) else 0.0


def _limit(text: str) -> int | None:
    """Return how many blocks at once a node would answer for, as far as it says."""
    if "results" in text:
        return None
    found = next((match for match in (pattern.search(text) for pattern in _LIMITS) if match), None)
    if found is None:
        return None
    limit = int(found[1].replace(",", "")) * (1000 if found[2] else 1)
    return limit or None


_DIVISIBLE = ("eth_getLogs", "a batch")
_BUSY = ("rate limit", "too many requests", "request rate", "quota", "compute units", "request count exceeded")
_NOT_THERE = ("unfinalized data", "last accepted block", "unknown block", "block not found", "header not found")
_TOO_MUCH = re.compile(
    r"too many blocks|blocks? (range|distance)|range (is )?too|range.*(exceed|limit)|exceed.*range|limited to"
    r"|more than \d+ results|max results|too (many|large)|response size|size exceeded|timeout exceeded|batch"
)
_LIMITS = tuple(
    re.compile(rf"{before}\s*([\d,]+)\s*(k\b)?")
    for before in ("maximum is set to", "limited to(?: an?)?", "up to(?: an?)?", "limit of", r"distance:?", r"range:")
)
