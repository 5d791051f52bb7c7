# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What a voter keeps of its delegators' rewards
@notice A change holds some reward epochs later.
"""

import addresses

event FeePercentageChanged:
    voter: indexed(address)
    value: uint16
    validFromEpochId: uint24

interface SystemsManager:
    def getCurrentRewardEpochId() -> uint24: view

MAX_FEE: constant(uint16) = 10_000

feePercentageUpdateOffset: public(immutable(uint24))
defaultFeePercentageBIPS: public(immutable(uint16))

# by voter: the reward epoch a change holds from, and the fee in the lowest 16 bits
_fees: HashMap[address, DynArray[uint256, 1000]]


@deploy
def __init__(update_offset: uint24, default_fee: uint16):
    feePercentageUpdateOffset = update_offset
    defaultFeePercentageBIPS = default_fee


@external
def setVoterFeePercentage(_feePercentageBIPS: uint16) -> uint256:
    assert _feePercentageBIPS <= MAX_FEE, "fee percentage invalid"
    since: uint24 = self._present() + feePercentageUpdateOffset
    change: uint256 = convert(since, uint256) << 16 | convert(_feePercentageBIPS, uint256)
    count: uint256 = len(self._fees[msg.sender])
    if count != 0 and self._fees[msg.sender][count - 1] >> 16 == convert(since, uint256):
        self._fees[msg.sender][count - 1] = change
    else:
        self._fees[msg.sender].append(change)
    log FeePercentageChanged(voter=msg.sender, value=_feePercentageBIPS, validFromEpochId=since)
    return convert(since, uint256)


@external
@view
def getVoterCurrentFeePercentage(_voter: address) -> uint16:
    return self._fee(_voter, convert(self._present(), uint256))


@external
@view
def getVoterFeePercentage(_voter: address, _rewardEpochId: uint256) -> uint16:
    assert _rewardEpochId <= convert(self._present() + feePercentageUpdateOffset, uint256), "invalid reward epoch id"
    return self._fee(_voter, _rewardEpochId)


@internal
@view
def _fee(voter: address, epoch: uint256) -> uint16:
    fee: uint16 = defaultFeePercentageBIPS
    for change: uint256 in self._fees[voter]:
        if change >> 16 > epoch:
            break
        fee = convert(change & 65_535, uint16)
    return fee


@internal
@view
def _present() -> uint24:
    return staticcall SystemsManager(addresses.of("FlareSystemsManager")).getCurrentRewardEpochId()
