"""A devnet whose feeds are chosen anew for each reward epoch: what was revealed is held against the true prices."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

from devnet_at_hand import Chain, played
from eth_abi import decode

from chrono_flare_ftso.devnet.anvil import Anvil
from chrono_flare_ftso.devnet.deploying import GOVERNANCE, inflation_call
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.market import FEEDS, Feed, Prices
from chrono_flare_ftso.devnet.plan import Plan
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.text import from_hex, to_hex

UNKNOWN = Feed("LTC/USD", 4)
"""One that no pipeline of the devnet prices."""

CHOICES: Sequence[Sequence[Feed]] = (FEEDS[::-1], FEEDS[1::2], (*FEEDS, UNKNOWN))
"""Announced in another order; fewer; all of them again, with one that nobody knows in their midst."""

_OFFERED = "InflationRewardsOffered(uint24,bytes,bytes,uint256,uint16,uint24,bytes,uint16)"
_OFFER = ["bytes", "bytes", "uint256", "uint16", "uint24", "bytes", "uint16"]
_APART = 0.02
"""Of the price at the end of the round; any two feeds are further from each other."""


async def choose(plan: Plan, anvil: Anvil, chain: Chain) -> None:
    """Choose other feeds for each reward epoch, until cancelled."""
    to = chain.address("FtsoRewardOffersManager")
    for feeds in cycle(CHOICES):
        await anvil.send(GOVERNANCE, to, inflation_call(replace(plan, feeds=feeds)))
        await asyncio.sleep(plan.epoch_seconds)


def chosen(chain: Chain) -> dict[int, list[bytes]]:
    """Return the ids of the feeds of each reward epoch that the chain announced, in the order of votes: by id.

    Source: flare-foundation/FTSO-Scaling, `test/libs/ftso-core/ftso-calculation-logic.test.ts` (canonical feed order).
    """
    wanted = {
        "fromBlock": "0x0",
        "toBlock": "latest",
        "address": to_hex(chain.address("FtsoRewardOffersManager")),
        "topics": [to_hex(keccak256(_OFFERED.encode()))],
    }
    found = {}
    for log in chain.rpc("eth_getLogs", wanted):
        ids = decode(_OFFER, from_hex(log["data"]))[0]
        found[int(log["topics"][1], 16)] = sorted(ids[at : at + 21] for at in range(0, len(ids), 21))
    return found


def misplaced(chain: Chain, plan: Plan, entity: Entity, rounds: range) -> list[int]:
    """Return the rounds in which a revealed value is not that of the feed in whose place it stands."""
    lists, happened, prices = chosen(chain), played(chain), Prices(plan.seed)
    known = {each.id: each for each in (*FEEDS, UNKNOWN)}
    origin = chain.asked("FlareSystemsManager", "firstVotingRoundStartTs")
    wrong = []
    for round in rounds:
        end = origin + (round + 1) * plan.round_seconds
        ids = lists[round // plan.epoch_rounds]
        for _, reveal in happened[round].reveals.get(entity.submit, []) if round in happened else []:
            values = [reveal[at : at + 4] for at in range(32, len(reveal), 4)]
            # empty ones at the end are left out
            values += [bytes(4)] * (len(ids) - len(values))
            if len(values) != len(ids) or not all(
                _belongs(known[id], raw, prices, end) for id, raw in zip(ids, values, strict=True)
            ):
                wrong.append(round)
    return wrong


def _belongs(feed: Feed, raw: bytes, prices: Prices, second: float) -> bool:
    if feed == UNKNOWN or not any(raw):
        return feed == UNKNOWN and not any(raw)
    value = (int.from_bytes(raw, "big") - 2**31) / 10**feed.decimals
    return abs(value / prices.at(feed.name, second) - 1) < _APART
