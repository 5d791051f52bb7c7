"""Another provider, asked beside this one: what it answers for a round is kept next to what was answered here.

It is asked after the round's first answer is made, in a thread of its own, so it can neither delay nor change it. What
it says is compared feed by feed; `chrono flare score` tells later which of the two was nearer to the medians.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread, current_thread
from typing import Any, NamedTuple

from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.shadow_target import PATIENCE, Target, Trouble, values

AT_ONCE = 3
"""Rounds that are asked for at a time; more are left out."""

BOUND = 0.005
"""How far two values of a feed may lie apart before it is said: the band of the minimal condition."""

KEPT = 100_000
"""Rounds that the ledger keeps, as many as answers."""

NOT_ASKED = "was not asked"
"""How the problem of a round begins that the other provider knows nothing of."""

_PRUNED_EVERY = 500
_LEFT_OUT = 1_000
_MINUTE = 60 * 10**9
_TOLD = 3


class Reading(NamedTuple):
    """What another provider said of a round: values by name, None with a problem where there is no answer."""

    prices: Mapping[str, float] | None
    problem: str | None = None
    code: str = ""


class Distance(NamedTuple):
    """How far another value of a feed is from ours, as a share of ours."""

    feed: str
    share: float


def distances(
    ours: Mapping[str, float], theirs: Mapping[str, float], feeds: Sequence[Mapping[str, Any]]
) -> list[Distance]:
    """Return how far the other's values are from ours, the farthest first; feeds that one has no value for are out.

    Examples
    --------
    >>> distances({"A/USD": 2.0, "B/USD": 4.0}, {"A/USD": 2.0, "B/USD": 3.0}, [{"name": "A/USD"}, {"name": "B/USD"}])
    [Distance(feed='B/USD', share=-0.25), Distance(feed='A/USD', share=0.0)]
    """
    names = dict.fromkeys(name for feed in feeds if isinstance(name := feed.get("name"), str))
    found = [
        Distance(name, (theirs[name] - ours[name]) / abs(ours[name]))
        for name in names
        if name in ours and name in theirs and ours[name]
    ]
    return sorted(found, key=lambda each: -abs(each.share))


@dataclass
class _Line:
    """What one line of the log says of the rounds since the one before it."""

    since: int = -(2**62)
    rounds: int = 0
    worst: Distance | None = None
    compared: set[str] = field(default_factory=set)


class Shadow:
    """Asks another provider what it would have answered, round by round; call it with each round's first answer.

    Parameters
    ----------
    url : str
        Where the other provider listens: it is asked `POST {url}/feed-values/{round}`. A user and a password in it are
        sent as basic authorization. It is never shown.
    ledger : Ledger
        Whose table `shadows` holds what it said.
    now : callable
        Returns the time in nanoseconds.
    tell : callable
        Takes a state, a code and a message, as `AskedSink.tell`; from any thread.
    log : callable
        Takes a line and its fields, as the `info` of a logger; from any thread.
    bound : float
        The distance, as a share, from which on it is said that the two differ.
    patience : float
        Seconds that the other provider has.

    Raises
    ------
    ValueError
        If the address is none of HTTP.

    Notes
    -----
    Statuses: `degraded` with `shadow_unreachable`, `shadow_late`, `shadow_refused`, `shadow_oversized`,
    `shadow_unreadable`, `shadow_busy` or `shadow_differs`; `live` with `shadow_agrees` when it is well again.
    """

    def __init__(
        self,
        url: str,
        ledger: Ledger,
        *,
        now: Callable[[], int],
        tell: Callable[[Any, str, str], None],
        log: Callable[..., None],
        bound: float = BOUND,
        patience: float = PATIENCE,
    ) -> None:
        self._target = Target.parse(url)
        self._ledger = ledger
        self._now = now
        self._tell = tell
        self._log = log
        self._bound = bound
        self._patience = patience
        self._lock = Lock()
        self._asking: set[Thread] = set()
        self._left_out: deque[tuple[int, int]] = deque(maxlen=_LEFT_OUT)
        self._closed = False
        self._writing = Lock()
        self._over = False
        self._ill = False
        self._written = 0
        self._line = _Line()

    def __call__(self, number: int, feeds: Sequence[Mapping[str, Any]], prices: Mapping[str, float]) -> None:
        """Ask about a round that was just answered here; from any thread, and without waiting.

        Parameters
        ----------
        number : int
            The voting round.
        feeds : sequence of mapping
            As they were asked for.
        prices : mapping of str to float
            Our values, by name.
        """
        with self._lock:
            if self._closed:
                return
            if len(self._asking) >= AT_ONCE:
                self._left_out.append((number, self._now()))
                return
            thread = Thread(target=self._work, args=(number, feeds, prices), name="shadow", daemon=True)
            self._asking.add(thread)
            thread.start()

    def close(self, grace: float = 1.0) -> None:
        """Ask no more; who is still asked has `grace` seconds together, and is not written down after that."""
        with self._lock:
            self._closed = True
            left = list(self._asking)
        for thread in left:
            thread.join(grace / len(left))
        with self._writing:
            self._over = True

    def _work(self, number: int, feeds: Sequence[Mapping[str, Any]], prices: Mapping[str, float]) -> None:
        try:
            asked, said = self._now(), self._ask(number, feeds)
            # not the lock that callers take: writing waits for the disk
            with self._writing:
                if not self._over:
                    self._compare(number, self._kept(number, asked, said), feeds, prices)
                    self._keep_left_out()
        finally:
            with self._lock:
                self._asking.discard(current_thread())

    def _ask(self, number: int, feeds: Sequence[Mapping[str, Any]]) -> Reading:
        try:
            return Reading(values(self._target.ask(number, feeds, self._patience), number, feeds))
        except Trouble as trouble:
            return Reading(None, str(trouble), trouble.code)

    def _keep_left_out(self) -> None:
        while self._left_out:
            number, asked = self._left_out.popleft()
            busy = Reading(None, f"{NOT_ASKED}, because {AT_ONCE} rounds were being asked for", "shadow_busy")
            self._compare(number, self._kept(number, asked, busy), (), {})

    def _kept(self, number: int, asked: int, said: Reading) -> Reading:
        """Return what was said when it is written down."""
        try:
            self._write(number, asked, said)
        except sqlite3.Error as error:
            return Reading(None, f"answered what could not be written down: {error}", "unwritten")
        return said

    def _write(self, number: int, asked: int, said: Reading) -> None:
        text = None if said.prices is None else json.dumps(said.prices, separators=(",", ":"))
        self._ledger.write("INSERT OR REPLACE INTO shadows VALUES (?, ?, ?, ?)", number, asked, text, said.problem)
        self._written += 1
        if self._written % _PRUNED_EVERY == 1:
            oldest = "SELECT asked FROM shadows ORDER BY asked DESC LIMIT 1 OFFSET ?"
            self._ledger.write(f"DELETE FROM shadows WHERE asked <= ({oldest})", KEPT)  # noqa: S608 - our own words

    def _compare(
        self, number: int, said: Reading, feeds: Sequence[Mapping[str, Any]], prices: Mapping[str, float]
    ) -> None:
        if said.prices is None:
            told = f"round {number}: the shadowed provider {said.problem}"
            self._say("degraded", said.code, f"{told}; our answers are not touched, see to that provider")
            return
        found = distances(prices, said.prices, feeds)
        far = [each for each in found if abs(each.share) > self._bound]
        if far:
            which = ", ".join(f"{each.feed} by {each.share:+.2%}" for each in far[:_TOLD])
            more = f" and {len(far) - _TOLD} more" if len(far) > _TOLD else ""
            told = f"round {number}: the shadowed provider differs by more than {self._bound:.2%}: {which}{more}"
            self._say("degraded", "shadow_differs", f"{told}; compare both with the market before relying on either")
        else:
            self._say("live", "shadow_agrees", f"round {number}: the shadowed provider agrees in {len(found)} feeds")
        self._fold(number, found)

    def _say(self, state: str, code: str, message: str) -> None:
        if state == "degraded" or self._ill:
            self._tell(state, code, message)
        self._ill = state == "degraded"

    def _fold(self, number: int, found: Sequence[Distance]) -> None:
        """Log the largest distance, in one line a minute at most."""
        line, now = self._line, self._now()
        line.rounds += 1
        line.compared.update(each.feed for each in found)
        if found and (line.worst is None or abs(found[0].share) > abs(line.worst.share)):
            line.worst = found[0]
        if 0 <= now - line.since < _MINUTE:
            return
        self._line = _Line(since=now)
        if line.worst is None:
            self._log("shadow: no feed has a value from both", round=number, rounds=line.rounds)
            return
        told = f"shadow: largest distance {1e4 * line.worst.share:+.2f} bp, {line.worst.feed}"
        self._log(told, round=number, rounds=line.rounds, feeds=len(line.compared))
