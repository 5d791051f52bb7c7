"""What a served venue is: how it prints, and what it speaks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chrono import ConfigError, Pair, Tick
from chrono.testing.faults import Timed
from chrono_simulated.serving.exchange import Exchange
from chrono_simulated.serving.faults import HttpError, read_faults
from chrono_simulated.serving.frames import Frame
from chrono_simulated.serving.http import PAGE, Request, Response, data
from chrono_simulated.serving.session import Session

BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX", "DOT")
"""What venues list unless told otherwise."""

_BODIES = {"html": (PAGE, "text/html"), "text": (b"under maintenance", "text/plain"), "empty": (b"", "text/plain")}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a venue prints; see `Venue`."""

    seed: int
    rate: float
    quotes: float | None
    name: str
    walk: float
    noise: float
    bias: float
    spread: float
    volume: float


class Venue(ABC):
    """A venue to be served; subclasses speak its protocol.

    Parameters
    ----------
    pairs : sequence of str, optional
        What it lists, like `("BTC/USD", "USDT/USD")`; ten coins and the stablecoins it has unless told otherwise.
    seed : int
        Decides the true prices and, with the venue's name, every print and every draw of a fault.
    rate : float
        Trades per second and pair.
    quotes : float, optional
        Changes of the top of the book per second and pair; as many as trades when not given.
    name : str, optional
        The name the noise is drawn from; the venue's type when not given.
    walk : float
        How far true prices walk in a square-root second; the same for all venues that share a seed.
    noise : float
        Standard deviation of each print around the venue's price.
    bias : float
        How far the venue is always off.
    spread : float
        Ask over bid, less one.
    volume : float
        The venue's share of the turnover.
    faults : iterable of fault or mapping
        What goes wrong, like `{"kind": "hang_up", "every": "30s"}`; see the page of the simulator.

    Raises
    ------
    ConfigError
        If a pair or a fault is not written as it should be.

    Attributes
    ----------
    type : str
        What the command line calls it.
    path : str
        Where the stream is.
    ping_every, pong_within : float
        Seconds between WebSocket's own pings from the venue, 0 for none, and how long it waits for an answer.
    subscribe_within : float
        Seconds after which a connection without a subscription is closed, 0 for never.
    beat_every : float
        Seconds between heartbeats, where the venue has any.
    """

    type: ClassVar[str]
    path: ClassVar[str] = "/"
    quoted: ClassVar[Sequence[str]] = ("USD",)
    stablecoins: ClassVar[Sequence[str]] = ("USDT/USD", "USDC/USD")
    ping_every: ClassVar[float] = 0.0
    pong_within: ClassVar[float] = 60.0
    subscribe_within: ClassVar[float] = 0.0
    beat_every: ClassVar[float] = 1.0

    def __init__(
        self,
        pairs: Sequence[str] | None = None,
        *,
        seed: int = 1,
        rate: float = 5.0,
        quotes: float | None = None,
        name: str = "",
        walk: float = 1e-4,
        noise: float = 2e-4,
        bias: float = 0.0,
        spread: float = 2e-4,
        volume: float = 0.1,
        faults: Iterable[Timed | Mapping[str, Any]] = (),
    ) -> None:
        self.settings = Settings(seed, rate, quotes, name, walk, noise, bias, spread, volume)
        self.pairs = tuple(_pair(text) for text in (self._usual() if pairs is None else pairs))
        self.faults = read_faults(faults)

    @classmethod
    def _usual(cls) -> Sequence[str]:
        return [*(f"{base}/{quote}" for base in BASES for quote in cls.quoted), *cls.stablecoins]

    @abstractmethod
    def symbol(self, pair: Pair) -> str:
        """Return what the stream calls a pair."""

    def refusal(self, exchange: Exchange, request: Request) -> Response | None:  # noqa: ARG002 - for those with tokens
        """Return what answers a handshake at a wrong place or without a right to it; None if the stream may open."""
        return None if request.path.rstrip("/") == self.path.rstrip("/") else Response(404, b"not found", "text/plain")

    def greet(self, session: Session) -> Iterable[Frame]:  # noqa: ARG002 - for those that greet
        """Return what is sent when a connection opens."""
        return ()

    @abstractmethod
    def hear(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Carry out a message, and return what answers it."""

    @abstractmethod
    def say(self, session: Session, tick: Tick) -> Iterable[Frame]:
        """Return the messages a tick is told with, on the channels that are subscribed to."""

    def pack(self, frame: Frame) -> Frame:
        """Return a message as it goes over the wire; override for a venue that compresses."""
        return frame

    def beat(self, session: Session) -> Iterable[Frame]:  # noqa: ARG002 - for those that beat
        """Return the heartbeats that are due."""
        return ()

    @abstractmethod
    def complain(self, session: Session, message: bytes) -> Iterable[Frame]:
        """Return what answers one message too many."""

    def answer(self, exchange: Exchange, request: Request) -> Response:  # noqa: ARG002 - for those with more to say
        """Return what answers a request over HTTP."""
        return data({"error": "not found"}, 404)

    def failure(self, exchange: Exchange, fault: HttpError) -> Response:  # noqa: ARG002 - for those with words
        """Return what answers a request that fails."""
        headers = {} if fault.retry_after is None else {"Retry-After": str(round(fault.retry_after.seconds))}
        if fault.body == "json":
            return Response(fault.status, self.error_body(fault.status), headers=headers)
        body, kind = _BODIES[fault.body]
        return Response(fault.status, body, kind, headers)

    def error_body(self, status: int) -> bytes:
        """Return the body of a failure, in the venue's words."""
        return b'{"message":"error %d"}' % status


def _pair(text: str) -> Pair:
    try:
        return Pair.parse(text)
    except ValueError as error:
        raise ConfigError(f"pairs: {error}") from None
