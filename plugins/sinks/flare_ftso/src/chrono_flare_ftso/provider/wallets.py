"""Wallets: what a provider sends by, whether it really leaves or is only written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chrono import TransientError
from chrono_flare_ftso.chain.carrying import Outcome
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import TRANSFER_GAS
from chrono_flare_ftso.chain.refusals import Unfunded
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.protocol.text import to_hex

GAS: Mapping[str, int] = {
    "submit1": 60_000,
    "submit2": 60_000,
    "submitSignatures": 60_000,
    "relay": 1_000_000,
    "registerVoter": 700_000,
    "preRegisterVoter": 400_000,
    "signNewSigningPolicy": 500_000,
    "signUptimeVote": 500_000,
}
"""Gas that a call may use beyond what its bytes cost: twice and more of what the contracts were measured to use
(`fsp.md` §9.2; flare-foundation/flare-smart-contracts-v2 264dab7 in a local EVM), with room for more voters."""

SUBMISSION_BYTES = 512
"""As long as calldata of a submission is, about: a reveal of a hundred feeds."""

OTHER_GAS = 1_500_000
_BYTE_GAS = 16

AGAIN = 0.5
"""Seconds after which what no node took is tried again."""

Told = Callable[[str, str, int, Outcome], None]
"""Hears of each transaction: its sender's role, its label, its round, and what became of it."""


def gas_limit(label: str, data: bytes) -> int:
    """Return the gas limit of a call.

    Examples
    --------
    >>> gas_limit("submit2", bytes(300))
    85800
    """
    return TRANSFER_GAS + _BYTE_GAS * len(data) + GAS.get(label, OTHER_GAS)


class Purse:
    """A `Wallet` that sends.

    Parameters
    ----------
    role : str
        Whose key it is.
    sender : Sender
        Running.
    address_of : callable
        Returns the present address of a contract by its name; raises `LookupError` where there is none.
    ahead : callable
        Seconds by which the chain's clock is ahead of the machine's.
    told : callable
        Hears of each transaction.
    clock : Clock
        The machine's.
    """

    def __init__(
        self,
        role: str,
        sender: Sender,
        address_of: Callable[[str], bytes],
        ahead: Callable[[], float],
        told: Told,
        clock: Clock,
    ) -> None:
        self.role = role
        self._sender = sender
        self._address_of = address_of
        self._ahead = ahead
        self._told = told
        self._clock = clock

    @property
    def address(self) -> bytes:
        """20 bytes."""
        return self._sender.address

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
        """Send a call to a contract; see `voting.Wallet`.

        Where no node answers it is tried again and again, for as long as it counts.
        """
        while True:
            ends = int((until - self._ahead()) * SECOND)
            try:
                outcome = await self._sender.send(
                    self._address_of(contract),
                    data,
                    gas=gas_limit(label, data),
                    label=label,
                    round=round,
                    until=ends,
                )
            except Unfunded:
                raise
            except TransientError:
                if self._clock.now() + int(AGAIN * SECOND) >= ends:
                    raise
                await self._clock.sleep(AGAIN)
            else:
                self._told(self.role, label, round, outcome)
                return outcome.ok


class Shadow:
    """A `Wallet` that sends nothing, and says what it would have sent.

    Parameters
    ----------
    role : str
        Whose key it would be.
    address : bytes
        20 bytes.
    note : callable
        Told what would have been sent.
    """

    def __init__(self, role: str, address: bytes, note: Callable[[str], None]) -> None:
        self.role = role
        self.address = address
        self._note = note

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:  # noqa: ARG002
        """Send nothing."""
        self._note(f"voting round {round}: {label} to {contract} is not sent: {len(data)} bytes {to_hex(data[:4])}…")
        return True
