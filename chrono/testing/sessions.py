"""What every source promises of connections side by side, and of trades that come twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chrono.core.types import Trade

__all__ = ["SessionChecks"]


class SessionChecks:
    """S25 and S26."""

    frames: Any
    make: Callable[..., Any]

    def test_s25_connections_know_nothing_of_each_other(self) -> None:
        """Two that bring the same frames bring the same ticks: what one remembers is its session's alone."""
        frames = self.frames
        source = self.make()
        sessions = source.session(), source.session()
        for frame in frames:
            one, other = (tuple(source.read(frame.record.frame, session)) for session in sessions)
            for items in (one, other):
                assert items == tuple(frame.items), f"expected {frame.items} again, was {items} of {frame.record.data}"

    def test_s26_trades_are_told_apart_by_their_ids(self) -> None:
        """In a market all trades have an id or none has, and two that share one are the same trade."""
        trades = [tick for frame in self.frames for tick in frame.ticks if isinstance(tick, Trade)]
        for symbol in {trade.symbol for trade in trades}:
            own = [trade for trade in trades if trade.symbol == symbol]
            bare = [trade for trade in own if not trade.trade_id]
            assert len(bare) in {0, len(own)}, f"expected an id of each trade of {symbol} or of none, was {bare}"
            known: dict[str, Trade] = {}
            for trade in own if not bare else ():
                first = known.setdefault(trade.trade_id, trade)
                assert first == trade, f"expected an id of each trade's own, was {first} and {trade}"
