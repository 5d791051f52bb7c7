# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What voters sign in a reward epoch
@notice A signing policy is signed by the voters of the reward epoch before it, uptime and rewards by those of the reward
epoch itself. More weight than its threshold suffices; anybody may send a voter's signature.
"""

import addresses
import reward_epochs as epochs
import signatures
uses: epochs

event SigningPolicySigned:
    rewardEpochId: indexed(uint24)
    signingPolicyAddress: indexed(address)
    voter: indexed(address)
    timestamp: uint64
    thresholdReached: bool

event UptimeVoteSubmitted:
    rewardEpochId: indexed(uint24)
    signingPolicyAddress: indexed(address)
    voter: indexed(address)
    nodeIds: DynArray[bytes20, MAX_NODES]
    timestamp: uint64

event UptimeVoteSigned:
    rewardEpochId: indexed(uint24)
    signingPolicyAddress: indexed(address)
    voter: indexed(address)
    uptimeVoteHash: bytes32
    timestamp: uint64
    thresholdReached: bool

event RewardsSigned:
    rewardEpochId: indexed(uint24)
    signingPolicyAddress: indexed(address)
    voter: indexed(address)
    rewardsHash: bytes32
    noOfWeightBasedClaims: DynArray[WeightBasedClaims, MAX_MANAGERS]
    timestamp: uint64
    thresholdReached: bool

struct WeightBasedClaims:
    rewardManagerId: uint256
    noOfWeightBasedClaims: uint256

# who signed, and whether that was enough
struct Ballot:
    signer: address
    voter: address
    enough: bool

interface VoterRegistry:
    def getVoterWithNormalisedWeight(_rewardEpochId: uint256, _signingPolicyAddress: address) -> (address, uint16): view

interface Relay:
    def toSigningPolicyHash(_rewardEpochId: uint256) -> bytes32: view

MAX_NODES: constant(uint256) = 20
MAX_MANAGERS: constant(uint256) = 4

uptimeVoteHash: public(HashMap[uint256, bytes32])
rewardsHash: public(HashMap[uint256, bytes32])
noOfWeightBasedClaims: public(HashMap[uint256, HashMap[uint256, uint256]])
noOfWeightBasedClaimsHash: public(HashMap[uint256, bytes32])
_signed: HashMap[bytes32, HashMap[address, bool]]
_weight: HashMap[bytes32, uint256]


@external
def signNewSigningPolicy(
    _rewardEpochId: uint24, _newSigningPolicyHash: bytes32, _signature: signatures.Signature
):
    epoch: uint256 = convert(_rewardEpochId, uint256)
    policy: bytes32 = staticcall Relay(addresses.of("Relay")).toSigningPolicyHash(epoch)
    assert _newSigningPolicyHash != empty(bytes32), "new signing policy hash invalid"
    assert _newSigningPolicyHash == policy, "new signing policy hash invalid"
    assert epochs.known[epoch].policySigned.ts == 0, "new signing policy already signed"
    ballot: Ballot = self._cast(epoch - 1, keccak256(abi_encode(epoch, policy)), policy, _signature)
    if ballot.enough:
        epochs.known[epoch].policySigned = epochs._now()
    log SigningPolicySigned(
        rewardEpochId=_rewardEpochId,
        signingPolicyAddress=ballot.signer,
        voter=ballot.voter,
        timestamp=epochs._now().ts,
        thresholdReached=ballot.enough,
    )


@external
def submitUptimeVote(
    _rewardEpochId: uint24, _nodeIds: DynArray[bytes20, MAX_NODES], _signature: signatures.Signature
):
    self._check_past(_rewardEpochId)
    epoch: uint256 = convert(_rewardEpochId, uint256)
    assert epochs.known[epoch].uptimeStart.ts == 0, "submit uptime vote already ended"
    signer: address = signatures.signer_of(keccak256(abi_encode(_rewardEpochId, _nodeIds)), _signature)
    voter: address = empty(address)
    weight: uint16 = 0
    voter, weight = self._voter(epoch, signer)
    log UptimeVoteSubmitted(
        rewardEpochId=_rewardEpochId,
        signingPolicyAddress=signer,
        voter=voter,
        nodeIds=_nodeIds,
        timestamp=epochs._now().ts,
    )


@external
def signUptimeVote(_rewardEpochId: uint24, _uptimeVoteHash: bytes32, _signature: signatures.Signature):
    assert _uptimeVoteHash != empty(bytes32), "uptime vote hash zero"
    self._check_past(_rewardEpochId)
    epoch: uint256 = convert(_rewardEpochId, uint256)
    assert epochs.known[epoch].uptimeStart.ts != 0, "sign uptime vote not started yet"
    assert self.uptimeVoteHash[epoch] == empty(bytes32), "uptime vote hash already signed"
    message: bytes32 = keccak256(abi_encode(_rewardEpochId, _uptimeVoteHash))
    ballot: Ballot = self._cast(epoch, message, message, _signature)
    if ballot.enough:
        self.uptimeVoteHash[epoch] = _uptimeVoteHash
        epochs.known[epoch].rewardsStart = epochs._now()
    log UptimeVoteSigned(
        rewardEpochId=_rewardEpochId,
        signingPolicyAddress=ballot.signer,
        voter=ballot.voter,
        uptimeVoteHash=_uptimeVoteHash,
        timestamp=epochs._now().ts,
        thresholdReached=ballot.enough,
    )


@external
def signRewards(
    _rewardEpochId: uint24,
    _noOfWeightBasedClaims: DynArray[WeightBasedClaims, MAX_MANAGERS],
    _rewardsHash: bytes32,
    _signature: signatures.Signature,
):
    assert _rewardsHash != empty(bytes32), "rewards hash zero"
    self._check_past(_rewardEpochId)
    epoch: uint256 = convert(_rewardEpochId, uint256)
    assert epochs.known[epoch + 1].policySigned.ts != 0, "new signing policy not signed yet"
    assert self.uptimeVoteHash[epoch] != empty(bytes32), "uptime vote hash not signed yet"
    assert self.rewardsHash[epoch] == empty(bytes32), "rewards hash already signed"
    counts: bytes32 = keccak256(abi_encode(_noOfWeightBasedClaims))
    message: bytes32 = keccak256(abi_encode(_rewardEpochId, counts, _rewardsHash))
    ballot: Ballot = self._cast(epoch, message, message, _signature)
    if ballot.enough:
        self.rewardsHash[epoch] = _rewardsHash
        self.noOfWeightBasedClaimsHash[epoch] = counts
        for each: WeightBasedClaims in _noOfWeightBasedClaims:
            self.noOfWeightBasedClaims[epoch][each.rewardManagerId] = each.noOfWeightBasedClaims
        epochs.known[epoch].rewardsSigned = epochs._now()
    log RewardsSigned(
        rewardEpochId=_rewardEpochId,
        signingPolicyAddress=ballot.signer,
        voter=ballot.voter,
        rewardsHash=_rewardsHash,
        noOfWeightBasedClaims=_noOfWeightBasedClaims,
        timestamp=epochs._now().ts,
        thresholdReached=ballot.enough,
    )


@internal
def _cast(epoch: uint256, key: bytes32, message: bytes32, signature: signatures.Signature) -> Ballot:
    # those of a reward epoch vote on what is known by its key
    signer: address = signatures.signer_of(message, signature)
    voter: address = empty(address)
    weight: uint16 = 0
    voter, weight = self._voter(epoch, signer)
    assert not self._signed[key][voter], "voter already signed"
    self._signed[key][voter] = True
    self._weight[key] += convert(weight, uint256)
    enough: bool = self._weight[key] > convert(epochs.known[epoch].threshold, uint256)
    return Ballot(signer=signer, voter=voter, enough=enough)


@internal
@view
def _voter(epoch: uint256, signer: address) -> (address, uint16):
    voter: address = empty(address)
    weight: uint16 = 0
    voter, weight = staticcall VoterRegistry(addresses.of("VoterRegistry")).getVoterWithNormalisedWeight(epoch, signer)
    assert voter != empty(address), "signature invalid"
    return voter, weight


@internal
@view
def _check_past(epoch: uint24):
    assert epoch < epochs.current, "epoch not ended yet"
