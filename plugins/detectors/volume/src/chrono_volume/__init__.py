"""Finds a market whose turnover rises far above its usual while that of the others does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from statistics import median
from typing import Any, Literal

import msgspec
from pydantic import Field

from chrono import Detector, Duration, Estimate, Market, Verdict, hookimpl

_ALIKE = 5
"""The others have risen likewise once their median ratio is the limit divided by this."""
_LN2 = log(2)
_LONGEST = 60_000_000_000
_FORGET = 6
_MOST = 1e15


class _Usual(msgspec.Struct, frozen=True):
    """What a market usually turns over.

    `mass` is the decayed sum of the seconds it was learned for, `learned` the plain one; `seen` is when the market was
    last there.
    """

    mean: float
    mass: float
    learned: float
    seen: int

    def ratio(self, weight: float) -> float:
        """Return a turnover as a multiple of the usual one."""
        return min(weight / self.mean, _MOST) if self.mean > 0 else 0.0


class _Memory(msgspec.Struct, frozen=True):
    """What is remembered: the round before, and what is usual by market."""

    as_of: int = 0
    usual: dict[str, _Usual] = {}


class Volume(Detector):
    """A market that turns over far more than it usually does, alone: wash trading, or news that only it has.

    Notes
    -----
    ``ratio = turnover / usual``. A market is over the limit if its ratio is above `factor` while the median ratio of
    the other venues (of each the median of its markets) is below a fifth of it. News that moves all markets passes, as
    does a market that has no other to be compared with.

    *Usual* is an exponentially decayed mean of the market's own turnover w, over rounds that lasted dt seconds::

        mass  = mass * 2 ** (-dt / half_life) + dt
        usual = usual + dt / mass * (min(w, factor / 5 * usual) - usual)

    so that no single round teaches more than a rise that the others are asked for. Of a round over the limit that is
    kept it learns ``usual * (1 + log(2) * dt / half_life)`` whatever the turnover: a half-life of wash volume does not
    more than double what is usual. Rejected rounds teach nothing. Nor do rounds without turnover: a market that trades
    seldom would be over the limit whenever it does. A round counts for a minute at most. There is no verdict on a
    market, and no vote for it on others, before it has been learned for `warm_up`.

    The score is ``ratio / factor``: near 0 is ordinary, 1 the limit.

    State: the time of the round before, and by market the usual turnover, the seconds it was learned for, decayed and
    plain, and when it was last there. A market that was not there for six half-lives is forgotten.

    Examples
    --------
    >>> from chrono import Market, Pair
    >>> markets = [Market(name, Pair("BTC", "USD"), name) for name in ("kraken", "coinbase", "gemini")]
    >>> def at(minute, *turnovers):
    ...     now = minute * 60 * 10**9
    ...     return [Estimate(m, m.pair, 100.0, w, 1, 0, "last", as_of=now) for m, w in zip(markets, turnovers)]
    >>> detector, state = Volume(), None
    >>> for minute in range(1, 11):
    ...     verdicts, state = detector.screen(at(minute, 10.0, 20.0, 5.0), state)
    >>> verdicts, state = detector.screen(at(11, 10.0, 20.0, 5000.0), state)
    >>> str(verdicts[0].market), verdicts[0].keep, verdicts[0].score, verdicts[0].data
    ('gemini:BTC/USD', True, 20.0, {'ratio': 1000.0, 'limit': 50.0})
    >>> detector.screen(at(11, 10_000.0, 20_000.0, 5000.0), state)[0]
    []
    """

    type = "volume"
    stage = "native"

    class Config(Detector.Config):
        """What is usual, what is too much, and what to do about it."""

        factor: float = Field(default=50.0, ge=10)
        """How many times its usual turnover is too much for a market alone."""
        half_life: Duration = Field(default=Duration("30m"), gt=0)
        """After how long a turnover counts half in what is usual."""
        warm_up: Duration = Field(default=Duration("5m"), gt=0)
        """How long a market's turnover is learned before anything is said of it."""
        action: Literal["reject", "flag"] = "flag"
        """`reject` drops the market; `flag` keeps it and says so, since real volume is news."""

    config: Config

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Return verdicts on the markets that turn over too much.

        Parameters
        ----------
        estimates : sequence of Estimate
            One feed's markets, each in its own quote.
        state : dict or None
            What the round before returned.

        Returns
        -------
        list of Verdict
            Code `volume`; data: the `ratio` of the turnover to the usual one, and its `limit`.
        dict
            What to remember.
        """
        if not estimates:
            return [], state
        memory = msgspec.convert(state or {}, _Memory)
        now = max(e.as_of for e in estimates)
        passed = min(max(now - memory.as_of, 0), _LONGEST) if memory.as_of else 0
        ratios = self._ratios(estimates, memory.usual)
        over = {e.market for e in estimates if self._over(e.market, ratios)}
        horizon = now - _FORGET * self.config.half_life
        usual = {key: each for key, each in memory.usual.items() if each.seen >= horizon}
        for e in estimates:
            learned = self._learned(e, memory.usual.get(str(e.market)), passed / 1e9, over=e.market in over)
            if learned is not None:
                usual[str(e.market)] = learned
        return [self._verdict(m, ratios[m]) for m in ratios if m in over], msgspec.to_builtins(_Memory(now, usual))

    def _ratios(self, estimates: Iterable[Estimate], usual: Mapping[str, _Usual]) -> dict[Market, float]:
        """Return the ratio of each market that has been learned for long enough."""
        known = ((e, usual.get(str(e.market))) for e in estimates)
        wanted = self.config.warm_up.seconds
        return {e.market: own.ratio(e.weight) for e, own in known if own is not None and own.learned >= wanted}

    def _over(self, market: Market, ratios: Mapping[Market, float]) -> bool:
        """Say whether a market is over the limit and the others are not on their way there."""
        factor = self.config.factor
        if ratios.get(market, 0.0) <= factor:
            return False
        others: dict[str, list[float]] = {}
        for other, ratio in ratios.items():
            if _venue(other) != _venue(market):
                others.setdefault(_venue(other), []).append(ratio)
        return bool(others) and median([median(each) for each in others.values()]) < factor / _ALIKE

    def _learned(self, e: Estimate, before: _Usual | None, passed: float, *, over: bool) -> _Usual | None:
        """Return what is usual after a round."""
        if before is None:
            return _Usual(e.weight, passed, passed, e.as_of) if e.weight > 0 and passed > 0 else None
        mean, mass, learned, half_life = before.mean, before.mass, before.learned, self.config.half_life.seconds
        if over and self.config.action == "flag":
            mean *= 1 + _LN2 * passed / half_life
        elif not over and e.weight > 0 and passed > 0:
            mass = mass * 2.0 ** (-passed / half_life) + passed
            learned += passed
            mean += passed / mass * (min(e.weight, self.config.factor / _ALIKE * mean) - mean)
        return _Usual(mean, mass, learned, e.as_of)

    def _verdict(self, market: Market, ratio: float) -> Verdict:
        factor = float(self.config.factor)
        data = {"ratio": ratio, "limit": factor}
        keep = self.config.action == "flag"
        return Verdict(market, keep=keep, score=ratio / factor, code=self.type, data=data, detector=self.type)


def _venue(market: Market) -> str:
    return market.group or market.source


@hookimpl
def chrono_detectors() -> Iterable[type[Detector]]:
    """Return the detector."""
    return [Volume]
