"""Real price history through the default chain: how far from the venues' own closes, beside what other rules say.

The yardstick of a minute is the median over venues of the median of the other venues' closes, among the venues that
quote the feed's own currency and traded in that minute.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path

from tests.history.candles import instant, prints, series
from tests.history.running import built, feeds, moments, text
from tests.history.scores import Score, path, say, scored, story, table

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "data" / "history"
DEFAULT = "usdc-depeg-2023-03"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = "a folder or file of history, also below ../shared/data/history; file=venue:BTC/USD states its market"
    parser.add_argument("places", nargs="*", default=[DEFAULT], help=what)
    parser.add_argument("--start", type=instant, default=0, help="from this UTC time on, 2023-03-10T00:00")
    parser.add_argument("--end", type=instant, default=2**63, help="up to this UTC time")
    parser.add_argument("--every", default="60s", help="time between rounds")
    parser.add_argument("--feed", action="append", help="price these feeds only: BTC/USD or 'BTC/USD={markets: …}'")
    parser.add_argument("--more", type=Path, help="lines to add to the pipeline file, to try another chain")
    parser.add_argument("--misses", type=int, default=20, help="how many rounds further off than 10 bp to explain")
    parser.add_argument("--path", type=int, default=360, help="rounds to a line of a feed's way")
    return parser.parse_args()


def place(name: str) -> str:
    """Return where a history is: as stated, or among the recorded data."""
    file = name.partition("=")[0]
    return name if Path(file).exists() else str(RECORDED / name)


def main() -> None:
    """Price a history and print what came out."""
    asked = options()
    described = series(*map(place, asked.places))
    wanted = feeds(described)
    if asked.feed:
        stated = (feed.partition("=") for feed in asked.feed)
        wanted = {feed: said or wanted.get(feed, "{}") for feed, _, said in stated}
    more = asked.more.read_text() if asked.more else ""
    say([text(described, wanted, asked.every, more)])
    said = prints(described, asked.start, asked.end)
    scores = [Score(feed) for feed in wanted]
    began = time.process_time()
    scored(moments(built(described, wanted, asked.every, more), said), *scores)
    spent = time.process_time() - began
    for score in scores:
        say(table(score))
        say(path(score, asked.path))
        worst = sorted(score.misses, key=lambda miss: -miss.distance)
        say(f"  {story(miss)}" for miss in islice(worst, asked.misses))
    say([f"{len(said)} messages of {len(described)} markets, {spent:.1f} s of CPU"])


if __name__ == "__main__":
    main()
