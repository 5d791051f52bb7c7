"""Which key each role has, as a pipeline says it, and how all of them are opened.

Source: `fsp.md` §1.1 and §6.1 for the roles.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

from pydantic import model_validator

from chrono import Config
from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.keys.frames import Start
from chrono_flare_ftso.keys.keystore import LocalKey, opened
from chrono_flare_ftso.keys.kinds import KINDS, AnyKey, ColdKey, Key
from chrono_flare_ftso.keys.local import LocalSigner
from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.keys.process import KeyProcess
from chrono_flare_ftso.keys.signer import Signer
from chrono_flare_ftso.protocol.text import checksummed


class Keys(Config):
    """The key of each role."""

    isolation: Literal["process", "none"] = "process"
    """Whether keys of this machine are held by a process of their own, or by the provider's."""

    submit: AnyKey
    """Sends commits and reveals."""

    submit_signatures: AnyKey
    """Sends signatures, and finalizes."""

    signing_policy: AnyKey
    """Signs results, signing policies and what else the voter's weight stands for."""

    identity: AnyKey | None = None
    """The voter; its address is enough."""

    claim_executor: AnyKey | None = None
    """Claims rewards for the voter."""

    @model_validator(mode="after")
    def _that_sign(self) -> Keys:
        for role in ("submit", "submit_signatures", "signing_policy", "claim_executor"):
            if isinstance(getattr(self, role), ColdKey):
                told = f"{role}: expected a key that signs, was an address alone"
                raise ValueError(f"{told}; add {', '.join(kind for kind in KINDS if kind != ColdKey.kind)}")
        return self

    def roles(self) -> dict[str, Key]:
        """Return the keys that are configured, by role."""
        found = {role: getattr(self, role) for role in type(self).model_fields if role != "isolation"}
        return {role: key for role, key in found.items() if key is not None}


class Signers(Mapping[str, Signer]):
    """The signers that are open, by role.

    Parameters
    ----------
    signers : mapping of str to Signer
        By role.
    addresses : mapping of str to bytes
        Those of the signers and of cold keys, by role.
    """

    def __init__(self, signers: Mapping[str, Signer], addresses: Mapping[str, bytes]) -> None:
        self._signers = signers
        self.addresses = addresses

    def __getitem__(self, role: str) -> Signer:
        return self._signers[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._signers)

    def __len__(self) -> int:
        return len(self._signers)


@asynccontextmanager
async def open_signers(config: Keys, chain_id: int, contracts: Iterable[bytes]) -> AsyncIterator[Signers]:
    """Open the keys of all roles.

    Parameters
    ----------
    config : Keys
        Which they are.
    chain_id : int
        The chain whose transactions they sign.
    contracts : iterable of bytes
        20 bytes each: to whom their transactions may go. Where these change, the keys have to be opened anew.

    Raises
    ------
    KeyRefused
        If a key cannot be opened or is another than it is said to be, with a line for each.
    SignerFault
        If one is held by somebody who does not answer.
    """
    policy = Policy(chain_id, frozenset(contracts))
    keys = config.roles()
    async with AsyncExitStack() as stack:
        signers = await _local(stack, config, policy)
        for role, key in keys.items():
            if role not in signers and (opening := key.open(policy)) is not None:
                signers[role] = await stack.enter_async_context(opening)
        addresses = {role: signer.address for role, signer in signers.items()}
        wrong = [_other(role, key, addresses[role]) for role, key in keys.items() if role in addresses]
        if any(wrong):
            raise KeyRefused(*filter(None, wrong))
        cold = {role: key.stated for role, key in keys.items() if role not in addresses and key.stated is not None}
        yield Signers(signers, {**addresses, **cold})


async def _local(stack: AsyncExitStack, config: Keys, policy: Policy) -> dict[str, Signer]:
    """Open the keys that are on this machine, where the configuration wants them held."""
    start = _start(config, policy)
    if not start.keys:
        return {}
    if config.isolation == "process":
        process = await stack.enter_async_context(KeyProcess(lambda: _start(config, policy)))
        return {role: process.signer(role) for role in start.keys}
    found: dict[str, Signer] = {}
    problems: list[str] = []
    for role, key in start.keys.items():
        try:
            found[role] = LocalSigner(await asyncio.to_thread(opened, key), policy)
        except KeyRefused as error:
            problems.append(f"{role}: {error}")
    if problems:
        raise KeyRefused(*problems)
    return found


def _start(config: Keys, policy: Policy) -> Start:
    """Look up every reference as it is now."""
    found: dict[str, LocalKey] = {}
    problems: list[str] = []
    for role, key in config.roles().items():
        try:
            if (local := key.local()) is not None:
                found[role] = local
        except KeyRefused as error:
            problems.append(f"{role}: {error}")
    if problems:
        raise KeyRefused(*problems)
    return Start(found, policy.chain_id, sorted(policy.contracts))


def _other(role: str, key: Key, address: bytes) -> str:
    if key.stated in {None, address}:
        return ""
    return f"{role}: expected the key of {key.address}, was the key of {checksummed(address)}; name the right one"
