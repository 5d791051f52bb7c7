"""Commits are sealed where they are kept, bound to their place, and open with their own secret alone."""

from __future__ import annotations

import stat
import traceback

import pytest
from pydantic import SecretStr

from chrono import PermanentError
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.keys.keystore import Given, InFile
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash
from chrono_flare_ftso.sealing import Seal, Unsealed

OURS, OTHER = bytes(20), bytes([1]) * 20
VECTOR = bytes.fromhex("8000007b80000309")
SECRET = "a secret that nobody guesses"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flare.db"


@pytest.fixture
def ledger(path):
    with Ledger(path) as ledger:
        yield ledger


def on_disk(folder) -> bytes:
    """Return every byte of a ledger, with what is not yet moved into it."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if not file.name.endswith(".key"))


def test_neither_random_nor_votes_are_on_the_disk(tmp_path, ledger):
    commit = Commits(ledger).make(7, OURS, VECTOR, [])
    held = on_disk(tmp_path)
    assert commit.hash in held
    assert commit.random not in held
    assert VECTOR not in held


def test_what_is_sealed_belongs_to_its_round_and_address(ledger):
    commits = Commits(ledger)
    for round, address in ((7, OURS), (8, OURS), (7, OTHER)):
        commits.make(round, address, VECTOR, [])
    for round, address in ((8, OURS), (7, OTHER)):
        ledger.write(
            "UPDATE commits SET (hash, sealed) = (SELECT hash, sealed FROM commits WHERE round = 7 AND address = ?1) "
            "WHERE round = ?2 AND address = ?3",
            *(OURS, round, address),
        )
        with pytest.raises(PermanentError, match=f"expected the commit of round {round} to open"):
            commits.find(round, address)
    assert commits.find(7, OURS).vector == VECTOR


def test_a_ledger_of_another_secret_is_refused_in_one_line_before_anything_is_committed_to(path, ledger):
    made = Commits(ledger, Seal(SecretStr(SECRET))).make(7, OURS, VECTOR, [])
    with pytest.raises(PermanentError) as caught:
        Commits(ledger, Seal(SecretStr(SECRET + "!")))
    assert str(caught.value) == (
        f"{path}: expected the commit of round 7 to open, was sealed with another secret, or damaged; "
        "give the secret that it was made with, or name another place"
    )
    assert Commits(ledger, Seal(SecretStr(SECRET))).find(7, OURS) == made


@pytest.mark.parametrize("part", range(45))
def test_a_row_that_is_damaged_in_any_part_is_no_reveal(ledger, part):
    """Form, nonce, tag, random and votes; the nonce of an hour ago opens nothing either."""
    commits = Commits(ledger)
    commits.make(7, OURS, VECTOR, [])
    ((sealed,),) = ledger.read("SELECT sealed FROM commits")
    damaged = bytes([*sealed[:part], sealed[part] ^ 1, *sealed[part + 1 :]])
    for each in (damaged, sealed[:part]):
        ledger.write("UPDATE commits SET sealed = ?", each)
        with pytest.raises(PermanentError, match="expected the commit of round 7 to open"):
            commits.find(7, OURS)


def test_what_opens_and_has_another_hash_is_no_reveal(ledger):
    commits = Commits(ledger)
    commits.make(7, OURS, VECTOR, [])
    ledger.write("UPDATE commits SET hash = ?", bytes(32))
    with pytest.raises(PermanentError, match="expected the commit of round 7 to have the hash 0000"):
        commits.find(7, OURS)


def test_a_reveal_is_what_was_committed_to(ledger):
    commit = Commits(ledger).make(7, OURS, VECTOR, [])
    random, vector = commit.submit2()[7:39], commit.submit2()[39:]
    assert commit.submit1()[7:] == commit_hash(OURS, 7, random, vector)


class TestUpgrade:
    """Commits that an older version wrote down in the clear."""

    @pytest.fixture
    def ledger(self, ledger):
        ledger.write("INSERT INTO plain_commits VALUES (7, ?, ?, ?, '')", OURS, bytes(range(32)), VECTOR)
        return ledger

    def test_they_are_found(self, ledger):
        found = Commits(ledger).find(7, OURS)
        assert (found.random, found.vector) == (bytes(range(32)), VECTOR)

    def test_nothing_else_is_committed_to_in_their_rounds(self, ledger):
        made = Commits(ledger).make(7, OURS, b"else", [])
        assert made.vector == VECTOR
        assert ledger.read("SELECT count(*) FROM commits") == [(0,)]

    def test_their_rounds_are_known_and_forgotten_with_the_others(self, ledger):
        commits = Commits(ledger)
        commits.make(7, OTHER, VECTOR, [])
        commits.make(9, OURS, VECTOR, [])
        assert (commits.rounds(0), commits.rounds(8)) == ([7, 9], [9])
        assert commits.prune(9) == 2
        assert commits.rounds(0) == [9]


class TestKeyFile:
    """The key that is made where no secret is given."""

    def test_it_is_made_once_for_its_owner_alone(self, path, ledger):
        made = Commits(ledger).make(7, OURS, VECTOR, [])
        file = path.with_name("flare.db.key")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []
        assert Commits(ledger).find(7, OURS) == made

    def test_one_that_is_gone_is_not_replaced(self, path, ledger):
        """Or what was committed to could never be revealed, and nobody would know why."""
        Commits(ledger).make(7, OURS, VECTOR, [])
        path.with_name("flare.db.key").unlink()
        with pytest.raises(KeyRefused, match=r"flare\.db\.key: expected to read it, was refused: no such file"):
            Commits(ledger)

    def test_one_that_others_may_read_is_refused(self, path, ledger):
        Commits(ledger)
        path.with_name("flare.db.key").chmod(0o640)
        with pytest.raises(KeyRefused, match="expected rights of 0600, was 0640; run chmod 600"):
            Commits(ledger)

    def test_one_that_cannot_be_made_says_so(self, path):
        with pytest.raises(KeyRefused, match=r"expected to make it, was refused: no such file or directory; see to"):
            Seal.beside(path / "nowhere" / "flare.db")


class TestSeal:
    """What encrypts."""

    def test_the_same_text_never_looks_the_same(self):
        seal = Seal(SecretStr(SECRET))
        assert len({seal.close(b"text", b"place") for _ in range(100)}) == 100

    def test_a_secret_may_be_text_or_a_file(self, tmp_path):
        file = tmp_path / "secret"
        file.write_text(f"{SECRET}\n")
        file.chmod(0o600)
        sealed = Seal.of(Given(SecretStr(SECRET))).close(b"text", b"place")
        assert Seal.of(InFile(str(file))).open(sealed, b"place") == b"text"

    def test_a_short_secret_is_refused_and_not_told(self):
        with pytest.raises(KeyRefused, match="expected at least 16 characters, was 6; make one with") as caught:
            Seal(SecretStr("hidden"))
        assert "hidden" not in str(caught.value)

    def test_neither_secret_nor_key_nor_text_is_told(self, ledger):
        seal = Seal(SecretStr(SECRET))
        commit = Commits(ledger, seal).make(7, OURS, VECTOR, [])
        ledger.write("UPDATE commits SET sealed = ?", Seal(SecretStr(SECRET[::-1])).close(b"text", b"place"))
        with pytest.raises(PermanentError) as caught:
            Commits(ledger, seal).find(7, OURS)
        told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        for hidden in (
            SECRET,
            seal._key.get_secret_value().hex(),
            repr(seal._key.get_secret_value()),
            repr(commit.random),
        ):
            assert hidden not in told
            assert hidden not in repr(seal)

    @pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(60), bytes(45)])
    def test_what_was_never_sealed_does_not_open(self, sealed):
        with pytest.raises(Unsealed):
            Seal(SecretStr(SECRET)).open(sealed, b"place")
