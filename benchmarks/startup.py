"""What it costs to start: CPU of `chrono --help` and of `import chrono`, and the peak memory of a short pipeline."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from measure import say

QUICKSTART = Path(__file__).resolve().parents[1] / "examples" / "quickstart.yaml"


def run(arguments: Sequence[str]) -> tuple[float, float]:
    """Run this interpreter once; return its seconds of CPU, user and system, and its peak memory in MB."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: expected it to exit 0, was {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    commands = {
        "python -c pass": ["-c", "pass"],
        "python -c 'import chrono'": ["-c", "import chrono"],
        "chrono --help": ["-m", "chrono", "--help"],
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, arguments in commands.items():
            found[name].append(run(arguments))
    for name, costs in found.items():
        spent, memory = (median(column) for column in zip(*costs, strict=True))
        say(f"{name}, CPU", f"{spent:.3f} s", f"{memory:.0f} MB")
    spent, memory = run(["-m", "chrono", "pipeline", "run", str(QUICKSTART), "--rounds", "5"])
    say("chrono pipeline run examples/quickstart.yaml --rounds 5", f"{memory:.0f} MB", f"{spent:.2f} s of CPU")


if __name__ == "__main__":
    main()
