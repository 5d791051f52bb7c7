"""The nonce book says what may leave, so that nothing leaves twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from chrono import PermanentError
from chrono_flare_ftso.chain.accounts import Receipt
from chrono_flare_ftso.chain.fees import Fee
from chrono_flare_ftso.chain.nonces import FAILED, INTENDED, LOST, MINED, REPLACED, SENT, Entry, NonceBook
from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import Signature

ME = bytes([7] * 20)
NOW, LATER = 1_000, 2_000
SIGNATURE = Signature(27, b"\1" * 32, b"\2" * 32)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "flare.db") as ledger:
        yield ledger


@pytest.fixture
def book(ledger):
    return NonceBook(ledger, 14, ME)


def entry(nonce: int, label: str = "submit1", round: int = 1, *, fee: int = 100, until: int = LATER) -> Entry:
    raw = Transaction(14, nonce, fee, 2 * fee, 21_000, bytes(20), label.encode()).signed(SIGNATURE)
    return Entry(keccak256(raw), nonce, label, round, raw, INTENDED, until, since=5)


def receipt(of: Entry, *, ok: bool = True) -> Receipt:
    return Receipt(of.hash, 9, b"\x09" * 32, ok, 22_400, 125)


def states(book: NonceBook, *entries: Entry) -> list[str]:
    by_hash = {each.hash: each.state for at in {each.nonce for each in entries} for each in book.at(at)}
    return [by_hash[each.hash] for each in entries]


def test_what_is_written_down_is_on_the_disk_and_read_back_by_another_process(book, ledger):
    first = entry(3)
    assert book.write(first, NOW)
    with closing(sqlite3.connect(ledger.path)) as other:
        assert other.execute("SELECT raw, state FROM transactions").fetchall() == [(first.raw, "intended")]
    with Ledger(ledger.path) as again:
        (found,) = NonceBook(again, 14, ME).unfinished()
    assert found == first
    assert (found.fee, found.transaction.nonce, found.transaction.data) == (Fee(100, 200), 3, b"submit1")


def test_a_nonce_that_something_holds_is_not_given_to_something_else(book):
    assert book.write(entry(3, "submit1"), NOW)
    assert not book.write(entry(3, "submit2"), NOW)
    assert book.write(entry(3, "submit1", fee=113), NOW)
    book.mined(3, receipt(entry(3, "submit1")))
    assert not book.write(entry(3, "submit1", fee=150), NOW)


def test_what_has_one_nonce_gets_no_other_unless_it_is_lost(book):
    first = entry(3)
    for state in (INTENDED, SENT):
        book.write(first, NOW)
        book.mark(first.hash, state)
        assert not book.write(entry(4), NOW), state
    book.mark(first.hash, LOST)
    assert book.write(entry(4), NOW)


def test_what_is_on_the_chain_gets_no_other_nonce_even_when_it_failed(book):
    book.write(entry(3), NOW)
    book.mined(3, receipt(entry(3), ok=False))
    assert not book.write(entry(4), NOW)


def test_what_is_void_gives_its_nonce_to_what_offers_more(book):
    book.write(entry(3, "submit1", fee=100), NOW)
    book.write(entry(3, "submit1", fee=120), NOW)
    assert book.place(3, 3, NOW) == (4, None)
    assert book.place(3, 3, LATER) == (3, Fee(120, 240))
    assert book.write(entry(3, "submit2", 2, fee=140), LATER)


def test_the_same_bytes_are_written_down_again_once_they_are_lost_but_not_before(book):
    first = entry(3)
    assert book.write(first, NOW)
    assert not book.write(first, NOW)
    book.mark(first.hash, LOST)
    assert book.write(first, NOW)
    assert states(book, first) == [INTENDED]


@pytest.mark.parametrize(
    ("latest", "pending", "nonce"),
    [(0, 0, 5), (3, 3, 5), (5, 5, 5), (6, 6, 6), (3, 7, 7), (3, 4, 5), (9, 0, 9)],
)
def test_the_next_nonce_is_the_lowest_that_nobody_holds(book, latest, pending, nonce):
    # 2 is mined, 3 and 4 wait, what waits beyond them in the pool is another process's
    book.write(entry(2, "a"), NOW)
    book.mined(2, receipt(entry(2, "a")))
    book.write(entry(3, "b"), NOW)
    book.write(entry(4, "c"), NOW)
    assert book.place(latest, pending, NOW).nonce == nonce


def test_a_gap_is_the_next_nonce(book):
    book.write(entry(3, "a"), NOW)
    book.write(entry(5, "b"), NOW)
    assert book.place(3, 4, NOW).nonce == 4


def test_of_one_nonce_one_is_mined_and_the_others_are_replaced(book):
    versions = [entry(3, fee=fee) for fee in (100, 113, 128)]
    for each in versions:
        assert book.write(each, NOW)
    book.mark(versions[0].hash, LOST)
    book.mined(3, receipt(versions[2]))
    assert states(book, *versions) == [LOST, REPLACED, MINED]
    (mined,) = book.mined_from(9)
    assert (mined.block, mined.block_hash, mined.gas_used, mined.gas_price) == (9, b"\x09" * 32, 22_400, 125)
    assert book.mined_from(10) == []
    # a reorganisation may have another of them mined
    book.mined(3, receipt(versions[1], ok=False))
    assert states(book, *versions) == [LOST, FAILED, REPLACED]


def test_what_fell_out_of_the_chain_is_unfinished_again(book):
    book.write(entry(3), NOW)
    book.mined(3, receipt(entry(3)))
    assert book.unfinished() == []
    book.mark(entry(3).hash, SENT)
    (found,) = book.unfinished()
    assert (found.state, found.block, found.block_hash) == (SENT, None, None)


def test_what_is_said_late_of_a_transaction_does_not_undo_that_it_is_mined(book):
    book.write(entry(3), NOW)
    book.mined(3, receipt(entry(3)))
    book.sent(entry(3).hash)
    assert states(book, entry(3)) == [MINED]


def test_keys_and_chains_have_books_of_their_own(book, ledger):
    assert book.write(entry(3), NOW)
    for other in (NonceBook(ledger, 14, bytes(20)), NonceBook(ledger, 19, ME)):
        assert other.unfinished() == []
        assert other.place(0, 0, NOW).nonce == 0


def test_what_is_finished_and_old_is_forgotten_but_the_last_nonce_is_not(book):
    for nonce in range(4):
        book.write(entry(nonce, f"label {nonce}"), NOW)
        if nonce:
            book.mined(nonce, receipt(entry(nonce, f"label {nonce}")))
    assert book.prune(LATER) == 0
    assert book.prune(LATER + 1) == 2
    assert [each.nonce for each in book.unfinished()] == [0]
    assert book.place(0, 0, LATER + 1).nonce == 4


def test_a_book_that_cannot_be_written_lets_nothing_leave(book, ledger):
    ledger.write("DROP TABLE transactions")
    with pytest.raises(PermanentError, match=r"flare\.db: expected to write down a transaction, was refused: no such"):
        book.write(entry(3), NOW)
    with pytest.raises(PermanentError, match="expected to read a transaction"):
        book.unfinished()
