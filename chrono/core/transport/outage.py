"""Why nothing comes from a venue, in words an operator can act on, and how long to leave it alone.

Facts: Retry-After is seconds or a date (RFC 9110, section 10.2.3); 429 is RFC 6585, section 4; 451 is RFC 7725;
418 is how Binance answers an address it banned for ignoring 429 ("General API Information", "HTTP Return Codes").
Read 2026-11-22.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import Any

import msgspec

SLOW = 300.0
"""Seconds between attempts where only a person can help."""

_PAUSE = 60.0
_OF_AN_ADDRESS = {418, 429}
_LONGEST = 7 * 86_400.0


class Outage(msgspec.Struct, frozen=True):
    """Why a connection is down or a request failed.

    `wait` is the least number of seconds to leave the venue alone; `whole` is False for what concerns one request only,
    `of_address` is True for what the venue means for all that comes from this address.
    """

    code: str
    message: str
    wait: float = 0.0
    whole: bool = True
    of_address: bool = False


def pause(seconds: float) -> float:
    """Return a pause that was asked for, within 0 and a week; nonsense is no pause."""
    return min(seconds, _LONGEST) if seconds > 0 else 0.0


def from_status(status: int, headers: Mapping[str, str], where: str, now: int) -> Outage:
    """Explain an HTTP answer that is not what was asked for.

    Parameters
    ----------
    status : int
        The HTTP status.
    headers : mapping of str to str
        Of the answer, looked up by lower-case name.
    where : str
        The address as it may be shown.
    now : int
        Nanoseconds; a Retry-After that is a date counts from here.
    """
    asked = _retry_after(headers.get("retry-after"), now)
    whole = True
    match status:
        case 429:
            advice = "waiting as asked; if it lasts, run fewer sources from this address or poll less often"
            code, wait = "rate_limited", asked or _PAUSE
        case 418:
            advice = "this address is banned for a while; waiting, then run fewer sources from it or poll less often"
            code, wait = "banned", asked or SLOW
        case 403 | 451:
            advice = "this address or its country is blocked; use another region, a proxy or `url`, or leave it out"
            code, wait = "blocked", max(SLOW, asked)
        case 401 | 407:
            advice = "check the credentials of this source or of the proxy"
            code, wait = "unauthorized", max(SLOW, asked)
        case _ if status >= 500:
            advice = "trying again with growing waits; if it lasts, see the venue's status page"
            code, wait = "unavailable", asked
        case _:
            advice = "the address may have moved; update the plugin or correct `url`"
            code, wait, whole = f"http_{status}", max(SLOW, asked), False
    return Outage(code, f"{where} answered HTTP {status}: {advice}", wait, whole, status in _OF_AN_ADDRESS)


def from_error(error: Exception, where: str, now: int) -> Outage:
    """Explain an error on the way to a venue, without its text where that may quote an address."""
    response: Any = getattr(error, "response", None)
    if response is not None:
        return from_status(response.status_code, response.headers, where, now)
    chain = [error, *_causes(error)]
    for kind, code, advice in _NETWORK:
        if any(isinstance(cause, kind) for cause in chain):
            return Outage(code, f"{where} {advice}")
    if "Timeout" in type(error).__name__:
        return Outage("timeout", f"{where} {_TIMEOUT}")
    return Outage("handshake", f"{where} broke off the handshake ({type(error).__name__}): {_AGAIN}")


_AGAIN = "trying again with growing waits; if it lasts, see the venue's status page"
_TIMEOUT = "did not answer in time: trying again with growing waits; if it lasts, check the network"
_NETWORK: tuple[tuple[type[Exception], str, str], ...] = (
    (gaierror, "dns", "cannot be resolved: trying again; check the name and this machine's DNS"),
    (ssl.SSLError, "tls", "failed the TLS handshake: trying again; check this machine's clock, certificates and proxy"),
    (TimeoutError, "timeout", _TIMEOUT),
    (ConnectionRefusedError, "refused", f"refused the connection: {_AGAIN}"),
    (OSError, "network", "cannot be reached: trying again with growing waits; if it lasts, check the network"),
)


def _causes(error: BaseException) -> list[BaseException]:
    # an HTTP client wraps what the socket said, sometimes twice
    found: list[BaseException] = []
    while (cause := error.__cause__ or error.__context__) is not None and cause not in found:
        found.append(cause)
        error = cause
    return found


def _retry_after(value: str | None, now: int) -> float:
    if not value:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        return pause(_until(value, now))
    return pause(seconds) if math.isfinite(seconds) else 0.0


def _until(date: str, now: int) -> float:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    # a date without a zone is read as GMT, which RFC 9110 demands of all of them
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (aware - datetime.fromtimestamp(now / 1e9, UTC)).total_seconds()
