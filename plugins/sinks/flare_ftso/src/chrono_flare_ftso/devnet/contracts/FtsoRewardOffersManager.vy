# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Which feeds are rewarded with what
@notice When a reward epoch starts, inflation is offered for the next one: as much as was chosen, out of what this
contract was given. Until the random of the next one is sought anybody may offer more.
"""

import addresses

event InflationRewardsOffered:
    rewardEpochId: indexed(uint24)
    feedIds: Bytes[MAX_FEEDS * 21]
    decimals: Bytes[MAX_FEEDS]
    amount: uint256
    minRewardedTurnoutBIPS: uint16
    primaryBandRewardSharePPM: uint24
    secondaryBandWidthPPMs: Bytes[MAX_FEEDS * 3]
    mode: uint16

event RewardsOffered:
    rewardEpochId: indexed(uint24)
    feedId: bytes21
    decimals: int8
    amount: uint256
    minRewardedTurnoutBIPS: uint16
    primaryBandRewardSharePPM: uint24
    secondaryBandWidthPPM: uint24
    claimBackAddress: address

event MinimalRewardsOfferValueSet:
    valueWei: uint256

struct Offer:
    amount: uint120
    feedId: bytes21
    minRewardedTurnoutBIPS: uint16
    primaryBandRewardSharePPM: uint24
    secondaryBandWidthPPM: uint24
    claimBackAddress: address

struct Configuration:
    feedIds: Bytes[MAX_FEEDS * 21]
    decimals: Bytes[MAX_FEEDS]
    amount: uint256
    minRewardedTurnoutBIPS: uint16
    primaryBandRewardSharePPM: uint24
    secondaryBandWidthPPMs: Bytes[MAX_FEEDS * 3]
    mode: uint16

interface SystemsManager:
    def getCurrentRewardEpochId() -> uint24: view
    def getRandomAcquisitionInfo(_rewardEpochId: uint24) -> (uint64, uint64, uint64, uint64): view

interface RewardManager:
    def receiveRewards(_rewardEpochId: uint24, _inflation: bool): payable

MAX_FEEDS: constant(uint256) = 200
MAX_OFFERS: constant(uint256) = 100
MAX_SHARE: constant(uint24) = 1_000_000
MAX_TURNOUT: constant(uint16) = 10_000

governance: public(immutable(address))
defaultDecimals: public(immutable(int8))

minimalRewardsOfferValueWei: public(uint256)
_inflation: Configuration
_decimals: HashMap[bytes21, int8]
_is_decided: HashMap[bytes21, bool]


@deploy
@payable
def __init__(governor: address, default_decimals: int8, minimal_offer: uint256):
    governance = governor
    defaultDecimals = default_decimals
    self.minimalRewardsOfferValueWei = minimal_offer
    log MinimalRewardsOfferValueSet(valueWei=minimal_offer)


@external
@payable
def __default__():
    pass


@external
def setInflation(_configuration: Configuration):
    assert msg.sender == governance, "only governance"
    feeds: uint256 = len(_configuration.decimals)
    assert len(_configuration.feedIds) == feeds * 21, "feed ids of 21 bytes each"
    assert len(_configuration.secondaryBandWidthPPMs) == feeds * 3, "bands of 3 bytes each"
    assert _configuration.primaryBandRewardSharePPM <= MAX_SHARE, "primary band share too high"
    assert _configuration.minRewardedTurnoutBIPS <= MAX_TURNOUT, "turnout too high"
    self._inflation = _configuration
    for at: uint256 in range(feeds, bound=MAX_FEEDS):
        id: bytes21 = convert(slice(_configuration.feedIds, at * 21, 21), bytes21)
        self._decimals[id] = convert(convert(slice(_configuration.decimals, at, 1), bytes1), int8)
        self._is_decided[id] = True


@external
def triggerRewardEpochSwitchover(_currentRewardEpochId: uint24):
    if msg.sender != governance:
        addresses.only("FlareSystemsManager")
    offered: Configuration = self._inflation
    if len(offered.decimals) == 0:
        return
    amount: uint256 = min(offered.amount, self.balance)
    epoch: uint24 = _currentRewardEpochId + 1
    extcall RewardManager(addresses.of("RewardManager")).receiveRewards(epoch, True, value=amount)
    log InflationRewardsOffered(
        rewardEpochId=epoch,
        feedIds=offered.feedIds,
        decimals=offered.decimals,
        amount=amount,
        minRewardedTurnoutBIPS=offered.minRewardedTurnoutBIPS,
        primaryBandRewardSharePPM=offered.primaryBandRewardSharePPM,
        secondaryBandWidthPPMs=offered.secondaryBandWidthPPMs,
        mode=offered.mode,
    )


@external
@payable
def offerRewards(_nextRewardEpochId: uint24, _offers: DynArray[Offer, MAX_OFFERS]):
    manager: SystemsManager = SystemsManager(addresses.of("FlareSystemsManager"))
    assert _nextRewardEpochId == staticcall manager.getCurrentRewardEpochId() + 1, "not next reward epoch id"
    started: uint64 = (staticcall manager.getRandomAcquisitionInfo(_nextRewardEpochId))[0]
    assert started == 0, "too late for next reward epoch"
    total: uint256 = 0
    for offer: Offer in _offers:
        amount: uint256 = convert(offer.amount, uint256)
        assert amount >= self.minimalRewardsOfferValueWei, "rewards offer value too small"
        assert offer.minRewardedTurnoutBIPS <= MAX_TURNOUT, "invalid minRewardedTurnoutBIPS value"
        assert offer.primaryBandRewardSharePPM <= MAX_SHARE, "invalid primaryBandRewardSharePPM value"
        assert offer.secondaryBandWidthPPM <= MAX_SHARE, "invalid secondaryBandWidthPPM value"
        total += amount
        log RewardsOffered(
            rewardEpochId=_nextRewardEpochId,
            feedId=offer.feedId,
            decimals=self._decimals_of(offer.feedId),
            amount=amount,
            minRewardedTurnoutBIPS=offer.minRewardedTurnoutBIPS,
            primaryBandRewardSharePPM=offer.primaryBandRewardSharePPM,
            secondaryBandWidthPPM=offer.secondaryBandWidthPPM,
            claimBackAddress=offer.claimBackAddress if offer.claimBackAddress != empty(address) else msg.sender,
        )
    assert total == msg.value, "amount offered is not the same as value sent"
    extcall RewardManager(addresses.of("RewardManager")).receiveRewards(_nextRewardEpochId, False, value=total)


@internal
@view
def _decimals_of(id: bytes21) -> int8:
    return self._decimals[id] if self._is_decided[id] else defaultDecimals
