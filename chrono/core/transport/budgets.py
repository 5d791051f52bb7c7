"""What a venue takes from one address, shared by all sources and pipelines of a process that reach it."""

from __future__ import annotations

from collections import deque

import msgspec
from anyio.lowlevel import RunVar

from chrono.core.clock import Clock
from chrono.core.types import SECOND


class Budget(msgspec.Struct, frozen=True):
    """What a venue takes from one address: so much weight in any so many seconds.

    Attributes
    ----------
    weight : float
        What the requests of `per` seconds may weigh together; their number where each weighs 1.
    per : float
        Seconds.

    Raises
    ------
    ValueError
        If either is not positive.

    Examples
    --------
    >>> Budget(6000, per=60.0)
    Budget(weight=6000, per=60.0)
    """

    weight: float
    per: float = 60.0

    def __post_init__(self) -> None:
        if not (self.weight > 0 and self.per > 0):
            raise ValueError(f"expected weight and seconds above 0, was {self.weight} per {self.per}")


class Ledger:
    """Who may spend when, so that no stretch of `budget.per` seconds holds more than `budget.weight`.

    Times are booked in the order asked for, so nobody is passed over; whoever is cancelled leaves what it booked.

    Examples
    --------
    >>> ledger = Ledger(Budget(2, per=10.0))
    >>> [ledger.book(1.0, now) / SECOND for now in (0, 0, 0, 4 * SECOND)]
    [0.0, 0.0, 10.0, 10.0]
    """

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._booked: deque[tuple[int, float]] = deque()
        self._sum = 0.0

    def book(self, weight: float, now: int) -> int:
        """Book what something weighs; return the instant, in nanoseconds, at which it may be done."""
        if self._budget is None:
            return now
        # what weighs more than the whole budget is done alone
        weight = min(weight, self._budget.weight)
        per = int(self._budget.per * SECOND)
        at = max(now, self._booked[-1][0]) if self._booked else now
        while self._booked and (self._sum + weight > self._budget.weight or self._booked[0][0] + per <= at):
            earlier, freed = self._booked.popleft()
            self._sum = self._sum - freed if self._booked else 0.0
            at = max(at, earlier + per)
        self._booked.append((at, weight))
        self._sum += weight
        return at


class Account:
    """What one address spends at one venue; everything that asks the venue for something waits its turn here.

    Attributes
    ----------
    waits : int
        How often something had to wait.
    """

    def __init__(self, requests: Budget | None, connections: Budget | None) -> None:
        self.waits = 0
        self._requests = Ledger(requests)
        self._connections = Ledger(connections)
        self._until = 0

    def pause(self, seconds: float, now: int) -> None:
        """Let nothing through for so many seconds: the venue said so to this address."""
        self._until = max(self._until, now + int(seconds * SECOND))

    def paused(self, now: int) -> float:
        """Return for how many seconds nothing is let through."""
        return max(0.0, (self._until - now) / SECOND)

    async def request(self, clock: Clock, weight: float = 1.0) -> float:
        """Wait until a request of this weight may be sent; return the seconds waited."""
        return await self._turn(self._requests.book(weight, clock.now()), clock)

    async def connection(self, clock: Clock) -> float:
        """Wait until a connection may be attempted; return the seconds waited."""
        return await self._turn(self._connections.book(1.0, clock.now()), clock)

    async def _turn(self, at: int, clock: Clock) -> float:
        waited = 0.0
        # a pause may be asked for while this waits
        while (wait := (max(at, self._until) - clock.now()) / SECOND) > 0:
            await clock.sleep(wait)
            waited += wait
        self.waits += waited > 0
        return waited


_accounts: RunVar[dict[tuple[str, str], Account]] = RunVar("chrono_accounts")
# of the event loop and not of the module: it lives as long as what shares it


def account(venue: str, proxy: str, requests: Budget | None = None, connections: Budget | None = None) -> Account:
    """Return the one account of a venue and the address it sees, which is this machine's or a proxy's.

    Parameters
    ----------
    venue : str
        The type of the source.
    proxy : str
        Which proxy, empty for none.
    requests, connections : Budget or None
        What the venue takes; of the first who asks for the account.
    """
    accounts = _accounts.get({})
    _accounts.set(accounts)
    key = venue, proxy
    if key not in accounts:
        accounts[key] = Account(requests, connections)
    return accounts[key]
