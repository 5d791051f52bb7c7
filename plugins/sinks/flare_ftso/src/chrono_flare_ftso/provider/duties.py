"""What a voter does once in a reward epoch: register for the next one, sign its policy, vote on uptime.

What is due is asked of the contracts themselves: each call is tried without sending it, and is sent where it would not
revert. Why it would says whether it is done, not due yet, or something an operator has to see to. So nothing depends on
having heard an event, and after a restart nothing is done twice.

Source: flare-foundation/flare-system-client b63206b, `client/epoch/registry_utils.go`, `system_manager_utils.go` and
`uptime_utils.go` (what is signed, which errors mean that it is done); flare-foundation/flare-smart-contracts-v2
264dab7, `contracts/protocol/implementation/VoterRegistry.sol`, `VoterPreRegistry.sol`, `FlareSystemsManager.sol` (the
words of the errors); read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from chrono import ChronoError
from chrono_flare_ftso.chain.endpoint import Reverted
from chrono_flare_ftso.keys.signer import Signer, message_preimage
from chrono_flare_ftso.protocol.contracts import Function, function
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.registration import (
    NO_UPTIME_VOTE,
    bound_registration_hash,
    registration_hash,
    unbound_registration_hash,
    uptime_hash,
)

EVERY = 20.0
"""Seconds between two looks at what is due; the official client tries as often."""

DONE = (
    "already registered",
    "voter already pre-registered",
    "new signing policy already signed",
    "submit uptime vote already ended",
    "uptime vote hash already signed",
    "voter already signed",
)
"""Words of a revert that mean that there is nothing left to do."""

NOT_DUE = (
    "voter registration not enabled",
    "registration not available yet",
    "vote power block zero",
    "voter currently not registered",
    "voter not registered",
    "pre-registration not opened anymore",
    "epoch not ended yet",
    "sign uptime vote not started yet",
    "reward epoch id not supported",
)
"""Words of a revert that mean that it is too early, or not for us."""

NOT_THIS_FORM = ("invalid signature", "signature invalid", "invalid signing policy address")
"""Words of a revert where what was signed is not what the contract expects, or somebody else signed it."""

ADVICE = {
    "signing policy address not set": "propose and confirm it: chrono flare entity propose, confirm",
    "submit address not set": "propose and confirm it: chrono flare entity propose, confirm",
    "submit signatures address not set": "propose and confirm it: chrono flare entity propose, confirm",
    "delegation address not set": "propose and confirm it: chrono flare entity propose, confirm",
    "public key required": "register a sortition key for the identity: chrono flare entity sortition",
    "voter weight zero": "delegate WNat to the delegation address, or stake to the identity's nodes",
    "vote power too low": "the registry is full of voters who weigh more; gain more vote power",
    "invalid signature": "see whether signing_policy is the key that the identity has confirmed: chrono flare doctor",
    "signature invalid": "nothing, unless it is registered in the reward epoch that votes: chrono flare doctor",
    "invalid signing policy address": "confirm it for the identity: chrono flare entity confirm",
}
"""What to do about a revert that has nothing to do with time."""


class Contracts(Protocol):
    """Where contracts are asked, such as a node and the registry's addresses."""

    async def call(self, contract: str, data: bytes) -> bytes:
        """Return what a contract answers; raise `Reverted` where it does not, `ChronoError` where nobody does."""
        ...


class Sender(Protocol):
    """What sends; see `voting.Wallet`."""

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool: ...


class Duty(NamedTuple):
    """One call that is due once.

    Attributes
    ----------
    name : str
        The function's.
    epoch : int
        The reward epoch that it is about.
    call : Function
    arguments : tuple
        Those before the signature.
    signed : tuple of bytes
        The hashes that the signing-policy key signs, 32 bytes each: the first whose signature the contract takes.
    """

    name: str
    epoch: int
    call: Function
    arguments: tuple[object, ...]
    signed: tuple[bytes, ...]


@dataclass
class Duties:
    """The duties of one voter.

    Parameters
    ----------
    network : Network
        Which chain.
    identity : bytes
        The voter's, 20 bytes.
    contracts : Contracts
    signer : Signer
        Of the signing-policy key.
    wallet : Sender
        Who pays; the official client has the same key pay.
    tell : callable
        Told a state, a code and a sentence.
    """

    network: Network
    identity: bytes
    contracts: Contracts
    signer: Signer
    wallet: Sender
    tell: Callable[[str, str, str], None]
    _done: set[tuple[str, int]] = field(default_factory=set)
    _troubled: dict[tuple[str, int], str] = field(default_factory=dict)

    async def run(self, now: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        """Do what is due, again and again; shorter reward epochs are looked at more often."""
        length = self.network.voting_round_seconds * self.network.reward_epoch_rounds
        every = min(EVERY, length / 60)
        while True:
            try:
                await self.look(now() + 30 * every)
            except (ChronoError, ProtocolError) as error:
                self.tell("degraded", "duties", f"what is due in this reward epoch cannot be asked: {error}")
            await sleep(every)

    async def look(self, until: float) -> None:
        """Do what is due now.

        Parameters
        ----------
        until : float
            Seconds of the chain's clock after which what was sent and is not on the chain is looked at anew.

        Raises
        ------
        ChronoError
            If nobody answers what the present reward epoch is.
        """
        (present,) = await self._asked("FlareSystemsManager", "getCurrentRewardEpochId")
        self._done = {each for each in self._done if each[1] >= present - 2}
        self._troubled = {each: why for each, why in self._troubled.items() if each[1] >= present - 2}
        duties = [*self._registrations(present), *await self._signatures(present)]
        # one key pays for all: one after the other
        for duty in duties:
            if (duty.name, duty.epoch) not in self._done:
                await self._do(duty, until)

    def _registrations(self, present: int) -> Iterator[Duty]:
        following = present + 1
        expected = registration_hash(self.network, following, self.identity)
        chain_id = self.network.chain_id
        # which form a registry takes, its network says; one that is none of the four may have either
        either = (
            bound_registration_hash(chain_id, following, self.identity),
            unbound_registration_hash(following, self.identity),
        )
        signed = tuple(sorted(either, key=lambda form: form != expected))
        for contract, name in (("VoterPreRegistry", "preRegisterVoter"), ("VoterRegistry", "registerVoter")):
            yield Duty(name, following, function(contract, name), (self.identity,), signed)

    async def _signatures(self, present: int) -> list[Duty]:
        manager, following, past = "FlareSystemsManager", present + 1, present - 1
        uptime = function(manager, "signUptimeVote")
        duties = (
            [Duty("signUptimeVote", past, uptime, (past, NO_UPTIME_VOTE), (uptime_hash(past),))] if past >= 0 else []
        )
        (policy,) = await self._asked("Relay", "toSigningPolicyHash", following)
        if any(policy):
            call = function(manager, "signNewSigningPolicy")
            duties.insert(0, Duty("signNewSigningPolicy", following, call, (following, policy), (policy,)))
        return duties

    async def _do(self, duty: Duty, until: float) -> None:
        key = duty.name, duty.epoch
        try:
            data = await self._accepted(duty)
            sent = await self.wallet.send(duty.call.contract, data, label=duty.name, round=duty.epoch, until=until)
        except Reverted as error:
            self._refused(duty, str(error))
            return
        except LookupError:
            # a network without this contract asks for nothing by it
            self._done.add(key)
            return
        except ChronoError as error:
            self._trouble(key, f"{error}; tried again")
            return
        if sent:
            self._done.add(key)
            self._troubled.pop(key, None)
            self.tell("live", duty.name, f"reward epoch {duty.epoch}: {duty.name} is done")
        else:
            await self._missed(duty)

    async def _missed(self, duty: Duty) -> None:
        """See why what was sent did not succeed: others may have been faster by a block."""
        try:
            await self._accepted(duty)
        except Reverted as error:
            self._refused(duty, str(error))
        except ChronoError as error:
            self._trouble((duty.name, duty.epoch), f"{error}; tried again")
        else:
            self._trouble((duty.name, duty.epoch), "it was not on the chain in time; tried again")

    async def _accepted(self, duty: Duty) -> bytes:
        """Return calldata that the contract takes; raise what it says of the first form where it takes none."""
        refused: list[Reverted] = []
        for hashed in duty.signed:
            signature = await self.signer.sign(message_preimage(hashed))
            data = duty.call.encode_call(*duty.arguments, (signature.v, signature.r, signature.s))
            try:
                await self.contracts.call(duty.call.contract, data)
            except Reverted as error:
                refused.append(error)
                if not any(words in str(error).lower() for words in NOT_THIS_FORM):
                    break
            else:
                return data
        raise refused[0]

    def _refused(self, duty: Duty, why: str) -> None:
        """Take a contract's word for it."""
        said = why.lower()
        key = duty.name, duty.epoch
        if any(words in said for words in DONE):
            self._done.add(key)
            self._troubled.pop(key, None)
        elif not any(words in said for words in NOT_DUE):
            advice = next((told for words, told in ADVICE.items() if words in said), "see what the contract says")
            self._trouble(key, f"{why}; {advice}")

    def _trouble(self, key: tuple[str, int], why: str) -> None:
        """Tell why a duty is not done, once as long as it is the same."""
        if self._troubled.get(key) != why:
            self._troubled[key] = why
            name, epoch = key
            self.tell("degraded", name, f"reward epoch {epoch}: {name} is due and not done: {why}")

    async def _asked(self, contract: str, name: str, *values: object) -> tuple[Any, ...]:
        asked = function(contract, name)
        return tuple(asked.decode_result(await self.contracts.call(contract, asked.encode_call(*values))))
