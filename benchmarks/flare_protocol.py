"""What Flare's protocol costs, beside py-flare-common where it is installed and has the function.

Medians of all feeds, a Merkle tree with all its proofs, encoding and decoding of values, one replicate of sortition,
and a round from its transactions. Each contender starts from what it reads: chrono's medians from the bytes of the
reveals, py-flare-common's from lists of its votes, the making of which does not count.
"""

from __future__ import annotations

import argparse
import importlib
import random
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from measure import cpu, interleaved, say

from chrono_flare_ftso.protocol.bn254 import ORDER
from chrono_flare_ftso.protocol.commits import commit_hash, encode_reveal
from chrono_flare_ftso.protocol.epochs import round_start
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_id
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.medians import vote_matrix, weighted_median, weighted_medians
from chrono_flare_ftso.protocol.merkle import MerkleTree
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import FLARE
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RewardEpoch, Transaction, by_round, judge, result_of_transactions
from chrono_flare_ftso.protocol.sortition import SortitionKey, eligible
from chrono_flare_ftso.protocol.values import encode_value, pack, unpack

ROUND, BENCHING = 1_008_123, 20
Votes = Sequence[int | None]


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each contender runs")
    parser.add_argument("--feeds", type=int, default=1000)
    parser.add_argument("--voters", type=int, default=100)
    parser.add_argument("--empty", type=float, default=0.1, help="share of votes that are empty")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def peer(module: str) -> Any:
    """Return a module of py-flare-common, or None where it is not installed."""
    name = f"py_flare_common.{module}"
    try:
        return importlib.import_module(name) if find_spec(name) else None
    except ModuleNotFoundError:
        return None


def table(title: str, costs: Mapping[str, float], items: int = 1) -> None:
    """Print costs in milliseconds, and how much more than the first each is."""
    say(title, "")
    first = next(iter(costs.values()))
    for name, cost in costs.items():
        each = f", {cost / items * 1e6:.2f} us each" if items > 1 else ""
        say(f"  {name}", f"{cost * 1e3:.3f} ms", f"{cost / first:.2f}x{each}")


def timed(rounds: int, work: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the seconds of CPU that each takes, in turns."""
    return interleaved(rounds, {name: (lambda run=run: cpu(run)) for name, run in work.items()})


def medians(asked: argparse.Namespace, draw: random.Random) -> None:
    """Weighted medians and quartiles of all feeds."""
    weights = [draw.randrange(1, 10**26) for _ in range(asked.voters)]
    feeds = [[vote(draw, asked.empty) for _ in range(asked.voters)] for _ in range(asked.feeds)]
    vectors = [pack(votes) for votes in zip(*feeds, strict=True)]
    work: dict[str, Callable[[], float]] = {
        "all at once": lambda: cpu(lambda: weighted_medians(vote_matrix(vectors, asked.feeds), weights)),
        "one after the other": lambda: cpu(lambda: [weighted_median(votes, weights) for votes in feeds]),
    }
    if theirs := peer("ftso.median"):
        check_medians(theirs, feeds, weights, weighted_medians(vote_matrix(vectors, asked.feeds), weights))
        work["py-flare-common"] = lambda: calculated(theirs, feeds, weights)
    table(f"medians of {asked.feeds} feeds x {asked.voters} voters", interleaved(asked.rounds, work))


def calculated(theirs: Any, feeds: Sequence[Votes], weights: Sequence[int]) -> float:
    """Return the seconds that its medians take; it sorts what it is given, so it gets new lists."""
    lists = [ready(theirs, votes, weights) for votes in feeds]
    return cpu(lambda: [theirs.calculate_median(votes) for votes in lists])


def ready(theirs: Any, votes: Votes, weights: Sequence[int]) -> list[Any]:
    return [theirs.FtsoVote(value, weight) for value, weight in zip(votes, weights, strict=True) if value is not None]


def check_medians(theirs: Any, feeds: Sequence[Votes], weights: Sequence[int], ours: Sequence[Any]) -> None:
    """Stop where the contenders do not agree."""
    for votes, median in zip(feeds, ours, strict=True):
        found = theirs.calculate_median(ready(theirs, votes, weights))
        if (found.value, found.first_quartile, found.third_quartile) != median[:3]:
            raise SystemExit(f"expected {found} of py-flare-common, was {median}")


def vote(draw: random.Random, empty: float) -> int | None:
    return None if draw.random() < empty else draw.randrange(1 - 2**31, 2**31)


def trees(asked: argparse.Namespace, draw: random.Random) -> None:
    """A tree over one leaf a feed, with the proof of each."""
    leaves = [draw.randbytes(32) for _ in range(asked.feeds)]
    texts = ["0x" + leaf.hex() for leaf in leaves]
    work: dict[str, Callable[[], object]] = {
        "tree and all proofs": lambda: MerkleTree(leaves).proofs(),
        "of it the tree": lambda: MerkleTree(leaves),
        "of it the hashes alone": lambda: [keccak256(leaf + leaf) for leaf in leaves],
    }
    if theirs := peer("merkle"):
        if theirs.MerkleTree(texts).root != "0x" + MerkleTree(leaves).root.hex():
            raise SystemExit("expected the root that py-flare-common has, was another")
        work["py-flare-common, tree and all proofs"] = lambda: proved(theirs.MerkleTree(texts), texts)
        work["py-flare-common, of it the tree"] = lambda: theirs.MerkleTree(texts)
    table(f"Merkle tree of {asked.feeds} leaves", timed(asked.rounds, work))


def proved(tree: Any, leaves: Sequence[str]) -> list[Any]:
    return [tree.get_proof(leaf) for leaf in leaves]


def values(asked: argparse.Namespace, draw: random.Random) -> None:
    """Prices to bytes, bytes to votes. py-flare-common decodes; it has nothing that encodes."""
    prices = [None if draw.random() < asked.empty else draw.uniform(0.001, 9e4) for _ in range(asked.feeds)]
    decimals = [draw.randrange(5) for _ in prices]
    votes = [encode_value(price, places) for price, places in zip(prices, decimals, strict=True)]
    vector = pack(votes)
    if looped(prices, decimals) != vector:
        raise SystemExit("expected the bytes of a plain loop, was others")
    encode: dict[str, Callable[[], object]] = {
        "encode": lambda: pack([encode_value(price, places) for price, places in zip(prices, decimals, strict=True)]),
        "a plain loop, with round()": lambda: looped(prices, decimals),
    }
    decode: dict[str, Callable[[], object]] = {
        "decode": lambda: unpack(vector, asked.feeds),
        "a plain loop": lambda: unlooped(vector),
    }
    if theirs := peer("fsp.messaging.parse"):
        decode["py-flare-common, ftso_submit2"] = lambda: theirs.ftso_submit2(bytes(32) + vector)
    table(f"encode {asked.feeds} values", timed(asked.rounds, encode), asked.feeds)
    table(f"decode {asked.feeds} values", timed(asked.rounds, decode), asked.feeds)


def looped(prices: Sequence[float | None], decimals: Sequence[int]) -> bytes:
    words = []
    for price, places in zip(prices, decimals, strict=True):
        words.append(0 if price is None else round(price * 10**places) + 2**31)
    return b"".join(word.to_bytes(4, "big") for word in words).rstrip(b"\0")


def unlooped(vector: bytes) -> list[int | None]:
    votes: list[int | None] = []
    for at in range(0, len(vector), 4):
        word = int.from_bytes(vector[at : at + 4], "big")
        votes.append(word - 2**31 if word else None)
    return votes


def sortition(asked: argparse.Namespace, draw: random.Random) -> None:
    """One replicate: is it drawn in this block."""
    key, seed = SortitionKey(draw.randrange(1, ORDER)), draw.getrandbits(256)
    blocks = iter(range(10**9))
    work = {"one replicate": lambda: eligible(key, seed, next(blocks), 0, [0])}
    table(
        f"sortition, {'gmpy2 is' if find_spec('gmpy2') else 'gmpy2 is not'} installed", timed(10 * asked.rounds, work)
    )


def rounds(asked: argparse.Namespace, draw: random.Random) -> None:
    """A whole round of 63 feeds, recomputed from the transactions of its benching window."""
    feeds = tuple(FeedDecimals(feed_id(1, f"F{at}/USD"), 5) for at in range(63))
    senders = [draw.randbytes(20) for _ in range(asked.voters)]
    voters = tuple(Voter(sender, sender, sender, sender, draw.randrange(10**26), 600, 0) for sender in senders)
    epoch = RewardEpoch(300, ROUND - 3000, voters, feeds)
    sent = [
        each
        for number in range(ROUND - BENCHING, ROUND + 1)
        for sender in senders
        for each in both(number, sender, draw.randbytes(32), pack([vote(draw, asked.empty) for _ in feeds]))
    ]
    last = [each for each in sent if each.timestamp >= round_start(FLARE, ROUND)]
    work: dict[str, Callable[[], object]] = {
        "the round and the twenty before, from transactions": lambda: result_of_transactions(
            FLARE, ROUND, sent, [epoch]
        ),
        "the round alone, from transactions": lambda: result_of_transactions(FLARE, ROUND, last, [epoch]),
        "of it to parse and judge": lambda: judge(by_round(FLARE, last)[ROUND], len(feeds)),
    }
    table(f"a round of 63 feeds x {asked.voters} voters", timed(asked.rounds, work))


def both(number: int, sender: bytes, secret: bytes, vector: bytes) -> tuple[Transaction, Transaction]:
    """Return a commit and its reveal."""
    hashed = PayloadMessage(100, number, commit_hash(sender, number, secret, vector))
    shown = PayloadMessage(100, number, encode_reveal(secret, vector))
    start = round_start(FLARE, number)
    return (
        Transaction(sender, 2 * number, 0, start + 75, calldata(Call.SUBMIT1, hashed)),
        Transaction(sender, 2 * number + 1, 0, start + 110, calldata(Call.SUBMIT2, shown)),
    )


def main() -> None:
    """Run all, and print costs and ratios."""
    asked = options()
    if not peer("ftso.median"):
        say("py-flare-common 0.1.11 is not installed: what compares with it is left out", "")
    for part in (medians, trees, values, sortition, rounds):
        part(asked, random.Random(asked.seed))


if __name__ == "__main__":
    main()
