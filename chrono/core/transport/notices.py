"""What a transport tells the operator: each thing once, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from chrono.core.component import Context
from chrono.core.errors import FrameError
from chrono.core.transport.outage import Outage
from chrono.core.types import SECOND, Market, Rejected

_EVERY = 60 * SECOND
_CLIP = 120

Slot: TypeAlias = int | tuple[str, int]
"""One of a source's connections, or one of the requests beside them."""


class Notices:
    """The voice of one source; the same trouble of a market is not told again until it is over.

    Attributes
    ----------
    frame_errors : int
        Frames that could not be read since the source was made.
    counts : Counter of str
        How often each code was said, or would have been had it been news, since then.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._markets: Mapping[str, Market] = {}
        self._rejected: set[str] = set()
        self._late: set[str] = set()
        self._down: dict[Slot, Outage] = {}
        self._live: set[Slot] = set()
        self._acknowledges = False
        self.frame_errors = 0
        self.counts: Counter[str] = Counter()
        self._told = 0
        self._next = 0
        self._next_wait = 0

    def begin(self, markets: Mapping[str, Market]) -> None:
        """Start afresh with the markets by symbol; the count of frame errors stays."""
        self._markets = markets
        for past in (self._rejected, self._late, self._down, self._live):
            past.clear()
        self._acknowledges = False

    @property
    def refused(self) -> bool:
        """Whether the venue refused a whole request."""
        return "" in self._rejected

    @property
    def rejects(self) -> Collection[str]:
        """The symbols that the venue refuses, "" for a whole request."""
        return self._rejected

    def step(self, symbol: str, code: str, message: str) -> None:
        """Tell what was done about a silent market."""
        self.counts[code] += 1
        self._context.status("degraded", code, f"{symbol} {message}", market=self._markets.get(symbol))

    def back(self, symbol: str) -> None:
        """Tell that the stream brings a market again."""
        self.counts["back"] += 1
        self._context.status("live", market=self._markets.get(symbol))

    def moved(self, there: str) -> None:
        """Tell that the source goes to another address, or over another proxy."""
        self.counts["moved"] += 1
        advice = "the first one is tried again after a while; see why it failed"
        self._context.status("waiting", "moved", f"going to the next address or proxy, {there}: {advice}")

    def waited(self, seconds: float) -> None:
        """Count what had to wait for the venue's budget; log waits of a second or more, one line a minute."""
        if seconds <= 0:
            return
        self.counts["throttled"] += 1
        now = self._context.clock.now()
        if seconds >= 1.0 and now >= self._next_wait:
            self._next_wait = now + _EVERY
            self._context.logger.warning(
                "throttled",
                source=self._context.name,
                error=f"waited {seconds:.3g}s so as not to ask more than the venue takes",
                count=self.counts["throttled"],
                advice="ask less often, or run fewer sources from this address",
            )

    def damaged(self, error: FrameError, now: int) -> None:
        """Count a frame that could not be read; log the first, then one line a minute for all that came since."""
        self.frame_errors += 1
        if now < self._next:
            return
        count, self._told, self._next = self.frame_errors - self._told, self.frame_errors, now + _EVERY
        self._context.logger.warning(
            "frame_unreadable",
            source=self._context.name,
            error=str(error),
            count=count,
            advice="ignore it if it is rare; if it goes on, the venue changed its format: update the plugin",
        )

    def rejected(self, signal: Rejected) -> None:
        """Tell that the venue refuses a symbol, or a whole request, unless that was told."""
        # a symbol nobody asked for is told like a whole request, so that a venue cannot make this set grow
        symbol = signal.symbol if signal.symbol in self._markets else ""
        self.counts["rejected"] += 1
        if symbol in self._rejected:
            return
        self._rejected.add(symbol)
        what = signal.symbol or "a subscription"
        advice = "check that the venue lists it, or leave the market out"
        message = f"the venue refuses {what} ({signal.reason[:_CLIP]!r}): {advice}"
        self._context.status("degraded", "rejected", message, market=self._markets.get(symbol))

    def accepted(self, symbols: Iterable[str], *, named: bool = True) -> None:
        """Take back what was told of symbols that the venue has now accepted; a rejection only if it `named` them."""
        self._acknowledges = True
        for symbol in symbols:
            if symbol in self._late or (named and symbol in self._rejected):
                self._rejected.discard(symbol)
                self._late.discard(symbol)
                self._context.status("live", market=self._markets.get(symbol))

    def unacknowledged(self, symbols: Iterable[str], seconds: float) -> None:
        """Tell which subscriptions the venue did not confirm, where it confirms any at all."""
        if not self._acknowledges:
            return
        for symbol in symbols:
            if symbol not in self._rejected and symbol not in self._late and symbol in self._markets:
                self._late.add(symbol)
                message = (
                    f"the venue did not confirm {symbol} within {seconds:g}s: ignore it if prices come; "
                    "else check that the venue lists it"
                )
                self._context.status("degraded", "unacknowledged", message, market=self._markets[symbol])

    def live(self, slot: Slot = 0) -> None:
        """Tell that a connection or a request brings frames, unless that was told."""
        if slot in self._live:
            return
        self._down.pop(slot, None)
        self._live.add(slot)
        if not self._down:
            self._context.status("live")
        else:
            self._trouble(next(iter(self._down.values())))

    def down(self, outage: Outage, slot: Slot = 0, *, whole: bool = False) -> None:
        """Tell why a connection brings none; `whole` if the others bring none for the same reason."""
        self.counts[outage.code] += 1
        self._live.clear() if whole else self._live.discard(slot)
        self._down[slot] = outage
        self._trouble(outage)

    def over(self, slots: Iterable[Slot]) -> None:
        """Forget connections or requests that are no longer wanted."""
        for slot in slots:
            self._down.pop(slot, None)
            self._live.discard(slot)

    def _trouble(self, outage: Outage) -> None:
        # one lost connection of several costs some markets, not the source
        self._context.status("degraded" if self._live else "waiting", outage.code, outage.message)
