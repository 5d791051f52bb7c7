"""A chain of plain data, for those who build upon one: what a `Watch` answers, without a node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from chrono_flare_ftso.chain.watching import Head
from chrono_flare_ftso.protocol.epochs import policy_in_force, reveal_deadline, round_start, voting_round
from chrono_flare_ftso.protocol.errors import NoResult
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Submitted, Transaction, by_round


class RecordedChain:
    """Transactions and reward epochs that are known from the start, up to a head that the test moves.

    Parameters
    ----------
    network : Network
        Which chain.
    transactions : iterable of Transaction
        All of them; those after the head are not there yet.
    epochs : sequence of RewardEpoch
        Those that are known.
    head : int
        Timestamp of the last block, unix seconds; `move` moves it.
    since : int, optional
        The first second that was read; without it everything was.
    """

    def __init__(
        self,
        network: Network,
        transactions: Iterable[Transaction] = (),
        epochs: Sequence[RewardEpoch] = (),
        head: int = 0,
        since: int | None = None,
    ) -> None:
        self.network = network
        self.transactions = list(transactions)
        self.epochs = list(epochs)
        self.entered = False
        self._head = Head(0, head)
        self._since = network.first_voting_round_start if since is None else since
        self._moved = asyncio.Event()

    async def __aenter__(self) -> RecordedChain:
        self.entered = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.entered = False

    def move(self, timestamp: int) -> None:
        """Put the head's timestamp forward."""
        self._head = Head(self._head.number + 1, max(timestamp, self._head.timestamp))
        self._moved.set()
        self._moved = asyncio.Event()

    def head(self) -> Head:
        return self._head

    async def until(self, second: int, patience: float) -> bool:
        """Wait for the head; patience, which counts the local clock's seconds, is at an end when it is 0."""
        while self._head.timestamp <= second:
            if patience <= 0:
                return False
            await self._moved.wait()
        return True

    def submitted(self, round: int) -> Submitted:
        first, last = round_start(self.network, round), reveal_deadline(self.network, round + 1)
        there = [each for each in self.transactions if first <= each.timestamp <= min(last, self._head.timestamp)]
        return by_round(self.network, there).get(round, Submitted(round, {}, {}))

    def reward_epoch(self, round: int) -> RewardEpoch:
        known = {epoch.number: epoch for epoch in self.epochs}
        try:
            return known[policy_in_force([(epoch.start_round, epoch.number) for epoch in self.epochs], round)]
        except NoResult as error:
            raise LookupError(str(error)) from None

    def complete_from(self) -> int:
        return voting_round(self.network, self._since - 1) + 1
