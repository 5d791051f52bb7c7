# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Finalized results and signing policies
@notice relay() has no arguments: selector, encoded signing policy, message, number of signatures, then 65 bytes of
signature and 2 of the signer's index for each. Where a setter is given, it sets signing policies and none is relayed;
without one they come by relay(), as on a chain where the protocol does not live.
"""

import proofs

MAX_VOTERS: constant(uint256) = 300
POLICY: constant(uint256) = 4
HEAD: constant(uint256) = 43
VOTER: constant(uint256) = 22
SIGNED: constant(uint256) = 67
RESULT: constant(uint256) = 38
METADATA: constant(uint256) = 11
MAX_POLICY: constant(uint256) = HEAD + VOTER * MAX_VOTERS
BIPS: constant(uint256) = 10_000
NEW_POLICY: constant(uint256) = 0
ANY_HASH: constant(uint256) = 1
PREFIX: constant(Bytes[28]) = b"\x19Ethereum Signed Message:\n32"

struct SigningPolicy:
    rewardEpochId: uint24
    startVotingRoundId: uint32
    threshold: uint16
    seed: uint256
    voters: DynArray[address, MAX_VOTERS]
    weights: DynArray[uint16, MAX_VOTERS]

struct StateData:
    randomNumberProtocolId: uint8
    firstVotingRoundStartTs: uint32
    votingEpochDurationSeconds: uint8
    firstRewardEpochStartVotingRoundId: uint32
    rewardEpochDurationInVotingEpochs: uint16
    thresholdIncreaseBIPS: uint16
    randomVotingRoundId: uint32
    isSecureRandom: bool
    lastInitializedRewardEpoch: uint32
    noSigningPolicyRelay: bool
    messageFinalizationWindowInRewardEpochs: uint32

# what a message turns out to be
struct Message:
    ends: uint256
    hashed: bytes32
    threshold: uint256

event SigningPolicyInitialized:
    rewardEpochId: indexed(uint24)
    startVotingRoundId: uint32
    threshold: uint16
    seed: uint256
    voters: DynArray[address, MAX_VOTERS]
    weights: DynArray[uint16, MAX_VOTERS]
    signingPolicyBytes: Bytes[MAX_POLICY]
    timestamp: uint64

event SigningPolicyRelayed:
    rewardEpochId: indexed(uint256)

event ProtocolMessageRelayed:
    protocolId: indexed(uint8)
    votingRoundId: indexed(uint32)
    isSecureRandom: bool
    merkleRoot: bytes32

signingPolicySetter: public(immutable(address))
stateData: public(StateData)
startingVotingRoundIds: public(HashMap[uint256, uint256])
_hashes: HashMap[uint256, bytes32]
_roots: HashMap[uint256, HashMap[uint256, bytes32]]
_secure: HashMap[uint256, bool]


@deploy
def __init__(setter: address, state: StateData, start_round: uint256, policy_hash: bytes32):
    signingPolicySetter = setter
    assert policy_hash != empty(bytes32), "policy hash zero"
    assert convert(state.thresholdIncreaseBIPS, uint256) >= BIPS, "threshold increase too small"
    self.stateData = state
    self.stateData.noSigningPolicyRelay = setter != empty(address)
    epoch: uint256 = convert(state.lastInitializedRewardEpoch, uint256)
    self._hashes[epoch] = policy_hash
    self.startingVotingRoundIds[epoch] = start_round


# signing policies


@external
def setSigningPolicy(_signingPolicy: SigningPolicy) -> bytes32:
    assert msg.sender == signingPolicySetter and msg.sender != empty(address), "only sign policy setter"
    epoch: uint256 = convert(_signingPolicy.rewardEpochId, uint256)
    assert epoch == convert(self.stateData.lastInitializedRewardEpoch, uint256) + 1, "not next reward epoch"
    assert len(_signingPolicy.voters) > 0, "must be non-trivial"
    assert len(_signingPolicy.voters) == len(_signingPolicy.weights), "size mismatch"
    raw: Bytes[MAX_POLICY] = self._encoded(_signingPolicy)
    total: uint256 = 0
    for weight: uint16 in _signingPolicy.weights:
        total += convert(weight, uint256)
    self._check_threshold(convert(_signingPolicy.threshold, uint256), total)
    hashed: bytes32 = self._hash(raw)
    self._keep(epoch, convert(_signingPolicy.startVotingRoundId, uint256), hashed)
    log SigningPolicyInitialized(
        rewardEpochId=_signingPolicy.rewardEpochId,
        startVotingRoundId=_signingPolicy.startVotingRoundId,
        threshold=_signingPolicy.threshold,
        seed=_signingPolicy.seed,
        voters=_signingPolicy.voters,
        weights=_signingPolicy.weights,
        signingPolicyBytes=raw,
        timestamp=convert(block.timestamp, uint64),
    )
    return hashed


@internal
def _keep(epoch: uint256, start_round: uint256, hashed: bytes32):
    self._hashes[epoch] = hashed
    self.startingVotingRoundIds[epoch] = start_round
    self.stateData.lastInitializedRewardEpoch = convert(epoch, uint32)


@internal
@pure
def _encoded(policy: SigningPolicy) -> Bytes[MAX_POLICY]:
    raw: Bytes[MAX_POLICY] = concat(
        convert(convert(len(policy.voters), uint16), bytes2),
        convert(policy.rewardEpochId, bytes3),
        convert(policy.startVotingRoundId, bytes4),
        convert(policy.threshold, bytes2),
        convert(policy.seed, bytes32),
    )
    for at: uint256 in range(len(policy.voters), bound=MAX_VOTERS):
        voter: Bytes[VOTER] = concat(convert(policy.voters[at], bytes20), convert(policy.weights[at], bytes2))
        raw = convert(concat(raw, voter), Bytes[MAX_POLICY])
    return raw


@internal
@pure
def _hash(raw: Bytes[MAX_POLICY]) -> bytes32:
    # words of 32, the last one filled with zeros, are hashed one into the other
    padded: Bytes[MAX_POLICY + 32] = concat(raw, empty(bytes32))
    hashed: bytes32 = extract32(padded, 0)
    for at: uint256 in range(1, (len(raw) + 31) // 32, bound=MAX_POLICY // 32 + 1):
        hashed = keccak256(concat(hashed, extract32(padded, at * 32)))
    return hashed


@internal
@pure
def _check_threshold(threshold: uint256, total: uint256):
    assert total < 65_536, "total weight too big"
    assert threshold * BIPS >= total * 5_000, "too small threshold"
    assert threshold * BIPS <= total * 6_600, "too big threshold"


# what is relayed


@external
def relay() -> Bytes[35]:
    assert len(msg.data) >= POLICY + METADATA, "Invalid sign policy metadata"
    voters: uint256 = convert(slice(msg.data, POLICY, 2), uint256)
    body: uint256 = POLICY + HEAD + VOTER * voters
    assert len(msg.data) > body, "Invalid sign policy length"
    epoch: uint256 = convert(slice(msg.data, POLICY + 2, 3), uint256)
    # no policy of more voters was ever set
    known: bool = voters <= MAX_VOTERS and self._hash_of(POLICY, voters) == self._hashes[epoch]
    assert known, "Signing policy hash mismatch"
    protocol: uint256 = convert(slice(msg.data, body, 1), uint256)
    message: Message = empty(Message)
    if protocol == NEW_POLICY:
        message = self._new_policy(body, epoch)
    else:
        message = self._result(body, epoch, protocol)
    self._check_signatures(message, voters)
    if protocol == NEW_POLICY:
        self._take_policy(body + 1, epoch + 1, message.hashed)
    elif protocol == ANY_HASH:
        return concat(slice(msg.data, body + 6, 32), slice(msg.data, POLICY + 2, 3))
    else:
        self._take_result(body, protocol)
    return b""


@internal
@view
def _new_policy(body: uint256, epoch: uint256) -> Message:
    start: uint256 = body + 1
    assert not self.stateData.noSigningPolicyRelay, "Sign policy relay disabled"
    assert len(msg.data) >= start + METADATA, "No new sign policy size"
    voters: uint256 = convert(slice(msg.data, start, 2), uint256)
    assert voters > 0, "must be non-trivial"
    assert voters <= MAX_VOTERS, "too many voters"
    ends: uint256 = start + HEAD + VOTER * voters
    assert len(msg.data) >= ends, "Wrong size for new sign policy"
    last: uint256 = convert(self.stateData.lastInitializedRewardEpoch, uint256)
    assert last == epoch, "Not with last intialized"
    assert last + 1 == convert(slice(msg.data, start + 2, 3), uint256), "Not next reward epoch"
    total: uint256 = 0
    for at: uint256 in range(voters, bound=MAX_VOTERS):
        total += convert(slice(msg.data, start + HEAD + at * VOTER + 20, 2), uint256)
    self._check_threshold(convert(slice(msg.data, start + 9, 2), uint256), total)
    threshold: uint256 = convert(slice(msg.data, POLICY + 9, 2), uint256)
    return Message(ends=ends, hashed=self._hash_of(start, voters), threshold=threshold)


@internal
@view
def _result(body: uint256, epoch: uint256, protocol: uint256) -> Message:
    ends: uint256 = body + RESULT
    assert len(msg.data) >= ends, "Too short message"
    round: uint256 = convert(slice(msg.data, body + 1, 4), uint256)
    assert self._roots[protocol][round] == empty(bytes32), "Already relayed"
    threshold: uint256 = convert(slice(msg.data, POLICY + 9, 2), uint256)
    if protocol == ANY_HASH:
        assert round == 0, "Wrong message format"
        assert convert(slice(msg.data, body + 5, 1), uint256) == 0, "Wrong message format2"
        self._check_age(epoch)
    else:
        threshold = self._threshold(epoch, round)
    return Message(ends=ends, hashed=keccak256(slice(msg.data, body, RESULT)), threshold=threshold)


@internal
@view
def _threshold(epoch: uint256, round: uint256) -> uint256:
    first: uint256 = convert(self.stateData.firstRewardEpochStartVotingRoundId, uint256)
    assert round >= first, "Invalid voting round id"
    expected: uint256 = (round - first) // convert(self.stateData.rewardEpochDurationInVotingEpochs, uint256)
    assert expected >= epoch, "Wrong sign policy reward epoch"
    self._check_age(expected)
    assert round >= convert(slice(msg.data, POLICY + 5, 4), uint256), "Delayed sign policy"
    threshold: uint256 = convert(slice(msg.data, POLICY + 9, 2), uint256)
    last: uint256 = convert(self.stateData.lastInitializedRewardEpoch, uint256)
    if expected > epoch and last > epoch:
        assert round < self.startingVotingRoundIds[epoch + 1], "Must use new sign policy"
    if expected > epoch and last == epoch:
        # the policy lasts longer than it should: more has to agree
        return threshold * convert(self.stateData.thresholdIncreaseBIPS, uint256) // BIPS
    return threshold


@internal
@view
def _check_age(epoch: uint256):
    window: uint256 = convert(self.stateData.messageFinalizationWindowInRewardEpochs, uint256)
    last: uint256 = convert(self.stateData.lastInitializedRewardEpoch, uint256)
    assert epoch + window >= last, "Message too old"


@internal
@view
def _check_signatures(message: Message, voters: uint256):
    assert len(msg.data) >= message.ends + 2, "No signature count"
    count: uint256 = convert(slice(msg.data, message.ends, 2), uint256)
    place: uint256 = message.ends + 2
    assert len(msg.data) >= place + count * SIGNED, "Not enough signatures"
    digest: bytes32 = keccak256(concat(PREFIX, message.hashed))
    weight: uint256 = 0
    unused: uint256 = 0
    for at: uint256 in range(count, bound=65_535):
        index: uint256 = convert(slice(msg.data, place + 65, 2), uint256)
        assert index < voters, "Index out of range"
        assert index >= unused, "Index out of order"
        v: uint256 = convert(slice(msg.data, place, 1), uint256)
        signer: address = ecrecover(digest, v, self._word(place + 1), self._word(place + 33))
        assert signer != empty(address), "ecrecover returned bad data"
        voter: uint256 = convert(slice(msg.data, POLICY + HEAD + index * VOTER, VOTER), uint256)
        assert convert(signer, uint256) == voter >> 16, "Wrong signature"
        weight += voter & 65_535
        if weight > message.threshold:
            return
        unused = index + 1
        place += SIGNED
    raise "Not enough weight"


@internal
@view
def _hash_of(start: uint256, voters: uint256) -> bytes32:
    # as of `_hash`, of a policy in calldata
    size: uint256 = HEAD + VOTER * voters
    hashed: bytes32 = self._word(start)
    for at: uint256 in range(1, size // 32, bound=MAX_POLICY // 32):
        hashed = keccak256(concat(hashed, self._word(start + at * 32)))
    if size % 32 != 0:
        last: uint256 = convert(self._word(start + size - 32), uint256)
        hashed = keccak256(concat(hashed, convert(last << 8 * (32 - size % 32), bytes32)))
    return hashed


@internal
@view
def _word(at: uint256) -> bytes32:
    return convert(slice(msg.data, at, 32), bytes32)


@internal
def _take_policy(start: uint256, epoch: uint256, hashed: bytes32):
    self._keep(epoch, convert(slice(msg.data, start + 5, 4), uint256), hashed)
    log SigningPolicyRelayed(rewardEpochId=epoch)


@internal
def _take_result(body: uint256, protocol: uint256):
    round: uint256 = convert(slice(msg.data, body + 1, 4), uint256)
    secure: bool = convert(slice(msg.data, body + 5, 1), uint256) != 0
    root: bytes32 = convert(slice(msg.data, body + 6, 32), bytes32)
    self._roots[protocol][round] = root
    if protocol == convert(self.stateData.randomNumberProtocolId, uint256):
        self._secure[round] = secure
        if round >= convert(self.stateData.randomVotingRoundId, uint256):
            self.stateData.randomVotingRoundId = convert(round, uint32)
            self.stateData.isSecureRandom = secure
    log ProtocolMessageRelayed(
        protocolId=convert(protocol, uint8), votingRoundId=convert(round, uint32), isSecureRandom=secure, merkleRoot=root
    )


# what is read


@external
@view
def toSigningPolicyHash(_rewardEpochId: uint256) -> bytes32:
    return self._hashes[_rewardEpochId]


@external
@view
def lastInitializedRewardEpochData() -> (uint32, uint32):
    last: uint32 = self.stateData.lastInitializedRewardEpoch
    return last, convert(self.startingVotingRoundIds[convert(last, uint256)], uint32)


@external
@view
def isFinalized(_protocolId: uint256, _votingRoundId: uint256) -> bool:
    return self._roots[_protocolId][_votingRoundId] != empty(bytes32)


@external
@view
def merkleRoots(_protocolId: uint256, _votingRoundId: uint256) -> bytes32:
    assert signingPolicySetter != empty(address), "no access to merkle roots"
    return self._roots[_protocolId][_votingRoundId]


@external
@payable
def verify(_protocolId: uint256, _votingRoundId: uint256, _leaf: bytes32, _proof: DynArray[bytes32, 64]) -> bool:
    assert _protocolId > 1, "protocol id too small"
    root: bytes32 = self._roots[_protocolId][_votingRoundId]
    assert root != empty(bytes32), "not finalized"
    return proofs.root_of(_leaf, _proof) == root


@external
@view
def protocolFeeInWei(_protocolId: uint256) -> uint256:
    return 0


@external
@view
def getRandomNumber() -> (uint256, bool, uint256):
    round: uint256 = convert(self.stateData.randomVotingRoundId, uint256)
    return self._random(round), self.stateData.isSecureRandom, self._ends(round)


@external
@view
def getRandomNumberHistorical(_votingRoundId: uint256) -> (uint256, bool, uint256):
    protocol: uint256 = convert(self.stateData.randomNumberProtocolId, uint256)
    assert self._roots[protocol][_votingRoundId] != empty(bytes32), "not finalized"
    return self._random(_votingRoundId), self._secure[_votingRoundId], self._ends(_votingRoundId)


@internal
@view
def _random(round: uint256) -> uint256:
    return convert(keccak256(self._roots[convert(self.stateData.randomNumberProtocolId, uint256)][round]), uint256)


@internal
@view
def _ends(round: uint256) -> uint256:
    start: uint256 = convert(self.stateData.firstVotingRoundStartTs, uint256)
    return start + (round + 1) * convert(self.stateData.votingEpochDurationSeconds, uint256)
