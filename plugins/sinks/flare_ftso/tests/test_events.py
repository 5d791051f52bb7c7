"""Logs of the events that a provider reads."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol import abi, events
from chrono_flare_ftso.protocol.errors import ProtocolError, WireError
from chrono_flare_ftso.protocol.events import decode_event, topics_of
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.signatures import Signature
from chrono_flare_ftso.protocol.text import from_hex

ALICE, BOB, CAROL, DAVE = (bytes([letter]) * 20 for letter in b"\xaa\xbb\xcc\xdd")
HASH = bytes(range(32))
BTC, XAU = from_hex("0x014254432f55534400000000000000000000000000"), from_hex("0x03" + "584155" + "00" * 17)

# type of the event, its first topic, types of what is indexed and of the rest, values, what they decode to
LOGS = {
    "RandomAcquisitionStarted": (
        "f9991783e5e480e42d9a54d3f35f4321857f8f0ebeb3742d326dce28b1126708",
        ("uint24", "uint64"),
        (392, 1_776_958_400),
        events.RandomAcquisitionStarted(reward_epoch=392, timestamp=1_776_958_400),
    ),
    "VotePowerBlockSelected": (
        "f21722dbe044a7cea0f6d81c871cae750971e36c9dd10999e46f2b46f26ac7ff",
        ("uint24", "uint64,uint64"),
        (392, 59_285_440, 1_776_963_744),
        events.VotePowerBlockSelected(reward_epoch=392, vote_power_block=59_285_440, timestamp=1_776_963_744),
    ),
    "SigningPolicyInitialized": (
        "91d0280e969157fc6c5b8f952f237b03d934b18534dafcac839075bbc33522f8",
        ("uint24", "uint32,uint16,uint256,address[],uint16[],bytes,uint64"),
        (392, 1_317_120, 32_743, 2**255 + 5, (ALICE, BOB), (40_000, 0), b"\1\2\3", 1_776_965_545),
        events.SigningPolicyInitialized(
            reward_epoch=392,
            start_round=1_317_120,
            threshold=32_743,
            seed=2**255 + 5,
            voters=(ALICE, BOB),
            weights=(40_000, 0),
            policy_bytes=b"\1\2\3",
            timestamp=1_776_965_545,
        ),
    ),
    "SigningPolicySigned": (
        "154b0214ae62d8a5548c1eac25fabd87c38b04932a217732e1022f3118da67f3",
        ("uint24,address,address", "uint64,bool"),
        (392, ALICE, BOB, 9, True),
        events.SigningPolicySigned(
            reward_epoch=392, signing_policy_address=ALICE, voter=BOB, timestamp=9, threshold_reached=True
        ),
    ),
    "RewardEpochStarted": (
        "4abb62ab1e4c42a11b90e4e45b92af1274f74cc634b759518e8c99e000d8be6d",
        ("uint24", "uint32,uint64"),
        (392, 1_317_120, 1_776_970_805),
        events.RewardEpochStarted(reward_epoch=392, start_round=1_317_120, timestamp=1_776_970_805),
    ),
    "SignUptimeVoteEnabled": (
        "235cef7d085c1e59545613282d239e56eb0cd056135aa46b8c658cf54a078561",
        ("uint24", "uint64"),
        (391, 1_776_971_500),
        events.SignUptimeVoteEnabled(reward_epoch=391, timestamp=1_776_971_500),
    ),
    "UptimeVoteSigned": (
        "5506337d1266599f8b64675a1c8321701657ca2f2f70be0e0c58302b6c22e797",
        ("uint24,address,address", "bytes32,uint64,bool"),
        (391, ALICE, BOB, HASH, 9, False),
        events.UptimeVoteSigned(
            reward_epoch=391,
            signing_policy_address=ALICE,
            voter=BOB,
            uptime_vote_hash=HASH,
            timestamp=9,
            threshold_reached=False,
        ),
    ),
    "RewardsSigned": (
        "81b5504045130d3b82498ff414ad58271e85bbde420cc85aa66d91eff9af30fb",
        ("uint24,address,address", "bytes32,(uint256,uint256)[],uint64,bool"),
        (391, ALICE, BOB, HASH, ((14, 220), (19, 0)), 9, True),
        events.RewardsSigned(
            reward_epoch=391,
            signing_policy_address=ALICE,
            voter=BOB,
            rewards_hash=HASH,
            weight_based_claims=((14, 220), (19, 0)),
            timestamp=9,
            threshold_reached=True,
        ),
    ),
    "ProtocolMessageRelayed": (
        "4b781cfef3123d9257ab69e6e8ea36ad75a346d63c5ecf8a46931a0eef48bb9e",
        ("uint8,uint32", "bool,bytes32"),
        (100, 1_317_121, True, HASH),
        events.ProtocolMessageRelayed(protocol=100, round=1_317_121, secure=True, root=HASH),
    ),
    "VoterRegistered": (
        "bfb6cd90b6e2668916d9e034926c84f40bcf94094b0d625ec8eecfdeb2150ae1",
        ("address,uint32,address", "address,address,(bytes32,bytes32),uint256,(uint8,bytes32,bytes32)"),
        (ALICE, 417, BOB, CAROL, DAVE, (HASH, HASH[::-1]), 10**20, (28, HASH, HASH[::-1])),
        events.VoterRegistered(
            voter=ALICE,
            reward_epoch=417,
            signing_policy_address=BOB,
            submit_address=CAROL,
            submit_signatures_address=DAVE,
            public_key=(HASH, HASH[::-1]),
            registration_weight=10**20,
            signature=Signature(28, HASH, HASH[::-1]),
        ),
    ),
    "VoterRegistered, as it was": (
        "824bc2cc10bfe21ead60b8c8a90716eb325b9335aa73eaede799abf38fce062c",
        ("address,uint24,address", "address,address,bytes32,bytes32,uint256"),
        (ALICE, 416, BOB, CAROL, DAVE, HASH, HASH[::-1], 10**20),
        events.VoterRegistered(
            voter=ALICE,
            reward_epoch=416,
            signing_policy_address=BOB,
            submit_address=CAROL,
            submit_signatures_address=DAVE,
            public_key=(HASH, HASH[::-1]),
            registration_weight=10**20,
            signature=None,
        ),
    ),
    "VoterRegistrationInfo": (
        "c49a5cabcc0776ace8cfd024e155bc303ee5e492b29d59f1ff7dbafa0b34a04b",
        ("address,uint32", "address,uint16,uint256,uint256,bytes20[],uint256[]"),
        (ALICE, 417, BOB, 2000, 10**25, 10**24, (CAROL, DAVE), (5, 6)),
        events.VoterRegistrationInfo(
            voter=ALICE,
            reward_epoch=417,
            delegation_address=BOB,
            delegation_fee_bips=2000,
            wnat_weight=10**25,
            wnat_capped_weight=10**24,
            node_ids=(CAROL, DAVE),
            node_weights=(5, 6),
        ),
    ),
    "VoterRegistrationInfo, as it was": (
        "0ab8c10ef8cc6c5a591797917aba3b2688483b9ff7ab824f36b872a45b752e1f",
        ("address,uint24", "address,uint16,uint256,uint256,bytes20[],uint256[]"),
        (ALICE, 416, BOB, 0, 1, 2, (), ()),
        events.VoterRegistrationInfo(
            voter=ALICE,
            reward_epoch=416,
            delegation_address=BOB,
            delegation_fee_bips=0,
            wnat_weight=1,
            wnat_capped_weight=2,
            node_ids=(),
            node_weights=(),
        ),
    ),
    "InflationRewardsOffered": (
        "01070f0e535c0d3077d9ca64b3122869a1897ff5c7711ba33b4db1fb9fd70cfc",
        ("uint24", "bytes,bytes,uint256,uint16,uint24,bytes,uint16"),
        (392, BTC + XAU, b"\2\xff", 10**22, 5000, 400_000, b"\0\4\7e\0\0", 2),
        InflationOffer(
            reward_epoch=392,
            feed_ids=(BTC, XAU),
            decimals=(2, -1),
            amount=10**22,
            min_turnout_bips=5000,
            primary_share_ppm=400_000,
            secondary_band_ppm=(1031, 0x650000),
            mode=2,
        ),
    ),
    "RewardsOffered": (
        "0b348981891869f97551a071f05fba72c5efadafb062152f1ef417a25264d69a",
        ("uint24", "bytes21,int8,uint256,uint16,uint24,uint24,address"),
        (392, XAU, -3, 10**23, 100, 500_000, 100_000, ALICE),
        CommunityOffer(
            reward_epoch=392,
            feed_id=XAU,
            decimals=-3,
            amount=10**23,
            min_turnout_bips=100,
            primary_share_ppm=500_000,
            secondary_band_ppm=100_000,
            claim_back=ALICE,
        ),
    ),
    "FastUpdateFeeds": (
        "7195d3bbca575b55b0f4b62da395f7224b75225d9c08741d216e6cf10a83eabe",
        ("uint256", "uint256[],int8[]"),
        (1_317_121, (9_714_384, 7), (2, -1)),
        events.FastUpdateFeeds(round=1_317_121, values=(9_714_384, 7), decimals=(2, -1)),
    ),
    "FastUpdateFeedsSubmitted": (
        "63db91b14b3d088c677f046180aefcea7a236649704d90ce810cde455d38d936",
        ("uint32,address", ""),
        (1_317_121, ALICE),
        events.FastUpdateFeedsSubmitted(round=1_317_121, signing_policy_address=ALICE),
    ),
}


def log(topic, types, values, encode=abi.encode):
    """Return topics and data of a log."""
    indexed, rest = types
    count = len(indexed.split(","))
    words = encode(indexed, *values[:count])
    topics = [bytes.fromhex(topic), *(words[at : at + 32] for at in range(0, len(words), 32))]
    return topics, encode(rest, *values[count:])


def the_other_encoder(types, *values):
    """Encode with eth-abi, which takes addresses as text and a tuple's types apart."""
    eth_abi = pytest.importorskip("eth_abi")
    return eth_abi.encode(split(types), [texts(kind, value) for kind, value in zip(split(types), values, strict=True)])


def split(types):
    parts, depth, part = [], 0, ""
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts, part = [*parts, part], ""
        else:
            part += letter
    return [*parts, part] if part else []


def texts(kind, value):
    if kind == "address":
        return "0x" + value.hex()
    return [texts(kind.removesuffix("[]"), each) for each in value] if kind.endswith("[]") else value


@pytest.mark.parametrize("name", LOGS)
def test_an_event_decodes_to_its_type(name):
    topic, types, values, event = LOGS[name]
    assert decode_event(*log(topic, types, values)) == event
    assert decode_event(*log(topic, types, values, the_other_encoder)) == event


def test_every_event_of_the_table_is_known_by_its_topics():
    assert len(LOGS) == 17
    for topic, *_, event in LOGS.values():
        assert bytes.fromhex(topic) in topics_of(type(event))
    told = {topic for _, *_, event in LOGS.values() for topic in topics_of(type(event))}
    assert told == {bytes.fromhex(topic) for topic, *_ in LOGS.values()}


@pytest.mark.parametrize("event", [events.VoterRegistered, events.VoterRegistrationInfo])
def test_of_two_forms_the_newest_comes_first(event):
    new, old = (LOGS[name][0] for name in (event.__name__, f"{event.__name__}, as it was"))
    assert [topic.hex() for topic in topics_of(event)] == [new, old]


def test_what_is_no_event_has_no_topics():
    with pytest.raises(ValueError, match="^expected a type of event, was <class 'int'>$"):
        topics_of(int)


def test_the_logs_of_the_go_reference_hold_the_policy_twice(reference):
    logs = reference("signing_policy.json")["go_logs"]
    assert len(logs) == 2
    epochs = []
    for told in logs:
        event = decode_event([from_hex(told["Topic0"]), from_hex(told["Topic1"])], from_hex(told["Data"]))
        policy = SigningPolicy.decode(event.policy_bytes)
        assert (policy.reward_epoch, policy.start_round) == (event.reward_epoch, event.start_round)
        assert (policy.threshold, policy.seed) == (event.threshold, event.seed)
        assert (policy.voters, policy.weights) == (event.voters, event.weights)
        assert event.timestamp == int(told["Timestamp"])
        epochs.append((event.reward_epoch, event.start_round, len(event.voters)))
    assert epochs == [(2767, 664_080, 18), (2766, 663_840, 17)]


def test_the_event_of_the_typescript_reference_is_reproduced(reference):
    told = reference("signing_policy.json")["event_log"]
    event = decode_event([from_hex(told["topic0"]), from_hex(told["topic1"])], from_hex(told["data"]))
    expected = told["expected"]
    assert event == events.SigningPolicyInitialized(
        reward_epoch=expected["rewardEpochId"],
        start_round=expected["startVotingRoundId"],
        threshold=expected["threshold"],
        seed=int(expected["seed"], 16),
        voters=tuple(map(from_hex, expected["voters"])),
        weights=tuple(expected["weights"]),
        policy_bytes=from_hex(expected["signingPolicyBytes"]),
        timestamp=expected["timestamp"],
    )


def test_offers_of_the_reference_survive_their_logs(reference):
    offers = reference("feed_order.json")["ts_case"]["offers"]
    assert (len(offers["inflationOffers"]), len(offers["rewardOffers"])) == (2, 5)
    for told in offers["inflationOffers"]:
        offer = InflationOffer(
            reward_epoch=told["rewardEpochId"],
            feed_ids=tuple(map(from_hex, told["feedIds"])),
            decimals=tuple(told["decimals"]),
            amount=int(told["amount"]),
            min_turnout_bips=told["minRewardedTurnoutBIPS"],
            primary_share_ppm=told["primaryBandRewardSharePPM"],
            secondary_band_ppm=tuple(told["secondaryBandWidthPPMs"]),
            mode=told["mode"],
        )
        assert decode_event(*inflation_log(offer)) == offer
    for told in offers["rewardOffers"]:
        community = CommunityOffer(
            reward_epoch=told["rewardEpochId"],
            feed_id=from_hex(told["feedId"]),
            decimals=told["decimals"],
            amount=int(told["amount"]),
            min_turnout_bips=told["minRewardedTurnoutBIPS"],
            primary_share_ppm=told["primaryBandRewardSharePPM"],
            secondary_band_ppm=told["secondaryBandWidthPPM"],
            claim_back=from_hex(told["claimBackAddress"]),
        )
        topic, types, *_ = LOGS["RewardsOffered"]
        fields = [getattr(community, name) for name in CommunityOffer.__slots__]
        assert decode_event(*log(topic, types, fields)) == community


def inflation_log(offer):
    topic, types, *_ = LOGS["InflationRewardsOffered"]
    packed = (
        offer.reward_epoch,
        b"".join(offer.feed_ids),
        b"".join(each.to_bytes(1, "big", signed=True) for each in offer.decimals),
        offer.amount,
        offer.min_turnout_bips,
        offer.primary_share_ppm,
        b"".join(each.to_bytes(3, "big") for each in offer.secondary_band_ppm),
        offer.mode,
    )
    return log(topic, types, packed)


@given(
    st.lists(
        st.tuples(st.binary(min_size=21, max_size=21), st.integers(-128, 127), st.integers(0, 2**24 - 1)), min_size=1
    ),
    st.integers(0, 2**256 - 1),
)
def test_any_inflation_offer_survives_its_log(feeds, amount):
    ids, decimals, bands = zip(*feeds, strict=True)
    offer = InflationOffer(7, ids, decimals, amount, 5000, 400_000, bands, 2)
    assert decode_event(*inflation_log(offer)) == offer


@pytest.mark.parametrize(
    ("ids", "decimals", "bands", "problem"),
    [
        (b"", b"", b"", "packed feed ids: byte 0: expected a feed id, was the end"),
        (BTC[:20], b"\2", b"\0\0\1", "packed feed ids: byte 0: "),
        (BTC, b"\2\2", b"\0\0\1", "packed decimals: byte 1: expected 1 bytes, was 2 bytes"),
        (BTC, b"\2", b"\0\0\1\0", "packed secondary bands: byte 3: expected 3 bytes, was 4 bytes"),
    ],
)
def test_an_inflation_offer_whose_lists_do_not_fit_is_refused(ids, decimals, bands, problem):
    topic, types, *_ = LOGS["InflationRewardsOffered"]
    with pytest.raises(WireError) as e:
        decode_event(*log(topic, types, (392, ids, decimals, 1, 0, 0, bands, 0)))
    assert str(e.value).startswith(problem)


STARTED = bytes.fromhex(LOGS["RewardEpochStarted"][0])
WORD = (392).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("topics", "data", "problem"),
    [
        ([], b"", "event log: byte 0: expected the topic of an event that a provider reads, was none"),
        ([HASH], b"", f"event log: byte 0: expected the topic of an event that a provider reads, was 0x{HASH.hex()}"),
        ([STARTED[:31]], b"", f"event log: byte 0: expected the topic of an .* reads, was 0x{STARTED[:31].hex()}"),
        ([STARTED], b"", "indexed values of RewardEpochStarted: byte 0: expected 32 bytes of uint24, was 0"),
        ([STARTED, WORD[1:]], b"", "topic: byte 31: expected 32 bytes, was 31 bytes"),
        ([STARTED, b"\1" + WORD[1:]], b"", "indexed values of RewardEpochStarted: byte 0: expected a value of uint24"),
        ([STARTED, WORD, WORD], b"", "indexed values of RewardEpochStarted: byte 32: expected the end, was 32 bytes"),
        ([STARTED, WORD], WORD, "data of RewardEpochStarted: byte 32: expected 32 bytes of uint64, was 0"),
        ([STARTED, WORD], WORD + WORD[1:], "data of RewardEpochStarted: byte 32: expected 32 bytes of uint64, was 31"),
    ],
)
def test_a_log_that_is_no_such_event_is_refused_with_its_byte(topics, data, problem):
    with pytest.raises(WireError, match=f"^{problem}"):
        decode_event(topics, data)


forms = st.sampled_from(sorted(LOGS)).map(LOGS.__getitem__)


@given(forms, st.lists(st.binary(min_size=32, max_size=32), max_size=3), st.binary(max_size=500))
def test_no_bytes_break_the_decoder(form, indexed, data):
    with contextlib.suppress(ProtocolError):
        decode_event([bytes.fromhex(form[0]), *indexed], data)


@given(forms, st.integers(0, 1000), st.integers(0, 255), st.integers(0, 1000))
def test_no_mutation_of_a_real_log_breaks_the_decoder(form, at, value, cut):
    topic, types, values, _ = form
    topics, data = log(topic, types, values)
    mutated = bytearray(data + b"\0")
    mutated[at % len(mutated)] = value
    for raw in (bytes(mutated), data[: cut % (len(data) + 1)]):
        with contextlib.suppress(ProtocolError):
            decode_event(topics, raw)
