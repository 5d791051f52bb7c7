"""What every detector promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, TypeAlias

import msgspec

from chrono.core.component import Context, Detector
from chrono.core.types import SECOND, Estimate, Market, Pair, Verdict

__all__ = ["DetectorContract"]

Rounds: TypeAlias = list[list[Estimate]]

AS_OF = 1_795_342_500 * SECOND
EXACT = 1e-9
"""Relative difference at which two results of different arithmetic count as one."""

_PAIR = Pair("BTC", "USD")
_QUOTES = {"USD": 1.0, "USDT": 1.0002, "KRW": 1400.0}
_QUOTED = ("USD", "USDT", "USDT", "USD", "USDT", "USDT", "KRW", "USDT")
_TURNOVER = (50.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0)
_NOISE = 2e-4
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_ATOMS = (str, int, float, bool, type(None))


class DetectorContract:
    """Subclass this in a plugin's tests, set `detector`, show one fault in `faulty`, and every check runs.

    Attributes
    ----------
    detector : type of Detector
        The class to check.
    options : mapping
        What the user must write for it at least, so that it rejects.
    seed : int
        Of the random rounds.

    Examples
    --------
    ::

        class TestJump(DetectorContract):
            detector = Jump

            def faulty(self):
                rounds = self.quiet(60)
                market = rounds[0][2].market
                return self.changed(rounds, market, range(20, 23), lambda e: replace(e, value=e.value / 5)), market
    """

    detector: ClassVar[type[Detector]]
    options: ClassVar[Mapping[str, Any]] = {}
    seed: ClassVar[int] = 1

    def faulty(self) -> tuple[Rounds, Market]:
        """Return rounds in which one market has a fault that must be rejected, and that market.

        The fault is over some rounds before the last one, and by then the market must be trusted again.
        """
        raise NotImplementedError("expected `faulty` to return rounds with one fault in them, and the faulty market")

    def make(self) -> Detector:
        """Return a fresh detector with the least the user must write."""
        return self.detector(self.detector.Config(**self.options), Context(self.detector.type))

    def quiet(self, count: int, step: int = SECOND) -> Rounds:
        """Return rounds in which nothing happens.

        Parameters
        ----------
        count : int
            Rounds.
        step : int
            Nanoseconds between two of them.

        Returns
        -------
        list of list of Estimate
            Each with eight markets, whose prints lie 2 bp around one price; three in ten repeat their last one. A
            `native` detector gets them in the quotes of the markets, a `cohort` detector in that of the feed.
        """
        random = Random(self.seed)  # noqa: S311 - no secret
        venues = [_Venue(self.detector.stage, i) for i in range(8)]
        return [[venue.estimate(random, AS_OF + k * step, step) for venue in venues] for k in range(count)]

    @staticmethod
    def changed(
        rounds: Rounds, market: Market, during: Iterable[int], change: Callable[[Estimate], Estimate]
    ) -> Rounds:
        """Return the same rounds with one market's estimates changed in some of them, counted from 0."""
        when = set(during)
        return [
            [change(e) if k in when and e.market == market else e for e in estimates]
            for k, estimates in enumerate(rounds)
        ]

    def test_d01_it_is_deterministic(self) -> None:
        """The same rounds give the same verdicts and the same state, to the bit; the object remembers nothing."""
        for rounds in self._samples():
            detector = self.make()
            first = self._run(rounds, detector)
            assert self._run(rounds, detector) == first, "expected the same verdicts from the same detector again"
            state = None
            for estimates, wanted in zip(rounds, first[0], strict=True):
                verdicts, state = self._screen(self.make(), estimates, state)
                assert verdicts == wanted, f"expected {wanted} from another detector in every round, was {verdicts}"
            assert state == first[1], f"expected {first[1]} to be remembered, was {state}"

    def test_d02_its_state_survives_json(self) -> None:
        """State is made of JSON's types, and what was saved and loaded gives the same verdicts to the bit."""
        for rounds in self._samples():
            detector = self.make()
            kept = loaded = None
            for estimates in rounds:
                verdicts, kept = self._screen(detector, estimates, kept)
                assert not (found := _foreign(kept)), f"expected a state made of JSON's types, was {found}"
                again, after = self._screen(detector, estimates, loaded)
                assert again == verdicts, f"expected {verdicts} after a restart, was {again}"
                loaded = msgspec.json.decode(msgspec.json.encode(after))
            assert loaded == kept, f"expected {kept} to be restored, was {loaded}"

    def test_d03_it_writes_to_nothing_it_is_given(self) -> None:
        """Estimates and every state it ever returned are left as they were."""
        for rounds in self._samples():
            detector, state, seen = self.make(), None, []
            for estimates in rounds:
                given = list(estimates)
                seen.append((state, msgspec.json.encode(state)))
                _, state = self._screen(detector, given, state)
                assert given == estimates, "expected the list of estimates to be left as it was"
            for kept, was in seen:
                assert msgspec.json.encode(kept) == was, "expected the state it was given to be left as it was"

    def test_d04_its_verdicts_are_well_formed(self) -> None:
        """Each names a market that was given, once; a rejection says who and why; numbers are finite floats."""
        for rounds in (*self._samples(), *self._wild()):
            for estimates, verdicts in zip(rounds, self._run(rounds)[0], strict=True):
                given = {e.market for e in estimates}
                named = [verdict.market for verdict in verdicts]
                assert len(set(named)) == len(named), f"expected one verdict per market at most, was {named}"
                assert given.issuperset(named), f"expected only markets that were given, was {named}"
                assert not (wrong := [said for v in verdicts for said in _malformed(v)]), "; ".join(wrong)

    def test_d05_order_does_not_matter(self) -> None:
        """Shuffled estimates get the same verdicts, round after round."""
        random = Random(self.seed)  # noqa: S311 - no secret
        for rounds in self._samples():
            shuffled = [random.sample(estimates, len(estimates)) for estimates in rounds]
            _same(self._run(rounds)[0], self._run(shuffled)[0], "in any order")

    def test_d06_names_of_venues_do_not_matter(self) -> None:
        """Renamed sources and groups get the same verdicts under their new names."""
        for rounds in self._samples():
            names = {name for estimates in rounds for e in estimates for name in (e.market.source, e.market.group)}
            new = {name: f"z{len(names) - i:04}" for i, name in enumerate(sorted(names))}
            renamed = [[_renamed(e, new) for e in estimates] for estimates in rounds]
            wanted = [
                [msgspec.structs.replace(v, market=_under(v.market, new)) for v in said]
                for said in self._run(rounds)[0]
            ]
            _same(wanted, self._run(renamed)[0], "under other names")

    def test_d07_the_scale_of_prices_does_not_matter(self) -> None:
        """All prices and turnovers in another unit get the same verdicts; data may be prices, or free of a unit."""
        for rounds in self._samples():
            wanted = self._run(rounds)[0]
            for factor in (2.0**20, 2.0**-40):
                scaled = [[_scaled(e, factor) for e in estimates] for estimates in rounds]
                _same(wanted, self._run(scaled)[0], f"with prices times {factor}", factor)

    def test_d08_markets_may_come_and_go(self) -> None:
        """No estimate at all, one alone, others than before: all are answered, and none of them raises."""
        rounds = self.quiet(40)
        for start in range(9):
            self._run([estimates[start % (k % 8 + 1) : k % 9] for k, estimates in enumerate(rounds)])
            self._run([estimates[: start or None] for estimates in rounds])
        for verdicts in self._run([[], [], rounds[0][:1], [], rounds[1][1:2]])[0]:
            assert not any(not v.keep for v in verdicts), f"expected nothing to be held against one, was {verdicts}"

    def test_d09_a_quiet_cohort_is_left_alone(self) -> None:
        """In 300 rounds of eight markets in which nothing happens, fewer than 0.5 % are rejected."""
        rounds = self.quiet(300)
        rejected = sum(not v.keep for verdicts in self._run(rounds)[0] for v in verdicts)
        total = sum(len(estimates) for estimates in rounds)
        assert rejected < 0.005 * total, f"expected fewer than 0.5 % of {total} to be rejected, was {rejected}"

    def test_d10_it_rejects_the_fault_and_releases_it(self) -> None:
        """Of the rounds shown in `faulty` the faulty market is rejected, no other is, and in the end it is back."""
        rounds, market = self.faulty()
        said = [{v.market for v in verdicts if not v.keep} for verdicts in self._run(rounds)[0]]
        others = set().union(*said) - {market}
        assert market in set().union(*said), f"expected {market} to be rejected while it is faulty"
        assert not others, f"expected nobody else to be rejected, was {sorted(map(str, others))}"
        assert market in {e.market for e in rounds[-1]}, f"expected {market} to be there in the last round shown"
        assert market not in said[-1], f"expected {market} to be released after the fault"

    def test_d11_it_forgets_markets_that_are_gone(self) -> None:
        """In 2,000 rounds, a minute apart, of ever new markets, what it remembers does not go on growing."""
        # one of each eight is off, so that what is held against a market must also be forgotten
        rounds = [[_dearer(estimates[0]), *estimates[1:]] for estimates in self.quiet(2000, 60 * SECOND)]
        self._stays_small([[_reborn(e, k // 8) for e in estimates] for k, estimates in enumerate(rounds)])

    def test_d12_it_forgets_rounds_that_are_long_ago(self) -> None:
        """In 2,000 rounds, ten seconds apart, of the same markets, what it remembers does not go on growing."""
        self._stays_small(self.quiet(2000, 10 * SECOND))

    def _stays_small(self, rounds: Rounds) -> None:
        sizes, state, detector = [], None, self.make()
        for k, estimates in enumerate(rounds):
            _, state = self._screen(detector, estimates, state)
            if k % 20 == 19:
                sizes.append(len(msgspec.json.encode(state)))
        early, late = max(sizes[:50]), max(sizes[50:])
        assert late <= 1.25 * early + 256, f"expected about {early} bytes of state at most, was {late}"

    def _samples(self) -> Iterator[Rounds]:
        """Yield rounds with a fault, without one, and with markets that come and go."""
        faulty, _ = self.faulty()
        yield faulty
        yield self.quiet(30)
        yield [estimates[k % 3 : 8 - k % 4] for k, estimates in enumerate(faulty)]

    def _wild(self) -> Iterator[Rounds]:
        """Yield rounds of what the core may hand over at the worst: any price, any turnover, any age."""
        random = Random(self.seed)  # noqa: S311 - no secret
        extremes = (5e-324, 1e-300, 1e-12, 1.0, 9e14)
        yield [
            [
                msgspec.structs.replace(
                    e,
                    value=random.choice(extremes),
                    weight=random.choice((0.0, 1e300, *extremes)),
                    age=random.choice((0, SECOND, 10**15)),
                    rhythm=random.choice((0, SECOND)),
                )
                for e in estimates
            ]
            for estimates in self.quiet(200, 10 * SECOND)
        ]

    def _run(self, rounds: Rounds, detector: Detector | None = None) -> tuple[list[list[Verdict]], Any]:
        """Return what is said of each round, and what is remembered in the end."""
        state, said, screening = None, [], detector or self.make()
        for estimates in rounds:
            verdicts, state = self._screen(screening, list(estimates), state)
            said.append(verdicts)
        return said, state

    @staticmethod
    def _screen(detector: Detector, estimates: Sequence[Estimate], state: Any) -> tuple[list[Verdict], Any]:
        try:
            verdicts, after = detector.screen(estimates, state)
            return list(verdicts), after
        except Exception as error:
            raise AssertionError(f"expected verdicts on {len(estimates)} estimates, was {error!r}") from error


class _Venue:
    """One market of a quiet cohort, and its last print."""

    def __init__(self, stage: str, index: int) -> None:
        quote = _QUOTED[index]
        self.market = Market(f"v{index}", Pair("BTC", quote), f"v{index}", f"BTC{quote}")
        native = stage == "native"
        self.pair = self.market.pair if native else _PAIR
        self.path = () if native or quote == "USD" else (f"{quote}/USD",)
        self.unit = _QUOTES[quote] if native else 1.0
        self.usual = _TURNOVER[index] * 1e4 * self.unit
        self.printed: tuple[float, float, int] | None = None

    def estimate(self, random: Random, as_of: int, step: int) -> Estimate:
        """Return what the market says, which is new in seven of ten rounds."""
        if self.printed is None or random.random() < 0.7:
            value = 67_000.0 * self.unit * (1 + random.gauss(0, _NOISE))
            turnover = self.usual * random.lognormvariate(0, 0.5)
            self.printed = value, turnover, as_of - random.randrange(min(step, SECOND))
        value, turnover, at = self.printed
        rhythm = step * 10 // 7
        return Estimate(
            self.market, self.pair, value, turnover, 10, as_of - at, "last", self.path, as_of=as_of, rhythm=rhythm
        )


def _under(market: Market, names: Mapping[str, str]) -> Market:
    return msgspec.structs.replace(market, source=names[market.source], group=names[market.group])


def _renamed(estimate: Estimate, names: Mapping[str, str]) -> Estimate:
    return msgspec.structs.replace(estimate, market=_under(estimate.market, names))


def _reborn(estimate: Estimate, life: int) -> Estimate:
    market = estimate.market
    return _renamed(estimate, {name: f"{name}-{life}" for name in (market.source, market.group)})


def _dearer(estimate: Estimate) -> Estimate:
    return msgspec.structs.replace(estimate, value=estimate.value * 1.2, weight=estimate.weight * 1000)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    return msgspec.structs.replace(estimate, value=estimate.value * factor, weight=estimate.weight * factor)


def _foreign(value: Any) -> str:
    """Return the first part of a state that JSON would not give back as it was, "" if there is none."""
    if type(value) is dict:
        keys = (f"the key {key!r}" for key in value if type(key) is not str)
        return next(keys, "") or next(filter(None, map(_foreign, value.values())), "")
    if type(value) is list:
        return next(filter(None, map(_foreign, value)), "")
    fits = type(value) in _ATOMS and not (type(value) is float and not math.isfinite(value))
    return "" if fits else f"{value!r} of type {type(value).__name__}"


def _malformed(verdict: Verdict) -> Iterator[str]:
    """Yield what is wrong with a verdict by itself."""
    if type(verdict.keep) is not bool:
        yield f"expected `keep` to be True or False, was {verdict.keep!r}"
    if not (type(verdict.score) is float and 0.0 <= verdict.score < math.inf):
        yield f"expected a finite `score` of 0 or more, was {verdict.score!r}"
    if not verdict.keep and not (verdict.detector and _WORD.fullmatch(verdict.code)):
        yield f"expected a rejection to name detector and code, was {verdict.detector!r} and {verdict.code!r}"
    for key, value in verdict.data.items():
        if not (type(key) is str and type(value) is float and math.isfinite(value)):
            yield f"expected `data` of finite floats, was {key!r}: {value!r}"


def _same(
    wanted: Sequence[Sequence[Verdict]], said: Sequence[Sequence[Verdict]], how: str, factor: float = 1.0
) -> None:
    for expected, was in zip(wanted, said, strict=True):
        ranked = zip(sorted(expected, key=lambda v: v.market), sorted(was, key=lambda v: v.market), strict=False)
        alike = len(expected) == len(was) and all(_alike(one, other, factor) for one, other in ranked)
        assert alike, f"expected {list(expected)} {how}, was {list(was)}"


def _alike(one: Verdict, other: Verdict, factor: float) -> bool:
    plain = [(v.market, v.keep, v.code, v.detector, v.data.keys()) for v in (one, other)]
    pairs = [(one.score, other.score, 1.0), *((one.data[key], other.data.get(key, 0.0), factor) for key in one.data)]
    return plain[0] == plain[1] and all(
        any(math.isclose(was, value * by, rel_tol=EXACT, abs_tol=1e-12 * by) for by in (1.0, unit))
        for value, was, unit in pairs
    )
