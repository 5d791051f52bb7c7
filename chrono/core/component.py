"""What a plugin author subclasses, and what the host hands to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self, TypeAlias, get_args

import msgspec
import structlog
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from chrono.core.clock import Clock, WallClock
from chrono.core.missing import OnMissing
from chrono.core.types import Agreement, Estimate, Kind, Market, Pair, Report, Tick, Verdict
from chrono.core.units import Duration
from chrono.core.windows import Window

State: TypeAlias = Literal["starting", "live", "degraded", "waiting", "failed", "stopped"]


class Status(msgspec.Struct, frozen=True):
    """How a component, or one market of it, is doing; `code` is a word, `message` says what to do."""

    component: str
    state: State
    code: str = ""
    message: str = ""
    market: Market | None = None
    at: int = 0


class Emit(Protocol):
    """Hand a tick to the board; `received` is the time of receipt, now when it is not given.

    Only chrono's own connections may state it: what a source with its own one emits is stamped as it comes in, so that
    no tick claims to be older than a round that was priced without it.
    """

    def __call__(self, tick: Tick, received: int | None = None) -> None: ...


class Recorder(Protocol):
    """Where raw frames go while a pipeline is recorded."""

    def write(
        self, source: str, kind: str, data: bytes | str | None = None, *, ts: int, conn: int, **more: Any
    ) -> None:
        """Append one line to the recording."""
        ...


def _silent(status: Status) -> None:
    """Tell nobody."""


def _undescribed() -> Any:
    """Know of no pipeline."""
    raise LookupError("expected a component that runs in a pipeline, was one that was made by itself")


@dataclass(frozen=True, slots=True)
class Context:
    """What the host gives a component: its name, the time, where to report, log and record, what its pipeline is."""

    name: str
    clock: Clock = field(default_factory=WallClock)
    report: Callable[[Status], None] = _silent
    recorder: Recorder | None = None
    logger: Any = field(default_factory=structlog.get_logger)
    describe: Callable[[], Any] = _undescribed
    """Returns a `Description`: how each feed of the pipeline is priced, as plain data."""

    def status(self, state: State, code: str = "", message: str = "", market: Market | None = None) -> None:
        """Say how things are; repeated equal words are folded by the host."""
        self.report(Status(self.name, state, code, message, market, self.clock.now()))


class Secret(str):
    """Text that came from a `${…}` reference; wherever it is shown, the reference stands for the value.

    Examples
    --------
    >>> Secret("hunter2", "${env:PASSWORD}")
    ${env:PASSWORD}
    """

    written: str

    def __new__(cls, value: str, written: str = "${…}") -> Self:
        """Keep what was written beside what it stands for."""
        secret = super().__new__(cls, value)
        secret.written = written
        return secret

    def __repr__(self) -> str:
        return self.written


def _reference(value: Any) -> str:
    if isinstance(value, Secret):
        return value.written
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return next((written for item in inner if (written := _reference(item))), "")


def _numeric(annotation: Any) -> bool:
    kinds = [annotation, *get_args(annotation)]
    return bool not in kinds and (int in kinds or float in kinds)


def _spelled(value: Any) -> Any:
    """Write true and false as text, which is refused where a number is wanted; Python would count true as 1."""
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    return str(value).lower() if isinstance(value, bool) else value


class Config(BaseModel):
    """What the user may write for a component: unknown keys are refused, values from references stay secret."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    _references: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _note_references(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        config = handler({key: cls._no_switch_for_a_number(key, value) for key, value in data.items()})
        names = {key: name for name, field in cls.model_fields.items() for key in (name, field.alias)}
        for key, value in data.items():
            if written := _reference(value):
                fields = [names[key]] if key in names else cls.model_fields
                config._references.update(dict.fromkeys(fields, written))  # noqa: SLF001 - its own class
                config._note_items(fields, value)  # noqa: SLF001 - its own class
        return config

    def _note_items(self, fields: Iterable[str], value: Any) -> None:
        for place, item in enumerate(value if isinstance(value, list | tuple) else ()):
            if written := _reference(item):
                self._references.update({f"{field}.{place}": written for field in fields})

    @classmethod
    def _no_switch_for_a_number(cls, key: str, value: Any) -> Any:
        field = cls.model_fields.get(key)
        if isinstance(value, bool | list | dict) and field is not None and _numeric(field.annotation):
            return _spelled(value)
        return value

    def written(self, name: str, place: int | None = None) -> str:
        """Return what stands in the file for an option that came from a reference, or for one item of it, else ""."""
        return self._references.get(name if place is None else f"{name}.{place}", "")

    def without_secrets(self, text: str) -> str:
        """Return a text with what the file stands for in place of every secret among these options."""
        for name in type(self).model_fields:
            value, written = getattr(self, name), self.written(name)
            if isinstance(value, SecretStr):
                value, written = value.get_secret_value(), written or "**********"
            if written and value and isinstance(value, str):
                text = text.replace(value, written)
            for place, item in enumerate(value if isinstance(value, list | tuple) else ()):
                if isinstance(item, str) and item and (hidden := self.written(name, place)):
                    text = text.replace(item, hidden)
        return text

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show a reference in place of what it stands for, and nothing that could be computed from it."""
        hidden = self._references
        for name, value in super().__repr_args__():
            if name in hidden:
                yield name, Secret("", hidden[name])
            elif not hidden or name in type(self).model_fields:
                yield name, value


class Component(ABC):
    """Anything named in a pipeline file.

    Attributes
    ----------
    type : str
        The word in the YAML and the name of the entry point.
    config : Config
        What the user wrote, validated.
    context : Context
        What the host gives.
    """

    type: ClassVar[str]

    class Config(Config):
        """No options."""

    config: Any

    def __init__(self, config: BaseModel | None = None, context: Context | None = None) -> None:
        self.config = self.Config() if config is None else config
        self.context = Context(self.type) if context is None else context

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None


class Source(Component):
    """Turns what a venue says into ticks.

    Subclass `WebSocketSource` or `PollingSource` for a venue that chrono connects to; subclass this one, and implement
    `run`, only for a source that brings its own connection.
    """

    connects: ClassVar[bool] = False
    """True where chrono owns the connection and can replay its frames."""

    aliases: ClassVar[Mapping[str, str]] = {}
    """What the venue calls an asset, by our name, where it differs: `{"BTC": "XBT"}`."""

    class Config(Config):
        """Options every source has."""

        group: str = ""
        """The venue behind this source, where two sources of one pipeline reach the same one."""

    @property
    def group(self) -> str:
        """The venue behind this source: what the user says, else its type where it connects, else its own name."""
        return str(self.config.group) or (self.type if self.connects else self.context.name)

    def alias(self, asset: str) -> str:
        """Return what the venue calls an asset, by `aliases`."""
        return self.aliases.get(asset, asset)

    def asset(self, alias: str) -> str:
        """Return which asset it is that the venue calls so; the reverse of `alias`."""
        return next((asset for asset, known in self.aliases.items() if known == alias), alias)

    def symbol(self, pair: Pair) -> str:
        """Return what the venue calls a pair.

        Raises
        ------
        ValueError
            If the venue can never list it, such as a fiat quote on a venue without fiat.
        """
        return f"{self.alias(pair.base)}/{self.alias(pair.quote)}"

    @abstractmethod
    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Emit ticks until cancelled.

        Raises
        ------
        TransientError
            To be run again after a wait.
        PermanentError
            To be left stopped; the status says why.
        """


class Aggregator(Component):
    """Collapses time: one market's window into one estimate.

    Attributes
    ----------
    reads : {"trades", "quotes", "tickers"}
        Which window it wants.
    breakdown : float
        The share of bad points it withstands, 0 to 0.5; of an instance where it depends on its options.

    Notes
    -----
    `aggregate` is handed what the options `count` and `volume` leave of a window; a subclass need not know of them.
    """

    reads: ClassVar[Kind] = "trades"
    breakdown: float = 0.0

    class Config(Config):
        """Options every aggregator has."""

        window: Duration = Field(default=Duration("60s"), gt=0, le=Duration("24h"))
        """How far back to look; a day at most, since the board keeps that much."""
        count: int | None = Field(default=None, ge=1)
        """Only the newest so many observations of the window."""
        volume: float | None = Field(default=None, gt=0)
        """Only the newest trades of the window that together reach so many base units."""

        @field_validator("volume")
        @classmethod
        def _of_trades(cls, volume: float | None, info: ValidationInfo) -> float | None:
            # the component that a pipeline file asks for
            reads = getattr(info.context, "reads", "trades")
            if volume is not None and reads != "trades":
                wanted = "expected a volume only where trades are read"
                raise ValueError(f"{wanted}, was an aggregator of {reads}; write `count` or `window`")
            return volume

    def __init__(self, config: BaseModel | None = None, context: Context | None = None) -> None:
        super().__init__(config, context)
        if self.config.count is not None or self.config.volume is not None:
            # only where it is asked for: a round calls an aggregator once for every market
            self.aggregate = self._aggregate_cut  # type: ignore[method-assign]

    def _aggregate_cut(self, window: Any) -> Estimate:
        """Aggregate what the options leave of a window."""
        count, volume = self.config.count, self.config.volume
        if count is not None:
            window = window.newest(count)
        if volume is not None:
            window = window.of_volume(volume)
        return type(self).aggregate(self, window)

    @property
    def span(self) -> int:
        """Nanoseconds of the window it wants."""
        return int(self.config.window)

    @abstractmethod
    def aggregate(self, window: Any) -> Estimate:
        """Return the market's price at `window.as_of`; a pure function.

        Raises
        ------
        InsufficientData
            If the window holds too little.
        """

    def estimate(self, window: Window, value: float, n: int | None = None) -> Estimate:
        """Make an estimate of a value, with the window's own weight and age."""
        market = window.market
        if n is None:
            # len() of a window is a call more, for every market
            n = len(window) if window.stop is None else window.stop - window.start
        return Estimate(
            market,
            market.pair,
            float(value),
            window.turnover,
            n,
            window.age,
            self.type,
            (),
            window.as_of,
            window.rhythm,
        )


class Detector(Component):
    """Judges estimates: `native` in the market's own quote, `cohort` against the other markets of a feed.

    `state` is whatever the detector remembers: None at first, otherwise what it returned last, made of JSON's types.
    """

    stage: ClassVar[Literal["native", "cohort"]] = "cohort"

    @abstractmethod
    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Return a verdict for each estimate that is out of the ordinary, and what to remember; a pure function."""


class Consensus(Component):
    """Collapses venues: estimates in the feed's quote into one value or a stated refusal.

    Attributes
    ----------
    breakdown : float
        The share of the weight, or of the count, that may be wrong without carrying the result away; of an instance
        where it depends on its options.
    """

    breakdown: float = 0.0

    @abstractmethod
    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        """Return one value; a pure function, independent of the order of the estimates.

        Raises
        ------
        NoQuorum
            If too few independent groups are left.
        """

    def agree_with(self, estimates: Sequence[Estimate], state: Any) -> tuple[Agreement, Any]:
        """Agree and remember; for strategies that learn. `state` is as a detector's."""
        return self.agree(estimates), state

    @property
    def wanted(self) -> int:
        """Groups needed for an answer, checked against the pipeline before it starts."""
        return int(getattr(self.config, "min_venues", 1))

    @property
    def max_age(self) -> int | None:
        """Nanoseconds after which an estimate, or a rate it was converted with, no longer counts.

        None leaves it to the rhythm of each market: four times that, between 30 s and 5 min.
        """
        return getattr(self.config, "max_age", None)


class Sink(Component):
    """Publishes reports.

    Attributes
    ----------
    buffer : int
        Reports it may be behind before the oldest is dropped and counted; at least 1.

    Notes
    -----
    `publish` is handed what the option `on_missing` makes of a report; a subclass need not know of it, only derive its
    own options from `Sink.Config`.
    """

    buffer: ClassVar[int] = 16

    class Config(Config):
        """Options every sink has."""

        on_missing: OnMissing = "skip"
        """When a feed has no value: `skip` it, publish its `last` one for a while, or `fail`: publish no report."""

    def trigger(self, clock: Clock) -> AsyncIterator[int] | None:  # noqa: ARG002 - for sinks with a rhythm of their own
        """Return the instants, in nanoseconds, at which this sink wants a report; None for every round.

        Each instant is priced when it has passed, and that report goes to this sink alone; what is priced in between
        rounds is not remembered by them. A replay, whose clock is not the sink's, hands over every round.
        """
        return None

    def told(self, status: Status) -> None:
        """Hear of a status that changed, of whatever component; called as it changes, so it must not wait."""

    def listener(self) -> Callable[[Market, Tick, int], None] | None:
        """Return what is to be told of every tick that the board takes, and when it came; None for nobody.

        It is called for each tick of each source, in between two frames: it must be quick, and must not wait.
        """
        return None

    @abstractmethod
    async def publish(self, report: Report) -> None:
        """Publish one report; publishing a round again changes nothing.

        Raises
        ------
        TransientError
            To be called again for this report until its deadline.
        PermanentError
            To be left stopped; the status says why.
        """


class Migrations(NamedTuple):
    """The migrations of tables that a plugin owns.

    Attributes
    ----------
    name : str
        Whose they are; their revision is kept in the table `alembic_version_NAME`.
    folder : Path
        Where the files of alembic's revisions lie.
    dialect : str
        The database that they are for, `sqlite` or `postgresql`; empty for any.
    """

    name: str
    folder: Path
    dialect: str = ""


class Event(msgspec.Struct, frozen=True):
    """What `chrono_event` is told: a status that changed, or a round that was priced."""

    kind: Literal["status", "round"]
    status: Status | None = None
    report: Report | None = None
