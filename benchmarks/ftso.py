"""The example for Flare against all its venues at once: 63 feeds priced, and what that takes up in memory and CPU.

The venues are simulated servers that speak the real ones' protocols, in a process of their own on the other core; what
is measured is `chrono pipeline run` as an operator would start it. A venue that cannot be served is left out, and
named. `--profile` says in which functions the time goes, for which it takes longer.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import yaml
from measure import say

from chrono_simulated.serving import VENUES, Venue, serving

EXAMPLE = Path(__file__).parents[1] / "examples" / "ftso.yaml"
NOT_YET = {"GRAM"}
"""Names under which no venue lists its markets here: it has them under the older one."""
TICKS_IN_A_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
MOST_MEMORY, MOST_CPU = 250.0, 50.0


def listed(example: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the pairs that are wanted of each source."""
    pairs: dict[str, list[str]] = {source: [] for source in example["sources"]}
    for feed in example["feeds"].values():
        for market in feed["markets"]:
            source, _, pair = market.partition(":")
            if pair.partition("/")[0] not in NOT_YET and pair not in pairs[source]:
                pairs[source].append(pair)
    return pairs


async def serve(rate: float, quotes: float) -> None:
    """Serve every venue there is a server for, print their addresses, and go on until this process is ended."""
    pairs = {name: found for name, found in listed(yaml.safe_load(EXAMPLE.read_text())).items() if name in VENUES}
    markets = sum(map(len, pairs.values()))
    async with AsyncExitStack() as stack:
        urls = {}
        for name, found in pairs.items():
            venue: Venue = VENUES[name](found, rate=rate / markets, quotes=quotes / markets)
            urls[name] = (await stack.enter_async_context(serving(venue))).url
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


def pipeline(urls: Mapping[str, str]) -> str:
    """Return the example with these venues alone, at these addresses."""
    example = yaml.safe_load(EXAMPLE.read_text())
    for name, feed in list(example["feeds"].items()):
        feed["markets"] = [market for market in feed["markets"] if market.partition(":")[0] in urls]
        venues = {market.partition(":")[0] for market in feed["markets"]}
        if not venues:
            del example["feeds"][name]
        elif len(venues) == 1:
            feed["consensus"] = {"median": {"min_venues": 1}}
    example["sources"] = {name: {"url": url} for name, url in urls.items()}
    del example["sinks"]
    return str(yaml.safe_dump(example, sort_keys=False))


def pin(pid: int, number: int) -> None:
    """Keep a process on one core, where there are two."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if number < len(cores) > 1:
        os.sched_setaffinity(pid, {cores[number]})


@contextmanager
def started(words: Sequence[str], core: int, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program on a core for as long as the block runs."""
    process = subprocess.Popen([sys.executable, *words], text=True, **streams)
    pin(process.pid, core)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_IN_A_SECOND


def memory(pid: int) -> float:
    """Return the most that was resident of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def measure(urls: Mapping[str, str], venues: int, folder: Path, settle: float, lasts: float, profile: str) -> int:
    """Run the pipeline, print what it took, and return how many figures are beyond what they may be."""
    file, reports = folder / "ftso.yaml", folder / "reports.jsonl"
    file.write_text(pipeline(urls))
    before = ["-m", "cProfile", "-o", profile] if profile else []
    words = [*before, "-m", "chrono", "pipeline", "run", str(file), "--format", "json"]
    with (
        reports.open("w") as out,
        started(words, 0, stdout=out, stderr=subprocess.PIPE) as process,
    ):
        time.sleep(settle)
        spent, since = cpu(process.pid), time.monotonic()
        served = cpu(venues)
        time.sleep(lasts)
        took = time.monotonic() - since
        busy, serving_busy = (cpu(process.pid) - spent) / took, (cpu(venues) - served) / took
        most = memory(process.pid)
        process.terminate()
        said = process.stderr.read() if process.stderr else ""
    return tell(reports, said, busy * 100, most, serving_busy * 100)


def tell(reports: Path, said: str, busy: float, most: float, served: float) -> int:
    """Print the figures."""
    rows = [json.loads(line) for line in reports.read_text().splitlines()]
    last = rows[-1]["round"] if rows else 0
    final = {row["feed"]: row for row in rows if row["round"] == last}
    missing = {feed: row["reason"] for feed, row in final.items() if row["value"] is None}
    used = sum(len(row["used"]) for row in final.values())
    say("feeds priced", f"{len(final) - len(missing)} of 63", f"from {used} markets")
    for feed, reason in missing.items():
        say(f"  {feed}", "none", json.dumps(reason))
    say("memory, resident at most", f"{most:.0f} MB", "" if most < MOST_MEMORY else f"MORE than {MOST_MEMORY:g}")
    say("CPU of one core", f"{busy:.0f} %", "" if busy < MOST_CPU else f"MORE than {MOST_CPU:g}")
    say("  of the servers beside it", f"{served:.0f} %")
    if found := re.search(r"(\d+) rounds, \d+ prices, (\d+) ticks", said):
        say("ticks a second, of the whole run", f"{int(found[2]) / max(int(found[1]), 1):,.0f}")
    return (len(final) - len(missing) < 63) + (most >= MOST_MEMORY) + (busy >= MOST_CPU)


def main() -> None:
    """Serve, run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2000.0, help="trades a second, of all venues together")
    parser.add_argument("--quotes", type=float, default=2000.0, help="changes of tops of books a second, of all")
    parser.add_argument("--settle", type=float, default=15.0, help="seconds before anything is measured")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds to measure")
    parser.add_argument("--profile", default="", metavar="FILE", help="write a profile there")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        anyio.run(serve, options.rate, options.quotes)
        return
    words = [__file__, "--serve", "--rate", str(options.rate), "--quotes", str(options.quotes)]
    with (
        tempfile.TemporaryDirectory() as folder,
        started(words, 1, stdout=subprocess.PIPE) as venues,
    ):
        assert venues.stdout is not None
        urls = json.loads(venues.stdout.readline())
        absent = sorted(listed(yaml.safe_load(EXAMPLE.read_text())).keys() - urls.keys())
        say("venues served", f"{len(urls)}", f"without {', '.join(absent)}" if absent else "")
        say("trades a second, quotes a second", f"{options.rate:,.0f}", f"{options.quotes:,.0f}")
        measure(urls, venues.pid, Path(folder), options.settle, options.seconds, options.profile)


if __name__ == "__main__":
    main()
