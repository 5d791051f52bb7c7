"""The rounds of a provider: each is committed to, revealed, signed and finalized, whatever becomes of the others.

Rounds overlap: while one is committed to, the one before it is revealed and signed. A step that fails costs itself
alone; what counts no longer is not sent. Everything is done again from what is on disk after a restart: who committed
reveals, with the same words, as long as that counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from chrono import ChronoError
from chrono_flare_ftso.answers import Feeds, Values
from chrono_flare_ftso.asking import Unanswered
from chrono_flare_ftso.chain.watching import Chain
from chrono_flare_ftso.commits import Commit
from chrono_flare_ftso.keys.signer import Signer, message_preimage
from chrono_flare_ftso.protocol.epochs import round_start, voting_round
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.finalizers import select
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.relay import client_threshold
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Transaction
from chrono_flare_ftso.protocol.signatures import SignaturePayload
from chrono_flare_ftso.provider.checks import check_feeds
from chrono_flare_ftso.provider.collecting import Collected
from chrono_flare_ftso.provider.guards import Limits, guarded
from chrono_flare_ftso.provider.timetable import Offsets, Timetable
from chrono_flare_ftso.round_results import Outcome
from chrono_flare_ftso.votes import vector

LOOK = 0.25
"""Seconds between two looks at what may have come meanwhile."""

LONGEST_SLEEP = 5.0
"""Seconds after which the clock's offset is looked at again."""

PRICED_BY = 3.0
"""Seconds in which at least one feed has to have a value, before there is nothing to vote."""

Tell = Callable[[str, str, str], None]

_EXPECTED = (ChronoError, ProtocolError, Unanswered)


class FollowedChain(Chain, Protocol):
    """A `Chain` with what signatures and finalizing need."""

    def signatures(self, round: int) -> Sequence[Transaction]:
        """Return what was sent to Submission in the time in which a round's signatures count."""
        ...

    def signing_policy(self, round: int) -> SigningPolicy:
        """Return the signing policy of a voting round; raise `LookupError` where it is not known."""
        ...

    async def is_finalized(self, round: int) -> bool:
        """Ask whether a voting round is finalized."""
        ...


class Wallet(Protocol):
    """What sends the transactions of one key."""

    @property
    def address(self) -> bytes:
        """20 bytes."""
        ...

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
        """Send a call to a contract by its name in the registry, unless what is so labelled for a round was sent.

        Parameters
        ----------
        contract : str
            Such as ``Submission``.
        data : bytes
            Calldata.
        label : str
            What it is, such as ``submit1``.
        round : int
            The voting round it is for.
        until : float
            Seconds of the chain's clock; from then on it is void, and not sent again.

        Returns
        -------
        bool
            Whether it is on the chain, and was not reverted.

        Raises
        ------
        ChronoError
            If it cannot be sent; it says what to do.
        """
        ...


async def _nothing(*_: object) -> None:
    """Do nothing."""


class Kept(Protocol):
    """Where commits are kept; both wait for the disk."""

    def find(self, round: int, address: bytes) -> Commit | None: ...
    def make(self, round: int, address: bytes, vector: bytes, feeds: Sequence[bytes]) -> Commit: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a provider is made of.

    Attributes
    ----------
    chain : FollowedChain
        Entered.
    now : callable
        Seconds of the chain's clock: the machine's, and by how much it is off.
    sleep : callable
        Waits for some seconds.
    commits : Kept
    values : callable
        Returns the values of a round, given the round and seconds of patience.
    results : callable
        Returns what became of a round, None as long as it is not known.
    medians : callable
        Returns the last medians by feed id, given the round that they are for.
    feeds : Feeds
        Those that are priced.
    submit, signatures, policy : Wallet
        Of the three keys.
    signer : Signer
        Of the signing policy's key.
    tell : callable
        Told a state, a code and a sentence.
    record : callable
        Given a round that is over, and why nothing was committed to where guards said so.
    registered_only : bool
        Whether nothing is committed to for who is no voter; who sends nothing may look on.
    funded : callable
        Raises `Unfunded` where a commit and its reveal cannot be paid: then nothing is committed to.
    """

    chain: FollowedChain
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    commits: Kept
    values: Callable[[int, float], Awaitable[Values]]
    results: Callable[[int], Awaitable[Outcome | None]]
    medians: Callable[[int], Mapping[bytes, float]]
    feeds: Feeds
    submit: Wallet
    signatures: Wallet
    policy: Wallet
    signer: Signer
    tell: Tell
    record: Callable[[int, str], Awaitable[None]] = _nothing
    registered_only: bool = True
    funded: Callable[[], Awaitable[None]] = _nothing


class Voting:
    """What a provider does, round after round.

    Parameters
    ----------
    parts : Parts
        What it is made of.
    offsets : Offsets, optional
        When it does what.
    limits : Limits, optional
        What it refuses to vote.

    Attributes
    ----------
    leaving : bool
        Whether no round is committed to any more.
    """

    def __init__(self, parts: Parts, offsets: Offsets | None = None, limits: Limits | None = None) -> None:
        self.leaving = False
        self._parts = parts
        self._network = parts.chain.network
        self._offsets = offsets or Offsets()
        self._limits = limits or Limits()
        self._rounds: dict[int, asyncio.Task[None]] = {}
        self._committed: set[int] = set()
        self._outside: set[int] = set()
        self._compared: set[int] = set()
        self._refusals: dict[int, str] = {}

    async def run(self) -> None:
        """Vote from the present round on; rounds before it that are not over are revealed, signed and finalized."""
        round = self._present() - 1
        try:
            while not self.leaving:
                task = self._rounds[round] = asyncio.create_task(self.vote(round), name=f"voting round {round}")
                task.add_done_callback(partial(self._over, round))
                round += 1
                await self._at(round_start(self._network, round))
            await self.drained()
        finally:
            for task in self._rounds.values():
                task.cancel()
            await asyncio.gather(*self._rounds.values(), return_exceptions=True)

    def _over(self, round: int, _: asyncio.Task[None]) -> None:
        self._rounds.pop(round, None)
        self._committed.discard(round)

    @property
    def unrevealed(self) -> int:
        """How many rounds are committed to, and not over."""
        return len(self._committed)

    async def drained(self) -> None:
        """Commit to nothing more, and wait until what was committed to is revealed and signed."""
        self.leaving = True
        while not self._committed.isdisjoint(self._rounds):
            await self._parts.sleep(LOOK)

    async def vote(self, round: int) -> None:
        """Do everything for one voting round."""
        table = Timetable.of(self._network, round, self._offsets)
        await self._step("commit", round, self._commit(table))
        await self._step("reveal", round, self._reveal(table))
        await self._at(table.signatures)
        collected: list[Collected] = []
        await asyncio.gather(
            self._step("signature", round, self._sign(table, collected)),
            self._step("finalisation", round, self._finalize(table, collected)),
        )
        await self._step("record", round, self._parts.record(round, self._refusals.pop(round, "")))

    async def _step(self, what: str, round: int, work: Awaitable[None]) -> None:
        """Do one step; where it fails the others are done all the same."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - a bug in one step is to cost no other its time
            expected = isinstance(error, _EXPECTED) or type(error) is LookupError
            told = str(error) if expected else f"{type(error).__name__}: {error}; this is a bug, tell its author"
            self._parts.tell("degraded", what, f"voting round {round}: no {what}: {told}")

    # commit and reveal

    async def _commit(self, table: Timetable) -> None:
        parts, round = self._parts, table.round
        commit = await asyncio.to_thread(parts.commits.find, round, parts.submit.address)
        if commit is None:
            if self.leaving or parts.now() >= table.submit1_ends:
                return
            await self._at(table.submit1)
            if self.leaving:
                return
            commit = await self._made(table)
            if commit is None:
                return
        self._committed.add(round)
        if parts.now() < table.submit1_ends:
            await self._submit(Call.SUBMIT1, commit.submit1(), round, table.submit1_ends)

    async def _made(self, table: Timetable) -> Commit | None:
        """Commit to the values of now; None where there is nothing to commit to."""
        parts, round = self._parts, table.round
        left = table.submit1_ends - parts.now()
        # asked for at once: the values are those of now, whatever else has to be waited for
        values, epoch = await asyncio.gather(parts.values(round, min(PRICED_BY, left)), self._epoch(table))
        if parts.registered_only and not self._registered(epoch):
            return None
        self._compare(epoch)
        found = guarded(epoch.feeds, parts.feeds, values, parts.medians(round), self._limits)
        for name, why in found.withheld.items():
            parts.tell("degraded", "withheld", f"voting round {round}: {name}: {why}; it is not voted")
        if found.refusal:
            self._refusals[round] = found.refusal
            parts.tell("degraded", "refused", f"voting round {round}: {found.refusal}; nothing is committed to")
            return None
        await parts.funded()
        votes = vector(epoch.feeds, parts.feeds, found.values)
        ids = [feed.id for feed in epoch.feeds]
        return await asyncio.to_thread(parts.commits.make, round, parts.submit.address, votes, ids)

    async def _reveal(self, table: Timetable) -> None:
        parts, round = self._parts, table.round
        commit = await asyncio.to_thread(parts.commits.find, round, parts.submit.address)
        if commit is None or parts.now() >= table.submit2_ends:
            return
        self._committed.add(round)
        await self._at(table.submit2)
        await self._submit(Call.SUBMIT2, commit.submit2(), round, table.submit2_ends)

    async def _submit(self, call: Call, message: bytes, round: int, until: float) -> None:
        wallet = self._parts.signatures if call is Call.SUBMIT_SIGNATURES else self._parts.submit
        label = {Call.SUBMIT1: "submit1", Call.SUBMIT2: "submit2"}.get(call, "submitSignatures")
        if not await wallet.send("Submission", call.value + message, label=label, round=round, until=until):
            self._parts.tell("degraded", label, f"voting round {round}: {label} is not on the chain in time")

    # sign and finalize

    async def _sign(self, table: Timetable, collected: list[Collected]) -> None:
        parts, round = self._parts, table.round
        outcome = await self._result(table)
        if outcome is None:
            raise LookupError("its result was not worked out in time")
        if outcome.result is None:
            # there is none by the rules, which was told when it was worked out
            return
        message = Result(FTSO_PROTOCOL, round, outcome.result.secure, outcome.result.tree.root).encode()
        for each in collected:
            each.own = message
        if parts.signer.address not in {voter.signing for voter in outcome.epoch.voters}:
            return
        payload = SignaturePayload(await parts.signer.sign(message_preimage(keccak256(message))))
        sent = calldata(Call.SUBMIT_SIGNATURES, PayloadMessage(FTSO_PROTOCOL, round, payload.encode()))
        await self._submit(Call.SUBMIT_SIGNATURES, sent[4:], round, table.ends)

    async def _result(self, table: Timetable) -> Outcome | None:
        while True:
            found = await self._parts.results(table.round)
            if found is not None or self._parts.now() >= table.ends:
                return found
            await self._parts.sleep(LOOK)

    async def _finalize(self, table: Timetable, collecting: list[Collected]) -> None:
        """Send what finalizes the round: at once where we were selected, else after those who were."""
        parts, round = self._parts, table.round
        policy = parts.chain.signing_policy(round)
        collected = Collected(policy, round)
        collecting.append(collected)
        threshold = self._threshold(policy, round)
        chosen = select(policy.seed, policy.weights, FTSO_PROTOCOL, round)
        first = parts.policy.address in {policy.voters[index] for index in chosen}
        while parts.now() < table.ends:
            collected.hear(parts.chain.signatures(round))
            relayed = await asyncio.to_thread(collected.relayed, threshold)
            if relayed is not None and (first or parts.now() >= table.finalisation):
                if not first and await parts.chain.is_finalized(round):
                    return
                await parts.policy.send("Relay", relayed.encode(), label="relay", round=round, until=table.ends)
                return
            await self._parts.sleep(LOOK)

    def _threshold(self, policy: SigningPolicy, round: int) -> int:
        """Return what signatures have to weigh more than: what the contract wants, and what the others wait for."""
        network = self._network
        ends = network.first_reward_epoch_round + (policy.reward_epoch + 1) * network.reward_epoch_rounds
        wanted = client_threshold(policy, round, ends, last=True)
        late = policy.threshold * 6 // 5 if round >= ends else policy.threshold
        return max(wanted, late)

    # time, and who we are

    def _registered(self, epoch: RewardEpoch) -> bool:
        """Say whether we vote in a reward epoch; where we do not, tell it once."""
        address = self._parts.submit.address
        if any(voter.submit == address for voter in epoch.voters):
            return True
        if epoch.number not in self._outside:
            self._outside.add(epoch.number)
            told = (
                f"reward epoch {epoch.number}: expected 0x{address.hex()} among its {len(epoch.voters)} voters' submit"
            )
            why = "addresses, was none of them; register, or wait for the next reward epoch"
            self._parts.tell("degraded", "unregistered", f"{told} {why}")
        return False

    def _compare(self, epoch: RewardEpoch) -> None:
        """Tell which feeds of a reward epoch are not priced, once; all of them are found by their ids."""
        if epoch.number not in self._compared:
            self._compared.add(epoch.number)
            check = check_feeds(epoch, self._parts.feeds, self._limits.missing)
            if check.state != "ok":
                self._parts.tell("degraded", "feeds", f"{check.told}; {check.advice}")

    async def _epoch(self, table: Timetable) -> RewardEpoch:
        while True:
            try:
                return self._parts.chain.reward_epoch(table.round)
            except LookupError:
                if self._parts.now() >= table.submit1_ends:
                    raise
            await self._parts.sleep(LOOK)

    def _present(self) -> int:
        return voting_round(self._network, int(self._parts.now()))

    async def _at(self, second: float) -> None:
        """Wait for a second of the chain's clock."""
        while (left := second - self._parts.now()) > 0:
            await self._parts.sleep(min(left, LONGEST_SLEEP))
