"""What a sink gets in place of a feed that was refused: nothing, its last value for a while, or no report at all."""

# ruff: noqa: E501 - an entry of the table is a line as the user sees it

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chrono.core.build import build
from chrono.core.clock import VirtualClock
from chrono.core.component import Component, Context, Sink, Status
from chrono.core.config import schema
from chrono.core.errors import ConfigError, PermanentError, TransientError
from chrono.core.missing import Policy
from chrono.core.outlet import delivering
from chrono.core.registry import Registry
from chrono.core.reporting import encode, rows
from chrono.core.sinks import Console, JsonLines
from chrono.core.statuses import Statuses
from chrono.core.types import SECOND, Feed, Market, Missing, Pair, Price, Report, Round

FEEDS = {name: Feed(f"{name}/USD", Pair(name, "USD"), 2, ()) for name in ("BTC", "ETH", "SGB")}
VENUE = Market("v1", Pair("BTC", "USD"), "v1", "BTC/USD")
HALF_A_MINUTE = {"last": {"max_age": "30s", "min_confidence": 0.5}}


def price(name: str, value: float, confidence: float = 0.9, **more: Any) -> Price:
    return Price(FEEDS[name], value, confidence, (VENUE,), {}, "median", {VENUE: 1.0}, (), 2 * SECOND, **more)


def refused(name: str, code: str = "no_quorum") -> Missing:
    return Missing(FEEDS[name], {"code": code, "used": 0, "wanted": 2}, (), {})


def report(second: int, *results: Price | Missing) -> Report:
    return Report(Round(second, second * SECOND, (second + 1) * SECOND), results)


class Noting(Sink):
    """Keeps what it is given; refuses as often as it is told."""

    type = "noting"

    def __init__(self, on_missing: Any = "skip", statuses: Any = None) -> None:
        self.statuses = statuses or Statuses(Registry(found=()), structlog.get_logger())
        context = Context("out", VirtualClock(), self.statuses)
        super().__init__(self.Config(on_missing=on_missing), context)
        self.given: list[Report] = []
        self.refusals: list[Exception] = []

    async def publish(self, report: Report) -> None:
        self.given.append(report)
        if self.refusals:
            raise self.refusals.pop()


async def deliver(sink: Noting, *reports: Report, **more: Any) -> None:
    async with delivering([sink], sink.context.clock, sink.statuses, grace=1.0, **more) as (outlet,):
        for each in reports:
            outlet.offer(each)
            await anyio.wait_all_tasks_blocked()


def policy(on_missing: Any) -> Policy:
    made = Policy.of(Sink.Config(on_missing=on_missing))
    assert made is not None
    return made


# What is skipped


@pytest.mark.anyio
async def test_refused_feed_is_handed_over_as_it_is_unless_said_otherwise() -> None:
    """The default is `skip`: the very report that was priced."""
    sink = Noting()
    priced = [report(1, price("BTC", 1.0)), report(2, refused("BTC"))]
    await deliver(sink, *priced)
    assert [given is each for given, each in zip(sink.given, priced, strict=True)] == [True, True]


@pytest.mark.parametrize("on_missing", ["skip", {"default": "skip"}, {"BTC/USD": "skip"}])
def test_skipping_costs_nothing(on_missing: Any) -> None:
    """Where nothing is asked for there is nobody to do it."""
    assert Policy.of(Sink.Config(on_missing=on_missing)) is None


def test_sink_whose_options_are_its_own_skips() -> None:
    """Options that do not derive from those of every sink are options all the same."""

    assert Policy.of(Component.Config()) is None


# The last value, for a while


@pytest.mark.anyio
async def test_last_value_stands_for_a_refused_feed() -> None:
    """It says how old it is, that it is held, and why."""
    sink = Noting(HALF_A_MINUTE)
    await deliver(sink, report(1, price("BTC", 67.0, rhythm=5)), report(5, refused("BTC", "disputed")))
    (held,) = sink.given[1].results
    notice = {"code": "held", "since_s": 4.0, "reason": "disputed"}
    assert held == msgspec.structs.replace(price("BTC", 67.0, rhythm=5), age=6 * SECOND, notices=(notice,))


def test_notices_of_the_held_value_stay() -> None:
    """What was to be known of it then is to be known of it now."""
    depeg = {"code": "depeg", "rate": "USDT/USD", "value": 0.97, "limit": 0.01}
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(1, price("BTC", 67.0, notices=(depeg,))))
    (held,) = kept.apply(report(2, refused("BTC"))).results
    assert [notice["code"] for notice in held.notices] == ["depeg", "held"]


@pytest.mark.parametrize(("second", "held"), [(31, True), (32, False)])
def test_last_value_expires(second: int, held: bool) -> None:
    """At most `max_age` passes between the two rounds, measured at their `as_of`."""
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(1, price("BTC", 67.0)))
    (result,) = kept.apply(report(second, refused("BTC"))).results
    assert isinstance(result, Price) == held


def test_holding_a_value_does_not_make_it_younger() -> None:
    """A feed that stays refused has its last value for `max_age` and no longer."""
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(0, price("BTC", 67.0)))
    held = [len(kept.apply(report(second, refused("BTC"))).prices) for second in range(1, 40)]
    assert sum(held) == 30
    assert held == sorted(held, reverse=True)


@pytest.mark.parametrize(("confidence", "held"), [(0.5, True), (0.49, False)])
def test_last_value_that_was_not_trusted_is_not_held(confidence: float, held: bool) -> None:
    """It had to have `min_confidence` when it was new; one before it does not stand in for it."""
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(1, price("BTC", 66.0, 1.0)))
    kept.apply(report(2, price("BTC", 67.0, confidence)))
    (result,) = kept.apply(report(3, refused("BTC"))).results
    assert isinstance(result, Price) == held


def test_half_a_confidence_is_wanted_where_none_is_stated() -> None:
    """Who states an age alone does not ask for what nobody trusts."""
    assert Sink.Config(on_missing={"last": {"max_age": "30s"}}).on_missing["last"].min_confidence == 0.5


def test_feed_that_never_had_a_value_has_none_to_hold() -> None:
    """The report is the one that was priced."""
    kept = policy(HALF_A_MINUTE)
    first = report(1, refused("BTC"), price("ETH", 3.0))
    assert kept.apply(first) is first


def test_value_of_a_later_round_is_not_held_for_an_earlier_one() -> None:
    """Nothing that was found later is dressed up as known then."""
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(9, price("BTC", 67.0)))
    assert kept.apply(report(8, refused("BTC"))).missing


def test_order_of_the_feeds_and_all_else_in_a_report_stays() -> None:
    """Only the refused feed is another."""
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(1, price("BTC", 1.0), price("ETH", 2.0), price("SGB", 3.0)))
    rate = refused("ETH", "rate_missing")
    second = Report(report(2).round, (price("BTC", 4.0), refused("ETH"), price("SGB", 5.0)), (rate,))
    shown = kept.apply(second)
    assert [(result.feed.name, result.value) for result in shown.results if isinstance(result, Price)] == [
        ("BTC/USD", 4.0),
        ("ETH/USD", 2.0),
        ("SGB/USD", 5.0),
    ]
    assert (shown.round, shown.rates) == (second.round, (rate,))


@pytest.mark.anyio
async def test_report_that_is_tried_again_is_the_same_report() -> None:
    """Its values were chosen once, however often the sink asks for it."""
    sink = Noting(HALF_A_MINUTE)
    sink.refusals = [TransientError("busy"), TransientError("busy")]
    await deliver(sink, report(1, price("BTC", 67.0)), report(2, refused("BTC")))
    assert [given.round.id for given in sink.given] == [1, 1, 1, 2]
    assert sink.given[0] is sink.given[2]
    assert sink.given[3].prices["BTC/USD"].value == 67.0


@pytest.mark.anyio
async def test_report_that_was_pushed_out_is_held_for_nobody() -> None:
    """What the sink never saw is not its last value."""
    sink = Noting(HALF_A_MINUTE)
    async with delivering([sink], sink.context.clock, sink.statuses, grace=1.0) as (outlet,):
        outlet.offer(report(1, price("BTC", 1.0)))
        for second in range(2, 2 + sink.buffer):
            outlet.offer(report(second, refused("BTC")))
    assert (outlet.dropped, len(sink.given)) == (1, sink.buffer)
    assert not any(given.prices for given in sink.given)


@pytest.mark.anyio
async def test_nothing_is_held_after_a_restart() -> None:
    """A new run knows nothing of the one before it."""
    sink = Noting(HALF_A_MINUTE)
    await deliver(sink, report(1, price("BTC", 67.0)))
    await deliver(sink, report(2, refused("BTC")))
    assert sink.given[1].missing


@pytest.mark.anyio
async def test_nothing_is_held_from_one_run_to_the_next_that_are_replayed_together() -> None:
    """Runs recorded one after the other are replayed as they were: with a restart in between."""
    sink = Noting(HALF_A_MINUTE)
    async with delivering([sink], sink.context.clock, sink.statuses, grace=1.0, patient=True) as (outlet,):
        await outlet.wait_and_offer(report(1, price("BTC", 67.0)))
        await outlet.wait_and_offer(report(2, refused("BTC")))
        await outlet.restart()
        await outlet.wait_and_offer(report(3, refused("BTC")))
    assert [bool(given.prices) for given in sink.given] == [True, True, False]
    assert outlet.dropped == 0


@pytest.mark.anyio
async def test_restart_of_a_sink_that_has_failed_is_no_matter() -> None:
    """It gets no more reports, whatever runs begin."""
    sink = Noting()
    sink.refusals = [PermanentError("no table prices")]
    async with delivering([sink], sink.context.clock, sink.statuses, grace=1.0, patient=True) as (outlet,):
        await outlet.wait_and_offer(report(1))
        await anyio.wait_all_tasks_blocked()
        await outlet.restart()
    assert (outlet.dropped, str(outlet.error)) == (0, "no table prices")


@pytest.mark.anyio
async def test_replay_holds_what_the_run_held() -> None:
    """Patient or not, a sink is given the same reports."""
    priced = [report(s, price("BTC", 60.0 + s) if s % 3 else refused("BTC")) for s in range(1, 20)]
    live, replayed = Noting(HALF_A_MINUTE), Noting(HALF_A_MINUTE)
    await deliver(live, *priced)
    await deliver(replayed, *priced, patient=True)
    assert live.given == replayed.given
    assert len(live.given) == len(priced)


def test_held_value_is_written_like_any_other() -> None:
    """In a row its notice says that it is held."""
    kept = policy(HALF_A_MINUTE)
    kept.apply(report(1, price("BTC", 67.0)))
    (row,) = rows(kept.apply(report(3, refused("BTC"))))
    assert (row["value"], row["reason"]) == ("67.00", None)
    assert b'"notices":[{"code":"held","since_s":2.0,"reason":"no_quorum"}]' in encode(row)


# No report at all


@pytest.mark.anyio
async def test_report_that_lacks_a_feed_is_withheld() -> None:
    """Not handed over at all, and not counted as lost: it is what was asked for."""
    sink = Noting("fail")
    async with delivering([sink], sink.context.clock, sink.statuses, grace=1.0) as (outlet,):
        outlet.offer(report(1, price("BTC", 1.0), price("ETH", 2.0)))
        outlet.offer(report(2, price("BTC", 1.0), refused("ETH")))
        outlet.offer(report(3, price("BTC", 1.0), price("ETH", 2.0)))
    assert [given.round.id for given in sink.given] == [1, 3]
    assert outlet.dropped == 0


@pytest.mark.anyio
async def test_withholding_is_said_once_and_over_with_the_next_report() -> None:
    """The status names the feed, why it has no value, and what to do."""
    sink = Noting("fail")
    with capture_logs() as logs:
        await deliver(
            sink,
            report(1, price("BTC", 1.0)),
            report(2, refused("BTC")),
            report(3, refused("BTC", "disputed")),
            report(4, price("BTC", 1.0)),
            report(5, refused("BTC")),
        )
    told = [(log["state"], log["code"]) for log in logs]
    assert told == [("live", ""), ("degraded", "withheld"), ("live", ""), ("degraded", "withheld")]
    assert logs[1]["event"] == (
        "BTC/USD has no value: independent venues left: 0, needed: 2; nothing is handed over until it has one, as "
        "`on_missing: fail` says; see to its sources, or write {BTC/USD: skip} or {BTC/USD: {last: {max_age: 30s}}}"
    )


@pytest.mark.anyio
async def test_every_feed_that_is_lacking_is_told_of() -> None:
    """The first by its reason, the others by their names."""
    statuses: list[Status] = []
    sink = Noting("fail")
    sink.context = Context("out", sink.context.clock, statuses.append)
    await deliver(sink, report(1, price("BTC", 1.0), refused("ETH"), refused("SGB")))
    assert statuses[-1].message.startswith("ETH/USD has no value (nor has SGB/USD): independent venues left: 0")


@pytest.mark.anyio
async def test_sink_that_is_behind_is_live_again_after_withholding() -> None:
    """The next report that is handed over ends it, though more wait behind that one."""
    sink = Noting("fail")
    states: list[tuple[str, str]] = []
    sink.context = Context("out", sink.context.clock, lambda status: states.append((status.state, status.code)))
    async with delivering([sink], sink.context.clock, sink.statuses, grace=1.0) as (outlet,):
        outlet.offer(report(1, refused("BTC")))
        outlet.offer(report(2, price("BTC", 1.0)))
        outlet.offer(report(3, refused("BTC")))
    assert states == [("degraded", "withheld"), ("live", ""), ("degraded", "withheld")]


def test_values_of_a_withheld_report_were_not_given() -> None:
    """What is held is what the sink was given, not what it might have been."""
    kept = policy({"BTC/USD": "fail", "default": HALF_A_MINUTE})
    kept.apply(report(1, price("BTC", 1.0), price("ETH", 2.0)))
    assert [missing.feed.name for missing in kept.lacking(report(2, refused("BTC"), price("ETH", 3.0)))] == ["BTC/USD"]
    assert kept.apply(report(3, price("BTC", 1.0), refused("ETH"))).prices["ETH/USD"].value == 2.0


# Each feed its own


def test_each_feed_has_its_own_policy() -> None:
    """Those that are not named have the default's."""
    kept = policy({"BTC/USD": "fail", "default": "skip", "SGB/USD": {"last": {"max_age": "5m", "min_confidence": 0.3}}})
    first = report(1, price("BTC", 1.0), price("ETH", 2.0), price("SGB", 3.0, 0.3))
    second = report(2, price("BTC", 1.0), refused("ETH"), refused("SGB"))
    assert not kept.lacking(first)
    kept.apply(first)
    assert not kept.lacking(second)
    assert list(kept.apply(second).prices) == ["BTC/USD", "SGB/USD"]
    assert kept.lacking(report(3, refused("BTC"), price("ETH", 2.0)))


def test_feeds_that_are_not_named_are_skipped_where_there_is_no_default() -> None:
    """`default` is `skip` unless it says otherwise."""
    kept = policy({"BTC/USD": "fail"})
    assert not kept.lacking(report(1, refused("ETH")))


def test_state_is_bounded_by_the_number_of_feeds() -> None:
    """However long it runs; feeds that hold nothing keep nothing."""
    kept = policy({"BTC/USD": HALF_A_MINUTE})
    for second in range(1000):
        kept.apply(report(second, price("BTC", 1.0 + second), price("ETH", 2.0)))
    assert list(kept._given) == ["BTC/USD"]


RESULTS = st.sampled_from([("price", 1.0), ("price", 0.5), ("price", 0.2), ("missing", 0.0)])


@given(st.lists(st.tuples(st.integers(1, 20), RESULTS), max_size=40), st.integers(1, 40), st.sampled_from([0.0, 0.5]))
def test_held_values_agree_with_looking_back_through_all_reports(
    script: Sequence[tuple[int, tuple[str, float]]], age: int, confidence: float
) -> None:
    """The newest value that was given, if it is young and was trusted enough; nothing else is touched."""
    kept = policy({"last": {"max_age": f"{age}s", "min_confidence": confidence}})
    now, seen = 0, list[tuple[int, Price]]()
    for step, (kind, trust) in script:
        now += step
        result = price("BTC", 100.0 + now, trust) if kind == "price" else refused("BTC")
        (shown,) = kept.apply(report(now, result)).results
        if isinstance(result, Price):
            seen.append((now, result))
        elif seen and now - seen[-1][0] <= age and seen[-1][1].confidence >= confidence:
            since = now - seen[-1][0]
            notice = {"code": "held", "since_s": float(since), "reason": "no_quorum"}
            result = msgspec.structs.replace(seen[-1][1], age=(2 + since) * SECOND, notices=(notice,))
        assert shown == result


# What may be written

TWO = "sources: {v1: {type: push}, v2: {type: push}}\nquotes: [USD]\nfeeds: {BTC/USD: {}, SGB/USD: {}}\n"
SINK = TWO + "sinks:\n  console:\n    on_missing: "
RULE = "expected skip, fail or {last: {max_age: 30s}}"

GOOD: list[tuple[str, Mapping[str, str]]] = [
    ("skip", {"BTC/USD": "skip", "SGB/USD": "skip"}),
    ("fail", {"BTC/USD": "fail", "SGB/USD": "fail"}),
    ("{last: {max_age: 30s, min_confidence: 0.5}}", {"BTC/USD": "30s 0.5", "SGB/USD": "30s 0.5"}),
    ("{last: {max_age: 30s}}", {"BTC/USD": "30s 0.5", "SGB/USD": "30s 0.5"}),
    (
        "{BTC/USD: fail, default: skip, SGB/USD: {last: {max_age: 5m, min_confidence: 0.3}}}",
        {"BTC/USD": "fail", "SGB/USD": "300s 0.3", "ETH/USD": "skip"},
    ),
    ("{default: {last: {max_age: 5m}}, SGB/USD: skip}", {"BTC/USD": "300s 0.5", "SGB/USD": "skip"}),
]

BAD: list[tuple[str, str]] = [
    ("skipp", f"6:17: sinks.console.on_missing: {RULE}, was 'skipp'; did you mean 'skip'?"),
    ("last", f"6:17: sinks.console.on_missing: {RULE}, was 'last'"),
    ("", f"6:5: sinks.console.on_missing: {RULE}, was null"),
    ("5", f"6:17: sinks.console.on_missing: {RULE}, was 5"),
    ("true", f"6:17: sinks.console.on_missing: {RULE}, was true"),
    ("[skip]", f"6:5: sinks.console.on_missing: {RULE}, was a list"),
    ("{}", "6:5: sinks.console.on_missing: expected 1 or more entries, was 0"),
    (
        "{last: 30s}",
        "6:24: sinks.console.on_missing.last: expected a mapping like {key: value}, was '30s' (text)",
    ),
    ("{last: }", "6:18: sinks.console.on_missing.last: expected a mapping like {key: value}, was null"),
    ("{last: {}}", "6:18: sinks.console.on_missing.last.max_age: expected a value, was missing; add `max_age: 30s`"),
    (
        "{last: {max_age: 30}}",
        "6:34: sinks.console.on_missing.last.max_age: expected a duration with its unit like 10s, 250ms, 5m or 1h, was 30",
    ),
    ("{last: {max_age: 0s}}", "6:34: sinks.console.on_missing.last.max_age: expected more than 0, was '0s'"),
    (
        "{last: {max_age: 30s, min_confidence: 2}}",
        "6:55: sinks.console.on_missing.last.min_confidence: expected at most 1, was 2",
    ),
    (
        "{last: {max_age: 30s, min_confidence: -0.1}}",
        "6:55: sinks.console.on_missing.last.min_confidence: expected at least 0, was -0.1",
    ),
    (
        "{last: {max_age: 30s, min_confidence: .nan}}",
        "6:55: sinks.console.on_missing.last.min_confidence: expected a finite number, was .nan",
    ),
    (
        "{last: {max_age: 30s, min_confidence: true}}",
        "6:55: sinks.console.on_missing.last.min_confidence: expected a number, was true",
    ),
    (
        "{last: {max_age: 30s, min_confidence: 50%}}",
        "6:55: sinks.console.on_missing.last.min_confidence: expected a number, was '50%' (text)",
    ),
    (
        "{last: {maxage: 30s, max_age: 30s}}",
        "6:25: sinks.console.on_missing.last.maxage: unknown key; did you mean 'max_age'?",
    ),
    (
        "{last: {max_age: 30s, colour: red}}",
        "6:39: sinks.console.on_missing.last.colour: unknown key; expected one of max_age, min_confidence",
    ),
    (
        "{last: {max_age: 30s}, default: skip}",
        "6:5: sinks.console.on_missing: expected `last` alone or below a feed or default, was beside 'default'",
    ),
    (
        "{last: {max_age: 30s}, min_confidence: 0.5}",
        "6:5: sinks.console.on_missing: expected `last` alone or below a feed or default, was beside 'min_confidence'",
    ),
    ("{lst: {max_age: 30s}}", f"6:18: sinks.console.on_missing.lst: {RULE}, was a mapping"),
    ("{max_age: 30s}", f"6:27: sinks.console.on_missing.max_age: {RULE}, was '30s'"),
    ("{BTC/USD: lost}", f"6:27: sinks.console.on_missing.BTC/USD: {RULE}, was 'lost'; did you mean 'last'?"),
    ("{BTC/USD: {max_age: 30s}}", f"6:18: sinks.console.on_missing.BTC/USD: {RULE}, was a mapping"),
    (
        "{BTC/USD: {last: {max_agee: 1s, max_age: 30s}}}",
        "6:35: sinks.console.on_missing.BTC/USD.last.max_agee: unknown key; did you mean 'max_age'?",
    ),
    (
        "{BTC/USD: {last: {max_age: 30 s., min_confidence: 0.3}}}",
        "6:44: sinks.console.on_missing.BTC/USD.last.max_age: expected a duration with its unit like 10s, 250ms, 5m or 1h, was '30 s.'",
    ),
    (
        "{BTC/USDT: fail}",
        "6:28: sinks.console.on_missing.BTC/USDT: expected a feed of this pipeline or default, was 'BTC/USDT'; did you mean 'BTC/USD'?",
    ),
    (
        "{btc/usd: fail, default: skip}",
        "6:27: sinks.console.on_missing.btc/usd: expected a feed of this pipeline or default, was 'btc/usd'; did you mean 'BTC/USD'?",
    ),
    (
        "{XXX/YYY: fail}",
        "6:27: sinks.console.on_missing.XXX/YYY: expected a feed of this pipeline or default, was 'XXX/YYY'; feeds are BTC/USD, SGB/USD",
    ),
]


def written(rule: Any) -> str:
    return rule if isinstance(rule, str) else f"{rule['last'].max_age} {rule['last'].min_confidence}"


@pytest.mark.parametrize(("text", "rules"), GOOD)
def test_policies_are_read_from_a_pipeline_file(text: str, rules: Mapping[str, str]) -> None:
    """One for all feeds, or one for each."""
    sink = build(SINK + text, Registry(found=()), filename="p.yaml").sinks["console"]
    made = Policy(sink.config.on_missing)
    assert {feed: written(made.rule(feed)) for feed in rules} == rules


@pytest.mark.parametrize(("text", "problem"), BAD, ids=[text for text, _ in BAD])
def test_bad_policy_is_one_clear_line(text: str, problem: str) -> None:
    """It says where, what was expected, and what it was."""
    with pytest.raises(ConfigError) as caught:
        build(SINK + text, Registry(found=()), filename="p.yaml")
    assert list(caught.value.problems) == [f"p.yaml:{problem}"]


def test_feed_of_another_sink_is_found_at_its_own_line() -> None:
    """Whatever the sink is called, and with every other problem of the file."""
    text = TWO + "every: 5\nsinks:\n  out:\n    type: jsonl\n    on_missing: {BTC/EUR: fail}\n"
    with pytest.raises(ConfigError) as caught:
        build(text, Registry(found=()), filename="p.yaml")
    assert [problem.partition(": expected")[0] for problem in caught.value.problems] == [
        "p.yaml:4:8: every",
        "p.yaml:8:27: sinks.out.on_missing.BTC/EUR",
    ]


def test_every_sink_of_the_core_has_the_option() -> None:
    """Whether or not it has options of its own."""
    for sink in (Console, JsonLines):
        assert sink.Config(on_missing="fail").on_missing == "fail"
        assert sink.Config.model_fields["on_missing"].default == "skip"


@pytest.mark.parametrize(
    ("on_missing", "right"),
    [
        ("skip", True),
        ("fail", True),
        ({"last": {"max_age": "30s", "min_confidence": 0.5}}, True),
        ({"BTC/USD": "fail", "default": {"last": {"max_age": "30s"}}}, True),
        ("lost", False),
        ({}, False),
        ({"last": {}}, False),
        ({"last": {"max_age": 30}}, False),
        ({"BTC/USD": {"max_age": "30s"}}, False),
        ({"last": {"max_age": "30s"}, "default": "skip"}, False),
    ],
)
def test_editor_knows_what_may_be_written(on_missing: Any, right: bool) -> None:
    """The schema of a pipeline file accepts what the program accepts, and nothing else."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema({("sink", "console"): Console}))
    validator.check_schema(validator.schema)
    file = {
        "feeds": {"BTC/USD": {}},
        "sources": {},
        "sinks": {"console": {"on_missing": on_missing}},
    }
    wrong = [error for error in validator.iter_errors(file) if "sinks" in error.absolute_path]
    assert (not wrong) == right
