"""The scenarios as data, and the statistics they are judged by, against cases worked out by hand."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from chrono import Pair, Quote, Ticker, Trade
from chrono.testing.market import Parameters, SimulatedMarket, SimulatedVenue
from chrono.testing.scenarios import tally
from chrono.testing.scenarios.cast import Player, cast, company
from chrono.testing.scenarios.catalogue import SCENARIOS, NearMiss, named
from chrono.testing.scenarios.demands import DEMANDS
from chrono.testing.scenarios.measure import measured
from chrono.testing.scenarios.mischief import nonsense
from chrono.testing.scenarios.prints import latency, prints
from chrono.testing.scenarios.rules import Tape, last_median, pooled_vwap, priced, reference_provider
from chrono.testing.scenarios.scenario import Befalls, Must, Scenario, Times, World
from chrono.testing.scenarios.simulation import Course, Reading
from chrono.testing.scenarios.tally import Tally, interval, median, ratio

SECOND = 1_000_000_000
AS_OF = 1_795_342_500 * SECOND


class Rigged:
    """A generator whose sample is the end of what it is given."""

    def sample(self, found: Any, count: int) -> Any:
        return found[len(found) - count :]


def row(name: str) -> Scenario:
    """Return one scenario."""
    (found,) = [each for each in SCENARIOS if each.name == name]
    return found


def course(*errors: float, yardstick: float = 1.0, **seen: Any) -> Course:
    """Return what was seen of a market in which readings had these errors."""
    readings = [Reading(n + 1, error, yardstick, 0.9, (), math.nan) for n, error in enumerate(errors)]
    return Course(readings=readings, **seen)


def why(scenario: Scenario, *courses: Course) -> str:
    """Return what does not hold of these markets."""
    return measured(scenario, "static", 8, courses).why


# The catalogue


def test_every_row_of_the_table_has_a_scenario() -> None:
    """A to R but for S and T, which are of venues, sinks and processes, and U."""
    rows = {scenario.name.partition("-")[0] for scenario in SCENARIOS}
    assert rows == {*"ABCDEFGHIJKLMNOPQRU", "D2", "F2", "G2"}
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_a_name_means_a_row_a_variant_or_all() -> None:
    """Names are found whatever their case."""
    assert [scenario.name for scenario in named("g")] == ["G-ramp", "G-step"]
    assert [scenario.name for scenario in named("G2-STEP")] == ["G2-step"]
    assert named("all") == list(SCENARIOS)


def test_unknown_name_is_told_with_the_nearest() -> None:
    """The message lists the rows and names the one that was probably meant."""
    with pytest.raises(NearMiss, match=r"was 'G-stp'; did you mean G-step$"):
        named("G-stp")


@pytest.mark.parametrize(
    ("befalls", "counts"),
    [
        (Befalls(), {4: 1, 5: 1, 8: 1, 20: 1}),
        (Befalls(share=2 / 8), {4: 1, 5: 1, 8: 2, 12: 3, 20: 5}),
        (Befalls(share=3 / 8, down=True), {4: 1, 5: 1, 8: 3, 12: 4, 20: 7}),
        (Befalls(share=5 / 8), {4: 2, 5: 3, 8: 5, 12: 8, 20: 13}),
        (Befalls(share=1.0), {5: 5, 8: 8}),
    ],
)
def test_shares_scale_with_the_number_of_venues(befalls: Befalls, counts: dict[int, int]) -> None:
    """So many of eight are as many of others, and two are left alive unless all are meant."""
    assert {n: befalls.count(n) for n in counts} == counts


def test_readings_begin_when_the_fault_has_settled() -> None:
    """The first reading is at `settle`, or at the first round after the onset; the last one before `reads` are over."""
    assert Times(settle=31, reads=20, step=5).readings == [31, 36, 41, 46]
    assert Times(reads=12, step=5).readings == [1, 6, 11]
    assert Times(reads=100, step=5, coarse=(10, 40)).readings == [1, 6, 10, 50, 90]


def test_rounds_are_every_second_until_readings_are_coarse() -> None:
    """Detectors see every round of the interesting part, and the readings of the rest."""
    assert Times(warm=2, settle=3, reads=5, step=4).rounds == [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7]
    assert Times(warm=1, reads=100, step=2, coarse=(4, 50)).rounds == [-1, 0, 1, 2, 3, 4, 54]


def test_transit_allows_the_share_of_those_at_fault() -> None:
    """A minority may move the value by its share, a majority by everything; so may a rate that all depend on."""
    three, five = Befalls(share=3 / 8, down=True), Befalls(share=5 / 8)
    must = Must(size=100.0)
    assert Scenario("X", "", (three,), must=must).transit_bp(8) == pytest.approx(45.0)
    assert Scenario("X", "", (five,), must=must).transit_bp(8) == 100.0
    assert Scenario("X", "", (Befalls(of="r"),), must=must).transit_bp(8) == 100.0
    assert Scenario("X", "", (three,)).transit_bp(8) is None


# Who takes part


def test_company_is_the_cohort_and_five_venues_for_each_rate() -> None:
    """Three quarters quote in USDT, the biggest first; one quotes in EUR where the row says so."""
    quotes = [player.pair.quote for player in company(row("A"), 8) if player.kind == "v"]
    assert quotes == ["USDT"] * 6 + ["USD"] * 2
    players = company(row("R"), 8)
    assert [player.pair for player in players if player.kind == "v"][-1] == Pair("BTC", "EUR")
    assert [player.name for player in players if player.kind != "v"] == [f"{k}{i}" for k in "re" for i in range(1, 6)]


@pytest.mark.parametrize(
    ("name", "guilty"),
    [
        ("B", ["v1"]),
        ("C", ["v8"]),
        ("D", ["v1", "v8"]),
        ("E", ["v6", "v7", "v8"]),
        ("G2-step", ["r3", "r4", "r5"]),
        ("F2-peg", []),
        ("R-silent", ["v8", "e1", "e2", "e3", "e4", "e5"]),
    ],
)
def test_faults_befall_those_the_row_says(name: str, guilty: list[str]) -> None:
    """The biggest, a small one, some of the rates; what is no fault makes nobody guilty."""
    players = cast(row(name), company(row(name), 8), Rigged())  # type: ignore[arg-type]
    assert [player.name for player in players if player.guilty] == guilty


# What they print


def printed(scenario: Scenario, guilty: str = "") -> list[Any]:
    """Return all that is heard in a static market."""
    players = [
        replace(player, guilty=player.name == guilty, venue=replace(player.venue, faults=scenario.befalls[0].faults))
        if player.name == guilty
        else player
        for player in company(scenario, 4)
    ]
    market = SimulatedMarket(Parameters(walk=0.0), scenario.moves, origin=AS_OF)
    return prints(market, scenario, players, Random(1))


def test_ticks_come_in_the_order_of_receipt() -> None:
    """Each is received its venue's delay after it was printed."""
    heard = printed(replace(row("A"), times=Times(fill=5, warm=0, reads=5)))
    assert heard == sorted(heard, key=lambda each: each.received)
    assert all(each.received - each.tick.ts_event == latency(each.source) for each in heard)
    assert 10_000_000 <= latency("v1") <= 30_000_000


def test_thin_market_has_old_honest_prints_and_a_fresh_rogue() -> None:
    """At every reading honest last trades are 60 to 110 s old, the rogue's is a second old and 5 % down."""
    scenario = row("H")
    heard = printed(scenario, guilty="v2")
    for second in scenario.times.readings:
        now = AS_OF + second * SECOND
        last = {each.source: each for each in heard if each.received <= now and each.source[0] == "v"}
        assert (now - last["v2"].tick.ts_event) / SECOND == 1.0
        assert last["v2"].tick.price == pytest.approx(67_000 * 0.95, rel=2e-3)
        for name in ("v1", "v3", "v4"):
            assert 60 <= (now - last[name].tick.ts_event) / SECOND <= 110
            assert last[name].tick.price == pytest.approx(67_000, rel=2e-3)


def test_renamed_asset_goes_by_its_former_name_until_the_onset() -> None:
    """One venue's trades are called MATIC before, POL after."""
    heard = [each for each in printed(replace(row("Q"), times=Times(fill=20, warm=5, reads=20))) if each.source == "v1"]
    assert {each.tick.symbol for each in heard if each.tick.ts_event < AS_OF} == {"MATIC/USDT"}
    assert {each.tick.symbol for each in heard if each.tick.ts_event >= AS_OF} == {"POL/USDT"}


def test_trades_come_with_what_the_pipeline_reads() -> None:
    """A book around each trade, or a ticker with a day's volume of its size."""
    scenario = replace(row("A"), times=Times(fill=30, warm=0, reads=5))
    for reads, kind in (("quotes", Quote), ("tickers", Ticker)):
        player = replace(company(scenario, 4)[0], reads=reads)
        heard = prints(SimulatedMarket(Parameters(walk=0.0), origin=AS_OF), scenario, [player], Random(1))
        trades, others = heard[::2], heard[1::2]
        assert all(isinstance(each.tick, kind) and each.tick.symbol == "BTC/USDT" for each in others)
        assert [each.received for each in others] == [each.received for each in trades]
        prices = [(t.tick.bid + t.tick.ask) / 2 if reads == "quotes" else t.tick.last for t in others]
        assert prices == pytest.approx([each.tick.price for each in trades])


def test_nobody_prints_after_falling_silent_for_good() -> None:
    """An hour's silence holds nothing."""
    heard = printed(replace(row("I"), times=Times(fill=30, warm=0, reads=60)), guilty="v1")
    assert max(each.tick.ts_event for each in heard if each.source == "v1") < AS_OF
    assert max(each.tick.ts_event for each in heard if each.source == "v2") > AS_OF


def test_nonsense_has_every_kind_of_it() -> None:
    """Zero, negative, NaN, infinite and absurd prices, and crossed books."""
    ticks = [each.tick for each in nonsense(company(row("O"), 4), AS_OF, 13)]
    prices = Counter(repr(tick.price) for tick in ticks if isinstance(tick, Trade))
    assert set(prices) == {"0.0", "-1.0", "nan", "inf", "-inf", "1e+308"}
    assert sum(not isinstance(tick, Trade) for tick in ticks) == 4 * 7


# Other rules


def tape(quote: str, *trades: tuple[float, float, float]) -> Tape:
    """Return a tape of trades: seconds before AS_OF, price, size."""
    made = [Trade("x", price, size, ts_event=AS_OF - int(age * SECOND)) for age, price, size in trades]
    player = Player(SimulatedVenue("v"), Pair("BTC", quote), "v")
    return Tape(player, [trade.ts_event or 0 for trade in made], made)


def test_median_of_last_prints_by_hand() -> None:
    """100, 102 and 98 times 1.1 have the median 102; what was received later does not count."""
    tapes = [tape("USD", (3, 100, 1)), tape("USD", (9, 5, 1), (2, 102, 1)), tape("USDT", (500, 98, 1), (-1, 1, 1))]
    assert last_median(tapes, {"USD": 1.0, "USDT": 1.1}, AS_OF) == 102
    assert math.isnan(last_median([tape("USD")], {"USD": 1.0}, AS_OF))


def test_pooled_vwap_by_hand() -> None:
    """(100 x 1 + 110 x 3) / 4 is 107.5; a trade of 61 s ago is none of it."""
    tapes = [tape("USD", (61, 1, 50), (3, 100, 1)), tape("USDT", (2, 100, 3))]
    assert pooled_vwap(tapes, {"USD": 1.0, "USDT": 1.1}, AS_OF) == pytest.approx(107.5)
    assert math.isnan(pooled_vwap([tape("USD")], {"USD": 1.0}, AS_OF))


def test_reference_provider_lets_freshness_outvote_a_majority() -> None:
    """Seven trades of 60 s ago weigh exp(-3) each, 0.35 in all, one of a second ago 0.95."""
    honest = [tape("USD", (60, 100, 1)) for _ in range(7)]
    assert reference_provider([*honest, tape("USD", (1, 95, 1))], {"USD": 1.0}, AS_OF) == 95
    assert reference_provider(honest, {"USD": 1.0}, AS_OF) == 100
    assert math.isnan(reference_provider([], {}, AS_OF))


def test_rules_convert_at_their_own_rate() -> None:
    """The median of the rate's last prints converts what is quoted in USDT."""
    tapes = {"v": [tape("USDT", (1, 100, 1))], "r": [tape("USD", (1, 0.9, 1)), tape("USD", (2, 1.1, 1))], "e": []}
    assert priced(last_median, tapes, AS_OF) == pytest.approx(100.0)
    euros = {**tapes, "v": [tape("EUR", (1, 100, 1))], "e": [tape("USD", (1, 1.2, 1))]}
    assert priced(last_median, euros, AS_OF) == pytest.approx(120.0)


# Statistics


def test_ratio_is_that_of_medians_over_what_has_a_value() -> None:
    """Without the second draw, medians of 1, 2, 6 and of 1, 4, 5 are 2 and 4."""
    assert ratio(np.array([1.0, math.nan, 2.0, 6.0]), np.array([1.0, 1.0, 4.0, 5.0])) == 0.5
    assert ratio(np.array([math.nan]), np.array([1.0])) is None
    assert ratio(np.array([1.0]), np.array([math.nan])) is None
    assert median(np.array([])) is None


def test_interval_resamples_whole_markets() -> None:
    """Of two markets, errors 1 and 3: all draws are of one, of the other, or of both, whose median is 2."""
    errors, yardsticks = [np.full(10, 1.0), np.full(10, 3.0)], [np.ones(10), np.ones(10)]
    assert interval(errors, yardsticks) == [1.0, 3.0]
    assert interval([np.array([1.0, math.nan])] * 2, [np.array([2.0, 9.0])] * 2) == [0.5, 0.5]
    assert interval([np.array([math.nan])] * 2, [np.array([2.0])] * 2) is None
    alike = [np.array([1.0, 3.0] * 5)] * 2
    assert interval(alike, yardsticks) == [2.0, 2.0]


def test_one_market_has_no_interval() -> None:
    """What would be resampled is always the same."""
    assert interval([np.array([1.0, 2.0])], [np.ones(2)]) is None


def test_interval_does_not_depend_on_how_much_is_resampled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many draws are taken in parts."""
    errors, yardsticks = [np.arange(1.0, 9.0) * n for n in range(1, 6)], [np.ones(8)] * 5
    whole = interval(errors, yardsticks)
    monkeypatch.setattr(tally, "_AT_ONCE", 100)
    assert interval(errors, yardsticks) == whole


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 25 samples of 25 markets, the interval holds the true ratio in 21 or more."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(25):
        level = rng.normal(0, 0.2, (25, 1))
        errors = np.exp(level + rng.normal(0, 0.5, (25, 8)))
        low, high = interval(list(errors), [np.ones(8)] * 25) or (math.inf, math.inf)
        held += low <= 1.0 <= high
    assert held >= 21


def test_result_counts_draws_and_missing_values() -> None:
    """Five draws of two markets, one of them without a value, which the row does not allow."""
    result = measured(row("A"), "static", 8, [course(1, 1, math.nan), course(3, 3, reasons=Counter({"no_quorum": 1}))])
    assert (result.draws, result.markets, result.no_value, result.error_bp, result.ratio) == (5, 2, 0.2, 2.0, 2.0)
    assert not result.holds
    assert "expected an error of at most 1.25 Y, was 2.00 Y" in result.why
    assert "expected a value each time, was none in 20.00% of the draws (no_quorum)" in result.why


def test_result_is_written_as_json_can_be() -> None:
    """What is not known is null, numbers have six digits."""
    record = measured(row("A"), "static", 8, [course(1 / 3)]).record()
    assert record["error_bp"] == 0.333333
    assert record["transit_bp"] is None
    assert record["confidence"] == {"before": None, "transit": None, "after": 0.9}


def test_noticed_is_when_the_last_of_the_guilty_was() -> None:
    """The median over markets; a market where one was never noticed counts as never."""
    two = {"guilty": 2}
    seen = [course(1, noticed={"a": 3, "b": 9}, **two), course(1, noticed={"a": 1}, **two)]
    assert Tally(row("E"), 8, seen).noticed == 9.0
    assert Tally(row("E"), 8, seen[1:]).noticed is None


DOCTORED: dict[str, tuple[Scenario, Course, str]] = {
    "error in bp": (row("K"), course(6.0), "at most 5 bp, was 6.00 bp"),
    "value where none may be": (row("I"), course(1.0, math.nan), "expected no value, was one in 50.00%"),
    "honest dropped": (
        row("A"),
        course(1.0, honest_seen=100, honest_codes=Counter(outlier=1)),
        "fewer than 0.5% of honest estimates dropped, was 1.00% (outlier 1)",
    ),
    "faulty kept": (row("B"), course(1.0, resting=5, kept=1), "1 of 5 were kept"),
    "nothing faulty": (row("B"), course(1.0), "nothing to judge"),
    "named late": (row("L"), course(1.0, guilty=1, noticed={"v1": 61}), "was 0% (after 61 s in the median)"),
    "never named": (row("L"), course(1.0, guilty=1), "was 0% (never in most)"),
    "not announced": (row("G-step"), course(1.0), "expected the depeg announced, was not in 1 of 1 markets"),
    "announced early": (row("G-step"), course(1.0, announced=-4), "was before it in 1 of 1 markets"),
    "harm in transit": (row("E"), course(1.0, transit=[60.0] * 9), "below 52 bp, as the fault's own share allows"),
    "sure in transit": (row("E"), course(1.0, before=[0.9], during=[0.95]), "below the 0.90 before, was 0.95"),
    "too sure in transit": (row("G2-step"), course(1.0, during=[0.6, 0.5]), "below 0.5 in transit, was 0.50"),
    "too sure": (row("U-one"), course(1.0), "a confidence of at most 0.5, was 0.90"),
    "share": (row("M"), course(1.0, excess=0.01), "no group above max(0.15, 1.2/n) of the whole, was 0.010 more"),
    "moved": (
        row("L"),
        Course(readings=[Reading(1, 1.0, 1.0, 0.9, (), 0.5), Reading(2, 1.0, 1.0, 0.9, (), 1.5)]),
        "at most 1 bp at any instant from the value without the venue, was 1.50 bp",
    ),
    "not back": (row("J"), course(1.0, back=False), "expected the venue back at the end, was out in 1 of 1"),
    "not refused": (row("O"), course(1.0, pushed=9, refused=8), "9 impossible ticks refused and counted, was 8"),
    "not said": (row("P"), course(1.0, rounds=3, unanswered=2), "ETH/USD missing in 3 rounds, was in 2"),
    "gap": (row("Q"), course(1.0, transit=[1.0, math.nan]), "in every round of the transit, was none in 1"),
}


@pytest.mark.parametrize("case", DOCTORED)
def test_each_demand_can_fail(case: str) -> None:
    """A market in which one thing is wrong is told apart, in a sentence with the numbers."""
    scenario, seen, sentence = DOCTORED[case]
    assert sentence in why(scenario, seen)


def test_every_demand_is_made_of_some_row() -> None:
    """The doctored cases above make each of them speak."""
    spoke = {
        demand for scenario, seen, _ in DOCTORED.values() for demand in DEMANDS if [*demand(Tally(scenario, 8, [seen]))]
    }
    assert spoke | {DEMANDS[0]} == set(DEMANDS)


def test_row_that_holds_says_nothing() -> None:
    """An error of one yardstick is what row A allows."""
    assert why(row("A"), course(1.0)) == ""


WORDS: Callable[[Must], str] = str


def test_bound_is_told_in_short() -> None:
    """What a row demands of the error, for tables."""
    assert WORDS(row("F").must) == "1.25 Y or no value"
    assert WORDS(row("D2-up").must) == "5 bp"
    assert WORDS(row("L").must) == "1 bp from without"


def test_world_knows_its_pair() -> None:
    """The feed's name is its pair."""
    assert World(feed="POL/USD").pair == Pair("POL", "USD")
