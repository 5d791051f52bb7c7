"""Which reward epoch a voting round is in, from the events of a chain that is followed.

A round of reward epoch E needs the events of the whole of E - 1, because anyone may offer rewards for E during that
time, and an offer can add a feed. On Flare that is 302,400 s, some 170,000 blocks of 1.8 s. Reading them takes

===================================== =========================================================
a node that answers for               requests, the first time
===================================== =========================================================
30 blocks at a time, Flare's public   5,700 ranges for E - 1 and as many, at most, for E so far,
                                      twenty in a batch: 290 to 570 requests, four under way
2,048 blocks                          84 to 170 ranges: 5 to 9 requests
10,000 blocks or more, one's own      17 to 34 ranges: 2 or 3 requests
===================================== =========================================================

and some more for heads of blocks. In the first half hour of an epoch, while the benching window reaches into the one
before, it is one epoch more. What was read is kept in the ledger, so the next start reads only what happened since;
while the chain is followed it is one request every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.chain.blocks import first_block_at
from chrono_flare_ftso.chain.epochs import TOPICS, Contracts, Seen, policies_of, reward_epoch_of, seen_of
from chrono_flare_ftso.chain.logs import LogBook, LogNode
from chrono_flare_ftso.chain.timing import REGISTRY, Caller, addresses_of
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol import epochs as rounds_of
from chrono_flare_ftso.protocol.epochs import BENCHING_ROUNDS
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.events import SigningPolicyInitialized
from chrono_flare_ftso.protocol.feeds import InflationOffer
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.rounds import RewardEpoch

_LOOK_BACK = BENCHING_ROUNDS + 2


class PolicyNode(Caller, LogNode, Protocol):
    """Where events and addresses are asked for, such as a `Node`."""


class Policies:
    """The reward epochs of a chain that is followed.

    Parameters
    ----------
    node : Node
        Who is asked.
    network : Network
        Which chain.
    tell : callable
        Told a code and a sentence of what is out of the ordinary, and how far reading is.
    ledger : Ledger, optional
        Where events that were read are kept over a restart.
    """

    def __init__(
        self, node: PolicyNode, network: Network, tell: Callable[[str, str], None], ledger: Ledger | None = None
    ) -> None:
        self._node = node
        self._network = network
        self._tell = tell
        self._ledger = ledger
        self._contracts = Contracts(network, {})
        self._resolved = -1
        self._book: LogBook | None = None
        self._seen: list[Seen] = []
        self._policies: dict[int, SigningPolicyInitialized] = {}
        self._built: dict[int, RewardEpoch] = {}
        self._first_of: dict[int, int] = {}
        self._read_to = -1
        self._progress = "nothing was read so far"

    async def advance(self, head: Block) -> None:
        """Read events up to a head.

        Raises
        ------
        TransientError
            If no node answers.
        """
        now = rounds_of.voting_round(self._network, head.timestamp)
        expected = rounds_of.reward_epoch(self._network, max(now, self._network.first_reward_epoch_round))
        book = await self._opened(expected, head)
        # the epoch in force, or in its benching window the one before; its events are those of the epoch before it
        low = rounds_of.reward_epoch(self._network, max(now - _LOOK_BACK, self._network.first_reward_epoch_round))
        await self._read(book, low - 1, head)
        if not any(policy.start_round <= now - _LOOK_BACK for policy in self._policies.values()):
            # a policy that came late: the one before it is still in force, or was
            await self._read(book, low - 2, head)
        if low - 2 in self._first_of:
            await book.forget(self._first_of[low - 2])
        self._read_to = head.timestamp

    def reward_epoch(self, round: int) -> RewardEpoch:
        """Return the reward epoch of a voting round.

        Raises
        ------
        LookupError
            If its events were not read, or do not make one; it says which are missing.
        """
        number = self._number(round)
        try:
            if number not in self._built:
                self._built[number] = reward_epoch_of(number, self._seen, self._contracts)
        except ProtocolError as error:
            raise LookupError(f"voting round {round}: its reward epoch is not known: {error}") from None
        return self._built[number]

    def signing_policy(self, round: int) -> SigningPolicy:
        """Return the signing policy of a voting round.

        Raises
        ------
        LookupError
            If its event was not read.
        """
        policy = self._policies[self._number(round)]
        return SigningPolicy.decode(policy.policy_bytes)

    def address(self, contract: str) -> bytes:
        """Return the present address of a contract.

        Raises
        ------
        LookupError
            If it is not known.
        """
        found = self._contracts.present.get(contract)
        if found is None and contract in self._network.contracts:
            found = self._network.contracts[contract][-1].address
        if found is None:
            raise LookupError(f"{self._network.name}: expected a contract {contract}, the registry knows of none")
        return found

    def _number(self, round: int) -> int:
        """Return the reward epoch whose policy is in force in a voting round."""
        # a policy that serves a round is set some rounds before it
        known = rounds_of.round_start(self._network, round - self._network.parameters.policy_delay_rounds)
        if self._read_to < known:
            raise LookupError(f"voting round {round}: its reward epoch is not known yet: {self._progress}")
        starts = [(policy.start_round, number) for number, policy in self._policies.items()]
        try:
            return rounds_of.policy_in_force(starts, round)
        except ProtocolError as error:
            raise LookupError(f"voting round {round}: its reward epoch is not known: {error}") from None

    def offers(self, number: int) -> tuple[InflationOffer, ...]:
        """Return the inflation offers for a reward epoch, in the order of the chain, as far as they were read."""
        offers = (each.event for each in self._seen if isinstance(each.event, InflationOffer))
        return tuple(offer for offer in offers if offer.reward_epoch == number)

    async def _opened(self, expected: int, head: Block) -> LogBook:
        """Return the book of the contracts there are now; they are asked for in each reward epoch."""
        if self._book is not None and self._resolved == expected:
            return self._book
        present = await addresses_of(self._node, self._network.contract(REGISTRY, expected))
        contracts = Contracts(self._network, present)
        if self._book is None or contracts.all() != self._contracts.all():
            book = LogBook(self._node, self._network.chain_id, contracts.all(), TOPICS, self._ledger)
            await book.restore(head)
            self._book, self._seen = book, []
        self._contracts, self._resolved = contracts, expected
        return self._book

    async def _read(self, book: LogBook, epoch: int, head: Block) -> None:
        """Read from the start of a reward epoch on."""

        def told(read: int, wanted: int) -> None:
            self._progress = f"{read} of {wanted} blocks of events are read"
            self._tell("reading", f"reward epochs: {self._progress}")

        first = await self._first_block(epoch, head)
        before = book.logs
        await book.read(first, head, told)
        if book.logs != before or not self._seen:
            self._seen = seen_of(book.logs)
            self._policies = policies_of(self._seen, self._contracts)
            # what was built of blocks that were replaced since must not stay
            self._built = {}

    async def _first_block(self, epoch: int, head: Block) -> int:
        """Return the first block of a reward epoch, as expected; 0 where the chain is younger."""
        start = rounds_of.reward_epoch_start(self._network, epoch)
        if epoch not in self._first_of:
            self._first_of[epoch] = await first_block_at(self._node, start, head)
            self._first_of = {number: block for number, block in self._first_of.items() if number >= epoch - 4}
        return self._first_of[epoch]
