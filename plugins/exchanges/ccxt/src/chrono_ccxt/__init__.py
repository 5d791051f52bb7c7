"""Any exchange of ccxt: `ccxt/bitvavo` is what ccxt calls `bitvavo`.

ccxt [1]_ brings its own connections, so this source has a `run` of its own, and its recordings hold ticks. Streams of
ccxt.pro are used where it has them, and REST where it has none. A plugin made for a venue knows it better: it has raw
recordings, states the venue's answers, and takes a fraction of the memory.

References
----------
.. [1] ccxt manual, https://docs.ccxt.com/#/ccxt.pro.manual — watchTrades, watchTradesForSymbols, watchTickers,
   newUpdates, error hierarchy; https://docs.ccxt.com/#/?id=trade-structure and ticker-structure, read 2026-11-22.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import anyio
from pydantic import Field, field_validator

from chrono import Duration, Emit, Market, PermanentError, Source, hookimpl
from chrono_ccxt.following import Following
from chrono_ccxt.outages import Outage, explained
from chrono_ccxt.watching import Watching

GROUPS = {
    "binanceus": "binance_us",
    "bybiteu": "bybit",
    "bybitid": "bybit",
    "coinbaseexchange": "coinbase",
    "gateeu": "gate",
    "myokx": "okx",
    "okxus": "okx",
}
"""What ccxt calls otherwise than chrono's plugins do, or by several names: one company is one venue, so that no book
counts twice."""

_LONGEST = 60.0
_CLOSED_WITHIN = 2.0


class Ccxt(Source):
    """An exchange of ccxt, named after the slash of the source's id."""

    type = "ccxt"

    class Config(Source.Config):
        """Which exchange, and how."""

        exchange: str = ""
        """What ccxt calls it; what stands after the slash of the id unless stated."""
        tops: bool = True
        """Whether the best bid and ask are asked for beside the trades."""
        every: Duration = Field(default=Duration("5s"), gt=0)
        """How often to ask over REST for what is not streamed."""
        silence: Duration = Field(default=Duration("60s"), gt=0)
        """Begin anew when nothing at all came for this long."""
        proxy: str = Field(default="", repr=False)
        """The way out: http:// or https://host:port."""
        options: dict[str, Any] = Field(default_factory=dict, repr=False)
        """What ccxt's exchange is made with, such as {hostname: bytick.com} or {options: {defaultType: spot}}."""

        @field_validator("proxy")
        @classmethod
        def _a_proxy(cls, proxy: str) -> str:
            if proxy and not proxy.startswith(("http://", "https://")):
                raise ValueError("expected a proxy like http://host:port")
            return proxy

    config: Config

    @property
    def exchange(self) -> str:
        """What ccxt calls the exchange; empty where nobody says."""
        return self.config.exchange or self.context.name.partition("/")[2]

    @property
    def group(self) -> str:
        """The venue: the exchange, whoever reads it, so that `ccxt/binance` and `binance` have one vote."""
        return self.config.group or GROUPS.get(self.exchange, self.exchange) or self.context.name

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Emit ticks until cancelled; whatever the exchange does is a status, and another attempt.

        Raises
        ------
        PermanentError
            If ccxt has no such exchange.
        """
        # half a minute of work on a slow machine, and rounds do not wait for it
        make = await anyio.to_thread.run_sync(_maker, self.exchange, self.context.name)
        by_symbol = {market.symbol or self.symbol(market.pair): market for market in markets}
        watching = Watching(self.context, by_symbol, self.config.silence.seconds)
        attempts = 0
        while True:
            outage = await self._once(make(self._options()), watching, emit)
            attempts = 0 if watching.heard else attempts + 1
            self.context.status("waiting", outage.code, f"{self.exchange}: {outage.message}")
            growing = random.uniform(0.0, min(_LONGEST, 2.0**attempts))  # noqa: S311 - jitter is no secret
            await self.context.clock.sleep(max(outage.wait, growing))

    async def _once(self, exchange: Any, watching: Watching, emit: Emit) -> Outage:
        """Follow one object of ccxt to its end; return why it ended."""
        try:
            return await Following(exchange, self.config, watching, emit).run()
        except Exception as error:  # noqa: BLE001 - ccxt raises whatever its parsers stumble over
            return explained(error)
        finally:
            with anyio.move_on_after(_CLOSED_WITHIN, shield=True):
                await exchange.close()

    def _options(self) -> Mapping[str, Any]:
        proxies = {"httpsProxy": self.config.proxy, "wssProxy": self.config.proxy} if self.config.proxy else {}
        return {"enableRateLimit": True, "newUpdates": True, **proxies, **self.config.options}


def _maker(name: str, source: str) -> Any:
    """Return the class of an exchange, the streaming one where there is one."""
    import ccxt.async_support as rest  # type: ignore[import-not-found,import-untyped,unused-ignore] # takes seconds
    import ccxt.pro as streaming  # type: ignore[import-not-found,import-untyped,unused-ignore] # takes seconds

    if not name:
        raise PermanentError(
            f"{source}: expected an exchange of ccxt, was none; write ccxt/bitvavo or state `exchange`"
        )
    known = sorted({*streaming.exchanges, *rest.exchanges})
    if name not in known:
        near = "".join(f"; did you mean {other}?" for other in get_close_matches(name, known, 1))
        raise PermanentError(f"{source}: expected an exchange of ccxt, was {name!r}{near}")
    return getattr(streaming if name in streaming.exchanges else rest, name)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the source."""
    return [Ccxt]
