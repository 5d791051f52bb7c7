"""What every source promises of names: aliases lead back, and what the venue lists is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from chrono.core.transport.codec import FrameSource
from chrono.core.types import Listing, Pair

__all__ = ["MarketChecks"]

PAGE = b"<!doctype html><html><body>maintenance</body></html>"
NO_LISTING = {"a refusal": (503, b"{}"), "a web page": (200, PAGE), "nothing": (200, b""), "null": (200, b"null")}
"""Answers that list nothing."""


class MarketChecks:
    """S13 to S15."""

    pairs: ClassVar[Sequence[str]]
    listings: ClassVar[str]
    beside: Callable[[str], Path]
    make: Callable[..., Any]

    def test_s13_aliases_lead_there_and_back(self) -> None:
        """What the venue calls an asset belongs to one asset, and symbols are made of it."""
        source, quote = self.make(), self.pairs[0].partition("/")[2]
        twice = [alias for alias, count in Counter(source.aliases.values()).items() if count > 1]
        assert not twice, f"expected an alias of each asset's own, was {twice} of several"
        for asset, alias in source.aliases.items():
            assert source.asset(alias) == asset, f"expected {alias} to be {asset}, was {source.asset(alias)}"
            if alias in source.aliases:
                continue  # two assets that swapped their names
            ours, theirs = (_symbol(source, Pair(name, quote)) for name in (asset, alias))
            assert ours == theirs, f"expected the symbol of {asset} to be that of {alias}, {theirs}, was {ours}"

    @pytest.mark.anyio
    async def test_s14_what_the_venue_lists_is_read(self) -> None:
        """Each pair of the contract is listed, each symbol once, under the symbol that is subscribed to."""
        found = await self._asked(200, self.beside(self._listing()).read_bytes())
        source = self.make()
        symbols = [listing.symbol for listing in found]
        assert len(set(symbols)) == len(symbols), f"expected each symbol once, was {symbols}"
        missing = {source.symbol(Pair.parse(text)) for text in self.pairs} - set(symbols)
        assert not missing, f"expected the pairs of the contract to be listed, was none of {sorted(missing)}"
        for listing in found:
            wanted = None if listing.pair is None else _symbol(source, listing.pair)
            assert wanted in {None, listing.symbol}, f"expected {listing.pair} to be {wanted}, was {listing.symbol}"

    @pytest.mark.anyio
    async def test_s15_what_is_no_listing_lists_nothing(self) -> None:
        """A refusal, a web page, or nothing at all is an error or an empty answer, never a market."""
        self._listing()
        for what, (status, body) in NO_LISTING.items():
            try:
                found = await self._asked(status, body)
            except Exception:  # noqa: BLE001, S112 - whatever it raises counts as no answer
                continue
            assert not found, f"expected no market in {what}, was {found}"

    def _listing(self) -> str:
        """Return the name of the recorded answer."""
        source = self.make()
        if not (isinstance(source, FrameSource) and source.lists):
            pytest.skip("this source does not say what its venue lists")
        if not self.listings:
            pytest.skip("no answer of the venue is recorded: save one beside the test and name it in `listings`")
        return self.listings

    async def _asked(self, status: int, body: bytes) -> Sequence[Listing]:
        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(status, content=body)

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return list(await self.make().listings(http))


def _symbol(source: Any, pair: Pair) -> str | None:
    """Return what a source calls a pair, None for one that its venue can never list."""
    try:
        return str(source.symbol(pair))
    except ValueError:
        return None
