"""A data provider beside a test: its own server on the loopback, a chain of plain data, and prices by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import msgspec
from recorded_chain import RecordedChain

from chrono import Context, Price, Report, Round
from chrono.core.clock import VirtualClock
from chrono.core.recipes import Description
from chrono.core.types import Code, Feed, Missing, Pair
from chrono.testing.reports import described
from chrono_flare_ftso.data_provider import DataProvider
from chrono_flare_ftso.protocol.epochs import round_start
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_id
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.networks import COSTON2, Network
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Transaction

SECOND = 1_000_000_000
KEY = "a-key-that-nobody-may-see"
ROUND = 1005
PRICES = {"BTC/USD": 38573.26, "ETH/USD": 2175.12, "FLR/USD": 0.02042}

# flare-foundation/FTSO-Scaling 9e1e988, libs/ftso-core/src/constants.ts, read 2026-11-23
LOCAL_TEST: Network = replace(
    COSTON2,
    name="local-test",
    first_voting_round_start=1_707_110_090,
    voting_round_seconds=20,
    first_reward_epoch_round=1000,
    reward_epoch_rounds=5,
    reveal_seconds=10,
    initial_reward_epoch=0,
)
FEEDS = tuple(
    FeedDecimals(feed_id(1, name), decimals) for name, decimals in (("BTC/USD", 2), ("ETH/USD", 2), ("FLR/USD", 5))
)
SUBMITTERS = tuple(
    bytes.fromhex(each)
    for each in (
        "565295c0812e33028dfd994b4354e907230070ba",
        "b16c374125433b6075c822d28dfdb72ed9e3a485",
        "d98987dc851b3584ff08cbf880c5be4451e0ac19",
    )
)
SIGNER = "0x2fc6d9e7108cd831891026718babd213cd1de55d"
VOTERS = tuple(Voter(each, each, each, each, 1000, 100, 0) for each in SUBMITTERS)
EPOCH = RewardEpoch(1, ROUND, VOTERS, FEEDS)


def chain_of(network: Network = LOCAL_TEST, epochs: Sequence[RewardEpoch] = (EPOCH,)) -> RecordedChain:
    """Return a chain that is read up to the middle of the round."""
    return RecordedChain(network, epochs=epochs, head=round_start(network, epochs[0].start_round) + 5)


class Standing(VirtualClock):
    """A clock that no sleep moves, and on which none is long."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.004))


class Provider(DataProvider):
    """A data provider of three feeds that are priced as `prices` says, on a clock that stands where it was put."""

    def __init__(self, ledger: Any, chain: RecordedChain | None = None, **options: Any) -> None:
        self.told: list[str] = []
        self.clock = Standing()
        self.recorded = chain or chain_of()
        self.prices: dict[str, float] = dict(PRICES)
        self.priced = 0
        self.names = [*PRICES, "OTHER/USD"]
        context = Context(
            "flare_data_provider",
            self.clock,
            lambda status: self.told.append(str(status)),
            logger=Log(self.told),
            describe=self._described,
        )
        options = {"network": "coston2", "api_keys": [KEY], "linger": "0s", **options}
        super().__init__(DataProvider.Config(port=0, ledger=str(ledger), **options), context)
        first = self.recorded.epochs[0].start_round if self.recorded.epochs else ROUND
        self.go(round_start(self.recorded.network, first) + 5)

    def _described(self) -> Description:
        recipe = described().recipes[0]
        feeds = [Feed(name, Pair.parse(name), 2, ()) for name in self.names]
        return Description("test", SECOND, tuple(msgspec.structs.replace(recipe, feed=feed) for feed in feeds))

    def chain(self) -> RecordedChain:
        return self.recorded

    def go(self, second: float) -> None:
        """Put the clock forward."""
        self.clock.set(int(second * SECOND))

    async def __aenter__(self) -> Provider:
        await super().__aenter__()
        self.client = self.another()
        self._pricing = asyncio.create_task(self._price())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._pricing.cancel()
        await asyncio.gather(self._pricing, return_exceptions=True)
        await self.client.aclose()
        await super().__aexit__(*exc)

    def another(self, key: str = KEY) -> httpx.AsyncClient:
        """Return a client of its server."""
        headers = {"X-API-KEY": key} if key else {}
        limits = httpx.Limits(max_connections=60)
        url = f"http://127.0.0.1:{self.server.port}{self.config.base_path}"
        return httpx.AsyncClient(base_url=url, headers=headers, timeout=12, verify=False, limits=limits)

    async def _price(self) -> None:
        async for as_of in self.trigger(self.clock):
            self.priced += 1
            await self.publish(report(as_of, self.prices, self.names))

    async def get(self, path: str) -> Any:
        """Return what a route answers with, which is 200."""
        told = await self.client.get(path)
        assert told.status_code == 200, told.text
        return told.json()

    async def submit1(self, address: str | bytes = SUBMITTERS[0], round: int = ROUND) -> bytes:
        return strict(await self.client.get(f"/submit1/{round}/{written(address)}"), 39)

    async def submit2(self, address: str | bytes = SUBMITTERS[0], round: int = ROUND) -> bytes:
        return strict(await self.client.get(f"/submit2/{round}/{written(address)}"))

    def send(self, call: Call, sender: bytes, message: bytes, second: int) -> None:
        """Put a message onto the chain."""
        number = len(self.recorded.transactions)
        self.recorded.transactions.append(Transaction(sender, number, 0, second, call.value + message))


def written(address: str | bytes) -> str:
    return address if isinstance(address, str) else "0x" + address.hex()


def strict(told: httpx.Response, size: int | None = None) -> bytes:
    """Return the data of an answer as the client in Go reads it: 200, no keys but its own, OK."""
    assert told.status_code == 200, f"{told.status_code} {told.text}"
    read: Mapping[str, Any] = json.loads(told.content)
    assert set(read) <= {"status", "data", "additionalData"}, read
    assert read["status"] == "OK", read
    data = bytes.fromhex(read["data"].removeprefix("0x"))
    assert read["data"] == "0x" + data.hex()
    assert size is None or len(data) == size
    return data


def report(as_of: int, prices: Mapping[str, float], names: Sequence[str]) -> Report:
    results: list[Price | Missing] = []
    for name in names:
        feed = Feed(name, Pair.parse(name), 2, ())
        if name in prices:
            results.append(Price(feed, prices[name], 1.0, (), {}, "made", {}, (), 0))
        else:
            results.append(Missing(feed, {"code": Code.NO_QUORUM.value, "used": 0, "wanted": 2}, (), {}))
    return Report(Round(as_of // SECOND, as_of, as_of + SECOND), tuple(results))


class Log:
    """A logger that keeps what it is told, as text."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def __getattr__(self, level: str) -> Any:
        return lambda *words, **more: self._lines.append(f"{level} {words} {more}")
