"""The values that are scored: those that were answered, those of a shadowed provider, or a store's prices."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from chrono import ConfigError, PermanentError
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.epochs import Timing, round_start
from chrono_flare_ftso.protocol.feeds import feed_id
from chrono_flare_ftso.protocol.values import encode_value
from chrono_flare_ftso.scoring import FeedMedian
from chrono_flare_ftso.scoring_terms import Terms
from chrono_flare_ftso.shadow import NOT_ASKED

_SECOND = 10**9


@dataclass(frozen=True)
class Stored:
    """Values by round and by the feed's name, and what they are.

    Attributes
    ----------
    told : str
        What they are, for people.
    values : mapping of int to mapping of str to float
        What was answered; rounds without an answer are not there.
    shadowed : mapping of int to mapping of str to float
        What a shadowed provider answered, in the rounds that it was asked for; empty where it had no answer.
    """

    told: str
    values: Mapping[int, Mapping[str, float]]
    shadowed: Mapping[int, Mapping[str, float]]


@contextmanager
def opened(
    path: Path, sink: str = "flare_feed_values", advice: str = "name it with --ledger, or a store with --store"
) -> Iterator[Ledger]:
    """Open a ledger that is there.

    Parameters
    ----------
    path : Path
        The file.
    sink : str
        Whose ledger it is to be, for the error.
    advice : str
        What to do where it is none.

    Raises
    ------
    ConfigError
        If it is not there, is empty or none, or what is read from it is not what was written.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: expected the ledger of a sink {sink}, was no file; {advice}")
    if not path.stat().st_size:
        raise ConfigError(f"{path}: expected the ledger of a sink {sink}, was an empty file")
    try:
        with Ledger(path) as ledger:
            yield ledger
    except PermanentError as error:
        raise ConfigError(str(error)) from None
    except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
        told = f"{path}: expected a ledger that can be read, was refused: {error}"
        raise ConfigError(f"{told}; see whether the file is damaged") from None


def answered(ledger: Ledger) -> Stored:
    """Return what was answered for rounds, and what a shadowed provider answered.

    Raises
    ------
    ConfigError
        If no round was answered.
    """
    values = {number: json.loads(text) for number, text in ledger.read("SELECT round, prices FROM answers")}
    if not values:
        raise ConfigError(f"{ledger.path}: expected answers of voting rounds, were none yet; wait for a round")
    asked = ledger.read("SELECT round, prices, problem FROM shadows")
    shadowed = {
        number: {} if text is None else json.loads(text)
        for number, text, problem in asked
        if not (problem or "").startswith(NOT_ASKED)
    }
    return Stored(f"values that were answered, of {ledger.path}", values, shadowed)


def ledger_medians(ledger: Ledger, terms: Mapping[str, Terms]) -> dict[int, dict[str, FeedMedian]]:
    """Return the medians that the sink `flare_data_provider` wrote down.

    Raises
    ------
    ConfigError
        If there are none.
    """
    rows = _rows(ledger)
    if not rows:
        told = f"{ledger.path}: expected medians that the sink flare_data_provider wrote down, were none"
        raise ConfigError(f"{told}; name files of results with --medians, or a node of the chain")
    digits: dict[str, int] = {}
    for row in rows:
        digits[row["feed"]] = max(digits.get(row["feed"], 0), _digits(row["median"]))
    found: dict[int, dict[str, FeedMedian]] = {}
    for row in rows:
        known = terms.get(row["feed"])
        decimals = row.get("decimals")
        if decimals is None:
            # a price has no more digits than its feed: where there are more, the feed's decimals were changed
            decimals = max(digits[row["feed"]], 0 if known is None else known.decimals)
        id = feed_id(1, row["feed"]) if known is None else known.id
        middle, low, high = (_vote(row[name], decimals) for name in ("median", "first_quartile", "third_quartile"))
        band = None if known is None else known.band_ppm
        found.setdefault(row["round"], {})[row["feed"]] = FeedMedian(id, decimals, middle, low, high, band)
    return found


def store_values(url: str, timing: Timing, rounds: Iterable[int], within: int, pipeline: str | None = None) -> Stored:
    """Return a store's prices at the moment of voting rounds: those of the last report before the time to commit ends.

    Parameters
    ----------
    url : str
        A store's address.
    timing : Timing
        Such as a `Network`.
    rounds : iterable of int
        Voting rounds.
    within : int
        Seconds of a round after which nothing counts; its length is when the last commit may be made.
    pipeline : str, optional
        Whose prices, where the store has several.

    Raises
    ------
    ConfigError
        If there is no such store, or it has no report in any of these rounds.
    """
    from chrono.store import Database
    from chrono.store.history import Snapshot, snapshot

    database, wanted = Database(url), list(rounds)
    starts = {number: _SECOND * round_start(timing, number) for number in wanted}

    def read(connection: Any) -> dict[int, Snapshot | None]:
        return {
            number: snapshot(connection, start, start + _SECOND * within, pipeline) for number, start in starts.items()
        }

    found = {number: each for number, each in database.run(read).items() if each is not None}
    if not found:
        span = f"rounds {wanted[0]} to {wanted[-1]}" if wanted else "any round"
        raise ConfigError(f"{database}: expected reports in {span}, was none; name another store or other medians")
    before = [starts[number] + _SECOND * within - each.as_of for number, each in found.items()]
    mean = sum(before) / len(before) / _SECOND
    told = f"prices of the last report in the first {within} s of each round ({mean:.1f} s before, on average)"
    return Stored(f"{told}, of {database}", {number: each.values for number, each in found.items()}, {})


def _rows(ledger: Ledger) -> list[dict[str, Any]]:
    names = [row[1] for row in ledger.read("PRAGMA table_info(medians)")]
    return [dict(zip(names, row, strict=True)) for row in ledger.read("SELECT * FROM medians")]


def _digits(price: Any) -> int:
    exponent = Decimal(repr(price)).normalize().as_tuple().exponent if isinstance(price, float) else 0
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _vote(price: Any, decimals: int) -> int | None:
    """Return a price as a vote; what is whole already is one."""
    return price if price is None or isinstance(price, int) else encode_value(price, decimals)
