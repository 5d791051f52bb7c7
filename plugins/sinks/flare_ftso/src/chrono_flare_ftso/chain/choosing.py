"""Which of several endpoints is asked: in order, the next where one fails.

An endpoint rests after a failure (1 s, 2 s, … 30 s, or as long as it asks to by Retry-After), is asked after the others
until it has answered again or while its head is behind, and is never asked again where its chain is another.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, Self, TypeVar

import httpx
import msgspec

from chrono import PermanentError, RateLimited, TransientError
from chrono_flare_ftso.chain.answers import Block, blocks_of, number_of
from chrono_flare_ftso.chain.endpoint import (
    SECOND,
    Divide,
    Endpoint,
    Missing,
    NodeFault,
    Refused,
    Request,
    endpoints,
    quiet,
)

T = TypeVar("T")

LAG = 3
"""Blocks that an endpoint's head may be behind the others, or behind itself."""

TIMEOUT = 5.0
"""Seconds for each step of a request."""

_TIMEOUT_OF_HEAD = 2.5
_URGENT = 1.5
_PATIENCE = 0.5
_LONGEST_REST = 30
_STALL = 5 * SECOND
_SURVEY = 30 * SECOND

Tell = Callable[[str, str], None]


class Clock(Protocol):
    """Whatever knows the time, in nanoseconds, and can wait, in seconds."""

    def now(self) -> int: ...
    async def sleep(self, seconds: float) -> None: ...


class Unanswered(TransientError):
    """No endpoint answered, or none as was wanted; `faults` has what became of each that was asked."""

    def __init__(self, faults: Sequence[NodeFault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def silent(code: str, message: str) -> None:
    """Tell nobody."""


class Endpoints:
    """The addresses of nodes of one chain; `Node` says what is asked of them.

    Parameters
    ----------
    urls, clock, chain_id, tell
        As a `Node` takes them.
    connections : int
        How many are kept open.
    timeout : float
        Seconds for each step of a request.

    Attributes
    ----------
    endpoints : tuple of Endpoint
        The preferred one first.
    urged : bool
        Whether one of them ever asked to be left alone.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        chain_id: int | None = None,
        tell: Tell = silent,
        connections: int = 4,
        timeout: float = TIMEOUT,
    ) -> None:
        self.endpoints = endpoints(urls)
        self.clock = clock
        self.tell = tell
        self.urged = False
        self._chain_id = chain_id
        self._timeout = timeout
        self._connections = connections
        self._client: httpx.AsyncClient | None = None
        self._moved = (-1, 0)
        self._surveyed = 0
        self._survey: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(each.name for each in self.endpoints)})"

    async def __aenter__(self) -> Self:
        quiet()
        self._client = httpx.AsyncClient(
            timeout=self._timeout,
            verify=tls(),
            headers={"Content-Type": "application/json", "User-Agent": "chrono-oracle"},
            limits=httpx.Limits(max_connections=4 * self._connections, max_keepalive_connections=self._connections),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        survey, self._survey = self._survey, None
        if survey is not None:
            survey.cancel()
            await asyncio.wait({survey})
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def head(self) -> Block:
        """Return the head of the last block.

        Notes
        -----
        Where there are several endpoints, all are asked every half minute, and when the head stands still for five
        seconds: those that are behind are passed over from then on. One that takes long to answer is not waited for.
        """
        now = self.clock.now()
        since = now - self._surveyed
        if len(self.endpoints) > 1 and (since > _SURVEY or (since > _STALL and now - self._moved[1] > _STALL)):
            if self._survey is None or self._survey.done():
                self._survey = asyncio.create_task(self._ask_all())
            done, _ = await asyncio.wait({self._survey}, timeout=_PATIENCE)
            for survey in done:
                survey.result()
        (block,) = await self.asked([_LATEST], self._with_head, min(_TIMEOUT_OF_HEAD, self._timeout))
        if block.number > self._moved[0]:
            self._moved = (block.number, now)
        return block

    async def asked(
        self,
        requests: Sequence[Request],
        read: Callable[[Endpoint, list[msgspec.Raw]], T],
        within: float | None = None,
        *,
        urgent: bool = False,
    ) -> T:
        """Return what is read of the answers of the first endpoint that gives them.

        What is urgent is asked of those, too, that asked to be left alone, where there is nobody else: a round that is
        missed costs more than a request that is refused. Only the last of them is given all its time.
        """
        faults: list[NodeFault] = []
        order = self._in_order(urgent=urgent)
        for endpoint in order:
            given = min(_URGENT, self._timeout) if urgent and endpoint is not order[-1] else within
            try:
                await self._verify(endpoint, given)
                found = read(endpoint, await self._send(endpoint, requests, given))
            except Missing as fault:
                faults.append(fault)
            except NodeFault as fault:
                faults.append(fault)
                self._rest(endpoint, fault)
            except (msgspec.DecodeError, ValueError) as error:
                unread = NodeFault(f"{endpoint.name}: an answer cannot be read ({type(error).__name__})")
                faults.append(unread)
                self._rest(endpoint, unread)
            else:
                endpoint.faults, endpoint.asked_to_rest = 0, False
                return found
        if all(each.refused for each in self.endpoints):
            names = ", ".join(each.name for each in self.endpoints)
            raise PermanentError(
                f"{names}: expected chain {self._chain_id}, was another; see to the addresses of nodes"
            )
        if not faults:
            left = (min(each.rests_until for each in self.endpoints if not each.refused) - self.clock.now()) / SECOND
            raise RateLimited("every node asked to be left alone for a while", max(left, 0.1))
        raise Unanswered(faults)

    async def _send(
        self, endpoint: Endpoint, requests: Sequence[Request], within: float | None = None
    ) -> list[msgspec.Raw]:
        if self._client is None:
            raise RuntimeError("expected a node that was entered, was one that was not")
        try:
            async with asyncio.timeout(within or 2 * self._timeout):
                try:
                    return await endpoint.ask(self._client, requests, self.clock.now())
                except Divide:
                    if len(requests) != 2 and requests[0].method != "eth_chainId":
                        raise
                    # a range of logs and the number of the last block, or the state of an account: they have to come
                    # from the same node
                    endpoint.alone = True
                    return await endpoint.ask(self._client, requests, self.clock.now())
        except TimeoutError:
            raise NodeFault(f"{endpoint.name}: no answer in time") from None

    def _in_order(self, *, urgent: bool = False) -> list[Endpoint]:
        """Return the endpoints to ask: the well ones, then those that failed last, that are behind, and that rest."""
        now = self.clock.now()
        known = [each for each in self.endpoints if not each.refused]
        asked = [each for each in known if not (each.asked_to_rest and each.rests_until > now)]
        if urgent and not asked:
            return sorted(known, key=lambda each: each.rests_until)
        return sorted(asked, key=lambda each: (each.rests_until > now, each.stale, each.faults > 0))

    def _rest(self, endpoint: Endpoint, fault: NodeFault) -> None:
        seconds = fault.pause or min(2**endpoint.faults, _LONGEST_REST)
        if endpoint.rests_until > self.clock.now() and not fault.pause:
            # of several requests that were under way
            return
        if not endpoint.faults:
            self.tell("endpoint", f"{fault}; it is left alone for {seconds:g} s")
        endpoint.faults = min(endpoint.faults + 1, 10)
        # one that does not say for how long is asked where nobody else is left
        endpoint.asked_to_rest = bool(fault.pause)
        self.urged = self.urged or fault.pause is not None
        endpoint.rests_until = self.clock.now() + int(seconds * SECOND)
        # what comes back may be another
        endpoint.verified = False

    async def _verify(self, endpoint: Endpoint, within: float | None = None) -> None:
        if endpoint.verified:
            return
        (raw,) = await self._send(endpoint, [Request("eth_chainId")], within)
        found = number_of(raw)
        if self._chain_id is None:
            self._chain_id = found
        if found != self._chain_id:
            endpoint.refused = True
            told = f"{endpoint.name}: expected chain {self._chain_id}, was {found}; it is not asked again"
            self.tell("wrong_chain", told)
            raise NodeFault(told)
        endpoint.verified = True

    def _with_head(self, endpoint: Endpoint, raw: list[msgspec.Raw]) -> list[Block]:
        found = blocks_of(endpoint.name, ["latest"], raw, None)
        number = found[0].number
        if number < endpoint.head - LAG:
            self._behind(endpoint, f"its head went back from block {endpoint.head} to {number}")
        endpoint.head = number
        return found

    def _behind(self, endpoint: Endpoint, why: str) -> None:
        if not endpoint.stale:
            endpoint.stale = True
            self.tell("stale", f"{endpoint.name}: {why}; others are asked before it until it has caught up")

    async def _ask_all(self) -> None:
        """Ask every endpoint that does not rest for its head, and pass over those that are behind."""
        now = self._surveyed = self.clock.now()
        within = min(_TIMEOUT_OF_HEAD, self._timeout)

        async def head(endpoint: Endpoint) -> int | None:
            try:
                await self._verify(endpoint, within)
                raw = await self._send(endpoint, [_LATEST], within)
                return blocks_of(endpoint.name, ["latest"], raw, None)[0].number
            except NodeFault as fault:
                self._rest(endpoint, fault)
            except (Refused, msgspec.DecodeError, ValueError):
                endpoint.verified = False
            return None

        asked = [each for each in self._in_order() if each.rests_until <= now]
        found = dict(zip(asked, await asyncio.gather(*map(head, asked)), strict=True))
        heads = {endpoint: number for endpoint, number in found.items() if number is not None}
        best = max(heads.values(), default=-1)
        for endpoint, number in heads.items():
            endpoint.head = number
            endpoint.faults, endpoint.asked_to_rest = 0, False
            if number < best - LAG:
                self._behind(endpoint, f"its head is block {number}, another's is {best}")
            else:
                endpoint.stale = False


@cache
def tls() -> ssl.SSLContext:
    """Return how certificates are checked, loaded once: it takes tens of milliseconds."""
    return httpx.create_ssl_context()


def block_request(number: int | str, *, full: bool) -> Request:
    """Return the request for a block, by its number or by a tag, with whole transactions or without."""
    return Request("eth_getBlockByNumber", (number if isinstance(number, str) else hex(number), full))


_LATEST = block_request("latest", full=False)
