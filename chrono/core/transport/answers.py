"""Answers over HTTP: what is listed, what failed, and where in an object the rows are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import GenericAlias
from typing import Any

import msgspec

from chrono.core.transport.rows import row_struct
from chrono.core.transport.wire import Text
from chrono.core.types import RateLimit, Rejected


class market_rows:  # noqa: N801 - used as a function
    """Reads what a venue lists: of each market its symbol, base, quote and whether it trades.

    Parameters
    ----------
    symbol, base, quote : str
        The keys of the venue's words for the market and for its assets.
    state : str or None
        The key of what says whether anything trades there; None where only what trades is listed.
    trading : sequence
        What stands there for a market that trades.
    at : str
        Where in the answer the rows are: keys joined by dots; empty for the answer itself. Rows may be the values of an
        object.
    upper : bool
        Whether the venue writes its assets in lower case, and they are turned into upper case.

    Examples
    --------
    >>> read = market_rows(at="data", symbol="id", base="b", quote="q", state="state", trading=["live"])
    >>> read(b'{"data": [{"id": "BTC-USDT", "b": "BTC", "q": "USDT", "state": "live"}]}')
    [('BTC-USDT', 'BTC', 'USDT', True)]
    """

    def __init__(
        self,
        *,
        symbol: str,
        base: str,
        quote: str,
        state: str | None = None,
        trading: Sequence[str | int | bool] = (),
        at: str = "",
        upper: bool = False,
    ) -> None:
        keys = {"symbol": symbol, "base": base, "quote": quote, "state": state}
        row, fields = row_struct("Listed", keys, {"state": str | int | bool}, otherwise=Text)
        self._rows: Any = GenericAlias(list, (row,)) | GenericAlias(dict, (str, row))
        self._state = "state" in fields
        self._trading, self._at = frozenset(trading), at
        self._name: Callable[[str], str] = str.upper if upper else str

    def __call__(self, data: bytes) -> list[tuple[str, str, str, bool]]:
        """Return each market's symbol, base, quote and whether it trades.

        Raises
        ------
        ValueError
            If the answer is not as documented.
        """
        found = msgspec.json.decode(inside(data, self._at), type=self._rows)
        rows = found.values() if isinstance(found, dict) else found
        name = self._name
        return [
            (row.symbol, name(row.base), name(row.quote), not self._state or row.state in self._trading) for row in rows
        ]


class refusals:  # noqa: N801 - used as a function
    """Reads what failed from an object that has a code for it, such as an HTTP answer of status 200.

    Parameters
    ----------
    code, reason : str
        The keys of the code and of the words for people.
    fine : sequence
        Codes with which nothing failed; an object without a code is fine, too.
    busy : sequence
        Codes of too many requests.
    wait : float
        Seconds to wait after one of these.

    Examples
    --------
    >>> refused = refusals(code="code", fine=["0"], reason="msg", busy=["50011"])
    >>> refused(b'{"code": "0", "msg": "", "data": []}', "XX-USDT")
    >>> refused(b'{"code": "51001", "msg": "no such instrument", "data": []}', "XX-USDT")
    Rejected(symbol='XX-USDT', reason='no such instrument')
    """

    def __init__(
        self,
        *,
        code: str,
        reason: str,
        fine: Sequence[str | int | bool] = (),
        busy: Sequence[str | int] = (),
        wait: float = 5.0,
    ) -> None:
        self._code, self._reason = code, reason
        self._fine, self._busy, self._wait = fine, busy, wait

    def __call__(self, data: bytes | msgspec.Raw, symbol: str = "") -> Rejected | RateLimit | None:
        """Return what the object says, of a symbol where it is about one; None where nothing failed.

        Raises
        ------
        ValueError
            If it is no JSON.
        """
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        if not isinstance(found, dict) or self._code not in found:
            return None
        code = msgspec.json.decode(found[self._code])
        if code in self._fine:
            return None
        reason = str(msgspec.json.decode(found.get(self._reason, b'""'))) or f"code {code}"
        return RateLimit(self._wait, reason) if code in self._busy else Rejected(symbol, reason)


def inside(data: bytes | msgspec.Raw, at: str) -> bytes | msgspec.Raw:
    """Return what stands in an object at some keys joined by dots, undecoded.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> bytes(inside(b'{"result": {"list": [1, 2]}}', "result.list"))
    b'[1, 2]'
    """
    for key in filter(None, at.split(".")):
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        if key not in found:
            raise ValueError(f"expected {at}, was an object of {sorted(found)[:8]}")
        data = found[key]
    return data
