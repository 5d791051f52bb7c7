"""What goes wrong on the wire of a served venue, as plain data with units.

A fault counts from the moment the venue is served, or from the moment it is ordered: it begins `after` that and lasts
`for` a while, or until the end. What a venue prints (`outlier`, `silence`, `depeg`, …) goes wrong as it does for a
simulated source; what is here goes wrong between the venue and whoever listens.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from chrono import ConfigError, Duration, Share
from chrono.testing import faults as prints
from chrono.testing.faults import PairText, Timed

__all__ = ["AnyServedFault", "read_faults"]


def _offset(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    sign, length = (value[0], value[1:]) if value[:1] in {"+", "-"} else ("+", value)
    return int(f"{sign}{int(Duration(length))}")


Offset: TypeAlias = Annotated[int, BeforeValidator(_offset)]
"""A length of time with its sign, such as -5s; nanoseconds."""


def _close_code(code: int) -> int:
    # RFC 6455, section 7.4, and the registry of close codes: the others never stand in a frame
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise ValueError(f"expected a close code that a frame may hold, 1000 to 1014 or 3000 to 4999, was {code}")
    return code


class OfPairs(Timed):
    """Something that befalls some pairs, or all of them."""

    pairs: tuple[PairText, ...] = ()
    """The pairs it befalls; every one when empty."""

    def befalls(self, pair: object) -> bool:
        """Say whether a pair is among them."""
        return not self.pairs or str(pair) in self.pairs


class OfSome(Timed):
    """Something that befalls a share of the messages, drawn by the venue's seed."""

    share: Annotated[Share, Field(gt=0, le=1)] = Share("10%")
    """How many of the messages with prices."""


class OfTimes(Timed):
    """Something that may happen so many times and no more."""

    times: int | None = Field(default=None, ge=1)
    """How often it happens at most; without end when it is not given."""


class OfEach(OfTimes):
    """Something that befalls every connection from time to time."""

    every: Duration = Duration("30s")
    """How long after its opening a connection is struck, or after the fault began; 0s for at once."""


class DeadSymbol(OfPairs):
    """Some pairs say nothing while the stream lives: `{kind: dead_symbol, pairs: [BTC/USD]}`."""

    kind: Literal["dead_symbol"] = "dead_symbol"
    """Some pairs say nothing while the others, and the listings, go on."""
    pairs: tuple[PairText, ...] = Field(min_length=1)
    """The pairs that die."""
    cured_by: Literal["subscribing", "connecting"] | None = None
    """What brings them back: subscribing again, connecting again, or nothing until the fault is over."""


class SilentStream(Timed):
    """Nothing is sent any more, not even a heartbeat: `{kind: silent_stream, after: 10s}`."""

    kind: Literal["silent_stream"] = "silent_stream"
    """Nothing is sent, no price, no answer and no heartbeat; protocol pings are answered."""
    cured_by: Literal["connecting"] | None = None
    """What brings it back: connecting again, or nothing until the fault is over."""


class HalfOpen(Timed):
    """The socket is neither read nor written, nor closed: `{kind: half_open, after: 10s}`."""

    kind: Literal["half_open"] = "half_open"
    """Neither reads nor writes, nor closes."""
    cured_by: Literal["connecting"] | None = "connecting"
    """What brings it back: connecting again, unless null."""


class Reject(OfPairs):
    """Subscriptions are refused: `{kind: reject, pairs: [BTC/USD]}`."""

    kind: Literal["reject"] = "reject"
    """Subscriptions are refused in the venue's words; Binance, which has none for that, accepts and says nothing."""


class AcceptUnlisted(Timed):
    """Subscriptions to what is not listed are accepted, and nothing comes: `{kind: accept_unlisted}`."""

    kind: Literal["accept_unlisted"] = "accept_unlisted"
    """Subscriptions to what is not listed are accepted, and nothing comes."""


class Unacknowledged(Timed):
    """No request is answered, although prices come: `{kind: unacknowledged}`."""

    kind: Literal["unacknowledged"] = "unacknowledged"
    """No request is answered, although it is carried out."""


class Delisted(OfPairs):
    """Pairs are gone from the listings and the stream: `{kind: delisted, pairs: [ETH/USD], after: 1h}`."""

    kind: Literal["delisted"] = "delisted"
    """Gone from the listings and silent; subscriptions are refused as for what never was listed."""
    pairs: tuple[PairText, ...] = Field(min_length=1)
    """The pairs that are gone."""


class Halted(OfPairs):
    """Pairs are listed, but not traded: `{kind: halted, pairs: [ETH/USD]}`."""

    kind: Literal["halted"] = "halted"
    """Listed as not trading in the venue's word for it, and silent."""
    pairs: tuple[PairText, ...] = Field(min_length=1)
    """The pairs that are not traded."""


class HangUp(OfEach):
    """The venue closes connections in order: `{kind: hang_up, every: 30s, code: 1001}`."""

    kind: Literal["hang_up"] = "hang_up"
    """Connections are closed with a close frame."""
    code: Annotated[int, AfterValidator(_close_code)] = 1000
    """The code in the close frame."""
    reason: str = Field(default="", max_length=120)
    """The reason in the close frame."""


class Drop(OfEach):
    """Connections end without a close frame, which a client calls 1006: `{kind: drop, every: 30s}`."""

    kind: Literal["drop"] = "drop"
    """Connections end without a close frame."""


class Flap(Timed):
    """The venue goes down and comes back, again and again: `{kind: flap, every: 30s, down: 2s}`."""

    kind: Literal["flap"] = "flap"
    """At the end of every period, all connections are dropped and new ones refused."""
    every: Annotated[Duration, Field(gt=0)] = Duration("30s")
    """How long a period is."""
    down: Annotated[Duration, Field(gt=0)] = Duration("1s")
    """How much of a period, at its end, the venue is down."""

    def is_down(self, elapsed: int) -> bool:
        """Say whether the venue is down, `elapsed` nanoseconds after the start."""
        return self.active(elapsed) and (elapsed - self.after) % self.every >= self.every - self.down


class HttpError(OfTimes):
    """Requests are answered with an error: `{kind: http_error, status: 429, retry_after: 5s}`."""

    kind: Literal["http_error"] = "http_error"
    """The handshake of the stream, and requests over HTTP, are answered with an error."""
    status: int = Field(default=503, ge=200, le=599)
    """The HTTP status; 429, 418, 451, 403, 5xx, or 200 with a page where data is expected."""
    retry_after: Duration | None = None
    """What the header Retry-After asks for, in whole seconds; no header when it is not given."""
    body: Literal["json", "html", "text", "empty"] = "json"
    """What the answer holds."""
    requests: tuple[Literal["stream", "rest"], ...] = ("stream", "rest")
    """Which requests: opening a stream, or asking over HTTP."""


class RateLimit(OfTimes):
    """Requests on the stream are answered with the venue's complaint: `{kind: rate_limit, for: 10s}`."""

    kind: Literal["rate_limit"] = "rate_limit"
    """Requests on the stream are not carried out, but answered with the venue's complaint of too many."""


class Truncated(OfSome):
    """Messages end in the middle: `{kind: truncated, share: 10%}`."""

    kind: Literal["truncated"] = "truncated"
    """Messages that end in the middle."""


class Duplicated(OfSome):
    """Messages come twice: `{kind: duplicated, share: 10%}`."""

    kind: Literal["duplicated"] = "duplicated"
    """Messages that come twice."""


class OutOfOrder(OfSome):
    """Messages come after their successor: `{kind: out_of_order, share: 10%}`."""

    kind: Literal["out_of_order"] = "out_of_order"
    """Messages that come after their successor."""


class Shifted(OfSome):
    """Prints of another time: `{kind: shifted, by: -1h}` from last hour, `by: +1h` from the future."""

    kind: Literal["shifted"] = "shifted"
    """Messages whose times are those of another hour."""
    by: Offset = -3_600_000_000_000
    """How far, with its sign."""


class ClockOff(Timed):
    """The venue's clock is wrong: `{kind: clock_off, by: -5s}`."""

    kind: Literal["clock_off"] = "clock_off"
    """Every time the venue states is off, in prices, heartbeats and answers."""
    by: Offset = 5_000_000_000
    """How far, with its sign."""


class Flood(OfPairs):
    """Far more prints than usual: `{kind: flood, rate: 50000, for: 60s}`."""

    kind: Literal["flood"] = "flood"
    """Far more prints than usual, each with a number and a time of its own."""
    rate: float = Field(default=50_000.0, gt=0, le=1_000_000)
    """Messages a second on each connection, over its pairs together."""


class Refuse(Timed):
    """New connections are refused: `{kind: refuse, for: 20s}`."""

    kind: Literal["refuse"] = "refuse"
    """New connections are refused; those that are open go on."""


class Unanswered(Timed):
    """Connections are taken, and nothing is said: `{kind: unanswered, for: 20s}`."""

    kind: Literal["unanswered"] = "unanswered"
    """Connections are taken, and neither handshake nor request is answered."""


class TlsError(Timed):
    """The TLS handshake fails: `{kind: tls_error}`."""

    kind: Literal["tls_error"] = "tls_error"
    """Whatever a new connection says is answered with a TLS alert, and the connection closed."""


class Injected(OfEach):
    """A message of your own: `{kind: injected, frame: "<html>", every: 1s}`."""

    kind: Literal["injected"] = "injected"
    """A message of your own, sent as text just as it stands."""
    frame: str
    """What it says."""


WireFault: TypeAlias = (
    DeadSymbol
    | SilentStream
    | HalfOpen
    | Reject
    | AcceptUnlisted
    | Unacknowledged
    | Delisted
    | Halted
    | HangUp
    | Drop
    | Flap
    | HttpError
    | RateLimit
    | Truncated
    | Duplicated
    | OutOfOrder
    | Shifted
    | ClockOff
    | Flood
    | Refuse
    | Unanswered
    | TlsError
    | Injected
)

PrintFault: TypeAlias = (
    prints.Outlier
    | prints.Wash
    | prints.FlashCrash
    | prints.Scaled
    | prints.Drift
    | prints.Repeating
    | prints.Held
    | prints.Frozen
    | prints.Silence
)

AnyServedFault: TypeAlias = Annotated[WireFault | PrintFault | prints.Depeg, Field(discriminator="kind")]
"""Any fault of a served venue, told apart by its `kind`."""

_FAULTS: TypeAdapter[tuple[AnyServedFault, ...]] = TypeAdapter(tuple[AnyServedFault, ...])


def read_faults(faults: Iterable[Timed | Mapping[str, Any]]) -> tuple[AnyServedFault, ...]:
    """Return faults that may be written as mappings.

    Parameters
    ----------
    faults : iterable of fault or mapping

    Raises
    ------
    ConfigError
        If one is not known, or has an option it does not take; each problem with its place.

    Examples
    --------
    >>> read_faults([{"kind": "hang_up", "every": "30s"}])[0].code
    1000
    """
    try:
        return _FAULTS.validate_python(tuple(faults))
    except ValidationError as error:
        raise ConfigError(*(_problem(each) for each in error.errors(include_url=False))) from None


def _problem(error: Any) -> str:
    place = ".".join(str(part) for part in ("faults", *error["loc"]))
    if error["type"] == "union_tag_not_found":
        return f"{place}: expected a `kind`, was missing"
    if error["type"] == "union_tag_invalid":
        known, was = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")], error["ctx"]["tag"]
        near = get_close_matches(was, known, 1)
        return f"{place}: expected a kind of {', '.join(sorted(known))}, was {was!r}" + (
            f"; did you mean {near[0]!r}?" if near else ""
        )
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {said[:1].lower()}{said[1:]}"
