"""The chain as a data provider sees it: how far it is read, what was sent for a round, who may vote in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from chrono import ChronoError, PermanentError, RateLimited
from chrono_flare_ftso.chain.blocks import Blocks
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.heads import Heads
from chrono_flare_ftso.chain.looking import Looking
from chrono_flare_ftso.chain.policies import Policies
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.timing import REGISTRY, addresses_of, network_of
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.epochs import reveal_deadline, round_end, round_start, voting_round
from chrono_flare_ftso.protocol.feeds import InflationOffer
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL, Network
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Submitted, Transaction, by_round


class Head(NamedTuple):
    """The last block that was read: its number and its timestamp, unix seconds."""

    number: int
    timestamp: int


class Chain(Protocol):
    """What is read of a chain, while its context is entered; asked on the event loop that entered it.

    Attributes
    ----------
    network : Network
        Which chain; its timing is the chain's own once the context is entered.
    """

    network: Network

    async def __aenter__(self) -> Self:
        """Begin to follow the chain; what happened before is read meanwhile."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Follow it no longer."""
        ...

    def head(self) -> Head:
        """Return the last block up to which everything was read.

        Raises
        ------
        LookupError
            If none was read so far.
        """
        ...

    async def until(self, second: int, patience: float) -> bool:
        """Wait until all blocks of a second and of those before it were read.

        Parameters
        ----------
        second : int
            Unix seconds, such as `epochs.reveal_deadline`.
        patience : float
            How many seconds the local clock may be past `second` before nothing more is waited for; the reference
            waits for 5.

        Returns
        -------
        bool
            True once a block with a later timestamp was read; False when patience ran out: what was read is then
            taken for complete, as the reference does, or not, as the caller likes.
        """
        ...

    def submitted(self, round: int) -> Submitted:
        """Return the commits and the reveals of a voting round as far as they were read.

        Wholly read are rounds from `complete_from` on whose time to reveal was waited for with `until`.
        """
        ...

    def reward_epoch(self, round: int) -> RewardEpoch:
        """Return the reward epoch that a voting round belongs to.

        Raises
        ------
        LookupError
            If it is not known, or not yet; it says what is missing.
        """
        ...

    def complete_from(self) -> int:
        """Return the first voting round whose commits and reveals are held from the beginning.

        It is past the present one while nothing was read, and moves on as old rounds are let go: 20 rounds before the
        present one, which is what benching looks back on, are held.

        Raises
        ------
        LookupError
            If nothing was read so far.
        """
        ...


_LONGEST_WAIT = 4.0

Told = Callable[[str, str, str], None]


def _silent(state: str, code: str, message: str) -> None:
    """Tell nobody."""


class Watch:
    """A chain that is followed through its nodes: a `Chain`.

    Parameters
    ----------
    node : Node
        Its nodes; entered and left with this.
    network : Network
        Which chain.
    ledger : Ledger, optional
        Where events that were read are kept over a restart.
    heads : Heads, optional
        Who announces heads; entered and left with this. Without any, and while none comes, heads are polled for.
    timed : bool
        Whether timing and contracts are read from the chain: for a network that is not one of the four.
    tell : callable
        Told a state, a code and a sentence, as `Context.status` takes them.
    every : float
        Seconds between two looks at the head; four times as many while heads are announced, each of which is looked at
        at once.
    events_every : float
        Seconds between two looks for events.

    Attributes
    ----------
    network : Network
        As given, or as read.
    error : Exception or None
        Why nothing is read any more, such as nodes that are all of another chain.
    looking : Looking
        When the head is looked at, and by how much the machine's clock is off.

    Notes
    -----
    Entering waits for no block; where `timed` it waits for the contracts to be read. Everything is asked on the event
    loop that entered it, and `submitted` and `reward_epoch` are quick.
    """

    def __init__(
        self,
        node: Node,
        network: Network,
        *,
        ledger: Ledger | None = None,
        heads: Heads | None = None,
        timed: bool = False,
        tell: Told = _silent,
        every: float = 1.0,
        events_every: float = 4.0,
    ) -> None:
        self.network = network
        self.error: Exception | None = None
        self._node = node
        self._ledger = ledger
        self._heads = heads
        self.looking = Looking(node.clock, every, heads, tell)
        self._timed = timed
        self._tell = tell
        self._every, self._events_every = every, events_every
        self._moved = asyncio.Event()
        self._blocks: Blocks | None = None
        self._policies: Policies | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._undo = contextlib.AsyncExitStack()
        self._troubled: set[str] = set()

    async def __aenter__(self) -> Self:
        self._node.tell = lambda code, message: self._tell("degraded", code, message)
        async with contextlib.AsyncExitStack() as undo:
            await undo.enter_async_context(self._node)
            if self._timed:
                self.network = await network_of(self._node, self.network)
            self._policies = Policies(self._node, self.network, self._said, self._ledger)
            if self._heads is not None:
                self._heads.chain_id, self._heads.tell = self.network.chain_id, self._node.tell
                await undo.enter_async_context(self._heads)
            undo.push_async_callback(self._stop)
            self._tasks = [
                asyncio.create_task(self._repeat("blocks", self._every, self._read_blocks, self._next_head)),
                asyncio.create_task(self._repeat("events", self._events_every, self._read_events)),
            ]
            self._undo = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._undo.aclose()

    def head(self) -> Head:
        """Return the last block up to which everything was read."""
        last = self._blocks.last if self._blocks is not None else None
        if last is None:
            raise LookupError(f"expected a block of {self.network.name}, was none read so far{self._why()}")
        return Head(last.number, last.timestamp)

    async def until(self, second: int, patience: float) -> bool:
        """Wait until all blocks of a second and of those before it were read."""
        limit = second * SECOND + int(patience * SECOND)
        while True:
            with contextlib.suppress(LookupError):
                if self.head().timestamp > second:
                    return True
            left = (limit - self._node.clock.now()) / SECOND
            if left <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                # not wait_for, which in Python 3.11 may lose a cancellation
                async with asyncio.timeout(min(left, 1.0)):
                    await self._moved.wait()

    def submitted(self, round: int) -> Submitted:
        """Return the commits and the reveals of a voting round as far as they were read."""
        first, last = round_start(self.network, round), reveal_deadline(self.network, round + 1)
        sent = self._blocks.transactions(first, last) if self._blocks is not None else []
        return by_round(self.network, sent).get(round, Submitted(round, {}, {}))

    def reward_epoch(self, round: int) -> RewardEpoch:
        """Return the reward epoch that a voting round belongs to."""
        if self._policies is None:
            raise LookupError(f"voting round {round}: its reward epoch is not known: nothing was read so far")
        return self._policies.reward_epoch(round)

    def signatures(self, round: int) -> list[Transaction]:
        """Return what was sent to submitSignatures while signatures of a voting round count, as far as it was read."""
        if self._blocks is None:
            return []
        first, last = reveal_deadline(self.network, round + 1) + 1, round_end(self.network, round + 1)
        sent = self._blocks.transactions(first, last)
        return [each for each in sent if each.calldata[:4] == Call.SUBMIT_SIGNATURES.value]

    def signing_policy(self, round: int) -> SigningPolicy:
        """Return the signing policy of a voting round; raise `LookupError` where it is not known."""
        if self._policies is None:
            raise LookupError(f"voting round {round}: its signing policy is not known: nothing was read so far")
        return self._policies.signing_policy(round)

    def offers(self, reward_epoch: int) -> tuple[InflationOffer, ...]:
        """Return the inflation offers for a reward epoch that were read."""
        return () if self._policies is None else self._policies.offers(reward_epoch)

    def address(self, contract: str) -> bytes:
        """Return the present address of a contract; raise `LookupError` where there is none."""
        if self._policies is None:
            raise LookupError(f"{self.network.name}: {contract}: its address is not known: nothing was read so far")
        return self._policies.address(contract)

    async def is_finalized(self, round: int) -> bool:
        """Ask Relay whether a voting round of the FTSO is finalized; raise `TransientError` where no node answers."""
        asked = function("Relay", "isFinalized")
        told = await self._node.call(self.address("Relay"), asked.encode_call(FTSO_PROTOCOL, round))
        (finalized,) = asked.decode_result(told)
        return bool(finalized)

    def complete_from(self) -> int:
        """Return the first voting round whose commits and reveals are held from the beginning."""
        since = self._blocks.since if self._blocks is not None and self._blocks.last is not None else None
        if since is None:
            raise LookupError(f"expected blocks of {self.network.name}, was none read so far{self._why()}")
        return voting_round(self.network, since - 1) + 1

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _repeat(
        self,
        what: str,
        every: float,
        work: Callable[[], Awaitable[bool]],
        rest: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Do some work again and again, later where it failed; end where it can never succeed."""
        wait = every
        while True:
            try:
                again = await work()
            except PermanentError as error:
                self.error = error
                self._tell("failed", "chain", f"{error}; nothing more is read")
                return
            except ChronoError as error:
                if what not in self._troubled:
                    self._troubled.add(what)
                    self._tell("waiting", "chain", f"{what}: {error}; tried again")
                again = False
                wait = max(error.retry_after, every) if isinstance(error, RateLimited) else min(2 * wait, _LONGEST_WAIT)
            except Exception as error:
                self.error = error
                self._tell("failed", "chain", f"{what}: {type(error).__name__}; nothing more is read")
                raise
            else:
                wait = every
                if what in self._troubled:
                    self._troubled.discard(what)
                    self._tell("live", "", "")
                if rest is not None and not again:
                    await rest()
                    continue
            await self._node.clock.sleep(0 if again else wait)

    async def _next_head(self) -> None:
        last = self._blocks.last if self._blocks is not None else None
        await self.looking.next(-1 if last is None else last.number)

    async def _read_blocks(self) -> bool:
        if self._blocks is None:
            self._blocks = Blocks(self._node, self.network, await self._submission(), self._said)
        head = await self._node.head()
        self.looking.looked(head)
        again = await self._blocks.advance(head)
        self._moved.set()
        self._moved = asyncio.Event()
        return again

    async def _read_events(self) -> bool:
        if self._policies is not None:
            await self._policies.advance(await self._node.head())
        return False

    async def _submission(self) -> bytes:
        """Return the address of Submission: the registry's, or the one that is known."""
        found = await addresses_of(self._node, self.network.contract(REGISTRY, 0), ("Submission",))
        if found:
            return found["Submission"]
        if "Submission" not in self.network.contracts:
            raise PermanentError(f"{self.network.name}: expected a contract Submission, the registry knows of none")
        return self.network.contracts["Submission"][-1].address

    def _said(self, code: str, message: str) -> None:
        self._tell("starting" if code == "reading" else "degraded", code, message)

    def _why(self) -> str:
        return f": {self.error}" if self.error is not None else ""
