"""Numbers for Prometheus, in its text format, and where they are served.

Source: prometheus/docs, `content/docs/instrumenting/exposition_formats.md` (text format 0.0.4: order, escapes, special
values) and `content/docs/concepts/data_model.md` (names); read 2026-11-23.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from chrono_flare_ftso.api import Endpoint

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LABEL = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_HELP = str.maketrans({"\\": "\\\\", "\n": "\\n"})


class Family:
    r"""All series of one name.

    Parameters
    ----------
    name : str
        Such as ``flare_fsp_voting_round_current``.
    kind : str
        ``counter``, which only grows while the process lives, or ``gauge``.
    help : str
        What it says.
    labels : tuple of str
        What its series are told apart by, in the order in which they are shown.

    Examples
    --------
    >>> sent = Family("sent_total", "counter", "What was sent.", ("label",))
    >>> sent.add(label="submit1"); sent.add(2, label="submit1")
    >>> print(*sent.lines(), sep="\n")
    # HELP sent_total What was sent.
    # TYPE sent_total counter
    sent_total{label="submit1"} 3
    """

    def __init__(self, name: str, kind: Literal["counter", "gauge"], help: str, labels: tuple[str, ...] = ()) -> None:
        for each in (name, *labels):
            if not _NAME.fullmatch(each) or (each in labels and each.startswith("__")):
                raise ValueError(f"expected a name of letters, digits and _, was {each!r}")
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
        self._values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, **labels: str) -> None:
        """Say what a series is now."""
        self._values[self._key(labels)] = value

    def add(self, amount: float = 1, **labels: str) -> None:
        """Let a series grow; it begins with 0."""
        key = self._key(labels)
        self._values[key] = self._values.get(key, 0) + amount

    def clear(self) -> None:
        """Forget all series, such as those of feeds that are no more."""
        self._values.clear()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text format; none where there is no series."""
        if not self._values:
            return
        yield f"# HELP {self.name} {self.help.translate(_HELP)}"
        yield f"# TYPE {self.name} {self.kind}"
        for key, value in self._values.items():
            told = ",".join(f'{label}="{text.translate(_LABEL)}"' for label, text in zip(self.labels, key, strict=True))
            yield f"{self.name}{f'{{{told}}}' if told else ''} {_number(value)}"

    def _key(self, labels: dict[str, str]) -> tuple[str, ...]:
        if labels.keys() != set(self.labels):
            raise ValueError(f"{self.name}: expected the labels {self.labels}, was {tuple(labels)}")
        return tuple(labels[label] for label in self.labels)


class Metrics:
    """Families of numbers, shown in the order in which they were made; for one thread.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.gauge("balance", "What it has.").set(float("nan"))
    >>> print(metrics.text(), end="")
    # HELP balance What it has.
    # TYPE balance gauge
    balance NaN
    """

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def counter(self, name: str, help: str, *labels: str) -> Family:
        """Return a new family of counters."""
        return self._made(Family(name, "counter", help, labels))

    def gauge(self, name: str, help: str, *labels: str) -> Family:
        """Return a new family of gauges."""
        return self._made(Family(name, "gauge", help, labels))

    @property
    def families(self) -> tuple[Family, ...]:
        """All families, in their order."""
        return tuple(self._families.values())

    def text(self) -> str:
        """Return all series."""
        return "".join(f"{line}\n" for family in self._families.values() for line in family.lines())

    def _made(self, family: Family) -> Family:
        if family.name in self._families:
            raise ValueError(f"{family.name}: expected a name of its own, was there before")
        self._families[family.name] = family
        return family


def endpoints(text: Callable[[], Awaitable[str]]) -> list[Endpoint]:
    """Return what is served: ``/metrics``, and ``/health`` for a sign of life.

    Parameters
    ----------
    text : callable
        Returns all series, on the server's loop.
    """
    from starlette.responses import PlainTextResponse

    from chrono_flare_ftso.api import Endpoint

    async def metrics(request: Request) -> Response:  # noqa: ARG001 - every handler is given it
        return PlainTextResponse(await text(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def health(request: Request) -> Response:  # noqa: ARG001 - every handler is given it
        return PlainTextResponse("up\n")

    return [Endpoint("GET", "/metrics", metrics, open=True), Endpoint("GET", "/health", health, open=True)]


def _number(value: float) -> str:
    """Return a number as Prometheus reads it, to the last bit.

    Examples
    --------
    >>> [_number(value) for value in (3, 2.5, 10**25, float("inf"), -math.inf)]
    ['3', '2.5', '10000000000000000000000000', '+Inf', '-Inf']
    """
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "+Inf" if value > 0 else "-Inf"
    return repr(value)
