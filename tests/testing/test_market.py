"""The scenario generator: one true price, many venues, faults on top."""

import math
import statistics
import subprocess
import sys
from itertools import pairwise

import pytest

from chrono import Duration, Move, Pair, Quote, Trade
from chrono.testing.faults import (
    DeadSymbol,
    Depeg,
    Drift,
    Fault,
    FlashCrash,
    Frozen,
    Held,
    Outlier,
    Repeating,
    Scaled,
    Silence,
    Wash,
)
from chrono.testing.market import Parameters, SimulatedMarket, SimulatedVenue, standard_venues

SECOND = 1_000_000_000
START = 1_795_342_500 * SECOND
BTC = Pair("BTC", "USD")
USDT = Pair("USDT", "USD")


def prints(
    venue: SimulatedVenue, seconds: float, pair: Pair = BTC, market: SimulatedMarket | None = None
) -> list[Trade]:
    """Return the prints of some seconds from START, the origin of all faults."""
    market = market or SimulatedMarket(origin=START)
    return list(market.prints(venue, pair, START, START + int(seconds * SECOND)))


def faulty(fault: Fault, noise: float = 0.0) -> SimulatedVenue:
    """Return a venue with one fault."""
    return SimulatedVenue("v", rate=20.0, faults=(fault,), noise=noise)


def errors(trades: list[Trade], pair: Pair = BTC) -> list[float]:
    """Return each print's deviation from the true price."""
    market = SimulatedMarket(origin=START)
    return [trade.price / market.price(pair, trade.ts_event or 0) - 1 for trade in trades]


def test_true_price_is_a_function_of_seed_and_time() -> None:
    """Two markets with one seed agree at any time, asked in any order; another seed differs."""
    times = [START + k * 777_777_777 for k in range(200)]
    forward = [SimulatedMarket().price(BTC, ts) for ts in times]
    other = SimulatedMarket()
    backward = [other.price(BTC, ts) for ts in reversed(times)]
    assert forward == backward[::-1]
    assert forward != [SimulatedMarket(Parameters(seed=2)).price(BTC, ts) for ts in times]


def test_true_price_returns_to_its_reference() -> None:
    """At each multiple of 4096 seconds every price stands at its reference."""
    pin = (START // (4096 * SECOND) + 1) * 4096 * SECOND
    market = SimulatedMarket(Parameters(jumps=20.0))
    assert market.price(BTC, pin) == pytest.approx(67_000.0)
    assert market.price(Pair("FLR", "USD"), pin) == pytest.approx(0.02)


def test_true_price_never_wanders_off() -> None:
    """Over a day the price stays within two per cent of its reference."""
    market = SimulatedMarket()
    day = [market.price(BTC, START + k * 97 * SECOND) for k in range(900)]
    assert max(abs(price / 67_000 - 1) for price in day) < 0.02


@pytest.mark.parametrize(("walk", "low", "high"), [(1e-4, 0.9e-4, 1.1e-4), (0.0, 0.0, 0.0)])
def test_true_price_walks_by_its_parameter(walk: float, low: float, high: float) -> None:
    """The deviation of one-second returns is the walk per square-root second; a static market stands still."""
    market = SimulatedMarket(Parameters(walk=walk))
    path = [market.price(BTC, START + k * SECOND) for k in range(2_000)]
    assert low <= statistics.pstdev([math.log(b / a) for a, b in pairwise(path)]) <= high


def test_true_price_is_continuous() -> None:
    """Between neighbouring milliseconds, also across seconds and pins, there is no step."""
    pin = (START // (4096 * SECOND) + 1) * 4096 * SECOND
    market = SimulatedMarket()
    for around in (START, pin, START + SECOND // 8):
        before, after = market.price(BTC, around - 1_000_000), market.price(BTC, around + 1_000_000)
        assert after == pytest.approx(before, rel=1e-5)


def test_stablecoins_and_fiat_walk_much_less() -> None:
    """USDT/USD moves by a fraction of what BTC/USD moves by."""
    market = SimulatedMarket()
    usdt = [market.price(USDT, START + k * SECOND) for k in range(1_000)]
    assert 0 < statistics.pstdev([math.log(b / a) for a, b in pairwise(usdt)]) < 0.05e-4
    assert market.price(Pair("EUR", "USD"), START) == pytest.approx(1.08, rel=0.01)


def test_cross_pairs_follow_from_their_assets() -> None:
    """ETH/BTC is ETH/USD over BTC/USD, BTC/USDT is BTC/USD over USDT/USD."""
    market = SimulatedMarket()
    eth, btc, usdt = (market.price(Pair(base, "USD"), START) for base in ("ETH", "BTC", "USDT"))
    assert market.price(Pair("ETH", "BTC"), START) == pytest.approx(eth / btc, rel=1e-12)
    assert market.price(Pair("BTC", "USDT"), START) == pytest.approx(btc / usdt, rel=1e-12)


def test_jumps_make_large_moves_rarer_than_their_rate_allows() -> None:
    """Jumps of a hundred basis points stand out of a static market, about as often as stated."""
    market = SimulatedMarket(Parameters(walk=0.0, jumps=60.0, jump_size=1e-2))
    path = [market.price(BTC, START + k * SECOND) for k in range(4_000)]
    large = sum(abs(math.log(b / a)) > 1e-3 for a, b in pairwise(path))
    assert 30 <= large <= 100


def test_unknown_assets_have_a_price_of_their_own() -> None:
    """An asset that is not listed gets a stable reference from its name."""
    market = SimulatedMarket(Parameters(walk=0.0))
    first, second = (market.price(Pair(name, "USD"), START) for name in ("NEWCOIN", "OTHERCOIN"))
    assert first != second
    assert 0.001 < first < 1_000
    assert first == SimulatedMarket(Parameters(seed=9, walk=0.0)).price(Pair("NEWCOIN", "USD"), START)


def test_references_can_be_given() -> None:
    """The price an asset stands at is a parameter."""
    market = SimulatedMarket(Parameters(walk=0.0, references={"BTC": 50_000.0}))
    assert market.price(BTC, START) == pytest.approx(50_000.0)


@pytest.mark.parametrize("rate", [0.4, 5.0, 900.0])
def test_any_sub_interval_gives_the_same_prints(rate: float) -> None:
    """Cutting an interval anywhere changes nothing, and a fresh market agrees."""
    venue = SimulatedVenue("v", rate=rate)
    market = SimulatedMarket()
    whole = list(market.prints(venue, BTC, START, START + 3 * SECOND))
    cuts = [START, START + 1, START + 137_000_001, START + SECOND, START + 2_999_000_000, START + 3 * SECOND]
    parts = [trade for a, b in pairwise(cuts) for trade in SimulatedMarket().prints(venue, BTC, a, b)]
    assert parts == whole


def test_prints_are_in_order_with_increasing_ids() -> None:
    """Event times never go back, lie inside the interval, and trade ids grow."""
    for rate in (5.0, 700.0):
        trades = prints(SimulatedVenue("v", rate=rate), 4)
        times = [trade.ts_event or 0 for trade in trades]
        assert times == sorted(times)
        assert START <= times[0] <= times[-1] < START + 4 * SECOND
        ids = [int(trade.trade_id) for trade in trades]
        assert all(a < b for a, b in pairwise(ids))
        assert {trade.side for trade in trades} == {"buy", "sell"}


@pytest.mark.parametrize("rate", [0.4, 7.0, 1_500.0])
def test_print_counts_follow_the_rate(rate: float) -> None:
    """A venue prints its rate per second, within four standard deviations of a Poisson count."""
    seconds = max(4.0, 800 / rate)
    expected = rate * seconds
    count = len(prints(SimulatedVenue("v", rate=rate), seconds))
    assert abs(count - expected) < 4 * math.sqrt(expected)


def test_noise_and_bias_are_those_of_the_venue() -> None:
    """Prints scatter around the true price by the noise, shifted by the bias."""
    deviation = errors(prints(SimulatedVenue("v", rate=500.0, noise=2e-4, bias=5e-4), 4))
    assert statistics.fmean(deviation) == pytest.approx(5e-4, abs=3e-5)
    assert statistics.pstdev(deviation) == pytest.approx(2e-4, rel=0.1)


def test_venues_and_pairs_differ_in_their_prints() -> None:
    """Two venues of one seed print at other times; so do two pairs of a venue."""
    north, south = (prints(SimulatedVenue(name), 5) for name in ("north", "south"))
    cross = prints(SimulatedVenue("north"), 5, Pair("ETH", "USD"))
    assert len({tuple(trade.ts_event for trade in trades) for trades in (north, south, cross)}) == 3


def test_turnover_follows_the_volume_share() -> None:
    """A venue with half the volume trades five times what one with a tenth trades, whatever its rate."""
    big, small = (
        sum(trade.price * trade.size for trade in prints(venue, 60))
        for venue in (SimulatedVenue("v", rate=40.0, volume=0.5), SimulatedVenue("v", rate=80.0, volume=0.1))
    )
    assert big / small == pytest.approx(5, rel=0.25)


def test_quotes_surround_the_price() -> None:
    """Bids and asks lie the spread apart around the true price, and are never crossed."""
    venue = SimulatedVenue("v", quotes=200.0, spread=4e-4, noise=0.0)
    market = SimulatedMarket()
    quotes = list(market.quotes(venue, BTC, START, START + 2 * SECOND))
    assert len(quotes) > 300
    for quote in quotes:
        assert quote.ask / quote.bid - 1 == pytest.approx(4e-4, rel=1e-2)
        assert (quote.ask + quote.bid) / 2 == pytest.approx(market.price(BTC, quote.ts_event or 0), rel=1e-6)


def test_ticks_merge_trades_and_quotes_in_time() -> None:
    """What a venue says comes in one order of time."""
    venue = SimulatedVenue("v", rate=50.0, quotes=50.0)
    ticks = list(SimulatedMarket().ticks(venue, BTC, START, START + 2 * SECOND))
    assert {type(tick) for tick in ticks} == {Trade, Quote}
    times = [tick.ts_event or 0 for tick in ticks]
    assert times == sorted(times)


def test_outlier_moves_every_print_between_onset_and_end() -> None:
    """An outlier of ten per cent prints ten per cent too high while it lasts, and only then."""
    fault = Outlier(move=Move("10%"), after=Duration("2s"), lasts=Duration("3s"))
    trades = prints(faulty(fault), 8)
    wrong = [trade for trade, error in zip(trades, errors(trades), strict=True) if abs(error - 0.1) < 1e-6]
    right = [trade for trade, error in zip(trades, errors(trades), strict=True) if abs(error) < 1e-6]
    assert len(wrong) + len(right) == len(trades)
    assert {((trade.ts_event or 0) - START) // SECOND for trade in wrong} == {2, 3, 4}


def test_fault_keeps_to_its_pairs() -> None:
    """A fault of one pair leaves the venue's other pairs alone."""
    venue = faulty(DeadSymbol(pairs=("BTC/USD",)))
    assert prints(venue, 3) == []
    assert prints(venue, 3, Pair("ETH", "USD"))


def test_faults_leave_the_other_prints_as_they_were() -> None:
    """The same venue without its fault prints the same outside of it."""
    sick = prints(faulty(Silence(after=Duration("2s"))), 5)
    well = [
        trade
        for trade in prints(SimulatedVenue("v", rate=20.0, noise=0.0), 5)
        if (trade.ts_event or 0) < START + 2 * SECOND
    ]
    assert sick == well


@pytest.mark.parametrize(("fault", "kinds"), [(Frozen(), {Quote}), (Silence(), set())])
def test_frozen_stops_prints_and_silence_stops_all(fault: Fault, kinds: set[type]) -> None:
    """A frozen venue still quotes; a silent one says nothing."""
    venue = SimulatedVenue("v", rate=20.0, quotes=20.0, faults=(fault,))
    ticks = SimulatedMarket(origin=START).ticks(venue, BTC, START, START + 3 * SECOND)
    assert {type(tick) for tick in ticks} == kinds


def test_repeating_prints_the_old_price_with_fresh_times() -> None:
    """From its onset a repeating venue prints one price, that of the onset, at ever new times."""
    trades = prints(faulty(Repeating(after=Duration("1s")), noise=2e-4), 30)
    held = [trade for trade in trades if (trade.ts_event or 0) >= START + SECOND]
    assert len({trade.price for trade in held}) == 1
    assert held[0].price == pytest.approx(SimulatedMarket().price(BTC, START + SECOND), rel=1e-3)
    assert len({trade.ts_event for trade in held}) > 400


def test_held_venue_stays_where_it_was_while_the_truth_falls() -> None:
    """From its onset each print has noise of its own, around the price before it; also of a step at that instant."""
    market = SimulatedMarket(Parameters(walk=0.0), [Depeg(move=Move("-3%"), after=Duration("1s"))], origin=START)
    trades = prints(faulty(Held(after=Duration("1s")), noise=2e-4), 20, USDT, market)
    held = [trade.price for trade in trades if (trade.ts_event or 0) >= START + SECOND]
    assert len(set(held)) > 30
    assert held == pytest.approx([1.0] * len(held), abs=2e-3)
    assert market.price(USDT, START + 20 * SECOND) == pytest.approx(0.97)


def test_single_print_is_at_its_time_and_under_the_venues_faults() -> None:
    """A trade at exactly that instant, the same again, and none of a venue that is silent."""
    market, venue = SimulatedMarket(origin=START), SimulatedVenue("v", noise=0.0)
    trade = market.print_at(venue, BTC, START + 7)
    assert trade is not None
    assert trade == market.print_at(venue, BTC, START + 7)
    assert (trade.ts_event, trade.price) == (START + 7, round(market.price(BTC, START + 7), 2))
    fallen = market.print_at(faulty(Outlier(move=Move("-50%"))), BTC, START + 7)
    assert fallen is not None
    assert fallen.price == pytest.approx(trade.price / 2)
    assert market.print_at(faulty(Silence()), BTC, START + 7) is None


def test_drift_grows_with_time() -> None:
    """A drift of a basis point a second is ten of them after ten seconds."""
    trades = prints(faulty(Drift(per_second=Move("1bp"), after=Duration("1s"))), 11.2)
    assert errors(trades)[-1] == pytest.approx(10e-4, abs=0.4e-4)


def test_wash_multiplies_sizes() -> None:
    """Wash trades are a thousand times larger, a per cent off."""
    well = prints(SimulatedVenue("v", rate=20.0, noise=0.0), 3)
    sick = prints(faulty(Wash()), 3)
    assert [b.size / a.size for a, b in zip(well, sick, strict=True)] == pytest.approx([1000.0] * len(well), rel=1e-3)
    assert errors(sick) == pytest.approx([0.01] * len(sick), abs=1e-6)


def test_flash_crash_comes_back_after_three_seconds() -> None:
    """A flash crash prints 80 % lower with real volume for three seconds."""
    trades = prints(faulty(FlashCrash(after=Duration("1s"))), 6)
    low = [trade for trade, error in zip(trades, errors(trades), strict=True) if error < -0.79]
    assert {((trade.ts_event or 0) - START) // SECOND for trade in low} == {1, 2, 3}


def test_scaled_prints_in_another_unit() -> None:
    """Another unit is a price a thousand times too high."""
    trades = prints(faulty(Scaled(factor=1000.0)), 2)
    assert errors(trades) == pytest.approx([999.0] * len(trades), rel=1e-6)


def test_depeg_moves_the_true_price_and_its_crosses() -> None:
    """When USDT falls to 0.97, USDT/USD follows, BTC/USDT rises, BTC/USD stands."""
    parameters = Parameters(walk=0.0)
    market = SimulatedMarket(parameters, [Depeg(asset="USDT", move=Move("-3%"), ramp=Duration("60s"))], origin=START)
    later = START + 60 * SECOND
    assert market.price(USDT, START + 30 * SECOND) == pytest.approx(0.985)
    assert market.price(USDT, later) == pytest.approx(0.97)
    assert market.price(BTC, later) == pytest.approx(67_000.0)
    assert market.price(Pair("BTC", "USDT"), later) == pytest.approx(67_000 / 0.97)
    assert prints(SimulatedVenue("v"), 90, USDT, market)[-1].price == pytest.approx(0.97, rel=2e-3)


@pytest.mark.parametrize("n", [5, 8, 12, 20])
def test_standard_venues_are_those_of_the_scenarios(n: int) -> None:
    """The cohort has the stated size, one dominant venue, and three quarters quoted in USDT."""
    venues = standard_venues(n)
    assert len({venue.name for venue in venues}) == n
    assert sum(venue.volume for venue in venues) == pytest.approx(1.0)
    assert sum(venue.lists == ("USDT",) for venue in venues) == round(n * 0.75)
    if n == 8:
        assert [round(venue.volume * 98) for venue in venues] == [50, 12, 10, 8, 6, 5, 4, 3]


def test_venue_knows_what_it_lists() -> None:
    """A listing is a quote currency or a whole pair; none means every pair."""
    venue = SimulatedVenue("v", lists=("USDT", "USDT/USD"))
    assert venue.trades(Pair("BTC", "USDT"))
    assert venue.trades(USDT)
    assert not venue.trades(BTC)
    assert SimulatedVenue("v").trades(BTC)


def test_flood_is_drawn_in_short_slots() -> None:
    """Tens of thousands of prints a second come an eighth of a second at a time, so that no loop stalls."""
    assert SimulatedVenue("v", rate=50_000.0).slot == SECOND // 8
    assert len(prints(SimulatedVenue("v", rate=50_000.0), 0.125)) == pytest.approx(6_250, rel=0.1)


def test_module_imports_without_pytest() -> None:
    """The generator and the scenarios run where no test tool is installed."""
    program = "import sys; sys.modules['pytest'] = None; import chrono.testing.scenarios.running"
    subprocess.run([sys.executable, "-c", program], check=True)
