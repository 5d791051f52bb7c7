"""Transactions from what is wanted: which nonce, what is offered, signed, and written down.

What a node has to say is asked beforehand, so that from the decision to the signed bytes nothing is waited for but the
signer and the disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from chrono import PermanentError, TransientError
from chrono_flare_ftso.chain.accounts import Account
from chrono_flare_ftso.chain.choosing import LAG, Clock, Tell
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import TRANSFER_GAS, Fee, Fees, TooDear, coins, gwei
from chrono_flare_ftso.chain.nonces import INTENDED, LOST, REPLACED, Entry, NonceBook, Place
from chrono_flare_ftso.chain.refusals import Unfunded
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.keys.signer import Signer
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.text import checksummed

GAP = "gap"
"""What a transaction to oneself is labelled that only takes a nonce; its round is the nonce."""

_GAP_COUNTS = 60 * SECOND
_TRIES = 5


class Pace(NamedTuple):
    """Seconds.

    Parameters
    ----------
    look : float
        Between two looks at what became of a transaction.
    bump : float
        After which more is offered for one that waits while blocks are made.
    fresh : float
        How old what is known of the account may be when something is sent.
    keep : float
        Between two times that it is asked for.
    watch : float
        The same, while what was sent may still be thrown out by a fork and counts.
    """

    look: float = 0.5
    bump: float = 4.0
    fresh: float = 10.0
    keep: float = 2.0
    watch: float = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be sent; see `Sender.send`."""

    to: bytes
    data: bytes
    gas: int
    value: int
    label: str
    round: int
    until: int

    @property
    def what(self) -> str:
        """What it is, in words."""
        return f"{self.label} of round {self.round}"


class Drafted(NamedTuple):
    """What may leave now, may have left, or is on the chain; `new` is whether nobody else has its bytes."""

    entry: Entry
    new: bool


class Planned(NamedTuple):
    """What the book says of something that is wanted: what there is of it, and where it would go."""

    entry: Entry | None
    place: Place


class Means(NamedTuple):
    """What everything that sends for one key needs; see `Sender`."""

    node: Node
    book: NonceBook
    clock: Clock
    fees: Fees
    tell: Tell
    pace: Pace


class Drafter:
    """Writes the transactions of one key.

    Parameters
    ----------
    means : Means
        What it needs.
    signer : Signer
        The key.
    chain_id : int
        Which chain it has to be.
    """

    def __init__(self, means: Means, signer: Signer, chain_id: int) -> None:
        self._node, self._book, self._clock, self._fees, self._tell, self._pace = means
        self._signer = signer
        self._chain_id = chain_id
        self._account: Account | None = None
        self._asked = 0
        self._poor = False
        self._order = asyncio.Lock()

    # the account

    async def refresh(self, *, urgent: bool = False) -> Account:
        """Ask for nonce, balance and base fee, so that what is sent next waits for no request.

        Parameters
        ----------
        urgent : bool
            Whether something waits for it.

        Raises
        ------
        PermanentError
            If the nodes are of another chain.
        TransientError
            If none answers.
        """
        now, known = self._clock.now(), self._account
        # a node that is behind would have us use a nonce twice
        at_least = known.block - LAG if known is not None and self._is_fresh() else -1
        found = await self._node.account(self._book.address, at_least=at_least, urgent=urgent)
        if found.chain_id != self._chain_id:
            told = f"expected chain {self._chain_id}, was {found.chain_id}; nothing is sent"
            raise PermanentError(f"{told}; see to the addresses of nodes and to the network")
        self._account, self._asked = found, now
        self._warn(found)
        return found

    async def account(self) -> Account:
        """Return what is known of the account, asked for where that is old: something is to be sent."""
        if self._account is not None and self._is_fresh():
            return self._account
        return await self.refresh(urgent=True)

    def _is_fresh(self) -> bool:
        return self._clock.now() - self._asked <= self._pace.fresh * SECOND

    def _warn(self, account: Account) -> None:
        limit, native = self._fees.limits.low_balance, self._fees.network.native
        poor = account.balance < limit
        if poor and not self._poor:
            told = f"{checksummed(self._book.address)}: expected at least {coins(limit)} {native}"
            self._tell("balance", f"{told}, has {coins(account.balance)}; send it some before it is needed")
        self._poor = poor

    # transactions

    async def draft(self, wanted: Wanted) -> Drafted | None:
        """Sign something and write it down, unless it was written down before; None where its time is over."""
        async with self._order:
            for _ in range(_TRIES):
                account = await self.account()
                planned = await asyncio.to_thread(self._plan, wanted, account)
                if planned.entry is not None:
                    return Drafted(planned.entry, new=False)
                if self._clock.now() >= wanted.until:
                    return None
                fee = self._offered(planned.place, account, wanted.gas)
                entry = await self._written(wanted, planned.place.nonce, fee)
                if entry is not None:
                    return Drafted(entry, new=True)
                # another process with the same ledger was faster
                await self.refresh(urgent=True)
        raise TransientError(f"{wanted.what}: its nonce was taken {_TRIES} times; let one process alone use the key")

    async def replacement(self, wanted: Wanted, entry: Entry, *, at_least: int = 0) -> Entry | None:
        """Sign the same again with more to offer, and write it down; None where more may not be offered.

        Parameters
        ----------
        wanted : Wanted
            What is sent.
        entry : Entry
            What is replaced.
        at_least : int
            What the pool wants, wei per gas.
        """
        account = await self.account()
        fee = self._fees.replacing(entry.fee, max(account.base_fee, at_least), wanted.gas)
        if fee is None or not self._affords(account, self._made(wanted, entry.nonce, fee)):
            return None
        return await self._written(wanted, entry.nonce, fee)

    async def fill(self, nonce: int) -> Entry | None:
        """Sign a transaction to oneself that takes a nonce, and write it down; None where something has the nonce."""
        async with self._order:
            account = await self.account()
            place = await asyncio.to_thread(self._book.place, nonce, nonce, self._clock.now())
            if place.nonce != nonce:
                return None
            until = self._clock.now() + _GAP_COUNTS
            wanted = Wanted(self._book.address, b"", TRANSFER_GAS, 0, GAP, nonce, until)
            return await self._written(wanted, nonce, self._offered(place, account, TRANSFER_GAS))

    def _plan(self, wanted: Wanted, account: Account) -> Planned:
        """Ask the book all there is to ask, in one go."""
        sent = [each for each in self._book.of(wanted.label, wanted.round) if each.state not in {LOST, REPLACED}]
        place = self._book.place(account.latest, account.pending, self._clock.now())
        if sent:
            return Planned(sent[-1], place)
        before = (each.transaction for each in self._book.of_round(wanted.round))
        self._fees.check(wanted.to, wanted.data, wanted.gas, before)
        return Planned(None, place)

    def _offered(self, place: Place, account: Account, gas: int) -> Fee:
        if place.outbid is None:
            return self._fees.first(account.base_fee, gas)
        fee = self._fees.replacing(place.outbid, account.base_fee, gas)
        if fee is None:
            told = f"nonce {place.nonce} waits at {gwei(place.outbid.max_fee)}, and more than that may not be offered"
            raise TooDear(f"{told}; raise `max_fee` or `max_cost`, or wait until the chain is less busy")
        return fee

    async def _written(self, wanted: Wanted, nonce: int, fee: Fee) -> Entry | None:
        account = await self.account()
        transaction = self._made(wanted, nonce, fee)
        if not self._affords(account, transaction):
            # it may have been sent something meanwhile
            account = await self.refresh(urgent=True)
            if not self._affords(account, transaction):
                raise self.unfunded(wanted, transaction.cost(), account.balance)
        raw = transaction.signed(await self._signer.sign(transaction.preimage()))
        entry = Entry(
            keccak256(raw), nonce, wanted.label, wanted.round, raw, INTENDED, wanted.until, since=account.block
        )
        return entry if await asyncio.to_thread(self._book.write, entry, self._clock.now()) else None

    def _made(self, wanted: Wanted, nonce: int, fee: Fee) -> Transaction:
        return Transaction(self._chain_id, nonce, *fee, wanted.gas, wanted.to, wanted.data, wanted.value)

    def _affords(self, account: Account, transaction: Transaction) -> bool:
        return account.balance >= transaction.cost()

    def unfunded(self, wanted: Wanted, needs: int, has: int | None = None) -> Unfunded:
        """Return the error for an account that cannot pay."""
        native, balance = self._fees.network.native, has
        if balance is None and self._account is not None:
            balance = self._account.balance
        told = f"{wanted.what} not sent: {checksummed(self._book.address)} needs {coins(needs)} {native}"
        return Unfunded(f"{told}, has {coins(balance or 0)}; send it some")
