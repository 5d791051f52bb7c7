"""What a simulated venue prints, handed out when its time has come."""

from collections import deque
from collections.abc import Iterable, Iterator

from chrono import Pair, Tick
from chrono.testing.market import SimulatedMarket, SimulatedVenue

_BACKLOG = 10_000_000_000


class Prints:
    """One market's ticks, drawn a slot ahead and handed out when they are due.

    Parameters
    ----------
    market : SimulatedMarket
    venue : SimulatedVenue
    pair : Pair
    start : int
        Nanoseconds; nothing earlier is handed out.

    Examples
    --------
    >>> start = 1_795_342_500_000_000_000
    >>> prints = Prints(SimulatedMarket(), SimulatedVenue("north", rate=100.0), Pair("BTC", "USD"), start)
    >>> all(start <= tick.ts_event <= start + 10**9 for tick in prints.due(start + 10**9))
    True
    """

    def __init__(self, market: SimulatedMarket, venue: SimulatedVenue, pair: Pair, start: int) -> None:
        self._market, self._venue, self._pair = market, venue, pair
        self._drawn = start
        self._waiting: deque[Tick] = deque()

    def due(self, now: int) -> Iterator[Tick]:
        """Yield what happened up to now and was not yielded yet; of a long pause, only the last seconds."""
        if now - self._drawn > _BACKLOG:
            self._drawn = now - _BACKLOG
            self._waiting.clear()
        while self._drawn <= now:
            self._waiting.extend(self._next_slot())
        while self._waiting and (self._waiting[0].ts_event or 0) <= now:
            yield self._waiting.popleft()

    def _next_slot(self) -> Iterable[Tick]:
        start, slot = self._drawn, self._venue.slot
        self._drawn = (start // slot + 1) * slot
        return self._market.ticks(self._venue, self._pair, start, self._drawn)
