"""What was published and why, for years: tables, the sinks that write them, and questions to them.

Plugins import what they need from here; nothing behind it is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chrono.core.component import Migrations as Migrations
    from chrono.store.batches import Batch as Batch
    from chrono.store.database import Database as Database
    from chrono.store.entries import Entry as Entry
    from chrono.store.entries import Opening as Opening
    from chrono.store.failures import Away as Away
    from chrono.store.failures import Refused as Refused
    from chrono.store.migrating import downgrade as downgrade
    from chrono.store.migrating import pending as pending
    from chrono.store.migrating import upgrade as upgrade
    from chrono.store.models import Base as Base
    from chrono.store.models import Estimate as Estimate
    from chrono.store.models import Feed as Feed
    from chrono.store.models import Instant as Instant
    from chrono.store.models import Market as Market
    from chrono.store.models import Pipeline as Pipeline
    from chrono.store.models import Price as Price
    from chrono.store.models import Round as Round
    from chrono.store.models import Run as Run
    from chrono.store.models import Status as Status
    from chrono.store.models import Tick as Tick
    from chrono.store.models import Verdict as Verdict
    from chrono.store.models import moment as moment
    from chrono.store.models import nanoseconds as nanoseconds
    from chrono.store.names import Names as Names
    from chrono.store.sink import StoreSink as StoreSink
    from chrono.store.writing import begin as begin
    from chrono.store.writing import tables as tables
    from chrono.store.writing import write as write

_HOMES = {
    "chrono.core.component": "Migrations",
    "chrono.store.batches": "Batch",
    "chrono.store.database": "Database",
    "chrono.store.entries": "Entry Opening",
    "chrono.store.failures": "Away Refused",
    "chrono.store.migrating": "downgrade pending upgrade",
    "chrono.store.models": (
        "Base Estimate Feed Instant Market Pipeline Price Round Run Status Tick Verdict moment nanoseconds"
    ),
    "chrono.store.names": "Names",
    "chrono.store.sink": "StoreSink",
    "chrono.store.writing": "begin tables write",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Import a name's home when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'chrono.store' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
