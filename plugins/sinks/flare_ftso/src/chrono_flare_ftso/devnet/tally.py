"""What each entity of the devnet did, round by round: the score sheet that `chrono flare devnet status` prints."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.rewarding import Played
from chrono_flare_ftso.protocol.values import unpack

KEPT = 100
"""Rounds that are shown one by one, at most."""


@dataclass(slots=True)
class Score:
    """What one entity did in all rounds.

    Attributes
    ----------
    rounds : int
        Those that were over and had a result.
    revealed, offences : int
        Rounds that it revealed as it had committed, and rounds that it committed to and did not reveal so.
    signed, finalized : int
        Rounds whose result it signed in time, and rounds that it finalized.
    in_band, votes : int
        Votes from the first to the third quartile, and votes in all.
    """

    rounds: int = 0
    revealed: int = 0
    offences: int = 0
    signed: int = 0
    finalized: int = 0
    in_band: int = 0
    votes: int = 0


@dataclass(frozen=True, slots=True)
class RoundLine:
    """A round in short.

    Attributes
    ----------
    round, epoch : int
    revealed, offences, signed : int
        How many entities did.
    finalized, secure : bool
        Whether somebody finalized it, and whether its random is secure.
    """

    round: int
    epoch: int
    revealed: int
    offences: int
    signed: int
    finalized: bool
    secure: bool


class Tally:
    """The scores of all entities.

    Parameters
    ----------
    entities : sequence of Entity
    """

    def __init__(self, entities: Sequence[Entity]) -> None:
        self._entities = entities
        self.scores = {each.name: Score() for each in entities}
        self.rounds: deque[RoundLine] = deque(maxlen=KEPT)

    def count(self, round: int, played: Played) -> None:
        """Count a round that is over."""
        result = played.outcome.result
        number = played.outcome.epoch.number
        if result is None:
            self.rounds.append(RoundLine(round, number, 0, 0, 0, finalized=False, secure=False))
            return
        signers = {each.signer for each in played.deposits}
        finalizer = next((each.sender for each in played.finalizations if each.successful), None)
        for each in self._entities:
            score = self.scores[each.name]
            score.rounds += 1
            score.offences += each.submit in result.revealed.offenders
            score.signed += each.signing_policy in signers
            score.finalized += each.signing_policy == finalizer
            reveal = result.revealed.valid.get(each.submit)
            if reveal is not None:
                score.revealed += 1
                for vote, median in zip(unpack(reveal.vector, len(result.medians)), result.medians, strict=True):
                    if vote is not None and median.quartile1 is not None and median.quartile3 is not None:
                        score.votes += 1
                        score.in_band += median.quartile1 <= vote <= median.quartile3
        revealed, offences = len(result.revealed.valid), len(result.revealed.offenders)
        finalized = finalizer is not None
        self.rounds.append(
            RoundLine(round, number, revealed, offences, len(signers), finalized=finalized, secure=result.secure)
        )
