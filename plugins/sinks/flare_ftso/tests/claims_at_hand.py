"""A devnet's contracts on anvil, without its keeper: a reward epoch that is over pays what a test says."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chrono_flare_ftso.devnet.anvil import Anvil, find_anvil, started
from chrono_flare_ftso.devnet.artifacts import contract
from chrono_flare_ftso.devnet.deploying import DAEMON, Deploying, Deployment, signed_by
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.plan import PREPARED, REGISTERED, SOUGHT, Plan
from chrono_flare_ftso.protocol.claims import Distribution, RewardClaim, distribution
from chrono_flare_ftso.protocol.registration import NO_UPTIME_VOTE, bound_registration_hash, rewards_hash, uptime_hash

PLAN = Plan(round_seconds=5, epoch_rounds=12, providers=1)
MANAGER = "FlareSystemsManager"


@dataclass
class Deployed:
    """A chain that is asked and told from another thread than its own loop."""

    anvil: Anvil
    deployment: Deployment
    loop: asyncio.AbstractEventLoop

    @property
    def free(self) -> Entity:
        """The voter that nobody simulates."""
        return PLAN.entities()[-1]

    def of(self, work: Any) -> Any:
        """Return what some work on the chain's loop comes to."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def asked(self, name: str, function: str, *arguments: object) -> Any:
        """Return the first of what a contract answers."""
        call = contract(name).functions[function]
        return call.decode_result(
            self.of(self.anvil.call(self.deployment.contracts[name], call.encode_call(*arguments)))
        )[0]

    def send(self, sender: bytes, name: str, function: str, *arguments: object) -> None:
        """Send a call, which has to succeed."""
        data = contract(name).functions[function].encode_call(*arguments)
        self.of(self._sent(sender, self.deployment.contracts[name], data, function))

    async def _sent(self, sender: bytes, to: bytes, data: bytes, what: str) -> None:
        await self.anvil.succeeded(await self.anvil.send(sender, to, data), what)

    def count(self, sender: bytes) -> int:
        """Return how many transactions an address has sent."""
        return int(self.of(self.anvil.rpc("eth_getTransactionCount", "0x" + sender.hex(), "latest")), 16)

    def balance(self, address: bytes) -> int:
        """Return what an address has, wei."""
        return int(self.of(self.anvil.rpc("eth_getBalance", "0x" + address.hex(), "latest")), 16)

    def reward(self, claims: Sequence[RewardClaim]) -> Distribution:
        """Play reward epoch 1 until it is over, and have its voters sign what it comes to."""
        ends = self.deployment.start + PLAN.epoch_seconds
        prepared = ends - PREPARED * PLAN.round_seconds
        found = prepared + SOUGHT * PLAN.round_seconds
        for second in (self.deployment.start, prepared, found):
            self._daemonize(second)
        for each in PLAN.entities():
            hashed = bound_registration_hash(PLAN.chain_id, 2, each.identity)
            signature = signed_by(each.keys["signing_policy"], hashed)
            self.send(each.signing_policy, "VoterRegistry", "registerVoter", each.identity, signature)
        for second in (found + REGISTERED * PLAN.round_seconds, ends, ends + 2 * PLAN.round_seconds):
            self._daemonize(second)
        made = distribution(None, 1, claims, minimal_conditions=False)
        policy = self.asked("Relay", "toSigningPolicyHash", 2)
        counts = [(PLAN.chain_id, made.weight_based_claims)]
        for name, arguments, hashed in (
            ("signNewSigningPolicy", (2, policy), policy),
            ("signUptimeVote", (1, NO_UPTIME_VOTE), uptime_hash(1)),
            ("signRewards", (1, counts, made.root), rewards_hash(1, counts, made.root)),
        ):
            for each in PLAN.entities():
                signature = signed_by(each.keys["signing_policy"], hashed)
                self.send(each.signing_policy, MANAGER, name, *arguments, signature)
        return made

    def _daemonize(self, second: int) -> None:
        self.of(self.anvil.at(second))
        self.send(DAEMON, MANAGER, "daemonize")


@contextmanager
def deployed() -> Iterator[Deployed]:
    """Deploy on a fresh anvil, which is served by a loop of its own."""
    loop, stop, ready, found = asyncio.new_event_loop(), asyncio.Event(), threading.Event(), []

    async def serve() -> None:
        start = int(time.time())
        try:
            async with started(find_anvil(), chain_id=PLAN.chain_id, timestamp=start - PLAN.epoch_seconds) as anvil:
                found.append(Deployed(anvil, await Deploying(anvil, PLAN, PLAN.entities(), start).run(), loop))
                ready.set()
                await stop.wait()
        finally:
            ready.set()

    task = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    task.start()
    try:
        ready.wait(120)
        assert found, "expected a chain with contracts, was none"
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        task.join()
        loop.close()
