"""What is voted in a round: the values of its first request's receipt, in the canonical order of its reward epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from chrono import Report
from chrono_flare_ftso.answers import Answers, Feeds, Values
from chrono_flare_ftso.asking import Asking, Unanswered
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_name
from chrono_flare_ftso.protocol.text import to_hex
from chrono_flare_ftso.protocol.values import encode_value, pack

PRICED_WITHIN = 0.85
"""Seconds a report has to come in before another is asked for."""

_PAUSE = 0.05


def vector(feeds: Sequence[FeedDecimals], names: Feeds, values: Values) -> bytes:
    """Return the votes for feeds as they are committed to.

    Parameters
    ----------
    feeds : sequence of FeedDecimals
        In the canonical order of the round's reward epoch.
    names : Feeds
        Those that are priced; a feed is found by its category and its name.
    values : Values
        What they were priced at.

    Returns
    -------
    bytes
        4 bytes a feed, zeros where there is no vote: the feed is not priced, has no value, or one that is out of
        range. A feed never has another's vote.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.feeds import feed_id
    >>> feeds = [FeedDecimals(feed_id(1, name), 2) for name in ("ADA/USD", "BTC/USD", "XRP/USD")]
    >>> vector(feeds, Feeds({"BTC/USD": "crypto"}), Values(0, {"BTC/USD": 67123.5})).hex()
    '0000000080666c1e'
    """
    return pack([encode_value(values.prices.get(name_of(each.id, names)), each.decimals) for each in feeds])


def name_of(feed: bytes, names: Feeds) -> str:
    """Return what a feed of the chain is called in the pipeline; nothing where it is not priced."""
    try:
        category, name = feed_name(feed)
    except ProtocolError:
        return ""
    return names.name({"category": category, "name": name})


def called(feed: bytes) -> str:
    """Return what a feed of the chain is called there, or its id where that is no name."""
    try:
        return feed_name(feed).name
    except ProtocolError:
        return to_hex(feed)


class RoundValues:
    """The values of rounds, each those of the moment it was first asked for; all on one event loop.

    Parameters
    ----------
    asking : Asking
        Who prices.
    answers : Answers
        Where they are written down before they are told, so that the feed value provider on the same ledger and this
        one agree.
    disk : Executor
        Where the disk is waited for.
    leaving : callable
        Says whether nothing is priced any more: then nothing is waited for, either.
    """

    def __init__(self, asking: Asking, answers: Answers, disk: Executor, leaving: Callable[[], bool]) -> None:
        self._asking = asking
        self._answers = answers
        self._disk = disk
        self._leaving = leaving
        self._freezing: dict[int, asyncio.Task[Values]] = {}

    async def of(self, number: int, patience: float) -> Values:
        """Return the values of a round; whoever asks meanwhile waits for the same.

        Parameters
        ----------
        number : int
            The round.
        patience : float
            Seconds in which at least one feed has to have a value; after that, votes for nothing have to do.

        Raises
        ------
        Unanswered
            If nothing was priced in time, or nothing is priced any more.
        PermanentError
            If they cannot be written down.
        """
        values = self._answers.recent(number)
        if values is not None:
            return values
        freezing = self._freezing.get(number)
        if freezing is None:
            freezing = self._freezing[number] = asyncio.create_task(self._freeze(number, patience))
            freezing.add_done_callback(lambda done: self._froze(number, done))
        return await asyncio.shield(freezing)

    async def _freeze(self, number: int, patience: float) -> Values:
        loop = asyncio.get_running_loop()
        # another process, or the other sink, may have answered for the round
        values = await loop.run_in_executor(self._disk, self._answers.find, number)
        if values is not None:
            return values
        values = Values.of(await self._priced(loop.time() + patience))
        values = await loop.run_in_executor(self._disk, self._answers.freeze, number, values)
        self._disk.submit(self._answers.tidy)
        return values

    async def _priced(self, until: float) -> Report:
        """Return the first report that has a value; at the end of patience, the last one without any."""
        now, found, problem = asyncio.get_running_loop().time, None, Unanswered("nothing was priced")
        while (left := until - now()) > 0:
            try:
                found = await self._asking.report(min(PRICED_WITHIN, left))
                if found.prices:
                    return found
            except Unanswered as error:
                problem = error
            if self._leaving():
                raise problem
            await asyncio.sleep(_PAUSE)
        if found is None:
            raise problem
        return found

    def _froze(self, number: int, done: asyncio.Task[Values]) -> None:
        self._freezing.pop(number, None)
        if not done.cancelled():
            # whoever waited has it; where nobody did any more, nothing is lost
            done.exception()
