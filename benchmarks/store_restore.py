"""How long a backup of a month takes, and how long until it is a database again: of SQLite, and of PostgreSQL."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import say
from store_rounds import made
from store_year import PLACES, ROUNDS, STARTED, Place, Year, fill

from chrono.store.backup import backup, restore
from chrono.store.verifying import verify

LONGEST = 15 * 60.0
"""Seconds that a restore may take."""


def timed(what: str, work: Callable[[], int], wanted: int, longest: float = float("inf")) -> bool:
    """Do something with so many rounds, and print how long it took; return whether that was soon enough."""
    began = time.monotonic()
    found = work()
    took = time.monotonic() - began
    assert found == wanted, f"expected {wanted} rounds, was {found}"
    say(f"  {what}", f"{took:.1f} s", "" if took < longest else f"MORE than {longest:g}")
    return took < longest


def measure(place: Place, month: Year, folder: Path) -> bool:
    """Write a month, back it up, restore it into an empty database, and look whether all is there."""
    say(place.database.dialect, f"{month.days}", "days")
    asyncio.run(fill(place.sink, month))
    rounds, file = month.days * ROUNDS, folder / "backup"
    timed("backup", lambda: backup(place.database, file), rounds)
    say("  its size", f"{file.stat().st_size / 1e6:,.0f} MB")
    soon = timed("restore", lambda: restore(place.other, file), rounds, LONGEST)
    verified = place.other.run(verify)
    problems = len(verified.problems) + verified.more
    say("  problems that `chrono store verify` finds in it", f"{problems}")
    return soon and not problems


def main() -> int:
    """Write, back up, restore, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--feeds", type=int, default=63)
    parser.add_argument("--markets", type=int, default=6, help="markets a feed")
    parser.add_argument("--databases", nargs="+", choices=PLACES, default=list(PLACES))
    parser.add_argument("--folder", type=Path, default=None, help="where there is room")
    options = parser.parse_args()
    month = Year(made(options.feeds, options.markets, STARTED), options.days, 0, 0.0, 66)
    well = True
    for name in options.databases:
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        try:
            with PLACES[name](folder) as place:
                well &= measure(place, month, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return not well


if __name__ == "__main__":
    raise SystemExit(main())
