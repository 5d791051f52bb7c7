"""What a scenario is: who suffers what, in which market, when it is looked at, and what must be true.

Times are seconds, counted from the onset of the fault; sizes are basis points. Bounds are multiples of the yardstick Y:
the median error of the unweighted median of the last prints of the honest, live venues, converted at the true rate.

Public names: Befalls, Must, Scenario, Times, World.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chrono.core.types import Pair
from chrono.testing.faults import Depeg, Fault

Setting: TypeAlias = Literal["static", "walking"]
Prints: TypeAlias = Literal["steady", "thin", "slow", "dormant"]
Kind: TypeAlias = Literal["v", "r", "e"]

SETTINGS: tuple[Setting, ...] = ("static", "walking")
WALKS = {"static": 0.0, "walking": 1e-4}
"""Standard deviation of the log price per square-root second."""

MAX_SHARE, HEADROOM = 0.15, 1.2
"""What one group may weigh: `max(0.15, 1.2 / n)`."""


@dataclass(frozen=True, slots=True)
class Befalls:
    """Who suffers what.

    Attributes
    ----------
    faults : tuple of Fault
        None where what they suffer is somebody else's fault.
    share : float
        Of the venues of that kind, as a part of all; 0 for one alone. At least two of the feed's venues are left.
    down : bool
        Round the share down, where it would otherwise be rounded to the nearest.
    who : {"any", "biggest", "small", "last"}
        Drawn afresh in each market; `biggest` is that one and others, `small` is any but that one.
    of : {"v", "r", "e"}
        The feed's venues, those of USDT/USD, those of EUR/USD.
    honest : bool
        It is no fault: they may not be dropped.
    rate : float or None
        Trades per second they have throughout.
    """

    faults: tuple[Fault, ...] = ()
    share: float = 0.0
    down: bool = False
    who: Literal["any", "biggest", "small", "last"] = "any"
    of: Kind = "v"
    honest: bool = False
    rate: float | None = None

    def count(self, n: int) -> int:
        """Return how many of n venues it befalls."""
        if self.share in {0.0, 1.0}:
            return 1 if self.share == 0.0 else n
        wanted = math.floor(n * self.share + (0.0 if self.down else 0.5))
        return max(1, min(wanted, n - 2))


@dataclass(frozen=True, slots=True)
class World:
    """What is out of the ordinary in the market that a scenario is played in.

    Attributes
    ----------
    prints : {"steady", "thin", "slow", "dormant"}
        How the feed's venues trade: some times a minute; so that each last trade is 60 to 110 s old when it is read,
        that of the guilty 1 s; every two to four minutes; every four to ten, with live quotes.
    feed, other : str
        The feed that is read, and one without any data beside it.
    former : str
        What the asset is called at every venue until the onset.
    euro : bool
        The last venue quotes in EUR.
    lone : bool
        One venue alone prints.
    nonsense : bool
        Impossible ticks are pushed, too; all must be refused and counted.
    min_venues : int or None
        Stated in place of what the pipeline says.
    onset : int
        Unix seconds.
    """

    prints: Prints = "steady"
    feed: str = "BTC/USD"
    other: str = ""
    former: str = ""
    euro: bool = False
    lone: bool = False
    nonsense: bool = False
    min_venues: int | None = None
    onset: int = 1_795_342_500

    @property
    def pair(self) -> Pair:
        """The pair that is read."""
        return Pair.parse(self.feed)


@dataclass(frozen=True, slots=True)
class Times:
    """When there are prints, rounds and readings.

    Attributes
    ----------
    fill, warm : int
        Seconds of prints before the first round, and of rounds before the onset.
    settle, reads : int
        Seconds from the onset to the first reading, and from that to the last.
    step, pace : int
        Seconds between readings, and between rounds.
    coarse : tuple of int or None
        From which second on there is a round only for each reading, and the seconds between those.
    """

    fill: int = 40
    warm: int = 30
    settle: int = 0
    reads: int = 160
    step: int = 4
    pace: int = 1
    coarse: tuple[int, int] | None = None

    @property
    def readings(self) -> list[int]:
        """The seconds at which the value is read."""
        first = max(self.settle, 1)
        end = first + self.reads
        if self.coarse is None:
            return list(range(first, end, self.step))
        begin, step = self.coarse
        return [*range(first, min(begin, end), self.step), *range(begin, end, step)]

    @property
    def rounds(self) -> list[int]:
        """The seconds at which rounds are priced."""
        readings = self.readings
        end = readings[-1] if self.coarse is None else min(self.coarse[0], readings[-1])
        return sorted({*range(-self.warm, end + 1, self.pace), *readings})

    @property
    def end(self) -> int:
        """The last of them."""
        return self.readings[-1]


@dataclass(frozen=True, slots=True)
class Must:
    """What must be true.

    Attributes
    ----------
    within_y, within_bp : float or None
        The greatest median error, as a multiple of Y and in basis points.
    of : {"true", "honest"}
        What the error is measured from: the true price, or the median of the honest last prints.
    refusal : {"never", "allowed", "always"}
        Whether there is no value.
    gapless : bool
        There is a value in transit, too.
    honest_dropped : float or None
        The share of honest estimates dropped for anything but silence or age is below this.
    out, back : bool
        Every estimate that rests on a faulty print is dropped; the venue counts again at the end.
    named : int or None
        Seconds in which all who are at fault are dropped or named by a detector, in 95 of 100 markets.
    announced : bool
        A `depeg` is announced, and none before.
    size : float or None
        Basis points the fault comes to in transit. No more than one error in a hundred may be larger than this times
        the share of those at fault, `count x max(0.15, 1.2 / n)`, and six Y of noise more. All of
        it where they are half or more, or where it befalls a rate that half or more depend on.
    visible : bool
        It shows in transit: confidence falls below what it was before.
    unsure : float or None
        Confidence in transit falls below this.
    surest : float or None
        The greatest confidence of a value.
    capped : bool
        No group's final share is above `max(0.15, 1.2 / n)`.
    alone_bp : float or None
        The greatest median difference, at any instant, between the value with the faulty venue and without.
    """

    within_y: float | None = 1.25
    within_bp: float | None = None
    of: Literal["true", "honest"] = "true"
    refusal: Literal["never", "allowed", "always"] = "never"
    gapless: bool = False
    honest_dropped: float | None = None
    out: bool = False
    back: bool = False
    named: int | None = None
    announced: bool = False
    size: float | None = None
    visible: bool = False
    unsure: float | None = None
    surest: float | None = None
    capped: bool = False
    alone_bp: float | None = None

    def __str__(self) -> str:
        """Return what is demanded of the error, in short."""
        said = [
            f"{self.within_y:g} Y" if self.within_y is not None else "",
            f"{self.within_bp:g} bp" if self.within_bp is not None else "",
            f"{self.alone_bp:g} bp from without" if self.alone_bp is not None else "",
            "no value" if self.refusal != "never" else "",
            f"confidence {self.surest:g}" if self.surest is not None else "",
        ]
        return " or ".join(text for text in said if text)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row, or one variant of it; `settings` are those it is played in."""

    name: str
    title: str
    befalls: tuple[Befalls, ...] = ()
    moves: tuple[Depeg, ...] = ()
    world: World = field(default_factory=World)
    times: Times = field(default_factory=Times)
    must: Must = field(default_factory=Must)
    settings: tuple[Setting, ...] = SETTINGS

    def transit_bp(self, n: int) -> float | None:
        """Return the error in transit that the fault's own share allows among n venues, without any noise."""
        size = self.must.size
        if size is None:
            return None
        share = sum(each.count(n) for each in self.befalls if each.of == "v") * max(MAX_SHARE, HEADROOM / n)
        return share * size if 0.0 < share < 0.5 else size
