"""One connection as the venue sees it: what it subscribed to, and what it has to miss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chrono import Pair, Trade
from chrono_simulated.serving.faults import DeadSymbol, HalfOpen, SilentStream
from chrono_simulated.serving.http import Request

if TYPE_CHECKING:
    from chrono_simulated.serving.exchange import Exchange


class Session:
    """One connection.

    Attributes
    ----------
    exchange : Exchange
    number : int
        Which connection of this run it is, from 1.
    request : Request
        What opened it.
    opened : int
        When, by the clock on the wall, nanoseconds.
    subscriptions : dict
        When each channel of each symbol was last subscribed to.
    options : dict
        What a channel was asked for with.
    said, beaten : int
        When a price was last sent, and when a heartbeat.
    latest : dict
        The trade of each pair that was told last.
    ended : (int, str) or None
        With which code and reason the venue closes the connection after its answer.
    """

    def __init__(self, exchange: Exchange, number: int, request: Request) -> None:
        self.exchange = exchange
        self.number = number
        self.request = request
        self.opened = self.said = self.beaten = exchange.clock.now()
        self.subscriptions: dict[tuple[str, str], int] = {}
        self.options: dict[tuple[str, str], Any] = {}
        self.latest: dict[str, Trade] = {}
        self.ended: tuple[int, str] | None = None

    def subscribe(self, channel: str, symbol: str, options: Any = None) -> None:
        """Note a subscription, or that it was made again."""
        self.subscriptions[channel, symbol] = self.exchange.clock.now()
        self.options[channel, symbol] = options

    def unsubscribe(self, channel: str, symbol: str) -> bool:
        """Forget a subscription; False if there was none."""
        self.options.pop((channel, symbol), None)
        return self.subscriptions.pop((channel, symbol), None) is not None

    def has(self, channel: str, symbol: str) -> bool:
        """Say whether a channel of a symbol is subscribed to."""
        return (channel, symbol) in self.subscriptions

    def symbols(self, channel: str | None = None) -> list[str]:
        """Return the symbols subscribed to, on one channel or on any, in order."""
        return list(dict.fromkeys(symbol for name, symbol in self.subscriptions if channel in {None, name}))

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs subscribed to that are traded and not dead here."""
        for symbol in self.symbols():
            pair = self.exchange.find(symbol)
            if pair is not None and not self.exchange.is_halted(pair) and not self._is_dead(pair, symbol):
                yield pair

    def last(self, pair: Pair) -> Trade:
        """Return the last trade of a pair, which is the last told where any was."""
        return self.latest.setdefault(str(pair), self.latest.get(str(pair)) or self.exchange.last(pair))

    def is_silent(self) -> bool:
        """Say whether nothing at all may be sent."""
        return self._is_struck(SilentStream)

    def is_half_open(self) -> bool:
        """Say whether the socket may neither be read nor written."""
        return self._is_struck(HalfOpen)

    def _is_struck(self, kind: type[SilentStream | HalfOpen]) -> bool:
        script = self.exchange.script
        return any(
            fault.cured_by is None or self.opened < script.onset(fault)
            for fault in script.active(kind, self.exchange.clock.now())
        )

    def _is_dead(self, pair: Pair, symbol: str) -> bool:
        script = self.exchange.script
        since = max((at for (_, each), at in self.subscriptions.items() if each == symbol), default=0)
        cures = {"subscribing": since, "connecting": self.opened}
        return any(
            fault.befalls(pair) and cures.get(fault.cured_by or "", 0) < script.onset(fault)
            for fault in script.active(DeadSymbol, self.exchange.clock.now())
        )
