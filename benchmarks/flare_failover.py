"""Two machines with one identity: the one that acts is killed again and again, by a lease of each kind.

Real processes on a devnet, killed by SIGKILL at instants of the round that are drawn from a seed; judged from the chain
alone. It needs anvil (CHRONO_ANVIL, or node_modules) and PostgreSQL.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "sinks" / "flare_ftso" / "tests"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each kill and for each kind of lease; end with 1 where a round was doubled, wrong or lost."""
    from devnet_at_hand import network
    from failover_at_hand import TERMS, judged, machines

    from chrono.testing.postgres import provided
    from chrono_flare_ftso.devnet.plan import Plan

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="of each kind")
    parser.add_argument("--round-seconds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    length, drawn = given.round_seconds, random.Random(given.seed)
    plan = Plan(round_seconds=length, epoch_rounds=24, providers=3, free=2)
    by_file, by_server = plan.entities()[-2:]
    options = [f"--round-seconds={length}", "--epoch-rounds=24", "--providers=3", "--free=2"]
    bad = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        provided() as cluster,
        cluster.fresh() as database,
        network(Path(folder), *options) as at,
    ):
        manager = "FlareSystemsManager"
        with (
            machines(
                at, by_file.name, f"{{file: flare-devnet/provider/{by_file.name}.lease, {TERMS}}}", shared=True
            ) as one,
            machines(at, by_server.name, f"{{postgres: '{database.url}', {TERMS}}}", shared=False) as two,
        ):
            # before the first reward epoch nobody votes
            first = max(at.chain.asked(manager, "getCurrentVotingEpochId"), plan.epoch_rounds) + 1
            for _ in range(given.kills):
                for made in (one, two):
                    time.sleep(drawn.uniform(0, length))
                    made.kill()
                    begun = time.monotonic()
                    made.acting()
                    print(f"{made.name}: taken over after {time.monotonic() - begun:.1f} s", flush=True)
                    made.start()
                time.sleep(2.2 * length)
            last = at.chain.asked(manager, "getCurrentVotingEpochId") - 1
            at.until_round(last, 6 * length)
        for kind, entity, made in (("file", by_file, one), ("postgresql", by_server, two)):
            told = judged(at, plan, entity, range(first, last + 1), made.killed)
            print(
                f"{kind}: {len(made.killed)} kills, {told.rounds} rounds, doubled {len(told.doubled)}, wrong "
                f"{len(told.wrong)}, lost {len(told.lost)} of those in flight, {len(told.beyond)} beyond"
            )
            bad += len(told.doubled) + len(told.wrong) + len(told.beyond)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
