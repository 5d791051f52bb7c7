"""Records of rounds in a ledger: they come back as they were, are replaced, and are not kept for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chrono import PermanentError
from chrono_flare_ftso import records
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.records import Record, Records, Sent, Vote

VOTES = (
    Vote("BTC/USD", 2, 6_700_670, 6_700_000, 6_699_000, 6_701_000, True, True, True),
    Vote("ETH/USD", 2, None, 250_000, 249_000, 251_000, None, None, False),
    Vote("NOT/USD", 7, 5, None, None, None, None, None, False),
)
SENT = (
    Sent("submit1", b"\x01" * 32, "mined", 7, 0.000525, True),
    Sent("submit2", b"\x02" * 32, "failed", 9, 0.0028, False),
)


def record(round: int = 7, **more: Any) -> Record:
    told = {"epoch": 1, "written": 5, "shadow": False, "commit": "ok", "reveal": "ok", "signature": "late", **more}
    return Record(round=round, **told)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flare.db"


def test_record_comes_back_as_it_was_after_a_restart(path: Path) -> None:
    """With everything, and with nothing."""
    full = record(
        offence=True,
        mismatch=True,
        grace_missed=True,
        finalised="us",
        relay=b"\x03" * 32,
        relay_block=12,
        reason="why; and é",
        coin_usd=0.02,
        share=0.01,
        earned=1.5,
        sent=SENT,
        votes=VOTES,
    )
    with Ledger(path) as ledger:
        Records(ledger).write(full)
        Records(ledger).write(record(8))
    with Ledger(path) as ledger:
        assert Records(ledger).last(10) == [full, record(8)]


def test_later_record_of_a_round_takes_the_place_of_the_first(path: Path) -> None:
    """Nothing of the first is left."""
    with Ledger(path) as ledger:
        kept = Records(ledger)
        kept.write(record(sent=SENT, votes=VOTES))
        kept.write(record(reveal="missing", votes=VOTES[:1]))
        assert kept.last(10) == [record(reveal="missing", votes=VOTES[:1])]


def test_newest_are_given_the_first_first(path: Path) -> None:
    """As many as are wanted, from a round on."""
    with Ledger(path) as ledger:
        kept = Records(ledger)
        for number in (9, 7, 8):
            kept.write(record(number, votes=VOTES[:1]))
        assert [each.round for each in kept.last(2)] == [8, 9]
        assert [each.round for each in kept.last(9, since=8)] == [8, 9]
        assert all(each.votes == VOTES[:1] for each in kept.last(2))


def test_old_rounds_are_forgotten_with_all_that_was_theirs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file does not grow for ever."""
    monkeypatch.setattr(records, "KEPT", 10)
    monkeypatch.setattr(records, "_PRUNED_EVERY", 2)
    with Ledger(path) as ledger:
        kept = Records(ledger)
        for number in range(100):
            kept.write(record(number, sent=SENT, votes=VOTES))
        assert len(kept.last(100)) <= 12
        for table in ("rounds", "sends", "votes"):
            ((first,),) = ledger.read(f"SELECT min(round) FROM {table}")
            assert first >= 88


def test_as_many_feeds_as_there_may_be_are_written(path: Path) -> None:
    """A statement has a bound on its values."""
    votes = tuple(replace_feed(VOTES[0], f"F{at}/USD") for at in range(5_000))
    with Ledger(path) as ledger:
        Records(ledger).write(record(votes=votes))
        assert Records(ledger).last(1)[0].votes == votes


def replace_feed(vote: Vote, feed: str) -> Vote:
    return vote._replace(feed=feed)


def test_what_cannot_be_written_is_said(path: Path) -> None:
    """With the file, the round and what to do."""
    with Ledger(path) as ledger:
        kept = Records(ledger)
        ledger.write("DROP TABLE votes")
        with pytest.raises(PermanentError, match="expected to write what became of round 7, was refused: no such"):
            kept.write(record())
        with pytest.raises(PermanentError, match="expected to read what became of rounds"):
            kept.last(1)


@pytest.mark.parametrize(
    ("what", "missed"),
    [
        ({}, False),
        ({"reveal": "missing"}, True),
        ({"reveal": "late"}, True),
        ({"commit": "missing", "reveal": "missing"}, True),
        ({"commit": "idle", "reveal": "idle"}, False),
        ({"shadow": True, "commit": "unsent", "reveal": "unsent"}, False),
    ],
)
def test_round_is_missed_where_a_voter_has_no_valid_reveal(what: dict[str, Any], missed: bool) -> None:
    """Whoever is not registered, or sends nothing, misses nothing."""
    assert replace(record(), **what).missed is missed
