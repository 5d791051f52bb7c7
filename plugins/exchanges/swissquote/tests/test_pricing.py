"""Feeds of currencies and metals have a price in market hours, and none outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RECORDING = Path(__file__).parent / "recordings" / "quotes.jsonl"

PIPELINE = """
name: fx
every: 1s
quotes: [USD]
feeds:
  EUR/USD: {decimals: 5, category: fx, aggregator: mid}
  JPY/USD: {decimals: 7, category: fx, aggregator: mid}
  XAU/USD: {decimals: 2, category: commodity, aggregator: mid}
sources:
  swissquote: {}
consensus: {median: {min_venues: 1}}
"""


def replayed(folder: Path, text: str) -> list[dict[str, str]]:
    (folder / "fx.yaml").write_text(PIPELINE)
    (folder / "quotes.jsonl").write_text(text)
    words = [sys.executable, "-m", "chrono", "replay", "fx.yaml", "quotes.jsonl", "--format", "json"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=50)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_feed_is_priced_in_market_hours(tmp_path: Path) -> None:
    """Yen in dollars from dollars in yen."""
    last = {row["feed"]: row["value"] for row in replayed(tmp_path, RECORDING.read_text())[-3:]}
    assert 1.0 < float(last["EUR/USD"]) < 1.2
    assert 0.0064 < float(last["JPY/USD"]) < 0.0065
    assert 4000 < float(last["XAU/USD"]) < 4200


def test_no_feed_is_priced_on_a_sunday_morning(tmp_path: Path) -> None:
    """The same answers, a day earlier, before the week begins: not one of them counts."""
    rows = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    day = 86_400_000
    for row in rows:
        frame = json.loads(row["data"])
        for platform in frame["answer"]:
            platform["ts"] -= day
        row.update(ts=row["ts"] - day * 1_000_000, data=json.dumps(frame))
    found = replayed(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    assert found
    assert all(row["value"] is None for row in found)
