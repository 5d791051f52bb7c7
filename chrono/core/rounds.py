"""Rounds: when they are due, priced exactly once, from a board that holds nothing received later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from heapq import heappop, heappush
from itertools import count

from chrono.core.board import Board
from chrono.core.clock import Schedule
from chrono.core.pricing import Failure, Outcome, Plan, PricingState, Windows, price
from chrono.core.types import Report, Round

Deliver = Callable[[Report, Sequence[Failure]], None]
Pricer = Callable[[Sequence[Plan], Windows, PricingState, Round], Outcome]

_NEVER = 2**63


class Rounds:
    """Prices what is due, whether a timer or a newer tick finds it out.

    A tick received after a round's `as_of` first has that round priced and only then enters the board, so a late timer
    changes nothing and a replay sees what the live run saw.

    Parameters
    ----------
    plans : sequence of Plan
    board : Board
    schedule : Schedule
    state : PricingState
        What the rounds before remembered.
    deliver : callable
        Given each report, with the components that failed in it.
    first : Round
        The first one to price.
    pricer : callable, optional
        `price`, or one that looks on while it works.

    Attributes
    ----------
    priced : int
        Rounds priced so far.
    skipped : list of int
        Rounds whose deadline had passed when their turn came.
    error : Exception or None
        A fault of the core itself; nothing is priced after it.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        board: Board,
        schedule: Schedule,
        state: PricingState,
        deliver: Deliver,
        first: Round,
        pricer: Pricer = price,
    ) -> None:
        self.state = state
        self.priced = 0
        self.skipped: list[int] = []
        self.error: Exception | None = None
        self.next = first
        self._plans = plans
        self._board = board
        self._schedule = schedule
        self._deliver = deliver
        self._pricer = pricer
        self._left = _NEVER
        self._instants: list[tuple[int, int, Deliver]] = []
        self._asked = count()
        board.seal = self.advance
        board.sealed_until = first.as_of

    def limit(self, rounds: int) -> None:
        """Price no more than this many."""
        self._left = rounds

    @property
    def done(self) -> bool:
        """Whether nothing will be priced any more."""
        return self._left <= 0 or self.error is not None

    def advance(self, now: int) -> None:
        """Price what ended before `now`, in order; pass over rounds whose deadline has passed."""
        while not self.done:
            if self._instants and self._instants[0][0] < min(now, self.next.as_of + 1):
                self._price_instant()
            elif self.next.as_of >= now:
                return
            elif now > self.next.deadline:
                self.skipped.append(self.next.id)
                self._step()
            else:
                self.price()

    def also(self, as_of: int, deliver: Deliver) -> None:
        """Price an instant between rounds as well, for one who asks; what is found there is not remembered."""
        heappush(self._instants, (as_of, next(self._asked), deliver))
        self._seal()

    def replay(self, until: int, skipped: Collection[int]) -> None:
        """Price the rounds up to an instant, save those that the recorded run passed over."""
        while self.next.as_of < until and not self.done:
            if self.next.id in skipped:
                self._step()
            else:
                self.price()

    def price(self) -> None:
        """Price the next round now."""
        when = self.next
        self._step()
        self.priced += 1
        self._left -= 1
        self._look(when, self._deliver, remember=True)

    def _price_instant(self) -> None:
        as_of, _, deliver = heappop(self._instants)
        self._seal()
        every = self._schedule.every
        self._look(Round(as_of // every, as_of, as_of + every), deliver, remember=False)

    def _look(self, when: Round, deliver: Deliver, *, remember: bool) -> None:
        try:
            outcome = self._pricer(self._plans, self._board.window, self.state, when)
            if remember:
                self.state = outcome.state
            deliver(outcome.report, outcome.failures)
        except Exception as error:  # noqa: BLE001 - a tick may have led here; the engine raises it
            self.error = error

    def _step(self) -> None:
        self.next = self._schedule.round(self.next.id + 1)
        self._seal()

    def _seal(self) -> None:
        instant = self._instants[0][0] if self._instants else _NEVER
        self._board.sealed_until = min(self.next.as_of, instant)
