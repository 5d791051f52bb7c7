"""Errors over HTTP and limits on a stream, as a raw client sees them."""

from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from chrono_simulated.serving import Binance, Coinbase, Kraken, serving

pytestmark = pytest.mark.anyio

BTC = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}}


def fast(fault: dict[str, Any]) -> Kraken:
    """Return a venue with many prints, and something wrong with it."""
    return Kraken(("BTC/USD",), rate=200, quotes=0, faults=[fault])


def is_trade(message: Any) -> bool:
    """Say whether a message tells trades."""
    return bool(message.get("channel") == "trade")


@pytest.mark.parametrize("status", [403, 418, 429, 451, 500, 503])
async def test_handshake_and_rest_are_answered_with_an_error(status: int) -> None:
    """With the header that says how long to wait."""
    fault = {"kind": "http_error", "status": status, "retry_after": "7s"}
    async with serving(fast(fault)) as venue, httpx.AsyncClient() as http:
        with pytest.raises(InvalidStatus) as refused:
            await connect(venue.url)
        assert (refused.value.response.status_code, refused.value.response.headers["Retry-After"]) == (status, "7")
        answer = await http.get(f"{venue.rest_url}/0/public/Time")
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
        assert answer.json()["error"]


async def test_error_may_be_a_web_page_where_data_is_expected() -> None:
    """Status 200, and HTML."""
    fault = {"kind": "http_error", "status": 200, "body": "html", "requests": ["rest"]}
    async with serving(fast(fault)) as venue, httpx.AsyncClient() as http:
        answer = await http.get(f"{venue.rest_url}/0/public/Time")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
        assert answer.text.startswith("<!DOCTYPE html>")
        async with connect(venue.url):
            assert venue.opened == 1


async def test_error_may_be_limited_to_some_times(listen: Any) -> None:
    """The second attempt succeeds."""
    async with serving(fast({"kind": "http_error", "status": 503, "times": 1})) as venue:
        with pytest.raises(InvalidStatus):
            await connect(venue.url)
        async with listen(venue.url, BTC) as heard:
            await heard.until(is_trade)


async def test_rate_limit_is_told_in_each_venues_words(listen: Any) -> None:
    """Kraken and Coinbase complain; Binance hangs up as well."""
    fault = {"kind": "rate_limit"}
    async with serving(fast(fault)) as venue, listen(venue.url, BTC) as heard:
        assert await heard.until(lambda message: "Error" in message) == {"Error": "Exceeded msg rate"}
    async with serving(Coinbase(faults=[fault])) as venue, listen(venue.url, {"type": "subscribe"}) as heard:
        assert (await heard.next())["reason"] == "rate limit exceeded"
    async with serving(Binance(faults=[fault])) as venue, listen(venue.url, {"method": "SUBSCRIBE"}) as heard:
        assert (await heard.next())["code"] == -1003
        with pytest.raises(ConnectionClosedError):
            await heard.next()
