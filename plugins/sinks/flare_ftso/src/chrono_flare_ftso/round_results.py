"""What rounds come to, worked out as soon as nobody can reveal any more: it is known before anybody asks.

A result is signed, and half of the others have to sign the same one. So there is none where something may be missing:
blocks of the round or of those that benching looks back on, or the reward epoch (flare-foundation/FTSO-Scaling
9e1e988, `libs/ftso-core/src/DataManager.ts` and `IndexerClient.ts`, read 2026-11-23).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from chrono_flare_ftso.chain.watching import Chain
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.epochs import benching_window, reveal_deadline, round_end, voting_round
from chrono_flare_ftso.protocol.errors import NoResult, ProtocolError
from chrono_flare_ftso.protocol.feeds import feed_name
from chrono_flare_ftso.protocol.rounds import (
    Revealed,
    RewardEpoch,
    RoundResult,
    Submitted,
    benched_by,
    first_benching,
    judge,
    result_of_reveals,
)
from chrono_flare_ftso.protocol.values import POWERS

KEPT = 200
"""Results that are kept in memory: five hours of rounds of 90 s."""

PATIENCE = 5.0
"""Seconds of the local clock after which a chain that stands still has no more reveals; the reference waits as long."""

MEDIANS_KEPT = 100_000
"""Rounds whose medians the ledger keeps, as many as it keeps answers."""

_SECOND = 1_000_000_000
_PRUNED_EVERY = 500
_AGAIN = 1.0

Tell = Callable[[str, str, str], None]


class Clock(Protocol):
    """Whatever knows the time, in nanoseconds."""

    def now(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a round: its result, or why the protocol has none.

    Parameters
    ----------
    epoch : RewardEpoch
        That of the round.
    result : RoundResult or None
        With the vectors that were revealed; the votes in them are left out.
    reason : str
        Why there is none; empty where there is one.
    """

    epoch: RewardEpoch
    result: RoundResult | None
    reason: str = ""


class RoundResults:
    """The results of a chain's rounds.

    Parameters
    ----------
    chain : Chain
        Entered.
    clock : Clock
        Such as `Context.clock`.
    ledger : Ledger, optional
        Whose table `medians` has what was published, for the quality report.
    tell : callable
        Told a state, a code and a sentence, as `Context.status` takes them.

    Notes
    -----
    `known` may be asked by any thread; everything else belongs on the event loop that entered the chain.
    """

    def __init__(self, chain: Chain, clock: Clock, ledger: Ledger | None, tell: Tell) -> None:
        self._chain = chain
        self._clock = clock
        self._ledger = ledger
        self._tell = tell
        self._known: OrderedDict[int, Outcome] = OrderedDict()
        self._judged: dict[int, Revealed] = {}
        self._working: dict[int, asyncio.Task[Outcome | None]] = {}
        self._written = 0

    def known(self, round: int) -> Outcome | None:
        """Return what became of a round where that is worked out already."""
        return self._known.get(round)

    async def run(self) -> None:
        """Work out each round as soon as nobody can reveal any more, from the one before the present one on."""
        network = self._chain.network
        round = voting_round(network, self._clock.now() // _SECOND) - 1
        while True:
            await self._chain.until(reveal_deadline(network, round + 1), PATIENCE)
            # a chain that stands still, or an epoch that is still read: later requests try again
            with contextlib.suppress(LookupError):
                await self.find(round)
            round += 1

    async def find(self, round: int) -> Outcome | None:
        """Return what became of a round; None before it is over, and where it cannot be worked out from what was read.

        Whoever asks meanwhile waits for the same work.
        """
        known = self.known(round)
        if known is not None or not self._over(round):
            return known
        working = self._working.get(round)
        if working is None:
            working = self._working[round] = asyncio.create_task(self._work_out(round))
            working.add_done_callback(lambda _: self._working.pop(round, None))
        return await asyncio.shield(working)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._working.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _over(self, round: int) -> bool:
        """Say whether all reveals of a round were read, or patience is at an end and at least all commits were."""
        network = self._chain.network
        last = reveal_deadline(network, round + 1)
        try:
            head = self._chain.head().timestamp
        except LookupError:
            return False
        patient = self._clock.now() <= (last + PATIENCE) * _SECOND
        return head > last or (not patient and head > round_end(network, round))

    async def _work_out(self, round: int) -> Outcome | None:
        network = self._chain.network
        whole = self._chain.head().timestamp > reveal_deadline(network, round + 1)
        try:
            epoch = self._chain.reward_epoch(round)
            window = benching_window(round, first_benching(network, epoch))
            if self._chain.complete_from() > min([*window, round]):
                return None
            sent = [(self._sent(each), self._feeds(each, epoch)) for each in (*window, round)]
        except LookupError:
            return None
        outcome, judged = await asyncio.to_thread(_worked_out, sent, epoch, fip16=network.follows_fip16(epoch.number))
        # what was read in part is worked out anew the next time
        if whole:
            self._judged.update({each.round: each for each in judged})
            self._keep(round, outcome)
            await asyncio.to_thread(self._write, outcome)
        return outcome

    def _sent(self, round: int) -> Submitted | Revealed:
        known = self._judged.get(round)
        return known if known is not None else self._chain.submitted(round)

    def _feeds(self, round: int, epoch: RewardEpoch) -> int:
        """Return how many feeds a round has: those of its own reward epoch."""
        its = epoch if round >= epoch.start_round else self._chain.reward_epoch(round)
        return len(its.feeds)

    def _keep(self, round: int, outcome: Outcome) -> None:
        self._known[round] = outcome
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        for old in [each for each in self._judged if each < max(self._judged) - KEPT]:
            del self._judged[old]
        if outcome.result is None:
            self._tell("degraded", "no_result", outcome.reason)

    def _write(self, outcome: Outcome) -> None:
        """Write medians down for the quality report; a disk that refuses them costs no result."""
        if self._ledger is None or outcome.result is None:
            return
        round = outcome.result.revealed.round
        rows = list(_medians(outcome.epoch, outcome.result))
        places = ",".join(["(?,?,?,?,?)"] * len(rows))
        try:
            if rows:
                values = [value for row in rows for value in (round, *row)]
                self._ledger.write(f"INSERT OR REPLACE INTO medians VALUES {places}", *values)  # noqa: S608 - our own words
            self._written += 1
            if self._written % _PRUNED_EVERY == 1:
                self._ledger.write("DELETE FROM medians WHERE round < ?", round - MEDIANS_KEPT)
        except sqlite3.Error as error:
            told = f"{self._ledger.path}: expected to write the medians of round {round}, was refused: {error}"
            self._tell("degraded", "unwritten", f"{told}; the quality report lacks them, see to its rights and room")


def _worked_out(
    sent: list[tuple[Submitted | Revealed, int]], epoch: RewardEpoch, *, fip16: bool
) -> tuple[Outcome, list[Revealed]]:
    """Return what a round comes to, the last of `sent`, given those that benching looks back on before it."""
    judged = [each if isinstance(each, Revealed) else judge(each, feeds) for each, feeds in sent]
    try:
        result = result_of_reveals(judged[-1], epoch, benched_by(judged[:-1]), fip16=fip16)
    except NoResult as error:
        return Outcome(epoch, None, str(error)), [_lighter(each) for each in judged]
    result = replace(result, revealed=_lighter(result.revealed))
    return Outcome(epoch, result), [_lighter(each) for each in judged]


def _lighter(revealed: Revealed) -> Revealed:
    """Return the same without its votes, which are in the vectors: a hundredth of the memory."""
    return replace(revealed, valid={sender: replace(each, votes=()) for sender, each in revealed.valid.items()})


def _medians(epoch: RewardEpoch, result: RoundResult) -> Iterator[tuple[str, float, float | None, float | None]]:
    """Yield the name, the median and the quartiles of each feed that was voted for, in units of its quote."""
    for feed, median in zip(epoch.feeds, result.medians, strict=True):
        if median.value is None:
            continue
        with contextlib.suppress(ProtocolError):
            name, power = feed_name(feed.id).name, POWERS[feed.decimals]
            low, high = (None if each is None else each / power for each in (median.quartile1, median.quartile3))
            yield name, median.value / power, low, high
