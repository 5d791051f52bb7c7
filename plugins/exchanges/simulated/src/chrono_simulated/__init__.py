"""A venue that exists only here: seeded prints around a true price, with faults on order.

All simulated sources of a pipeline that share `seed` and `walk` follow the same true prices, each with its own noise;
`chrono.testing.SimulatedMarket` with the same parameters says what the truth was.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from chrono import Duration, Emit, Market, Move, Pair, Share, Source, hookimpl
from chrono.testing.faults import AnyFault, Depeg
from chrono.testing.market import Parameters, SimulatedMarket, SimulatedVenue
from chrono_simulated.prints import Prints

STEP = 0.05
"""Seconds between two looks at what is due."""


def _listing(text: str) -> str:
    try:
        Pair.parse(text if "/" in text else f"{'EUR' if text == 'USD' else 'USD'}/{text}")
    except ValueError:
        raise ValueError(f"expected a quote like USDT or a pair like USDT/USD, was {text!r}") from None
    return text


class Simulated(Source):
    """Prints of a simulated venue, as they fall due."""

    type = "simulated"

    class Config(Source.Config):
        """What the venue is like."""

        seed: int = 1
        """Decides the true prices and, with the venue's name, every print."""
        venue: str = ""
        """The name its noise is drawn from; the id of the source when not given."""
        rate: float = Field(default=5.0, ge=0, le=100_000)
        """Trades per second and market."""
        quotes: bool = False
        """Whether it sends tops of book as well, as many as trades."""
        lists: tuple[Annotated[str, AfterValidator(_listing)], ...] = ()
        """Quote currencies and pairs it lists, like [USDT, USDT/USD]; every pair when empty."""
        walk: Share = Share("1bp")
        """How far true prices walk in a square-root second; the same for all sources that share a seed."""
        noise: Share = Share("2bp")
        """Standard deviation of each print around the venue's price."""
        bias: Move = Move("0bp")
        """How far the venue is always off."""
        volume: Annotated[Share, Field(gt=0)] = Share("10%")
        """The venue's share of the turnover."""
        spread: Share = Share("2bp")
        """How far the ask lies above the bid."""
        latency: Duration = Duration("0s")
        """How long a print takes to arrive."""
        faults: tuple[AnyFault, ...] = ()
        """What goes wrong, counted from the start of the source, like {kind: silence, after: 5s, for: 20s}."""

    config: Config

    @cached_property
    def venue(self) -> SimulatedVenue:
        """The venue as the generator knows it."""
        config = self.config
        return SimulatedVenue(
            config.venue or self.context.name,
            rate=config.rate,
            quotes=config.rate if config.quotes else 0.0,
            noise=config.noise,
            bias=config.bias,
            volume=config.volume,
            spread=config.spread,
            lists=config.lists,
            faults=tuple(fault for fault in config.faults if not isinstance(fault, Depeg)),
        )

    def symbol(self, pair: Pair) -> str:
        """Return the pair itself, as the venue has no words of its own."""
        if not self.venue.trades(pair):
            raise ValueError(f"{pair}: expected a pair or quote that the venue lists ({', '.join(self.config.lists)})")
        return str(pair)

    def market(self, origin: int) -> SimulatedMarket:
        """Return the market as this source sees it, with faults counted from `origin` nanoseconds."""
        depegs = [fault for fault in self.config.faults if isinstance(fault, Depeg)]
        return SimulatedMarket(Parameters(seed=self.config.seed, walk=self.config.walk), depegs, origin=origin)

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Emit what falls due, step by step, until cancelled; faults count from here."""
        clock, latency = self.context.clock, self.config.latency
        start = clock.now()
        market = self.market(start)
        streams = [Prints(market, self.venue, each.pair, start) for each in markets]
        self.context.status("live")
        while True:
            await clock.sleep(STEP)
            for stream in streams:
                for tick in stream.due(clock.now() - latency):
                    emit(tick)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Offer the simulated venue."""
    return [Simulated]
