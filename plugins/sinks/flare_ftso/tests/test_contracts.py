"""Functions that a provider calls: selectors, calldata, results."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.contracts import FUNCTIONS, Function, function, is_prioritised
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.networks import COSTON, COSTON2, FLARE, NETWORKS, SONGBIRD

PACKAGE = "@flarenetwork/flare-periphery-contract-artifacts"
WITHOUT_INTERFACE = {
    "FlareSystemsManager.rewardsHash",
    "FlareSystemsManager.uptimeVoteHash",
    "Submission.submitAndPassContract",
}
SIGNATURE = (28, b"\1" * 32, b"\2" * 32)
ALICE, BOB = b"\xaa" * 20, b"\xbb" * 20
SUBMISSION = FLARE.contract("Submission", 0)
everything = st.sampled_from(sorted(FUNCTIONS)).map(FUNCTIONS.__getitem__)


def artifacts() -> Path:
    """Return the folder of the npm package, from CHRONO_FLARE_ARTIFACTS or node_modules beside the tests."""
    told = os.environ.get("CHRONO_FLARE_ARTIFACTS")
    path = Path(told) if told else Path(__file__).parent / "node_modules" / PACKAGE
    if not path.is_dir():
        pytest.skip(f"expected {PACKAGE} where CHRONO_FLARE_ARTIFACTS says, or in node_modules; npm pack brings it")
    return path


def abi_type(item: dict) -> str:
    """Return a parameter's type as it stands in a signature."""
    kind = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(abi_type, item['components']))}){kind.removeprefix('tuple')}"


def interface(folder: Path, network: str, contract: str) -> Iterator[tuple[str, str]]:
    """Yield signature and results of each function of a contract's interfaces."""
    for name in (f"I{contract}", "IVPToken") if contract == "WNat" else (f"I{contract}",):
        for path in folder.glob(f"{network}/artifacts/contracts/{name}.sol/{name}.json"):
            for item in json.loads(path.read_text()):
                if item["type"] == "function":
                    inputs, outputs = (",".join(map(abi_type, item[key])) for key in ("inputs", "outputs"))
                    yield f"{item['name']}({inputs})", outputs


@pytest.mark.parametrize("network", NETWORKS)
def test_every_function_stands_in_the_published_interfaces_of_every_network(network):
    folder, missing = artifacts(), set()
    for key, called in FUNCTIONS.items():
        found = dict(interface(folder, network, called.contract)).get(called.signature)
        if found is None:
            missing.add(key)
        else:
            assert found == called.returns, key
    older = {"WNat.batchDelegate"} if network in {"songbird", "coston"} else set()
    assert missing == WITHOUT_INTERFACE | older


def test_there_are_as_many_functions_as_were_checked_against_the_interfaces():
    assert len(FUNCTIONS) == 102


@pytest.mark.parametrize(
    ("contract", "signature", "selector"),
    [
        ("FlareContractRegistry", "getContractAddressByName(string)", "82760fca"),
        ("FlareContractRegistry", "getAllContracts()", "18d3ce96"),
        ("Submission", "submit1()", "6c532fae"),
        ("Submission", "submit2()", "9d00c9fd"),
        ("Submission", "submit3()", "e1b157e7"),
        ("Submission", "submitSignatures()", "57eed580"),
        ("Submission", "submitAndPass(bytes)", "833bf6c0"),
        ("Relay", "relay()", "b59589d1"),
        ("VoterRegistry", "registerVoter(address,(uint8,bytes32,bytes32))", "8f7d0957"),
        ("VoterPreRegistry", "preRegisterVoter(address,(uint8,bytes32,bytes32))", "ea8eb77d"),
        ("FlareSystemsManager", "signNewSigningPolicy(uint24,bytes32,(uint8,bytes32,bytes32))", "6b4c7bd6"),
        ("FlareSystemsManager", "signUptimeVote(uint24,bytes32,(uint8,bytes32,bytes32))", "dc5a4225"),
        (
            "FlareSystemsManager",
            "signRewards(uint24,(uint256,uint256)[],bytes32,(uint8,bytes32,bytes32))",
            "c00a1a97",
        ),
        ("FlareSystemsManager", "submitUptimeVote(uint24,bytes20[],(uint8,bytes32,bytes32))", "9dd6850f"),
        (
            "RewardManager",
            "claim(address,address,uint24,bool,(bytes32[],(uint24,bytes20,uint120,uint8))[])",
            "8e33aba5",
        ),
        (
            "RewardManager",
            "initialiseWeightBasedClaims((bytes32[],(uint24,bytes20,uint120,uint8))[])",
            "3ce7522a",
        ),
        (
            "RewardManager",
            "autoClaim(address[],uint24,(bytes32[],(uint24,bytes20,uint120,uint8))[])",
            "15f253fb",
        ),
        ("WNat", "delegate(address,uint256)", "026e402b"),
        ("WNat", "batchDelegate(address[],uint256[])", "dc4fcda7"),
        ("WNat", "undelegateAll()", "b302f393"),
        ("WNat", "delegateExplicit(address,uint256)", "d06dc3ad"),
        (
            "FastUpdater",
            "submitUpdates((uint256,(uint256,(uint256,uint256),uint256,uint256),bytes,(uint8,bytes32,bytes32)))",
            "470e91df",
        ),
    ],
)
def test_selectors_are_those_of_the_chain(contract, signature, selector):
    called = function(contract, signature.partition("(")[0])
    assert called.signature == signature
    assert called.selector.hex() == selector


def test_selectors_of_one_contract_differ_and_every_contract_is_known_to_every_network():
    for contract in {called.contract for called in FUNCTIONS.values()}:
        selectors = [called.selector for called in FUNCTIONS.values() if called.contract == contract]
        assert len(set(selectors)) == len(selectors)
        assert all(contract in chain.contracts for chain in NETWORKS.values())


@pytest.mark.parametrize(
    ("contract", "name", "values", "words"),
    [
        ("VoterRegistry", "registerVoter", (ALICE, SIGNATURE), [ALICE, 28, b"\1" * 32, b"\2" * 32]),
        ("FlareSystemsManager", "signUptimeVote", (391, b"\3" * 32, SIGNATURE), [391, b"\3" * 32, 28, b"\1" * 32]),
        ("WNat", "batchDelegate", ([ALICE, BOB], [5000, 2500]), [64, 160, 2, ALICE, BOB, 2, 5000, 2500]),
        ("EntityManager", "confirmSubmitAddressRegistration", (BOB,), [BOB]),
        ("EntityManager", "registerNodeId", (ALICE, b"\5", b""), [b"\xaa" * 20 + bytes(12), 96, 160, 1]),
        ("Submission", "submit1", (), []),
    ],
)
def test_calldata_is_the_selector_and_the_words_of_the_arguments(contract, name, values, words):
    called = function(contract, name)
    calldata = called.encode_call(*values)
    assert calldata[:4] == called.selector
    for at, word in enumerate(words):
        wanted = word.to_bytes(32, "big") if isinstance(word, int) else word.rjust(32, b"\0")
        assert calldata[4 + 32 * at : 36 + 32 * at] == wanted


def test_a_claim_carries_its_proofs():
    claim = ((391, ALICE, 10**20, 1), (391, BOB, 7, 2))
    proofs = (((b"\7" * 32, b"\x08" * 32), claim[0]), ((), claim[1]))
    called = function("RewardManager", "claim")
    calldata = called.encode_call(ALICE, BOB, 391, True, proofs)
    assert called.decode_call(calldata) == (ALICE, BOB, 391, True, proofs)


def test_payload_messages_after_a_submission_are_no_arguments():
    called = function("Submission", "submit2")
    assert called.decode_call(bytes.fromhex("9d00c9fd640000000a0002abcd")) == ()


@pytest.mark.parametrize(
    ("calldata", "problem"),
    [
        ("", "call of delegate: byte 0: expected selector 026e402b, was the end"),
        ("026e40", "call of delegate: byte 0: expected selector 026e402b, was 026e40"),
        ("dc4fcda7" + "00" * 64, "call of delegate: byte 0: expected selector 026e402b, was dc4fcda7"),
        ("026e402b", "call of delegate: byte 4: expected 32 bytes of address, was 0"),
        ("026e402b" + "00" * 63, "call of delegate: byte 36: expected 32 bytes of uint256, was 31"),
        (
            "026e402b" + "01" + "00" * 63,
            f"call of delegate: byte 4: expected address padded with zeros, was 01{'00' * 31}",
        ),
    ],
)
def test_calldata_of_another_call_is_refused_with_its_byte(calldata, problem):
    with pytest.raises(WireError) as e:
        function("WNat", "delegate").decode_call(bytes.fromhex(calldata))
    assert str(e.value) == problem


@pytest.mark.parametrize("values", [(), (ALICE,), (ALICE, 1, 2), (ALICE, -1), (ALICE, 2**256), (b"\1" * 19, 1), (1, 2)])
def test_values_that_do_not_fit_are_refused(values):
    with pytest.raises(WireError):
        function("WNat", "delegate").encode_call(*values)


@pytest.mark.parametrize(
    ("contract", "name", "data", "result"),
    [
        ("Relay", "relay", abi.encode("bytes", b""), (b"",)),
        ("Relay", "lastInitializedRewardEpochData", abi.encode("uint32,uint32", 392, 1_317_120), (392, 1_317_120)),
        ("Relay", "getRandomNumber", abi.encode("uint256,bool,uint256", 2**255, True, 9), (2**255, True, 9)),
        ("EntityManager", "getVoterAddresses", bytes(12) + ALICE + bytes(12) + BOB + bytes(32), None),
        ("FastUpdater", "fetchCurrentFeeds", abi.encode("uint256[],int8[],uint64", [7], [-2], 9), ((7,), (-2,), 9)),
        ("VoterRegistry", "registerVoter", b"", ()),
    ],
)
def test_results_are_decoded(contract, name, data, result):
    wanted = ((ALICE, BOB, bytes(20)),) if result is None else result
    assert function(contract, name).decode_result(data) == wanted


def test_nothing_returned_is_refused_where_a_result_is_due():
    with pytest.raises(WireError) as e:
        function("Relay", "isFinalized").decode_result(b"")
    assert str(e.value) == "result of isFinalized: byte 0: expected 32 bytes of bool, was 0"


@pytest.mark.parametrize(
    ("contract", "name", "hint"),
    [("WNat", "delegte", "; did you mean WNat.delegate"), ("Quux", "zzz", "")],
)
def test_an_unknown_function_names_the_nearest(contract, name, hint):
    with pytest.raises(ValueError) as e:
        function(contract, name)
    assert str(e.value) == f"expected a function that a provider calls, was '{contract}.{name}'{hint}"


@pytest.mark.parametrize(
    ("contract", "name", "network", "first"),
    [
        ("VoterRegistry", "registerVoter", FLARE, 417),
        ("VoterPreRegistry", "preRegisterVoter", SONGBIRD, 417),
        ("VoterRegistry", "registerVoter", COSTON2, 5339),
        ("Relay", "relay", COSTON, 5236),
    ],
)
def test_a_function_is_called_where_the_reward_epoch_has_it(contract, name, network, first):
    called = function(contract, name)
    before, after = called.address(network, first - 1), called.address(network, first)
    assert before != after
    assert [each.address for each in network.contracts[contract]] == [before, after]


@given(everything, st.binary(max_size=400))
def test_no_bytes_break_a_decoder(called: Function, data):
    for decode in (called.decode_call, called.decode_result):
        for raw in (data, called.selector + data):
            with contextlib.suppress(ProtocolError):
                assert isinstance(decode(raw), tuple)


@given(st.integers(0, 400), st.integers(0, 255))
def test_no_mutation_of_a_real_call_breaks_the_decoder(at, value):
    called = function("RewardManager", "claim")
    calldata = bytearray(called.encode_call(ALICE, BOB, 391, True, [([b"\7" * 32], (391, ALICE, 10**20, 1))]))
    calldata[at % len(calldata)] = value
    with contextlib.suppress(ProtocolError):
        assert len(called.decode_call(bytes(calldata))) == 5


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**256 - 1))
def test_a_call_decodes_to_its_arguments(address, amount):
    called = function("WNat", "delegateExplicit")
    assert called.decode_call(called.encode_call(address, amount)) == (address, amount)


@pytest.mark.parametrize(
    ("network", "to", "selector", "size", "gas_limit", "prioritised"),
    [
        (FLARE, SUBMISSION, "6c532fae", 43, 3_000_000, True),
        (FLARE, SUBMISSION, "9d00c9fd", 4500, 1, True),
        (FLARE, SUBMISSION, "e1b157e7", 4, 1, True),
        (COSTON2, SUBMISSION, "57eed580", 77, 3_000_000, True),
        (COSTON2, SUBMISSION, "833bf6c0", 600, 3_000_000, True),
        (FLARE, SUBMISSION, "6c532fae", 43, 3_000_001, False),
        (COSTON2, SUBMISSION, "6c532fae", 43, 8_000_000, False),
        (SONGBIRD, SUBMISSION, "6c532fae", 43, 8_000_000, True),
        (COSTON, SUBMISSION, "6c532fae", 4500, 8_000_000, True),
        (FLARE, SUBMISSION, "6c532fae", 4501, 3_000_000, False),
        (FLARE, SUBMISSION, "b59589d1", 43, 3_000_000, False),
        (FLARE, ALICE, "6c532fae", 43, 3_000_000, False),
    ],
)
def test_a_fee_is_refunded_only_where_the_node_refunds_it(network, to, selector, size, gas_limit, prioritised):
    calldata = bytes.fromhex(selector) + bytes(size - 4)
    assert is_prioritised(network, to, calldata, gas_limit) is prioritised


def test_calldata_too_short_for_a_selector_is_not_prioritised():
    assert not is_prioritised(FLARE, SUBMISSION, bytes.fromhex("6c532f"), 1)
