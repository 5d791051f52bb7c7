"""Records of rounds, for people and as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chrono_flare_ftso.chain.fees import TARGET_USD
from chrono_flare_ftso.protocol.text import to_hex
from chrono_flare_ftso.protocol.values import POWERS
from chrono_flare_ftso.records import Record, Sent, Vote

BANDS = ("hit", "primary", "secondary")
SUBMISSIONS = frozenset({"submit1", "submit2", "submitSignatures"})
"""What the target of costs is about; finalising is paid in full, by who is rewarded for it."""

_SECOND = 10**9
_HEADS = ("round", "written", "commit", "reveal", "signature", "final", "votes", "in 0.5 %", "IQR", "PCT", "share")
_COSTS = ("cost", "USD")


@dataclass(frozen=True)
class Totals:
    """What rounds come to together.

    Attributes
    ----------
    rounds, missed, offences : int
        How many are looked at, had no valid reveal of a voter, and are punished for it.
    bands : mapping of str to tuple of int
        Votes in a band, and those that could be judged.
    submissions : int
        Transactions to Submission that are on the chain.
    submission_cost, submission_usd : float or None
        Of each on average, in the network's coin and in US dollars; None where none is known.
    cost, usd : float
        Of everything; US dollars of what was sent while the coin was priced.
    share, earned : float or None
        The share of rewards for accuracy on average, and what it comes to in all.
    """

    rounds: int
    missed: int
    offences: int
    bands: dict[str, tuple[int, int]]
    submissions: int
    submission_cost: float | None
    submission_usd: float | None
    cost: float
    usd: float
    share: float | None
    earned: float | None

    @classmethod
    def of(cls, records: Sequence[Record]) -> Totals:
        """Add some rounds up."""
        paid = [(sent.cost, each.coin_usd) for each in records for sent in each.sent if _counts(sent)]
        costs = [cost for cost, _ in paid if cost is not None]
        usd = [cost * price for cost, price in paid if cost is not None and price is not None]
        shares = [each.share for each in records if each.share is not None]
        earned = [each.earned for each in records if each.earned is not None]
        return cls(
            rounds=len(records),
            missed=sum(each.missed for each in records),
            offences=sum(each.offence for each in records),
            bands={band: _band([vote for each in records for vote in each.votes], band) for band in BANDS},
            submissions=len(costs),
            submission_cost=_mean(costs),
            submission_usd=_mean(usd),
            cost=sum(each.cost for each in records),
            usd=sum(each.cost * each.coin_usd for each in records if each.coin_usd is not None),
            share=_mean(shares),
            earned=sum(earned) if earned else None,
        )


def lines(records: Sequence[Record], *, feeds: bool = False) -> Iterator[str]:
    """Yield a table of rounds and what they come to.

    Parameters
    ----------
    records : sequence of Record
        The first first.
    feeds : bool
        Whether each feed's vote is shown under its round.
    """
    rows = [(*_HEADS, *_COSTS), *(_row(each) for each in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, record in zip(rows, (None, *records), strict=True):
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        if record is not None:
            if record.reason:
                yield f"  {record.reason}"
            if feeds:
                yield from _feeds(record.votes)
    yield ""
    yield from _told(Totals.of(records), records)


def json_lines(records: Sequence[Record]) -> Iterator[str]:
    """Yield a line of JSON for each round, and one for what they come to."""
    for each in records:
        yield json.dumps(_tree(each))
    totals = Totals.of(records)
    bands = {band: {"votes": hits, "of": known} for band, (hits, known) in totals.bands.items()}
    yield json.dumps({"totals": {**vars(totals), "bands": bands, "target_usd": TARGET_USD}})


def _row(record: Record) -> tuple[str, ...]:
    voted = [each for each in record.votes if each.vote is not None]
    bands = (_share(*_band(record.votes, band)) for band in BANDS)
    usd = "–" if record.coin_usd is None or not record.sent else f"{record.cost * record.coin_usd:.5f}"
    return (
        str(record.round),
        _time(record.written),
        record.commit,
        record.reveal + (" (offence)" if record.offence else ""),
        record.signature + (" (another)" if record.mismatch else " (late)" if record.grace_missed else ""),
        record.finalised or "–",
        f"{len(voted)}/{len(record.votes)}",
        *bands,
        "–" if record.share is None else f"{100 * record.share:.3f} %",
        f"{record.cost:.6f}" if record.sent else "–",
        usd,
    )


def _feeds(votes: Sequence[Vote]) -> Iterator[str]:
    for each in votes:
        numbers = (each.vote, each.median, each.quartile1, each.quartile3)
        vote, median, low, high = (_number(number, each.decimals) for number in numbers)
        away = "" if each.distance_bp is None else f", {each.distance_bp:+.2f} bp"
        told = {"0.5 %": each.hit, "IQR": each.primary, "PCT": each.secondary}
        within = ", ".join(band for band, hit in told.items() if hit) or "none"
        yield f"  {each.feed}: {vote}, median {median} ({low} to {high}){away}; in {within}"


def _told(totals: Totals, records: Sequence[Record]) -> Iterator[str]:
    shadow = sum(each.shadow for each in records)
    sent = f", {shadow} of them as a shadow" if shadow else ""
    offences = f"{totals.offences} reveal offence{'s' * (totals.offences != 1)}"
    yield f"{totals.rounds} round{'s' * (totals.rounds != 1)}{sent}: {totals.missed} missed, {offences}"
    if totals.submission_cost is not None:
        told = f"a submission costs {totals.submission_cost:.8f} on average"
        if totals.submission_usd is not None:
            verdict = "within" if totals.submission_usd <= TARGET_USD else "above"
            told += f", ${totals.submission_usd:.6f}, {verdict} the target of ${TARGET_USD:.2f}"
        yield f"{told} ({totals.submissions} submissions); all together {totals.cost:.6f}, ${totals.usd:.4f}"
    if totals.share is not None:
        earned = "" if totals.earned is None else f", some {totals.earned:.4f} before it is split with delegators"
        yield f"share of the rewards for accuracy {100 * totals.share:.4f} % on average{earned}"


def _tree(record: Record) -> dict[str, Any]:
    votes = [
        {
            "feed": each.feed,
            "vote": _value(each.vote, each.decimals),
            "median": _value(each.median, each.decimals),
            "quartile1": _value(each.quartile1, each.decimals),
            "quartile3": _value(each.quartile3, each.decimals),
            "distance_bp": each.distance_bp,
            "hit": each.hit,
            "primary": each.primary,
            "secondary": each.secondary,
        }
        for each in record.votes
    ]
    sent = {
        each.label: {
            "hash": to_hex(each.hash),
            "state": each.state,
            "block": each.block,
            "cost": each.cost,
            "usd": None if each.cost is None or record.coin_usd is None else each.cost * record.coin_usd,
            "refunded": each.refunded,
        }
        for each in record.sent
    }
    names = ("round", "epoch", "shadow", "commit", "reveal", "signature", "offence", "mismatch", "grace_missed")
    more = ("relay_block", "reason", "coin_usd", "share", "earned", "cost", "missed")
    return {
        **{name: getattr(record, name) for name in names},
        "written": _time(record.written),
        "finalised": record.finalised or None,
        "relay": None if record.relay is None else to_hex(record.relay),
        **{name: getattr(record, name) for name in more},
        "sent": sent,
        "votes": votes,
    }


def _counts(sent: Sent) -> bool:
    return sent.label in SUBMISSIONS


def _band(votes: Sequence[Vote], band: str) -> tuple[int, int]:
    known = [flag for each in votes if each.median is not None and (flag := getattr(each, band)) is not None]
    return sum(known), len(known)


def _share(hits: int, known: int) -> str:
    return f"{hits}/{known}" if known else "–"


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _value(number: int | None, decimals: int) -> float | None:
    return None if number is None else number / POWERS[decimals]


def _number(number: int | None, decimals: int) -> str:
    return "–" if number is None else f"{number / POWERS[decimals]:.{max(decimals, 0)}f}"


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
