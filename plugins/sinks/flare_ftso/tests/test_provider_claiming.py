"""What a voter may claim: proven against the root on the chain, and nothing else is claimed."""

from __future__ import annotations

import json

import pytest

from chrono import DataError
from chrono_flare_ftso.chain.endpoint import Reverted
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.claims import ClaimType, Distribution, RewardClaim, distribution
from chrono_flare_ftso.protocol.contracts import FUNCTIONS, function
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.provider.claiming import Claimable, claim_call, claimable, initialise_call

pytestmark = pytest.mark.anyio

IDENTITY, SIGNING, DELEGATION, STRANGER = (bytes([number] * 20) for number in (1, 2, 3, 4))
BY_SELECTOR = {each.selector: each for each in FUNCTIONS.values()}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def claims(epoch: int) -> list[RewardClaim]:
    return [
        RewardClaim(epoch, SIGNING, 70 * 10**18 + epoch, ClaimType.DIRECT),
        RewardClaim(epoch, IDENTITY, 12 * 10**18, ClaimType.FEE),
        RewardClaim(epoch, DELEGATION, 48 * 10**18, ClaimType.WNAT),
        RewardClaim(epoch, STRANGER, 10**18, ClaimType.DIRECT),
    ]


def published(told: Distribution) -> bytes:
    """Return data as it is published."""
    return json.dumps(
        {
            "network": told.network,
            "rewardEpochId": told.reward_epoch,
            "rewardClaims": [
                [
                    ["0x" + each.hex() for each in proven.proof],
                    [
                        proven.claim.reward_epoch,
                        "0x" + proven.claim.beneficiary.hex(),
                        str(proven.claim.amount),
                        int(proven.claim.type),
                    ],
                ]
                for proven in told.claims
            ],
            "noOfWeightBasedClaims": told.weight_based_claims,
            "merkleRoot": "0x" + told.root.hex(),
        }
    ).encode()


class World:
    """Reward epochs 10 to 13, of which 13 is not signed."""

    def __init__(self) -> None:
        self.told = {epoch: distribution("coston2", epoch, claims(epoch)) for epoch in range(10, 14)}
        self.roots = {epoch: self.told[epoch].root for epoch in (10, 11, 12)}
        self.files = {epoch: published(each) for epoch, each in self.told.items()}
        self.nexts = {IDENTITY: 11, SIGNING: 10, DELEGATION: 10}
        self.refusal = ""

    async def call(self, contract: str, data: bytes) -> bytes:
        called = BY_SELECTOR[data[:4]]
        assert called.contract == contract
        match called.name:
            case "getNextClaimableRewardEpochId":
                return abi.encode("uint256", self.nexts[called.decode_call(data)[0]])
            case "getRewardEpochIdsWithClaimableRewards" if self.refusal:
                raise Reverted(f"127.0.0.1:8645: eth_call: execution reverted: {self.refusal}")
            case "getRewardEpochIdsWithClaimableRewards":
                return abi.encode("uint24,uint24", 5, 13)
            case "rewardsHash":
                return abi.encode("bytes32", self.roots.get(called.decode_call(data)[0], bytes(32)))
        raise AssertionError(called.name)

    async def read(self, epoch: int) -> bytes | None:
        return self.files.get(epoch)

    async def found(self):
        return await claimable(self, COSTON2, [IDENTITY, SIGNING, DELEGATION], self.read)


@pytest.fixture
def world():
    return World()


async def test_what_is_owed_and_not_claimed_yet_is_found_to_the_wei(world):
    found = await world.found()
    assert [(each.epoch, each.owner, each.amount) for each in found.owed if not each.type.weight_based] == [
        (10, SIGNING, 70 * 10**18 + 10),
        (11, SIGNING, 70 * 10**18 + 11),
        (11, IDENTITY, 12 * 10**18),
        (12, SIGNING, 70 * 10**18 + 12),
        (12, IDENTITY, 12 * 10**18),
    ]
    assert found.amount == 3 * 70 * 10**18 + 33 + 2 * 12 * 10**18
    assert found.unsigned == (13,)
    assert not found.unpublished


async def test_before_rewards_were_ever_signed_nothing_is_owed(world):
    world.refusal = "no epoch with claimable rewards"
    assert await world.found() == Claimable()
    world.refusal = "paused"
    with pytest.raises(Reverted, match="paused"):
        await world.found()


async def test_call_claims_up_to_the_last_epoch_with_each_proof(world):
    found = await world.found()
    owner, recipient, last, wrap, proven = function("RewardManager", "claim").decode_call(
        claim_call(SIGNING, STRANGER, found.owed, wrap=True)
    )
    assert (owner, recipient, last, wrap) == (SIGNING, STRANGER, 12, True)
    assert [body[:3] for _, body in proven] == [(epoch, SIGNING, 70 * 10**18 + epoch) for epoch in (10, 11, 12)]
    for proof, (epoch, *_) in proven:
        (its,) = world.told[epoch].of(SIGNING)
        assert tuple(proof) == its.proof
    with pytest.raises(ValueError, match="expected something that 0x0404"):
        claim_call(STRANGER, STRANGER, found.owed, wrap=False)


async def test_what_is_shared_by_weight_is_opened_and_not_claimed(world):
    found = await world.found()
    (proven,) = function("RewardManager", "initialiseWeightBasedClaims").decode_call(initialise_call(found.owed))
    assert [body[1] for _, body in proven] == [DELEGATION] * 3
    assert initialise_call([each for each in found.owed if each.owner == SIGNING]) is None


async def test_epoch_whose_data_is_not_published_is_told_and_the_others_are_found(world):
    del world.files[11]
    found = await world.found()
    assert found.unpublished == (11,)
    assert {each.epoch for each in found.owed} == {10, 12}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda world: published(distribution("flare", 11, claims(11))),
            "expected the data of coston2, was that of flare",
        ),
        (lambda world: world.files[12], "expected the data of reward epoch 11, was that of 12"),
        (
            lambda world: published(
                distribution("coston2", 11, [*claims(11), RewardClaim(11, bytes(20), 1, ClaimType(0))])
            ),
            "expected the root that was signed",
        ),
        (lambda world: world.files[11].replace(b"48000000000000000000", b"49000000000000000000"), "merkleRoot"),
        (lambda world: b"<html>", "JSON"),
    ],
)
async def test_data_that_is_not_what_was_signed_is_refused(world, change, told):
    world.files[11] = change(world)
    with pytest.raises(DataError, match=f"reward epoch 11: .*{told}.*; nothing is claimed by it"):
        await world.found()
