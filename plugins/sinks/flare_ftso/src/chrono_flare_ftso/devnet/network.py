"""A devnet that runs: chain, keeper, simulated providers, and what they earn."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from chrono import ChronoError, Context
from chrono_flare_ftso.chain import timing
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.devnet.anvil import Anvil, started
from chrono_flare_ftso.devnet.artifacts import contract
from chrono_flare_ftso.devnet.deploying import REGISTRY, Deploying, Deployment, signed_by
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.keeper import Keeper
from chrono_flare_ftso.devnet.market import Prices
from chrono_flare_ftso.devnet.plan import Plan
from chrono_flare_ftso.devnet.rewarding import Rewarding
from chrono_flare_ftso.devnet.simulated import SimulatedProvider, Surroundings
from chrono_flare_ftso.devnet.tally import Tally
from chrono_flare_ftso.protocol import deployments
from chrono_flare_ftso.protocol.claims import Distribution
from chrono_flare_ftso.protocol.epochs import round_end, voting_round
from chrono_flare_ftso.protocol.networks import COSTON2, Network
from chrono_flare_ftso.protocol.registration import rewards_hash
from chrono_flare_ftso.round_results import RoundResults

READY_IN, READY_IN_EACH = 4.0, 0.4
"""Seconds that deploying takes at most, and as many more for each entity."""

_LATE = 10.0

Tell = Callable[[str, str, str], None]


@dataclass
class Devnet:
    """What is known of a devnet that runs.

    Attributes
    ----------
    plan : Plan
    anvil : Anvil
    deployment : Deployment
    entities : tuple of Entity
    watch : Watch
        Entered.
    results : RoundResults
    tally : Tally
        What each entity did.
    distributions : dict of int to Distribution
        Claims by reward epoch, once they are signed.
    """

    plan: Plan
    anvil: Anvil
    deployment: Deployment
    entities: tuple[Entity, ...]
    watch: Watch
    results: RoundResults
    tally: Tally
    distributions: dict[int, Distribution] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where JSON-RPC is answered over HTTP; over WebSocket, too."""
        return self.anvil.url

    async def run(self) -> None:
        """Wait until it ends by itself, which is trouble.

        Raises
        ------
        ChronoError
            If its chain stands still for good.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def asked(self, name: str, function: str, *arguments: object) -> Any:
        """Return the first of what a function of a contract answers."""
        call = contract(name).functions[function]
        raw = await self.anvil.call(self.deployment.contracts[name], call.encode_call(*arguments))
        return call.decode_result(raw)[0]


@asynccontextmanager
async def running(
    plan: Plan,
    program: str,
    *,
    port: int = 0,
    tell: Tell | None = None,
    deploying: Callable[[Anvil, Plan, Sequence[Entity], int], Deploying] = Deploying,
) -> AsyncIterator[Devnet]:
    """Start a devnet, and end it.

    Parameters
    ----------
    plan : Plan
    program : str
        anvil's, from `anvil.find_anvil`.
    port : int
        Where it answers, on this machine alone; 0 for any that is free.
    tell : callable, optional
        Told a state, a code and a sentence.
    deploying : callable
        Makes what deploys the contracts.

    Raises
    ------
    ChronoError
        If the chain does not start, or a contract is not deployed.
    """
    said = tell or _silent
    entities = plan.entities()
    start = plan.start or math.ceil(time.time() + READY_IN + READY_IN_EACH * len(entities))
    clock = Context("devnet").clock
    async with contextlib.AsyncExitStack() as undo:
        first = start - plan.epoch_seconds
        anvil = await undo.enter_async_context(
            started(program, chain_id=plan.chain_id, timestamp=first, port=port),
        )
        deployment = await deploying(anvil, plan, entities, start).run()
        if time.time() > start + _LATE:
            said("degraded", "late", f"deploying took {time.time() - start:.0f} s longer than expected")
        keeper = Keeper(anvil, deployment, lambda message: said("degraded", "keeper", message))
        await keeper.begin()
        tasks = [asyncio.create_task(keeper.run(), name="keeper")]
        undo.push_async_callback(_ended, tasks)
        node = Node([anvil.url], clock)
        watch = await undo.enter_async_context(
            Watch(node, _network(), timed=True, tell=said, every=0.25, events_every=1.0)
        )
        registry = Registry(node, watch.network, lambda code, message: said("degraded", code, message))
        await registry.refresh()
        results = RoundResults(watch, clock, None, said)
        undo.push_async_callback(results.close)
        since = start + 2 * plan.round_seconds
        around = Surroundings(anvil, watch, registry, results, clock, plan, Prices(plan.seed), since, said)
        providers = [SimulatedProvider(around, each) for each in entities if each.simulated]
        devnet = Devnet(plan, anvil, deployment, entities, watch, results, Tally(entities), _tasks=tasks)
        rewarding = Rewarding(anvil, watch, deployment.contracts["Relay"], (await anvil.head())[0])
        tasks += [asyncio.create_task(results.run()), asyncio.create_task(_kept(devnet, rewarding, said))]
        tasks += [asyncio.create_task(each.run()) for each in providers]
        yield devnet


def _network() -> Network:
    registry = {timing.REGISTRY: (deployments.Deployment(0, REGISTRY),)}
    return replace(COSTON2, name="other", initial_reward_epoch=0, contracts=registry)


async def _kept(devnet: Devnet, rewarding: Rewarding, tell: Tell) -> None:
    """Take down each round that is over, and have the rewards of each reward epoch signed."""
    network = devnet.watch.network
    round = voting_round(network, devnet.deployment.start)
    while True:
        await devnet.watch.until(round_end(network, round + 1), 2.0 * devnet.plan.round_seconds)
        try:
            await rewarding.read()
            outcome = await devnet.results.find(round)
            if outcome is not None:
                rewarding.played(round, outcome)
                devnet.tally.count(round, rewarding.of(round))
            await _sign_rewards(devnet, rewarding, round)
        except (ChronoError, LookupError) as error:
            tell("degraded", "rewards", f"voting round {round}: {error}")
        round = max(round + 1, voting_round(network, int(time.time())) - 1)


async def _sign_rewards(devnet: Devnet, rewarding: Rewarding, round: int) -> None:
    """Have simulated providers sign what the last reward epoch came to, once it may be signed."""
    manager = "FlareSystemsManager"
    present = int(await devnet.asked(manager, "getCurrentRewardEpochId"))
    epoch = present - 1
    if epoch < 1 or epoch in devnet.distributions:
        return
    since, until = [int(await devnet.asked(manager, "getStartVotingRoundId", each)) for each in (epoch, present)]
    uptime = await devnet.asked(manager, "uptimeVoteHash", epoch)
    # the feed of the last round is drawn by the round after it
    if not any(uptime) or round <= until:
        return
    made = rewarding.claims(epoch, range(since, until))
    counts = [(devnet.plan.chain_id, made.weight_based_claims)]
    hashed = rewards_hash(epoch, counts, made.root)
    call, to = contract(manager).functions["signRewards"], devnet.deployment.contracts[manager]
    for each in devnet.entities:
        if each.simulated:
            data = call.encode_call(epoch, counts, made.root, signed_by(each.keys["signing_policy"], hashed))
            await devnet.anvil.send(each.signing_policy, to, data, gas=1_000_000)
    devnet.distributions[epoch] = made


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _silent(state: str, code: str, message: str) -> None:
    """Tell nobody."""
