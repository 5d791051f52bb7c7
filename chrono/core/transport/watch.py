"""Each market of a connection watched by its own rhythm, and what is done about those that are silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from chrono.core.transport.ladder import Ladder, Steps
from chrono.core.transport.outage import Outage

if TYPE_CHECKING:
    from chrono.core.transport.fallback import Fallback
    from chrono.core.transport.notices import Notices
    from chrono.core.transport.websocket import WebSocketSource


class Line(Protocol):
    """The connection whose markets are watched."""

    async def say(self, messages: Iterable[Any]) -> None:
        """Send messages, if there is a socket."""
        ...

    def leave(self, outage: Outage) -> None:
        """End the conversation for this reason, if there is one."""
        ...

    def move(self) -> str:
        """Use another address from now on; return what may be shown of it."""
        ...

    def go_home(self) -> None:
        """Leave an address that stands in for the first one, when that is to be tried again."""
        ...


class Watch:
    """The markets of one connection.

    Parameters
    ----------
    source : WebSocketSource
    symbols : sequence of str
        What the connection subscribes to.
    notices : Notices
        Where the steps are told.
    fallback : Fallback or None
        Asks for what the stream does not bring.
    line : Line
        The connection.

    Attributes
    ----------
    seen : dict of str to int
        By symbol, when it was last heard of; whoever listens writes here.
    dated : dict of str to int or None
        By symbol, the time that its last word stated; likewise.
    """

    def __init__(
        self,
        source: WebSocketSource,
        symbols: Sequence[str],
        notices: Notices,
        fallback: Fallback | None,
        line: Line,
    ) -> None:
        self._source = source
        self._notices = notices
        self._fallback = fallback
        self._line = line
        self._bounds = source.bounds
        self._ladder = Ladder(symbols, source.bounds, polls=fallback is not None, several=source.routes.several)
        self.seen, self.dated = self._ladder.markets.seen, self._ladder.markets.dated
        self.opened, self.closed = self._ladder.opened, self._ladder.closed
        self.asked_again = self._ladder.asked_again

    async def run(self) -> None:
        """Look a few times a second, for as long as the source runs."""
        clock, before = self._source.context.clock, anyio.current_time()
        while True:
            await anyio.sleep(self._bounds.step)
            now = anyio.current_time()
            without = self._source.absent.union(self._notices.rejects)
            await self._take(self._ladder.look(now - before, clock.now(), without))
            before = now
            self._line.go_home()

    async def _take(self, steps: Steps) -> None:
        self._tell(steps.back, self._back)
        self._tell(steps.silent, self._silent)
        if self._fallback is not None and steps.poll:
            self._fallback.add(steps.poll, self.seen)
            self._tell(steps.poll, self._polled)
        if steps.resubscribe:
            await self._line.say(self._source.unsubscribe(steps.resubscribe))
            await self._line.say(self._source.subscribe(steps.resubscribe))
            self._tell(steps.resubscribe, self._resubscribed)
        if steps.reconnect or steps.move:
            self._reconnect(steps)

    def _reconnect(self, steps: Steps) -> None:
        there = self._line.move() if steps.move else ""
        for symbol in (*steps.reconnect, *steps.move):
            advice = "if it repeats, see whether the venue halted it, or leave the market out"
            if there:
                self._notices.step(
                    symbol, "moved", f"{self._quiet(symbol)}: connecting to {there} in its place; {advice}"
                )
            else:
                self._notices.step(symbol, "reconnected", f"{self._quiet(symbol)}: connecting again; {advice}")
        named = _listed((*steps.reconnect, *steps.move))
        message = f"{named} said nothing while others did, and a new subscription did not help: connecting again"
        self._line.leave(Outage("market_silent", message))

    def _tell(self, symbols: Iterable[str], tell: Callable[[str], None]) -> None:
        for symbol in symbols:
            tell(symbol)

    def _back(self, symbol: str) -> None:
        if self._fallback is not None:
            self._fallback.remove(symbol)
        self._notices.back(symbol)

    def _silent(self, symbol: str) -> None:
        advice = "trying again from time to time; see whether the venue lists and trades it, or leave the market out"
        self._notices.step(symbol, "silent", f"{self._quiet(symbol)}: {advice}")

    def _resubscribed(self, symbol: str) -> None:
        advice = "subscribed again; if it repeats, see whether the venue halted it, or leave the market out"
        self._notices.step(symbol, "resubscribed", f"{self._quiet(symbol)}: {advice}")

    def _polled(self, symbol: str) -> None:
        advice = "asking over HTTP until the stream brings it again; see the status of its source"
        self._notices.step(symbol, "polled", f"{self._quiet(symbol)}: {advice}")

    def _quiet(self, symbol: str) -> str:
        pulse = self._ladder.markets.pulses[symbol]
        if not pulse.known:
            return "never said anything yet"
        usual = f", usually not for longer than {pulse.usual:.2g}s" if pulse.usual else ""
        return f"said nothing for {pulse.quiet:.2g}s{usual}"


def _listed(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - 3} more" if len(symbols) > 3 else ""
    return ", ".join(symbols[:3]) + more
