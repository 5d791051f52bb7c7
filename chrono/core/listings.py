"""What venues list, looked at in the background: it says which markets cannot have a price, and never makes one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import anyio
import anyio.to_thread

from chrono.core.assets import RENAMES, collision
from chrono.core.component import Source, Status
from chrono.core.transport.backoff import Backoff, Chance
from chrono.core.transport.codec import FrameSource
from chrono.core.transport.outage import Outage, from_error
from chrono.core.types import Listing, Market, Pair

EVERY = 3600.0
"""Seconds between two looks, give or take a tenth, so that those who started together do not ask together."""

WITHIN = 60.0
"""Seconds for one look as a whole."""

_SOONEST = 10.0
_FIRST = 2.0
_ABSENT = {"delisted", "halted", "renamed", "unlisted"}


class Note(NamedTuple):
    """What is wrong with a market, as a code and as what to do."""

    code: str
    message: str


class Listings:
    """What the venue of one source lists.

    Parameters
    ----------
    source : Source
        One that does not know what its venue lists is asked nothing.
    markets : sequence of Market
        Those of the pipeline.
    latest : mapping of (str, str) to Status, optional
        The newest statuses by component and market; what a venue refused is not told again as not listed.
    chance : Chance, optional
        Where jitter comes from.

    Notes
    -----
    A market's status says what is wrong, once, and is taken back when it no longer is. A replay does not look.
    """

    def __init__(
        self,
        source: Source,
        markets: Sequence[Market],
        latest: Mapping[tuple[str, str], Status] | None = None,
        chance: Chance | None = None,
    ) -> None:
        self._source = source
        self._context = source.context
        self._markets = markets
        self._latest = {} if latest is None else latest
        self._chance = chance or random.Random()  # noqa: S311 - jitter is no secret
        self._told: dict[Market, Note] = {}
        self._known: set[str] = set()
        self._failing = False

    async def run(self) -> None:
        """Look now and every hour, until cancelled; what cannot be read is asked for again."""
        for market in self._markets:
            self._tell(market, self._other_asset(market))
        if not (isinstance(self._source, FrameSource) and self._source.lists and self._markets):
            return
        backoff = Backoff(_SOONEST, EVERY, self._chance)
        # what the venue has to say to subscriptions comes first
        await self._context.clock.sleep(_FIRST)
        while True:
            found = await self._ask(self._source)
            if isinstance(found, Outage):
                self._complain(found)
                wait = max(found.wait, _SOONEST, backoff.next())
            else:
                self._failing = False
                self.compare(found)
                backoff.reset()
                wait = EVERY * self._chance.uniform(0.9, 1.1)
            await self._context.clock.sleep(wait)

    def compare(self, found: Sequence[Listing]) -> None:
        """Tell what is wrong with which market, given all that the venue lists."""
        listed = {listing.symbol: listing for listing in found if listing.state != "delisted"}
        gone = {listing.symbol for listing in found if listing.state == "delisted"}
        pairs = {listing.pair for listing in listed.values() if listing.pair is not None}
        for market in self._markets:
            self._tell(market, self._problem(market, listed, gone | self._known, pairs))
        self._known.update(market.symbol for market in self._markets if market.symbol in listed)

    def _problem(
        self, market: Market, listed: Mapping[str, Listing], before: set[str], pairs: set[Pair]
    ) -> Note | None:
        name, listing = self._context.name, listed.get(market.symbol)
        if listing is not None and listing.state == "halted":
            return Note("halted", f"{name} has halted {market.symbol}: it comes back by itself; else leave it out")
        if listing is not None:
            return self._other_asset(market)
        if other := self._other_name(market, pairs):
            return Note("renamed", f"{name} lists {market.pair.base} as {other.base} now: write {name}:{other}")
        if market.symbol in before:
            return Note("delisted", f"{name} no longer lists {market.symbol}: leave the market out")
        status = self._latest.get((name, str(market)))
        if status is not None and status.code == "rejected":
            return None
        return Note("unlisted", f"{name} does not list {market.symbol}: correct the pair, or leave the market out")

    def _other_name(self, market: Market, pairs: set[Pair]) -> Pair | None:
        """Return the pair under which the venue lists the same asset now."""
        now = self._context.clock.now()
        for known in RENAMES:
            names = {known.old: known.new, known.new: known.old}
            other = names.get(market.pair.base)
            if other is not None and Pair(other, market.pair.quote) in pairs:
                since, until = known.valid(other)
                if since <= now < until:
                    return Pair(other, market.pair.quote)
        return None

    def _other_asset(self, market: Market) -> Note | None:
        """Return what a venue means by a ticker that others use for another asset."""
        known = collision(market.group, market.pair.base, self._context.clock.now())
        if known is None:
            return None
        told = f"{market.pair.base} is {known.means} at {market.group}, not what others call so"
        return Note("other_asset", f"{told}: leave the market out")

    def _tell(self, market: Market, note: Note | None) -> None:
        before = self._told.pop(market, None)
        if isinstance(self._source, FrameSource):
            absent = self._source.absent
            absent.add(market.symbol) if note is not None and note.code in _ABSENT else absent.discard(market.symbol)
        if note is not None:
            self._told[market] = note
            if before != note:
                self._context.status("degraded", note.code, note.message, market=market)
        elif before is not None:
            self._context.status("live", market=market)

    async def _ask(self, source: FrameSource) -> Sequence[Listing] | Outage:
        clock = self._context.clock
        await source.account.request(clock)
        try:
            with anyio.fail_after(WITHIN):
                # a client reads the certificates of the world when it is made: tens of milliseconds, for all venues
                async with await anyio.to_thread.run_sync(source.http) as http:
                    found = tuple(await source.listings(http))
            if not found or not all(isinstance(listing, Listing) for listing in found):
                raise ValueError("expected listings, was nothing of the kind")
        except Exception as error:  # noqa: BLE001 - whatever a venue or a plugin does here costs no price
            outage = from_error(error, f"the list of {source.context.name}'s markets", clock.now())
            if outage.of_address:
                source.account.pause(outage.wait, clock.now())
            return Outage(outage.code, type(error).__name__, outage.wait)
        return found

    def _complain(self, outage: Outage) -> None:
        """Log the first failure of several in a row."""
        if not self._failing:
            self._failing = True
            self._context.logger.info(
                "listings_unread",
                source=self._context.name,
                error=outage.message,
                advice="nothing to do: it is asked again; what is not listed is known from refusals alone until then",
            )
