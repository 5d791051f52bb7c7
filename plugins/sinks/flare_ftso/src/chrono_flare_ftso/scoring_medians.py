"""What voting rounds came to, from files: results as the data provider publishes them, or a table.

Read are, packed with gzip or not, one after another:

- bodies of `/medianCalculationResults/{round}`: medians and quartiles;
- bodies of `/data/{round}`: medians alone;
- entries of either by themselves, as data availability services have them: `{votingRoundId, id, value, …}`;
- CSV with the columns `round,feed,median`, and `q1,q3,decimals` where they are known.

JSON is one document, or one a line.

Source: `fsp.md` §1.3; flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/voting-types.ts` (median results) and
`libs/ftso-core/src/data/MerkleTreeStructs.ts` (the tree), read 2026-11-23.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from chrono import ConfigError
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.feeds import ID_SIZE, feed_id, feed_name
from chrono_flare_ftso.protocol.text import from_hex
from chrono_flare_ftso.protocol.values import MAX_VOTE
from chrono_flare_ftso.scoring import FeedMedian
from chrono_flare_ftso.scoring_terms import Terms, lines_of, text_of

Found = tuple[int, str, FeedMedian]

_NUMBER = re.compile(r"-?[0-9]{1,12}n?")
_WITHOUT = {"TOO_EARLY", "NOT_AVAILABLE"}
_COLUMNS = {
    "round": "round",
    "feed": "feed",
    "median": "median",
    "q1": "q1",
    "first_quartile": "q1",
    "q3": "q3",
    "third_quartile": "q3",
    "decimals": "decimals",
}
_LAST_ROUND = 2**32 - 1


class Malformed(Exception):
    """What is read is not what it should be; the text says how."""


def file_medians(paths: Iterable[Path], terms: Mapping[str, Terms]) -> dict[int, dict[str, FeedMedian]]:
    """Return what rounds came to, by round and by the feed's name.

    Parameters
    ----------
    paths : iterable of Path
        Files; what they are is seen from what is in them, but CSV from its name.
    terms : mapping of str to Terms
        Where a file does not say them, as CSV does not: decimals, and the percent band.

    Raises
    ------
    ConfigError
        If a file cannot be read, a line is malformed (it says which), or two files contradict each other.
    """
    found: dict[int, dict[str, FeedMedian]] = {}
    for path in paths:
        name = path.name.removesuffix(".gz")
        read = _csv(path, terms) if name.endswith(".csv") else _json(path, terms)
        before = len(found)
        for line, (number, feed, median) in read:
            known = found.setdefault(number, {}).setdefault(feed, median)
            if known[:3] != median[:3]:
                wanted = f"expected the median of {feed} in round {number} that was read before, {known.median}"
                raise ConfigError(f"{path}:{line}: {wanted}, was {median.median}")
            if known.quartile1 is None:
                found[number][feed] = median
        if len(found) == before and not found:
            raise ConfigError(f"{path}: expected the results of voting rounds, was a file without any")
    return found


def _json(path: Path, terms: Mapping[str, Terms]) -> Iterator[tuple[int, Found]]:
    for line, document in _documents(path):
        try:
            for number, feed, median in _results(document):
                band = terms[feed].band_ppm if feed in terms else None
                yield line, (number, feed, median._replace(band_ppm=band))
        except (Malformed, WireError, RecursionError) as error:
            raise ConfigError(f"{path}:{line}: {error}") from None


def _documents(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield documents with their lines: one a line where the first line is one, else one in all."""
    lines = lines_of(path)
    first, text = next(lines, (1, ""))
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        yield 1, _document(path, 1, text_of(path))
        return
    yield first, document
    for number, line in lines:
        yield number, _document(path, number, line)


def _document(path: Path, line: int, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # it tells the line
        json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{line + error.lineno - 1}: expected JSON, was refused: {error.msg}") from None
    except (ValueError, RecursionError):
        pass
    raise ConfigError(f"{path}:{line}: expected JSON of a result, was too deep, or a number of none")


def _results(document: Any) -> Iterator[Found]:
    """Yield the medians of a document, whichever of the shapes it has."""
    if isinstance(document, list):
        for each in document:
            yield from _results(each)
        return
    if not isinstance(document, dict):
        raise Malformed(f"expected the result of a voting round, was {_shown(document)}")
    if document.get("status") in _WITHOUT:
        return
    for key, one in (("medianData", _calculated), ("tree", _leaf), ("data", _leaf)):
        if isinstance(document.get(key), list):
            for each in document[key]:
                yield from one(each)
            return
    yield from _leaf(document)


def _calculated(entry: Any) -> Iterator[Found]:
    """Yield the median of an entry of `/medianCalculationResults/{round}`."""
    try:
        feed, data = entry["feed"], entry["data"]
        (id, name), decimals = _feed(feed["id"]), _whole(feed["decimals"], "decimals", 127)
        numbers = [_optional(data[name], name) for name in ("finalMedian", "quartile1", "quartile3")]
        number = _whole(entry["votingRoundId"], "votingRoundId", _LAST_ROUND, 0)
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"expected {{votingRoundId, feed, data}} of medianData, was without {error}") from None
    yield number, name, FeedMedian(id, decimals, *numbers)


@lru_cache(4096)
def _feed(text: str) -> tuple[bytes, str]:
    id = from_hex(text, ID_SIZE, "feed id")
    return id, feed_name(id).name


def _optional(value: Any, name: str) -> int | None:
    if value is None or value.get("isEmpty") is True:
        return None
    return _whole(value["value"], name, MAX_VOTE)


def _leaf(entry: Any) -> Iterator[Found]:
    """Yield the median of a leaf; that of the random has none."""
    if isinstance(entry, dict) and isinstance(entry.get("body"), dict):
        entry = entry["body"]
    if isinstance(entry, dict) and "isSecure" in entry:
        return
    try:
        number = _whole(entry["votingRoundId"], "votingRoundId", _LAST_ROUND, 0)
        (id, name), decimals = _feed(entry["id"]), _whole(entry["decimals"], "decimals", 127)
        value, turnout = _whole(entry["value"], "value", MAX_VOTE), _whole(entry["turnoutBIPS"], "turnoutBIPS", 65_535)
    except (KeyError, TypeError, AttributeError) as error:
        wanted = (
            "expected a result with medianData or tree, or an entry {votingRoundId, id, value, turnoutBIPS, decimals}"
        )
        raise Malformed(f"{wanted}, was without {error}") from None
    # nobody voted: the leaf says 0 of both
    yield number, name, FeedMedian(id, decimals, value if value or turnout else None)


def _whole(value: Any, name: str, most: int, least: int | None = None) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value.removesuffix("n"))
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or not (-most if least is None else least) <= value <= most
    ):
        raise Malformed(f"{name}: expected a whole number up to {most}, was {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _csv(path: Path, terms: Mapping[str, Terms]) -> Iterator[tuple[int, Found]]:
    reader = csv.reader(text_of(path).splitlines(), strict=True)
    try:
        header = [_COLUMNS.get(name.strip().lower(), "") for name in next(reader, [])]
        if not {"round", "feed", "median"} <= set(header):
            raise Malformed("expected a first line like round,feed,median,q1,q3, was another")
        rows = [(reader.line_num, dict(zip(header, row, strict=False))) for row in reader if any(map(str.strip, row))]
    except (Malformed, csv.Error) as error:
        raise ConfigError(f"{path}:{max(reader.line_num, 1)}: {error}") from None
    inferred = _inferred(rows)
    for line, row in rows:
        try:
            yield line, _row(row, terms, inferred)
        except (Malformed, WireError) as error:
            raise ConfigError(f"{path}:{line}: {error}") from None


def _inferred(rows: Iterable[tuple[int, Mapping[str, str]]]) -> dict[str, int]:
    """Return the most digits after the point that a feed's medians have: decimals, where nothing else says them."""
    most: dict[str, int] = {}
    for _, row in rows:
        feed, digits = row.get("feed", "").strip(), row.get("median", "").strip().partition(".")[2]
        most[feed] = max(most.get(feed, 0), len(digits))
    return most


def _row(row: Mapping[str, str], terms: Mapping[str, Terms], inferred: Mapping[str, int]) -> Found:
    cells = {name: (row.get(name) or "").strip() for name in ("round", "feed", "median", "q1", "q3", "decimals")}
    number = _whole(cells["round"], "round", _LAST_ROUND, 0)
    given = cells["feed"]
    if not given:
        raise Malformed("feed: expected a name such as BTC/USD, was empty")
    id = from_hex(given, ID_SIZE, "feed id") if given[:2] in {"0x", "0X"} else None
    feed = given if id is None else feed_name(id).name
    known = terms.get(feed)
    if cells["decimals"]:
        decimals = _whole(cells["decimals"], "decimals", 127)
    else:
        decimals = inferred[given] if known is None else known.decimals
    if id is None:
        id = feed_id(1, feed) if known is None else known.id
    middle, low, high = (_scaled(cells[name], name, decimals) for name in ("median", "q1", "q3"))
    band = None if known is None else known.band_ppm
    return number, feed, FeedMedian(id, decimals, middle, low, high, band)


def _scaled(text: str, name: str, decimals: int) -> int | None:
    """Return a price as a whole number of its last decimal; None where the cell is empty."""
    if not text:
        return None
    try:
        price = Decimal(text)
        if not price.is_finite() or price.adjusted() > 20:
            raise Malformed(f"{name}: expected a price, was {text[:40]!r}")
        scaled = price.scaleb(decimals)
    except InvalidOperation:
        raise Malformed(f"{name}: expected a price, was {text[:40]!r}") from None
    if scaled != int(scaled):
        wanted = f"{name}: expected at most {decimals} digits after the point, was {text[:40]!r}"
        raise Malformed(f"{wanted}; where the feed has other decimals, say them in a column or with --epoch")
    return _whole(int(scaled), name, MAX_VOTE)
