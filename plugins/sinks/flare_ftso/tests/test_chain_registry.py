"""Contracts by their names, as the chain's own registry has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fake_epochs import FakeClock
from fake_node import FakeChain, FakeNode

from chrono_flare_ftso.chain.endpoint import Reverted
from chrono_flare_ftso.chain.registry import NAMES, Registry
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.protocol.contracts import FUNCTIONS
from chrono_flare_ftso.protocol.networks import COSTON2

pytestmark = pytest.mark.anyio

MOVED = bytes([9] * 20)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@asynccontextmanager
async def looked_into(chain: FakeChain) -> AsyncIterator[tuple[Registry, list[tuple[str, str]]]]:
    told: list[tuple[str, str]] = []
    async with FakeNode(chain) as fake, Node([fake.url], FakeClock(0), chain_id=114) as node:
        yield Registry(node, COSTON2, lambda *words: told.append(words)), told


@pytest.fixture
def chain():
    chain = FakeChain(114)
    chain.mine(1)
    chain.contracts = {name: bytes([at + 20] * 20) for at, name in enumerate(NAMES)}
    return chain


async def test_contracts_are_where_the_registry_has_them(chain):
    async with looked_into(chain) as (registry, told):
        assert registry.address("Relay") == COSTON2.contract("Relay", 6000)
        assert await registry.refresh() == set(NAMES)
        assert {name: registry.address(name) for name in NAMES} == chain.contracts
        assert registry.addresses() >= {*chain.contracts.values(), COSTON2.contract("Relay", 6000)}
        assert not told
        assert await registry.refresh() == set()


async def test_contract_that_moves_is_followed_and_told(chain):
    async with looked_into(chain) as (registry, told):
        await registry.refresh()
        chain.contracts["Relay"] = MOVED
        assert await registry.refresh() == {"Relay"}
        assert registry.address("Relay") == MOVED
        assert told == [("moved", "contracts have moved: Relay; start again to sign for them")]


async def test_registry_that_is_not_there_leaves_what_is_known(chain):
    chain.contracts = {}
    async with looked_into(chain) as (registry, _):
        assert await registry.refresh() == set()
        assert registry.address("Submission") == COSTON2.contract("Submission", 6000)
        with pytest.raises(LookupError, match="coston2: expected a contract Nothing, the registry knows of none"):
            registry.address("Nothing")


async def test_call_is_made_where_the_contract_is(chain):
    current = FUNCTIONS["FlareSystemsManager.getCurrentRewardEpochId"]
    chain.values[current.selector] = 6_001
    async with looked_into(chain) as (registry, _):
        assert current.decode_result(await registry.call("FlareSystemsManager", current.encode_call())) == (6_001,)
        with pytest.raises(Reverted, match="no"):
            await registry.call("Relay", b"revert")
