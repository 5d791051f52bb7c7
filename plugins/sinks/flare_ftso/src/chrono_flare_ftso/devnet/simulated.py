"""Providers that the devnet runs itself: the provider's own rounds and duties, over toy keys, with faults on order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretBytes

from chrono_flare_ftso.answers import Feeds, Values
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.commits import RANDOM_BYTES, Commit
from chrono_flare_ftso.devnet.anvil import Anvil
from chrono_flare_ftso.devnet.behaviour import Behaviour, Fault
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.market import Prices
from chrono_flare_ftso.devnet.plan import Plan
from chrono_flare_ftso.keys.local import LocalSigner
from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.text import to_hex
from chrono_flare_ftso.provider.duties import Duties
from chrono_flare_ftso.provider.guards import Limits
from chrono_flare_ftso.provider.voting import Parts, Voting
from chrono_flare_ftso.round_results import RoundResults

GAS = 3_000_000
_LOOK = 0.25
_ALL = Limits(missing=1.0, distance=1e9)
"""What a simulated provider votes is what it was told to: nothing is withheld."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all simulated providers share.

    Attributes
    ----------
    anvil : Anvil
        Signs for whoever is named.
    watch : Watch
        Entered.
    registry : Registry
        Refreshed.
    results : RoundResults
    clock : Clock
    plan : Plan
    prices : Prices
    since : float
        When the first round is over that anybody may vote in, unix seconds.
    tell : callable
        Told a state, a code and a sentence.
    """

    anvil: Anvil
    watch: Watch
    registry: Registry
    results: RoundResults
    clock: Clock
    plan: Plan
    prices: Prices
    since: float
    tell: Callable[[str, str, str], None]


class ToyWallet:
    """A `voting.Wallet` whose transactions anvil signs, and which does what its owner does wrong.

    Parameters
    ----------
    around : Surroundings
    entity : Entity
    role : str
        Whose address sends.
    """

    def __init__(self, around: Surroundings, entity: Entity, role: str) -> None:
        self._around = around
        self._entity = entity
        self._role = role
        self._behaviour = around.plan.behaviour(entity.name)

    @property
    def address(self) -> bytes:
        """20 bytes."""
        return self._entity.addresses[self._role]

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
        """Send a call to a contract, or do what is wrong instead; see `voting.Wallet`."""
        around = self._around
        fault = self._behaviour.fault(self._entity.name, round, seed=around.plan.seed)
        if fault is not None and _withheld(fault, label):
            return True
        if fault is Fault.WRONG_REVEAL and label == "submit2":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault is Fault.LATE_REVEAL and label == "submit2":
            # a second later than counts, in a block that is a second later still
            await around.clock.sleep(until + 1 - time.time())
            until += around.plan.round_seconds
        hash = await around.anvil.send(self.address, around.registry.address(contract), data, gas=GAS)
        while time.time() < until:
            await around.clock.sleep(_LOOK)
            receipt = await around.anvil.rpc("eth_getTransactionReceipt", to_hex(hash))
            if receipt is not None:
                return int(receipt["status"], 16) == 1
        return False


def _withheld(fault: Fault, label: str) -> bool:
    of_round = {"submit1", "submit2", "submitSignatures", "relay"}
    withheld = {
        Fault.SILENT: of_round,
        Fault.NO_REVEAL: {"submit2"},
        Fault.NO_SIGNATURE: {"submitSignatures", "relay"},
    }
    return label in withheld.get(fault, ())


class ToyCommits:
    """The commits of a simulated provider, which are gone when it is; the random of each is made of the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made: dict[tuple[int, bytes], Commit] = {}

    def find(self, round: int, address: bytes) -> Commit | None:
        """Return what was committed to; None where nothing was."""
        return self._made.get((round, address))

    def make(self, round: int, address: bytes, vector: bytes, feeds: Sequence[bytes]) -> Commit:  # noqa: ARG002
        """Commit to a vector."""
        random = keccak256(f"chrono devnet {self._seed} {address.hex()} {round}".encode())[:RANDOM_BYTES]
        made = self._made[round, address] = Commit(round, address, random, vector)
        for old in [key for key in self._made if key[0] < round - 2]:
            del self._made[old]
        return made


class SimulatedProvider:
    """One of them.

    Parameters
    ----------
    around : Surroundings
    entity : Entity
    """

    def __init__(self, around: Surroundings, entity: Entity) -> None:
        self._around = around
        self._name = entity.name
        self._behaviour: Behaviour = around.plan.behaviour(entity.name)
        contracts = frozenset(around.registry.addresses())
        signer = LocalSigner(SecretBytes(entity.keys["signing_policy"]), Policy(around.plan.chain_id, contracts))
        policy = ToyWallet(around, entity, "signing_policy")
        self._voting = Voting(
            Parts(
                chain=around.watch,
                now=time.time,
                sleep=around.clock.sleep,
                commits=ToyCommits(around.plan.seed),
                values=self._values,
                results=around.results.find,
                medians=lambda _: {},
                feeds=Feeds({each.name: "crypto" for each in around.plan.feeds}),
                submit=ToyWallet(around, entity, "submit"),
                signatures=ToyWallet(around, entity, "submit_signatures"),
                policy=policy,
                signer=signer,
                tell=self._tell,
            ),
            limits=_ALL,
        )
        self._duties = Duties(around.watch.network, entity.identity, around.registry, signer, policy, self._tell)

    async def run(self) -> None:
        """Vote, and do what is due in each reward epoch, until cancelled."""
        await _both(self._voting.run(), self._duties.run(time.time, self._around.clock.sleep))

    async def _values(self, round: int, patience: float) -> Values:  # noqa: ARG002 - they are there at once
        now, seed = time.time(), self._around.plan.seed
        taken = {
            each.name: self._behaviour.price(
                self._around.prices.at(each.name, now), self._name, each.name, round, seed=seed
            )
            for each in self._around.plan.feeds
        }
        return Values(int(now * 1e9), {name: price for name, price in taken.items() if price is not None})

    def _tell(self, state: str, code: str, message: str) -> None:
        # of rounds before the first nobody has anything
        if time.time() > self._around.since:
            self._around.tell(state, code, f"{self._name}: {message}")


async def _both(first: Awaitable[None], second: Awaitable[None]) -> None:
    await asyncio.gather(first, second)
