"""The nine market faults read over HTTP from the sink `flare_feed_values`, beside the example provider's rule.

Every reading is a request to a real server. Errors are medians in basis points, Y is the yardstick of
`chrono scenario`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "sinks" / "flare_ftso" / "tests"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each fault in each setting."""
    import faults_over_http as faults

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=5, help="of some forty readings each")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    print(faults.HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for scenario in faults.scenarios():
            for setting in scenario.settings:
                print(
                    faults.line(faults.played(scenario, setting, Path(folder), given.markets, given.seed)), flush=True
                )


if __name__ == "__main__":
    main()
