"""Venues on loopback that speak the real ones' protocols, with everything that goes wrong on order.

Public names: the classes in VENUES, ServedVenue, VENUES, Venue, serving. What reads DeflateVenue, GzipVenue,
ProtobufVenue and TokenVenue is in `chrono_simulated.serving.styles`.
"""

from chrono_simulated.serving.binance import Binance
from chrono_simulated.serving.binance_us import BinanceUs
from chrono_simulated.serving.bingx import Bingx
from chrono_simulated.serving.bitfinex import Bitfinex
from chrono_simulated.serving.bitget import Bitget
from chrono_simulated.serving.bitmart import Bitmart
from chrono_simulated.serving.bitrue import Bitrue
from chrono_simulated.serving.bitstamp import Bitstamp
from chrono_simulated.serving.bybit import Bybit
from chrono_simulated.serving.coinbase import Coinbase
from chrono_simulated.serving.coinex import Coinex
from chrono_simulated.serving.cryptocom import Cryptocom
from chrono_simulated.serving.gate import Gate
from chrono_simulated.serving.gemini import Gemini
from chrono_simulated.serving.htx import Htx
from chrono_simulated.serving.kraken import Kraken
from chrono_simulated.serving.kucoin import Kucoin
from chrono_simulated.serving.mexc import Mexc
from chrono_simulated.serving.okx import Okx
from chrono_simulated.serving.poloniex import Poloniex
from chrono_simulated.serving.server import ServedVenue, serving
from chrono_simulated.serving.styles.gzipped import DeflateVenue, GzipVenue
from chrono_simulated.serving.styles.protobuf import ProtobufVenue
from chrono_simulated.serving.styles.token import TokenVenue
from chrono_simulated.serving.upbit import Upbit
from chrono_simulated.serving.venue import Venue
from chrono_simulated.serving.whitebit import WhiteBit
from chrono_simulated.serving.xt import Xt

__all__ = [
    "VENUES",
    "Binance",
    "BinanceUs",
    "Bingx",
    "Bitfinex",
    "Bitget",
    "Bitmart",
    "Bitrue",
    "Bitstamp",
    "Bybit",
    "Coinbase",
    "Coinex",
    "Cryptocom",
    "DeflateVenue",
    "Gate",
    "Gemini",
    "GzipVenue",
    "Htx",
    "Kraken",
    "Kucoin",
    "Mexc",
    "Okx",
    "Poloniex",
    "ProtobufVenue",
    "ServedVenue",
    "TokenVenue",
    "Upbit",
    "Venue",
    "WhiteBit",
    "Xt",
    "serving",
]

VENUES: dict[str, type[Venue]] = {
    venue.type: venue
    for venue in (
        Binance,
        Bingx,
        Bitfinex,
        Bitget,
        Bitmart,
        Bitrue,
        Bitstamp,
        Bybit,
        Coinbase,
        Coinex,
        Cryptocom,
        Gate,
        Gemini,
        Htx,
        Kraken,
        Kucoin,
        Mexc,
        Okx,
        Poloniex,
        Upbit,
        WhiteBit,
        BinanceUs,
        Xt,
        DeflateVenue,
        GzipVenue,
        ProtobufVenue,
        TokenVenue,
    )
}
"""What can be served, by the word for it."""
