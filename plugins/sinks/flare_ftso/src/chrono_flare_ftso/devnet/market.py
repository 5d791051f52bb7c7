"""What is priced on the devnet, and at what: the true prices of `chrono-simulated`'s market.

Whoever knows the seed knows the prices, a pipeline of simulated venues among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from chrono import Pair
from chrono.testing.market import Parameters, SimulatedMarket
from chrono_flare_ftso.protocol.feeds import feed_id

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that is voted on.

    Parameters
    ----------
    name : str
        Such as ``BTC/USD``.
    decimals : int
        Of its votes.
    category : int
        1 for crypto.
    """

    name: str
    decimals: int
    category: int = 1

    @property
    def id(self) -> bytes:
        """21 bytes."""
        return feed_id(self.category, self.name)


class Prices:
    """The true prices of a seed.

    Parameters
    ----------
    seed : int
        That of `chrono-simulated`'s sources.

    Examples
    --------
    >>> Prices(1).at("BTC/USD", 1_800_000_000.0) == Prices(1).at("BTC/USD", 1_800_000_000.0)
    True
    """

    def __init__(self, seed: int) -> None:
        self._market = SimulatedMarket(Parameters(seed=seed))

    def at(self, feed: str, second: float) -> float:
        """Return the price of a feed at a time, unix seconds."""
        return self._market.price(Pair.parse(feed), int(second * SECOND))


FEEDS = (
    Feed("BTC/USD", 2),
    Feed("DOGE/USD", 6),
    Feed("ETH/USD", 3),
    Feed("FLR/USD", 7),
    Feed("SGB/USD", 8),
    Feed("SOL/USD", 4),
    Feed("USDT/USD", 5),
    Feed("XRP/USD", 5),
)
"""Those of a devnet that is not told otherwise."""
