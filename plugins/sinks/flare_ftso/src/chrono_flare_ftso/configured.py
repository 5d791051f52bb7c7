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


def configured(file: Path, sink: str | None = None) -> Configured:
    """Read a pipeline file, check all of it, and return its provider.

    Parameters
    ----------
    file : Path
        The file.
    sink : str, optional
        The name of the sink; needed where there are several of the type.

    Raises
    ------
    ConfigError
        If the file has problems, no such sink, or more than one.
    """
    outline = read_pipeline(file)
    found = {name: each for name, each in outline.sinks.items() if isinstance(each, FlareFtso)}
    if sink is not None and sink not in found:
        was = ", ".join(found) or "none"
        raise ConfigError(f"{file}: expected a sink {sink} of type {FlareFtso.type}, was {was}; correct --sink")
    if sink is None and len(found) != 1:
        if found:
            raise ConfigError(f"{file}: expected one sink {FlareFtso.type}, was {', '.join(found)}; name one by --sink")
        raise ConfigError(f"{file}: expected a sink {FlareFtso.type}, was none; add it under sinks")
    name = next(iter(found)) if sink is None else sink
    feeds = Feeds({feed.name: feed.category for feed in outline.feeds})
    return Configured(name, found[name].config, feeds)
