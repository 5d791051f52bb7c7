# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What is known of each reward epoch
"""

struct Instant:
    ts: uint64
    number: uint64

struct Epoch:
    randomStart: Instant
    randomEnd: Instant
    policySet: Instant
    policySigned: Instant
    started: Instant
    uptimeStart: Instant
    rewardsStart: Instant
    rewardsSigned: Instant
    votePowerBlock: uint64
    seed: uint256
    threshold: uint16
    startVotingRoundId: uint32

current: uint24
known: HashMap[uint256, Epoch]


@internal
@view
def _now() -> Instant:
    return Instant(ts=convert(block.timestamp, uint64), number=convert(block.number, uint64))


@internal
@view
def _lasted(since: Instant, seconds: uint64, blocks: uint64) -> bool:
    now: Instant = self._now()
    return now.ts >= since.ts + seconds and now.number >= since.number + blocks


@internal
@view
def _registration_open(epoch: uint256) -> bool:
    return self.known[epoch].votePowerBlock != 0 and self.known[epoch].policySet.ts == 0


@external
@view
def getCurrentRewardEpochId() -> uint24:
    return self.current


@external
@view
def getCurrentRewardEpoch() -> uint256:
    return convert(self.current, uint256)


@external
@view
def getSeed(_rewardEpochId: uint256) -> uint256:
    assert self.known[_rewardEpochId].votePowerBlock != 0, "seed not initialized yet"
    return self.known[_rewardEpochId].seed


@external
@view
def getVotePowerBlock(_rewardEpochId: uint256) -> uint64:
    assert self.known[_rewardEpochId].votePowerBlock != 0, "vote power block not initialized yet"
    return self.known[_rewardEpochId].votePowerBlock


@external
@view
def getThreshold(_rewardEpochId: uint256) -> uint16:
    assert self.known[_rewardEpochId].threshold != 0, "reward epoch not initialized yet"
    return self.known[_rewardEpochId].threshold


@external
@view
def getStartVotingRoundId(_rewardEpochId: uint256) -> uint32:
    assert self.known[_rewardEpochId].threshold != 0, "reward epoch not initialized yet"
    return self.known[_rewardEpochId].startVotingRoundId


@external
@view
def getVoterRegistrationData(_rewardEpochId: uint256) -> (uint256, bool):
    return convert(self.known[_rewardEpochId].votePowerBlock, uint256), self._registration_open(_rewardEpochId)


@external
@view
def isVoterRegistrationEnabled() -> bool:
    return self._registration_open(convert(self.current, uint256) + 1)


@external
@view
def getRewardEpochStartInfo(_rewardEpochId: uint24) -> (uint64, uint64):
    since: Instant = self.known[convert(_rewardEpochId, uint256)].started
    return since.ts, since.number


@external
@view
def getRandomAcquisitionInfo(_rewardEpochId: uint24) -> (uint64, uint64, uint64, uint64):
    epoch: Epoch = self.known[convert(_rewardEpochId, uint256)]
    return epoch.randomStart.ts, epoch.randomStart.number, epoch.randomEnd.ts, epoch.randomEnd.number


@external
@view
def getSigningPolicySignInfo(_rewardEpochId: uint24) -> (uint64, uint64, uint64, uint64):
    epoch: Epoch = self.known[convert(_rewardEpochId, uint256)]
    return epoch.policySet.ts, epoch.policySet.number, epoch.policySigned.ts, epoch.policySigned.number


@external
@view
def getUptimeVoteSignStartInfo(_rewardEpochId: uint24) -> (uint64, uint64):
    since: Instant = self.known[convert(_rewardEpochId, uint256)].uptimeStart
    return since.ts, since.number


@external
@view
def getRewardsSignInfo(_rewardEpochId: uint24) -> (uint64, uint64, uint64, uint64):
    epoch: Epoch = self.known[convert(_rewardEpochId, uint256)]
    return epoch.rewardsStart.ts, epoch.rewardsStart.number, epoch.rewardsSigned.ts, epoch.rewardsSigned.number
