"""Whole rounds of the reference through the data provider's routes, and the sink's contract."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded_chain import RecordedChain
from test_rounds import epoch_of, transactions_of
from voting import EPOCH, KEY, LOCAL_TEST, ROUND, SUBMITTERS, Provider, chain_of, strict

from chrono.core.clock import VirtualClock
from chrono.testing import SinkContract
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.data_provider import DataProvider
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.epochs import reveal_deadline, round_start
from chrono_flare_ftso.protocol.merkle import verify
from chrono_flare_ftso.protocol.networks import FLARE
from chrono_flare_ftso.protocol.results import Result, feed_leaf


@pytest.fixture
def anyio_backend():
    return "asyncio"


def unhexed(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.mark.anyio
async def test_rounds_of_the_reference_are_signed_told_and_proved(tmp_path, reference):
    """Six scenarios: clean, adversarial, benched, replaced and single reveals, order inside a block."""
    recorded = reference("e2e_rounds_legacy.json")
    setup, number = recorded["setup"], recorded["setup"]["voting_round_id"]
    end = reveal_deadline(FLARE, number + 1) + 1
    epoch = epoch_of(setup)
    assert len(recorded["scenarios"]) == 6
    for scenario in recorded["scenarios"]:
        wanted = scenario["result"]
        chain = RecordedChain(FLARE, transactions_of(scenario), [epoch], head=end)
        async with Provider(tmp_path / f"{scenario['name']}.db", chain) as provider:
            provider.go(end)
            signed = strict(await provider.client.get(f"/submitSignatures/{number}/0x{'00' * 20}"), 38)
            assert signed == Result(100, number, wanted["is_secure"], unhexed(wanted["merkle_root"])).encode()
            if "finalization" in scenario:
                assert signed == unhexed(scenario["finalization"]["message_encoded_38_bytes"])
            told = await provider.get(f"/data/{number}")
            assert told["merkleRoot"] == wanted["merkle_root"]
            assert told["isSecureRandom"] is wanted["is_secure"]
            assert int(told["tree"][0]["value"], 16) == int(wanted["random"])
            medians = (await provider.get(f"/medianCalculationResults/{number}"))["medianData"]
            for feed, median in zip(told["tree"][1:], medians, strict=True):
                assert median["weights"] == [wanted["median_weights"][each] for each in median["votersSubmitAddresses"]]
                proved = (await provider.get(f"/specific-feed/{feed['id']}/{number}"))["feedWithProof"]
                assert proved["body"] == feed
                assert median["data"]["finalMedian"]["value"] == feed["value"]
                leaf = feed_leaf(number, unhexed(feed["id"]), feed["value"], feed["turnoutBIPS"], feed["decimals"])
                assert verify(leaf, [unhexed(each) for each in proved["proof"]], unhexed(told["merkleRoot"]))


@pytest.mark.anyio
async def test_result_under_fip16_has_its_own_root(tmp_path, reference):
    recorded = reference("e2e_rounds_legacy.json")
    setup, number = recorded["setup"], recorded["setup"]["voting_round_id"]
    end = reveal_deadline(FLARE, number + 1) + 1
    chain = RecordedChain(replace(FLARE, fip16=300), transactions_of(recorded["scenarios"][0]), [epoch_of(setup)], end)
    async with Provider(tmp_path / "flare.db", chain) as provider:
        provider.go(end)
        told = await provider.get(f"/data/{number}")
        medians = (await provider.get(f"/medianCalculationResults/{number}"))["medianData"]
    # fsp.md §11.2
    assert told["merkleRoot"][:10] == "0x9221359f"
    assert medians[0]["weights"] == [str(each.signing_weight) for each in epoch_of(setup).voters]


@pytest.mark.anyio
async def test_pipeline_of_both_sinks_commits_to_what_it_answers(running, tmp_path, monkeypatch):
    """On the machine's clock, through the engine, with one ledger."""
    network = replace(LOCAL_TEST, first_voting_round_start=int(time.time()) - 20 * ROUND - 5)
    monkeypatch.setattr(DataProvider, "chain", lambda _: chain_of(network))
    text = """
every: 1s
quotes: [USD]
feeds: {BTC/USD: {decimals: 2}, ETH/USD: {decimals: 2}}
detectors: []
sources: {north: {type: push}, south: {type: push}, east: {type: push}}
sinks:
  flare_SINK
"""
    ledger = tmp_path / "flare.db"
    keyed = f"data_provider: {{port: 0, ledger: {ledger}, network: flare, api_keys: [{KEY}], linger: 0s}}"
    async with running(text.replace("SINK", keyed)) as data:
        data.client.headers["X-API-KEY"] = KEY
        data.push("BTC/USD", 100.0)
        url = f"{ROUND}/0x{SUBMITTERS[0].hex()}"
        strict(await data.client.get(f"/submit1/{url}"), 39)
        data.push("BTC/USD", 200.0)
        async with running(text.replace("SINK", f"feed_values: {{port: 0, ledger: {ledger}}}")) as values:
            values.push("BTC/USD", 200.0)
            feeds = {"feeds": [{"category": 1, "name": "BTC/USD"}, {"category": 1, "name": "ETH/USD"}]}
            told = (await values.client.post(f"/feed-values/{ROUND}", json=feeds)).json()["data"]
        revealed = strict(await data.client.get(f"/submit2/{url}"))
    assert [each.get("value") for each in told] == [100, None]
    assert revealed[39:].hex() == "80002710"


ROUTES = ("submit1", "submit2", "submit3", "submitSignatures", "data", "medianCalculationResults", "specific-feed")
# no bytes that a client in Python refuses to send
TEXTS = st.text(st.characters(codec="ascii", exclude_characters="/?#%\\", categories=("L", "N", "P", "S")), max_size=50)
ODD = st.one_of(
    TEXTS,
    st.integers(-(10**40), 10**40).map(str),
    st.sampled_from([str(ROUND), str(ROUND + 1), "0", "-0", "007", "1e3", "1.5", "NaN", "%00", "%2e%2e", "9" * 309]),
    st.binary(max_size=24).map(lambda data: "0x" + data.hex()),
)


@pytest.fixture
def asked(tmp_path):
    """Return a request to a provider that stays open between examples."""
    with asyncio.Runner() as runner:
        provider = Provider(tmp_path / "flare.db", chain_of())
        runner.run(provider.__aenter__())

        def get(path: str, **more: Any) -> httpx.Response:
            return runner.run(provider.client.request(more.pop("method", "GET"), path, **more))

        get.told = provider.told  # type: ignore[attr-defined]
        yield get
        runner.run(provider.__aexit__())


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    route=st.sampled_from(ROUTES),
    parts=st.lists(ODD, max_size=3),
    method=st.sampled_from(["GET"] * 6 + ["POST", "PUT", "HEAD", "DELETE"]),
    key=st.sampled_from([KEY] * 6 + ["", "nope", KEY + "x"]),
    content=st.one_of(st.none(), st.binary(max_size=50)),
)
def test_no_request_is_answered_with_a_fault_of_ours(asked, route, parts, method, key, content):
    """The recorded 500 of submit3 is the only one; nothing that is not JSON is answered, and no key is told."""
    told = asked("/".join(["", route, *parts]), method=method, headers={"X-API-KEY": key}, content=content)
    assert told.status_code in {200, 400, 401, 404} or (route == "submit3" and told.status_code == 500), told.text
    if method != "HEAD":
        assert isinstance(json.loads(told.content), dict)
        assert KEY not in told.text.replace("/".join(parts), "")
    if told.status_code == 200 and route.startswith("submit"):
        assert json.loads(told.content).keys() <= {"status", "data"}
    assert not asked.told


class Asked(DataProvider):
    """The sink as the engine and a client would use it: a report is published when somebody asked for its round."""

    def chain(self) -> RecordedChain:
        network = LOCAL_TEST
        first = (self.context.clock.now() // 10**9 - network.first_voting_round_start) // 20
        return RecordedChain(network, epochs=[type(EPOCH)(1, min(first, ROUND), EPOCH.voters, EPOCH.feeds)])

    async def __aenter__(self):
        await super().__aenter__()
        url = f"http://127.0.0.1:{self.server.port}"
        self.client = httpx.AsyncClient(base_url=url, headers={"X-API-KEY": KEY}, verify=False)

        async def price():
            async for _ in self.trigger(self.context.clock):
                pass

        self.pricing = asyncio.create_task(price())
        return self

    async def __aexit__(self, *exc):
        self.pricing.cancel()
        await asyncio.gather(self.pricing, return_exceptions=True)
        await self.client.aclose()
        await super().__aexit__(*exc)

    async def publish(self, report):
        await anyio.lowlevel.checkpoint()
        # a voting round for each report
        number = ROUND + report.round.id % 1000
        self.context.clock.set(round_start(LOCAL_TEST, number) * 10**9)
        with anyio.CancelScope(shield=True):
            asked = asyncio.create_task(self.client.get(f"/submit1/{number}/0x{'11' * 20}"))
            while not asked.done():
                for at, _ in self.asking._given:
                    await super().publish(type(report)(type(report.round)(0, at, at), tuple(report.results)))
                await anyio.sleep(0.001)
            assert (await asked).status_code == 200


class TestDataProvider(SinkContract):
    """What every sink promises: what the world sees are the rounds that were committed to."""

    sink = Asked
    secrets = (KEY,)

    def options(self) -> Mapping[str, Any]:
        ledger = str(self.folder / "flare.db")
        return {"port": 0, "ledger": ledger, "network": "coston2", "api_keys": [KEY], "linger": "0s"}

    @pytest.fixture(autouse=True)
    def _quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chrono_flare_ftso.data_provider.PRICED_BY", 0.2)

    def make(self) -> DataProvider:
        self.made = super().make()
        clock = VirtualClock(round_start(LOCAL_TEST, ROUND) * 10**9)
        object.__setattr__(self.made.context, "clock", clock)
        return self.made

    async def seen(self) -> Sequence[Any]:
        with Ledger(self.folder / "flare.db") as ledger:
            commits = Commits(ledger)
            return [commits.find(number, bytes.fromhex("11" * 20)) for number in commits.rounds(0)]

    def broken(self) -> AbstractContextManager[Any] | None:
        return None
