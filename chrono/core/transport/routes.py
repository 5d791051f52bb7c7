"""Which of several addresses to use, over which proxy, and when to go back to the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from chrono.core.transport.endpoint import shown
from chrono.core.transport.outage import Outage
from chrono.core.types import SECOND

_ELSEWHERE = {
    "address", "banned", "blocked", "dns", "network", "proxy", "rate_limited", "refused", "timeout", "tls",
    "unauthorized", "unavailable",
}  # fmt: skip
_ATTEMPTS = 3
_LONGEST = 4 * 3600.0


class Route(msgspec.Struct, frozen=True):
    """One way to a venue; its repr shows no secret.

    Attributes
    ----------
    url : str
        Where to.
    shown : str
        What may be shown of it.
    proxy : str
        Over which proxy, `direct` for none, empty for what the environment says.
    """

    url: str
    shown: str
    proxy: str = ""

    def __repr__(self) -> str:
        return f"Route({self.shown!r}, proxy={bool(self.proxy)})"


def routes_of(urls: str | Sequence[str], config: Any, now: Callable[[], int]) -> Routes:
    """Return every address over every proxy; of one address all proxies come first.

    Parameters
    ----------
    urls : str or sequence of str
        Where to reach the venue.
    config : Config
        With the options `url` and `proxy`.
    now : callable
        Returns the time in nanoseconds.
    """
    listed = [urls] if isinstance(urls, str) else list(urls)
    proxies = [config.proxy] if isinstance(config.proxy, str) else config.proxy
    ways = [
        Route(url, shown(url, config.written("url", None if isinstance(config.url, str) else place)), proxy)
        for place, url in enumerate(listed)
        for proxy in proxies
    ]
    return Routes(ways, now)


class Routes:
    """The ways to a venue, the first of which is wanted, shared by the connections of one source.

    Parameters
    ----------
    routes : sequence of Route
        In the order to be tried; at least one.
    now : callable
        Returns the time in nanoseconds.
    home_after : float
        Seconds after which the first is tried again; doubled each time that it fails, up to four hours.

    Attributes
    ----------
    current : Route
        The one to use now.
    """

    def __init__(self, routes: Sequence[Route], now: Callable[[], int], home_after: float = 900.0) -> None:
        self.current = routes[0]
        self._routes = routes
        self._now = now
        self._home_after = self._away_for = home_after
        self._resting: dict[Route, int] = {}
        self._failures = 0
        self._left = 0

    @property
    def several(self) -> bool:
        """Whether there is another one."""
        return len(self._routes) > 1

    @property
    def wait(self) -> float:
        """Seconds for which the current one should be left alone."""
        return max(0.0, (self._resting.get(self.current, 0) - self._now()) / SECOND)

    @property
    def homeward(self) -> bool:
        """Whether it is time to try the first one again."""
        away = self.current is not self._routes[0]
        return away and self._now() - self._left >= self._away_for * SECOND and not self._rests(self._routes[0])

    def failed(self, route: Route, outage: Outage) -> bool:
        """Take note of what went wrong on a way; return whether another one is to be used now."""
        self._rest(route, outage)
        if route is not self.current:
            return False
        self._failures += 1
        if outage.code in _ELSEWHERE or self._failures >= _ATTEMPTS:
            return self.leave(route)
        return False

    def healthy(self, route: Route) -> None:
        """Take note that a way has proved itself."""
        if route is self.current:
            self._failures = 0
            if route is self._routes[0]:
                self._away_for = self._home_after

    def leave(self, route: Route) -> bool:
        """Use the next way in place of one, the one that rests the shortest; return whether there is one."""
        if route is not self.current or not self.several:
            return False
        place = self._routes.index(route)
        others = [*self._routes[place + 1 :], *self._routes[:place], route]
        self.current = min(others, key=lambda other: self._resting.get(other, 0) if self._rests(other) else 0)
        self._failures = 0
        if route is self._routes[0] and self.current is not route:
            self._left = self._now()
        return self.current is not route

    def go_home(self) -> None:
        """Use the first way again; if it fails, it is left alone for twice as long."""
        self.current = self._routes[0]
        self._failures = 0
        self._away_for = min(_LONGEST, 2 * self._away_for)

    def _rest(self, route: Route, outage: Outage) -> None:
        """Leave a way alone for as long as its failure asks for; of a ban, all ways from the same address."""
        if not outage.wait:
            return
        until = self._now() + int(outage.wait * SECOND)
        for other in self._routes:
            if other == route or (outage.of_address and other.proxy == route.proxy):
                self._resting[other] = max(until, self._resting.get(other, 0))

    def _rests(self, route: Route) -> bool:
        return self._resting.get(route, 0) > self._now()
