"""The HTTP client, imported when it is first needed."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    import httpx

DIRECT = "direct"
"""In place of a proxy: none, whatever the environment says."""

TIMEOUT = 10.0
"""Seconds for one request as a whole."""


def http_client(proxy: str = "") -> httpx.AsyncClient:
    """Return a client with chrono's timeouts, to be closed by who asked for it.

    Parameters
    ----------
    proxy : str
        The address of a proxy, `direct` for none, empty for what the environment says.

    Raises
    ------
    ImportError
        If a SOCKS proxy is asked for and the library for it is not installed.
    """
    import httpx  # costs some 60 ms that a streaming pipeline need not pay

    for name in ("httpx", "httpcore"):
        # below WARNING these two log whole addresses and headers, keys included
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    return httpx.AsyncClient(
        timeout=TIMEOUT,
        follow_redirects=True,
        headers={"User-Agent": "chrono-oracle"},
        proxy=None if proxy in {"", DIRECT} else proxy,
        trust_env=proxy != DIRECT,
        verify=tls(trust_env=proxy != DIRECT),
    )


@cache
def tls(*, trust_env: bool) -> ssl.SSLContext:
    """Return how to check certificates, loaded once: it takes tens of milliseconds, in which nothing else is done."""
    import httpx

    return httpx.create_ssl_context(trust_env=trust_env)
