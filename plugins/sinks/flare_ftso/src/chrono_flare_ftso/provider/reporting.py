"""What a provider writes down of its rounds, and tells of itself in numbers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from chrono import ChronoError
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import Fees
from chrono_flare_ftso.chain.nonces import NonceBook
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.commits import Commit
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.metrics import endpoints
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.epochs import reward_epoch, round_end, voting_round
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.provider.measures import Measures, Now
from chrono_flare_ftso.provider.options import MetricsOptions
from chrono_flare_ftso.provider.recording import Means, Recorder, Relays, sent_by
from chrono_flare_ftso.records import KEPT, Records
from chrono_flare_ftso.round_results import RoundResults

EVERY = 60.0
"""Seconds between two looks at balances and registration."""

_TIDIED_EVERY = 500
_AGAIN, _TRIES = 2.0, 300


class Finder(Protocol):
    """Where commits are kept."""

    def find(self, round: int, address: bytes) -> Commit | None: ...


@dataclass(frozen=True)
class Told:
    """What is reported about.

    Attributes
    ----------
    node, watch, registry, results, ledger, commits
        Those of the provider, entered.
    addresses : mapping of str to bytes
        Of its keys, by role; the identity's where it is known.
    fees : Fees
        Of its transactions.
    shadow : bool
        Whether it sends nothing.
    clock : Clock
        The pipeline's.
    now : callable
        Seconds of the chain's clock.
    unrevealed : callable
        How many rounds are committed to that are not over.
    lease : callable
        Whether the lease is held; None where there is none.
    """

    node: Node
    watch: Watch
    registry: Registry
    results: RoundResults
    ledger: Ledger
    commits: Finder
    addresses: Mapping[str, bytes]
    fees: Fees
    shadow: bool
    clock: Clock
    now: Callable[[], float]
    unrevealed: Callable[[], int]
    lease: Callable[[], bool | None] = lambda: None


class Reporting:
    """Records and numbers of one provider.

    Parameters
    ----------
    told : Told
        What is reported about.
    failed : callable
        Told the path of a request that could not be answered, and the error.

    Attributes
    ----------
    measures : Measures
        Its numbers.
    port : int or None
        Where they are served, if they are.
    """

    def __init__(self, told: Told, failed: Callable[[str, Exception], None]) -> None:
        self.port: int | None = None
        self._told = told
        self._failed = failed
        network, addresses = told.watch.network, told.addresses
        self._senders = {role: addresses[role] for role in ("submit", "submit_signatures", "signing_policy")}
        self._identity = addresses.get("identity", b"")
        self._books = [NonceBook(told.ledger, network.chain_id, each) for each in sorted({*self._senders.values()})]
        self.measures = Measures(network, self._identity)
        submit = addresses["submit"]
        means = Means(
            chain=told.watch,
            results=told.results.find,
            commit=lambda number: told.commits.find(number, submit),
            sent=partial(sent_by, self._books, told.fees),
            relayed=Relays(told.node, lambda: told.registry.address("Relay")).relayed,
            submit=submit,
            signatures=addresses["submit_signatures"],
            shadow=told.shadow,
            now=told.clock.now,
        )
        self._records = Records(told.ledger)
        self._recorder = Recorder(means, self._records, self.measures.record)

    async def record(self, round: int, refusal: str) -> None:
        """Write down what became of a round; see `Recorder.record`."""
        await self._recorder.record(round, refusal)
        if round % _TIDIED_EVERY == 0:
            kept = KEPT * self._told.watch.network.voting_round_seconds
            for book in self._books:
                await asyncio.to_thread(book.prune, self._told.clock.now() - kept * SECOND)

    async def run(self) -> None:
        """Look at balances and at the registration for the next reward epoch, again and again."""
        while True:
            # whoever does not answer is told of elsewhere
            with contextlib.suppress(ChronoError, ProtocolError, LookupError):
                await self._look()
            await self._told.clock.sleep(EVERY)

    async def catch_up(self) -> None:
        """Write down the rounds that ended while nothing ran here, as far as the chain still tells of them."""
        watch, network = self._told.watch, self._told.watch.network
        # from the one before the present on they are voted in
        until = voting_round(network, int(self._told.now())) - 1
        last = await asyncio.to_thread(self._records.last, 1)
        number = last[0].round + 1 if last else until
        for _ in range(_TRIES):
            try:
                while number < until and watch.head().timestamp > round_end(network, number + 1):
                    number = max(number, watch.complete_from())
                    if number < until:
                        await self._recorder.record(number)
                    number += 1
            except LookupError:
                # blocks, or the reward epoch, are being read
                pass
            if number >= until:
                return
            await self._told.clock.sleep(_AGAIN)

    async def text(self) -> str:
        """Return all numbers as they are now; on the provider's own loop."""
        told, network = self._told, self._told.watch.network
        second = int(told.now())
        round, head, registered = voting_round(network, second), None, None
        with contextlib.suppress(LookupError):
            head = told.watch.head()
        with contextlib.suppress(LookupError):
            voters = told.watch.reward_epoch(round).voters
            registered = any(self._senders["submit"] == voter.submit for voter in voters)
        offset, now = told.watch.looking.offset, told.clock.now()
        return self.measures.text(
            Now(
                round=round,
                epoch=reward_epoch(network, round),
                registered=registered,
                head_age=None if head is None else told.now() - head.timestamp,
                head=None if head is None else head.number,
                clock_offset=None if offset is None else offset.seconds,
                unrevealed=told.unrevealed(),
                nodes={
                    each.name: not (each.refused or each.stale or each.rests_until > now)
                    for each in told.node.endpoints
                },
                lease=told.lease(),
            )
        )

    @contextlib.asynccontextmanager
    async def served(self, options: MetricsOptions) -> AsyncIterator[None]:
        """Serve all numbers.

        Raises
        ------
        PermanentError
            If it cannot listen there.
        """
        # what serves is imported where something is served
        from chrono_flare_ftso.api import Api
        from chrono_flare_ftso.result_routes import at_home
        from chrono_flare_ftso.serving import Server

        home = asyncio.get_running_loop()

        def failed(path: str, error: Exception) -> None:
            # the server is in a thread of its own
            with contextlib.suppress(RuntimeError):
                home.call_soon_threadsafe(self._failed, path, error)

        server = Server(options.host, options.port)
        try:
            server.start(Api(endpoints(lambda: at_home(home, self.text())), tell=failed))
            self.port = server.port
            yield
        finally:
            await server.stop()

    async def _look(self) -> None:
        told = self._told
        for role, address in self._senders.items():
            self.measures.balance(role, address, await told.node.balance(address), told.fees.limits.low_balance)
        if self._identity:
            (present,) = await self._asked("FlareSystemsManager", "getCurrentRewardEpochId")
            (registered,) = await self._asked("VoterRegistry", "isVoterRegistered", self._identity, present + 1)
            self.measures.registered_next(registered=bool(registered))

    async def _asked(self, contract: str, name: str, *values: object) -> tuple[Any, ...]:
        asked = function(contract, name)
        return tuple(asked.decode_result(await self._told.registry.call(contract, asked.encode_call(*values))))
