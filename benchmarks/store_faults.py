"""A store that fails for long: whether everything is there afterwards, and how late rounds were meanwhile.

The pipeline is a program of its own, killed many times, its database blocked or stopped for a minute; what it printed
is compared with what is stored. The same happens in the tests, for seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random

from measure import percentile, say

from chrono.testing.postgres import Cluster
from tests.store.outages import Program, Scene, frozen, locked


def away(scene: Scene, outage: Callable[[], AbstractContextManager[None]], seconds: float) -> None:
    """Take a database away while rounds go on, and print how late these were before and meanwhile."""
    with scene.running(rounds=50) as program:
        scene.wait(program)
        before = len(program.rounds)
        with outage():
            time.sleep(seconds)
            during = len(program.rounds)
        took = scene.wait(program)
    lost = scene.check()
    tell("  before", program, 0, before)
    tell("  meanwhile", program, before, during)
    say("  rounds lost", f"{lost}", f"of {len(scene.printed)}; all stored {took:.1f} s after it was back")


def tell(what: str, program: Program, since: int, until: int) -> None:
    """Print how long after their instants rounds were printed."""
    late = [each.late * 1e3 for each in list(program.rounds.values())[since:until]]
    say(what, f"{len(late)}", f"rounds, late p50 {percentile(late, 0.5):.0f} ms, most {max(late):.0f} ms")


def killed(scene: Scene, outage: Callable[[], AbstractContextManager[None]], times: int) -> None:
    """Kill the pipeline again and again, every other time with much to be written; print what was lost."""
    chance = Random(1)
    for turn in range(times):
        with scene.running() as program:
            if turn % 2:
                with outage():
                    program.wait(chance.randrange(3, 8))
            time.sleep(chance.uniform(0, 0.3))
            program.kill()
    with scene.running() as program:
        scene.wait(program)
    lost = scene.check()
    say("  printed, but not taken yet when it was killed", f"{lost}", f"of {len(scene.printed)} rounds")


@contextmanager
def stopped(cluster: Cluster) -> Iterator[None]:
    """Stop a server, and start it again."""
    cluster.stop()
    try:
        yield
    finally:
        cluster.start()


def in_sqlite(folder: Path, seconds: float, kills: int) -> None:
    """Let everything happen to a file."""
    one, other = folder / "away.db", folder / "killed.db"
    say("SQLite: another program writes", f"{seconds:g} s")
    away(Scene(folder, {"type": "sqlite", "path": str(one)}, str(one)), lambda: locked(one), seconds)
    say("SQLite: kill -9", f"{kills}", "times")
    killed(Scene(folder, {"type": "sqlite", "path": str(other)}, str(other)), lambda: locked(other), kills)


def in_postgresql(folder: Path, seconds: float, kills: int) -> None:
    """Let everything happen to a server."""
    with Cluster() as cluster:
        outages = {
            "stopped, and started again": lambda: stopped(cluster),
            "frozen": lambda: frozen(cluster.pids),
        }
        for number, (what, outage) in enumerate(outages.items()):
            with cluster.fresh() as database:
                say(f"PostgreSQL: {what}", f"{seconds:g} s")
                sink = {"type": "timescale", "url": database.url, "spool": f"spool{number}"}
                away(Scene(folder, sink, database.url), outage, seconds)
        with cluster.fresh() as database:
            say("PostgreSQL: kill -9", f"{kills}", "times")
            sink = {"type": "timescale", "url": database.url, "spool": "killed"}
            killed(Scene(folder, sink, database.url), lambda: frozen(cluster.pids), kills)


PLACES = {"sqlite": in_sqlite, "postgresql": in_postgresql}


def main() -> None:
    """Let it all happen, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--away", type=float, default=60.0, help="seconds that a database is away")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--databases", nargs="+", choices=PLACES, default=list(PLACES))
    options = parser.parse_args()
    for name in options.databases:
        with tempfile.TemporaryDirectory() as folder:
            PLACES[name](Path(folder), options.away, options.kills)


if __name__ == "__main__":
    main()
