"""Binance.US as it speaks: Binance's streams and REST API, with markets in US dollars."""

from __future__ import annotations

from typing import ClassVar

from chrono_simulated.serving.binance import Binance


class BinanceUs(Binance):
    """Binance.US: as Binance, in dollars."""

    type: ClassVar[str] = "binance_us"
    quoted: ClassVar[tuple[str, ...]] = ("USD",)
    stablecoins: ClassVar[tuple[str, ...]] = ("USDT/USD", "USDC/USD")
