"""What has to be right before a provider sends anything: one line for each thing, and what to do about it.

Source: flare-foundation/developer-hub daa3028, `docs/run-node/5-flare-entity.mdx` (roles, what each needs);
flare-foundation/fsp-observer 78f9c71, `observer/address.py` (balances); read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from chrono import ChronoError
from chrono_flare_ftso.answers import Feeds
from chrono_flare_ftso.chain.accounts import Account
from chrono_flare_ftso.chain.answers import Block
from chrono_flare_ftso.chain.clockoffset import Offset
from chrono_flare_ftso.chain.endpoint import SECOND, Reverted
from chrono_flare_ftso.chain.fees import coins
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.rounds import RewardEpoch
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.votes import called, name_of

CLOCK_WARNS, CLOCK_FAILS = 1.0, 3.0
"""Seconds by which the machine's clock may be off; a commit of the last seconds of a round would be void."""

HEAD_IS_OLD = 30.0
"""Seconds without a block after which a node counts as behind."""

NEEDED = ("FlareSystemsManager", "Submission", "Relay", "VoterRegistry", "EntityManager", "RewardManager")
"""Contracts without which there is no provider."""

State = Literal["ok", "warning", "failure"]


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What it is.
    state : str
        ``ok``, ``warning`` or ``failure``.
    told : str
        What was found.
    advice : str
        What to do; empty where it is all right.
    """

    name: str
    state: State
    told: str
    advice: str = ""


class Asked(Protocol):
    """One endpoint, or several; see `chain.rpc.Node`."""

    async def chain_id(self) -> int: ...
    async def block(self, number: int | str) -> Block: ...
    async def account(self, address: bytes) -> Account: ...


class Contracts(Protocol):
    """Where contracts are; see `chain.registry.Registry`."""

    def address(self, name: str) -> bytes: ...
    async def call(self, contract: str, data: bytes) -> bytes: ...


async def check_nodes(nodes: Mapping[str, Asked], network: Network, now: int) -> AsyncIterator[Check]:
    """Check each endpoint by itself, and the clock by the newest of their blocks.

    Parameters
    ----------
    nodes : mapping of str to Asked
        By what each is called.
    network : Network
        Which chain it has to be.
    now : int
        The machine's clock, nanoseconds.
    """
    heads: dict[str, Block] = {}
    for name, node in nodes.items():
        try:
            chain_id, head = await node.chain_id(), await node.block("latest")
        except ChronoError as error:
            told = str(error).removeprefix(f"{name}: ")
            yield Check(f"node {name}", "failure", told, "see to its address and key, or leave it out")
            continue
        if chain_id != network.chain_id:
            wanted = f"expected chain {network.chain_id} ({network.name}), was {chain_id}"
            yield Check(f"node {name}", "failure", wanted, "give the address of a node of this network")
            continue
        heads[name] = head
    newest = max((head.timestamp for head in heads.values()), default=None)
    for name, head in heads.items():
        behind = (newest or 0) - head.timestamp
        told = f"block {head.number}, {behind} s behind the newest"
        late = behind > HEAD_IS_OLD
        advice = "wait until it has caught up, or leave it out" if late else ""
        yield Check(f"node {name}", "warning" if late else "ok", told, advice)
    if newest is not None:
        yield check_clock(now / SECOND - newest)


def check_clock(age: float) -> Check:
    """Check the machine's clock by the age of the newest block, seconds; a block has whole seconds, and comes late.

    Examples
    --------
    >>> check_clock(1.5).state, check_clock(-4.0).state, check_clock(45.0).state
    ('ok', 'failure', 'failure')
    """
    if age > HEAD_IS_OLD:
        told = f"the newest block is {age:.1f} s old"
        return Check("clock", "failure", told, "see whether the chain stands still; else set the clock, by NTP")
    if age < -CLOCK_WARNS:
        state: State = "failure" if age <= -CLOCK_FAILS else "warning"
        told = f"the newest block is {-age:.1f} s ahead of the machine's clock"
        return Check("clock", state, told, "set the clock, by NTP: a commit at the end of a round would be void")
    return Check("clock", "ok", f"the newest block is {age:.1f} s old")


def check_offset(offset: Offset) -> Check:
    """Check the machine's clock by the blocks that came while it was looked at.

    Examples
    --------
    >>> check_offset(Offset(2.6, 0.75)).state, check_offset(Offset(-1.2, 0.75)).state, check_offset(Offset(0.3, 0.75))
    ('failure', 'warning', Check(name='clock', state='ok', told='it is right, give or take 0.8 s', advice=''))
    """
    if offset.verdict == "right":
        return Check("clock", "ok", f"it is right, give or take {offset.uncertainty:.1f} s")
    ahead = ", unless every node is behind" if offset.seconds > 0 else ""
    state: State = "failure" if offset.verdict == "wrong" else "warning"
    return Check("clock", state, offset.told(), f"set it, by NTP{ahead}")


def check_contracts(contracts: Contracts, network: Network, present: Collection[str]) -> Check:
    """Check that the registry knows the contracts of a provider."""
    missing = [name for name in NEEDED if name not in present]
    if missing:
        told = f"expected {', '.join(NEEDED)}, the registry knows nothing of {', '.join(missing)}"
        return Check("registry", "failure", told, "see to the network, to the registry's address and to the nodes")
    return Check("registry", "ok", f"Submission is {checksummed(contracts.address('Submission'))} on {network.name}")


async def check_roles(contracts: Contracts, addresses: Mapping[str, bytes]) -> AsyncIterator[Check]:
    """Check that the identity has confirmed the addresses of the keys.

    Parameters
    ----------
    contracts : Contracts
    addresses : mapping of str to bytes
        Of the keys, by role.
    """
    identity = addresses.get("identity")
    if identity is None:
        told = "expected the voter's address under keys.identity, was none"
        yield Check("identity", "failure", told, "add identity: {address: 0x…}")
        return
    (confirmed,) = await _asked(contracts, "EntityManager", "getVoterAddresses", identity)
    for role, address in zip(("submit", "submit_signatures", "signing_policy"), confirmed, strict=True):
        ours = addresses.get(role)
        if ours is None or ours == address:
            yield Check(role, "ok", checksummed(address))
            continue
        was = "none" if address == identity else checksummed(address)
        told = f"expected {checksummed(ours)} to be confirmed for {checksummed(identity)}, was {was}"
        yield Check(role, "failure", told, f"chrono flare entity propose FILE {role}, then confirm FILE {role}")
    (delegation,) = await _asked(contracts, "EntityManager", "getDelegationAddressOf", identity)
    if delegation == identity:
        told = f"expected a delegation address for {checksummed(identity)}, was none"
        yield Check("delegation", "failure", told, "chrono flare entity propose FILE delegation ADDRESS, then confirm")
    else:
        yield Check("delegation", "ok", checksummed(delegation))


async def check_balances(node: Asked, addresses: Mapping[str, bytes], low: int) -> AsyncIterator[Check]:
    """Check that the keys can pay; `low` is in wei."""
    for role in ("submit", "submit_signatures", "signing_policy"):
        address = addresses.get(role)
        if address is None:
            continue
        balance = (await node.account(address)).balance
        told, advice = f"{checksummed(address)} has {coins(balance)}", f"send it {coins(2 * low)} or more"
        state: State = "ok" if balance > low else "warning" if balance else "failure"
        yield Check(f"balance of {role}", state, told, "" if state == "ok" else advice)


async def check_registration(contracts: Contracts, identity: bytes) -> AsyncIterator[Check]:
    """Check that the voter is registered in the present reward epoch, and whether it is in the next."""
    (present,) = await _asked(contracts, "FlareSystemsManager", "getCurrentRewardEpochId")
    (now,) = await _asked(contracts, "VoterRegistry", "isVoterRegistered", identity, present)
    (following,) = await _asked(contracts, "VoterRegistry", "isVoterRegistered", identity, present + 1)
    (open_now,) = await _asked(contracts, "FlareSystemsManager", "isVoterRegistrationEnabled")
    if now:
        yield Check("registration", "ok", f"registered in reward epoch {present}")
    elif following:
        told = f"not registered in reward epoch {present}: nothing that it votes counts before the next one"
        yield Check("registration", "warning", told, f"wait for reward epoch {present + 1}")
    else:
        told = f"expected {checksummed(identity)} to be registered in reward epoch {present}, was not"
        advice = "nothing that it votes counts; run the provider with `duties: true`, which registers for the next one"
        yield Check("registration", "failure", told, advice)
    if following:
        yield Check("next registration", "ok", f"registered in reward epoch {present + 1}")
    elif open_now:
        told = f"registration for reward epoch {present + 1} is open, and it is not registered"
        yield Check("next registration", "failure", told, "run the provider with `duties: true` at once")
    else:
        yield Check("next registration", "ok", f"registration for reward epoch {present + 1} is not open")


def check_feeds(epoch: RewardEpoch, feeds: Feeds, missing: float = 0.5) -> Check:
    """Check which feeds of a reward epoch are priced, each found by its id.

    Parameters
    ----------
    epoch : RewardEpoch
        The present one.
    feeds : Feeds
        Those of the pipeline.
    missing : float
        Share of its feeds that may be without a vote; with more nothing is committed to.
    """
    lacking = [called(feed.id) for feed in epoch.feeds if not name_of(feed.id, feeds)]
    told = f"{len(epoch.feeds) - len(lacking)} of {len(epoch.feeds)} feeds of reward epoch {epoch.number} are priced"
    if not lacking:
        return Check("feeds", "ok", told)
    state: State = "failure" if len(lacking) > missing * len(epoch.feeds) else "warning"
    return Check("feeds", state, told, f"add {', '.join(lacking)} to the pipeline")


def told_of(checks: Sequence[Check]) -> list[str]:
    r"""Return a line for each check, and one that sums them up.

    Examples
    --------
    >>> print("\n".join(told_of([check_clock(1.5), check_clock(29.5)])))
    ok       clock: the newest block is 1.5 s old
    ok       clock: the newest block is 29.5 s old
    0 failures, 0 warnings
    """
    lines = [
        f"{each.state:<9}{each.name}: {each.told}" + (f"; {each.advice}" if each.advice else "") for each in checks
    ]
    failures, warnings = (sum(each.state == state for each in checks) for state in ("failure", "warning"))
    return [*lines, f"{failures} failure{'s' * (failures != 1)}, {warnings} warning{'s' * (warnings != 1)}"]


async def _asked(contracts: Contracts, contract: str, name: str, *values: object) -> tuple[Any, ...]:
    asked = function(contract, name)
    try:
        return tuple(asked.decode_result(await contracts.call(contract, asked.encode_call(*values))))
    except ProtocolError as error:
        raise Reverted(f"{contract}.{name}: {error}") from None
