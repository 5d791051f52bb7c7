"""Another provider beside this one: asked in time, read with care, never in the way."""

import json
import logging
import socket
import threading
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso import shadow as shadowing
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.shadow import AT_ONCE, Distance, Shadow, distances
from chrono_flare_ftso.shadow_target import LARGEST, Target, Trouble, values

FEEDS = [{"category": 1, "name": "BTC/USD"}, {"category": 1, "name": "FLR/USD"}]
OURS = {"BTC/USD": 67000.0, "FLR/USD": 0.02, "XRP/USD": 0.6}
SECRET = "hunter2"


def answered(round, *prices, feeds=FEEDS):
    """Return an answer as the reference writes it."""
    rows = [
        {"feed": feed} | ({} if price is None else {"value": price}) for feed, price in zip(feeds, prices, strict=False)
    ]
    return json.dumps({"votingRoundId": round, "data": rows}).encode()


def http(body, status="201 Created", length=None):
    """Return an answer's bytes on the wire."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


class Provider:
    """A provider on loopback, which says whatever it is told to."""

    def __init__(self, say):
        self.say = say
        self.heard = []
        self.done = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65_536)
            head, _, body = data.partition(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            while len(body) < size:
                body += connection.recv(65_536)
            self.heard.append((head.decode(), json.loads(body)))
            try:
                self.say(connection) if callable(self.say) else connection.sendall(self.say)
            except OSError:
                return

    def close(self):
        self.done.set()
        self.socket.close()


@contextmanager
def provider(say):
    """Serve what is said; a callable is given the connection."""
    made = Provider(say)
    try:
        yield made
    finally:
        made.close()


class Told:
    """Hears statuses and lines; its time stands until it is moved."""

    def __init__(self):
        self.time = 1_795_342_500_000_000_000
        self.statuses = []
        self.lines = []

    def now(self):
        return self.time

    def tell(self, state, code, message):
        self.statuses.append((state, code, message))

    def log(self, line, **fields):
        self.lines.append((line, fields))


@pytest.fixture
def told():
    """Return what hears."""
    return Told()


@pytest.fixture
def ledger(tmp_path):
    """Return an empty ledger."""
    with Ledger(Path(tmp_path) / "flare.db") as opened:
        yield opened


def shadow(url, ledger, told, **more):
    """Return a shadow that reports to `told`."""
    return Shadow(url, ledger, now=told.now, tell=told.tell, log=told.log, **more)


def settled(made):
    """Wait for all that is being asked."""
    for thread in list(made._asking):
        thread.join(10)
    assert not any(thread.is_alive() for thread in made._asking)


def rows(ledger):
    """Return what the ledger has."""
    return ledger.read("SELECT round, asked, prices, problem FROM shadows ORDER BY round")


def test_an_answer_is_written_down_beside_ours(ledger, told):
    """The other is asked for the same round and the same feeds, and its values are kept by name."""
    with provider(http(answered(7, 67010.0, 0.0201))) as other:
        made = shadow(f"http://127.0.0.1:{other.port}/base/", ledger, told)
        made(7, FEEDS, OURS)
        settled(made)
        made.close()
    assert rows(ledger) == [(7, told.time, '{"BTC/USD":67010.0,"FLR/USD":0.0201}', None)]
    ((head, body),) = other.heard
    assert head.startswith("POST /base/feed-values/7 HTTP/1.1\r\n")
    assert "content-type: application/json" in head.lower()
    assert body == {"feeds": FEEDS}
    assert told.statuses == []
    assert told.lines == [("shadow: largest distance +50.00 bp, FLR/USD", {"round": 7, "rounds": 1, "feeds": 2})]


def test_asking_does_not_wait(ledger, told):
    """A provider that never answers is asked by somebody else; the call is over before it is heard."""
    with provider(lambda connection: other.done.wait(10)) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told, patience=0.05)
        made(7, FEEDS, OURS)
        assert rows(ledger) == []
        settled(made)
        made.close()
    assert rows(ledger) == [(7, told.time, None, "did not answer within 0.05 s")]
    assert told.statuses == [
        (
            "degraded",
            "shadow_late",
            "round 7: the shadowed provider did not answer within 0.05 s; our answers are not touched, see to that "
            "provider",
        )
    ]


def test_a_provider_that_drips_is_cut_off(ledger, told):
    """Its time is for the whole answer: a byte now and then does not renew it."""

    def drip(connection):
        connection.sendall(http(b"{", length=10_000))
        while not other.done.wait(0.005):
            connection.sendall(b" ")

    with provider(drip) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told, patience=0.1)
        made(7, FEEDS, OURS)
        settled(made)
        made.close()
    assert [row[3] for row in rows(ledger)] == ["did not answer within 0.1 s"]


def test_a_provider_that_drips_its_head_is_cut_off(ledger, told):
    """The same holds before the head is whole."""

    def drip(connection):
        connection.sendall(b"HTTP/1.1 201 Created\r\nX-Long: ")
        while not other.done.wait(0.005):
            connection.sendall(b"x")

    with provider(drip) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told, patience=0.1)
        made(7, FEEDS, OURS)
        settled(made)
        made.close()
    assert [row[3] for row in rows(ledger)] == ["did not answer within 0.1 s"]


def test_a_provider_that_is_down_is_said(ledger, told):
    """Nobody listens: a status, and a problem in the ledger."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = shadow(f"http://127.0.0.1:{port}", ledger, told)
    made(7, FEEDS, OURS)
    settled(made)
    made.close()
    assert rows(ledger) == [(7, told.time, None, "could not be reached (ConnectionRefusedError)")]
    assert [status[:2] for status in told.statuses] == [("degraded", "shadow_unreachable")]


@pytest.mark.parametrize(
    ("say", "code"),
    [
        (http(b'{"statusCode":500}', "500 Internal Server Error"), "shadow_refused"),
        (http(b"", "302 Found"), "shadow_refused"),
        (http(b"not json"), "shadow_unreadable"),
        (http(b"[" * 100_000), "shadow_unreadable"),
        (http(b"\xff\xfe"), "shadow_unreadable"),
        (http(b"{}"), "shadow_unreadable"),
        (http(b'{"data":5}'), "shadow_unreadable"),
        (http(answered(8, 67010.0, 0.02)), "shadow_unreadable"),
        (http(answered(7, 67010.0)), "shadow_unreadable"),
        (http(answered(7, 67010.0, 0.02, 1.0, feeds=[*FEEDS, FEEDS[0]])), "shadow_unreadable"),
        (http(answered(7, 0.02, 67010.0, feeds=FEEDS[::-1])), "shadow_unreadable"),
        (http(answered(7, "67010.0", 0.02)), "shadow_unreadable"),
        (http(answered(7, True, 0.02)), "shadow_unreadable"),
        (http(answered(7, float("nan"), 0.02)), "shadow_unreadable"),
        (http(answered(7, 10**400, 0.02)), "shadow_unreadable"),
        (http(b'{"data":[1,2]}'), "shadow_unreadable"),
        (http(b'{"data":[{"feed":3},{}]}'), "shadow_unreadable"),
        (b"HTTP/1.1 \x00\r\n\r\n", "shadow_unreadable"),
        (b"SSH-2.0-OpenSSH\r\n", "shadow_unreadable"),
        (b"", "shadow_unreachable"),
        (http(b"{", length=100), "shadow_unreadable"),
    ],
)
def test_a_provider_that_is_wrong_is_not_compared(ledger, told, say, code):
    """Whatever it says that is no answer to what was asked is a status and a problem, and no value is kept."""
    with provider(say) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        made(7, FEEDS, OURS)
        settled(made)
        made.close()
    ((round, _, prices, problem),) = rows(ledger)
    assert (round, prices) == (7, None)
    assert problem
    assert [status[:2] for status in told.statuses] == [("degraded", code)]
    assert told.lines == []


def test_a_huge_answer_is_not_read_to_its_end(ledger, told):
    """No more than the limit is taken, even where no length is said."""
    sent = []

    def flood(connection):
        connection.sendall(b"HTTP/1.1 201 Created\r\n\r\n")
        for _ in range(1_000):
            connection.sendall(b" " * 2**20)
            sent.append(1)

    with provider(flood) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        made(7, FEEDS, OURS)
        settled(made)
        made.close()
    assert [row[3] for row in rows(ledger)] == [f"was answered with more than {LARGEST} bytes"]
    assert [status[1] for status in told.statuses] == ["shadow_oversized"]
    assert len(sent) < 100


def test_no_value_is_no_value(ledger, told):
    """A feed without a value is kept as one without; null is none, too, and a whole number is a value."""
    feeds = [*FEEDS, {"category": 1, "name": "XRP/USD"}]
    with provider(http(b'{"data":[{"feed":{"name":"BTC/USD"}},{"value":null},{"value":1}]}')) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        made(7, feeds, OURS)
        settled(made)
        made.close()
    assert [row[2] for row in rows(ledger)] == ['{"XRP/USD":1.0}']


def test_a_large_distance_is_said_and_its_end_too(ledger, told):
    """Above the bound it is a status; when the two agree again that is one, once."""
    with provider(http(answered(7, 70000.0, 0.02))) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        for round, price in ((7, 70000.0), (8, 67000.0), (9, 67001.0)):
            other.say = http(answered(round, price, 0.02))
            made(round, FEEDS, OURS)
            settled(made)
        made.close()
    assert [status[:2] for status in told.statuses] == [("degraded", "shadow_differs"), ("live", "shadow_agrees")]
    assert "differs by more than 0.50%: BTC/USD by +4.48%;" in told.statuses[0][2]


def test_the_bound_may_be_another(ledger, told):
    """A distance of just the bound is none that is said."""
    with provider(http(answered(7, 67670.0, 0.0202))) as other:
        for bound in (0.0101, 0.0099):
            made = shadow(f"http://127.0.0.1:{other.port}", ledger, told, bound=bound)
            made(7, FEEDS, OURS)
            settled(made)
            made.close()
    assert [status[1] for status in told.statuses] == ["shadow_differs"]
    assert "differs by more than 0.99%: BTC/USD by +1.00%, FLR/USD by +1.00%;" in told.statuses[0][2]


def test_lines_of_a_minute_are_folded_into_one(ledger, told):
    """The first is said at once, then one a minute, with the largest distance of all it stands for."""
    with provider(b"") as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        for round, price, seconds in ((1, 67000.0, 0), (2, 67067.0, 30), (3, 67006.7, 29), (4, 67000.0, 1)):
            told.time += seconds * 10**9
            other.say = http(answered(round, price, 0.02))
            made(round, FEEDS, OURS)
            settled(made)
        made.close()
    assert told.lines == [
        ("shadow: largest distance +0.00 bp, BTC/USD", {"round": 1, "rounds": 1, "feeds": 2}),
        ("shadow: largest distance +10.00 bp, BTC/USD", {"round": 4, "rounds": 3, "feeds": 2}),
    ]


def test_only_a_few_are_asked_at_once(ledger, told):
    """Who comes while all are busy is left out, and that is written down."""
    go = threading.Event()

    def wait(connection):
        go.wait(10)
        connection.sendall(http(answered(0, 67000.0, 0.02).replace(b'"votingRoundId": 0, ', b"")))

    with provider(wait) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        for round in range(1, AT_ONCE + 3):
            made(round, FEEDS, OURS)
        assert len(made._asking) == AT_ONCE
        go.set()
        settled(made)
        made.close()
    assert len(other.heard) == AT_ONCE
    assert [row[0] for row in rows(ledger) if row[2]] == list(range(1, AT_ONCE + 1))
    left_out = [row for row in rows(ledger) if row[3]]
    assert [row[0] for row in left_out] == [AT_ONCE + 1, AT_ONCE + 2]
    assert {row[3] for row in left_out} == {f"was not asked, because {AT_ONCE} rounds were being asked for"}
    assert "shadow_busy" in [status[1] for status in told.statuses]


def test_nothing_is_written_after_the_end(ledger, told):
    """Who closes waits for a bounded time; what comes later is nobody's any more."""
    go = threading.Event()

    def wait(connection):
        go.wait(10)
        connection.sendall(http(answered(7, 67000.0, 0.02)))

    with provider(wait) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        made(7, FEEDS, OURS)
        (asking,) = made._asking
        made.close(grace=0.01)
        ledger.close()
        go.set()
        asking.join(10)
        made(8, FEEDS, OURS)
    assert not made._asking
    assert (told.statuses, told.lines) == ([], [])


def test_a_ledger_that_refuses_is_a_status(ledger, told):
    """The round is lost for the comparison, nothing else is."""
    ledger.write("DROP TABLE shadows")
    with provider(http(answered(7, 67000.0, 0.02))) as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        made(7, FEEDS, OURS)
        settled(made)
        made.close()
    assert [status[:2] for status in told.statuses] == [("degraded", "unwritten")]


def test_old_rounds_are_forgotten(ledger, told, monkeypatch):
    """The ledger keeps the newest."""
    monkeypatch.setattr(shadowing, "KEPT", 2)
    monkeypatch.setattr(shadowing, "_PRUNED_EVERY", 2)
    with provider(b"") as other:
        made = shadow(f"http://127.0.0.1:{other.port}", ledger, told)
        for round in range(1, 6):
            told.time += 1
            other.say = http(answered(round, 67000.0, 0.02))
            made(round, FEEDS, OURS)
            settled(made)
        made.close()
    assert [row[0] for row in rows(ledger)] == [4, 5]


def test_a_secret_in_the_address_is_never_shown(ledger, told, caplog):
    """Neither a status, nor a line, nor a repr, nor the ledger, nor a log has it; it is sent as authorization."""
    caplog.set_level(logging.DEBUG)
    made = shadow(f"http://user:{SECRET}@127.0.0.1:1/{SECRET}?key={SECRET}", ledger, told)
    made(7, FEEDS, OURS)
    settled(made)
    made.close()
    assert SECRET not in repr(vars(made))
    with provider(http(answered(8, 67000.0, 0.02))) as other:
        made = shadow(f"http://user:{SECRET}@127.0.0.1:{other.port}/p?key={SECRET}", ledger, told)
        made(8, FEEDS, OURS)
        settled(made)
        made.close()
    assert other.heard[0][0].startswith(f"POST /p/feed-values/8?key={SECRET} HTTP/1.1")
    assert "Authorization: Basic dXNlcjpodW50ZXIy" in other.heard[0][0]
    assert [status[1] for status in told.statuses] == ["shadow_unreachable"]
    assert SECRET not in f"{told.statuses}{told.lines}{rows(ledger)}{caplog.text}"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:3101", "ftp://x", "http:///", "http://h:99999", "http://h:x", "http://[::1", "//h", "http://ü"],
)
def test_what_is_no_address_is_refused_without_being_repeated(url):
    """It may be a secret in the wrong place."""
    with pytest.raises(ValueError, match="expected an address like http://HOST:PORT") as refused:
        Target.parse(url + SECRET if url else "")
    assert SECRET not in str(refused.value)


@given(
    ours=st.dictionaries(st.sampled_from("ABCDE"), st.floats(-1e9, 1e9), max_size=5),
    theirs=st.dictionaries(st.sampled_from("ABCDE"), st.floats(-1e9, 1e9), max_size=5),
    feeds=st.lists(st.sampled_from("ABCDE")),
)
def test_distances_are_those_of_a_loop(ours, theirs, feeds):
    """Each feed that was asked for and has two values is there once, the farthest first."""
    found = distances(ours, theirs, [{"name": feed} for feed in feeds])
    wanted = {}
    for feed in feeds:
        if feed in ours and feed in theirs and ours[feed] != 0:
            wanted[feed] = (theirs[feed] - ours[feed]) / abs(ours[feed])
    assert {each.feed: each.share for each in found} == wanted
    assert len(found) == len(wanted)
    assert all(abs(a.share) >= abs(b.share) for a, b in pairwise(found))
    assert all(isinstance(each, Distance) for each in found)


@given(st.binary(max_size=200))
def test_any_bytes_are_values_or_a_trouble(data):
    """Nothing else is raised, whatever comes."""
    try:
        assert isinstance(values(data, 7, FEEDS), dict)
    except Trouble as trouble:
        assert trouble.code == "shadow_unreadable"  # noqa: PT017 - either outcome is right
