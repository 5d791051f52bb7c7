"""Each fault of a served venue, as a raw socket sees it."""

import contextlib
import ssl
from itertools import pairwise
from typing import Any

import anyio
import httpx
import pytest
from pydantic import TypeAdapter
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidMessage

from chrono import ConfigError, ns_from_iso
from chrono_simulated.serving import Kraken, serving
from chrono_simulated.serving.faults import AnyServedFault

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
START = 1_795_342_500 * SECOND
PAIRS = ("BTC/USD", "ETH/USD")
TRADES = {"method": "subscribe", "params": {"channel": "trade", "symbol": list(PAIRS), "snapshot": False}}
BTC = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}}


class Standing:
    """A clock that stands where it is put, while waiting takes what it takes."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> int:
        """Return where it stands."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)


def fast(*faults: dict[str, Any], **options: Any) -> Kraken:
    """Return a venue with two pairs and many prints."""
    return Kraken(PAIRS, rate=200, quotes=0, faults=faults, **options)


def is_trade(message: Any) -> bool:
    """Say whether a message tells trades as they are made."""
    return isinstance(message, dict) and message.get("channel") == "trade" and message["type"] == "update"


def is_answer(message: Any) -> bool:
    """Say whether a message answers a request."""
    return isinstance(message, dict) and "success" in message


def traded(messages: list[Any]) -> list[str]:
    """Return the symbol of each trade."""
    return [message["data"][0]["symbol"] for message in messages if is_trade(message)]


def times(messages: list[Any]) -> list[int]:
    """Return the time of each trade."""
    return [ns_from_iso(message["data"][0]["timestamp"]) for message in messages if is_trade(message)]


def numbers(messages: list[Any]) -> list[int]:
    """Return the number of each trade."""
    return [message["data"][0]["trade_id"] for message in messages if is_trade(message)]


# T1: what falls silent


async def test_dead_symbol_leaves_the_stream_alive(listen: Any) -> None:
    """One pair stops, the other goes on, and subscribing again is no help."""
    async with (
        serving(fast({"kind": "dead_symbol", "pairs": ["BTC/USD"]})) as venue,
        listen(venue.url, TRADES) as heard,
    ):
        assert set(traded([await heard.until(is_trade), *await heard.during(0.2)])) == {"ETH/USD"}


async def test_dead_symbol_may_be_cured_by_subscribing_again(listen: Any) -> None:
    """A pair that died comes back for who unsubscribes and subscribes."""
    async with serving(fast()) as venue, listen(venue.url, BTC) as heard:
        await heard.until(is_trade)
        venue.strike({"kind": "dead_symbol", "pairs": ["BTC/USD"], "cured_by": "subscribing"})
        await heard.during(0.05)
        assert not traded(await heard.during(0.1))
        await heard.say({**BTC, "method": "unsubscribe"}, BTC)
        await heard.until(is_trade)


async def test_dead_symbol_may_be_cured_by_connecting_again(listen: Any) -> None:
    """A pair that died on one connection lives on the next."""
    async with serving(fast()) as venue:
        async with listen(venue.url, BTC) as heard:
            await heard.until(is_trade)
            venue.strike({"kind": "dead_symbol", "pairs": ["BTC/USD"], "cured_by": "connecting"})
            await heard.during(0.05)
            await heard.say({**BTC, "method": "unsubscribe"}, BTC)
            assert not traded(await heard.during(0.1))
        async with listen(venue.url, BTC) as heard:
            await heard.until(is_trade)


async def test_market_that_comes_back_does_not_tell_what_was_missed(listen: Any) -> None:
    """After a pause the first print is a new one."""
    async with serving(fast()) as venue, listen(venue.url, BTC) as heard:
        await heard.until(is_trade)
        venue.strike({"kind": "dead_symbol", "pairs": ["BTC/USD"], "for": "200ms"})
        await heard.during(0.05)
        before = len(heard.heard)
        await heard.until(is_trade)
        first, second = times(heard.heard[:before])[-1], times(heard.heard[before:])[0]
        assert second - first > 0.15 * SECOND


async def test_silence_of_prices_leaves_the_heartbeats(listen: Any) -> None:
    """A venue that prints nothing still beats."""

    class Hasty(Kraken):
        beat_every = 0.03

    async with serving(Hasty(PAIRS, rate=200, quotes=0)) as venue, listen(venue.url, TRADES) as heard:
        await heard.until(is_trade)
        venue.strike({"kind": "silence"})
        await heard.during(0.05)
        assert {message["channel"] for message in await heard.during(0.2)} == {"heartbeat"}


async def test_silent_stream_says_nothing_at_all_and_answers_pings(listen: Any) -> None:
    """No price, no answer; but the socket lives."""
    async with serving(fast()) as venue, listen(venue.url, TRADES) as heard:
        await heard.until(is_trade)
        venue.strike({"kind": "silent_stream"})
        await heard.during(0.05)
        await heard.say({"method": "ping"})
        assert await heard.during(0.1) == []
        with anyio.fail_after(1):
            await (await heard.socket.ping())
        venue.heal()
        await heard.until(is_trade)


# T2: subscriptions


async def test_rejected_subscription_is_told_and_the_others_go_on(listen: Any) -> None:
    """The venue refuses one pair in its own words."""
    async with serving(fast({"kind": "reject", "pairs": ["BTC/USD"]})) as venue, listen(venue.url, TRADES) as heard:
        answer = await heard.until(is_answer)
        assert (answer["success"], answer["symbol"]) == (False, "BTC/USD")
        assert set(traded([await heard.until(is_trade), *await heard.during(0.1)])) == {"ETH/USD"}


async def test_unlisted_symbol_is_accepted_when_that_is_the_fault(listen: Any) -> None:
    """The venue acknowledges what it does not list, and nothing comes."""
    asked = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["XX/USD"]}}
    async with serving(fast()) as venue, listen(venue.url, asked) as heard:
        assert not (await heard.until(is_answer))["success"]
        venue.strike({"kind": "accept_unlisted"})
        await heard.say(asked)
        assert (await heard.until(is_answer))["success"]
        assert not traded(await heard.during(0.05))


async def test_unacknowledged_subscription_brings_prices(listen: Any) -> None:
    """Nothing is answered, and all is carried out."""
    async with serving(fast({"kind": "unacknowledged"})) as venue, listen(venue.url, BTC) as heard:
        await heard.until(is_trade)
        assert not any(is_answer(message) for message in heard.heard)


async def test_delisted_pair_is_gone_from_listings_and_stream(listen: Any) -> None:
    """What was listed is refused, and who had it hears no more."""
    async with serving(fast()) as venue, listen(venue.url, BTC) as heard, httpx.AsyncClient() as http:
        await heard.until(is_trade)
        venue.strike({"kind": "delisted", "pairs": ["BTC/USD"]})
        await heard.during(0.05)
        assert not traded(await heard.during(0.1))
        pairs = (await http.get(f"{venue.rest_url}/0/public/AssetPairs")).json()["result"]
        assert list(pairs) == ["XETHZUSD"]


async def test_halted_pair_is_listed_as_such_and_silent(listen: Any) -> None:
    """Each venue has its own word for it."""
    halted = {"kind": "halted", "pairs": ["BTC/USD"]}
    async with serving(fast(halted)) as venue, listen(venue.url, TRADES) as heard, httpx.AsyncClient() as http:
        first = await heard.until(is_trade)
        assert set(traded([first, *await heard.during(0.1)])) == {"ETH/USD"}
        pairs = (await http.get(f"{venue.rest_url}/0/public/AssetPairs")).json()["result"]
        assert [pair["status"] for pair in pairs.values()] == ["cancel_only", "online"]


# T3: connections that end


async def test_hang_up_closes_with_code_and_reason(listen: Any) -> None:
    """A close frame says why."""
    fault = {"kind": "hang_up", "every": "50ms", "code": 1001, "reason": "restart"}
    async with serving(fast(fault)) as venue:
        for _ in range(2):
            async with listen(venue.url) as heard:
                with pytest.raises(ConnectionClosedOK) as closed:
                    await heard.until(lambda _: False)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "restart")
        assert venue.opened == 2


async def test_hang_up_may_be_limited(listen: Any) -> None:
    """After so many times it is over."""
    async with serving(fast({"kind": "hang_up", "every": "0s", "times": 1})) as venue:
        async with listen(venue.url) as heard:
            with pytest.raises(ConnectionClosedOK):
                await heard.until(lambda _: False)
        async with listen(venue.url, BTC) as heard:
            await heard.until(is_trade)


async def test_dropped_connection_ends_without_a_close_frame(listen: Any) -> None:
    """A client calls that 1006."""
    async with serving(fast({"kind": "drop", "every": "50ms"})) as venue, listen(venue.url) as heard:
        with pytest.raises(ConnectionClosedError) as closed:
            await heard.until(lambda _: False)
        assert closed.value.rcvd is None
        assert heard.socket.close_code == 1006


async def test_half_open_socket_neither_reads_nor_writes_nor_ends(listen: Any) -> None:
    """No price, no pong, no end; a new connection is well."""
    async with serving(fast()) as venue, listen(venue.url, BTC) as heard:
        await heard.until(is_trade)
        venue.strike({"kind": "half_open"})
        await heard.during(0.05)
        pong = await heard.socket.ping()
        assert await heard.during(0.1) == []
        assert not pong.done()
        async with listen(venue.url, BTC) as other:
            await other.until(is_trade)


async def test_flapping_venue_drops_refuses_and_comes_back(listen: Any) -> None:
    """Up, down, up: on the same port."""
    async with serving(fast({"kind": "flap", "every": "300ms", "down": "100ms"})) as venue:
        async with listen(venue.url) as heard:
            with pytest.raises(ConnectionClosedError):
                await heard.until(lambda _: False)
        await anyio.sleep(0.03)
        with pytest.raises(ConnectionRefusedError):
            await connect(venue.url)
        await anyio.sleep(0.12)
        async with listen(venue.url, BTC) as heard:
            await heard.until(is_trade)


# T6, T7, T8


async def test_flood_brings_what_was_ordered(listen: Any) -> None:
    """Thousands of prints in the time of hundreds, each with a number of its own, at the rate by their own times."""
    async with serving(fast({"kind": "flood", "rate": 20_000})) as venue, listen(venue.url, BTC) as heard:
        while len(heard.heard) < 2_000:
            await heard.next()
    flooded = [message for message in heard.heard if is_trade(message) and numbers([message])[0] > 2 * 10**15]
    assert len(set(numbers(flooded))) == len(flooded) > 1_900
    gaps = sorted(later - earlier for earlier, later in pairwise(times(flooded)))
    assert gaps[len(gaps) // 2] == pytest.approx(SECOND / 20_000, rel=0.05)


@pytest.mark.parametrize("seconds", [5, -5])
async def test_clock_of_the_venue_may_be_wrong(listen: Any, seconds: int) -> None:
    """Every time it states is off by as much."""
    fault = {"kind": "clock_off", "by": f"{seconds:+}s"}
    async with serving(fast()) as venue, listen(venue.url, BTC) as heard:
        right = ns_from_iso((await heard.until(is_answer))["time_in"])
        venue.strike(fault)
        await heard.during(0.05)
        wrong = times([await heard.until(is_trade)])[0]
    assert (wrong - right) / SECOND == pytest.approx(seconds, abs=0.5)


async def open_again(url: str) -> None:
    """Wait until a venue takes connections; one that it refuses may be cut off in the handshake, too."""
    with anyio.fail_after(5.0):
        while True:
            with contextlib.suppress(OSError, EOFError, InvalidMessage):
                await (await connect(url)).close()
                return
            await anyio.sleep(0.05)


async def test_refused_connections_leave_the_open_ones(listen: Any) -> None:
    """Who is in hears on, who comes is refused, and the port is the same afterwards."""
    async with serving(fast()) as venue, listen(venue.url, BTC) as heard:
        venue.strike({"kind": "refuse", "for": "200ms"})
        await anyio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            await connect(venue.url)
        await heard.until(is_trade)
        await open_again(venue.url)
        async with listen(venue.url, BTC) as other:
            await other.until(is_trade)


async def test_unanswered_handshake_runs_into_the_clients_patience() -> None:
    """The connection is taken, and nothing comes."""
    async with serving(fast({"kind": "unanswered"})) as venue:
        with pytest.raises(TimeoutError):
            await connect(venue.url, open_timeout=0.1)


async def test_tls_handshake_fails_with_an_alert() -> None:
    """Whoever says wss is told that there is no agreement."""
    async with serving(fast({"kind": "tls_error"})) as venue:
        with pytest.raises(ssl.SSLError):
            await connect(venue.url.replace("ws:", "wss:"))


async def test_message_of_ones_own_is_sent_as_it_stands(listen: Any) -> None:
    """Anything at all may come from a venue."""
    fault = {"kind": "injected", "frame": "<html>", "every": "20ms", "times": 2}
    async with serving(Kraken(PAIRS, rate=0, quotes=0, faults=[fault])) as venue, listen(venue.url) as heard:
        assert (await heard.during(0.15))[1:] == ["<html>", "<html>"]


# what all have in common


async def test_faults_begin_and_end_when_they_are_told_to(listen: Any) -> None:
    """Counted from the moment the venue is served."""
    clock = Standing()
    async with serving(fast({"kind": "reject", "after": "5s", "for": "10s"}), clock=clock) as venue:
        for seconds, accepted in ((4.9, True), (5.1, False), (14.9, False), (15.1, True)):
            clock.time = START + int(seconds * SECOND)
            async with listen(venue.url, BTC) as heard:
                assert (await heard.until(is_answer))["success"] is accepted


async def test_prints_go_wrong_as_those_of_a_simulated_source_do(listen: Any) -> None:
    """An outlier of 10 % is told as it is, and the truth is known."""
    async with serving(fast({"kind": "outlier", "move": "+10%"})) as venue, listen(venue.url, BTC) as heard:
        row = (await heard.until(is_trade))["data"][0]
        assert row["price"] == pytest.approx(1.1 * venue.price("BTC/USD", ns_from_iso(row["timestamp"])), rel=2e-3)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "hangup"}, "did you mean 'hang_up'"),
        ({"after": "5s"}, "expected a `kind`, was missing"),
        ({"kind": "hang_up", "every": 30}, "a duration with its unit"),
        ({"kind": "hang_up", "code": 1006}, "a close code that a frame may hold"),
        ({"kind": "dead_symbol"}, "faults.0.dead_symbol.pairs"),
        ({"kind": "truncated", "share": "200%"}, "faults.0.truncated.share"),
        ({"kind": "clock_off", "by": "soon"}, "a duration with its unit"),
        ({"kind": "flap", "frequency": "2s"}, "faults.0.flap.frequency"),
    ],
)
def test_fault_that_is_not_known_is_told_with_its_place(fault: dict[str, Any], told: str) -> None:
    """One line for each problem."""
    with pytest.raises(ConfigError, match=told):
        Kraken(faults=[fault])


def test_every_fault_can_be_written_down() -> None:
    """The schema names every kind and describes every option."""
    schema = TypeAdapter(AnyServedFault).json_schema()
    assert len(schema["discriminator"]["mapping"]) == 33
    for about in schema["$defs"].values():
        assert all("description" in option for option in about["properties"].values())
