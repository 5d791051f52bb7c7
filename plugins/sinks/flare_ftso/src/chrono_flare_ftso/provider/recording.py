"""What became of a round, from the chain itself as far as it says so, and written down.

What counts is what is on the chain, whoever of two machines sent it; what it cost is known by whoever did.

Source: flare-foundation/fsp-observer 78f9c71, `observer/validation/ftso.py` (late, early, offences, signatures after
their grace); `protocol.epochs` for the deadlines; read 2026-11-23.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from chrono import ChronoError
from chrono_flare_ftso.chain.answers import Block, Log
from chrono_flare_ftso.chain.carrying import Outcome as Fate
from chrono_flare_ftso.chain.fees import COIN, Fees
from chrono_flare_ftso.chain.nonces import ON_CHAIN, NonceBook
from chrono_flare_ftso.commits import Commit
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.events import ProtocolMessageRelayed, decode_event, topics_of
from chrono_flare_ftso.protocol.feeds import InflationOffer
from chrono_flare_ftso.protocol.messages import PayloadMessage, parse_calldata
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import Revealed, RewardEpoch, Submitted, Transaction, judge
from chrono_flare_ftso.protocol.values import unpack
from chrono_flare_ftso.provider.judging import (
    accuracy_amount,
    accuracy_share,
    coin_usd,
    judged_votes,
    offers_by_feed,
)
from chrono_flare_ftso.provider.voting import FollowedChain
from chrono_flare_ftso.records import Record, Records, Sent, State
from chrono_flare_ftso.round_results import Outcome

LABELS = ("submit1", "submit2", "submitSignatures", "relay")
"""What is sent for a voting round; what else a key sends is of reward epochs."""

UNKNOWN = "its result was not worked out here"
"""Of a round that ended while nothing ran, or whose reveals could not be read."""

_ABOUT = 1 / 15
"""Part of a round by which the last block that was read may be behind."""


class Relayed(NamedTuple):
    """That a round was finalised.

    Attributes
    ----------
    result : Result
        As which.
    block, timestamp : int
        In which block, and its timestamp, unix seconds.
    hash : bytes or None
        Of the transaction; None where the node does not say it.
    """

    result: Result
    block: int
    timestamp: int
    hash: bytes | None = None


class RecordedChain(FollowedChain, Protocol):
    """A `FollowedChain` with what rewards are."""

    def offers(self, reward_epoch: int) -> tuple[InflationOffer, ...]:
        """Return the inflation offers for a reward epoch that were read."""
        ...


class LogNode(Protocol):
    """Where logs are asked for, such as a `Node`."""

    async def head(self) -> Block: ...
    async def block(self, number: int) -> Block: ...
    async def logs(self, first: int, last: int, addresses: Sequence[bytes], topics: Sequence[bytes]) -> list[Log]: ...


@dataclass(frozen=True)
class Means:
    """What is asked about a round.

    Attributes
    ----------
    chain : RecordedChain
        Entered.
    results : callable
        Returns what became of a round, None where it is not known.
    commit : callable
        Returns what we committed to in a round, None where it is nothing; waits for the disk.
    sent : callable
        Returns what of ours is on the chain for a round; waits for the disk.
    relayed : callable
        Returns whether a round is finalised, given the first block to look at.
    submit, signatures : bytes
        20 bytes, who commits and reveals, and who deposits signatures.
    shadow : bool
        Whether nothing is sent.
    now : callable
        Nanoseconds.
    """

    chain: RecordedChain
    results: Callable[[int], Awaitable[Outcome | None]]
    commit: Callable[[int], Commit | None]
    sent: Callable[[int], Sequence[Sent]]
    relayed: Callable[[int, int], Awaitable[Relayed | None]]
    submit: bytes
    signatures: bytes
    shadow: bool
    now: Callable[[], int]


class Recorder:
    """Works out what became of rounds, and has it written down.

    Parameters
    ----------
    means : Means
        What is asked.
    records : Records
        Where it is written.
    told : callable
        Told each record.
    """

    def __init__(self, means: Means, records: Records, told: Callable[[Record], None]) -> None:
        self._means = means
        self._records = records
        self._told = told

    async def record(self, round: int, refusal: str = "") -> None:
        """Write down what became of a round that is over.

        Parameters
        ----------
        round : int
            The voting round.
        refusal : str
            Why nothing was committed to, where guards said so.

        Raises
        ------
        LookupError
            If its reward epoch is not known.
        PermanentError
            If it cannot be written down.
        """
        record = await self._worked_out(round, refusal)
        await asyncio.to_thread(self._records.write, record)
        self._told(record)

    async def _worked_out(self, round: int, refusal: str) -> Record:
        means, chain = self._means, self._means.chain
        epoch, outcome = chain.reward_epoch(round), await means.results(round)
        near = [chain.submitted(each) for each in (round - 1, round, round + 1)]
        judged = await asyncio.to_thread(judge, near[1], len(epoch.feeds))
        commit = await asyncio.to_thread(means.commit, round)
        sent = await asyncio.to_thread(means.sent, round)
        record = self._steps(round, epoch, judged, near, sent)
        reason = refusal or (UNKNOWN if outcome is None else outcome.reason)
        record = replace(record, reason=reason, sent=tuple(sent))
        record = await self._finished(record, outcome)
        reveal = judged.valid.get(means.submit)
        # another machine may have revealed, or another program while this one looks on
        votes = (commit, reveal) if means.shadow else (reveal, commit)
        vector = next((each.vector for each in votes if each is not None), b"")
        if record.reveal == "idle":
            return record
        return await asyncio.to_thread(self._judged, record, epoch, outcome, unpack(vector, len(epoch.feeds)))

    def _steps(
        self, round: int, epoch: RewardEpoch, judged: Revealed, near: Sequence[Submitted], sent: Sequence[Sent]
    ) -> Record:
        means = self._means
        ours, on_chain = means.submit, {each.label for each in sent}
        committed = ours in judged.valid or ours in judged.offenders
        before, _, after = near

        def state(done: bool, label: str, early: bool, late: bool) -> State:  # noqa: FBT001 - all of one kind
            if means.shadow:
                return "unsent"
            if done:
                return "ok"
            if not any(voter.submit == ours for voter in epoch.voters):
                return "idle"
            if early:
                return "early"
            return "late" if late or label in on_chain else "missing"

        signed = any(_names(each, round) for each in means.chain.signatures(round) if each.sender == means.signatures)
        in_commits = [_among(each, round) for each in (before.commits.get(ours), after.commits.get(ours))]
        in_reveals = [_among(each, round) for each in (before.reveals.get(ours), after.reveals.get(ours))]
        return Record(
            round=round,
            epoch=epoch.number,
            written=means.now(),
            shadow=means.shadow,
            commit=state(committed, "submit1", *in_commits),
            reveal=state(ours in judged.valid, "submit2", *in_reveals),
            signature=state(signed, "submitSignatures", early=False, late=False),
            offence=not means.shadow and ours in judged.offenders,
        )

    async def _finished(self, record: Record, outcome: Outcome | None) -> Record:
        """Add who finalised it, and how our signature stands to that."""
        chain, round = self._means.chain, record.round
        signatures = chain.signatures(round)
        first = min((each.block_number for each in signatures), default=None)
        relayed, finalised = None, ""
        with contextlib.suppress(ChronoError, ProtocolError):
            relayed = None if first is None else await self._means.relayed(round, first)
            finalised = "others" if relayed is not None or await chain.is_finalized(round) else self._unfinished(round)
        relay = next((each for each in record.sent if each.label == "relay" and each.state == "mined"), None)
        if relay is not None and finalised != "nobody" and _same(relay, relayed):
            record = replace(record, finalised="us", relay=relay.hash, relay_block=relay.block)
        else:
            hash, block = (None, None) if relayed is None else (relayed.hash, relayed.block)
            record = replace(record, finalised=finalised, relay=hash, relay_block=block)
        if record.signature != "ok" or relayed is None:
            return record
        ours = [each for each in signatures if each.sender == self._means.signatures and _names(each, round)]
        deadline = max(Deadlines.of(chain.network, round).signature_grace[-1], relayed.timestamp)
        result = None if outcome is None or outcome.result is None else outcome.result.result
        return replace(
            record,
            mismatch=result is not None and result != relayed.result,
            grace_missed=min(each.timestamp for each in ours) > deadline,
        )

    def _unfinished(self, round: int) -> str:
        """Return who finalises a round that is not finalised: nobody once its time is over, till then it is open."""
        network = self._means.chain.network
        over = Deadlines.of(network, round).end - network.voting_round_seconds * _ABOUT
        return "nobody" if self._means.chain.head().timestamp >= over else ""

    def _judged(
        self, record: Record, epoch: RewardEpoch, outcome: Outcome | None, votes: Sequence[int | None]
    ) -> Record:
        """Add where the votes lay and what they earn."""
        network, round, ours = self._means.chain.network, record.round, self._means.submit
        offers = self._means.chain.offers(epoch.number)
        known = offers_by_feed(offers, round, network.burn_address)
        result = None if outcome is None else outcome.result
        medians = [None] * len(epoch.feeds) if result is None else result.medians
        voter = next((each for each in epoch.voters if each.submit == ours), None)
        counts = record.shadow or record.reveal == "ok"
        judged = judged_votes(
            voter or Voter(b"", ours, b"", b"", 0, 0, 0), votes, epoch.feeds, medians, known, round, counts=counts
        )
        record = replace(record, votes=tuple(judged))
        if result is None:
            return record
        record = replace(record, coin_usd=coin_usd(network, epoch.feeds, result.medians))
        if voter is None:
            return record
        fip16 = network.follows_fip16(epoch.number)
        share = accuracy_share(voter, votes, epoch, result, known, fip16=fip16) if counts else 0.0
        if share is None:
            return record
        return replace(record, share=share, earned=share * accuracy_amount(offers, network) if offers else None)


class Relays:
    """Whether rounds are finalised, as the chain's logs say.

    Parameters
    ----------
    node : LogNode
        Entered.
    address : callable
        Returns the present address of Relay.
    """

    def __init__(self, node: LogNode, address: Callable[[], bytes]) -> None:
        self._node = node
        self._address = address

    async def relayed(self, round: int, first: int) -> Relayed | None:
        """Return what finalised a voting round, from a block on up to the head; None where nothing did.

        Raises
        ------
        TransientError
            If no node answers.
        """
        head = await self._node.head()
        for log in await self._node.logs(first, head.number, [self._address()], topics_of(ProtocolMessageRelayed)):
            event = decode_event(log.topics, log.data)
            if isinstance(event, ProtocolMessageRelayed) and (event.protocol, event.round) == (FTSO_PROTOCOL, round):
                block = await self._node.block(log.block)
                result = Result(event.protocol, event.round, event.secure, event.root)
                return Relayed(result, log.block, block.timestamp, log.transaction)
        return None


def sent_by(books: Sequence[NonceBook], fees: Fees, round: int) -> list[Sent]:
    """Return what some keys have on the chain for a voting round, in the order of `LABELS`, and what it cost."""
    found = []
    for book in books:
        for entry in book.of_round(round):
            if entry.label not in LABELS or entry.state not in ON_CHAIN:
                continue
            cost = Fate.of(entry, fees).cost
            wei, refunded = (None, False) if cost is None else (cost.wei / COIN, cost.refunded)
            found.append(Sent(entry.label, entry.hash, entry.state, entry.block, wei, refunded))
    return sorted(found, key=lambda each: LABELS.index(each.label))


def _same(relay: Sent, relayed: Relayed | None) -> bool:
    """Say whether our own transaction is the one that finalised; where a node says no hash its block has to do."""
    if relayed is None:
        return True
    return relay.hash == relayed.hash if relayed.hash is not None else relay.block == relayed.block


def _among(messages: Sequence[PayloadMessage] | None, round: int) -> bool:
    """Say whether one of some messages is of the FTSO for a round."""
    return any((each.protocol, each.round) == (FTSO_PROTOCOL, round) for each in messages or ())


def _names(transaction: Transaction, round: int) -> bool:
    """Say whether a submission has a message of the FTSO for a round."""
    try:
        messages = parse_calldata(transaction.calldata).messages
    except ProtocolError:
        return False
    return _among(messages, round)
