"""Faults of single messages, as a raw socket sees them."""

from itertools import pairwise
from typing import Any

import pytest

from chrono import ns_from_iso
from chrono_simulated.serving import Kraken, serving

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
BTC = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}}


def fast(fault: dict[str, Any], **options: Any) -> Kraken:
    """Return a venue with many prints, and something wrong with them."""
    return Kraken(("BTC/USD",), rate=200, quotes=0, faults=[fault], **options)


def is_trade(message: Any) -> bool:
    """Say whether a message tells trades as they are made."""
    return isinstance(message, dict) and message.get("channel") == "trade" and message["type"] == "update"


def times(messages: list[Any]) -> list[int]:
    """Return the time of each trade."""
    return [ns_from_iso(message["data"][0]["timestamp"]) for message in messages if is_trade(message)]


def numbers(messages: list[Any]) -> list[int]:
    """Return the number of each trade."""
    return [message["data"][0]["trade_id"] for message in messages if is_trade(message)]


async def some(heard: Any) -> list[Any]:
    """Return the first hundred messages after the answers."""
    while len(heard.heard) < 102:
        await heard.next()
    return list(heard.heard[2:])


async def test_truncated_messages_end_in_the_middle(listen: Any) -> None:
    """Some cannot be read, and the connection stays."""
    async with serving(fast({"kind": "truncated", "share": "30%"})) as venue, listen(venue.url, BTC) as heard:
        messages = await some(heard)
        cut = [message for message in messages if isinstance(message, str)]
        assert cut
        assert all(message.startswith('{"channel":"trade"') for message in cut)
        assert numbers(messages)


async def test_duplicated_messages_come_twice(listen: Any) -> None:
    """The same number, directly after."""
    async with serving(fast({"kind": "duplicated", "share": "30%"})) as venue, listen(venue.url, BTC) as heard:
        seen = numbers(await some(heard))
    assert 0 < len(seen) - len(set(seen)) < len(seen) / 2
    assert seen == sorted(seen)


async def test_messages_out_of_order_come_after_their_successor(listen: Any) -> None:
    """None is lost, and some are late."""
    async with serving(fast({"kind": "out_of_order", "share": "30%"})) as venue, listen(venue.url, BTC) as heard:
        seen = numbers(await some(heard))
    late = sum(later < earlier for earlier, later in pairwise(seen))
    assert 0 < late < len(seen) / 2
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(("by", "hours"), [("-1h", -1), ("+1h", 1)])
async def test_shifted_prints_are_of_another_hour(listen: Any, by: str, hours: int) -> None:
    """Some prints are from last hour, or from the next."""
    async with serving(fast({"kind": "shifted", "by": by, "share": "30%"})) as venue, listen(venue.url, BTC) as heard:
        seen = times(await some(heard))
    far = [ts for ts in seen if abs(ts - seen[-1]) > 1800 * SECOND or abs(ts - seen[0]) > 1800 * SECOND]
    assert far
    assert round((min(seen) - max(seen)) / 3600 / SECOND) == -abs(hours)


async def test_faults_are_the_same_for_the_same_seed(listen: Any) -> None:
    """The draws of a connection depend on the seed and its number alone."""

    async def pattern(seed: int) -> list[bool]:
        venue = fast({"kind": "truncated", "share": "50%"}, seed=seed)
        async with serving(venue) as served, listen(served.url, BTC) as heard:
            while len([m for m in heard.heard if isinstance(m, str) or is_trade(m)]) < 30:
                await heard.next()
        return [isinstance(message, str) for message in heard.heard if isinstance(message, str) or is_trade(message)]

    first = await pattern(1)
    assert first[:30] == (await pattern(1))[:30]
    assert first[:30] != (await pattern(2))[:30]
