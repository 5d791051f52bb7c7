"""What a pipeline holds on to while its streams end again and again: a minute in CI, ten seconds elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.pipelines.soaking import KINDS, Reading, Soak

IN_CI = bool(os.environ.get("CI"))
ROOT = Path(__file__).parents[2]
TIMES = 34 if IN_CI else 7
"""How often each of the venues hangs up before anything is measured."""

FORCED, LATER = "100ms", "2s"
FLAPS = {
    "kraken": [{"kind": "drop", "every": FORCED, "times": TIMES}, {"kind": "drop", "every": LATER}],
    "binance": [{"kind": "hang_up", "every": FORCED, "times": TIMES}, {"kind": "hang_up", "every": LATER}],
    "coinbase": [{"kind": "drop", "every": FORCED, "times": TIMES}, {"kind": "flap", "every": "3s", "down": "300ms"}],
}
SHORT = Soak(feeds=1, flaps=FLAPS, backoff=(0.02, 0.1), reconnects=100, settle=3.0, lasts=10.0)
LONG = Soak(feeds=1, flaps=FLAPS, backoff=(0.02, 0.1), reconnects=500, settle=15.0, lasts=60.0)

ROOM = 8_000_000
"""Bytes that boards, which fill to a bound, and the allocator may take after the beginning."""
A_MESSAGE = 60
"""Bytes a message may leave behind on average; the frame alone has three times as many."""
A_VENUE = 2
"""Descriptors more for each venue: it may have been down at the beginning, and be asked over HTTP as well."""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory in use is read from /proc"),
]
for _kind in (*KINDS, "simulated"):
    pytest.importorskip(f"chrono_{_kind}", reason=f"the plugin chrono-{_kind} is not installed")


def soaked(soak: Soak) -> Sequence[Reading]:
    """Run in a process that holds nothing else; return what was read at first and in the end."""
    command = [sys.executable, "-m", "tests.pipelines.soaking", json.dumps(asdict(soak))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return [Reading(**json.loads(line)) for line in done.stdout.splitlines()]


def kept(first: Reading, last: Reading) -> list[str]:
    """Return what was held on to, beyond what may be."""
    memory, descriptors = last.memory - first.memory, last.descriptors - first.descriptors
    room = ROOM + A_MESSAGE * (last.messages - first.messages)
    found = [] if memory <= room else [f"memory: expected at most {room} bytes more, was {memory}"]
    limit = A_VENUE * SHORT.venues
    return found if descriptors <= limit else [*found, f"descriptors: expected at most {limit} more, was {descriptors}"]


def test_nothing_is_kept_of_what_streams_said_and_of_streams_that_ended() -> None:
    soak = LONG if IN_CI else SHORT
    first, last = soaked(soak)
    assert first.reconnects >= soak.reconnects
    assert last.reconnects - first.reconnects > SHORT.venues
    assert last.messages - first.messages > soak.rate * soak.lasts / 10
    assert last.rounds > first.rounds
    assert kept(first, last) == []


@pytest.mark.skipif(not IN_CI, reason="shows that the bounds above can be exceeded, which does not change by itself")
def test_frames_and_descriptors_that_are_kept_are_noticed() -> None:
    found = kept(*soaked(replace(SHORT, messages=60_000, leak=True)))
    assert [line.partition(":")[0] for line in found] == ["memory", "descriptors"]
