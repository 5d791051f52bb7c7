"""What the devnet's contracts are called by: the functions and events that a provider knows of Flare's."""

from __future__ import annotations

import sys

import pytest

from chrono_flare_ftso.devnet.artifacts import contract, contracts
from chrono_flare_ftso.protocol import events
from chrono_flare_ftso.protocol.contracts import FUNCTIONS
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.keccak import keccak256

NOT_HERE = {"FastUpdater", "FastUpdateIncentiveManager", "FastUpdatesConfiguration", "FeeCalculator"}
"""Contracts of block-latency feeds, which the devnet has not."""

NO_NODES = {"registerNodeId", "unregisterNodeId"}
"""The devnet has no validators to stake to."""

OURS_ALONE = {
    "FlareSystemsManager": {"daemon", "settings", "initialRewardEpochId"},
    "FtsoRewardOffersManager": {"setInflation", "triggerRewardEpochSwitchover", "defaultDecimals"},
    "VoterPreRegistry": {"getPreRegisteredVoters", "isVoterPreRegistered"},
    "VoterRegistry": {"chill", "systemRegistration"},
}
"""What governance and the devnet's keeper use, and what Flare has with other integers; no provider calls it."""

CALLED = [each for each in FUNCTIONS.values() if each.contract not in NOT_HERE and each.name not in NO_NODES]

READ = (
    events.RandomAcquisitionStarted,
    events.VotePowerBlockSelected,
    events.SigningPolicyInitialized,
    events.SigningPolicySigned,
    events.RewardEpochStarted,
    events.SignUptimeVoteEnabled,
    events.UptimeVoteSigned,
    events.RewardsSigned,
    events.VoterRegistered,
    events.VoterRegistrationInfo,
    events.ProtocolMessageRelayed,
    InflationOffer,
    CommunityOffer,
)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="vyper 0.4.3 does not run on Python 3.14")
def test_what_is_shipped_is_what_the_compiler_makes_of_the_sources():
    pytest.importorskip("vyper")
    from compiled_contracts import SHIPPED, compiled, text_of

    assert text_of(compiled()) == SHIPPED.read_text(encoding="utf-8")


@pytest.mark.parametrize("called", CALLED, ids=lambda each: f"{each.contract}.{each.name}")
def test_a_function_that_a_provider_calls_is_there_with_the_same_types(called):
    ours = contract(called.contract).functions[called.name]
    assert (ours.signature, ours.selector) == (called.signature, called.selector)
    # a struct of numbers lies flat on the wire
    flat = not any(each in called.returns for each in ("[", "bytes,", "string"))
    assert ours.returns in ({called.returns, f"({called.returns})"} if flat else {called.returns})


@pytest.mark.parametrize("kind", READ, ids=lambda each: each.__name__)
def test_an_event_that_a_provider_reads_has_the_same_topic(kind):
    made = {keccak256(signature.encode()) for each in contracts().values() for signature in each.events.values()}
    assert made.intersection(events.topics_of(kind))


@pytest.fixture(scope="module")
def flare(own):
    return own("flare_abi.json")["contracts"]


@pytest.mark.parametrize("called", CALLED, ids=lambda each: f"{each.contract}.{each.name}")
def test_a_function_that_a_provider_calls_is_one_of_flares(flare, called):
    if called.contract in flare:
        assert _flat(flare[called.contract]["functions"][called.signature]) == _flat(called.returns)
    else:
        assert called.contract in {"FlareContractRegistry", "ClaimSetupManager"}


def test_the_devnets_contracts_have_no_function_that_flares_have_not(flare):
    told = {name: flare[name]["functions"] for name in contracts() if name in flare}
    assert len(told) == 12
    for name, functions in told.items():
        ours = contract(name).functions
        assert {each for each, made in ours.items() if made.signature not in functions} == OURS_ALONE.get(name, set())
        for made in ours.values():
            assert made.signature not in functions or _flat(made.returns) == _flat(functions[made.signature])


def _flat(types: str) -> str:
    return types.replace("(", "").replace(")", "")
