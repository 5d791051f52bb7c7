"""The list of feeds of Flare's example value provider, held against its form before anything is made of it.

`chrono.import_feeds` takes what it can of a list and names the rest; what is misspelled is not its concern. Whoever
moves a provider wants to hear of that first.

Form: github.com/flare-foundation/ftso-v2-example-value-provider 489282e, `src/config/feeds.json` and
`src/data-feeds/ccxt-provider-service.ts` (`FeedConfig`), read 2026-11-23.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chrono import ConfigError, Pair

FORM = '[{"feed": {"category": 1, "name": "BTC/USD"}, "sources": [{"exchange": "kraken", "symbol": "BTC/USD"}]}]'
"""A list of one feed and one market."""

_EXCHANGE = re.compile(r"[a-z0-9]{1,40}")
_BY_CCXT = re.compile(r"^  ccxt/([a-z0-9]+): \{\}$", re.MULTILINE)
_SHOWN = 40
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def read(path: Path) -> list[Any]:
    """Read a list and refuse what is wrong with it.

    Returns
    -------
    list
        The feeds as they stand there.

    Raises
    ------
    ConfigError
        With a line for each thing that is wrong: a key that is not known, a name that is no pair, an exchange whose
        name is none.
    """
    tree = _tree(path)
    if not isinstance(tree, list) or not tree:
        raise ConfigError(f"{path}: expected feeds like {FORM}, was {_kind(tree) if tree != [] else 'an empty list'}")
    problems = [f"{path}: feed {number}: {told}" for number, entry in enumerate(tree, 1) for told in _wrong(entry)]
    if problems:
        raise ConfigError(*problems)
    return tree


def by_ccxt(pipeline: str, known: Callable[[str], bool | None] | None = None) -> list[str]:
    r"""Return the exchanges that a pipeline file leaves to chrono-ccxt.

    Parameters
    ----------
    pipeline : str
        The file's text.
    known : callable, optional
        Says whether ccxt has an exchange; None where it is not installed, and nobody can say.

    Raises
    ------
    ConfigError
        If ccxt is installed and does not have one of them.

    Examples
    --------
    >>> by_ccxt("sources:\n  kraken: {}\n  ccxt/ascendex: {}\n", lambda name: True)
    ['ascendex']
    """
    names, has = _BY_CCXT.findall(pipeline), known or in_ccxt
    strange = [name for name in names if has(name) is False]
    if strange:
        wanted = "expected an exchange that chrono or ccxt can read"
        raise ConfigError(*(f"{wanted}, was {name!r}; take its markets out of the list" for name in strange))
    return names


def in_ccxt(name: str) -> bool | None:
    """Return whether the ccxt that is installed has an exchange; None where there is no ccxt.

    It is looked up among the package's files: importing it takes seconds.
    """
    found = find_spec("ccxt")
    if found is None or not found.submodule_search_locations:
        return None
    return any((Path(folder) / f"{name}.py").is_file() for folder in found.submodule_search_locations)


def _tree(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: expected a list of feeds, was not readable: {error.strerror or error}") from None
    except json.JSONDecodeError as error:
        told = f"expected JSON, was broken in line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{path}: {told}: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected JSON in UTF-8, was in another encoding") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected feeds like {FORM}, was nested far deeper") from None


def _wrong(entry: Any) -> Iterator[str]:
    """Yield what is wrong with a feed."""
    yield from _keys(entry, ("feed", "sources"), "feed")
    feed, sources = (entry.get("feed"), entry.get("sources", [])) if isinstance(entry, Mapping) else (None, [])
    if feed is not None:
        yield from _keys(feed, ("category", "name"), "name")
        yield from _named(feed)
    if not isinstance(sources, list):
        yield f"expected a list of sources, was {_kind(sources)}"
        return
    for number, place in enumerate(sources, 1):
        for told in (*_keys(place, ("exchange", "symbol"), "exchange", "symbol"), *_placed(place)):
            yield f"source {number}: {told}"


def _named(feed: Any) -> Iterator[str]:
    """Yield what is wrong with a feed's name and category."""
    if not isinstance(feed, Mapping):
        return
    name, category = feed.get("name", "BTC/USD"), feed.get("category", 1)
    try:
        Pair.parse(name if isinstance(name, str) else "")
    except ValueError:
        yield f"expected a name like BTC/USD, was {_shown(name)}"
    if not isinstance(category, int) or isinstance(category, bool):
        yield f"expected a number of a category such as 1, was {_shown(category)}"


def _placed(place: Any) -> Iterator[str]:
    """Yield what is wrong with an exchange and a symbol; what is no spot market is left to the import to name."""
    if not isinstance(place, Mapping):
        return
    exchange, symbol = place.get("exchange", "kraken"), place.get("symbol", "BTC/USD")
    if not isinstance(exchange, str) or not _EXCHANGE.fullmatch(exchange):
        yield f"expected an exchange like gate, in ccxt's words, was {_shown(exchange)}"
    if not isinstance(symbol, str) or not symbol.isprintable():
        yield f"expected a symbol like BTC/USDT, was {_shown(symbol)}"


def _keys(entry: Any, known: tuple[str, ...], *needed: str) -> Iterator[str]:
    """Yield keys that are not known, with the nearest that is, and those that are missing."""
    if not isinstance(entry, Mapping):
        yield f"expected an object with {' and '.join(known)}, was {_kind(entry)}"
        return
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            what = f"is {near[0]} meant?" if near else "remove it"
            yield f"expected {' and '.join(known)}, was also {_shown(key)}; {what}"
    for key in needed:
        if key not in entry:
            yield f"expected {' and '.join(known)}, was without {key}"


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")


def _shown(value: Any) -> str:
    """Return a value as it can be printed: short, on one line, whatever is in it."""
    text = ascii(value) if isinstance(value, str | int | float | bool) else _kind(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
