"""The sink `flare_ftso` of a pipeline file, for the commands that act for the same provider."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from chrono import ConfigError, read_pipeline
from chrono_flare_ftso.answers import Feeds
from chrono_flare_ftso.provider.sink import FlareFtso


class Configured(NamedTuple):
    """What a pipeline file says of a provider.

    Attributes
    ----------
    name : str
        The sink's.
    options : FlareFtso.Config
        With every reference looked up.
    feeds : Feeds
        Those that the pipeline publishes.
    """

    name: str
    options: FlareFtso.Config
    feeds: Feeds

    @property
    def ledger(self) -> Path:
        """The file of what was committed to and sent; taken from where the command is run, as the pipeline does."""
        return Path(self.options.ledger)


def providers(file: Path) -> dict[str, Configured]:
    """Read a pipeline file, check all of it, and return its providers by the names of their sinks.

    Parameters
    ----------
    file : Path
        The file.

    Raises
    ------
    ConfigError
        If the file has problems, with a line for each, or no such sink.
    """
    outline = read_pipeline(file)
    feeds = Feeds({feed.name: feed.category for feed in outline.feeds})
    found = {
        name: Configured(name, each.config, feeds)
        for name, each in outline.sinks.items()
        if isinstance(each, FlareFtso)
    }
    if not found:
        raise ConfigError(f"{file}: expected a sink {FlareFtso.type}, was none; add it under sinks")
    return found


def configured(file: Path, sink: str | None = None) -> Configured:
    """Return the provider of a pipeline file; see `providers`.

    Parameters
    ----------
    file : Path
        The file.
    sink : str, optional
        The name of the sink; needed where there are several of the type.

    Raises
    ------
    ConfigError
        Also if there is no sink of that name, or there are several and none is named.
    """
    found = providers(file)
    was = ", ".join(found)
    if sink is None and len(found) > 1:
        raise ConfigError(f"{file}: expected one sink {FlareFtso.type}, was {was}; name one by --sink")
    if sink is not None and sink not in found:
        raise ConfigError(f"{file}: expected a sink {sink} of type {FlareFtso.type}, was {was}; correct --sink")
    return found[sink or was]
