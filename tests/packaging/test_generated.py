"""What `chrono plugin new` makes, as a stranger ships it: a wheel beside the core's wheel, with its certificate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .test_wheels import PUSHED, Environment, core, priced, run, shelf, values, wheels

__all__ = ["core", "shelf", "wheels"]

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(300)]

STREAMED = """
every: 500ms
feeds: {{BTC/USD: {{decimals: 2}}}}
quotes: [USD]
sources: {{acme: {{url: "{url}"}}}}
aggregator: last
consensus: {{median: {{min_venues: 1}}}}
"""
USED = {
    "aggregator": "aggregator: acme\n",
    "consensus": "consensus: acme\n",
    "detector": "detectors: [acme]\n",
    "sink": "sinks: {acme: {path: prices.csv}}\n",
}


@contextmanager
def practice(bare: Environment) -> Iterator[str]:
    """Run the venue that comes with the core."""
    command = [bare.bin / "python", "-m", "chrono.testing.practice", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=bare.folder) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


def prices(kind: str, bare: Environment) -> None:
    """Price a feed with what was made."""
    if kind != "source":
        priced("acme", bare, PUSHED + USED[kind])
        return
    with practice(bare) as url:
        file = bare.folder / "streamed.yaml"
        file.write_text(STREAMED.format(url=url))
        values(bare("chrono", "pipeline", "run", file, "--rounds", "6", "--format", "json"))
        bare("chrono", "plugin", "test", "chrono-acme", "--live", "--for", "2s", "--url", url)


@pytest.mark.parametrize("kind", ["source", "aggregator", "consensus", "detector", "sink"])
def test_generated_package_is_built_certified_and_used(
    kind: str, shelf: Path, core: Environment, tmp_path: Path
) -> None:
    """Made by the installed program, it needs nothing else to be tested, shipped and run."""
    bare = Environment(tmp_path / "bare", shelf, core)
    bare("chrono", "plugin", "new", kind, "acme")
    made = bare.folder / "chrono-acme"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "built", folder=made)
    (built,) = (tmp_path / "built").iterdir()
    bare.install(built)
    assert "pip install pytest" in bare.refuses("chrono", "plugin", "test", made)
    bare.install("pytest")
    told = json.loads(bare("chrono", "plugin", "test", made, "--format", "json"))
    assert (told["holds"], told["failed"], told["version"]) == (True, 0, "0.1.0")
    prices(kind, bare)
    assert kind != "sink" or (bare.folder / "prices.csv").read_text().strip()
