"""Where the distribution data of reward epochs is read: files, addresses, and where it is published for all.

Source: flare-foundation/fsp-rewards 31f5156, ``NETWORK/EPOCH/reward-distribution-data.json`` (flare and songbird, from
reward epoch 227 on); flare-foundation/developer-hub daa3028, `docs/network/fsp/guides/claiming-rewards.mdx`; read
2026-11-23.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from chrono import ConfigError, TransientError
from chrono_flare_ftso.protocol.claims import parse_distribution
from chrono_flare_ftso.protocol.errors import ProtocolError

_OF_ALL = "https://raw.githubusercontent.com/flare-foundation/fsp-rewards/main/{network}/{{epoch}}/"
PUBLISHED: Mapping[str, str] = {
    name: _OF_ALL.format(network=name) + "reward-distribution-data.json" for name in ("flare", "songbird")
}
"""Where each network's data is published; other networks have no place that is known."""

EPOCH = "{epoch}"
LARGEST = 64 << 20
_TIMEOUT = 20.0


class Published:
    """The data of reward epochs, from one or more places.

    Parameters
    ----------
    places : sequence of str
        Files and addresses; ``{epoch}`` in one stands for the reward epoch. What has none is a file of one epoch.

    Raises
    ------
    ConfigError
        If a file cannot be read, or is no such data.

    Examples
    --------
    >>> Published([])
    Published(0 places)
    """

    def __init__(self, places: Sequence[str]) -> None:
        self._patterns = [each for each in places if EPOCH in each or _is_url(each)]
        self._count = len(places)
        self._files = dict(_of_epoch(each) for each in places if each not in self._patterns)

    def __repr__(self) -> str:
        return f"Published({self._count} places)"

    async def read(self, epoch: int) -> bytes | None:
        """Return the data of a reward epoch; None where no place has it.

        Raises
        ------
        TransientError
            If a place does not answer.
        ConfigError
            If a file cannot be read.
        """
        if epoch in self._files:
            return self._files[epoch]
        for pattern in self._patterns:
            place = pattern.replace(EPOCH, str(epoch))
            found = await _fetched(place) if _is_url(place) else _read(Path(place), missing=True)
            if found is not None:
                return found
        return None


def _is_url(place: str) -> bool:
    return place.startswith(("https://", "http://"))


def _of_epoch(place: str) -> tuple[int, bytes]:
    """Return the data of a file, and which reward epoch it says it is of."""
    data = _read(Path(place), missing=False) or b""
    try:
        return parse_distribution(data).reward_epoch, data
    except ProtocolError as error:
        raise ConfigError(f"--data {place}: {error}; name a file of published reward distribution data") from None


def _read(path: Path, *, missing: bool) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if missing:
            return None
        raise ConfigError(f"--data {path}: expected a file, was none; correct the path") from None
    except OSError as error:
        raise ConfigError(f"--data {path}: expected to read it, was refused: {error.strerror or error}") from None


async def _fetched(url: str) -> bytes | None:
    """Return what is at an address; None where there is nothing (404)."""
    name = httpx.URL(url).host
    chunks, size = [], 0
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=True) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            if response.status_code != httpx.codes.OK:
                raise TransientError(f"{name}: answered {response.status_code} to what was asked for by --data")
            async for chunk in response.aiter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > LARGEST:
                    raise TransientError(f"{name}: expected data of at most {LARGEST} bytes, was longer")
    except (httpx.HTTPError, OSError) as error:
        # its own words may hold the address
        raise TransientError(f"{name}: not reached ({type(error).__name__}); try again, or give files") from None
    return b"".join(chunks)
