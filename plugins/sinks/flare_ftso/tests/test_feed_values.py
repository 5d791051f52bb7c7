"""The sink `flare_feed_values` over real HTTP: as the reference answers, once and for all, and in time."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
from pydantic import ValidationError

from chrono import PermanentError
from chrono.core.clock import VirtualClock
from chrono.core.types import SECOND
from chrono.testing import SinkContract
from chrono_flare_ftso import feed_values
from chrono_flare_ftso.answers import Values
from chrono_flare_ftso.feed_values import Current, FeedValues

pytestmark = pytest.mark.anyio

BTC, NOPE = ({"category": 1, "name": f"{base}/USD"} for base in ("BTC", "NOPE"))
KEY = "a-key-that-nobody-may-see"


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def text(tmp_path):
    """Return a pipeline of three venues; `sink` and `more` are put into it."""

    def pipeline(sink="", more=""):
        return f"""
every: 1s
quotes: [USD]
feeds: {{BTC/USD: {{decimals: 2}}, NOPE/USD: {{decimals: 2}}}}
detectors: []
sources: {{north: {{type: push}}, south: {{type: push}}, east: {{type: push}}}}
{more}
sinks: {{flare_feed_values: {{port: 0, ledger: {tmp_path / "flare.db"}, {sink}}}}}
"""

    return pipeline


def body(*feeds):
    return {"feeds": list(feeds)}


def value(response, place=0):
    """Return the value of a feed of an answer, None where it has none."""
    assert response.status_code == 201, response.text
    return response.json()["data"][place].get("value")


async def test_each_recorded_exchange_is_answered_field_by_field(running, text, reference):
    """The reference was told to answer 0.01; its volumes are then an empty list, here they are of each feed."""
    async with running(text()) as pipeline:
        for pair in ("BTC/USD", "NOPE/USD"):
            pipeline.push(pair, 0.01)
        for exchange in reference("http_value_provider.json")["exchanges"]:
            asked, wanted = exchange["request"], exchange["response"]
            content = asked["body"]
            if content is not None and not isinstance(content, str):
                content = json.dumps(content, separators=(",", ":"))
            told = await pipeline.client.request(
                asked["method"], asked["path"], headers=asked["headers"], content=content
            )
            assert told.status_code == wanted["status"], asked
            assert told.headers["content-type"] == wanted["content_type"]
            if wanted["body"] == {"data": []}:
                assert [each["feed"] for each in told.json()["data"]] == [BTC, NOPE]
                for each in told.json()["data"]:
                    # nothing as long as the second of the trades is in progress
                    assert {named["volume"] for named in each["volumes"]} <= {0, 0.01}
                    assert [named["exchange"] for named in each["volumes"]] == ["east", "north", "south"]
            else:
                assert told.text == wanted["body_text"]


async def test_first_request_decides_and_every_other_has_the_same_bytes(running, text):
    """While the price runs: the value is that of a moment between sending and receipt, and stays what it was."""
    async with running(text()) as pipeline:
        printed = [67_000.0]

        async def rise():
            while True:
                printed.append(printed[-1] + 0.01)
                pipeline.push("BTC/USD", printed[-1])
                await anyio.sleep(0.0005)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rise)
            await anyio.sleep(0.01)
            before = printed[-1]
            first = await pipeline.client.post("/feed-values/7", json=body(BTC))
            after = printed[-1]
            again = [await pipeline.client.post("/feed-values/7", json=body(BTC)) for _ in range(3)]
            other = await pipeline.client.post("/feed-values/8", json=body(BTC))
            tasks.cancel_scope.cancel()
        assert before <= value(first) <= after
        assert {each.content for each in again} == {first.content}
        assert value(other) > value(first)


async def test_requests_that_come_together_have_one_answer(running, text):
    async with running(text()) as pipeline:
        pipeline.push("BTC/USD", 67_000.0)
        told: list[httpx.Response] = []

        async def ask():
            told.append(await pipeline.client.post("/feed-values/9", json=body(BTC)))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask)
            for number in range(50):
                pipeline.push("BTC/USD", 67_001.0 + number)
                await anyio.lowlevel.checkpoint()
        assert len({each.content for each in told}) == 1


async def test_round_is_the_same_after_a_restart_with_whatever_list(running, text):
    async with running(text()) as pipeline:
        pipeline.push("BTC/USD", 100.25)
        pipeline.push("NOPE/USD", 3.0)
        first = await pipeline.client.post("/feed-values/7", json=body(BTC, NOPE))
    async with running(text()) as pipeline:
        pipeline.push("BTC/USD", 200.0)
        again = await pipeline.client.post("/feed-values/7", json=body(BTC, NOPE))
        turned = await pipeline.client.post("/feed-values/7", json=body(NOPE, BTC))
        assert value(await pipeline.client.post("/feed-values/8", json=body(BTC))) == 200.0
    assert again.content == first.content
    assert [value(turned), value(turned, 1)] == [3, 100.25]


@pytest.mark.parametrize("path", ["/feed-values/0", "/feed-values/-3", "/feed-values", "/feed-values/99999999999"])
async def test_now_is_never_frozen(running, text, path):
    """Round 0 is what the block-latency client's template always asks for."""
    async with running(text("reuse: 1ms")) as pipeline:
        pipeline.push("BTC/USD", 100.0)
        assert value(await pipeline.client.post(path, json=body(BTC))) == 100
        pipeline.push("BTC/USD", 101.0)
        with anyio.fail_after(5):
            while value(await pipeline.client.post(path, json=body(BTC))) != 101:  # noqa: ASYNC110 - time has to pass
                await anyio.sleep(0.005)
        assert not pipeline.sink.ledger.read("SELECT * FROM answers")


async def test_next_pricing_of_now_is_there_before_it_is_asked_for(running, text):
    """While somebody asks, each is made when the one before grows old; when nobody does any more, they end."""
    async with running(text("reuse: 50ms")) as pipeline:
        pipeline.push("BTC/USD", 100.0)
        # two, one after the other: the second is what the next pricing is made for
        for _ in range(2):
            await pipeline.client.post("/feed-values/0", json=body(BTC))
        asked = pipeline.sink._current.report
        with anyio.fail_after(5):
            while pipeline.sink._current.report is asked:  # noqa: ASYNC110 - time has to pass
                await anyio.sleep(0.005)
        with anyio.fail_after(5):
            while pipeline.sink._wanted or pipeline.sink._pricing:  # noqa: ASYNC110 - time has to pass
                await anyio.sleep(0.005)
        last = pipeline.sink._current.report
        await anyio.sleep(0.12)
        assert pipeline.sink._current.report is last


async def test_values_are_matched_by_name_and_category_and_echoed_as_sent(running, text):
    more = 'feeds: {BTC/USD: {decimals: 2}, XX/USD: {decimals: 2, category: "0x21"}}'
    async with running(
        text(more=more).replace("feeds: {BTC/USD: {decimals: 2}, NOPE/USD: {decimals: 2}}\n", "")
    ) as run:
        run.push("BTC/USD", 100.0)
        run.push("XX/USD", 5.5)
        asked = [
            {"category": 1, "name": "BTC/USD"},
            {"category": 2, "name": "BTC/USD"},
            {"category": 33, "name": "XX/USD"},
            {"category": 21, "name": "XX/USD"},
            {"name": "BTC/USD"},
            {"category": True, "name": "BTC/USD", "more": [None]},
            {"category": 1, "name": ["BTC/USD"]},
            {},
            {"category": 1.0, "name": "BTC/USD"},
        ]
        told = (await run.client.post("/feed-values/3", json=body(*asked))).json()["data"]
    assert [each["feed"] for each in told] == asked
    assert [each.get("value") for each in told] == [100, None, 5.5, 5.5, None, None, None, None, 100]


class TestOnMissing:
    """What a feed without a value comes to."""

    SILENT = "consensus: {median: {min_venues: 1, max_age: 40ms}}"

    async def test_skipped_it_has_no_value(self, running, text):
        async with running(text()) as pipeline:
            pipeline.push("BTC/USD", 100.0)
            told = await pipeline.client.post("/feed-values/3", json=body(NOPE, BTC))
        assert told.json()["data"] == [{"feed": NOPE}, {"feed": BTC, "value": 100}]

    async def test_its_last_one_stands_in(self, running, text):
        rule = "on_missing: {BTC/USD: {last: {max_age: 30s}}, default: skip}"
        async with running(text(rule, self.SILENT)) as pipeline:
            pipeline.push("BTC/USD", 100.0)
            pipeline.push("NOPE/USD", 3.0)
            assert value(await pipeline.client.post("/feed-values/3", json=body(BTC))) == 100
            await anyio.sleep(0.06)
            told = await pipeline.client.post("/feed-values/4", json=body(BTC, NOPE))
        assert told.json()["data"] == [{"feed": BTC, "value": 100}, {"feed": NOPE}]

    async def test_failing_it_leaves_no_answer(self, running, text, monkeypatch):
        monkeypatch.setattr(feed_values, "PRICED_WITHIN", 0.1)
        async with running(text("on_missing: {NOPE/USD: fail, default: skip}")) as pipeline:
            pipeline.push("BTC/USD", 100.0)
            told = await pipeline.client.post("/feed-values/3", json=body(BTC))
            assert (told.status_code, told.json()["statusCode"]) == (503, 503)
            pipeline.push("NOPE/USD", 3.0)
            assert value(await pipeline.client.post("/feed-values/3", json=body(BTC))) == 100


async def test_slow_pricing_is_no_answer_within_a_second(running, text):
    """The caller asks again; meanwhile what was answered before is answered still, since another thread does it."""
    async with running(text()) as pipeline:
        pipeline.push("BTC/USD", 100.0)
        first = await pipeline.client.post("/feed-values/3", json=body(BTC))
        told: list[httpx.Response] = []
        busy, answered = threading.Event(), threading.Event()

        def ask():
            busy.wait()
            with httpx.Client(base_url=pipeline.client.base_url, timeout=20, verify=False) as client:
                told.extend(client.post(path, json=body(BTC)) for path in ("/feed-values/3", "/feed-values/4"))
            answered.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, ask)
            await anyio.sleep(0.01)
            # the pipeline is at work until both are answered: no instant is given, nothing is priced
            busy.set()
            assert answered.wait(20)
        assert [each.status_code for each in told] == [201, 503]
        assert told[0].content == first.content
        assert value(await pipeline.client.post("/feed-values/4", json=body(BTC))) == 100


async def test_what_cannot_be_written_down_is_answered_and_stays_while_the_process_lives(running, text):
    async with running(text()) as pipeline:
        pipeline.push("BTC/USD", 100.0)
        with mock.patch.object(pipeline.sink._answers, "freeze", side_effect=PermanentError("the disk is full")):
            assert value(await pipeline.client.post("/feed-values/3", json=body(BTC))) == 100
        assert any("the disk is full" in each for each in pipeline.told)
        pipeline.push("BTC/USD", 120.0)
        assert value(await pipeline.client.post("/feed-values/3", json=body(BTC))) == 100


class TestKeys:
    """Who may ask."""

    @pytest.fixture
    def guarded(self, text, monkeypatch):
        monkeypatch.setenv("FLARE_TEST_KEY", KEY)
        return text('api_keys: ["${env:FLARE_TEST_KEY}", another-key], base_path: /provider/')

    async def test_only_who_has_one_is_answered(self, running, guarded):
        async with running(guarded) as pipeline:
            pipeline.push("BTC/USD", 100.0)
            path = "/provider/feed-values/3"
            for headers in ({}, {"X-API-KEY": ""}, {"X-API-KEY": KEY[:-1]}, {"X-API-KEY": f"{KEY}é".encode()}):
                told = await pipeline.client.post(path, json=body(BTC), headers=headers)
                assert (told.status_code, told.text) == (401, '{"message":"Unauthorized","statusCode":401}')
            for key in (KEY, "another-key"):
                told = await pipeline.client.post(path, json=body(BTC), headers={"x-api-key": key})
                assert value(told) == 100
            assert (await pipeline.client.get("/provider/api-doc-json")).status_code == 200
            assert (await pipeline.client.post("/feed-values/3", json=body(BTC))).status_code == 404

    async def test_no_key_is_told(self, running, guarded, capfd):
        """Not where it is wrong, not where something of ours fails, in no status, log, repr or stream."""
        async with running(guarded) as pipeline:
            pipeline.push("BTC/USD", 100.0)
            with mock.patch.object(pipeline.sink._feeds, "name", side_effect=ValueError(KEY)):
                told = await pipeline.client.post("/provider/feed-values/0", json=body(BTC), headers={"X-API-KEY": KEY})
            assert told.status_code == 500
            wrong = await pipeline.client.post("/provider/nope", content=KEY, headers={"X-API-KEY": KEY + "x"})
            shown = [told.text, wrong.text, *pipeline.told, repr(pipeline.sink), repr(pipeline.sink.config)]
            shown += [str(pipeline.sink.config), repr(pipeline.sink.config.model_dump())]
        out, err = capfd.readouterr()
        assert any("answered with an error: ValueError" in each for each in pipeline.told)
        assert not [each for each in [*shown, *pipeline.told, out, err] if KEY in each]

    def test_empty_key_is_refused(self):
        with pytest.raises(ValidationError, match="at least 1"):
            FeedValues.Config(api_keys=[""])


async def test_busy_port_is_said_before_anything_runs(running, text):
    async with running(text()) as pipeline:
        config = FeedValues.Config(port=pipeline.sink.server.port, ledger="nowhere/flare.db")
        with pytest.raises(PermanentError, match=r"expected to listen there.*stop what listens there"):
            await FeedValues(config).__aenter__()


async def test_who_waits_when_the_pipeline_stops_is_told_so(running, text):
    async with running(text()) as pipeline:
        with mock.patch.object(pipeline.sink.asking, "answer"):
            async with anyio.create_task_group() as tasks:
                told: list[httpx.Response] = []

                async def ask():
                    told.append(await pipeline.client.post("/feed-values/3", json=body(BTC)))

                tasks.start_soon(ask)
                while not pipeline.sink.asking._given:  # noqa: ASYNC110
                    await anyio.sleep(0.001)
                pipeline.engine.stop.set()
    assert [each.status_code for each in told] == [503]


async def test_strict_errors_leave_500_to_faults_of_ours(running, text):
    async with running(text("errors: strict")) as pipeline:
        for content in (b"", b" {} "):
            told = await pipeline.client.post("/feed-values/1", content=content)
            assert told.json()["error"] == "Bad Request"


async def test_first_answer_of_a_round_is_told_once(running, text):
    async with running(text()) as pipeline:
        heard: list[Any] = []
        pipeline.sink.on_first.append(lambda number, feeds, prices: heard.append((number, feeds, dict(prices))))
        pipeline.push("BTC/USD", 100.0)
        for path in ("/feed-values/0", "/feed-values/5", "/feed-values/5"):
            await pipeline.client.post(path, json=body(BTC, NOPE))
    assert heard == [(5, [BTC, NOPE], {"BTC/USD": 100.0})]


async def test_volumes_are_in_the_quote_of_the_feed_and_leave_out_the_running_second(running, tmp_path, monkeypatch):
    """What was converted is rounded, as in the reference; what was not is not."""
    text = f"""
feeds: {{USDT/USD: {{decimals: 5}}, BTC/USD: {{decimals: 2}}}}
quotes: [USD, USDT]
detectors: []
sources: {{north: {{type: push}}, south: {{type: push}}}}
consensus: {{median: {{min_venues: 1}}}}
sinks: {{flare_feed_values: {{port: 0, ledger: {tmp_path / "flare.db"}}}}}
"""
    async with running(text) as pipeline:
        now = pipeline.engine.clock.now()
        # the second goes on running, however long what follows takes
        of_feed = pipeline.sink._volumes.of_feed
        monkeypatch.setattr(
            pipeline.sink._volumes, "of_feed", lambda name, window, _, rates: of_feed(name, window, now, rates)
        )
        pipeline.push("USDT/USD", 0.5)
        for age in (0, 3, 30, 90):
            pipeline.push("BTC/USD", 100.125, 2.0, ts_event=now - age * SECOND)
            pipeline.push("BTC/USDT", 200.1, 1.0, ts_event=now - age * SECOND)
        told = {
            window: (await pipeline.client.post(f"/volumes?window={window}", json=body(NOPE, BTC))).json()["data"]
            for window in (60, 10, 3600)
        }
        for bad, status in (("0", 400), ("3601", 400), ("-5", 400), ("", 400), ("1e3", 400)):
            assert (await pipeline.client.post(f"/volumes?window={bad}", json=body(BTC))).status_code == status
    for window, counted in ((60, 2), (10, 1), (3600, 3)):
        assert told[window][0] == {"feed": NOPE, "volumes": []}
        assert sorted(told[window][1]["volumes"], key=str) == [
            {"exchange": each, "volume": counted * (200.25 + 100)} for each in ("north", "south")
        ]


async def test_description_names_what_the_references_does(running, text):
    async with running(text()) as pipeline:
        tree = (await pipeline.client.get("/api-doc-json")).json()
        page = await pipeline.client.get("/api-doc")
        yaml = (await pipeline.client.get("/api-doc-yaml")).text
        assert (await pipeline.client.get("/health")).json() == {"status": "up", "priced": None}
    names = {each["post"]["operationId"] for each in tree["paths"].values()}
    assert names == {"getFeedValues", "getCurrentFeedValues", "getFeedVolumes"}
    assert {"FeedId", "FeedValuesRequest", "RoundFeedValuesResponse", "FeedVolumesResponse"} <= {
        *tree["components"]["schemas"]
    }
    assert page.headers["content-type"].startswith("text/html")
    assert "getFeedValues" in yaml
    assert "http" not in page.text.replace("https://", "http").split("<h2>")[0].split("</style>")[0]


async def test_shadow_is_asked_for_each_round_and_never_changes_an_answer(running, text, tmp_path):
    from chrono_flare_ftso.ledger import Ledger

    async with running(text()) as other:
        other.push("BTC/USD", 90.0)
        config = text(f"shadow: http://127.0.0.1:{other.sink.server.port}").replace("flare.db", "ours.db")
        async with running(config) as pipeline:
            pipeline.push("BTC/USD", 100.0)
            told = await pipeline.client.post("/feed-values/5", json=body(BTC))
            assert value(told) == 100
            with anyio.fail_after(5):
                while not any("BTC/USD by -10.00%" in each for each in pipeline.told):  # noqa: ASYNC110
                    await anyio.sleep(0.005)
    with Ledger(tmp_path / "ours.db") as ledger:
        assert ledger.read("SELECT round, prices FROM shadows") == [(5, '{"BTC/USD":90.0}')]
    with pytest.raises(ValidationError, match="expected an address"):
        FeedValues.Config(shadow="ftp://x:secret@y")


class TestCurrent:
    """How long a pricing counts as now."""

    def report(self, as_of):
        return mock.Mock(round=mock.Mock(as_of=as_of))

    def test_pricing_that_takes_long_is_used_for_longer_but_never_beyond_a_round(self):
        current = Current(100, 2_000)
        for cost, good in ((0, 100), (5, 100), (100, 1_200), (900, 2_000)):
            current.renew(self.report(10_000), 10_000 + cost)
            assert current.good_for == good

    def test_next_is_asked_for_before_this_one_is_too_old(self):
        current = Current(100, 2_000)
        assert current.due(0)
        current.renew(self.report(10_000), 10_010)
        assert not current.due(10_050)
        assert current.due(10_110)
        assert current.good_for >= 110 + 10

    def test_values_of_a_report_are_made_once(self):
        current = Current(100, 2_000)
        report = mock.Mock(round=mock.Mock(as_of=5), prices={})
        values = current.values(report)
        assert isinstance(values, Values)
        assert current.values(report) is values


class Asked(FeedValues):
    """The sink as the engine and a client would use it: a report is published when somebody asked for its round."""

    async def __aenter__(self):
        await super().__aenter__()
        clock = self.context.clock
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.server.port}", verify=False)

        async def price():
            async for _ in self.trigger(clock):
                pass

        self.pricing = asyncio.create_task(price())
        return self

    async def __aexit__(self, *exc):
        self.pricing.cancel()
        await self.client.aclose()
        await super().__aexit__(*exc)

    async def publish(self, report):
        await anyio.lowlevel.checkpoint()
        self.context.clock.set(report.round.as_of)
        with anyio.CancelScope(shield=True):
            asked = asyncio.create_task(self.client.post(f"/feed-values/{report.round.id}", json=body(BTC)))
            while not asked.done() and not self.asking._given:  # noqa: ASYNC110
                await anyio.sleep(0.001)
            await super().publish(report)
            assert (await asked).status_code == 201


class TestFeedValues(SinkContract):
    """What every sink promises: what the world sees are the rounds that it was promised."""

    sink = Asked
    secrets = (KEY,)

    def options(self) -> Mapping[str, Any]:
        return {"port": 0, "ledger": str(self.folder / "flare.db")}

    def make(self) -> FeedValues:
        self.made = super().make()
        object.__setattr__(self.made.context, "clock", VirtualClock())
        return self.made

    async def seen(self) -> Sequence[Any]:
        from chrono_flare_ftso.ledger import Ledger

        with Ledger(self.folder / "flare.db") as ledger:
            return ledger.read("SELECT * FROM answers ORDER BY as_of")

    def broken(self) -> AbstractContextManager[Any] | None:
        return None
