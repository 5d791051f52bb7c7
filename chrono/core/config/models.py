"""What a pipeline file may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, PlainValidator, PrivateAttr, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, core_schema

from chrono.core.component import Component, Config
from chrono.core.config.problems import problem
from chrono.core.config.yaml import Node, locate
from chrono.core.types import PRICE_LIMIT, Pair
from chrono.core.units import Duration, Share, Size

SOURCE_ID = r"^[a-z0-9][a-z0-9_.-]*(/[a-z0-9_.-]+)?$"

ComponentClass: TypeAlias = type[Component]


@dataclass(frozen=True, slots=True)
class Declared:
    """A component as the pipeline file names it.

    Attributes
    ----------
    id : str
        Its name in the pipeline: the key of a source or sink, the type of the others (`type/2` for a second in a list).
    kind : {"source", "aggregator", "detector", "consensus", "sink"}
    type : str
        The word it was asked for by.
    cls : type of Component
    options : Config
        What the user wrote, validated by `cls.Config`; not shown in the repr.
    path : str
        Where it stands, for `PipelineConfig.problem`.
    """

    id: str
    kind: str
    type: str
    cls: ComponentClass
    options: BaseModel = field(repr=False)
    path: str

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


class MarketPattern(NamedTuple):
    """Markets as a feed asks for them: a source id, or a pattern of ids, and a pair.

    Examples
    --------
    >>> pattern = MarketPattern.parse("kraken*:BTC/USD")
    >>> pattern.matches("kraken/eu"), str(pattern.pair)
    (True, 'BTC/USD')
    """

    source: str
    pair: Pair

    @classmethod
    def parse(cls, text: Any) -> MarketPattern:
        """Read `source:BASE/QUOTE`, split at the last colon.

        Raises
        ------
        ValueError
            If it is anything else.
        """
        if isinstance(text, cls):
            return text
        source, _, pair = text.rpartition(":") if isinstance(text, str) else ("", "", "")
        if not source:
            raise ValueError(f"expected a market like kraken:BTC/USD or *:BTC/USD, was {text!r}")
        try:
            return cls(source, Pair.parse(pair))
        except ValueError:
            hint = _meant(pair, prefix=f"{source}:")
            raise ValueError(f"expected a market like kraken:BTC/USD or *:BTC/USD, was {text!r}{hint}") from None

    def matches(self, source: str) -> bool:
        """Tell whether a source id is meant."""
        return source == self.source or fnmatchcase(source, self.source)

    def __str__(self) -> str:
        return f"{self.source}:{self.pair}"


def _meant(text: str, prefix: str = "") -> str:
    guess = re.sub(r"[-_:\s]+", "/", text.strip().upper())
    try:
        return f"; did you mean {prefix + str(Pair.parse(guess))!r}?"
    except ValueError:
        return ""


def _pair(text: str) -> str:
    try:
        return str(Pair.parse(text))
    except ValueError as error:
        raise ValueError(f"{error}{_meant(text)}") from None


def _plain(text: str) -> str:
    if "/" in text or text.strip(".") == "":
        raise ValueError(f"expected a name that can be a folder's, was {text!r}")
    return text


def _asset(text: str) -> str:
    try:
        return Pair.parse(f"{text}/{'EUR' if text == 'USD' else 'USD'}").base
    except ValueError:
        raise ValueError(f"expected an asset like USD or USDT, was {text!r}") from None


_PATTERN = {
    "type": "string",
    "pattern": r"^.+:[A-Z0-9][^/]*/[A-Z0-9][^/]*$",
    "examples": ["kraken:BTC/USD", "*:BTC/USDT"],
}
_Markets: TypeAlias = tuple[
    Annotated[MarketPattern, PlainValidator(MarketPattern.parse), WithJsonSchema(_PATTERN)], ...
]
_Quotes: TypeAlias = tuple[Annotated[str, AfterValidator(_asset)], ...]
_Aggregator: TypeAlias = Annotated[Declared, WithJsonSchema({"x-kind": "aggregator"})]
_Detector: TypeAlias = Annotated[Declared, WithJsonSchema({"x-kind": "detector"})]
_Consensus: TypeAlias = Annotated[Declared, WithJsonSchema({"x-kind": "consensus"})]
_Sources: TypeAlias = Annotated[Mapping[str, Declared], WithJsonSchema({"x-kinds": "source"})]
_Sinks: TypeAlias = Annotated[Mapping[str, Declared], WithJsonSchema({"x-kinds": "sink"})]


class LimitsConfig(Config):
    """The publish guard: a value outside is refused with a reason."""

    max_jump: Annotated[Share, Field(gt=0)] | None = None
    """The largest change between two published values, such as 10%."""

    min: Annotated[float, Field(gt=0, lt=PRICE_LIMIT)] | None = None
    """The smallest value that may be published."""

    max: Annotated[float, Field(gt=0, lt=PRICE_LIMIT)] | None = None
    """The largest value that may be published."""

    max_disputed: Annotated[Share, Field(gt=0, lt=1)] | None = None
    """The share of the venues alive that may be rejected; default: two thirds, one third for rates."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("expected min below max, was not; correct one of them")
        return self

    def over(self, base: LimitsConfig) -> LimitsConfig:
        """Return these limits, and those of `base` where these are silent."""
        return base.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})


class DepegConfig(Config):
    """What to do when a stablecoin that prices are quoted in is off its peg to the dollar."""

    beyond: Annotated[Share, Field(gt=0)] = Share("1%")
    """How far from the peg is off; each feed concerned carries a notice then."""

    mode: Literal["convert", "prefer_usd", "halt"] = "convert"
    """What happens then: convert all the same, leave such markets out where others are a quorum, or publish nothing."""


class FlightRecorderConfig(Config):
    """What is kept of what was received, to be written down when something goes wrong."""

    keep: Duration = Field(default=Duration("10m"), ge=Duration("10s"), le=Duration("24h"))
    """How far back to keep frames."""

    max: Size = Field(default=Size("256MB"), ge=Size("1MB"))
    """The most memory they may take up, packed; what is older has to go."""

    folder: Path = Path("flight")
    """Where they are written to, made if it is not there; default: `flight`."""

    pause: Duration = Field(default=Duration("10m"), ge=0)
    """The least time between two alarms that they are written down for."""

    dumps: int = Field(default=10, ge=1)
    """How many times they are kept in the folder; the oldest makes room."""


class FeedConfig(Config):
    """One published price; what is not stated here is taken from the pipeline."""

    decimals: int = Field(default=8, ge=-10, le=18)
    """Decimals a value is published with; negative for tens, hundreds, …"""

    category: str = Field(default="crypto", min_length=1)
    """What kind of asset it is, for sinks that tell them apart."""

    markets: Annotated[_Markets, Field(min_length=1)] | None = None
    """Markets to price it from, `source:BASE/QUOTE`; default: its pair and its stablecoin pairs at every source."""

    quotes: Annotated[_Quotes, Field(min_length=1)] | None = None
    """Quotes taken for the feed's own, converted, where `markets` is not stated."""

    aggregator: _Aggregator | None = None
    """Collapses one market's recent observations into one estimate."""

    detectors: tuple[_Detector, ...] | None = None
    """Judge the estimates before they are agreed on."""

    consensus: _Consensus | None = None
    """Collapses the estimates of all venues into one value."""

    limits: LimitsConfig = LimitsConfig()
    """The publish guard."""

    depeg: DepegConfig | None = None
    """What to do when a stablecoin that it is quoted in is off its peg."""


class PipelineConfig(Config):
    """A price pipeline: feeds, the sources they come from, and where they are published.

    None where the file is silent: the default of aggregator, detectors and consensus is the builder's.
    """

    name: Annotated[str, AfterValidator(_plain)] = Field(min_length=1)
    """What to call the pipeline; default: the name of the file."""

    every: Duration = Field(default=Duration("1s"), gt=0)
    """Time between rounds."""

    quotes: _Quotes = Field(default=("USD", "USDT", "USDC"), min_length=1)
    """Quotes at which a feed in one of them looks for markets; prices in the others are converted."""

    feeds: Mapping[Annotated[str, AfterValidator(_pair)], FeedConfig] = Field(min_length=1, examples=["{BTC/USD: {}}"])
    """What is published, by pair."""

    sources: _Sources = Field(min_length=1, examples=["{kraken: {}}"])
    """Where prices come from: `type`, `type/name`, or any name with an explicit type."""

    aggregator: _Aggregator | None = None
    """Collapses one market's recent observations into one estimate."""

    detectors: tuple[_Detector, ...] | None = None
    """Judge the estimates before they are agreed on."""

    consensus: _Consensus | None = None
    """Collapses the estimates of all venues into one value."""

    limits: LimitsConfig = LimitsConfig()
    """The publish guard of every feed."""

    depeg: DepegConfig = DepegConfig()
    """What to do when a stablecoin that prices are quoted in is off its peg."""

    sinks: _Sinks = Field(default={})
    """Where reports go; default: the console."""

    state: Path | None = None
    """A file that keeps what detectors and consensus remember across restarts."""

    flight_recorder: FlightRecorderConfig | None = None
    """Keeps what was received last, and writes it down when something goes wrong; `{}` for the defaults."""

    _filename: str = PrivateAttr(default="")
    _root: Node | None = PrivateAttr(default=None)

    def feed(self, name: str) -> FeedConfig:
        """Return a feed's settings with what it leaves to the pipeline filled in."""
        feed = self.feeds[name]
        taken = {
            key: getattr(self, key)
            for key in ("quotes", "aggregator", "detectors", "consensus", "depeg")
            if getattr(feed, key) is None
        }
        return feed.model_copy(update={**taken, "limits": feed.limits.over(self.limits)})

    def where(self, path: str) -> str:
        """Return `file:line:col` of a path like `feeds.BTC/USD.markets[0]`, or of its nearest parent in the file."""
        if self._root is None:
            return self.name
        mark = locate(self._root, path)
        return f"{self._filename}:{mark.line}:{mark.column}"

    def problem(self, path: str, message: str) -> str:
        """Write a problem found later in the one-line form of the others."""
        mark = None if self._root is None else locate(self._root, path)
        return problem(self._filename or self.name, mark, path, message)

    def standing(self, filename: str, root: Node) -> Self:
        """Remember the file it was read from, for `where` and `problem`."""
        self._filename, self._root = filename, root
        return self
