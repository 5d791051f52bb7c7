# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What a voter weighs
@notice Coins count up to a share of all; the weight is about their power of 3/4.
"""

import addresses

event VoterRegistrationInfo:
    voter: indexed(address)
    rewardEpochId: indexed(uint32)
    delegationAddress: address
    delegationFeeBIPS: uint16
    wNatWeight: uint256
    wNatCappedWeight: uint256
    nodeIds: DynArray[bytes20, 4]
    nodeWeights: DynArray[uint256, 4]

interface EntityManager:
    def getDelegationAddressOfAt(_voter: address, _blockNumber: uint256) -> address: view

interface WNat:
    def votePowerOfAt(_owner: address, _blockNumber: uint256) -> uint256: view
    def totalVotePowerAt(_blockNumber: uint256) -> uint256: view

interface DelegationFee:
    def getVoterFeePercentage(_voter: address, _rewardEpochId: uint256) -> uint16: view

PPM: constant(uint256) = 1_000_000

wNatCapPPM: public(immutable(uint24))


@deploy
def __init__(cap_ppm: uint24):
    wNatCapPPM = cap_ppm


@external
def calculateRegistrationWeight(_voter: address, _rewardEpochId: uint32, _votePowerBlock: uint256) -> uint256:
    addresses.only("VoterRegistry")
    delegation: address = staticcall EntityManager(addresses.of("EntityManager")).getDelegationAddressOfAt(
        _voter, _votePowerBlock
    )
    assert delegation != _voter, "delegation address not set"
    wnat: WNat = WNat(addresses.of("WNat"))
    power: uint256 = staticcall wnat.votePowerOfAt(delegation, _votePowerBlock)
    total: uint256 = staticcall wnat.totalVotePowerAt(_votePowerBlock)
    capped: uint256 = min(power, total * convert(wNatCapPPM, uint256) // PPM)
    fee: uint16 = staticcall DelegationFee(addresses.of("WNatDelegationFee")).getVoterFeePercentage(
        _voter, convert(_rewardEpochId, uint256)
    )
    log VoterRegistrationInfo(
        voter=_voter,
        rewardEpochId=_rewardEpochId,
        delegationAddress=delegation,
        delegationFeeBIPS=fee,
        wNatWeight=power,
        wNatCappedWeight=capped,
        nodeIds=[],
        nodeWeights=[],
    )
    root: uint256 = isqrt(capped)
    return root * isqrt(root)
