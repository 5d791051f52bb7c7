"""A process that commits and reveals, killed again and again at any moment, and what its chain has of it.

Each is killed within 0.3 s of its start, and another goes on with the ledger that it left. Judged from the chain: each
round committed to once, and revealed once, as committed to.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "sinks" / "flare_ftso" / "tests"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line; end with 1 where a round was doubled, wrong or missed."""
    from crashes import kill_again_and_again

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            rounds = asyncio.run(kill_again_and_again(Path(folder) / "flare.db", given.kills, seed=given.seed))
        except AssertionError as error:
            print(f"{given.kills} kills: a round was doubled, wrong or missed: {error}")
            return 1
    print(f"{given.kills} kills, {rounds} rounds: doubled 0, wrong 0, missed 0; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
