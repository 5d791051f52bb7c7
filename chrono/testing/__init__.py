"""What a plugin author tests with: contracts to subclass, damaged frames, a market that never was.

Each name is imported when it is first asked for, so that the parts that need no pytest work without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chrono.testing.aggregators import AggregatorContract as AggregatorContract
    from chrono.testing.consensus import ConsensusContract as ConsensusContract
    from chrono.testing.damage import damaged as damaged
    from chrono.testing.detectors import DetectorContract as DetectorContract
    from chrono.testing.market import Parameters as Parameters
    from chrono.testing.market import SimulatedMarket as SimulatedMarket
    from chrono.testing.market import SimulatedVenue as SimulatedVenue
    from chrono.testing.market import standard_venues as standard_venues
    from chrono.testing.practice import PracticeVenue as PracticeVenue
    from chrono.testing.sinks import SinkContract as SinkContract
    from chrono.testing.sources import SourceContract as SourceContract

_HOMES = {
    "chrono.testing.aggregators": "AggregatorContract",
    "chrono.testing.consensus": "ConsensusContract",
    "chrono.testing.damage": "damaged",
    "chrono.testing.detectors": "DetectorContract",
    "chrono.testing.market": "Parameters SimulatedMarket SimulatedVenue standard_venues",
    "chrono.testing.practice": "PracticeVenue",
    "chrono.testing.sinks": "SinkContract",
    "chrono.testing.sources": "SourceContract",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Import a name's home when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'chrono.testing' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
