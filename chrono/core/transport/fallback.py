"""What the stream does not bring is asked for over HTTP; nothing of it counts twice or outranks the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import anyio

from chrono.core.component import Emit
from chrono.core.transport.asking import Asking
from chrono.core.transport.budgets import Account
from chrono.core.transport.notices import Notices
from chrono.core.transport.polling import PollingSource
from chrono.core.types import Tick, Trade

_BESIDE = "rest"


class Fallback:
    """The polled side of a streaming source, asleep while the stream brings everything.

    Parameters
    ----------
    rest : PollingSource
        How to ask; its ticks carry the symbols of the stream.
    emit : Emit
        Where ticks go.
    notices : Notices
        The stream's: what is asked beside it is one more slot of the same source.
    account : callable
        Returns what requests are counted on.

    Notes
    -----
    A trade must have the id that the stream gives it, by which the board knows it again; one without is dropped. A
    quote or a ticker is dropped where the stream said something of its market since it was asked for: it is older than
    that, whatever its time of receipt.
    """

    def __init__(self, rest: PollingSource, emit: Emit, notices: Notices, account: Callable[[], Account]) -> None:
        self._emit = emit
        self._notices = notices
        self._wanted: dict[str, Mapping[str, int]] = {}
        self._woken = anyio.Event()
        self._asking = Asking(rest, self._take, notices, account=account, beside=_BESIDE)

    def add(self, symbols: Iterable[str], seen: Mapping[str, int]) -> None:
        """Ask for symbols; `seen` says when the stream was last heard of each."""
        for symbol in symbols:
            self._wanted[symbol] = seen
        self._woken.set()

    def remove(self, symbol: str) -> None:
        """Ask for a symbol no more."""
        self._wanted.pop(symbol, None)

    async def run(self) -> None:
        """Ask while there is something to ask for."""
        while True:
            await self._woken.wait()
            await self._asking.run(lambda: list(self._wanted))
            self._notices.over(self._asking.slots)
            self._woken = anyio.Event()
            if self._wanted:
                self._woken.set()

    def _take(self, tick: Tick, received: int | None = None) -> None:
        seen = self._wanted.get(tick.symbol)
        if seen is None:
            return
        if isinstance(tick, Trade):
            if not tick.trade_id:
                self._notices.counts["polled_without_id"] += 1
                return
        elif seen.get(tick.symbol, 0) > self._asking.asked_at:
            return
        self._emit(tick, received)
