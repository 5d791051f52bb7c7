"""A whole provider on a devnet for many rounds, by the commands that a user types, judged from the chain alone.

Commits and reveals are read from blocks; each round's root is worked out by py-flare-common and held against what Relay
has; the rewards of the first reward epoch are claimed, and a feed's value is proven. Nothing of the provider's own says
whether it was right. It needs anvil (CHRONO_ANVIL, or node_modules).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "sinks" / "flare_ftso" / "tests"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each thing that has to hold; end with 1 where one does not."""
    import devnet_report as report
    from devnet_at_hand import flares_network, network

    from chrono_flare_ftso.devnet.plan import Plan

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--round-seconds", type=int, default=6)
    parser.add_argument("--epoch-rounds", type=int, default=24)
    parser.add_argument("--providers", type=int, default=4, help="simulated, beside the one that is judged")
    parser.add_argument("--contracts", type=Path, help="a checkout of flare-smart-contracts-v2, to be used")
    parser.add_argument("--modules", type=Path, default=Path("node_modules"), help="of npm, with what compiles them")
    given = parser.parse_args(arguments)
    plan = Plan(round_seconds=given.round_seconds, epoch_rounds=given.epoch_rounds, providers=given.providers, free=1)
    free = plan.entities()[-1]
    numbers = {name: getattr(given, name) for name in ("round_seconds", "epoch_rounds", "providers")}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as undo:
        if given.contracts is not None:
            started = flares_network(Path(folder), given.contracts, given.modules, **numbers)
        else:
            options = [f"--{name.replace('_', '-')}={value}" for name, value in numbers.items()]
            started = network(Path(folder), *options)
        made = undo.enter_context(started)
        # while the first two last, the provider may still be starting
        first = given.epoch_rounds + 2
        rounds = range(first, first + given.rounds)
        with made.provider():
            told = made.until_round(rounds[-1], (given.rounds + 10) * given.round_seconds)
        found = report.judged(made, plan, free, rounds)
        mine = next(each for each in told["entities"] if each["name"] == free.name)
        finalized = sum(each["finalized"] for each in told["entities"])
        print(f"rounds {found.rounds}, reward epochs reached {told['reward_epoch']}")
        print(f"commits in time, once {found.commits}, doubled {found.doubled}")
        print(f"reveals in time, as committed to {found.reveals}")
        print(f"signatures in time {mine['signed']} of {mine['rounds']} counted")
        print(f"rounds finalized {finalized}, {mine['finalized']} of them by it")
        print(f"roots that are py-flare-common's {found.roots}")
        print(f"votes from the first to the third quartile {mine['in_band']} of {mine['votes']}")
        wrong = found.rounds - min(found.commits, found.reveals, found.roots)
        for kind, owed, paid in report.claimed(made, 1, free):
            print(f"claim of reward epoch 1, {kind}: owed {owed} wei, paid {paid}")
            wrong += owed != paid
        value, proven = report.prove_feed(made, plan, rounds[-1])
        print(f"feed 0 of round {rounds[-1]}: {value}, proven on the chain {proven}")
        for line in found.odd:
            print(line)
        return 1 if wrong or found.doubled or value != proven else 0


if __name__ == "__main__":
    sys.exit(main())
