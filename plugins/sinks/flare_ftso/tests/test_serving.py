"""The server and what it refuses: sizes, times, numbers of things; and several hundred bad requests."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import anyio.from_thread
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chrono_flare_ftso import api, serving
from chrono_flare_ftso.api import BODY_LIMIT, Refused, integer, parsed
from chrono_flare_ftso.feed_values import FEED_LIMIT

TEXT = """
quotes: [USD]
feeds: {BTC/USD: {decimals: 2}}
sources: {north: {type: push}, south: {type: push}}
sinks: {flare_feed_values: {port: 0, ledger: LEDGER}}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory, running) -> Iterator[Any]:
    """Return a pipeline that runs in another thread."""
    text = TEXT.replace("LEDGER", str(tmp_path_factory.mktemp("ledger") / "flare.db"))
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(portal.call(running, text)) as pipeline,
    ):
        portal.call(pipeline.push, "BTC/USD", 100.0)
        yield pipeline


def ask(live, method, path, content=None, headers=None):
    """Send one request and return its status and its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", live.sink.server.port, timeout=5)
    try:
        connection.request(method, path, content, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def raw(live, *parts, pause=0.0):
    """Send bytes as they are and return what comes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", live.sink.server.port), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        told = b""
        while part := connection.recv(65_536):
            told += part
        return told


def test_threads_take_shorter_turns_while_one_serves():
    """And as long ones as before when none does."""
    before = sys.getswitchinterval()
    server = serving.Server("127.0.0.1", 0)
    server.start(api.Api([]))
    assert sys.getswitchinterval() == pytest.approx(serving.SWITCH)
    anyio.run(server.stop)
    assert sys.getswitchinterval() == before > serving.SWITCH


def test_size_of_a_body_and_number_of_feeds_are_bounded(live):
    one = b'{"category":1,"name":"BTC/USD"}'
    most = b'{"feeds":[' + b",".join([one] * FEED_LIMIT) + b"]}"
    status, told = ask(live, "POST", "/feed-values/0", most)
    assert (status, len(json.loads(told)["data"])) == (201, FEED_LIMIT)
    status, told = ask(live, "POST", "/feed-values/0", most.replace(b"[", b"[" + one + b",", 1))
    assert (status, json.loads(told)["error"]) == (413, "Payload Too Large")
    assert ask(live, "POST", "/feed-values/0", b" " * (BODY_LIMIT - 10) + b'{"feeds":[]}')[0] == 413
    assert ask(live, "POST", "/feed-values/0", b" " * (BODY_LIMIT - 20) + b'{"feeds":[]}')[0] == 201
    # one that does not say how long it is
    assert ask(live, "POST", "/feed-values/0", iter([b" " * 65_536] * 20))[0] == 413
    head = b"POST /feed-values/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999999\r\n\r\n"
    assert raw(live, head).startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    head = b"POST /feed-values/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    assert raw(live, head).startswith(b"HTTP/1.1 413 ")


def test_body_that_does_not_come_is_408(live, monkeypatch):
    monkeypatch.setattr(api, "BODY_PATIENCE", 0.05)
    told = raw(live, b'POST /feed-values/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{"feeds"')
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in told


def test_head_that_does_not_come_or_does_not_end_costs_the_connection(live, monkeypatch):
    monkeypatch.setattr(serving, "HEAD_PATIENCE", 0.05)
    assert raw(live) == b""
    assert raw(live, b"POST /feed-values/0 HTTP/1.1\r\nHost: x\r\n") == b""
    # a second request on a connection has no longer
    whole = b'POST /feed-values/0 HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{"feeds":[]}'
    assert raw(live, whole, b"POST /x HTTP/1.1\r\n", pause=0.01).count(b"HTTP/1.1") == 1
    for head in (b"GET /" + b"x" * 40_000, b"GET / HTTP/1.1\r\n" + b"X-A: " + b"y" * 40_000 + b"\r\n"):
        assert raw(live, head + b"\r\n").startswith((b"HTTP/1.1 400 ", b""))


def test_connections_are_bounded(live, monkeypatch):
    monkeypatch.setattr(serving, "CONNECTIONS", 2)
    address = ("127.0.0.1", live.sink.server.port)
    with socket.create_connection(address, timeout=5), socket.create_connection(address, timeout=5):
        time.sleep(0.02)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(live, "GET", "/health")
    time.sleep(0.02)
    assert ask(live, "GET", "/health")[0] == 200


def test_compressed_body_is_refused(live):
    status, _ = ask(live, "POST", "/feed-values/0", b"x", {"Content-Encoding": "gzip"})
    assert status == 415


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "Unexpected token 'n', \"not json\" is not valid JSON"),
        ('{"feeds": [', "Unexpected end of JSON input"),
        ('{"feeds": [], "x": nope, "y": 1}', 'Unexpected token \'n\', ..." [], "x": nope, "y":"... is not valid JSON'),
        ('{"feeds": 1}', "Validation failed (a list of feeds like {category, name} is expected)"),
        ('{"feeds": [1]}', "Validation failed (a list of feeds like {category, name} is expected)"),
        ("[]", "Validation failed (a list of feeds like {category, name} is expected)"),
        ('{"feed": []}', "Validation failed (a list of feeds like {category, name} is expected)"),
        (b'{"feeds": [{"name": "\xff"}]}', "the body is no JSON in UTF-8"),
        ("[" * 100_000, "Validation failed (a list of feeds like {category, name} is expected)"),
        ('{"feeds": [' + '{"a":' * 50_000, "the body is nested too deeply, or holds a number of too many digits"),
    ],
)
def test_bad_body_is_400_and_says_why(live, content, message):
    body = content if isinstance(content, bytes) else content.encode()
    status, told = ask(live, "POST", "/feed-values/1", body)
    assert (status, json.loads(told)) == (400, {"message": message, "error": "Bad Request", "statusCode": 400})


@pytest.mark.parametrize("text", ["", "+1", "1.0", "1e3", "0x1", " 1", "١", "1" * 310, "9" * 100_000, "-", "--1"])
def test_integer_is_digits_and_no_more_than_a_double(text):
    with pytest.raises(Refused, match="numeric string"):
        integer(text)


def test_integer_is_the_double_next_to_it():
    assert [integer("-0"), integer("00"), integer(str(2**53 + 1))] == [0, 0, 2**53]
    assert integer("1" * 300) == int(float("1" * 300))


def test_what_json_allows_is_read():
    assert parsed(b'{"a": 1}', msgspec.json.Decoder(), "anything") == {"a": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FEED = st.dictionaries(st.sampled_from(["category", "name", "x"]), JSON, max_size=3) | JSON
BODIES = (
    st.binary(max_size=60)
    | JSON.map(lambda tree: json.dumps(tree).encode())
    | st.lists(FEED, max_size=5).map(lambda feeds: json.dumps({"feeds": feeds}).encode())
    | st.lists(FEED, max_size=5).map(lambda feeds: json.dumps({"feeds": feeds}).encode()[:-3])
)
ROUNDS = st.integers().map(str) | st.sampled_from(
    ["0", "1", "-1", "1.5", "abc", "", "%00", "%ff", "..", "1" * 400, "é"]
)
PATHS = (
    ROUNDS.map(lambda number: f"/feed-values/{number}")
    | st.sampled_from(["/feed-values", "/volumes", "/volumes/", "/health", "/api-doc", "/", "//", "/nope", "*"])
    | st.text("abc/%?&=.-", max_size=12).map(lambda text: f"/{text}")
)
QUERIES = st.just("") | (st.integers().map(str) | st.text("0123456789-+.e%", max_size=5)).map("?window={}".format)
METHODS = st.sampled_from(["POST"] * 6 + ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
HEADERS = st.dictionaries(
    st.sampled_from(["X-API-KEY", "Content-Type", "Accept", "Expect", "Upgrade", "Connection", "Cookie"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip),
    max_size=3,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, path=PATHS, query=QUERIES, content=BODIES, headers=HEADERS)
def test_no_request_is_answered_with_a_fault_of_ours(live, method, path, query, content, headers):
    """But for the two that the reference has: no body, and {}."""
    target = (path + query).encode("utf-8", "replace").decode("latin-1")
    with socket.create_connection(("127.0.0.1", live.sink.server.port), timeout=5) as connection:
        head = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in headers.items() if name != "Connection"]
        connection.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content)
        told = b""
        while part := connection.recv(65_536):
            told += part
    status = int(told.split(b" ", 2)[1])
    as_reference = status == 500 and content.strip() in {b"", b"{}"} and b"Internal server error" in told
    assert status < 500 or as_reference, told
    assert not [each for each in live.told if "unanswered" in each]


def test_thousand_rounds_later_the_server_still_answers(live):
    assert ask(live, "POST", "/feed-values/0", b'{"feeds":[{"category":1,"name":"BTC/USD"}]}')[0] == 201
