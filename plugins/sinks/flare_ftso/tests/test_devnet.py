"""A devnet by its commands: what they refuse, and a network on which a provider does all that is asked of it."""

from collections.abc import Iterator
from pathlib import Path

import devnet_report as report
import pytest
from devnet_at_hand import Network, anvil_or_none, chrono, network

from chrono import ConfigError
from chrono_flare_ftso.devnet.behaviour import Behaviour, Fault
from chrono_flare_ftso.devnet.market import FEEDS, Prices
from chrono_flare_ftso.devnet.plan import COIN, Plan

ROUND, EPOCH = 6, 12
ROUNDS = range(EPOCH + 2, 2 * EPOCH + 2)
"""Those that are judged: while the first two last, a provider on a busy machine may still be starting."""

PLAN = Plan(round_seconds=ROUND, epoch_rounds=EPOCH, providers=4, behaviours={"p4": Behaviour(bias_bp=80)})
FREE = PLAN.entities()[-1]
pytestmark = pytest.mark.timeout(420)
"""A network runs for a reward epoch and a half, however busy the machine is."""

needs_anvil = pytest.mark.skipif(anvil_or_none() is not None, reason=anvil_or_none() or "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--round-seconds", "4"], "round-seconds: expected 5 to 255, was 4"),
        (["--epoch-rounds", "3"], "epoch-rounds: expected 12 to 65535, was 3"),
        (["--providers", "0", "--free", "0"], "providers: expected at least one voter, was none"),
        (["--provider", "p9:bias=3"], "p9: expected one of p1, p2, p3, p4, p5, free, there is none of that name"),
        (["--provider", "p1:bias=much"], "--provider p1: expected KEY=VALUE with a number and one of bias, noise"),
        (["--provider", "p1:sleepy=1"], "--provider p1: expected KEY=VALUE with a number and one of bias, noise"),
        (["--provider", "p1:silent=2"], "silent: expected a share from 0 to 1, was 2"),
        (["--provider", "p1"], "--provider p1: expected KEY=VALUE with a number and one of bias, noise"),
    ],
)
def test_what_no_network_is_like_is_refused_before_it_starts(tmp_path: Path, options: list[str], told: str) -> None:
    done = chrono("flare", "devnet", "up", *options, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_missing_anvil_is_said_with_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONO_ANVIL", str(tmp_path / "anvil"))
    done = chrono("flare", "devnet", "up", folder=tmp_path)
    assert done.returncode == 2
    assert f"CHRONO_ANVIL: expected the path of anvil's program, was '{tmp_path}/anvil'" in done.stderr
    monkeypatch.delenv("CHRONO_ANVIL")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = chrono("flare", "devnet", "up", folder=tmp_path)
    assert done.returncode == 2
    assert "install it with `npm install @foundry-rs/anvil`" in done.stderr


def test_where_no_network_runs_there_is_nothing_to_end_or_to_tell_of(tmp_path: Path) -> None:
    down = chrono("flare", "devnet", "down", folder=tmp_path)
    assert (down.returncode, down.stdout) == (0, "flare-devnet: no devnet runs in it\n")
    status = chrono("flare", "devnet", "status", folder=tmp_path)
    assert (status.returncode, status.stdout) == (1, "")
    assert status.stderr == "flare-devnet: no devnet runs in it; chrono flare devnet up\n"


def test_the_same_seed_makes_the_same_keys_and_another_others() -> None:
    assert PLAN.entities() == Plan(providers=4).entities()
    ours, others = PLAN.entities(), Plan(providers=4, seed=2).entities()
    addresses = [address for each in (*ours, *others) for address in each.addresses.values()]
    assert len(addresses) == len(set(addresses)) == 60
    assert all(each.wnat > 0.5 * COIN for each in ours)


def test_a_provider_is_as_good_as_it_is_told_to_be() -> None:
    prices = Prices(1)
    true = prices.at("BTC/USD", 1_800_000_000)

    def off(behaviour: Behaviour) -> list[float]:
        found = [behaviour.price(true, "p1", "BTC/USD", round, seed=1) for round in range(400)]
        return sorted(each / true - 1 for each in found if each is not None)

    good, biased = off(Behaviour(noise_bp=2)), off(Behaviour(bias_bp=30, noise_bp=2))
    assert -0.5e-4 < good[200] < 0.5e-4
    assert 29e-4 < biased[200] < 31e-4
    assert off(Behaviour(missing=frozenset({"BTC/USD"}))) == []
    careless = Behaviour(faults={Fault.NO_REVEAL: 0.25})
    faults = [careless.fault("p1", round, seed=1) for round in range(1000)]
    assert 200 < faults.count(Fault.NO_REVEAL) < 300
    assert {*faults} == {None, Fault.NO_REVEAL}


def test_a_plan_tells_all_that_is_wrong_with_it() -> None:
    with pytest.raises(ConfigError) as caught:
        Plan(round_seconds=1, epoch_rounds=1, feeds=())
    assert len(caught.value.problems) == 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of four simulated providers, one of them off, and ours for a reward epoch and a half."""
    folder = tmp_path_factory.mktemp("devnet")
    options = [f"--round-seconds={ROUND}", f"--epoch-rounds={EPOCH}", "--providers=4", "--provider=p4:bias=80"]
    with network(folder, *options) as found:
        with found.provider():
            found.until_round(ROUNDS.stop, 180)
        yield found


@needs_anvil
def test_a_provider_does_what_every_round_asks_of_it(made: Network) -> None:
    found = report.judged(made, PLAN, FREE, ROUNDS)
    assert found.odd == [], made.said()
    assert (found.rounds, found.commits, found.reveals, found.doubled) == (12, 12, 12, 0)


@needs_anvil
def test_what_is_finalized_is_what_py_flare_common_makes_of_all_reveals(made: Network) -> None:
    assert report.judged(made, PLAN, FREE, ROUNDS).roots == len(ROUNDS)


@needs_anvil
def test_a_reward_epoch_is_followed_by_another_that_it_registered_for(made: Network) -> None:
    chain = made.chain
    assert chain.asked("FlareSystemsManager", "getCurrentRewardEpochId") >= 2
    assert chain.asked("VoterRegistry", "isVoterRegistered", FREE.identity, 2)
    said = made.said()
    assert "preRegisterVoter of 2: mined" in said or "registerVoter of 2: mined" in said


@needs_anvil
def test_who_is_off_earns_less_and_the_sheet_says_so(made: Network) -> None:
    scores = {each["name"]: each for each in made.status()["entities"]}
    assert scores["p4"]["in_band"] == 0
    assert scores["free"]["in_band"] > 0.3 * scores["free"]["votes"]
    owed = {
        each.name: sum(proven.claim.amount for proven in report.published(made, 1).of(each.identity, each.delegation))
        for each in PLAN.entities()
    }
    assert owed["p4"] < 0.5 * owed["free"]


@needs_anvil
def test_what_is_owed_is_paid_to_the_wei(made: Network) -> None:
    paid = list(report.claimed(made, 1, FREE))
    assert {kind for kind, _, _ in paid} >= {"fee", "wnat"}
    for kind, owed, was in paid:
        assert was == owed > 0, kind


@needs_anvil
def test_a_feed_s_value_is_proven_on_the_chain(made: Network) -> None:
    for at in (0, len(FEEDS) - 1):
        proven, found = report.prove_feed(made, PLAN, ROUNDS[-1], at)
        assert found == proven != 0


@needs_anvil
def test_a_second_network_is_refused_in_the_same_folder(made: Network) -> None:
    again = chrono("flare", "devnet", "up", folder=made.folder)
    assert again.returncode == 2
    assert "expected no devnet that runs in it, was process" in again.stderr
    told = chrono("flare", "devnet", "status", folder=made.folder)
    assert "voting round 12 of reward epoch 1: 5 revealed" in told.stdout or "reward epoch 2" in told.stdout
