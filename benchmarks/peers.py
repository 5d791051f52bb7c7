"""The same trades through the handlers of cryptofeed and ccxt; decode_to_board.py runs it where they are installed.

Reads `{"frames": […], "aggregates": […]}` as one line, says on one line of JSON which peers it found, then runs a peer
for each name it reads and prints the seconds of CPU a trade took.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any


def cryptofeed(frames: Sequence[str]) -> Callable[[], float]:
    """Return a run of cryptofeed's message handler; its callback appends."""
    symbols = importlib.import_module("cryptofeed.symbols")
    names = {"BTC-USDT": "BTCUSDT", "ETH-USDT": "ETHUSDT"}
    symbols.Symbols.set("BINANCE", names, {"instrument_type": dict.fromkeys(names, "spot")})
    found: list[Any] = []

    async def keep(trade: Any, received: float) -> None:
        found.append((trade, received))

    feed = importlib.import_module("cryptofeed.exchanges").Binance(
        symbols=list(names), channels=["trades"], callbacks={"trades": keep}
    )

    async def handle() -> float:
        found.clear()
        start = time.process_time()
        for frame in frames:
            await feed.message_handler(frame, None, 0.0)
        return time.process_time() - start

    def run() -> float:
        spent = asyncio.run(handle())
        _all_taken(len(found), len(frames))
        return spent / len(frames)

    return run


def ccxt(frames: Sequence[str]) -> Callable[[], float]:
    """Return a run of ccxt's trade handler, with the standard library's JSON as installed by default."""
    exchange = importlib.import_module("ccxt.pro").binance()
    exchange.set_markets([_market(exchange, base) for base in ("BTC", "ETH")])

    class Client:
        url = exchange.urls["api"]["ws"]["spot"]
        taken = 0

        def resolve(self, result: Any, message: str) -> None:
            self.taken += 1

    def run() -> float:
        client, handle, loads = Client(), exchange.handle_trade, json.loads
        exchange.trades.clear()
        start = time.process_time()
        for frame in frames:
            handle(client, loads(frame)["data"])
        spent = time.process_time() - start
        _all_taken(client.taken, len(frames))
        return spent / len(frames)

    return run


def _market(exchange: Any, base: str) -> Any:
    return exchange.safe_market_structure(
        {
            "id": f"{base}USDT",
            "symbol": f"{base}/USDT",
            "base": base,
            "quote": "USDT",
            "type": "spot",
            "spot": True,
            "contract": False,
            "precision": {"price": 0.01, "amount": 0.00001},
        }
    )


def _all_taken(taken: int, wanted: int) -> None:
    if taken != wanted:
        raise SystemExit(f"expected {wanted} trades, was {taken}")


def main() -> None:
    """Serve runs until there is nothing more to read."""
    given = json.loads(sys.stdin.readline())
    runs: dict[str, Callable[[], float]] = {}
    found: dict[str, str] = {}
    for name, make, frames in (("cryptofeed", cryptofeed, given["aggregates"]), ("ccxt", ccxt, given["frames"])):
        try:
            runs[name] = make(frames)
            found[name] = version(name)
        except ImportError as error:
            found[name] = f"skipped: {error}"
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        gc.collect()
        sys.stdout.write(f"{runs[line.strip()]()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
