"""Voting rounds, reward epochs, and what may be done until when; unix seconds throughout.

Time is the timestamp of the block that holds a transaction, never a wall clock. Windows are `range`s of whole seconds:
``second in window``, ``window.start``, and ``window[-1]``, the last second that counts.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/utils/EpochSettings.ts`,
`libs/ftso-core/src/DataManager.ts`, `libs/ftso-core/src/RewardEpochManager.ts`,
`libs/fsp-rewards/src/reward-calculation/reward-utils.ts` and `libs/fsp-rewards/src/constants.ts`;
flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/FlareSystemsManager.sol`;
read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from chrono_flare_ftso.protocol.errors import NoResult

SIGNATURE_GRACE_SECONDS = 15
FINALIZATION_GRACE_SECONDS = 20
BENCHING_ROUNDS = 20


class Timing(Protocol):
    """What the arithmetic needs of a `Network`; its attributes are explained there."""

    @property
    def first_voting_round_start(self) -> int: ...
    @property
    def voting_round_seconds(self) -> int: ...
    @property
    def reveal_seconds(self) -> int: ...
    @property
    def first_reward_epoch_round(self) -> int: ...
    @property
    def reward_epoch_rounds(self) -> int: ...


def voting_round(timing: Timing, second: int) -> int:
    """Return the voting round of a second; negative before the first.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> voting_round(FLARE, 1_720_000_000), voting_round(FLARE, 1_658_429_999)
    (684111, -1)
    """
    return (second - timing.first_voting_round_start) // timing.voting_round_seconds


def round_start(timing: Timing, round: int) -> int:
    """Return the first second of a voting round.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import SONGBIRD
    >>> round_start(SONGBIRD, 684_111)
    1719999945
    """
    return timing.first_voting_round_start + round * timing.voting_round_seconds


def round_end(timing: Timing, round: int) -> int:
    """Return the last second of a voting round."""
    return round_start(timing, round + 1) - 1


def reveal_deadline(timing: Timing, round: int) -> int:
    """Return the last second of a voting round in which the round before it may be revealed.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> reveal_deadline(FLARE, 684_111) - round_start(FLARE, 684_111)
    44
    """
    return round_start(timing, round) + timing.reveal_seconds - 1


def reward_epoch(timing: Timing, round: int) -> int:
    """Return the reward epoch a voting round is expected to be in; `policy_in_force` says which it really is.

    Raises
    ------
    ValueError
        If the round is before those that reward epochs are counted from.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import COSTON, FLARE
    >>> reward_epoch(FLARE, 1_317_120), reward_epoch(COSTON, 684_111)
    (392, 2850)
    """
    if round < timing.first_reward_epoch_round:
        raise ValueError(f"expected a voting round from {timing.first_reward_epoch_round} on, was {round}")
    return (round - timing.first_reward_epoch_round) // timing.reward_epoch_rounds


def first_round(timing: Timing, epoch: int) -> int:
    """Return the voting round a reward epoch is expected to start with.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> first_round(FLARE, 392), last_round(FLARE, 392)
    (1317120, 1320479)
    """
    return timing.first_reward_epoch_round + epoch * timing.reward_epoch_rounds


def last_round(timing: Timing, epoch: int) -> int:
    """Return the voting round a reward epoch is expected to end with."""
    return first_round(timing, epoch + 1) - 1


def reward_epoch_start(timing: Timing, epoch: int) -> int:
    """Return the second a reward epoch is expected to start with.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> reward_epoch_start(FLARE, 417)
    1784530800
    """
    return round_start(timing, first_round(timing, epoch))


def policy_start(timing: Timing, epoch: int, set_in: int, delay: int) -> int:
    """Return the voting round a signing policy serves first: the expected one, or a later one where it is late.

    Parameters
    ----------
    timing : Timing
        Such as a `Network`.
    epoch : int
        The reward epoch of the policy.
    set_in : int
        The voting round in which the policy is set.
    delay : int
        Whole rounds that must lie between, `Parameters.policy_delay_rounds`.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> [policy_start(FLARE, 392, set_in, 3) for set_in in (1_317_050, 1_317_116, 1_317_118)]
    [1317120, 1317120, 1317122]
    """
    return max(first_round(timing, epoch), set_in + delay + 1)


def policy_in_force(starts: Iterable[tuple[int, int]], round: int) -> int:
    """Return the reward epoch whose signing policy a voting round belongs to: the last that starts by then.

    Parameters
    ----------
    starts : iterable of (int, int)
        The first voting round and the reward epoch of each policy that is known, in any order.
    round : int
        A voting round.

    Raises
    ------
    NoResult
        If no policy starts by then.

    Examples
    --------
    >>> policy_in_force([(3360, 1), (6724, 2)], 6723)
    1
    """
    known = list(starts)
    begun = [epoch for start, epoch in known if start <= round]
    if not begun:
        was = f"the first starts with {min(known)[0]}" if known else "none is known"
        raise NoResult(f"voting round {round}: expected a signing policy that starts by then, was none: {was}")
    return max(begun)


def benching_window(round: int, first: int | None = None) -> range:
    """Return the voting rounds whose reveal offenders are benched in a round.

    Parameters
    ----------
    round : int
        The round that is priced; it is not in the window itself.
    first : int, optional
        The start round of its signing policy, given only in the first reward epoch that a network priced: there was
        nothing to offend against before.

    Examples
    --------
    >>> benching_window(1_000), benching_window(1_000, first=990)
    (range(980, 1000), range(990, 1000))
    """
    earliest = round - BENCHING_ROUNDS
    return range(earliest if first is None else max(earliest, first), round)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What may be done for a voting round, and when.

    Attributes
    ----------
    round : int
        The voting round N.
    commit : range
        Seconds in which it may be committed: round N.
    reveal : range
        Seconds in which it may be revealed: the first 45 of round N + 1.
    signature_grace : range
        Seconds in which a signature of its result is rewarded though it was finalized before.
    finalization_grace : range
        Seconds in which the voters that are selected are rewarded for finalizing it.
    end : int
        The last second in which a signature or a finalization is rewarded, the last of round N + 1.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> deadlines = Deadlines.of(FLARE, 0)
    >>> deadlines.reveal, deadlines.finalization_grace[-1], deadlines.end
    (range(1658430090, 1658430135), 1658430155, 1658430179)
    """

    round: int
    commit: range
    reveal: range
    signature_grace: range
    finalization_grace: range
    end: int

    @classmethod
    def of(cls, timing: Timing, round: int) -> Deadlines:
        """Return the deadlines of a voting round."""
        start, after = round_start(timing, round), round_start(timing, round + 1)
        revealed = after + timing.reveal_seconds
        return cls(
            round,
            commit=range(start, after),
            reveal=range(after, revealed),
            signature_grace=range(revealed, revealed + SIGNATURE_GRACE_SECONDS),
            # the reference counts the twentieth second too
            finalization_grace=range(revealed, revealed + FINALIZATION_GRACE_SECONDS + 1),
            end=round_end(timing, round + 1),
        )
