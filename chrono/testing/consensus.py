"""What every consensus promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from random import Random
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from chrono.core.component import Consensus, Context
from chrono.core.consensus import VenueConsensus
from chrono.core.errors import NoQuorum
from chrono.core.types import SECOND, Agreement, Estimate, Market, Pair
from chrono.core.units import Duration, Share

__all__ = ["ConsensusContract"]

PAIR = Pair("BTC", "USD")
EXACT = 1e-12
"""Relative difference at which two results of different arithmetic count as one."""


class ConsensusContract:
    """Subclass this in a plugin's tests, set `consensus`, and every check runs.

    From c10 on, checks are of what `VenueConsensus` does for a strategy; they are skipped for others.

    Attributes
    ----------
    consensus : type of Consensus
        The class to check.
    options : mapping
        What the user must write for it at least.
    seed : int
        Of the random estimates.
    step : float
        What values are rounded to, where the strategy rounds them; quote units per base unit.
    reach : float
        How far outside the range of the venues that are right, relative to their price, a value may be carried below
        the declared breakdown; 0 for strategies that stay inside.

    Examples
    --------
    ::

        class TestTrimmedMean(ConsensusContract):
            consensus = TrimmedMean
            options = {"min_venues": 3}
    """

    consensus: ClassVar[type[Consensus]]
    options: ClassVar[Mapping[str, Any]] = {}
    seed: ClassVar[int] = 1
    step: ClassVar[float] = 0.0
    reach: ClassVar[float] = 0.0

    def make(self, **options: Any) -> Consensus:
        """Return a fresh consensus with the least the user must write."""
        config = self.consensus.Config(**{**self.options, **options})
        return self.consensus(config, Context(self.consensus.type))

    def test_c01_order_and_names_of_venues_do_not_matter(self) -> None:
        """Shuffled venues agree on the same to the bit, whatever the options; renamed ones on the same value."""
        random = Random(self.seed)  # noqa: S311 - no secret
        for options, spare in self._settings():
            for certain in self._samples(spare):
                # one in three was converted at a rate that is in doubt
                estimates = [replace(e, uncertainty=0.0 if i % 3 else 1e-3) for i, e in enumerate(certain)]
                made = self.make(**options).agree(estimates)
                for _ in range(3):
                    shuffled = random.sample(estimates, len(estimates))
                    again = self.make(**options).agree(shuffled)
                    assert again == made, f"expected the same in any order, was {made} and {again}"
        for estimates in self._samples():
            renamed = [_named(e, f"z{len(estimates) - i}") for i, e in enumerate(estimates)]
            assert self._agree(renamed).value == self._nearly(self._agree(estimates).value)

    def test_c02_too_few_venues_are_refused(self) -> None:
        """One group less than wanted raises `NoQuorum` with their number; markets of one group count once."""
        wanted = self.make().wanted
        few = _estimates(Random(self.seed), wanted - 1)  # noqa: S311 - no secret
        with pytest.raises(NoQuorum) as caught:
            self.make().agree(few)
        assert (caught.value.used, caught.value.wanted) == (wanted - 1, wanted)
        if few:
            with pytest.raises(NoQuorum):
                self.make().agree([*few, _named(few[0], "second", group=few[0].market.group)])

    def test_c03_it_withstands_its_declared_breakdown(self) -> None:
        """Fewer venues than the declared share, at zero or a thousandfold, leave the value among the honest ones."""
        share = self.make().breakdown
        assert 0.0 <= share <= 0.5, f"expected a breakdown from 0 to 0.5, was {share}"
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in (5, 8, 12, 21):
            bad = max(math.ceil(share * n) - 1, 0)
            for factor in (0.0, 1000.0):
                estimates = [replace(e, weight=1.0) for e in _estimates(random, n)]
                rogue = [replace(e, value=e.value * factor) for e in estimates[:bad]]
                self._withstands(rogue, estimates[bad:])

    def test_c04_every_venue_is_used_or_dropped_with_a_code(self) -> None:
        """Nobody is forgotten or counted twice; the shares of those used sum to one."""
        for estimates in (*self._samples(), *self._poor()):
            made = self._agree(estimates)
            used, dropped = set(made.shares), set(made.dropped)
            assert used | dropped == {e.market for e in estimates}, "expected every market to be used or dropped"
            assert not used & dropped, f"expected markets to be used or dropped, was both: {used & dropped}"
            assert math.fsum(made.shares.values()) == pytest.approx(1.0), f"expected shares of one, was {made.shares}"
            assert min(made.shares.values()) >= 0, f"expected no negative share, was {made.shares}"
            mute = [market for market, reason in made.dropped.items() if not reason.get("code")]
            assert not mute, f"expected a code for each dropped market, was none for {mute}"

    def test_c05_it_refuses_rather_than_guess(self) -> None:
        """Nobody left raises `NoQuorum`; whatever is agreed on is finite, with a confidence from 0 to 1."""
        with pytest.raises(NoQuorum):
            self.make().agree([])
        for estimates in (*self._samples(), *self._poor()):
            made = self._agree(estimates)
            assert math.isfinite(made.value), f"expected a price, was {made.value}"
            assert 0.0 <= made.confidence <= 1.0, f"expected a confidence from 0 to 1, was {made.confidence}"

    def test_c06_it_is_deterministic(self) -> None:
        """The same estimates give the same agreement, to the bit, and leave no trace."""
        for estimates in self._samples():
            strategy = self.make()
            assert strategy.agree(estimates) == strategy.agree(estimates) == self.make().agree(list(estimates))

    def test_c07_few_venues_and_ties_agree_on_their_price(self) -> None:
        """As few venues as are wanted, at one price, agree on it; so do many."""
        for n in (self.make().wanted, 7):
            same = [replace(e, value=67123.1) for e in _estimates(Random(self.seed), n)]  # noqa: S311 - no secret
            assert self._agree(same).value == pytest.approx(67123.1, rel=1e-15)

    def test_c08_it_follows_the_scale_of_prices_and_not_that_of_weights(self) -> None:
        """Prices in another unit, the value in that unit; weights times a thousand, the same value."""
        for estimates in self._samples():
            value = self._agree(estimates).value
            for factor in (2.0, 1e-3, 1e3):
                other = [replace(e, value=e.value * factor) for e in estimates]
                assert self._agree(other).value == self._nearly(factor * value, factor)
            heavier = [replace(e, weight=e.weight * 1000.0) for e in estimates]
            assert self._agree(heavier).value == self._nearly(value)

    def test_c09_an_old_estimate_does_not_count(self) -> None:
        """Older than the greatest age is dropped as stale and makes no quorum; as old as that still counts."""
        more = {"max_age": Duration("20s")} if "max_age" in self.consensus.Config.model_fields else {}
        strategy = self.make(**more)
        if strategy.max_age is None:
            pytest.skip("this strategy has no greatest age")
        fresh = _estimates(Random(self.seed), strategy.wanted)  # noqa: S311 - no secret
        old = replace(_named(fresh[0], "old"), age=strategy.max_age + 1, value=1.0)
        made = strategy.agree([*fresh, old])
        reason = made.dropped.get(old.market, {})
        assert reason.get("code") == "stale", f"expected the old one to be dropped as stale, was {reason}"
        assert made.value == strategy.agree(fresh).value
        edge = replace(_named(fresh[0], "edge"), age=strategy.max_age)
        assert not strategy.agree([*fresh, edge]).dropped, "expected what is just as old as allowed to count"
        with pytest.raises(NoQuorum):
            strategy.agree([*fresh[1:], old])

    def test_c10_too_little_turnover_is_refused(self) -> None:
        """Below `min_turnover` it raises `NoQuorum` with the numbers; at it, it answers."""
        self._of_venues()
        estimates = [replace(e, weight=10.0) for e in self._many(4)]
        whole = 10.0 * len(estimates)
        self.make(min_turnover=whole).agree(estimates)
        with pytest.raises(NoQuorum) as caught:
            self.make(min_turnover=whole + 1).agree(estimates)
        assert caught.value.numbers == {"turnover": whole, "turnover_wanted": whole + 1}

    def test_c11_it_withstands_its_declared_breakdown_by_share(self) -> None:
        """Venues that weigh less than the declared share, wherever they are, leave the value among the honest ones."""
        self._of_venues()
        random = Random(self.seed)  # noqa: S311 - no secret
        for estimates in self._samples():
            shares, wrong = self._agree(estimates).shares, 0.0
            rogue: list[Estimate] = []
            for each in sorted(estimates, key=lambda e: shares[e.market]):
                if wrong + shares[each.market] < self.make().breakdown - EXACT:
                    wrong += shares[each.market]
                    rogue.append(each)
            honest = [e for e in estimates if e not in rogue]
            for factor in (0.0, 1000.0, random.choice((0.97, 1.03))):
                self._withstands([replace(e, value=e.value * factor) for e in rogue], honest)

    def test_c12_how_old_is_stale_follows_the_rhythm_of_a_market(self) -> None:
        """Without `max_age`, four times the market's rhythm is allowed, between half a minute and five."""
        self._of_venues()
        strategy = self.make(max_age=None)
        fresh = self._many(2)
        for rhythm, limit in ((0, 30), (2, 30), (60, 240), (3600, 300)):
            slow = replace(_named(fresh[0], "slow"), rhythm=rhythm * SECOND, age=limit * SECOND)
            silent = replace(_named(fresh[0], "silent"), rhythm=rhythm * SECOND, age=limit * SECOND + 1)
            made = strategy.agree([*fresh, slow, silent])
            was = {str(market): reason.get("code") for market, reason in made.dropped.items()}
            assert was == {str(silent.market): "stale"}, (
                f"expected a rhythm of {rhythm} s to allow {limit} s, was {was}"
            )

    def test_c13_no_group_carries_more_than_its_cap(self) -> None:
        """However much one venue trades, and over how many markets, its share is at most max(0.15, 1.2 / n)."""
        self._of_venues()
        for estimates in self._samples():
            first = replace(estimates[0], weight=1e9)
            made = self._agree([first, _named(first, "second", group=first.market.group), *estimates[1:]])
            groups: dict[str, float] = {}
            for market, share in made.shares.items():
                groups[market.group] = groups.get(market.group, 0.0) + share
            cap = max(0.15, 1.2 / len(groups))
            assert max(groups.values()) <= cap + EXACT, f"expected no share above {cap}, was {groups}"

    def test_c14_confidence_falls_with_what_speaks_against_a_value(self) -> None:
        """One estimate far off, older, or converted at a rate less trusted: each makes the value less sure."""
        self._of_venues()
        estimates = self._many(5)
        sure = self._agree(estimates).confidence
        for i, e in enumerate(estimates):
            doubts = {"far": replace(e, value=e.value * 1.01), "old": replace(e, age=e.age + 10 * SECOND)}
            for word, worse in {**doubts, "mistrusted": replace(e, trust=0.9)}.items():
                was = self._agree([*estimates[:i], worse, *estimates[i + 1 :]]).confidence
                assert was < sure, f"expected less than {sure} where {e.market} is {word}, was {was}"
        was = self._agree([replace(e, trust=0.5) for e in estimates]).confidence
        assert was <= sure / 2 + EXACT, f"expected at most half of {sure} where all rates are in doubt, was {was}"

    def test_c15_what_it_remembers_is_json_and_its_own_to_keep(self) -> None:
        """What `agree_with` returns survives JSON, it is not written to, and the same is made of the same."""
        for options, spare in self._settings():
            state = None
            for turn, estimates in enumerate(self._samples(spare)):
                now = [replace(e, as_of=turn * 5 * SECOND) for e in estimates]
                kept: Any = deepcopy(state)
                made, after = self.make(**options).agree_with(now, state)
                assert state == kept, f"expected what was remembered to be left as it was, was {state}"
                assert self.make(**options).agree_with(now, kept) == (made, after), "expected the same of the same"
                state = _through_json(after)
                assert state == after, f"expected JSON's types, was {after}"

    def test_c16_the_furthest_are_rejected_and_not_more_than_allowed(self) -> None:
        """With `reject` a venue far off is dropped as an outlier, of many the furthest up to `max_rejected`."""
        self._of_venues()
        estimates = self._many(10)
        most = int(0.2 * len(estimates) + 1e-9)
        for far in (1, most + 1):
            wild = [replace(e, value=e.value * (1.03 + 0.01 * i)) for i, e in enumerate(estimates[:far])]
            made = self.make(reject=10.0, max_rejected=Share("20%")).agree([*wild, *estimates[far:]])
            wanted = {e.market: "outlier" for e in wild[-most:]}
            was = {market: reason.get("code") for market, reason in made.dropped.items()}
            assert was == wanted, f"expected {wanted} to be rejected, was {was}"

    def _withstands(self, rogue: Sequence[Estimate], honest: Sequence[Estimate]) -> None:
        value = self._agree([*rogue, *honest]).value
        slack = self.step + self.reach * max(e.value for e in honest)
        low, high = min(e.value for e in honest) - slack, max(e.value for e in honest) + slack
        assert low <= value <= high, (
            f"expected {len(rogue)} rogue venues of {len(honest)} more to be withstood, was {value}"
        )

    def _agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return self.make().agree(estimates)

    def _nearly(self, value: float, factor: float = 1.0) -> Any:
        return pytest.approx(value, rel=EXACT, abs=self.step * max(1.0, factor))

    def _of_venues(self) -> None:
        if not issubclass(self.consensus, VenueConsensus):
            pytest.skip("this strategy is no VenueConsensus")

    def _settings(self) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Yield options, and how many venues more than wanted there must be for all that they may reject."""
        yield {}, 0
        if issubclass(self.consensus, VenueConsensus):
            adjusted = {"half_life": Duration("2s"), "learn": Duration("60s"), "weights": {"v0": 0.5, "v1": 2.0}}
            yield {**adjusted, "reject": 3.0}, self.make().wanted

    def _samples(self, spare: int = 0) -> Iterator[list[Estimate]]:
        random = Random(self.seed)  # noqa: S311 - no secret
        least = self.make().wanted + spare
        for n in range(least, max(13, least + 4)):
            yield _estimates(random, n)

    def _many(self, more: int) -> list[Estimate]:
        return _estimates(Random(self.seed), self.make().wanted + more)  # noqa: S311 - no secret

    def _poor(self) -> Iterator[list[Estimate]]:
        """Yield what nobody would wish for: no turnover, next to none, rates not trusted, prices next to nothing."""
        estimates = self._many(2)
        yield [replace(e, weight=0.0) for e in estimates]
        yield [replace(e, weight=5e-324) for e in estimates]
        yield [replace(e, trust=0.0, uncertainty=1.0) for e in estimates]
        yield [replace(e, value=1e-14) for e in estimates]
        yield [replace(e, value=9e14 / 10**i) for i, e in enumerate(estimates)]


def _estimates(random: Random, n: int) -> list[Estimate]:
    """Return n estimates of n groups, some basis points apart, with very different weights and ages below 5 s."""
    return [
        Estimate(
            market=Market(f"v{i}", PAIR, f"v{i}", "BTCUSD"),
            pair=PAIR,
            value=67_000.0 * (1 + random.gauss(0, 0.0005)),
            weight=random.paretovariate(1.0),
            n=10,
            age=random.randrange(5 * SECOND),
            method="last",
        )
        for i in range(n)
    ]


def _named(estimate: Estimate, name: str, group: str = "") -> Estimate:
    return replace(estimate, market=Market(name, PAIR, group or name, "BTCUSD"))


def _through_json(state: Any) -> Any:
    """Return what is left of a state after it was written and read, with an error for what JSON has no word for."""
    try:
        return json.loads(json.dumps(state, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"expected what is remembered to be of JSON's types, was {state}") from error
