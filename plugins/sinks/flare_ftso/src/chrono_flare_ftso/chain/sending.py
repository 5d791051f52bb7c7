"""Sends the transactions of one key: each once, whatever becomes of nodes, answers and the process.

=========== ==========================================================================
`drafting`  the nonce, what is offered, the signature; written down before it leaves
`carrying`  handed over, looked for, offered more for
`fates`     what became of it, and whether that stands
`sending`   all of it together, and what an earlier process began
=========== ==========================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
from weakref import WeakValueDictionary

from chrono import ChronoError, TransientError
from chrono_flare_ftso.chain.accounts import Account
from chrono_flare_ftso.chain.blocks import DEPTH
from chrono_flare_ftso.chain.carrying import LATE, Course, Outcome
from chrono_flare_ftso.chain.choosing import Clock, Tell, silent
from chrono_flare_ftso.chain.drafting import Drafter, Means, Pace, Wanted
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fates import LONGEST_SEARCH, Fates
from chrono_flare_ftso.chain.fees import Fees, TooDear, coins
from chrono_flare_ftso.chain.nonces import ON_CHAIN, Entry, NonceBook
from chrono_flare_ftso.chain.refusals import Unfunded
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.keys.signer import Signer
from chrono_flare_ftso.protocol.text import checksummed

SETTLED = 30 * SECOND
"""Nanoseconds after which a transaction that was sent is deeper in the chain than forks reach."""


class Sender:
    """Sends the transactions of one key.

    Parameters
    ----------
    node : Node
        The nodes; entered.
    signer : Signer
        The key.
    book : NonceBook
        Its book, of the same chain and address.
    chain_id : int
        Which chain it has to be.
    clock : Clock
        Nanoseconds, and waits.
    fees : Fees
        What may be offered.
    tell : callable, optional
        Told a code and a sentence of what is out of the ordinary.
    pace : Pace, optional
        How often it looks.

    Attributes
    ----------
    address : bytes
        20 bytes, the key's.

    Notes
    -----
    `run` goes on beside it for as long as it is used: it keeps fresh what is known of the account, looks for
    reorganisations, and finishes what an earlier process began.
    """

    def __init__(
        self,
        node: Node,
        signer: Signer,
        book: NonceBook,
        chain_id: int,
        clock: Clock,
        fees: Fees,
        tell: Tell = silent,
        *,
        pace: Pace | None = None,
    ) -> None:
        if (book.chain_id, book.address) != (chain_id, signer.address):
            raise ValueError("expected the nonce book of the signer's key on this chain, was another")
        self.address = signer.address
        self._means = Means(node, book, clock, fees, tell, pace or Pace())
        self._drafter = Drafter(self._means, signer, chain_id)
        self._fates = Fates(node, book, tell)
        self._carried: set[int] = set()
        self._missing: set[int] = set()
        self._watched = 0
        self._labels: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def refresh(self) -> Account:
        """Ask for nonce, balance and base fee, so that what is sent next waits for no request.

        Raises
        ------
        PermanentError
            If the nodes are of another chain.
        TransientError
            If none answers.
        """
        return await self._drafter.refresh()

    async def check_funds(self, gas: int, calls: int) -> None:
        """Refuse where the account cannot pay for so many calls, each with a gas limit.

        Raises
        ------
        Unfunded
            If it cannot.
        TooDear
            If the base fee is more than may be offered.
        PermanentError
            If the nodes are of another chain.
        TransientError
            If none answers.
        """
        fees, account = self._means.fees, await self._drafter.account()
        needs = calls * gas * fees.first(account.base_fee, gas).max_fee
        if account.balance < needs:
            # it may have been sent something meanwhile
            account = await self._drafter.refresh()
        if account.balance < needs:
            native = fees.network.native
            told = f"{checksummed(self.address)} needs {coins(needs)} {native}, has {coins(account.balance)}"
            raise Unfunded(f"{told}; send it some")

    async def send(
        self, to: bytes, data: bytes, *, gas: int, label: str, round: int, until: int, value: int = 0
    ) -> Outcome:
        """Send a transaction, unless what is so labelled for a round was sent, and return what became of it.

        Parameters
        ----------
        to : bytes
            20 bytes.
        data : bytes
            Calldata.
        gas : int
            Limit.
        label : str
            What it is, such as ``submit1``: there is one on the chain for a label and a round.
        round : int
            The voting round, or whatever else is counted.
        until : int
            Nanoseconds; from then on it is void, and not sent again.
        value : int
            Wei.

        Raises
        ------
        Unsent
            If it would not be refunded, or no node can take it as it is; no node has it.
        Unfunded
            If the account cannot pay for it; no node has it.
        TooDear
            If the base fee was more than may be offered until its time was over; no node has it.
        PermanentError
            If the nodes are of another chain, or it cannot be written down.
        TransientError
            If no node answers for the account before anything is sent.
        """
        wanted = Wanted(to, data, gas, value, label, round, until)
        lock = self._labels.setdefault((label, round), asyncio.Lock())
        clock, look, patient = self._means.clock, self._means.pace.look, False
        dear: TooDear | None = None
        async with lock:
            while True:
                try:
                    outcome = await self._attempt(wanted)
                except TooDear as error:
                    if dear is None:
                        self._means.tell("transaction", f"{wanted.what}: {error}")
                    outcome, dear, patient = None, error, True
                if outcome is not None:
                    if outcome.hash is None and dear is not None:
                        raise dear
                    return outcome
                if patient:
                    await clock.sleep(min(look, max((until - clock.now()) / SECOND, 0.001)))
                    with contextlib.suppress(TransientError):
                        await self._drafter.refresh()
                patient = True

    async def run(self) -> None:
        """Keep everything fresh until cancelled, and finish what an earlier process began."""
        troubled = False
        while True:
            try:
                await self.reconcile()
                await self.watch_depth()
                troubled = False
            except ChronoError as error:
                if not troubled:
                    troubled = True
                    self._means.tell("account", f"{checksummed(self.address)}: {error}; tried again")
            pace, now = self._means.pace, self._means.clock.now()
            await self._means.clock.sleep(pace.watch if now < self._watched else pace.keep)

    async def reconcile(self) -> None:
        """Look up all that is unfinished, send again what counts and no node knows, and fill a gap in the nonces.

        Raises
        ------
        PermanentError
            If the nodes are of another chain.
        TransientError
            If none answers.
        """
        node, book, clock, _, tell, _ = self._means
        account = await self._drafter.refresh()
        newest = {entry.nonce: entry for entry in await asyncio.to_thread(book.unfinished)}
        for nonce, entry in newest.items():
            if nonce in self._carried or await self._fates.look(nonce) is not None:
                continue
            if account.latest > nonce:
                long_ago = entry.until <= clock.now() and account.block - entry.since >= LONGEST_SEARCH
                if long_ago or await self._fates.taken(entry, account.block):
                    await self._fates.lose(nonce)
                    tell("transaction", f"{entry.what}: nonce {nonce} was used by a transaction that is not ours")
            elif entry.until > clock.now() and await node.transaction(entry.hash) is None:
                await self._hand(entry)
        await self._fill(account)

    async def watch_depth(self, depth: int = DEPTH) -> list[Entry]:
        """Look for reorganisations of the last blocks, and send again what fell out of the chain and counts still.

        Returns
        -------
        list of Entry
            What fell out.
        """
        account = await self._drafter.account()
        fallen = await self._fates.watch_depth(account.block, depth)
        for entry in fallen:
            if entry.until > self._means.clock.now():
                await self._hand(entry)
        return fallen

    async def _attempt(self, wanted: Wanted) -> Outcome | None:
        """Return what became of it; None where its nonce is another's."""
        drafted = await self._drafter.draft(wanted)
        if drafted is None:
            return Outcome(LATE)
        if drafted.entry.state in ON_CHAIN:
            return Outcome.of(drafted.entry, self._means.fees)
        nonce = drafted.entry.nonce
        self._carried.add(nonce)
        self._watched = min(wanted.until, self._means.clock.now() + SETTLED)
        try:
            return await Course(self._means, self._drafter, self._fates, wanted, drafted).run()
        finally:
            self._carried.discard(nonce)

    async def _hand(self, entry: Entry) -> None:
        """Give the same bytes to a node once more; what becomes of them is seen later."""
        # what is refused is told when its fate is known
        with contextlib.suppress(TransientError):
            await self._means.node.send_raw(entry.raw)
            await asyncio.to_thread(self._means.book.sent, entry.hash)

    async def _fill(self, account: Account) -> None:
        """Fill what is missing of the nonces, which keeps all that come after it from being mined."""
        now = self._means.clock.now()
        entries = await asyncio.to_thread(self._means.book.unfinished)
        held = self._carried | {entry.nonce for entry in entries if entry.until > now}
        missing = set(range(max(account.latest, account.pending), max(held, default=0))) - held
        seen, self._missing = self._missing, missing
        # it may have been on its way
        for nonce in sorted(missing & seen):
            told = f"{checksummed(self.address)}: nonce {nonce} is missing, and what comes after it waits"
            try:
                entry = await self._drafter.fill(nonce)
            except ChronoError as error:
                # a signer may refuse what goes to no contract
                self._means.tell("gap", f"{told}: {error}; tried again")
                return
            if entry is not None:
                await self._hand(entry)
                self._means.tell("gap", f"{told}; a transaction of 0 to itself takes it")
