"""A round in pandas: one frame of all estimates, grouped by feed; round.py runs it where pandas is installed.

It begins where the windows have been aggregated, and remembers nothing: what flat lines, drifts and quarantines cost is
left out, and so is the vote of doubtful rates. Values are compared where chrono dropped nobody.

Reads `{column: […]}` as one line of JSON for each round, and answers with the seconds of CPU and the values.
"""

from __future__ import annotations

import gc
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isclose
from typing import Any, TypeAlias

Columns: TypeAlias = Mapping[str, Sequence[Any]]
Peer: TypeAlias = Callable[[Columns, Mapping[str, tuple[float, float]]], float]

SECOND = 1_000_000_000
FRESH, OLDEST = 30 * SECOND, 300 * SECOND
FAR, FLOOR = 8.0, 6e-4


@contextmanager
def peer(python: str) -> Iterator[tuple[str, Peer]]:
    """Start pandas in its own environment; yield its version, and a function from estimates to seconds of CPU."""
    with subprocess.Popen([python, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ask, answer = process.stdin, process.stdout
        if ask is None or answer is None:
            raise SystemExit(f"{python}: expected a process to talk to")
        version = answer.readline().strip()
        if not version:
            raise SystemExit(f"{python}: expected pandas in its environment; install it there or leave --python out")

        def once(columns: Columns, wanted: Mapping[str, tuple[float, float]]) -> float:
            ask.write(json.dumps(columns) + "\n")
            ask.flush()
            said = json.loads(answer.readline())
            for feed, numbers in wanted.items():
                if not all(map(isclose, said["values"][feed], numbers)):
                    raise SystemExit(f"{feed}: expected {numbers} of pandas, was {said['values'][feed]}")
            return float(said["seconds"])

        yield version, once
        ask.close()


def answers(pandas: Any, columns: Columns) -> dict[str, tuple[float, float]]:
    """Return each feed's value and confidence."""
    frame = pandas.DataFrame(columns)
    frame["trust"] = 1.0
    rate = frame["rate"] != ""
    # what is a rate needs none itself
    rates = agreed(frame[frame["feed"].isin(set(frame.loc[rate, "rate"]))])
    used = rates.reindex(frame.loc[rate, "rate"])
    factor = used["value"].to_numpy()
    frame.loc[rate, "value"] *= factor
    frame.loc[rate, "weight"] *= factor
    frame.loc[rate, "trust"] = used["confidence"].to_numpy()
    for column in ("age", "rhythm"):
        frame.loc[rate, column] = frame.loc[rate, column].clip(lower=used[column].to_numpy())
    found = pandas.concat([rates, agreed(frame[~frame["feed"].isin(rates.index)])])
    return dict(zip(found.index, zip(found["value"], found["confidence"], strict=True), strict=True))


def agreed(frame: Any) -> Any:
    """Return value, confidence, age and rhythm by feed."""
    limit = (4 * frame["rhythm"]).clip(FRESH, OLDEST)
    frame = frame.assign(old=frame["age"] / limit)[frame["age"] <= limit]
    frame = frame[~_far(frame)]
    by_feed, by_group = frame.groupby("feed"), frame.groupby(["feed", "group"])
    groups = by_feed["group"].transform("nunique")
    frame = frame.assign(share=frame["weight"] / by_group["weight"].transform("sum") / groups)
    ranked = frame.sort_values(["feed", "value"])
    below = ranked.groupby("feed")["share"].cumsum()
    low = ranked[below >= 0.5 - 1e-12].groupby("feed")["value"].first()
    high = ranked[below > 0.5 + 1e-12].groupby("feed")["value"].first()
    value = (low + high) / 2
    apart = (frame["value"] / frame["feed"].map(value) - 1).abs()
    shared = frame.assign(apart=apart)[["apart", "old", "trust"]].mul(frame["share"], axis=0)
    mean = shared.groupby(frame["feed"]).sum()
    votes = by_feed["group"].nunique()
    confidence = (1 - 0.5**votes) / (1 + (mean["apart"] / 20e-4) ** 2) * (1 - mean["old"] / 2) * mean["trust"]
    middles = by_feed[["age", "rhythm"]].median().astype("int64")
    return middles.assign(value=value, confidence=confidence)


def _far(frame: Any) -> Any:
    """Say which estimates are too far from the median of their feed's groups."""
    said = frame.groupby(["feed", "group"])["value"].median()
    centre = said.groupby(level=0).median()
    apart = (said / centre.reindex(said.index.get_level_values(0)).to_numpy() - 1).abs()
    scale = (1.4826 * apart.groupby(level=0).median()).clip(lower=FLOOR)
    return (frame["value"] / frame["feed"].map(centre) - 1).abs() > FAR * frame["feed"].map(scale)


def main() -> None:
    """Serve rounds until there is nothing more to read."""
    pandas = importlib.import_module("pandas")
    sys.stdout.write(f"{pandas.__version__}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        columns = json.loads(line)
        gc.collect()
        start = time.process_time()
        values = answers(pandas, columns)
        spent = time.process_time() - start
        sys.stdout.write(json.dumps({"seconds": spent, "values": values}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
