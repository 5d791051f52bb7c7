"""How feeds are voted on: their decimals, and the band around the median that accuracy is paid for."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from chrono import ConfigError
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.feeds import ID_SIZE, feed_id, feed_name
from chrono_flare_ftso.protocol.text import from_hex

LARGEST = 2**28
"""Bytes of a file that is read at once, unpacked; more are not read."""

LARGEST_LINE = 2**26
"""Bytes of a line, where a file is read by lines: all votes of a round on a thousand feeds are less."""


class Terms(NamedTuple):
    """A feed's id, the decimals of its votes, and half the width of its percent band in millionths of the median."""

    id: bytes
    decimals: int
    band_ppm: int | None


# Source: flare-foundation/fsp-rewards 31f5156, `flare/392/reward-epoch-info.json`, read 2026-11-23: canonicalFeedOrder
# and secondaryBandWidthPPMs of Flare's reward epoch 392.
_DECIMALS = {
    2: "BTC",
    3: "ETH PAXG",
    4: "AAVE BCH BNB LTC QNT SOL TAO",
    5: "ADA ALGO APT ARB ATOM AVAX BERA DOGE DOT ENA ETC ETHFI FET FIL HBAR HNT HYPE ICP JUP LEO LINK NEAR ONDO OP POL "
    "PYTH RENDER RUNE S SUI TON TRUMP TRX UNI USDC USDS USDT USDX WIF XPL XRP",
    6: "FLR NIGHT PENGU XDC XLM",
    7: "MON NOT PUMP SGB",
    9: "BONK SHIB",
    10: "PEPE",
}
_BANDS = {
    100: "USDC USDS USDT",
    200: "USDX",
    500: "BCH BNB BTC ETH PAXG TRX XDC",
    900: "AAVE ADA ALGO ATOM AVAX DOGE ETC HBAR HNT ICP LINK LTC NEAR POL SHIB SOL XLM XRP",
    1150: "APT ARB DOT FET FIL FLR HYPE JUP ONDO OP PEPE PYTH QNT RUNE SUI TAO TON UNI",
    1400: "BERA BONK ENA ETHFI MON NIGHT NOT PENGU PUMP RENDER S SGB TRUMP WIF XPL",
    1600: "LEO",
}


def known_terms(network: str = "flare") -> dict[str, Terms]:
    """Return the terms of Flare's reward epoch 392 by the feeds' names; for another network without its bands.

    Examples
    --------
    >>> known_terms()["BTC/USD"][1:], known_terms("songbird")["BTC/USD"][1:]
    ((2, 500), (2, None))
    """
    bands = {asset: band for band, assets in _BANDS.items() for asset in assets.split()}
    return {
        f"{asset}/USD": Terms(feed_id(1, f"{asset}/USD"), decimals, bands.get(asset) if network == "flare" else None)
        for decimals, assets in _DECIMALS.items()
        for asset in assets.split()
    }


def epoch_terms(paths: Iterable[Path]) -> dict[str, Terms]:
    """Return the terms of reward epochs as they are published; where several have a feed, those of the last file.

    Parameters
    ----------
    paths : iterable of Path
        Files `reward-epoch-info.json` of flare-foundation/fsp-rewards, packed with gzip or not.

    Raises
    ------
    ConfigError
        If a file cannot be read, or is none of these.
    """
    found: dict[str, Terms] = {}
    for path in paths:
        try:
            told = json.loads(text_of(path))
            bands = _bands(told["rewardOffers"])
            for each in told["canonicalFeedOrder"]:
                id = from_hex(each["id"], ID_SIZE)
                found[feed_name(id).name] = Terms(id, int(each["decimals"]), bands.get(id, 0))
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}:{error.lineno}: expected JSON, was refused: {error.msg}") from None
        except (KeyError, TypeError, ValueError, RecursionError, WireError) as error:
            wanted = "expected a reward-epoch-info.json with canonicalFeedOrder and rewardOffers"
            raise ConfigError(f"{path}: {wanted}, was another file ({type(error).__name__}: {error})") from None
    return found


def text_of(path: Path) -> str:
    """Return the text of a file, unpacked where its name ends with `.gz`.

    Raises
    ------
    ConfigError
        If it cannot be read, is larger than `LARGEST`, or is no text.
    """
    with _reading(path) as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ConfigError(f"{path}: expected at most {LARGEST} bytes, were more; give several smaller files")
    return _decoded(path, 1, data)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that are not empty, with their numbers; one at a time is held.

    Raises
    ------
    ConfigError
        As `text_of`, but the size is a line's.
    """
    with _reading(path) as file:
        for number in count(1):
            line = file.readline(LARGEST_LINE + 1)
            if not line:
                return
            if len(line) > LARGEST_LINE:
                raise ConfigError(f"{path}:{number}: expected at most {LARGEST_LINE} bytes a line, were more")
            if line.strip():
                yield number, _decoded(path, number, line)


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            # of a packed file it is gzip's, which reads as any other
            yield cast("IO[bytes]", file)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: expected a file that can be read, was refused: {reason}") from None


def _decoded(path: Path, first: int, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = first + data.count(b"\n", 0, error.start)
        raise ConfigError(f"{path}:{line}: expected text in UTF-8, was another byte") from None


def _bands(offers: Mapping[str, Any]) -> dict[bytes, int]:
    """Return the bands that inflation offers say; a feed that only others offer for has none, which is 0."""
    found: dict[bytes, int] = {}
    for offer in offers["inflationOffers"]:
        for id, band in zip(offer["feedIds"], offer["secondaryBandWidthPPMs"], strict=True):
            found[from_hex(id, ID_SIZE)] = int(band)
    return found
