"""Small components, and a registry of them, for pipeline files."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, SecretStr, field_validator

from chrono.core.component import Aggregator, Component, Config, Consensus, Detector, Sink, Source
from chrono.core.config import PipelineConfig, UnknownType, load
from chrono.core.errors import ConfigError, PluginError
from chrono.core.types import Agreement, Estimate, Market, Report, Verdict
from chrono.core.units import Duration, Share


class Login(Config):
    """Who asks."""

    user: str
    """A name."""

    password: SecretStr
    """A secret."""


class Proxy(Config):
    """A way out."""

    url: str
    """Where it listens."""


class Direct(Config):
    """No way out."""

    interface: str
    """The interface."""

    mtu: int = 1500
    """Bytes in a packet."""


class Kraken(Source):
    """Every public trade of a venue."""

    type = "kraken"

    class Config(Source.Config):
        """Options."""

        silence: Duration = Duration("30s")
        """Longest time without a frame."""

        port: int = Field(default=443, ge=1, le=65535)
        """TCP port."""

        depth: Literal[10, 25, 100] = 10
        """Levels of the book."""

        mode: Literal["trades", "ticker"] = "trades"
        """What to subscribe."""

        key: SecretStr = SecretStr("")
        """API key."""

        token: str = ""
        """A token that this plugin forgot to call a secret."""

        verify: bool = True
        """Check certificates."""

        login: Login | None = None
        """Credentials."""

        route: Proxy | Direct | None = None
        """How to reach the venue."""

        pause: int | Duration = 0
        """Seconds, or a duration."""

        headers: dict[str, str] = Field(default={})
        """Sent with the handshake."""

        limits: list[float] = Field(default=[])
        """Numbers."""

        @field_validator("token")
        @classmethod
        def _known(cls, token: str) -> str:
            if token.startswith("bad"):
                raise ValueError(f"token {token.upper()} is not one of this venue")
            if token.startswith("explode"):
                raise KeyError(token)
            return token

    async def run(self, markets: Sequence[Market], emit: Any) -> None:
        """Do nothing."""


class Coinbase(Kraken):
    """Another venue."""

    type = "coinbase"

    class Config(Source.Config):
        """Options."""


class Twap(Aggregator):
    """The mean over time."""

    type = "twap"

    def aggregate(self, window: Any) -> Estimate:
        """Do nothing."""
        raise NotImplementedError


class Last(Twap):
    """The last price."""

    type = "last"


class Cohort(Detector):
    """Compares venues."""

    type = "cohort"

    class Config(Config):
        """Options."""

        max_deviation: Share = Share("1%")
        """Largest distance."""

    def screen(self, estimates: Sequence[Estimate], state: Any) -> tuple[Sequence[Verdict], Any]:
        """Do nothing."""
        return (), state or len(estimates)


class Flatline(Cohort):
    """Finds the dead."""

    type = "flatline"

    class Config(Config):
        """No options."""


class Median(Consensus):
    """The middle."""

    type = "weighted_median"

    class Config(Config):
        """Options."""

        min_venues: int = 3
        """Quorum."""

    def agree(self, estimates: Sequence[Estimate]) -> Agreement:
        """Do nothing."""
        raise NotImplementedError


class Console(Sink):
    """Prints."""

    type = "console"

    async def publish(self, report: Report) -> None:
        """Do nothing."""


class Sqlite(Console):
    """Stores."""

    type = "sqlite"

    class Config(Config):
        """Options."""

        path: str
        """The file."""


CLASSES: dict[tuple[str, str], type[Component]] = {
    ("source", "kraken"): Kraken,
    ("source", "coinbase"): Coinbase,
    ("aggregator", "twap"): Twap,
    ("aggregator", "last"): Last,
    ("detector", "cohort"): Cohort,
    ("detector", "flatline"): Flatline,
    ("consensus", "weighted_median"): Median,
    ("sink", "console"): Console,
    ("sink", "sqlite"): Sqlite,
}


class Registry:
    """Resolves the classes above and counts how often it was asked."""

    broken: ClassVar[set[str]] = {"broken"}
    classes = CLASSES

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, kind: str, type: str) -> type[Component]:
        """Return a class, or fail as the real registry does."""
        self.asked.append((kind, type))
        if type in self.broken:
            raise PluginError("cannot be imported: no module named 'numba'", plugin=type, distribution="chrono-broken")
        if (kind, type) not in CLASSES:
            raise UnknownType(known=[name for of, name in CLASSES if of == kind])
        return CLASSES[kind, type]


@pytest.fixture
def registry() -> Registry:
    """Return a registry of the small components."""
    return Registry()


@pytest.fixture
def parse(registry: Registry) -> Callable[[str], PipelineConfig]:
    """Return a function that loads a text."""
    return lambda text: load(text, registry, filename="p.yaml")


@pytest.fixture
def problems(registry: Registry) -> Callable[[str], Sequence[str]]:
    """Return a function that loads a bad text and returns its problems."""

    def bad(text: str) -> Sequence[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, registry, filename="p.yaml")
        return caught.value.problems

    return bad
