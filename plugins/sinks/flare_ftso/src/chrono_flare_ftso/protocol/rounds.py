"""A voting round from its transactions: which commits and reveals count, random, benching, medians, the result.

Addresses are bytes here, so the letter case that the reference compares addresses in does not arise.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/DataManager.ts`,
`libs/ftso-core/src/ftso-calculation/ftso-random.ts`, `ftso-median.ts` and `ftso-calculation-logic.ts` beside it,
`libs/ftso-core/src/RewardEpoch.ts`, read 2026-11-22.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from chrono_flare_ftso.protocol.commits import Reveal, commit_hash, decode_commit, decode_reveal
from chrono_flare_ftso.protocol.epochs import (
    Timing,
    benching_window,
    first_round,
    policy_in_force,
    reveal_deadline,
    voting_round,
)
from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError
from chrono_flare_ftso.protocol.feeds import FeedDecimals
from chrono_flare_ftso.protocol.medians import Median, turnout_bips, vote_matrix, weighted_medians
from chrono_flare_ftso.protocol.merkle import MerkleTree
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, last_parsable, parse_calldata
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL, Network
from chrono_flare_ftso.protocol.results import Result, feed_leaf, random_leaf
from chrono_flare_ftso.protocol.rewards.voters import Voter

T = TypeVar("T")

SECURE_REVEALS = 2

Sent = Mapping[bytes, Sequence[PayloadMessage]]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction to Submission, failed ones too: they count.

    Parameters
    ----------
    sender : bytes
        20 bytes.
    block_number, transaction_index : int
        Its place on the chain.
    timestamp : int
        Of its block, unix seconds.
    calldata : bytes
        With the selector.
    """

    sender: bytes
    block_number: int
    transaction_index: int
    timestamp: int
    calldata: bytes


@dataclass(frozen=True, slots=True)
class RewardEpoch:
    """What a round needs to know of its reward epoch.

    Parameters
    ----------
    number : int
        The reward epoch.
    start_round : int
        First voting round of its signing policy.
    voters : tuple of Voter
        In the order of the signing policy.
    feeds : tuple of FeedDecimals
        In canonical order.
    """

    number: int
    start_round: int
    voters: tuple[Voter, ...]
    feeds: tuple[FeedDecimals, ...]


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was sent for one round and in time; nothing is parsed yet.

    Parameters
    ----------
    round : int
        Voting round.
    commits, reveals : mapping of bytes to sequence of PayloadMessage
        Messages by sender, in the order of the chain, those of other protocols and rounds among them.
    """

    round: int
    commits: Sent
    reveals: Sent


@dataclass(frozen=True, slots=True)
class Revealed:
    """How the committers of one round behaved, whether they are voters or not.

    Parameters
    ----------
    round : int
        Voting round.
    valid : mapping of bytes to Reveal
        Reveals that are what was committed to, by sender.
    offenders : frozenset of bytes
        Who committed and has no valid reveal. A reveal without a commit is no offence.
    """

    round: int
    valid: Mapping[bytes, Reveal]
    offenders: frozenset[bytes]

    def among(self, senders: Collection[bytes]) -> Revealed:
        """Return the same of some senders only, valid reveals in their order."""
        valid = {sender: self.valid[sender] for sender in senders if sender in self.valid}
        return Revealed(self.round, valid, self.offenders.intersection(senders))


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round comes to.

    Parameters
    ----------
    revealed : Revealed
        Valid reveals and offenders among the voters, in the order of the signing policy.
    benched : frozenset of bytes
        Offenders of the rounds before, voters or not; they vote, but their randoms do not count.
    random : int
        256 bits.
    secure : bool
        Whether nobody could have chosen the random by not revealing.
    medians : tuple of Median
        One a feed, in canonical order.
    tree : MerkleTree
        Over `leaves`.
    leaves : tuple of bytes
        That of the random, then one a feed in canonical order.
    """

    revealed: Revealed
    benched: frozenset[bytes]
    random: int
    secure: bool
    medians: tuple[Median, ...]
    leaves: tuple[bytes, ...]
    tree: MerkleTree

    @property
    def result(self) -> Result:
        """What voters sign."""
        return Result(FTSO_PROTOCOL, self.revealed.round, self.secure, self.tree.root)


def by_round(timing: Timing, transactions: Iterable[Transaction]) -> dict[int, Submitted]:
    """Return what was sent for each round within the time for it.

    A commit counts for the round in whose time its block is, a reveal for the round before that, in the first 45
    seconds. A transaction whose calldata is broken does not count at all.

    Parameters
    ----------
    timing : Timing
        Such as a `Network`.
    transactions : iterable of Transaction
        In any order; those that are neither submit1 nor submit2 are passed over.

    Returns
    -------
    dict of int to Submitted
        Only rounds for which there is something.
    """
    commits, reveals = _sent(), _sent()
    for transaction in sorted(transactions, key=lambda each: (each.block_number, each.transaction_index)):
        call, messages = _parsed(transaction.calldata)
        now = voting_round(timing, transaction.timestamp)
        if call is Call.SUBMIT1:
            commits[now][transaction.sender].extend(messages)
        elif call is Call.SUBMIT2 and transaction.timestamp <= reveal_deadline(timing, now):
            reveals[now - 1][transaction.sender].extend(messages)
    return {round: Submitted(round, commits[round], reveals[round]) for round in sorted({*commits, *reveals})}


def judge(submitted: Submitted, feeds: int) -> Revealed:
    """Return whose reveals are what they committed to, and whose are not.

    Of each sender the last commit and the last reveal count that can be parsed and that name the protocol and the
    round, right or wrong: a later wrong reveal replaces an earlier right one.

    Parameters
    ----------
    submitted : Submitted
        Of one round, from `by_round`.
    feeds : int
        How many feeds the reward epoch of that round has: a reveal of more cannot be parsed.
    """
    number = submitted.round
    commits = _last(submitted.commits, number, decode_commit)
    reveals = _last(submitted.reveals, number, partial(decode_reveal, feeds=feeds))
    valid = {
        sender: reveal
        for sender, reveal in reveals.items()
        if commits.get(sender) == commit_hash(sender, number, reveal.random, reveal.vector)
    }
    return Revealed(number, valid, frozenset(commits.keys() - valid.keys()))


def benched_by(window: Iterable[Revealed]) -> frozenset[bytes]:
    """Return who offended in any round of a window (`epochs.benching_window`), voters or not."""
    return frozenset(offender for revealed in window for offender in revealed.offenders)


def round_random(revealed: Revealed, benched: Collection[bytes]) -> int:
    """Return the sum of the randoms of those that are not benched, modulo 2^256; 0 where there are none.

    Parameters
    ----------
    revealed : Revealed
        Among the voters.
    benched : collection of bytes
        From `benched_by`.

    Examples
    --------
    >>> reveals = {bytes([n]) * 20: Reveal(bytes([128 + n]) + bytes(30) + bytes([n]), (), b"") for n in (1, 2, 3)}
    >>> hex(round_random(Revealed(7, reveals, frozenset()), {bytes([2]) * 20}))[:6]
    '0x4000'
    """
    counted = (reveal.random for sender, reveal in revealed.valid.items() if sender not in benched)
    return sum(int.from_bytes(random, "big") for random in counted) % 2**256


def is_secure(revealed: Revealed, benched: Collection[bytes]) -> bool:
    """Return whether nobody could have chosen the random: two or more made it, and who did not reveal is benched.

    Parameters
    ----------
    revealed : Revealed
        Among the voters.
    benched : collection of bytes
        From `benched_by`.
    """
    counted = sum(sender not in benched for sender in revealed.valid)
    return counted >= SECURE_REVEALS and revealed.offenders <= frozenset(benched)


def median_weights(voters: Iterable[Voter], *, fip16: bool) -> tuple[int, ...]:
    """Return what votes weigh: capped WNat, from FIP-16 on the signing weight.

    Parameters
    ----------
    voters : iterable of Voter
        In the order of the signing policy.
    fip16 : bool
        Whether the reward epoch follows it, `Network.follows_fip16`.
    """
    return tuple(voter.median_weight(fip16=fip16) for voter in voters)


def result_of_reveals(
    revealed: Revealed, epoch: RewardEpoch, benched: Collection[bytes], *, fip16: bool
) -> RoundResult:
    """Return what a round comes to, given who revealed what.

    Parameters
    ----------
    revealed : Revealed
        From `judge`, with the feeds of this reward epoch; senders that are no voters are passed over.
    epoch : RewardEpoch
        That of the round, though reveals may come in the next.
    benched : collection of bytes
        From `benched_by`, over the window of the round.
    fip16 : bool
        Whether the reward epoch follows it, `Network.follows_fip16`.

    Raises
    ------
    NoResult
        If no voter has a valid reveal, the voters have no weight, or a feed's only vote has none.
    """
    senders = [voter.submit for voter in epoch.voters]
    revealed = revealed.among(senders)
    if not revealed.valid:
        raise NoResult(f"voting round {revealed.round}: expected a valid reveal, was none")
    weights = median_weights(epoch.voters, fip16=fip16)
    vectors = [revealed.valid[sender].vector if sender in revealed.valid else b"" for sender in senders]
    medians = weighted_medians(vote_matrix(vectors, len(epoch.feeds)), weights)
    random, secure = round_random(revealed, benched), is_secure(revealed, benched)
    leaves = (
        random_leaf(revealed.round, random, secure),
        *_feed_leaves(revealed.round, epoch.feeds, medians, sum(weights)),
    )
    return RoundResult(revealed, frozenset(benched), random, secure, medians, leaves, MerkleTree(leaves))


def result_of_transactions(
    network: Network, round: int, transactions: Iterable[Transaction], epochs: Sequence[RewardEpoch]
) -> RoundResult:
    """Return what a round comes to, given what happened on the chain.

    Who prices round after round keeps what `judge` said of the last twenty and calls `result_of_reveals`.

    Parameters
    ----------
    network : Network
        Timing, the first reward epoch and FIP-16 are asked for.
    round : int
        Voting round.
    transactions : iterable of Transaction
        All submit1 and submit2 from the start of the benching window to the end of the time to reveal.
    epochs : sequence of RewardEpoch
        That of the round, and the one before where the benching window reaches into it.

    Raises
    ------
    NoResult
        If a round's reward epoch is not among these, or as `result_of_reveals`.
    """
    submitted = by_round(network, transactions)
    known = {epoch.number: epoch for epoch in epochs}
    starts = [(epoch.start_round, epoch.number) for epoch in epochs]
    epoch = known[policy_in_force(starts, round)]

    def judged(number: int) -> Revealed:
        feeds = known[policy_in_force(starts, number)].feeds
        return judge(submitted.get(number, Submitted(number, {}, {})), len(feeds))

    window = benching_window(round, first_benching(network, epoch))
    benched = benched_by(judged(number) for number in window if number in submitted)
    return result_of_reveals(judged(round), epoch, benched, fip16=network.follows_fip16(epoch.number))


def first_benching(network: Network, epoch: RewardEpoch) -> int:
    """Return the first round that offenders of a reward epoch's rounds are looked for in.

    Before the first reward epoch that the network priced there is none, and of rounds before it nothing is known: a
    network with short reward epochs has them within the window of a later one.

    Parameters
    ----------
    network : Network
        Its first reward epoch, and how long they are.
    epoch : RewardEpoch
        That of the round that is priced.
    """
    priced = network.initial_reward_epoch + 1
    return epoch.start_round if epoch.number == priced else first_round(network, priced)


def _sent() -> defaultdict[int, defaultdict[bytes, list[PayloadMessage]]]:
    return defaultdict(lambda: defaultdict(list))


def _parsed(calldata: bytes) -> tuple[Call | None, tuple[PayloadMessage, ...]]:
    try:
        submission = parse_calldata(calldata)
    except ProtocolError:
        return None, ()
    return submission.call, submission.messages


def _last(sent: Sent, round: int, parse: Callable[[bytes], T]) -> dict[bytes, T]:
    found = ((sender, last_parsable(messages, FTSO_PROTOCOL, round, parse)) for sender, messages in sent.items())
    return {sender: said for sender, said in found if said is not None}


def _feed_leaves(round: int, feeds: Sequence[FeedDecimals], medians: Sequence[Median], total: int) -> list[bytes]:
    """Return one leaf a feed; those nobody voted for stay, with value and turnout 0."""
    return [
        feed_leaf(round, feed.id, median.value or 0, turnout_bips(median.participating, total), feed.decimals)
        for feed, median in zip(feeds, medians, strict=True)
    ]
