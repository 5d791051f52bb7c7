"""The sink `flare_data_provider` over real HTTP: as the reference answers, and as the client in Go understands."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from pydantic import ValidationError
from voting import EPOCH, FEEDS, KEY, LOCAL_TEST, PRICES, ROUND, SIGNER, SUBMITTERS, Provider, chain_of, strict

from chrono import PermanentError
from chrono_flare_ftso import data_provider
from chrono_flare_ftso.answers import Answers, Values
from chrono_flare_ftso.commits import Commits
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash
from chrono_flare_ftso.protocol.epochs import reveal_deadline, round_start
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.rounds import RewardEpoch

pytestmark = pytest.mark.anyio

START = round_start(LOCAL_TEST, ROUND)
END = reveal_deadline(LOCAL_TEST, ROUND + 1)
RANDOM = re.compile(r"(?<=0x64000003ed0020)[0-9a-f]{64}|(?<=0x64000003ed002[4c])[0-9a-f]{64}")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flare.db"


async def vote(provider: Provider, submitters: Any = SUBMITTERS) -> None:
    """Have each voter commit and reveal, on the chain too, and let the chain go on until nobody can reveal any more."""
    for each in submitters:
        provider.send(Call.SUBMIT1, each, await provider.submit1(each), START + 10)
    for each in submitters:
        provider.send(Call.SUBMIT2, each, await provider.submit2(each), START + 22)
    provider.recorded.move(END + 1)
    provider.go(END + 1.5)


def shape(text: str) -> str:
    """Return a body without what is random in it: randoms, what is made of them, and the way to the root."""
    return re.sub(r'"proof":\[[^]]*\]', '"proof":[]', re.sub(r"0x[0-9a-f]{60,}", lambda found: _shaped(found[0]), text))


def _shaped(text: str) -> str:
    if len(text) in {2 + 2 * 51, 2 + 2 * 43}:
        # submit2: head and vector stay
        return text[:16] + "…" + text[80:]
    if len(text) == 2 + 2 * 39:
        return text[:16] + "…"
    return text[:14] + "…" if len(text) == 2 + 2 * 38 else "…"


async def test_each_recorded_exchange_is_answered_field_by_field(path, reference):
    """But for randoms, for an address in another letter case, and for faults of a value provider that is not asked.

    A feed without a value is no vote in each of those, and none of them loses the round.
    """
    recorded = reference("http_data_provider.json")["exchanges"]
    modes = {"missing", "null", "allmissing", "short", "reversed", "huge", "500"}
    seen = 0
    async with Provider(path, api_keys=["key1", "key2"]) as provider:
        provider.client.headers.pop("X-API-KEY")
        for exchange in recorded:
            label, mode = exchange["label"], exchange["label"].rpartition("mode ")[2]
            if "response" not in exchange or mode in modes:
                continue
            asked, wanted = exchange["request"], exchange["response"]
            if label == "submitSignatures":
                provider.client.headers["X-API-KEY"] = "key1"
                await vote(provider)
                provider.client.headers.pop("X-API-KEY")
            told = await provider.client.request(asked["method"], asked["path"], headers=asked["headers"])
            assert (label, told.status_code) == (label, wanted["status"])
            assert told.headers["content-type"] == wanted["content_type"]
            assert shape(told.text) == shape(wanted["body_text"]), label
            seen += 1
    assert seen == 25


async def test_feed_without_a_value_is_no_vote_and_the_others_keep_theirs(path):
    """Recorded of a value provider that leaves out a value, or all; out of range the reference loses the round."""
    vectors = []
    async with Provider(path) as provider:
        for number, prices in enumerate(({}, {"ETH/USD": 1e9}, {"OTHER/USD": 5.0, "FLR/USD": 2.0})):
            provider.prices = {"BTC/USD": 38573.26, "FLR/USD": 0.02042, **prices} if number < 2 else prices
            provider.go(START + 20 * number + 5)
            provider.recorded.epochs[0] = EPOCH
            await provider.submit1(round=ROUND + number)
            vectors.append((await provider.submit2(round=ROUND + number))[39:].hex())
    assert vectors == ["803adbae00000000800007fa"] * 2 + ["000000000000000080030d40"]


async def test_votes_for_nothing_are_committed_to_when_patience_is_at_an_end(path, monkeypatch):
    monkeypatch.setattr(data_provider, "PRICED_BY", 0.1)
    async with Provider(path) as provider:
        provider.prices = {}
        await provider.submit1()
        assert (await provider.submit2())[39:].hex() == "00000000"
        assert provider.priced > 1


async def test_first_value_is_waited_for(path):
    async with Provider(path) as provider:
        provider.prices = {}
        asked = asyncio.create_task(provider.submit1())
        while not provider.priced:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        provider.prices = PRICES
        await asked
        assert (await provider.submit2())[39:].hex() == "803adbae800351a8800007fa"


async def test_reward_epoch_is_waited_for_and_the_values_are_those_of_the_receipt(path):
    async with Provider(path) as provider:
        provider.recorded.epochs.clear()
        asked = asyncio.create_task(provider.submit1())
        while not provider.priced:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        provider.prices = {"BTC/USD": 1.0}
        await asyncio.sleep(0.01)
        assert not asked.done()
        provider.recorded.epochs.append(EPOCH)
        await asked
        assert (await provider.submit2())[39:].hex() == "803adbae800351a8800007fa"


async def test_order_is_that_of_the_rounds_own_epoch(path):
    """And is never shifted: a feed that is new, not priced here or of another category leaves its place empty."""
    forex = FEEDS[0]._replace(id=b"\x02" + FEEDS[0].id[1:])
    other = RewardEpoch(2, ROUND + 1, EPOCH.voters, (FEEDS[2], forex, FEEDS[1]))
    async with Provider(path, chain_of(epochs=[EPOCH, other])) as provider:
        provider.go(START + 25)
        await provider.submit1()
        await provider.submit1(round=ROUND + 1)
        assert (await provider.submit2())[39:].hex() == "803adbae800351a8800007fa"
        assert (await provider.submit2(round=ROUND + 1))[39:].hex() == "800007fa00000000800351a8"
        rows = provider.ledger.read("SELECT feeds FROM commits ORDER BY round")
    assert [each[0].split(",")[0] for each in rows] == [FEEDS[0].id.hex(), FEEDS[2].id.hex()]


async def test_round_is_priced_once_for_all_addresses_and_fifty_requests_have_one_commit(path):
    async with Provider(path) as provider, provider.another() as client:
        urls = [f"/submit1/{ROUND}/0x{SUBMITTERS[0].hex()}"] * 50
        told = await asyncio.gather(*(client.get(url) for url in urls))
        assert len({strict(each, 39) for each in told}) == 1
        assert await provider.submit1(SUBMITTERS[1]) != strict(told[0])
        assert provider.ledger.read("SELECT count(*) FROM commits") == [(2,)]
        assert provider.priced == 1


async def test_commit_binds_the_address_to_what_is_revealed(path):
    async with Provider(path) as provider:
        hashed, revealed = (await provider.submit1())[7:], (await provider.submit2())[7:]
    assert hashed == commit_hash(SUBMITTERS[0], ROUND, revealed[:32], revealed[32:])


async def test_spellings_of_an_address_have_one_commit(path):
    plain = SUBMITTERS[0].hex()
    async with Provider(path) as provider:
        spelled = [
            f"0x{plain}",
            f"0x{plain.upper()}",
            f"0X{plain.upper()}",
            plain,
            f"0x{plain[:20].upper()}{plain[20:]}",
        ]
        assert len({await provider.submit1(each) for each in spelled}) == 1
        assert len({await provider.submit2(each) for each in spelled}) == 1


async def test_values_are_those_that_the_value_provider_answered_on_the_same_ledger(path):
    with Ledger(path) as ledger:
        Answers(ledger).freeze(ROUND, Values(1, {"BTC/USD": 1.0, "ETH/USD": 2.0, "FLR/USD": 3.0}))
    async with Provider(path) as provider:
        await provider.submit1()
        assert (await provider.submit2())[39:].hex() == "80000064800000c8800493e0"
        assert not provider.priced
    async with Provider(path) as provider:
        provider.go(START + 25)
        await provider.submit1(round=ROUND + 1)
        assert Answers(provider.ledger).find(ROUND + 1).prices == PRICES


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (f"{ROUND + 1}/0x{'00' * 20}", 400),
        (f"{2**40}/0x{'00' * 20}", 400),
        (f"{ROUND}/0x00", 400),
        (f"{ROUND}/nothing", 400),
        (f"-1/0x{'00' * 20}", 404),
        (f"7/0x{'00' * 20}", 404),
    ],
)
async def test_what_cannot_be_committed_to_is_an_error_at_once(path, asked, status):
    """The client counts whatever is not 200 as one; the reference answers 500 to all of them."""
    async with Provider(path) as provider:
        told = await provider.client.get(f"/submit1/{asked}")
        assert told.status_code == status, told.text
        assert told.json()["statusCode"] == status
        assert provider.ledger.read("SELECT round FROM answers UNION SELECT round FROM commits") == []


async def test_what_cannot_be_written_down_is_not_committed_to(path):
    async with Provider(path) as provider:
        await provider.submit1(SUBMITTERS[1])
        provider.ledger.write("PRAGMA query_only = ON")
        told = await provider.client.get(f"/submit1/{ROUND}/0x{SUBMITTERS[0].hex()}")
        assert (told.status_code, told.json()["statusCode"]) == (503, 503)
        provider.ledger.write("PRAGMA query_only = OFF")
        assert await provider.get(f"/submit2/{ROUND}/0x{SUBMITTERS[0].hex()}") == {"status": "NOT_AVAILABLE"}
        provider.ledger.write(f"PRAGMA max_page_count = {provider.ledger.read('PRAGMA page_count')[0][0]}")
        with mock.patch("chrono_flare_ftso.commits.RANDOM_BYTES", 32), pytest.raises(PermanentError, match="full"):
            Commits(provider.ledger).make(9, bytes(20), bytes(100_000), [])
        assert any("refused: attempt to write a readonly database" in each for each in provider.told)


class TestResults:
    """What rounds came to."""

    async def test_it_is_known_as_soon_as_nobody_can_reveal_any_more(self, path):
        async with Provider(path) as provider:
            await vote(provider)
            provider.go(END)
            while provider._results.known(ROUND) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            data = strict(await provider.client.get(f"/submitSignatures/{ROUND}/{SIGNER}"), 38)
            assert data[:6].hex() == "64000003ed01"
            while not provider.ledger.read("SELECT * FROM medians"):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert provider.ledger.read("SELECT * FROM medians ORDER BY feed") == [
                (ROUND, name, value, value, value) for name, value in PRICES.items()
            ]

    async def test_before_there_is_a_later_block_there_is_none_until_patience_is_at_an_end(self, path):
        async with Provider(path) as provider:
            await vote(provider)
            provider.recorded._head = provider.recorded._head._replace(timestamp=END)
            url = f"/submitSignatures/{ROUND}/{SIGNER}"
            assert await provider.get(url) == {"status": "NOT_AVAILABLE"}
            provider.go(END + 5.1)
            early = strict(await provider.client.get(url), 38)
            assert provider._results.known(ROUND) is None
            provider.recorded.move(END + 1)
            assert strict(await provider.client.get(url), 38) == early

    async def test_without_the_blocks_that_benching_looks_back_on_there_is_none(self, path):
        """All twenty rounds before it; in the first reward epoch that a network prices there are fewer."""
        chain = chain_of(epochs=[RewardEpoch(5, 980, EPOCH.voters, FEEDS)])
        # reward epoch 1, the first that is priced, was before all twenty
        chain.network = replace(LOCAL_TEST, first_reward_epoch_round=900)
        chain._since = round_start(LOCAL_TEST, ROUND - 20) + 1
        async with Provider(path, chain) as provider:
            provider.go(START + 5)
            await vote(provider)
            assert await provider.get(f"/data/{ROUND}") == {"status": "NOT_AVAILABLE"}
            told = await provider.get(f"/medianCalculationResults/{ROUND}")
            assert told == {"status": "NOT_AVAILABLE", "votingRoundId": ROUND}
            chain._since -= 1
            assert (await provider.get(f"/data/{ROUND}"))["status"] == "OK"

    async def test_nobody_revealed_is_500_as_in_the_reference(self, path):
        async with Provider(path) as provider:
            provider.recorded.move(END + 1)
            provider.go(END + 1.5)
            for route in (f"submitSignatures/{ROUND}/{SIGNER}", f"data/{ROUND}"):
                told = await provider.client.get(f"/{route}")
                body = {
                    "message": f"Unable to calculate result for epoch {ROUND}",
                    "error": "Internal Server Error",
                    "statusCode": 500,
                }
                assert (told.status_code, told.json()) == (500, body)

    async def test_too_early_ends_a_second_after_the_deadline(self, path):
        async with Provider(path) as provider:
            await vote(provider)
        async with Provider(path, provider.recorded) as again:
            again.go(END + 0.999)
            assert await again.get(f"/data/{ROUND}") == {"status": "TOO_EARLY"}
            again.go(END + 1)
            assert (await again.get(f"/data/{ROUND}"))["status"] == "OK"


class TestLeaving:
    """What becomes of commits when the provider stops."""

    async def test_nothing_new_is_committed_to_and_reveals_are_waited_for(self, path):
        provider = Provider(path, linger="5s")
        async with provider:
            await provider.submit1()
            async with provider.another() as client:
                leaving = asyncio.create_task(provider._linger())
                provider._leaving = True
                told = await client.get(f"/submit1/{ROUND}/0x{SUBMITTERS[1].hex()}")
                assert told.text == '{"status":"NOT_AVAILABLE"}'
                assert not leaving.done()
                assert len(await provider.submit2()) == 51
                await leaving
        assert not [each for each in provider.told if "not revealed" in each]

    async def test_what_is_left_is_said_and_revealed_by_the_next(self, path):
        async with Provider(path, linger="20ms") as provider:
            await provider.submit1()
        assert any(f"rounds {ROUND} are committed to and not revealed" in each for each in provider.told)
        async with Provider(path) as again:
            assert (await again.get("/health"))["unrevealed"] == 1
            assert len(await again.submit2()) == 51
            assert (await again.get("/health"))["unrevealed"] == 0

    async def test_request_that_waits_when_the_pipeline_stops_is_refused(self, path):
        async with Provider(path) as provider:
            provider.prices = {}
            asked = asyncio.create_task(provider.client.get(f"/submit1/{ROUND}/0x{SUBMITTERS[0].hex()}"))
            while not provider.priced:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            provider._pricing.cancel()
            await asyncio.gather(provider._pricing, return_exceptions=True)
            assert (await asked).text == '{"status":"NOT_AVAILABLE"}'
            assert provider.ledger.read("SELECT round FROM answers UNION SELECT round FROM commits") == []


async def test_no_key_and_no_random_is_told(path, capfd):
    async with Provider(path) as provider:
        await provider.submit1()
        random = (await provider.submit2())[7:39]
        commit = Commits(provider.ledger).find(ROUND, SUBMITTERS[0])
        with mock.patch.object(Commits, "find", side_effect=ValueError(KEY)):
            assert (await provider.client.get(f"/submit2/{ROUND}/0x{SUBMITTERS[0].hex()}")).status_code == 500
        shown = [repr(commit), repr(provider), repr(provider.config), str(provider.config), *provider.told]
    shown += [*provider.told, *capfd.readouterr()]
    assert commit.random == random
    assert not [each for each in shown if KEY in each or random.hex() in each or repr(random) in each]


def test_configuration_without_a_key_or_a_node_is_refused():
    with pytest.raises(ValidationError, match="api_keys\n  Field required"):
        Provider.Config(network="flare")
    with pytest.raises(ValidationError, match="at least 1 item"):
        Provider.Config(network="flare", api_keys=[])
    with pytest.raises(ValidationError, match="expected the address of a node"):
        Provider.Config(network="other", api_keys=[KEY])


async def test_description_names_what_the_references_does(path):
    async with Provider(path, base_path="ftso") as provider, provider.another("") as client:
        tree = (await client.get("/api-doc-json")).json()
        assert (await client.get("/api-doc")).status_code == 200
        assert (await client.get("/health")).json()["status"] == "up"
        assert (await client.get("/data-abis")).status_code == 401
    names = {each["get"]["operationId"].rpartition("_")[2] for each in tree["paths"].values()}
    # all but submit3, which is there and always 500
    told = "submit1 submit2 submitSignatures merkleTree feedWithProof treeAbis fullMedianData"
    assert sorted(names) == sorted(told.split())
    assert "/ftso/submit1/{votingRoundId}/{submitAddress}" in tree["paths"]
