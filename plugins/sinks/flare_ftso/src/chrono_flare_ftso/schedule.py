"""Which voting round and reward epoch it is, as plain values and as lines: what `chrono flare epoch` prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from chrono_flare_ftso.protocol import epochs
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.networks import Network

Tree = dict[str, Any]

_WINDOWS = {
    "commit": "commit",
    "reveal": "reveal",
    "signature_grace": "signature grace",
    "finalization_grace": "finalization grace",
}


def schedule(network: Network, now: int) -> Tree:
    """Return the schedule around a second.

    Parameters
    ----------
    network : Network
        Whose schedule.
    now : int
        Unix seconds, not before the first voting round.

    Returns
    -------
    dict
        Keys network, now, voting_round, reward_epoch, committing, and signing: the deadlines of the round before, None
        in the very first. Each instant has ``time``, ``unix`` and ``seconds``, those from now on.

    Raises
    ------
    ValueError
        If there is no reward epoch yet.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE
    >>> found = schedule(FLARE, 1_720_000_000)
    >>> found["voting_round"]["id"], found["reward_epoch"]["id"], found["signing"]["reveal"]["last"]["seconds"]
    (684111, 203, 34)
    """
    round = epochs.voting_round(network, now)
    start = epochs.round_start(network, round)
    epoch = epochs.reward_epoch(network, round)
    first, last = epochs.first_round(network, epoch), epochs.last_round(network, epoch)
    return {
        "network": network.name,
        "now": _instant(now, now),
        "voting_round": {
            "id": round,
            "start": _instant(start, now),
            "last": _instant(epochs.round_end(network, round), now),
            "seconds_into": now - start,
        },
        "reward_epoch": {
            "id": epoch,
            "expected": True,
            "first_round": first,
            "last_round": last,
            "start": _instant(epochs.reward_epoch_start(network, epoch), now),
            "last": _instant(epochs.round_end(network, last), now),
        },
        "committing": _deadlines(Deadlines.of(network, round), now),
        "signing": _deadlines(Deadlines.of(network, round - 1), now) if round else None,
    }


def lines(tree: Tree) -> Iterator[str]:
    """Yield a schedule as lines for people."""
    round, epoch = tree["voting_round"], tree["reward_epoch"]
    yield f"{tree['network']} at {tree['now']['time']} ({tree['now']['unix']})"
    yield _line(f"voting round {round['id']}", round)
    yield f"  {round['seconds_into']} s into it"
    yield _line(f"reward epoch {epoch['id']}", epoch)
    yield f"  expected: rounds {epoch['first_round']} to {epoch['last_round']}"
    for heading, deadlines in (("to commit", tree["committing"]), ("to reveal, then to sign", tree["signing"])):
        if deadlines:
            yield f"{heading}: round {deadlines['round']}"
            yield from (_line(f"  {_WINDOWS[name]}", deadlines[name]) for name in _WINDOWS)
            yield f"  {'end':<60}{_told(deadlines['end'])}"


def iso(second: int) -> str:
    """Return a time as ISO 8601 in UTC.

    Examples
    --------
    >>> iso(1_720_000_000)
    '2024-07-03T09:46:40Z'
    """
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(second: int, now: int) -> Tree:
    return {"time": iso(second), "unix": second, "seconds": second - now}


def _deadlines(deadlines: Deadlines, now: int) -> Tree:
    windows: dict[str, range] = {name: getattr(deadlines, name) for name in _WINDOWS}
    told = {
        name: {"start": _instant(window.start, now), "last": _instant(window[-1], now)}
        for name, window in windows.items()
    }
    return {"round": deadlines.round, **told, "end": _instant(deadlines.end, now)}


def _line(name: str, window: Tree) -> str:
    return f"{name:<22}{_told(window['start']):<36}to  {_told(window['last'])}"


def _told(instant: Tree) -> str:
    return f"{instant['time']} ({instant['seconds']:+d} s)"
