"""A wallet that sends nothing unless its machine holds the lease."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chrono import TransientError
from chrono_flare_ftso.lease import Fenced, Lease

if TYPE_CHECKING:
    from chrono_flare_ftso.provider.voting import Wallet

REVEAL = "submit2"


class LeasedWallet:
    """A `Wallet` that asks for the lease before anything leaves.

    Parameters
    ----------
    wallet : Wallet
        What sends.
    lease : Lease
        Whose holder alone may.
    there : callable
        Says whether calldata is on the chain for a round already: whoever held the lease before may have sent it.

    Notes
    -----
    Between the answer and the sending a process may be stopped for any time, and no chain knows of leases. What then
    leaves late is what the new holder sends, too: both read one commit. Where nobody can be asked, a reveal leaves all
    the same: said twice it is worth as much as once, and not said it is punished.
    """

    def __init__(self, wallet: Wallet, lease: Lease, there: Callable[[bytes, int], bool]) -> None:
        self._wallet = wallet
        self._lease = lease
        self._there = there

    @property
    def address(self) -> bytes:
        """20 bytes."""
        return self._wallet.address

    async def send(self, contract: str, data: bytes, *, label: str, round: int, until: float) -> bool:
        """Send a call to a contract; see `voting.Wallet`.

        Raises
        ------
        Fenced
            If the lease is another's, or not ours any more.
        """
        try:
            await self._lease.confirm()
        except TransientError as error:
            if label != REVEAL:
                told = f"lease {self._lease.name}: expected to confirm it before {label}, nobody answers: {error}"
                raise Fenced(f"{told}; nothing is sent") from None
        if self._there(data, round):
            return True
        return await self._wallet.send(contract, data, label=label, round=round, until=until)
