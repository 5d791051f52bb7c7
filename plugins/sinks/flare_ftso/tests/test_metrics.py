"""Numbers in Prometheus' text format: what is told over HTTP is what was meant, whatever stands in a label."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import httpx
import pytest

from chrono_flare_ftso.api import Api
from chrono_flare_ftso.metrics import CONTENT_TYPE, Metrics, endpoints
from chrono_flare_ftso.protocol.networks import FLARE
from chrono_flare_ftso.provider.measures import Measures, Now
from chrono_flare_ftso.records import Record, Sent, Vote
from chrono_flare_ftso.serving import Server

pytestmark = pytest.mark.anyio

HOSTILE = 'a"} 1\nflare_fsp_reveal_offence_total 99\r\n\\" é {x="y"} # HELP\u2028\x00\t'
_SAMPLE = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"')
_PLAIN = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read the text format as its specification says, line by line."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    kinds: dict[str, str] = {}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            assert word in {"HELP", "TYPE"}
            if word == "TYPE":
                assert name not in kinds
                kinds[name] = rest
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        assert match[1] in kinds, line
        labels = frozenset(
            (name, re.sub(r'\\[\\"n]', lambda each: _PLAIN[each[0]], value))
            for name, value in _LABEL.findall(match[2] or "")
        )
        assert (match[1], labels) not in found, line
        found[match[1], labels] = float(match[3].replace("Inf", "inf"))
    return found


async def fetched(metrics: Metrics, path: str = "/metrics", method: str = "GET") -> httpx.Response:
    """Serve numbers, and get them over a socket."""

    async def text() -> str:
        return metrics.text()

    server = Server("127.0.0.1", 0)
    server.start(Api(endpoints(text)))
    try:
        async with httpx.AsyncClient() as client:
            return await client.request(method, f"http://127.0.0.1:{server.port}{path}")
    finally:
        await server.stop()


async def test_hostile_labels_are_one_value_and_nothing_else():
    metrics = Metrics()
    feeds = metrics.gauge("distance", 'Of a "vote"\nin \\ parts.', "feed", "other")
    feeds.set(1.5, feed=HOSTILE, other="")
    feeds.set(-2, feed="plain", other=HOSTILE)
    answer = await fetched(metrics)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert read(answer.text) == {
        ("distance", frozenset({("feed", HOSTILE), ("other", "")})): 1.5,
        ("distance", frozenset({("feed", "plain"), ("other", HOSTILE)})): -2,
    }


async def test_numbers_come_back_to_the_last_bit():
    metrics = Metrics()
    family = metrics.gauge("numbers", "Some.", "which")
    values = {"third": 1 / 3, "wei": 10**27 + 1, "small": 5e-324, "up": float("inf"), "down": float("-inf")}
    for which, value in values.items():
        family.set(value, which=which)
    found = read((await fetched(metrics)).text)
    assert {dict(labels)["which"]: value for (_, labels), value in found.items()} == {
        each: float(value) for each, value in values.items()
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/health", 200), ("GET", "/", 404), ("POST", "/metrics", 404), ("GET", "/metrics/", 200)],
)
async def test_nothing_else_is_served(method, path, status):
    assert (await fetched(Metrics(), path, method)).status_code == status


async def test_many_ask_at_once_and_one_that_breaks_off_costs_nobody_anything():
    metrics = Metrics()
    metrics.gauge("one", "One.").set(1)

    async def text() -> str:
        return metrics.text()

    server = Server("127.0.0.1", 0)
    server.start(Api(endpoints(text)))
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHos")
        await writer.drain()
        writer.close()
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{server.port}/metrics"
            answers = await asyncio.gather(*(client.get(url) for _ in range(20)))
        assert {answer.text for answer in answers} == {"# HELP one One.\n# TYPE one gauge\none 1\n"}
    finally:
        await server.stop()


def test_names_and_labels_that_are_none_are_refused():
    metrics = Metrics()
    metrics.gauge("one", "One.", "feed")
    with pytest.raises(ValueError, match="expected a name of its own"):
        metrics.counter("one", "Two.")
    with pytest.raises(ValueError, match="expected a name of letters"):
        metrics.gauge("a-b", "No.")
    with pytest.raises(ValueError, match="expected the labels"):
        metrics.gauge("two", "Two.", "feed").set(1, food="x")


def test_observers_series_are_there_from_the_beginning_at_zero():
    """An alarm on a counter needs its 0, as Flare's observer gives it."""
    measures = Measures(FLARE, bytes(20))
    found = read(measures.text(Now(7, 1, None, None, None, None, 0, {HOSTILE: True})))
    who = ("identity_address", "0x" + "0" * 40)
    for phase in ("submit1", "submit2", "signatures"):
        for state in ("ok", "missing", "late", "early"):
            labels = frozenset({who, ("protocol", "ftso"), ("phase", phase)})
            assert found[f"flare_fsp_submit_{state}_total", labels] == 0
    for name in ("reveal_offence", "signature_grace_period_missed", "signature_mismatch"):
        assert found[f"flare_fsp_{name}_total", frozenset({who, ("protocol", "ftso")})] == 0
    assert found["chrono_flare_node_up", frozenset({("node", HOSTILE)})] == 1
    assert ("flare_fsp_registered_current_epoch", frozenset({who})) not in found
    assert not [name for name, _ in found if name == "chrono_flare_lease_held"]


def test_rounds_are_counted_and_shares_are_those_of_two_hours():
    measures = Measures(FLARE, bytes(20))
    hit = Vote("BTC/USD", 2, 100, 100, 99, 101, True, True, True)
    miss = hit._replace(hit=False, primary=False, secondary=None, vote=None)
    sent = (Sent("submit1", bytes(32), "mined", 1, 0.5, True),)
    good = Record(
        round=1, epoch=1, written=0, shadow=False, commit="ok", reveal="ok", signature="ok", finalised="us",
        coin_usd=0.02, share=0.2, sent=sent, votes=(hit, hit),
    )  # fmt: skip
    bad = replace(good, reveal="missing", offence=True, share=0.0, votes=(hit, miss), finalised="")
    for record in (good, good, bad):
        measures.record(record)
    found = read(measures.text(Now(7, 1, True, 2.5, 9, -0.5, 1, {}, False)))
    labels = {name: value for (name, labels), value in found.items() if "phase" not in dict(labels)}
    who = ("identity_address", "0x" + "0" * 40)
    assert found["flare_fsp_submit_ok_total", frozenset({who, ("protocol", "ftso"), ("phase", "submit2")})] == 2
    assert found["flare_fsp_submit_missing_total", frozenset({who, ("protocol", "ftso"), ("phase", "submit2")})] == 1
    assert labels["flare_fsp_reveal_offence_total"] == 1
    assert labels["flare_fsp_ftso_anchor_feeds_success_rate_bips"] == 8_333
    assert found["chrono_flare_in_band_ratio", frozenset({("band", "secondary")})] == 1
    assert found["chrono_flare_in_band_ratio", frozenset({("band", "primary")})] == 5 / 6
    assert found["chrono_flare_cost_coins_total", frozenset({("label", "submit1")})] == 1.5
    assert found["chrono_flare_submission_cost_usd", frozenset({("label", "submit1")})] == 0.01
    assert found["chrono_flare_finalisations_total", frozenset({("by", "us")})] == 2
    assert (labels["chrono_flare_rounds_total"], labels["chrono_flare_rounds_missed_total"]) == (3, 1)
    assert labels["chrono_flare_reward_share_ratio"] == pytest.approx(0.4 / 3)
    assert (labels["chrono_flare_lease_held"], labels["chrono_flare_clock_offset_seconds"]) == (0, -0.5)
    for _ in range(80):
        measures.record(bad)
    assert 'success_rate_bips{identity_address="0x0000000000000000000000000000000000000000"} 5000' in measures.text(
        Now(8, 1, None, None, None, None, 0, {})
    )


def test_statuses_are_counted_and_feeds_that_are_no_more_are_not_told():
    measures = Measures(FLARE, bytes(20))
    measures.status("degraded", "endpoint")
    measures.status("degraded", "clock")
    measures.status("live", "")
    vote = Vote("BTC/USD", 2, 101, 100, 99, 101, True, True, True)
    record = Record(round=1, epoch=1, written=0, shadow=True, commit="unsent", reveal="unsent", signature="unsent")
    measures.record(replace(record, votes=(vote, vote._replace(feed="OLD/USD"))))
    measures.record(replace(record, votes=(vote,)))
    found = read(measures.text(Now(7, 1, None, None, None, None, 0, {})))
    assert found["chrono_flare_node_failovers_total", frozenset()] == 1
    assert {dict(labels)["code"] for name, labels in found if name == "chrono_flare_statuses_total"} == {
        "endpoint",
        "clock",
    }
    told = {dict(labels)["feed"]: value for (name, labels), value in found.items() if name.endswith("distance_bips")}
    assert told == {"BTC/USD": 100.0}
