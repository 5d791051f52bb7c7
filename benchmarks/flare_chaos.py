"""What a provider makes of nodes that lie, fail and fall silent, of nonces and fees, and of being killed.

Real processes on a devnet, each behind two proxies of its own for HTTP and one for WebSocket; judged from the chain
alone. It needs anvil (CHRONO_ANVIL, or node_modules). That one identity is two machines is in `flare_failover.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "sinks" / "flare_ftso" / "tests"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each fault; end with 1 where a round was doubled, wrong, or missed though it could be done."""
    from chaos_rows import pieces, rows, tried
    from devnet_at_hand import network

    from chrono_flare_ftso.devnet.plan import MIN_EPOCH, Plan

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="that each fault lasts")
    parser.add_argument("--round-seconds", type=int, default=10)
    parser.add_argument("--together", type=int, default=6, help="providers at once")
    parser.add_argument("--row", default="", help="only rows whose name has this in it")
    parser.add_argument("--said", action="store_true", help="print what a provider said whose row does not hold")
    given = parser.parse_args(arguments)
    wanted = [each for each in rows() if given.row in each.name]
    bad = 0
    print(f"{'':3} {'fault':42} {'rounds':>6} {'applied':>7} {'doubled':>7} {'wrong':>5} {'missed':>6}")
    for piece in pieces(wanted, given.together):
        epochs = piece[0].epochs
        plan = Plan(
            round_seconds=given.round_seconds,
            epoch_rounds=MIN_EPOCH if epochs else 200,
            providers=3,
            free=len(piece),
        )
        free = [each for each in plan.entities() if not each.simulated]
        options = [
            f"--{name.replace('_', '-')}={getattr(plan, name)}"
            for name in ("round_seconds", "epoch_rounds", "providers", "free")
        ]
        with tempfile.TemporaryDirectory() as folder, network(Path(folder), *options) as made:
            rounds = MIN_EPOCH * epochs or given.rounds
            for each in asyncio.run(tried(made, plan, free, piece, rounds)):
                told = each.told
                print(
                    f"{each.row.scenario:3} {each.row.name:42} {told.rounds:6} {each.applied:7} {len(told.doubled):7} "
                    f"{len(told.wrong):5} {each.missed:6}" + ("" if each.row.affords else "  (it cannot pay)"),
                    flush=True,
                )
                bad += not each.holds
                if given.said and not each.holds:
                    print(told, each.said, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
