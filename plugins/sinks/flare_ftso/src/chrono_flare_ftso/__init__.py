"""Flare's FTSO for chrono: the protocol as a library, commands that read it, and sinks that the official stack asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chrono import hookimpl

if TYPE_CHECKING:
    from chrono import Sink


@hookimpl
def chrono_sinks() -> Iterable[type[Sink]]:
    """Bring the sinks."""
    from chrono_flare_ftso.data_provider import DataProvider
    from chrono_flare_ftso.feed_values import FeedValues
    from chrono_flare_ftso.provider.sink import FlareFtso

    return (FeedValues, DataProvider, FlareFtso)
