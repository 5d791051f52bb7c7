"""`chrono flare score`."""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer

from chrono import ConfigError
from chrono_flare_ftso.protocol import networks
from chrono_flare_ftso.protocol.epochs import voting_round
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.text import from_hex

if TYPE_CHECKING:
    from chrono_flare_ftso.scoring import FeedMedian
    from chrono_flare_ftso.scoring_terms import Terms
    from chrono_flare_ftso.scoring_values import Stored

Ends: TypeAlias = tuple[int | None, int | None]
Medians: TypeAlias = "dict[int, dict[str, FeedMedian]]"

LEDGER = Path("flare.db")
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)
_ROUND = re.compile(r"[0-9]{1,9}")
_UNIX = re.compile(r"[0-9]{10}")
_SHOWN = 10


class Form(StrEnum):
    """How it is printed."""

    TABLE = "table"
    JSON = "json"


def score(
    *,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"The ledger of the sink flare_feed_values; default: {LEDGER}.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="A store, whose prices are scored in place of a ledger's answers.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose prices, where the store has several pipelines.")
    ] = None,
    second: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=90, help="With --store: the second of a round up to which reports count."),
    ] = 90,
    medians: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|URL", help="Files of results, or a node of the chain; default: the ledger's medians."
        ),
    ] = None,
    network: Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(networks.NETWORKS)}.")] = "flare",
    since: Annotated[
        str | None, typer.Option("--from", metavar="ROUND|TIME", help="The first round, or a time in it.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="ROUND|TIME", help="The last round, or a time in it.")
    ] = None,
    feed: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this feed; may be given more than once.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The submit address: who is on the edge of the IQR band has a coin."),
    ] = None,
    epoch: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="reward-epoch-info.json as published: decimals and widths of the PCT band."),
    ] = None,
    band: Annotated[
        int | None, typer.Option(metavar="PPM", min=0, max=1_000_000, help="Half the width of every feed's PCT band.")
    ] = None,
    format: Annotated[Form, typer.Option(help="Print a table or JSON Lines.")] = Form.TABLE,
) -> int:
    """Score what was answered against the medians of voting rounds, feed by feed, and a shadowed provider beside it.

    Distances are between a value, as the vote that is made of it, and the median: in basis points, of all rounds with
    both. The shares are of three bands: 0.5 % is the minimal condition (edges included, 80 % are wanted of all rounds
    and feeds), IQR lies between the quartiles (a vote on the edge counts half where --address is not given), PCT is
    the feed's own band around the median. A round without a vote, or without a median, is a miss.

    Rounds that are compared are those with a published result from the first to the last answer: a round in between
    that was not answered is a miss. --from and --to set other ends.

    A file of results has bodies of the data provider's /medianCalculationResults/ROUND or /data/ROUND, one a line, or
    is a table round,feed,median,q1,q3 as CSV; .gz is unpacked. Widths of the PCT band are those of Flare's reward epoch
    392 where nothing else says them. From a node (http://…, JSON-RPC) commits and reveals of all voters are read, some
    fifty blocks a round, and medians are calculated of them.

    With a shadowed provider a second line has its columns, and the last ones say in how many rounds ours was nearer to
    the median. The verdict is undecided where a fair coin would do as well: p is that of the sign test, and the bound
    for it is the stricter the more feeds are looked at.

    For example:

      chrono flare score

      chrono flare score --medians results.jsonl --from 2026-11-22T00:00Z

      chrono flare score --store prices.db --medians medians.csv --format json
    """
    from chrono_flare_ftso import scoring, scoring_text
    from chrono_flare_ftso.scoring_terms import epoch_terms, known_terms

    terms = known_terms(network) | epoch_terms(epoch or ())
    asked = Asked(ledger, store, pipeline, second, medians or (), _network(network), terms, since, until)
    submit = _address(address)
    stored, published, ends = asked.read()
    if band is not None:
        published = {
            number: {name: each._replace(band_ppm=band) for name, each in of.items()}
            for number, of in published.items()
        }
    rounds = _rounds(stored, published, ends)
    feeds = _feeds(feed or (), {name for number in rounds for name in published[number]})
    scored = scoring.score(stored.values, published, rounds, feeds, stored.shadowed, submit)
    if format is Form.JSON:
        for row in scoring_text.objects(scored):
            typer.echo(json.dumps(row))
    else:
        typer.echo("\n".join(scoring_text.lines(scored)))
    _say(_about(stored, rounds))
    for note in scoring_text.notes(scored):
        _say(note)
    return 0


class Asked(NamedTuple):
    """What is asked for: where values are, where medians are, which rounds."""

    ledger: Path | None
    store: str | None
    pipeline: str | None
    second: int
    medians: Collection[str]
    network: networks.Network
    terms: dict[str, Terms]
    since: str | None
    until: str | None

    def read(self) -> tuple[Stored, Medians, Ends]:
        """Return values, medians, and the first and the last round that are wanted."""
        from chrono_flare_ftso import scoring_values

        if self.store is not None:
            return self._of_store(self.store)
        if self.pipeline is not None:
            raise ConfigError("--pipeline: expected a store with it, was none; name it with --store")
        with scoring_values.opened(self.ledger or LEDGER) as file:
            stored = scoring_values.answered(file)
            if not self.medians:
                return stored, scoring_values.ledger_medians(file, self.terms), self.ends(self.network)
        first, last = min(stored.values), max(stored.values)

        def span(network: networks.Network) -> Ends:
            low, high = self.ends(network)
            return first if low is None else low, last if high is None else high

        network, published = self._published(span)
        return stored, published, self.ends(network)

    def _of_store(self, store: str) -> tuple[Stored, Medians, Ends]:
        from chrono_flare_ftso.scoring_values import store_values

        if self.ledger is not None:
            raise ConfigError("--store: expected either a store or a ledger, were both; leave one out")
        if not self.medians:
            raise ConfigError("--medians: expected files of results or a node beside a store, was none; name one")
        network, published = self._published(self.ends)
        ends = self.ends(network)
        wanted = [number for number in sorted(published) if _within(number, ends)]
        return store_values(store, network, wanted, self.second, self.pipeline), published, ends

    def _published(self, span: Callable[[networks.Network], Ends]) -> tuple[networks.Network, Medians]:
        nodes = [each for each in self.medians if each.startswith(("http://", "https://"))]
        if not nodes:
            from chrono_flare_ftso.scoring_medians import file_medians

            return self.network, file_medians(map(Path, self.medians), self.terms)
        if len(nodes) != len(self.medians):
            raise ConfigError("--medians: expected either files or nodes of one chain, were both; leave one out")
        from chrono_flare_ftso.scoring_chain import chain_medians

        return chain_medians(nodes, self.network, span, _say)

    def ends(self, network: networks.Network) -> Ends:
        """Return the first and the last round that --from and --to name."""
        return _round("--from", self.since, network), _round("--to", self.until, network)


def _rounds(stored: Stored, published: Collection[int], ends: Ends) -> list[int]:
    """Return the rounds to compare: all that have a result, from the first to the last value, or as was asked for."""
    first, last = min(stored.values), max(stored.values)
    low, high = (end if end is not None else other for end, other in zip(ends, (first, last), strict=True))
    found = [number for number in sorted(published) if low <= number <= high]
    if not any(number in stored.values for number in found):
        asked = "" if ends == (None, None) else f", and --from and --to ask for {_span(ends[0], ends[1])}"
        values, medians = _span(first, last), _span(min(published), max(published))
        wanted = "expected rounds that have values and medians, was none"
        raise ConfigError(f"{wanted}: values are of {values}, medians of {medians}{asked}; name other files")
    return found


def _within(number: int, ends: Ends) -> bool:
    low, high = ends
    return (low is None or number >= low) and (high is None or number <= high)


def _feeds(asked: Collection[str], known: Collection[str]) -> Collection[str]:
    for name in asked:
        if name not in known:
            upper = {each.upper(): each for each in known}
            near = difflib.get_close_matches(name.upper(), list(upper), n=1)
            hint = f"did you mean {upper[near[0]]}" if near else f"there are {_some(known)}"
            raise ConfigError(f"--feed: expected a feed of the medians, was {name!r}; {hint}")
    return asked or known


def _about(stored: Stored, rounds: Collection[int]) -> str:
    answered = sum(number in stored.values for number in rounds)
    told = f"rounds {min(rounds)} to {max(rounds)}: {len(rounds)} with medians, {answered} of them answered"
    within = [number for number in stored.values if min(rounds) <= number <= max(rounds)]
    left = len(within) - answered
    more = f"; {left} answered rounds have no result there and are left out" if left else ""
    return f"{told}{more}; {stored.told}"


def _round(option: str, text: str | None, network: networks.Network) -> int | None:
    """Return a round, or the one a time falls into."""
    if text is None:
        return None
    word = text.strip()
    if _ROUND.fullmatch(word):
        return int(word)
    try:
        second = int(word) if _UNIX.fullmatch(word) else _second(word)
    except (ValueError, OverflowError):
        wanted = "a voting round, or a time like 2026-11-22T10:15:00Z or unix seconds"
        raise ConfigError(f"{option}: expected {wanted}, was {text!r}") from None
    return voting_round(network, second)


def _second(text: str) -> int:
    told = datetime.fromisoformat(text)
    return ((told if told.tzinfo else told.replace(tzinfo=UTC)) - _ORIGIN) // timedelta(seconds=1)


def _network(name: str) -> networks.Network:
    try:
        return networks.network(name)
    except ValueError as error:
        raise ConfigError(f"--network: {error}") from None


def _address(text: str | None) -> bytes | None:
    try:
        return None if text is None else from_hex(text, 20, "--address")
    except WireError as error:
        raise ConfigError(str(error)) from None


def _span(first: int | None, last: int | None) -> str:
    if first is None or last is None:
        return f"rounds from {first} on" if last is None else f"rounds up to {last}"
    return f"round {first}" if first == last else f"rounds {first} to {last}"


def _some(names: Collection[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
