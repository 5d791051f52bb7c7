"""Why nothing comes from an exchange, by ccxt's hierarchy of errors."""

from __future__ import annotations

from typing import NamedTuple

_CLIP = 120
_AGAIN = "trying again with growing waits; if it lasts, see the venue's status page"


class Outage(NamedTuple):
    """Why it ended, what to do, and how many seconds to leave the exchange alone at least."""

    code: str
    message: str
    wait: float = 0.0


_KINDS: dict[str, tuple[str, str, float]] = {
    "RateLimitExceeded": ("rate_limited", "waiting; if it lasts, run fewer sources from this address", 60.0),
    "DDoSProtection": ("rate_limited", "waiting; if it lasts, run fewer sources from this address", 60.0),
    "RestrictedLocation": ("blocked", "this address or its country is blocked; use a proxy, or leave it out", 300.0),
    "PermissionDenied": ("blocked", "this address or its country is blocked; use a proxy, or leave it out", 300.0),
    "AuthenticationError": ("unauthorized", "keys are wanted; state them in `options`, or leave it out", 300.0),
    "ExchangeNotAvailable": ("unavailable", _AGAIN, 0.0),
    "RequestTimeout": ("timeout", _AGAIN, 0.0),
    "NetworkError": ("network", _AGAIN, 0.0),
    "BadSymbol": ("rejected", "check that the venue lists it, or leave the market out", 300.0),
    "BadResponse": ("unreadable", f"{_AGAIN}; or update ccxt", 0.0),
    "ExchangeError": ("rejected", "the venue refuses this; leave out what it is about, or update ccxt", 0.0),
    "BaseError": ("unavailable", _AGAIN, 0.0),
}
"""By the names of ccxt's classes, the most particular of an error's ancestors first."""


def explained(error: BaseException) -> Outage:
    """Return what an error means; any that is not ccxt's own is a mistake of it.

    Examples
    --------
    >>> explained(KeyError("price")).code
    'unreadable'
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    told = f"{type(error).__name__}: {' '.join(str(error).split())[:_CLIP]}"
    for ancestor in type(error).__mro__:
        if ancestor.__module__.partition(".")[0] == "ccxt" and ancestor.__name__ in _KINDS:
            code, advice, wait = _KINDS[ancestor.__name__]
            return Outage(code, f"{told}: {advice}", wait)
    return Outage("unreadable", f"{told}: {_AGAIN}; or update ccxt")
