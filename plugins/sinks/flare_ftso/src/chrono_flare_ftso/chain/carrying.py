"""One transaction from signed bytes to its block: handed over, looked for, offered more for, until its time is over."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import NamedTuple

from chrono import ChronoError, PermanentError, TransientError
from chrono_flare_ftso.chain.accounts import Account
from chrono_flare_ftso.chain.drafting import Drafted, Drafter, Means, Wanted
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fates import Fates
from chrono_flare_ftso.chain.fees import Cost, Fees, gwei
from chrono_flare_ftso.chain.nonces import LOST, MINED, UNFINISHED, Entry
from chrono_flare_ftso.chain.refusals import Rejected, Unsent, Why

LATE = "late"

_CHEAP = frozenset({Why.BELOW_BASE, Why.UNDERPRICED, Why.REPLACEMENT})
_HOPELESS = {
    Why.GAS_LOW: "raise its gas limit",
    Why.GAS_HIGH: "lower its gas limit",
    Why.TOO_DEAR: "lower `max_fee`, or raise the cap of the node",
}


class Outcome(NamedTuple):
    """What became of a transaction.

    Parameters
    ----------
    state : str
        ``mined``, ``failed`` where it was reverted, ``late`` where it was on no block when its time was over.
    hash : bytes or None
        Its own; None where none was sent.
    nonce, block : int or None
        Its own, and the number of its block.
    cost : Cost or None
        What it cost, once it is on a block.
    """

    state: str
    hash: bytes | None = None
    nonce: int | None = None
    block: int | None = None
    cost: Cost | None = None

    @property
    def ok(self) -> bool:
        """Whether it is on the chain, and was not reverted."""
        return self.state == MINED

    @classmethod
    def of(cls, entry: Entry, fees: Fees) -> Outcome:
        """Return the outcome for a transaction that is on the chain."""
        used, price = entry.gas_used or 0, entry.gas_price or 0
        cost = fees.paid(entry.transaction, used, price, refundable=entry.state == MINED)
        return cls(entry.state, entry.hash, entry.nonce, entry.block, cost)


class _Step(Enum):
    """What follows when it was handed over, or refused."""

    WAIT = "what becomes of it is looked at"
    AGAIN = "more is offered at once"
    ELSEWHERE = "its nonce is another's"


class Course:
    """The course of one transaction.

    Parameters
    ----------
    means : Means
        What it needs.
    drafter : Drafter
        Who signs what replaces it.
    fates : Fates
        Who looks it up.
    wanted : Wanted
        What is sent.
    drafted : Drafted
        What may leave now, or may have left.
    """

    def __init__(self, means: Means, drafter: Drafter, fates: Fates, wanted: Wanted, drafted: Drafted) -> None:
        self._node, self._book, self._clock, self._fees, self._tell, self._pace = means
        self._drafter = drafter
        self._fates = fates
        self._wanted = wanted
        self._entry = drafted.entry
        self._new = drafted.new
        # what a node may have, of this nonce
        self._left: set[bytes] = set() if drafted.new else {drafted.entry.hash}
        self._offered_at = self._clock.now()
        self._offered_in = drafted.entry.since
        self._bumps = True
        self._unheard = False
        self._told: set[str] = set()

    async def run(self) -> Outcome | None:
        """Return what became of it; None where its nonce is another's, so that it needs a new one.

        Raises
        ------
        Unsent, Unfunded, PermanentError
            If it cannot be sent as it is; no node has it.
        """
        offer = self._new
        while True:
            if offer and self._counts():
                step = await self._offer()
                if step is _Step.AGAIN:
                    continue
                if step is _Step.ELSEWHERE:
                    return None
                await self._wait()
            found = await self._found()
            if found is not None:
                # of what was void, and replaced too late, it is not the outcome
                same = (found.label, found.round) == (self._wanted.label, self._wanted.round)
                return Outcome.of(found, self._fees) if same else None
            if not self._counts():
                return await self._late()
            account = await self._account()
            if account is not None and await self._is_taken(account):
                return None
            # the same bytes can be mined but once: handed over again even where nobody says whether they are there
            offer = self._unheard or (account is not None and (await self._is_unknown() or await self._bump(account)))
            if not offer:
                await self._wait()

    def _counts(self) -> bool:
        return self._clock.now() < self._wanted.until

    async def _wait(self) -> None:
        left = (self._wanted.until - self._clock.now()) / SECOND
        await self._clock.sleep(min(self._pace.look, max(left, 0.001)))

    # handing it over

    async def _offer(self) -> _Step:
        try:
            await self._node.send_raw(self._entry.raw)
        except Rejected as refusal:
            return await self._refused(refusal)
        except TransientError as error:
            # one may have it all the same
            self._left.add(self._entry.hash)
            self._unheard = True
            self._say("unanswered", f"{error}; looked up, and the same one sent again")
        else:
            await self._is_taken_in()
        return _Step.WAIT

    async def _is_taken_in(self) -> None:
        self._left.add(self._entry.hash)
        self._unheard = False
        await asyncio.to_thread(self._book.sent, self._entry.hash)

    async def _refused(self, refusal: Rejected) -> _Step:
        why, entry, self._unheard = refusal.why, self._entry, False
        if why is Why.KNOWN:
            await self._is_taken_in()
            return _Step.WAIT
        if not refusal.certain or entry.hash in self._left:
            self._left.add(entry.hash)
            self._say(f"refused {why}", f"{refusal}; looked up, and the same one sent again")
            return _Step.WAIT
        # no node has these bytes
        if why in _CHEAP and (why is not Why.REPLACEMENT or await self._others()):
            return await self._dearer(refusal)
        await asyncio.to_thread(self._book.mark, entry.hash, LOST)
        if self._left:
            # nor are they wanted: what they were to replace may be there
            others = await self._others()
            self._entry = others[-1] if others else entry
            self._bumps = False
            self._say(f"refused {why}", f"{refusal}; nothing more is offered")
            return _Step.WAIT
        await self._raise_if_hopeless(refusal)
        self._say(f"refused {why}", f"{refusal}; another nonce is taken")
        await self._account()
        return _Step.ELSEWHERE

    async def _dearer(self, refusal: Rejected) -> _Step:
        """Offer what is wanted, where that is allowed."""
        account = await self._account()
        entry = None
        if account is not None:
            entry = await self._drafter.replacement(self._wanted, self._entry, at_least=refusal.pool_minimum)
        if entry is None:
            told = f"expected what it offers to be enough, was {gwei(self._entry.fee.max_fee)}"
            self._say("dear", f"{told}: {refusal}; raise `max_fee` or `max_cost`, or wait until the chain is less busy")
            return _Step.WAIT
        await asyncio.to_thread(self._book.mark, self._entry.hash, LOST)
        self._entry = entry
        return _Step.AGAIN

    async def _raise_if_hopeless(self, refusal: Rejected) -> None:
        why, what = refusal.why, self._wanted.what
        if why in _HOPELESS:
            raise Unsent(f"{what} not sent: {refusal}; {_HOPELESS[why]}")
        if why is Why.WRONG_CHAIN:
            raise PermanentError(f"{what} not sent: {refusal}; see to the addresses of nodes and to the network")
        if why is Why.FUNDS:
            account = await self._account()
            has = None if account is None else account.balance
            raise self._drafter.unfunded(self._wanted, self._entry.transaction.cost(), has)

    async def _others(self) -> list[Entry]:
        """Return what else of its nonce may be there, and is ours."""
        entries = await asyncio.to_thread(self._book.at, self._entry.nonce)
        return [each for each in entries if each.state in UNFINISHED and each.hash != self._entry.hash]

    # looking for it

    async def _found(self) -> Entry | None:
        try:
            return await self._fates.look(self._entry.nonce)
        except TransientError as error:
            self._say("unanswered", f"{error}; looked up again")
            return None

    async def _account(self) -> Account | None:
        try:
            return await self._drafter.refresh()
        except TransientError as error:
            self._say("unanswered", f"{error}; asked again")
            return None

    async def _is_taken(self, account: Account) -> bool:
        """Say whether a transaction that is not ours has its nonce, and give it up if so."""
        entry = self._entry
        if account.latest <= entry.nonce:
            return False
        try:
            taken = await self._fates.taken(entry, account.block)
        except TransientError:
            return False
        if taken:
            await self._fates.lose(entry.nonce)
            self._say("nonce", f"nonce {entry.nonce} was used by a transaction that is not ours; another one is taken")
        return taken

    async def _is_unknown(self) -> bool:
        """Say whether every node that answers says that it has it not."""
        try:
            return await self._node.transaction(self._entry.hash) is None
        except TransientError:
            return False

    async def _bump(self, account: Account) -> bool:
        """Offer more, where it has waited while blocks were made."""
        now = self._clock.now()
        waited = now - self._offered_at >= self._pace.bump * SECOND and account.block > self._offered_in
        if not (self._bumps and waited):
            return False
        self._offered_at, self._offered_in = now, account.block
        try:
            entry = await self._drafter.replacement(self._wanted, self._entry)
        except ChronoError as error:
            self._say("bump", f"{error}; nothing more is offered for now")
            return False
        if entry is None:
            self._bumps = False
            self._say("dear", f"waits at {gwei(self._entry.fee.max_fee)}, and more may not be offered")
            return False
        self._entry = entry
        return True

    async def _late(self) -> Outcome:
        if not self._left:
            await asyncio.to_thread(self._book.mark, self._entry.hash, LOST)
        return Outcome(LATE, self._entry.hash, self._entry.nonce)

    def _say(self, about: str, message: str) -> None:
        """Tell something once."""
        if about not in self._told:
            self._told.add(about)
            self._tell("transaction", f"{self._wanted.what}: {message}")
