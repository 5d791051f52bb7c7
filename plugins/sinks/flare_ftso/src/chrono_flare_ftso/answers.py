"""What is answered: the values of one instant, and the rounds whose values are promised.

A round's values are those of its first request's receipt. They are in the ledger before anybody is told of them, so
that whoever asks again has the same, with whatever list of feeds, and after a restart, too.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chrono import PermanentError, Report
from chrono_flare_ftso.ledger import Ledger

KEPT = 100_000
"""Rounds that the ledger keeps, the newest by time: more than a hundred days of 90 s."""

RECENT = 32
"""Rounds that are held in memory, too."""

LAST_ROUND = 2**32 - 1
"""The highest number that a round has: a uint32 on the chain."""

_PRUNED_EVERY = 500
_CODES = {"crypto": 1, "fx": 2, "forex": 2, "commodity": 3, "stock": 4}
_CUSTOM = range(32, 64)


def codes(category: str) -> frozenset[int]:
    """Return the numbers that a feed's category goes by in requests.

    Parameters
    ----------
    category : str
        As the pipeline file has it: a word, `custom`, or a number such as 33 or 0x21.

    Notes
    -----
    FTSO-Scaling reads the category's byte of a feed id as two decimal digits: 0x21 is 33, and it asks for 21. The
    block-latency client asks for 33 (`fsp.md` §1.4).

    Examples
    --------
    >>> sorted(codes("crypto")), sorted(codes("0x21"))
    ([1], [21, 33])
    """
    if category in _CODES:
        return frozenset({_CODES[category]})
    if category == "custom":
        return frozenset(code for byte in _CUSTOM for code in _spellings(byte))
    try:
        return frozenset(_spellings(int(category, 0)))
    except ValueError:
        return frozenset()


def _spellings(byte: int) -> Iterable[int]:
    yield byte
    if byte in _CUSTOM and f"{byte:x}".isdigit():
        yield int(f"{byte:x}")


class Values:
    """The values of one instant.

    Parameters
    ----------
    as_of : int
        Nanoseconds.
    prices : mapping of str to float
        By the feed's name; who is not here has no value.

    Examples
    --------
    >>> values = Values(0, {"BTC/USD": 67123.5, "ETH/USD": 2500.0})
    >>> values.text("BTC/USD"), values.text("ETH/USD"), values.text("XRP/USD")
    (b'67123.5', b'2500', b'')
    """

    def __init__(self, as_of: int, prices: Mapping[str, float]) -> None:
        self.as_of = as_of
        self.prices = prices
        self._texts: dict[str, bytes] = {}

    @classmethod
    def of(cls, report: Report) -> Values:
        """Return the values of a report."""
        return cls(report.round.as_of, {name: price.value for name, price in report.prices.items()})

    def text(self, name: str) -> bytes:
        """Return a value as JSON, a whole number without a point as JavaScript writes it; nothing where it has none."""
        text = self._texts.get(name)
        if text is None:
            value = self.prices.get(name)
            text = b"" if value is None else repr(value).removesuffix(".0").encode()
            # only of feeds that there are: what strangers ask for is not remembered
            if value is not None:
                self._texts[name] = text
        return text


class Answers:
    """The rounds that were answered.

    Parameters
    ----------
    ledger : Ledger
        Whose table `answers` holds them.

    Notes
    -----
    `recent` and `known` may be asked on an event loop; `find` and `freeze` wait for the disk.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._recent: OrderedDict[int, Values] = OrderedDict()
        self._known = {number for (number,) in ledger.read("SELECT round FROM answers")}
        self._frozen = 0
        self._prune()

    def recent(self, number: int) -> Values | None:
        """Return a round's values where they are in memory."""
        return self._recent.get(number)

    def known(self, number: int) -> bool:
        """Say whether a round was answered."""
        return number in self._known

    def find(self, number: int) -> Values | None:
        """Return a round's values; None where it was not answered.

        Raises
        ------
        PermanentError
            If it cannot be read.
        """
        try:
            rows = self._ledger.read("SELECT as_of, prices FROM answers WHERE round = ?", number)
        except sqlite3.Error as error:
            raise self._refused("read", error) from error
        return self.hold(number, Values(rows[0][0], json.loads(rows[0][1]))) if rows else None

    def freeze(self, number: int, values: Values) -> Values:
        """Promise a round's values; return what was promised before where something was.

        Raises
        ------
        PermanentError
            If it cannot be written down.
        """
        text = json.dumps(values.prices, separators=(",", ":"))
        try:
            new = self._ledger.write("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", number, values.as_of, text)
        except sqlite3.Error as error:
            raise self._refused("write", error) from error
        known = None if new else self.find(number)
        self._known.add(number)
        self._frozen += 1
        return known or self.hold(number, values)

    def hold(self, number: int, values: Values) -> Values:
        """Keep a round's values in memory, the newest rounds of them, and return them."""
        self._recent[number] = values
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return values

    def tidy(self) -> None:
        """Forget what is too old, now and then; for when nobody waits."""
        if self._frozen >= _PRUNED_EVERY:
            self._frozen = 0
            self._prune()

    def _refused(self, what: str, error: Exception) -> PermanentError:
        told = f"{self._ledger.path}: expected to {what} the answer of a round, was refused: {error}"
        return PermanentError(f"{told}; see to its rights and room")

    def _prune(self) -> None:
        if len(self._known) <= KEPT:
            return
        oldest = "SELECT as_of FROM answers ORDER BY as_of DESC LIMIT 1 OFFSET ?"
        gone = self._ledger.read(f"SELECT round FROM answers WHERE as_of <= ({oldest})", KEPT)  # noqa: S608 - our own words
        self._ledger.write(f"DELETE FROM answers WHERE as_of <= ({oldest})", KEPT)  # noqa: S608
        self._known -= {number for (number,) in gone}
        for (number,) in gone:
            self._recent.pop(number, None)


class Feeds:
    """The feeds of a pipeline, as requests name them.

    Parameters
    ----------
    categories : mapping of str to str
        Each feed's category, by its name.
    """

    def __init__(self, categories: Mapping[str, str]) -> None:
        self._codes = {name: codes(category) for name, category in categories.items()}

    def name(self, asked: Mapping[str, Any]) -> str:
        """Return the feed that an entry of a request means; empty where there is none.

        Examples
        --------
        >>> feeds = Feeds({"BTC/USD": "crypto"})
        >>> feeds.name({"category": 1, "name": "BTC/USD"}), feeds.name({"category": 2, "name": "BTC/USD"})
        ('BTC/USD', '')
        """
        name, category = asked.get("name"), asked.get("category")
        if not isinstance(name, str) or isinstance(category, bool) or not isinstance(category, int | float):
            return ""
        return name if category in self._codes.get(name, ()) else ""


def listed(entries: Sequence[bytes], names: Sequence[str], values: Values) -> bytes:
    """Return the list of an answer: each feed as it was sent, with its value where it has one.

    Examples
    --------
    >>> listed([b'{"category":1,"name":"BTC/USD"}'], ["BTC/USD"], Values(0, {"BTC/USD": 67123.5}))
    b'[{"feed":{"category":1,"name":"BTC/USD"},"value":67123.5}]'
    """
    rows = []
    for entry, name in zip(entries, names, strict=True):
        text = values.text(name)
        rows.append(b'{"feed":%b,"value":%b}' % (entry, text) if text else b'{"feed":%b}' % entry)
    return b"[%b]" % b",".join(rows)
