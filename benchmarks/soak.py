"""A pipeline over fifteen venues on this machine whose streams end again and again: what it holds on to, by the hour.

The venues speak Kraken's, Binance's and Coinbase's protocols from one other process; the plugins are the real ones. A
third of the venues drops connections, a third closes them, a third goes down for a second. Memory is what is resident
once garbage is collected and free memory given back. Slopes are least squares over all readings after the first
minutes, in which the board fills; their errors allow for readings that are like the one before.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import NamedTuple

import anyio
from measure import percentile, say

from chrono import Duration
from tests.pipelines.soaking import Reading, Soak, run, soaking

HOUR = 3600.0
MEGABYTE = 1e6


class Slope(NamedTuple):
    """What is added in an hour, and the standard error of that."""

    hourly: float
    error: float

    def is_flat(self, mean: float, hours: float) -> bool:
        """Say whether it is no more than its error explains, or less than a hundredth of the mean over the run."""
        return self.hourly <= 2 * self.error or self.hourly * hours < mean / 100


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Fit a line by least squares; the error is that of so many readings as are independent of each other."""
    count, hours = len(values), [at / HOUR for at in seconds]
    middle, mean = sum(hours) / count, sum(values) / count
    spread = sum((hour - middle) ** 2 for hour in hours)
    rise = sum((hour - middle) * (value - mean) for hour, value in zip(hours, values, strict=True)) / spread
    rest = [value - mean - rise * (hour - middle) for hour, value in zip(hours, values, strict=True)]
    error = math.sqrt(sum(each**2 for each in rest) / max(count - 2, 1) / spread)
    alike = _likeness(rest)
    return Slope(rise, error * math.sqrt((1 + alike) / (1 - alike)))


def _likeness(rest: Sequence[float]) -> float:
    """Return how much a reading is like the one before, by the autocorrelation of first order, 0 to 0.95."""
    total = sum(each**2 for each in rest)
    both = sum(each * before for each, before in zip(rest[1:], rest, strict=False))
    return min(max(both / total, 0.0), 0.95) if total else 0.0


def tell(reading: Reading, since: Reading | None) -> None:
    """Print what was read, and the rate of messages since the reading before."""
    late = f"late p99 {percentile(reading.lateness, 0.99) * 1e3:.0f} ms" if reading.lateness else ""
    before = since or Reading(*[0] * 9, [])
    rate = (reading.messages - before.messages) / max(reading.seconds - before.seconds, 1e-9)
    told = f"{reading.descriptors} descriptors, {reading.reconnects} reconnects, {rate:,.0f} messages a second, {late}"
    say(f"{reading.seconds:7.0f} s", f"{reading.memory / MEGABYTE:.2f} MB", told)


def conclude(found: Sequence[Reading]) -> None:
    """Print what the readings come to."""
    seconds, hours = [each.seconds for each in found], (found[-1].seconds - found[0].seconds) / HOUR
    for what, unit, values in (
        ("memory", "MB", [each.memory / MEGABYTE for each in found]),
        ("descriptors", "", [float(each.descriptors) for each in found]),
    ):
        fitted = slope(seconds, values)
        verdict = "flat" if fitted.is_flat(sum(values) / len(values), hours) else "NOT FLAT"
        figure = f"{fitted.hourly:+.2f} {unit} an hour".replace("  ", " ")
        say(what, figure, f"standard error {fitted.error:.2f}, {min(values):g} to {max(values):g}: {verdict}")
    first, last = found[0], found[-1]
    late = [each for reading in found[1:] for each in reading.lateness]
    say("messages", f"{last.messages:,}", f"{(last.messages - first.messages) / (hours * HOUR):,.0f} a second")
    say("  refused, folded", f"{last.refused:,}, {last.folded:,}")
    say("reconnects", f"{last.reconnects:,}")
    say("rounds", f"{last.rounds:,}", f"{last.missed} missed, {sum(each > 1.0 for each in late)} over a second late")
    say("  lateness", f"p99 {percentile(late, 0.99) * 1e3:.0f} ms", f"most {max(late) * 1e3:.0f} ms")


async def measure(soak: Soak, every: float) -> None:
    """Run, print as it goes, and conclude."""
    found: list[Reading] = []
    async with soaking(soak) as gauge:
        until = gauge.seconds + soak.lasts
        while gauge.seconds < until or len(found) < 3:
            found.append(gauge.read())
            tell(found[-1], found[-2] if len(found) > 1 else None)
            await anyio.sleep(every)
    conclude(found)


def flaps(every: Duration) -> dict[str, list[dict[str, str]]]:
    """Return what goes wrong at each kind of venue, about so often."""
    return {
        "kraken": [{"kind": "drop", "every": str(every)}],
        "binance": [{"kind": "hang_up", "every": str(every)}],
        "coinbase": [{"kind": "flap", "every": str(every), "down": "1s"}],
    }


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--for", dest="lasts", type=Duration, default=Duration("1h"), help="how long to measure")
    parser.add_argument("--settle", type=Duration, default=Duration("2m"), help="how long to run before")
    parser.add_argument("--every", type=Duration, default=Duration("5s"), help="between two readings")
    parser.add_argument("--flap", type=Duration, default=Duration("20s"), help="after which a stream ends")
    parser.add_argument("--rate", type=float, default=5000.0, help="messages a second of all venues together")
    parser.add_argument("--feeds", type=int, default=2, help="pairs that every venue has, at most ten")
    parser.add_argument("--leak", action="store_true", help="keep all frames and a descriptor for each connection")
    asked = parser.parse_args()
    soak = Soak(
        rate=asked.rate,
        feeds=asked.feeds,
        flaps=flaps(asked.flap),
        settle=asked.settle.seconds,
        lasts=asked.lasts.seconds,
        leak=asked.leak,
    )
    say(f"{soak.venues} venues, {soak.feeds} feeds", f"{soak.rate:g}", "messages a second asked for")
    run(measure, soak, asked.every.seconds)


if __name__ == "__main__":
    main()
