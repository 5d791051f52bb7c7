"""Where a connection goes, and how an address is shown without its secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from chrono.core.transport.client import DIRECT
from chrono.core.units import Duration

_PROXIES = ("http", "https", "socks5", "socks5h")


class Endpoint(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """Where to open a WebSocket; its repr shows no query, no user and no header's value.

    Attributes
    ----------
    url : str
        `ws://` or `wss://`, with whatever token the venue handed out.
    headers : mapping of str to str
        Sent with the opening handshake.
    ping : float or None
        Seconds between protocol pings, 0 for none; None for what the source says.
    heartbeat : Heartbeat or None
        In place of the source's, where the venue says how often when it hands out the token.

    Examples
    --------
    >>> Endpoint("wss://venue.example/ws?token=secret", {"Authorization": "secret"})
    Endpoint('wss://venue.example/ws', headers=['Authorization'], ping=None)
    """

    url: str
    headers: Mapping[str, str] = {}
    ping: float | None = None
    heartbeat: Heartbeat | None = None

    def __repr__(self) -> str:
        return f"Endpoint({address(self.url)!r}, headers={list(self.headers)}, ping={self.ping})"


class Heartbeat(msgspec.Struct, frozen=True):
    """A message of the venue's own protocol to send every so many seconds.

    `message` may be a function without parameters, called anew each time, for a venue that wants the time or a number.
    """

    message: Any
    every: float


def address(url: str) -> str:
    """Return scheme, host, port and path of an address: what may be shown.

    Examples
    --------
    >>> address("wss://user:password@venue.example:9443/ws?token=secret")
    'wss://venue.example:9443/ws'
    """
    parts = _split(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else "an address without a host"


def shown(url: str, written: str) -> str:
    """Return what may be shown of an address, given what was written if any of it came from a reference.

    Examples
    --------
    >>> shown("wss://venue.example/hunter2/ws", "wss://venue.example/${env:TOKEN}/ws")
    'wss://venue.example/${env:TOKEN}/ws'
    >>> shown("wss://venue.example/ws?token=secret", "")
    'wss://venue.example/ws'
    """
    if not written:
        return address(url)
    return address(written) if _split(written).netloc else written.partition("?")[0]


def checked(url: str, schemes: Sequence[str]) -> str:
    """Return an address as it is, or "" for none.

    Raises
    ------
    ValueError
        If it has no host or another scheme; the message shows no secret.
    """
    parts = _split(url)
    if url and (parts.scheme not in schemes or not parts.netloc.rpartition("@")[2]):
        raise ValueError(f"expected an address like {schemes[-1]}://host/path, was {address(url)}")
    return url


def checked_all(urls: str | Sequence[str], schemes: Sequence[str]) -> str | tuple[str, ...]:
    """Return one address or several as they are.

    Raises
    ------
    ValueError
        If one of them is not of these schemes, or there is none in a list.
    """
    if isinstance(urls, str):
        return checked(urls, schemes)
    if not urls or not all(urls):
        raise ValueError(f"expected an address like {schemes[-1]}://host/path, or a list of them, was an empty one")
    return tuple(checked(url, schemes) for url in urls)


def checked_proxies(proxies: str | Sequence[str]) -> str | tuple[str, ...]:
    """Return one proxy or several as they are; `direct` stands for none.

    Raises
    ------
    ValueError
        If one is neither; the message shows no secret.
    """
    for proxy in [proxies] if isinstance(proxies, str) else proxies:
        parts = _split(proxy)
        if proxy not in {"", DIRECT} and (parts.scheme not in _PROXIES or not parts.hostname):
            raise ValueError(f"expected a proxy like http://host:port or socks5://host:port, was {address(proxy)}")
    return proxies if isinstance(proxies, str) else tuple(proxies)


def in_regions(region: str, regions: Mapping[str, Sequence[str]] | None) -> str:
    """Return a region as it is, if it is one of those given, or if they are not known.

    Raises
    ------
    ValueError
        If there is no such region.
    """
    if region and regions is not None and region not in regions:
        known = f"one of {', '.join(sorted(regions))}" if regions else "none: this venue has no regions"
        raise ValueError(f"expected {known}, was {region!r}")
    return region


def positive(length: Duration) -> Duration:
    """Return a length of time as it is.

    Raises
    ------
    ValueError
        If it is zero.
    """
    if length <= 0:
        raise ValueError(f"expected more than 0s, was {length}")
    return length


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # a bracket or a character no address may have; its text may hold a secret
        return SplitResult("", "", "", "", "")
