"""Another feed value provider, as it is asked over HTTP and as its answers are read.

Source: `fsp.md` §1.4 (what is asked, and what is answered; values are taken by their position), read 2026-11-23.
"""

from __future__ import annotations

import contextlib
import math
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

PATIENCE = 5.0
"""Seconds that the other provider has for its answer."""

LARGEST = 4 * 2**20
"""Bytes of an answer; more are not read."""

_EXPECTED = "http://HOST:PORT, with a path where the provider has one"


class Trouble(Exception):
    """The other provider has no answer that can be compared: `code` is a word, the text says what it did."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(told)
        self.code = code


@dataclass(frozen=True)
class Target:
    """Where the other provider listens; it is shown nowhere, since an address may hold a secret.

    Examples
    --------
    >>> Target.parse("http://user:secret@localhost:3111/provider")
    Target(…)
    """

    secure: bool
    host: str
    port: int | None
    path: str
    query: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return "Target(…)"

    @classmethod
    def parse(cls, url: str) -> Target:
        """Return where an address leads.

        Raises
        ------
        ValueError
            If it is none of HTTP; what it was is not repeated.
        """
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(f"expected an address like {_EXPECTED}, was another") from None
        if parts.scheme not in {"http", "https"} or not host or not host.isascii():
            raise ValueError(f"expected an address like {_EXPECTED}, was another")
        path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        return cls(parts.scheme == "https", host, port, path, query, _headers(parts))

    def ask(self, number: int, feeds: Sequence[Mapping[str, Any]], patience: float = PATIENCE) -> bytes:
        """Return what the provider answers for a round.

        Parameters
        ----------
        number : int
            The voting round.
        feeds : sequence of mapping
            As they were asked for here.
        patience : float
            Seconds until the whole answer must be there.

        Raises
        ------
        Trouble
            If it is not there by then, is no success, or is larger than `LARGEST`.
        """
        query = f"?{self.query}" if self.query else ""
        path = f"{self.path}/feed-values/{number}{query}"
        connection, late = self._connection(patience), Event()
        try:
            # an integer of more than 64 bits is none that can be written
            body = msgspec.json.encode({"feeds": feeds})
            connection.connect()
            with _cut(connection.sock, late, patience):
                connection.request("POST", path, body, dict(self.headers))
                response = connection.getresponse()
                answer = response.read(LARGEST + 1)
        except (OSError, HTTPException, ValueError, OverflowError) as error:
            raise _trouble(error, patience, late=late.is_set()) from None
        finally:
            connection.close()
        if late.is_set():
            raise _trouble(TimeoutError(), patience, late=True)
        if not 200 <= response.status < 300:
            raise Trouble("shadow_refused", f"was refused with {response.status}")
        if len(answer) > LARGEST:
            raise Trouble("shadow_oversized", f"was answered with more than {LARGEST} bytes")
        return answer

    def _connection(self, patience: float) -> HTTPConnection:
        if self.secure:
            return HTTPSConnection(self.host, self.port, timeout=patience)
        return HTTPConnection(self.host, self.port, timeout=patience)


def values(answer: bytes, number: int, feeds: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the values of an answer by the names of the feeds that were asked for.

    Parameters
    ----------
    answer : bytes
        The body of an answer.
    number : int
        The voting round that was asked for.
    feeds : sequence of mapping
        As they were asked for, in order: an answer is read by position, as the data provider reads it.

    Returns
    -------
    dict of str to float
        Only of feeds that have a value; null is none.

    Raises
    ------
    Trouble
        If it is no answer of that round and of those feeds in that order, or a value is no finite number.

    Examples
    --------
    >>> values(b'{"votingRoundId":7,"data":[{"feed":{"category":1,"name":"BTC/USD"},"value":67123.5}]}',
    ...        7, [{"category": 1, "name": "BTC/USD"}])
    {'BTC/USD': 67123.5}
    """
    try:
        found = msgspec.json.decode(answer, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Trouble("shadow_unreadable", "answered something other than {votingRoundId, data}") from None
    if found.votingRoundId not in (None, number) or isinstance(found.votingRoundId, bool):
        raise Trouble("shadow_unreadable", "answered for another round")
    if len(found.data) != len(feeds):
        raise Trouble("shadow_unreadable", f"answered {len(found.data)} feeds of {len(feeds)} that were asked for")
    read: dict[str, float] = {}
    for at, (asked, row) in enumerate(zip(feeds, found.data, strict=True)):
        name, value = asked.get("name"), _value(at, asked, row)
        if isinstance(name, str) and value is not None:
            read.setdefault(name, value)
    return read


class _Answer(msgspec.Struct):
    data: list[Any]
    votingRoundId: Any = None  # noqa: N815 - as it is answered


def _value(at: int, asked: Mapping[str, Any], row: Any) -> float | None:
    feed = row.get("feed", {}) if isinstance(row, dict) else None
    if not isinstance(feed, dict):
        raise Trouble("shadow_unreadable", f"answered something other than {{feed, value}} at position {at}")
    if feed.get("name", asked.get("name")) != asked.get("name"):
        raise Trouble("shadow_unreadable", f"answered another feed than was asked for at position {at}")
    value = row.get("value")
    if value is None:
        return None
    with contextlib.suppress(OverflowError):
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(float(value)):
            return float(value)
    raise Trouble("shadow_unreadable", f"answered a value that is no finite number at position {at}")


@contextlib.contextmanager
def _cut(connected: socket.socket, late: Event, patience: float) -> Iterator[None]:
    """End a connection when its time is over, whatever comes in: a socket's own timeout is for one wait only."""

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = Timer(patience, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _trouble(error: Exception, patience: float, *, late: bool) -> Trouble:
    """Return what is said of a failure; its own text is not, since it may repeat the address."""
    if late or isinstance(error, TimeoutError):
        return Trouble("shadow_late", f"did not answer within {patience:g} s")
    if isinstance(error, OSError):
        return Trouble("shadow_unreachable", f"could not be reached ({type(error).__name__})")
    return Trouble("shadow_unreadable", f"answered something other than HTTP ({type(error).__name__})")


def _headers(parts: SplitResult) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "chrono-oracle",
        "Connection": "close",
    }
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return headers
