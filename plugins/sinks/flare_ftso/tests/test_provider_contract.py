"""What every sink promises, of the whole provider: what the world sees are the rounds that it committed to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from recorded_chain import RecordedChain
from voting import LOCAL_TEST, Standing

from chrono import TransientError
from chrono.testing import SinkContract
from chrono.testing.reports import report
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.epochs import round_start
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_id
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch
from chrono_flare_ftso.protocol.signatures import address_of
from chrono_flare_ftso.provider import voting
from chrono_flare_ftso.provider.sink import FlareFtso

KEYS = {name: keccak256(b"contract " + name.encode()) for name in ("submit", "submit_signatures", "signing_policy")}
OURS = address_of(KEYS["submit"])
ROUND = 1005
FIRST = report(0).round.id
RPC = "https://node.example/a-key-of-a-node"
VOTER = Voter(bytes(20), OURS, address_of(KEYS["signing_policy"]), bytes(20), 1000, 100, 0)
EPOCH = RewardEpoch(1, ROUND - 5, (VOTER,), (FeedDecimals(feed_id(1, "BTC/USD"), 2),))


class Chain(RecordedChain):
    """A chain on which nothing happens."""

    looking = SimpleNamespace(ahead=lambda: 0.0, offset=None)

    def signatures(self, round: int) -> list[Any]:
        return []

    def signing_policy(self, round: int) -> Any:
        raise LookupError("no policy was read")

    async def is_finalized(self, round: int) -> bool:
        return False

    def offers(self, reward_epoch: int) -> tuple[Any, ...]:
        return ()


class Node:
    """Nodes that do not answer."""

    endpoints = ()

    async def balance(self, address: bytes) -> int:
        raise TransientError("no node answers")


class Voted(FlareFtso):
    """The sink as the engine uses it: a report is published when its round asks for one."""

    def _chain(self) -> Any:
        chain: Any = Chain(LOCAL_TEST, epochs=[EPOCH], head=round_start(LOCAL_TEST, ROUND))
        return Node(), chain

    async def __aenter__(self):
        await super().__aenter__()
        self.pricing = asyncio.create_task(self._price())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.pricing.cancel()
        await asyncio.gather(self.pricing, return_exceptions=True)
        await super().__aexit__(*exc)

    async def _price(self) -> None:
        async for _ in self.trigger(self.context.clock):
            pass

    async def publish(self, report: Any) -> None:
        await anyio.lowlevel.checkpoint()
        # a voting round for each report
        number = ROUND + report.round.id - FIRST
        self.context.clock.set(int((round_start(LOCAL_TEST, number) + 18) * 10**9))
        with anyio.CancelScope(shield=True):
            for _ in range(10_000):
                for at, _ in self.asking._given:
                    await super().publish(type(report)(type(report.round)(0, at, at), tuple(report.results)))
                if Commits(self.ledger).find(number, OURS) is not None:
                    return
                await anyio.sleep(0.001)
        raise TransientError(f"voting round {number} was not committed to")


class TestFlareFtso(SinkContract):
    """As a shadow, so that no transaction is waited for."""

    sink = Voted
    secrets = (RPC, *("0x" + key.hex() for key in KEYS.values()))

    @pytest.fixture(autouse=True)
    def _alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, key in KEYS.items():
            monkeypatch.setenv(f"CONTRACT_{name.upper()}", "0x" + key.hex())

        async def nothing(self: Registry) -> frozenset[str]:
            return frozenset()

        monkeypatch.setattr(Registry, "refresh", nothing)
        monkeypatch.setattr(voting, "PRICED_BY", 0.2)

    def options(self) -> Mapping[str, Any]:
        return {
            "network": "coston2",
            "rpc": [RPC],
            "ledger": str(self.folder / "flare.db"),
            "keys": {"isolation": "none", **{name: {"env": f"CONTRACT_{name.upper()}"} for name in KEYS}},
            "guards": {"missing": 1.0},
            "shadow": True,
            "linger": "0s",
            "metrics": {"port": 0},
        }

    def make(self) -> FlareFtso:
        made = super().make()
        object.__setattr__(made.context, "clock", Standing(round_start(LOCAL_TEST, ROUND) * 10**9))
        assert isinstance(made, FlareFtso)
        return made

    async def seen(self) -> Sequence[Any]:
        with Ledger(self.folder / "flare.db") as ledger:
            commits = Commits(ledger)
            made = ledger.read("SELECT round FROM commits ORDER BY round")
            return [commits.find(number, OURS) for (number,) in made]

    def broken(self) -> AbstractContextManager[Any] | None:
        return None
