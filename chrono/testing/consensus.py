"""What every consensus promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import msgspec
import pytest

from chrono.core.component import Consensus, Context
from chrono.core.errors import NoQuorum
from chrono.core.types import SECOND, Agreement, Estimate, Market, Pair

__all__ = ["ConsensusContract"]

PAIR = Pair("BTC", "USD")
EXACT = 1e-9
"""Relative difference at which two results count as one."""


class ConsensusContract:
    """Subclass this in a plugin's tests, set `consensus`, and every check runs.

    Attributes
    ----------
    consensus : type of Consensus
        The class to check.
    options : mapping
        What the user must write for it at least.
    seed : int
        Of the random estimates.

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

    def make(self, **options: Any) -> Consensus:
        """Return a fresh consensus with the least the user must write."""
        config = self.consensus.Config(**{**self.options, **options})
        return self.consensus(config, Context(self.consensus.type))

    def test_c01_order_and_names_of_venues_do_not_matter(self) -> None:
        """Shuffled or renamed venues agree on the same value."""
        random = Random(self.seed)  # noqa: S311 - no secret
        for estimates in self._samples():
            value = self._agree(estimates).value
            for _ in range(3):
                shuffled = random.sample(estimates, len(estimates))
                assert self._agree(shuffled).value == value, "expected the same value in any order"
            renamed = [_named(e, f"z{len(estimates) - i}") for i, e in enumerate(estimates)]
            assert self._agree(renamed).value == pytest.approx(value, rel=EXACT)

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
        share = self.consensus.breakdown
        assert 0.0 <= share <= 0.5, f"expected a breakdown from 0 to 0.5, was {share}"
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in (5, 8, 12, 21):
            bad = max(math.ceil(share * n) - 1, 0)
            for factor in (0.0, 1000.0):
                honest = [msgspec.structs.replace(e, weight=1.0) for e in _estimates(random, n)]
                rogue = [msgspec.structs.replace(e, value=e.value * factor) for e in honest[:bad]]
                value = self._agree(rogue + honest[bad:]).value
                low, high = min(e.value for e in honest), max(e.value for e in honest)
                assert low <= value <= high, f"expected {bad} of {n} rogue venues to be withstood, was {value}"

    def test_c04_every_venue_is_used_or_dropped_with_a_code(self) -> None:
        """Nobody is forgotten or counted twice; the shares of those used sum to one."""
        for estimates in self._samples():
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
        for estimates in self._samples():
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
            same = [msgspec.structs.replace(e, value=67123.1) for e in _estimates(Random(self.seed), n)]  # noqa: S311
            assert self._agree(same).value == pytest.approx(67123.1, rel=1e-15)

    def test_c08_it_follows_the_scale_of_prices_and_not_that_of_weights(self) -> None:
        """Prices times two, the value times two; weights times a thousand, the same value."""
        for estimates in self._samples():
            value = self._agree(estimates).value
            dearer = [msgspec.structs.replace(e, value=e.value * 2.0) for e in estimates]
            heavier = [msgspec.structs.replace(e, weight=e.weight * 1000.0) for e in estimates]
            assert self._agree(dearer).value == pytest.approx(2 * value, rel=EXACT)
            assert self._agree(heavier).value == pytest.approx(value, rel=EXACT)

    def test_c09_an_old_estimate_does_not_count(self) -> None:
        """Where there is a greatest age, an older estimate is dropped as stale and its venue does not make a quorum."""
        strategy = self.make()
        if strategy.max_age is None:
            pytest.skip("this strategy has no greatest age")
        fresh = _estimates(Random(self.seed), strategy.wanted)  # noqa: S311 - no secret
        old = msgspec.structs.replace(_named(fresh[0], "old"), age=strategy.max_age + 1, value=1.0)
        made = strategy.agree([*fresh, old])
        reason = made.dropped.get(old.market, {})
        assert reason.get("code") == "stale", f"expected the old one to be dropped as stale, was {reason}"
        assert made.value == strategy.agree(fresh).value

    def _agree(self, estimates: Sequence[Estimate]) -> Agreement:
        return self.make().agree(estimates)

    def _samples(self) -> Iterator[list[Estimate]]:
        random = Random(self.seed)  # noqa: S311 - no secret
        for n in range(self.make().wanted, 13):
            yield _estimates(random, n)


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
    return msgspec.structs.replace(estimate, market=Market(name, PAIR, group or name, "BTCUSD"))
