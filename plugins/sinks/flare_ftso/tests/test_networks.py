"""The four networks: addresses by reward epoch, timing, parameters."""

import pickle
from dataclasses import replace

import pytest

from chrono_flare_ftso.protocol.networks import (
    COSTON,
    COSTON2,
    FDC_PROTOCOL,
    FLARE,
    FTSO_PROTOCOL,
    NETWORKS,
    REVEAL_SECONDS,
    SONGBIRD,
    VOTING_ROUND_SECONDS,
    network,
)
from chrono_flare_ftso.protocol.text import checksummed, from_hex

# FTSO-Scaling 665629f and flare-system-client 48d07ad: Coston2 had been upgraded when the table was made
COSTON2_UPGRADES = {
    "VoterRegistry": ("0x6a0AF07b7972177B176d3D422555cbc98DfDe914", 5339),
    "VoterPreRegistry": ("0xee963D1867d8B5f3D3E304802B40BC55B3eDeCB8", 5339),
    "FlareSystemsCalculator": ("0x93F4C0b43A221Cf0a57faa882Df5E3F6CAa5Aca8", 5339),
}


def test_every_address_of_the_reference_table_is_known_in_its_reward_epochs(reference):
    table = reference("networks.json")["networks"]
    counted = upgrades = 0
    for name, told in table.items():
        upgraded = told["upgrades_old_new_first_reward_epoch_of_new"]
        for contract, address in told["contracts"].items():
            epochs = [0, 417, 6000]
            if contract in upgraded:
                assert address in upgraded[contract]
                continue
            if name == "coston2" and contract in COSTON2_UPGRADES:
                epochs = [0, 5338]
            for epoch in epochs:
                assert checksummed(NETWORKS[name].contract(contract, epoch)) == address
            counted += 1
        for contract, (old, new, first) in upgraded.items():
            assert checksummed(NETWORKS[name].contract(contract, first - 1)) == old
            assert checksummed(NETWORKS[name].contract(contract, first)) == new
            upgrades += 1
        assert set(NETWORKS[name].contracts) == set(told["contracts"])
    assert (counted, upgrades) == (26 + 26 + 24 + 24 - 12, 12)


def test_timing_and_endpoints_are_those_of_the_reference_table(reference):
    table = reference("networks.json")
    assert set(table["networks"]) == set(NETWORKS)
    for name, told in table["networks"].items():
        chain = NETWORKS[name]
        assert (chain.name, chain.chain_id, chain.native) == (name, told["chain_id"], told["native"])
        assert (chain.rpc, chain.websocket) == (told["rpc"], told["wss"])
        assert chain.data_availability == told["data_availability"]
        assert chain.first_voting_round_start == told["first_voting_round_start_ts"]
        assert chain.reward_epoch_rounds == told["reward_epoch_duration_in_voting_epochs"]
        first = told.get("initial_reward_epoch", told.get("initial_reward_epoch_ftso_scaling"))
        assert chain.initial_reward_epoch == first
    common = table["common"]
    assert common["first_reward_epoch_start_voting_round_id"] == FLARE.first_reward_epoch_round
    assert (common["voting_epoch_seconds"], common["reveal_seconds"]) == (VOTING_ROUND_SECONDS, REVEAL_SECONDS)
    assert (common["ftso_protocol_id"], common["fdc_protocol_id"]) == (FTSO_PROTOCOL, FDC_PROTOCOL)


@pytest.mark.parametrize(
    ("name", "contract", "epoch", "address"),
    [
        ("flare", "Relay", 373, "0x57a4c3676d08Aa5d15410b5A6A80fBcEF72f3F45"),
        ("flare", "Relay", 374, "0xCcF30790A93F15e24EB909548a2C58a9b0a7FBd4"),
        ("songbird", "VoterRegistry", 416, "0x31B9EC65C731c7D973a33Ef3FC83B653f540dC8D"),
        ("songbird", "VoterRegistry", 417, "0xd23FAE88c09e6A77dD9eFcc29D6bBC55D2e74310"),
        ("coston", "VoterPreRegistry", 5450, "0xF660984B8597e31437cA4b7dEa0A41677982563b"),
        ("coston", "VoterPreRegistry", 5451, "0x4A5538e86bc09cc1b02BAE720CCc39548e10dB28"),
        ("coston2", "VoterRegistry", 5338, "0xc6E40401395DCc648bC4bBb38fE4552423cD9BAC"),
        ("coston2", "VoterRegistry", 5339, COSTON2_UPGRADES["VoterRegistry"][0]),
        ("coston2", "VoterPreRegistry", 5339, COSTON2_UPGRADES["VoterPreRegistry"][0]),
        ("coston2", "FlareSystemsCalculator", 5339, COSTON2_UPGRADES["FlareSystemsCalculator"][0]),
        ("coston2", "Submission", 0, "0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f"),
        ("songbird", "FlareContractRegistry", 500, "0xaD67FE66660Fb8dFE9d6b1b4240d8650e30F6019"),
    ],
)
def test_a_contract_has_the_address_of_the_reward_epoch(name, contract, epoch, address):
    assert network(name).contract(contract, epoch) == from_hex(address, 20)


def test_deployments_are_in_order_and_no_two_contracts_share_an_address_but_the_relay_and_its_random():
    for chain in NETWORKS.values():
        seen: dict[bytes, str] = {}
        for contract, deployments in chain.contracts.items():
            epochs = [each.first_reward_epoch for each in deployments]
            assert epochs[0] == 0
            assert epochs == sorted(set(epochs))
            for each in deployments:
                assert len(each.address) == 20
                other = seen.setdefault(each.address, contract)
                assert {other, contract} in ({contract}, {"Relay", "RandomNumberV2"})


def test_an_unknown_contract_names_the_network_what_is_known_and_the_nearest():
    with pytest.raises(
        ValueError, match=r"^expected a contract of songbird \(ClaimSetupManager, .*\), was 'Relai'"
    ) as e:
        SONGBIRD.contract("Relai", 400)
    assert str(e.value).endswith("; did you mean Relay")
    with pytest.raises(ValueError, match="was 'ValidatorRewardManager'$"):
        replace(SONGBIRD, contracts={"Relay": SONGBIRD.contracts["Relay"]}).contract("ValidatorRewardManager", 400)


def test_a_negative_reward_epoch_is_refused():
    with pytest.raises(ValueError, match="^expected a reward epoch from 0 on, was -1$"):
        FLARE.contract("Relay", -1)


@pytest.mark.parametrize(("name", "hint"), [("flrae", "; did you mean flare"), ("", ""), ("FLARE", "")])
def test_an_unknown_network_names_the_four_and_the_nearest(name, hint):
    with pytest.raises(ValueError) as e:
        network(name)
    assert str(e.value) == f"expected a network (coston, coston2, flare, songbird), was {name!r}{hint}"


@pytest.mark.parametrize(
    ("parameter", "flare", "songbird", "coston", "coston2"),
    [
        ("policy_start_seconds", 7200, 7200, 7200, 7200),
        ("random_max_seconds", 28_800, 28_800, 14_400, 14_400),
        ("random_max_blocks", 14_400, 28_800, 1920, 1440),
        ("registration_min_seconds", 1800, 1800, 1800, 1800),
        ("registration_min_blocks", 900, 1800, 240, 180),
        ("policy_delay_rounds", 3, 3, 3, 3),
        ("uptime_vote_min_seconds", 600, 600, 600, 600),
        ("uptime_vote_min_blocks", 300, 600, 80, 60),
        ("policy_signing_seconds", 1200, 1200, 1200, 1200),
        ("policy_signing_blocks", 600, 1200, 160, 120),
        ("no_reward_blocks", 600, 1200, 160, 120),
        ("min_voters", 10, 10, 3, 3),
        ("max_voters", 100, 100, 100, 100),
        ("threshold_ppm", 500_000, 500_000, 500_000, 500_000),
        ("threshold_increase_bips", 12_000, 12_000, 12_000, 12_000),
        ("finalization_window_epochs", 10, 10, 30, 30),
        ("reward_expiry_seconds", 7_776_000, 7_776_000, 604_800, 604_800),
        ("max_nodes", 4, 0, 0, 4),
        ("wnat_cap_ppm", 25_000, 25_000, 25_000, 25_000),
        ("default_fee_bips", 2000, 2000, 2000, 2000),
        ("fee_update_offset", 3, 3, 2, 2),
        ("minimal_offer", 100_000, 200_000, 1000, 1000),
        ("default_decimals", 5, 5, 5, 5),
        ("decimals_update_offset", 2, 2, 2, 2),
        ("feeds_history", 1000, 1000, 1000, 1000),
        ("submission_window", 10, 10, 10, 10),
        ("incentive_blocks", 17, 30, 30, 17),
    ],
)
def test_parameters_are_those_that_governance_set(parameter, flare, songbird, coston, coston2):
    chains = (FLARE, SONGBIRD, COSTON, COSTON2)
    assert [getattr(chain.parameters, parameter) for chain in chains] == [flare, songbird, coston, coston2]


def test_what_differs_beside_parameters_is_as_the_sources_say():
    chains = (FLARE, SONGBIRD, COSTON, COSTON2)
    assert [chain.chain_bound_registration for chain in chains] == [417, 417, 5451, 0]
    assert [chain.nominal_gas_price // 10**9 for chain in chains] == [25, 225, 225, 25]
    assert [chain.refunded_gas_limit for chain in chains] == [3_000_000, None, None, 3_000_000]
    assert [checksummed(chain.burn_address) for chain in chains] == [
        "0xD9e5B450773B17593abAfCF73aB96ad99d589751",
        "0xAC3F85d29119836545670b2FCeFe35C829bE35ab",
        "0x000000000000000000000000000000000000dEaD",
        "0x000000000000000000000000000000000000dEaD",
    ]


@pytest.mark.parametrize("chain", NETWORKS.values(), ids=NETWORKS)
def test_neither_proposal_is_in_force_until_an_epoch_is_given(chain):
    assert not chain.follows_fip16(10**9)
    assert not chain.follows_rly23(10**9)
    later = replace(chain, fip16=500, rly23=0)
    assert [later.follows_fip16(epoch) for epoch in (499, 500, 501)] == [False, True, True]
    assert later.follows_rly23(0)


def test_a_network_is_a_value_that_can_be_compared_hashed_and_sent_to_another_process():
    assert pickle.loads(pickle.dumps(FLARE)) == FLARE
    assert len(set(NETWORKS.values())) == 4
    assert replace(FLARE, fip16=1) != FLARE
    with pytest.raises(AttributeError):
        FLARE.chain_id = 1
