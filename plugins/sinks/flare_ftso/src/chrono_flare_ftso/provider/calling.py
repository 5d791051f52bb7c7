"""One call to a contract by hand: tried without sending, described, then sent and waited for.

Source: Ethereum execution APIs, `eth_call` and `eth_estimateGas`; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from chrono_flare_ftso.chain.carrying import Outcome
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import FeeLimits, Fees, coins
from chrono_flare_ftso.chain.nonces import NonceBook
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.keys.signer import Signer
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.text import checksummed, to_hex
from chrono_flare_ftso.provider.connecting import Connected

PATIENCE = 120.0
"""Seconds after which a transaction of a command that is on no block is left to itself."""

_ROOM = 3, 2
"""Gas that is allowed for, by what was estimated: storage may be another when it is mined."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call, not sent.

    Parameters
    ----------
    what : str
        What it does, in words.
    contract : str
        Its name in the registry.
    label : str
        The function.
    sender : bytes
        20 bytes, who has to send it.
    data : bytes
        Calldata.
    """

    what: str
    contract: str
    label: str
    sender: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Tried:
    """A call that would succeed now.

    Parameters
    ----------
    call : Call
    to : bytes
        20 bytes.
    answer : bytes
        What it returned.
    gas : int
        Limit that it is sent with.
    at_most : int
        Wei that it may cost.
    balance : int
        Wei that its sender has.
    """

    call: Call
    to: bytes
    answer: bytes
    gas: int
    at_most: int
    balance: int

    def lines(self, native: str) -> Iterator[str]:
        """Yield what is sent, for people: what, from whom, to whom, what it may cost."""
        yield self.call.what
        yield f"  from  {checksummed(self.call.sender)}, which has {coins(self.balance)} {native}"
        yield f"  to    {checksummed(self.to)} ({self.call.contract}.{self.call.label})"
        yield f"  cost  at most {coins(self.at_most)} {native} ({self.gas} gas)"

    def unsigned(self, chain_id: int) -> dict[str, str]:
        """Return what has to be signed elsewhere, as wallets take it."""
        return {
            "chainId": hex(chain_id),
            "from": checksummed(self.call.sender),
            "to": checksummed(self.to),
            "value": "0x0",
            "gas": hex(self.gas),
            "data": to_hex(self.call.data),
        }


async def tried(chain: Connected, call: Call, limits: FeeLimits) -> Tried:
    """Try a call without sending it.

    Parameters
    ----------
    chain : Connected
        Which.
    call : Call
    limits : FeeLimits
        What may be offered.

    Raises
    ------
    Reverted
        If the contract refuses it; its words are in the message.
    TooDear
        If the base fee is more than may be offered.
    TransientError
        If no node answers.
    LookupError
        If the registry does not know the contract.
    """
    to = chain.registry.address(call.contract)
    answer = await chain.node.call(to, call.data, sender=call.sender)
    room, of = _ROOM
    gas = await chain.node.estimate(to, call.data, call.sender) * room // of
    account = await chain.node.account(call.sender)
    offer = Fees(chain.network, limits).first(account.base_fee, gas)
    return Tried(call, to, answer, gas, gas * offer.max_fee, account.balance)


async def sent(chain: Connected, made: Tried, signer: Signer, ledger: Path, limits: FeeLimits, clock: Clock) -> Outcome:
    """Send a call, and return what became of it.

    The book of nonces is that of the provider, which may run meanwhile.

    Parameters
    ----------
    chain : Connected
        Which.
    made : Tried
        What was tried.
    signer : Signer
        The key of its sender.
    ledger : Path
        The provider's.
    limits : FeeLimits
        What may be offered.
    clock : Clock
        Nanoseconds, and waits.

    Raises
    ------
    ChronoError
        If it cannot be sent; no node has it.
    """
    async with AsyncExitStack() as undo:
        book = NonceBook(undo.enter_context(Ledger(ledger)), chain.network.chain_id, signer.address)
        sender = Sender(chain.node, signer, book, chain.network.chain_id, clock, Fees(chain.network, limits))
        now = clock.now()
        return await sender.send(
            made.to,
            made.call.data,
            gas=made.gas,
            label=made.call.label,
            # the same may be wanted again another day
            round=now // SECOND,
            until=now + int(PATIENCE * SECOND),
        )
