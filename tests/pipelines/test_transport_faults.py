"""What goes wrong between a venue and us, T1 to T9, over real sockets and in every style that is spoken."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

for plugin in ("kraken", "binance", "coinbase", "simulated"):
    pytest.importorskip(f"chrono_{plugin}", reason=f"the plugin chrono-{plugin} is not installed")

from chrono.core.types import SECOND, Trade  # noqa: E402
from chrono_simulated.serving import serving  # noqa: E402

from .faulty import POLLED, STYLES, Style, Waits, lively, reading, until  # noqa: E402

pytestmark = pytest.mark.anyio

every_style = pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)


def dead(style: Style, cured_by: str | None) -> dict[str, Any]:
    """Return a fault by which one market dies."""
    return {"kind": "dead_symbol", "pairs": [style.pairs[1]], "cured_by": cured_by}


# T1: the stream lives, one symbol is dead


@every_style
@pytest.mark.parametrize("cured_by", ["subscribing", "connecting"])
async def test_t1_dead_symbol_is_noticed_and_brought_back(style: Style, cured_by: str) -> None:
    """Within its own rhythm, by a new subscription or else a new connection; the other market is never in trouble."""
    steps = ["resubscribed"] if cured_by == "subscribing" else ["resubscribed", "reconnected"]
    async with lively(style) as (venue, run):
        venue.strike(dead(style, cured_by))
        began = anyio.current_time()
        await until(lambda: run.codes("ETH"))
        assert 0.2 <= anyio.current_time() - began < 2.5
        await until(lambda: run.codes("ETH")[-1] == "live")
        await run.more()
        # where connecting took its time, both were asked for meanwhile
        assert [code for code in run.codes("ETH") if code != "polled"] == [*steps, "live"]
        assert set(run.codes("BTC")) <= {"polled", "live"}
        assert venue.opened == len(steps)
        assert run.source.counts["back"] == 1


@pytest.mark.parametrize("name", POLLED)
async def test_t1_symbol_that_no_stream_brings_is_polled(name: str) -> None:
    """Its prices reach the board all the same; what a subscription is answered with does not pass for a stream."""
    style = STYLES[name]
    async with lively(style) as (venue, run):
        venue.strike(dead(style, None))
        await until(lambda: "polled" in run.codes("ETH"))
        before = run.inlet.accepted
        await run.more("ETH")
        assert run.inlet.accepted > before
        await anyio.sleep(1.0)
        assert "live" not in run.codes("ETH")
        venue.heal()
        await until(lambda: run.codes("ETH")[-1] == "live")


@every_style
async def test_t1_symbol_that_dies_on_a_venue_that_hangs_up_is_noticed(style: Style) -> None:
    """Each new connection is greeted with its last price, which is no sign of life."""
    async with lively(style) as (venue, run):
        venue.strike(dead(style, None), {"kind": "drop", "every": "200ms", "times": 6})
        await until(lambda: "resubscribed" in run.codes("ETH"))
        codes = ["", *run.codes("ETH")]
        # where connecting took its time, its prices were asked for meanwhile: that it ended is no sign of life either
        assert {before for before, code in pairwise(codes) if code == "live"} <= {"polled"}
        await run.more("BTC")


# T2: subscriptions


@every_style
async def test_t2_symbol_that_is_not_listed_is_told_once(style: Style) -> None:
    """One message however often it is asked for; the others go on on the same connection."""
    async with serving(style.serve()) as venue, reading(style, venue.url, "BTC", "XX") as run:
        await until(lambda: run.codes("XX"))
        venue.strike({"kind": "drop", "every": "0s", "times": 3})
        await until(lambda: venue.opened > 3)
        await run.more("BTC")
        # a venue without a word for it lets the ladder find out
        assert run.codes("XX") == ["rejected"] or (not style.refuses and len(run.codes("XX")) <= 3)
        assert run.source.counts["rejected"] >= 2 or not style.refuses
        # where connecting took its time, something was done about it meanwhile
        assert set(run.codes("BTC")) <= {"polled", "resubscribed", "live"}


@every_style
async def test_t2_subscription_that_is_accepted_in_vain_is_told(style: Style) -> None:
    """Nothing ever comes of it: it is subscribed to again, costs one connection, and is told as silent; no more."""
    async with serving(style.serve({"kind": "accept_unlisted"})) as venue:  # noqa: SIM117 - what runs is told from what it runs on
        async with reading(style, venue.url, "BTC", "XX") as run:
            await until(lambda: run.codes("XX")[:1] == ["resubscribed"])
            await anyio.sleep(0.6)
            assert len(run.codes("XX")) <= 4
            assert venue.opened <= 2
            await run.more("BTC")


# T3: connections that end


@every_style
@pytest.mark.parametrize(
    "fault",
    [{"kind": "hang_up", "code": 1001, "reason": "restart"}, {"kind": "drop"}, {"kind": "half_open"}],
    ids=lambda fault: fault["kind"],
)
async def test_t3_connection_that_ends_is_opened_again(style: Style, fault: Mapping[str, Any]) -> None:
    """With a close frame, without one, or when nothing comes through it any more."""
    often = {} if fault["kind"] == "half_open" else {"every": "50ms", "times": 2}
    expected = "silence" if fault["kind"] == "half_open" else "hung_up"
    async with lively(style, silence="400ms") as (venue, run):
        before = venue.opened
        venue.strike({**fault, **often})
        await until(lambda: venue.opened > before + bool(often))
        await run.more()
        assert expected in run.codes()
        assert run.codes()[-1] == "live"


@every_style
async def test_t3_waits_grow_to_a_bound_and_are_reset_by_health(style: Style) -> None:
    """A venue that hangs up at once is asked less and less often, one that served for a while is asked at once."""
    clock = Waits()
    async with serving(style.serve({"kind": "drop", "every": "0s", "times": 5})) as venue:  # noqa: SIM117 - what runs is told from what it runs on
        async with reading(style, venue.url, clock=clock) as run:
            await until(lambda: venue.opened > 5)
            assert clock.short[:5] == [0.02, 0.04, 0.08, 0.08, 0.08]
            await run.more()
            await anyio.sleep(0.2)
            venue.strike({"kind": "drop", "every": "0s", "times": 1})
            await until(lambda: venue.opened > 6)
            assert clock.short[5:] == [0.02]


# T4: refusals


@every_style
@pytest.mark.parametrize(
    ("status", "code", "wait"),
    [(429, "rate_limited", 7.0), (418, "banned", 7.0), (451, "blocked", 300.0), (503, "unavailable", 7.0)],
)
async def test_t4_refusal_is_honoured(style: Style, status: int, code: str, wait: float) -> None:
    """As long as it asks, and where only a person can help for five minutes; never a hot loop."""
    fault = {"kind": "http_error", "status": status, "retry_after": "7s", "times": 2}
    clock = Waits()
    async with serving(style.serve(fault)) as venue, reading(style, venue.url, clock=clock) as run:
        await run.more()
        assert run.codes()[0] == code
        assert run.source.counts[code] == 2
        assert [seconds for seconds in clock.noted if seconds > 0.5] == pytest.approx([wait] * 2, abs=0.5)
        assert len(venue.requests) <= 4


@every_style
async def test_t4_page_in_place_of_data_is_no_loop(style: Style) -> None:
    """HTTP 200 and HTML, where a stream or a token was asked for."""
    fault = {"kind": "http_error", "status": 200, "body": "html", "times": 3}
    async with serving(style.serve(fault)) as venue, reading(style, venue.url, clock=Waits()) as run:
        await run.more()
        assert sum(run.source.counts[code] for code in set(run.codes()) - {"live"}) == 3
        assert run.codes()[-1] == "live"


@every_style
async def test_t4_next_address_serves_where_the_first_one_refuses(style: Style) -> None:
    """A blocked address costs no more than the attempt."""
    blocked = {"kind": "http_error", "status": 451}
    async with serving(style.serve(blocked)) as venue, serving(style.serve()) as other:  # noqa: SIM117 - what runs is told from what it runs on
        async with reading(style, [venue.url, other.url], clock=Waits()) as run:
            await run.more()
            assert "moved" in run.codes()
            assert len(venue.requests) == 1


@every_style
async def test_t4_too_many_messages_are_a_pause_and_no_refusal(style: Style) -> None:
    """Each venue has words of its own for it; afterwards every market is subscribed to."""
    clock = Waits()
    async with serving(style.serve({"kind": "rate_limit", "times": 1})) as venue:  # noqa: SIM117 - what runs is told from what it runs on
        async with reading(style, venue.url, clock=clock) as run:
            # where that took its time, prices were asked for meanwhile
            await until(lambda: venue.opened > 1)
            await run.more()
            assert "rate_limited" in run.codes()
            assert max(clock.noted) >= 1.0
            assert "rejected" not in {status.code for status in run.statuses}
            assert venue.opened == 2


# T5: damaged frames


@every_style
async def test_t5_damaged_frames_are_dropped_and_counted(style: Style) -> None:
    """Truncated, twice, after their successor: none costs the connection, or counts twice."""
    async with lively(style) as (venue, run):
        kinds = ("truncated", "duplicated", "out_of_order")
        venue.strike(*({"kind": kind, "share": "30%"} for kind in kinds))
        await until(lambda: run.source.frame_errors > 5 and run.inlet.dropped["duplicate"] > 5)
        await run.more()
        assert venue.opened == 1
        for market in run.markets.values():
            window = run.board.window(market, "trades", SECOND, run.clock.now())
            assert window is not None
            assert list(window.ts) == sorted(window.ts)


@every_style
@pytest.mark.parametrize("by", ["-1h", "+1h"])
async def test_t5_frames_of_another_hour_are_no_news(style: Style, by: str) -> None:
    """Those of the future are dropped; those of the past are no recent prices, and no venue's clock is off by them."""
    async with lively(style) as (venue, run):
        venue.strike({"kind": "shifted", "share": "30%", "by": by})
        await run.more()
        if by == "+1h":
            await until(lambda: run.inlet.dropped["future"] > 5)
        window = run.board.window(run.markets["BTC"], "trades", 5 * SECOND, now := run.clock.now())
        assert window is not None
        assert all(now - 6 * SECOND < ts <= now for ts in list(window.ts)[-20:])
        assert abs(run.inlet.offset.value) < SECOND
        assert venue.opened == 1


# T6: floods


@every_style
async def test_t6_flood_delays_no_other_venue(style: Style) -> None:
    """One venue sends far more than usual: it is folded and counted, and the other's prices come as they did."""
    other = STYLES["kraken" if style is not STYLES["kraken"] else "coinbase"]
    async with lively(style) as (venue, run), lively(other) as (_, calm):
        venue.strike({"kind": "flood", "rate": 4000, "pairs": [style.pairs[0]]})
        await until(lambda: run.inlet.folded > 0)
        began, before = anyio.current_time(), calm.count("BTC")
        await calm.more("BTC")
        times = [time for time, _ in calm.ticks["BTC"][before:]]
        assert max(later - earlier for earlier, later in zip([began, *times], times, strict=False)) < 0.5
        assert "live" == run.codes()[-1] == calm.codes()[-1]


# T7: clocks


@every_style
@pytest.mark.parametrize("seconds", [5, -5])
async def test_t7_clock_of_a_venue_is_measured(style: Style, seconds: int) -> None:
    """Its prices count as old as they are, not as old as they say."""
    fault = {"kind": "clock_off", "by": f"{seconds:+}s"}
    async with serving(style.serve(fault)) as venue, reading(style, venue.url) as run:
        await until(lambda: run.inlet.offset.measured)
        assert run.inlet.offset.value / SECOND == pytest.approx(-seconds, abs=0.5)
        await run.more()
        window = run.board.window(run.markets["BTC"], "trades", 5 * SECOND, now := run.clock.now())
        assert window is not None
        assert abs(now - window.ts[-1]) < SECOND


@every_style
async def test_t7_step_of_our_clock_is_no_silence(style: Style) -> None:
    """Two seconds forward, two back: no market is taken for dead, and no connection lost."""
    clock = Waits()
    async with lively(style, clock=clock) as (venue, run):
        for step in (2, -2):
            clock.skipped += step * SECOND
            await run.more()
        await anyio.sleep(0.4)
        assert run.codes("BTC") == run.codes("ETH") == []
        assert venue.opened == 1


# T8: no connection


@every_style
@pytest.mark.parametrize(
    ("fault", "code"),
    [({"kind": "refuse"}, "refused"), ({"kind": "unanswered"}, "timeout"), ({"kind": "tls_error"}, "tls")],
    ids=["refuse", "unanswered", "tls"],
)
async def test_t8_venue_that_cannot_be_reached_is_told_and_tried_again(
    style: Style, fault: Mapping[str, Any], code: str
) -> None:
    """The others run meanwhile; when it is there, it is read."""
    other = STYLES["gzip" if style is not STYLES["gzip"] else "deflate"]
    hasty = {"open_within": 0.3}
    async with serving(style.serve(fault)) as venue, lively(other) as (_, calm):
        await anyio.sleep(0.05)
        url = venue.url.replace("ws:", "wss:") if code == "tls" else venue.url
        async with reading(style, url, changes=hasty) as run:
            await until(lambda: run.codes())
            assert run.codes()[0] == code
            await calm.more()
            venue.heal()
            if code != "tls":
                await run.more()


@every_style
async def test_t8_name_that_cannot_be_resolved_is_told_and_left_for_another(style: Style) -> None:
    """`.invalid` is resolved nowhere (RFC 2606); the second address is read meanwhile."""
    async with serving(style.serve()) as venue:
        nowhere = venue.url.replace("127.0.0.1", "venue.invalid")
        async with reading(style, [nowhere, venue.url]) as run:
            await until(lambda: "dns" in run.codes())
            await run.more()


# T9: flaps


@every_style
async def test_t9_flaps_leave_nothing_behind(style: Style) -> None:
    """Thirty connections later there are as many descriptors and tasks as before."""
    async with lively(style, changes={"backoff": lambda _: _at_once()}) as (venue, run):
        before = _held()
        venue.strike({"kind": "drop", "every": "0s", "times": 30})
        await until(lambda: venue.opened > 30, 20)
        await run.more()
        await anyio.sleep(0.15)
        after = _held()
        assert after[0] <= before[0] + 2
        assert after[1] <= before[1] + 2
        assert run.source.counts["hung_up"] > 20


def _at_once() -> Any:
    from chrono.core.transport.backoff import Backoff

    return Backoff(0.001, 0.001)


def _held() -> tuple[int, int]:
    gc.collect()
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.exists() else 0, len(asyncio.all_tasks())


async def test_trades_on_the_board_are_the_venues() -> None:
    """What these tests count are prices: each is near the truth at its time."""
    async with lively(STYLES["kraken"]) as (venue, run):
        trades = [tick for _, tick in run.ticks["BTC"] if isinstance(tick, Trade)]
        assert trades
        for trade in trades:
            assert trade.price == pytest.approx(venue.price("BTC/USD", trade.ts_event), rel=2e-3)
