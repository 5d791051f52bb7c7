"""When a provider does what for a voting round.

The offsets are those that Flare's operators run with, in seconds of a round of 90 of which 45 are for revealing; on a
network with shorter rounds they shrink with them.

Source: flare-foundation/flare-systems-deployment 103c39e, `template-configs/system-client.template.toml`;
flare-foundation/flare-system-client b63206b, `client/config/client.go`; `protocol.epochs` for what counts;
read 2026-11-23.
"""

from __future__ import annotations

from typing import NamedTuple

from chrono_flare_ftso.protocol.epochs import Deadlines, Timing, round_start

ROUND = 90
REVEAL = 45


class Offsets(NamedTuple):
    """Seconds, as on a network with rounds of 90 s.

    Parameters
    ----------
    submit1 : float
        After the start of the round: prices are those of then.
    submit2 : float
        After its end.
    signatures : float
        After its end: what was worked out by then is signed and sent, what was not is waited for.
    finalisation : float
        After its end: whoever was not selected finalizes what nobody has.
    """

    submit1: float = 75.0
    submit2: float = 20.0
    signatures: float = 45.0
    finalisation: float = 66.0


class Timetable(NamedTuple):
    """What is done for a voting round, and when; seconds of the chain's clock since 1970, with a fraction.

    Attributes
    ----------
    round : int
        The voting round N.
    submit1, submit1_ends : float
        When it is priced and committed to, and from when on a commit is void.
    submit2, submit2_ends : float
        When it is revealed, and from when on a reveal is void.
    signatures : float
        When its result may be known and is signed.
    finalisation : float
        When whoever was not selected finalizes it.
    ends : float
        From when on nothing is rewarded any more.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> table = Timetable.of(FLARE, 0)
    >>> [instant - FLARE.first_voting_round_start for instant in table[1:]]
    [75.0, 90, 110.0, 135, 135.0, 156.0, 180]
    """

    round: int
    submit1: float
    submit1_ends: float
    submit2: float
    submit2_ends: float
    signatures: float
    finalisation: float
    ends: float

    @classmethod
    def of(cls, timing: Timing, round: int, offsets: Offsets | None = None) -> Timetable:
        """Return the timetable of a voting round.

        Parameters
        ----------
        timing : Timing
            Such as a `Network`.
        round : int
            The voting round.
        offsets : Offsets, optional
            Those of the official client where none are given.

        Raises
        ------
        ValueError
            If an offset lies outside the time in which what it is for counts.
        """
        told = offsets or Offsets()
        _check(told)
        deadlines, start = Deadlines.of(timing, round), round_start(timing, round)
        after, before_reveal = deadlines.reveal.start, timing.voting_round_seconds / ROUND
        while_revealing = timing.reveal_seconds / REVEAL
        later = (timing.voting_round_seconds - timing.reveal_seconds) / (ROUND - REVEAL)

        def following(offset: float) -> float:
            return after + min(offset, REVEAL) * while_revealing + max(offset - REVEAL, 0.0) * later

        return cls(
            round,
            submit1=start + told.submit1 * before_reveal,
            submit1_ends=after,
            submit2=following(told.submit2),
            submit2_ends=deadlines.reveal.stop,
            signatures=following(told.signatures),
            finalisation=following(told.finalisation),
            ends=deadlines.end + 1,
        )


def _check(offsets: Offsets) -> None:
    """Refuse what would be void, or would show votes before all have committed."""
    wanted = {
        "submit1": (0.0, ROUND),
        "submit2": (0.0, REVEAL),
        "signatures": (REVEAL, ROUND),
        "finalisation": (REVEAL, ROUND),
    }
    for name, (least, below) in wanted.items():
        offset = getattr(offsets, name)
        if not least <= offset < below:
            raise ValueError(f"{name}: expected an offset from {least:g} to below {below:g} s, was {offset:g}")
