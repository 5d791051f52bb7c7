"""What a transaction offers, what it cost, and what Flare gives back of it.

The first call of its kind that a voter makes to Submission in a voting round costs at most 21,000 gas at the nominal
price, whatever it offers, as long as gas limit and calldata are within bounds; what is outside is paid in full. So a
submission that is outside is refused here, before it is sent.

Source: EIP-1559, "Specification"; flare-foundation/go-flare 53f8b03, `coreth/core/daemon.go` and
`coreth/core/state_transition.go` (refund); flare-foundation/flare-system-client b63206b, `client/config/client.go`
(tip of twice the base fee within 100 and 5000 gwei, fee of four times the base fee); ethereum/go-ethereum,
`core/txpool/legacypool/legacypool.go` (`PriceBump`, 10 % for a replacement); read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from chrono import TransientError
from chrono_flare_ftso.chain.refusals import Unsent
from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.protocol.contracts import PRIORITISED_CALLDATA_BYTES, function, is_prioritised
from chrono_flare_ftso.protocol.networks import Network

GWEI = 10**9
COIN = 10**18
TRANSFER_GAS = 21_000
TARGET_USD = 0.10
"""Of a submission, at most."""

_BUMP = (9, 8)
_ALWAYS = function("Submission", "submitAndPass").selector


class TooDear(TransientError):
    """The base fee is more than may be offered."""


class Fee(NamedTuple):
    """What a transaction offers, wei per gas: to the block's maker, and in all at most."""

    max_priority_fee: int
    max_fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLimits:
    """What may be offered; wei per gas where nothing else is said.

    Parameters
    ----------
    priority_multiplier : float
        The tip, in base fees.
    min_priority_fee, max_priority_fee : int
        The tip is held within them.
    base_fee_multiplier : float
        By how much the base fee may rise before the transaction is no longer taken.
    max_fee : int
        Most that is ever offered for a unit of gas.
    max_cost : int
        Most that one transaction may cost, its value not counted; wei.
    low_balance : int
        Below this a balance is told of; wei.
    """

    priority_multiplier: float = 2.0
    min_priority_fee: int = 100 * GWEI
    max_priority_fee: int = 5_000 * GWEI
    base_fee_multiplier: float = 4.0
    max_fee: int = 10_000 * GWEI
    max_cost: int = 5 * COIN
    low_balance: int = 5 * COIN


class Fees:
    """What is offered on one chain.

    Parameters
    ----------
    network : Network
        Whose coins are paid, and whose rule of the refund holds; its contracts are those of now.
    limits : FeeLimits, optional
        What may be offered.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> fees = Fees(FLARE)
    >>> first = fees.first(25 * GWEI, 100_000)
    >>> first.max_priority_fee // GWEI, first.max_fee // GWEI
    (100, 200)
    >>> again = fees.replacing(first, 25 * GWEI, 100_000)
    >>> again.max_priority_fee / GWEI, again.max_fee / GWEI
    (112.5, 225.0)
    """

    def __init__(self, network: Network, limits: FeeLimits | None = None) -> None:
        self.network = network
        self.limits = limits or FeeLimits()

    def first(self, base_fee: int, gas: int) -> Fee:
        """Return what is offered at first.

        Parameters
        ----------
        base_fee : int
            Of the last block.
        gas : int
            Limit of the transaction.

        Raises
        ------
        TooDear
            If the base fee is more than may be offered.
        """
        limits = self.limits
        most = self._most(gas)
        if base_fee > most:
            told = f"expected a base fee of at most {gwei(most)} for {gas} gas, was {gwei(base_fee)}"
            raise TooDear(f"{told}; raise `max_fee` or `max_cost`, or wait until the chain is less busy")
        tip = min(max(int(base_fee * limits.priority_multiplier), limits.min_priority_fee), limits.max_priority_fee)
        fee = min(int(base_fee * limits.base_fee_multiplier) + tip, most)
        return Fee(min(tip, fee), fee)

    def replacing(self, fee: Fee, base_fee: int, gas: int) -> Fee | None:
        """Return what replaces a transaction with the same nonce: an eighth more of both, or what is offered at first.

        Returns
        -------
        Fee or None
            None where that would be more than may be offered.
        """
        most = self._most(gas)
        numerator, denominator = _BUMP
        tip, cap = (-(-part * numerator // denominator) for part in fee)
        if cap > most or base_fee > most:
            return None
        fresh = self.first(base_fee, gas)
        cap = max(cap, fresh.max_fee)
        return Fee(min(max(tip, fresh.max_priority_fee), cap), cap)

    def check(self, to: bytes, data: bytes, gas: int, before: Iterable[Transaction] = ()) -> None:
        """Refuse a call to Submission that would be paid in full.

        Parameters
        ----------
        to, data, gas
            Of the transaction.
        before : iterable of Transaction
            What its sender sent in the same voting round.

        Raises
        ------
        Unsent
            If its gas limit or its calldata is outside of the rule, or it is not the first of its kind in the round.
        """
        if not is_prioritised(self.network, to, data[:4], 0):
            return
        if len(data) > PRIORITISED_CALLDATA_BYTES:
            told = f"expected at most {PRIORITISED_CALLDATA_BYTES} bytes of calldata, was {len(data)}"
            raise Unsent(f"submission not sent: {told}: it would not be refunded; send less in one submission")
        if not is_prioritised(self.network, to, data, gas):
            told = f"expected a gas limit of at most {self.network.refunded_gas_limit}, was {gas}"
            raise Unsent(f"submission not sent: {told}: it would not be refunded; lower the gas limit")
        if data[:4] != _ALWAYS and any(each.to == to and each.data[:4] == data[:4] for each in before):
            told = f"expected the first call of 0x{data[:4].hex()} in its voting round, was another one"
            raise Unsent(
                f"submission not sent: {told}: it would not be refunded; send all of a round in one submission"
            )

    def paid(self, transaction: Transaction, used: int, price: int, *, refundable: bool) -> Cost:
        """Return what a mined transaction cost.

        Parameters
        ----------
        transaction : Transaction
            The one that is on the chain.
        used, price : int
            Gas, and wei per gas, as its receipt has them; it does not show the refund.
        refundable : bool
            Whether it was not reverted, and is the first of its kind in its voting round.

        Examples
        --------
        >>> from chrono_flare_ftso.protocol.networks import FLARE
        >>> to, data = FLARE.contract("Submission", 0), bytes.fromhex("6c532fae")
        >>> submit1 = Transaction(14, 7, 100 * GWEI, 200 * GWEI, 60_000, to, data)
        >>> print(Fees(FLARE).paid(submit1, 22_400, 125 * GWEI, refundable=True).told("FLR", 0.02))
        0.000525 FLR after the refund, $0.000010 of at most $0.10
        """
        full = used * price
        gas = transaction.gas
        refunded = refundable and is_prioritised(self.network, transaction.to, transaction.data, gas)
        return Cost(min(full, TRANSFER_GAS * self.network.nominal_gas_price) if refunded else full, refunded)

    def _most(self, gas: int) -> int:
        return min(self.limits.max_fee, self.limits.max_cost // max(gas, 1))


class Cost(NamedTuple):
    """What a transaction cost, wei, and whether that is after the refund."""

    wei: int
    refunded: bool

    def usd(self, price: float) -> float:
        """Return it in US dollars, at the price of a coin.

        Examples
        --------
        >>> round(Cost(525 * 10**12, True).usd(0.02), 8)
        1.05e-05
        """
        return self.wei / COIN * price

    def told(self, native: str, price: float | None = None) -> str:
        """Return a line for people, beside the target where there is a price."""
        line = f"{coins(self.wei)} {native}{' after the refund' if self.refunded else ''}"
        return line if price is None else f"{line}, ${self.usd(price):f} of at most ${TARGET_USD:.2f}"


def gwei(wei: int) -> str:
    """Return wei as gwei, for people.

    Examples
    --------
    >>> gwei(25 * 10**9), gwei(1)
    ('25 gwei', '1e-09 gwei')
    """
    return f"{wei / GWEI:.10g} gwei"


def coins(wei: int) -> str:
    """Return wei as coins, for people.

    Examples
    --------
    >>> coins(525 * 10**12), coins(0)
    ('0.000525', '0')
    """
    return f"{wei / COIN:.8f}".rstrip("0").rstrip(".")
