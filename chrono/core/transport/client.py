"""The HTTP client, imported when it is first needed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

TIMEOUT = 10.0
"""Seconds for one request as a whole."""


def http_client() -> httpx.AsyncClient:
    """Return a client with chrono's timeouts, to be closed by who asked for it."""
    import httpx  # costs some 60 ms that a streaming pipeline need not pay

    for name in ("httpx", "httpcore"):
        # below WARNING these two log whole addresses and headers, keys included
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    return httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=True, headers={"User-Agent": "chrono-oracle"})
