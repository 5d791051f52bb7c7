# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Claims of rewards
@notice A claim is a leaf under the root that voters signed for a reward epoch. One of a single owner is paid with its
proof. One that is shared by weight is initialised with its proof, by anybody; those who gave the weight at the vote
power block then take their shares without. Only wrapped coins give weight here, and nothing expires.
"""

import addresses
import proofs

event RewardClaimed:
    beneficiary: indexed(address)
    rewardOwner: indexed(address)
    recipient: indexed(address)
    rewardEpochId: uint24
    claimType: uint8
    amount: uint120

struct RewardClaim:
    rewardEpochId: uint24
    beneficiary: bytes20
    amount: uint120
    claimType: uint8

struct RewardClaimWithProof:
    merkleProof: DynArray[bytes32, 64]
    body: RewardClaim

struct RewardState:
    rewardEpochId: uint24
    beneficiary: bytes20
    amount: uint120
    claimType: uint8
    initialised: bool

struct UnclaimedRewardState:
    initialised: bool
    amount: uint120
    weight: uint128

struct Totals:
    rewards: uint256
    inflation: uint256
    initialised: uint256
    claimed: uint256

interface SystemsManager:
    def getCurrentRewardEpochId() -> uint24: view
    def getVotePowerBlock(_rewardEpochId: uint256) -> uint64: view
    def rewardsHash(_rewardEpochId: uint256) -> bytes32: view
    def noOfWeightBasedClaims(_rewardEpochId: uint256, _rewardManagerId: uint256) -> uint256: view
    def rewardEpochIdToExpireNext() -> uint24: view

interface ClaimSetup:
    def isClaimExecutor(_owner: address, _executor: address) -> bool: view
    def isAllowedClaimRecipient(_owner: address, _recipient: address) -> bool: view

interface WNat:
    def depositTo(_recipient: address): payable
    def votePowerOfAt(_owner: address, _blockNumber: uint256) -> uint256: view
    def votePowerFromToAt(_from: address, _to: address, _blockNumber: uint256) -> uint256: view
    def undelegatedVotePowerOfAt(_owner: address, _blockNumber: uint256) -> uint256: view
    def delegatesOfAt(
        _who: address, _blockNumber: uint256
    ) -> (DynArray[address, 2], DynArray[uint256, 2], uint256, uint256): view

MAX_CLAIMS: constant(uint256) = 200
MAX_OWNERS: constant(uint256) = 50
MAX_EPOCHS: constant(uint256) = 50
DIRECT: constant(uint8) = 0
FEE: constant(uint8) = 1
WNAT: constant(uint8) = 2
EXPLICIT: constant(uint256) = 2

rewardManagerId: public(immutable(uint256))
active: public(constant(bool)) = True

noOfInitialisedWeightBasedClaims: public(HashMap[uint256, uint256])
_totals: HashMap[uint24, Totals]
_processed: HashMap[bytes32, bool]
_unclaimed: HashMap[uint24, HashMap[bytes20, UnclaimedRewardState]]
_next: HashMap[address, uint24]


@deploy
def __init__(id: uint256):
    rewardManagerId = id


@external
@payable
def receiveRewards(_rewardEpochId: uint24, _inflation: bool):
    addresses.only("FtsoRewardOffersManager")
    self._totals[_rewardEpochId].rewards += msg.value
    if _inflation:
        self._totals[_rewardEpochId].inflation += msg.value


# claims


@external
def claim(
    _rewardOwner: address,
    _recipient: address,
    _rewardEpochId: uint24,
    _wrap: bool,
    _proofs: DynArray[RewardClaimWithProof, MAX_CLAIMS],
) -> uint256:
    self._check_sender(_rewardOwner)
    setup: ClaimSetup = ClaimSetup(addresses.of("ClaimSetupManager"))
    if msg.sender != _rewardOwner and _recipient != _rewardOwner:
        assert staticcall setup.isAllowedClaimRecipient(_rewardOwner, _recipient), "recipient not allowed"
    assert _recipient != empty(address), "recipient zero"
    self._check_claimable(_rewardEpochId)
    amount: uint256 = 0
    for proven: RewardClaimWithProof in _proofs:
        assert proven.body.rewardEpochId <= _rewardEpochId, "reward epoch too high"
        if proven.body.claimType >= WNAT:
            self._initialise(proven)
        else:
            amount += self._claim_direct(_rewardOwner, _recipient, proven)
    amount += self._claim_shared(_rewardOwner, _recipient, _rewardEpochId)
    self._pay(_recipient, amount, _wrap)
    return amount


@external
def autoClaim(
    _rewardOwners: DynArray[address, MAX_OWNERS],
    _rewardEpochId: uint24,
    _proofs: DynArray[RewardClaimWithProof, MAX_CLAIMS],
):
    self._check_claimable(_rewardEpochId)
    for proven: RewardClaimWithProof in _proofs:
        self._initialise(proven)
    for owner: address in _rewardOwners:
        self._check_sender(owner)
        self._pay(owner, self._claim_shared(owner, owner, _rewardEpochId), True)


@external
def initialiseWeightBasedClaims(_proofs: DynArray[RewardClaimWithProof, MAX_CLAIMS]):
    for proven: RewardClaimWithProof in _proofs:
        self._initialise(proven)


@internal
@view
def _check_sender(owner: address):
    if msg.sender == owner:
        return
    setup: ClaimSetup = ClaimSetup(addresses.of("ClaimSetupManager"))
    assert staticcall setup.isClaimExecutor(owner, msg.sender), "only owner or executor"


@internal
@view
def _check_claimable(epoch: uint24):
    assert epoch < staticcall self._manager().getCurrentRewardEpochId(), "not claimable yet"


@internal
@view
def _check_proof(proven: RewardClaimWithProof) -> bytes32:
    claimed: RewardClaim = proven.body
    leaf: bytes32 = keccak256(
        abi_encode(claimed.rewardEpochId, claimed.beneficiary, claimed.amount, claimed.claimType)
    )
    root: bytes32 = staticcall self._manager().rewardsHash(convert(claimed.rewardEpochId, uint256))
    assert root != empty(bytes32), "rewards hash zero"
    assert proofs.root_of(leaf, proven.merkleProof) == root, "merkle proof invalid"
    return leaf


@internal
def _claim_direct(owner: address, recipient: address, proven: RewardClaimWithProof) -> uint256:
    claimed: RewardClaim = proven.body
    assert claimed.beneficiary == convert(owner, bytes20), "wrong beneficiary"
    leaf: bytes32 = self._check_proof(proven)
    if self._processed[leaf]:
        return 0
    self._processed[leaf] = True
    self._totals[claimed.rewardEpochId].initialised += convert(claimed.amount, uint256)
    self._claimed(claimed, owner, owner, recipient, claimed.amount)
    return convert(claimed.amount, uint256)


@internal
def _initialise(proven: RewardClaimWithProof):
    claimed: RewardClaim = proven.body
    assert claimed.claimType == WNAT, "claim type not supported"
    leaf: bytes32 = self._check_proof(proven)
    if self._processed[leaf]:
        return
    self._processed[leaf] = True
    beneficiary: address = convert(claimed.beneficiary, address)
    weight: uint256 = staticcall self._wnat().votePowerOfAt(beneficiary, self._power_block(claimed.rewardEpochId))
    self._unclaimed[claimed.rewardEpochId][claimed.beneficiary] = UnclaimedRewardState(
        initialised=True, amount=claimed.amount, weight=convert(weight, uint128)
    )
    self._totals[claimed.rewardEpochId].initialised += convert(claimed.amount, uint256)
    self.noOfInitialisedWeightBasedClaims[convert(claimed.rewardEpochId, uint256)] += 1


@internal
def _claim_shared(owner: address, recipient: address, last: uint24) -> uint256:
    # up to the first reward epoch of which something is not initialised
    amount: uint256 = 0
    first: uint24 = self._next_of(owner)
    for epoch: uint24 in range(first, max(first, last + 1), bound=50):
        if not self._is_initialised(epoch):
            break
        beneficiaries: DynArray[address, 3] = self._beneficiaries(owner, epoch)
        for beneficiary: address in beneficiaries:
            amount += self._claim_share(owner, recipient, epoch, beneficiary)
        self._next[owner] = epoch + 1
    return amount


@internal
def _claim_share(owner: address, recipient: address, epoch: uint24, beneficiary: address) -> uint256:
    share: uint128 = 0
    amount: uint120 = 0
    share, amount = self._share(owner, epoch, beneficiary)
    if amount == 0:
        return 0
    key: bytes20 = convert(beneficiary, bytes20)
    self._unclaimed[epoch][key].weight -= share
    self._unclaimed[epoch][key].amount -= amount
    claimed: RewardClaim = RewardClaim(rewardEpochId=epoch, beneficiary=key, amount=amount, claimType=WNAT)
    self._claimed(claimed, beneficiary, owner, recipient, amount)
    return convert(amount, uint256)


@internal
def _claimed(claimed: RewardClaim, beneficiary: address, owner: address, recipient: address, amount: uint120):
    self._totals[claimed.rewardEpochId].claimed += convert(amount, uint256)
    log RewardClaimed(
        beneficiary=beneficiary,
        rewardOwner=owner,
        recipient=recipient,
        rewardEpochId=claimed.rewardEpochId,
        claimType=claimed.claimType,
        amount=amount,
    )


@internal
def _pay(recipient: address, amount: uint256, wrap: bool):
    if amount == 0:
        return
    if wrap:
        extcall self._wnat().depositTo(recipient, value=amount)
    else:
        raw_call(recipient, b"", value=amount)


# shares


@internal
@view
def _beneficiaries(owner: address, epoch: uint24) -> DynArray[address, 3]:
    found: DynArray[address, 3] = [owner]
    delegates: DynArray[address, 2] = []
    bips: DynArray[uint256, 2] = []
    count: uint256 = 0
    mode: uint256 = 0
    delegates, bips, count, mode = staticcall self._wnat().delegatesOfAt(owner, self._power_block(epoch))
    assert mode != EXPLICIT, "explicit delegation cannot claim here"
    for delegate: address in delegates:
        found.append(delegate)
    return found


@internal
@view
def _share(owner: address, epoch: uint24, beneficiary: address) -> (uint128, uint120):
    state: UnclaimedRewardState = self._unclaimed[epoch][convert(beneficiary, bytes20)]
    if state.weight == 0:
        return 0, 0
    number: uint256 = self._power_block(epoch)
    share: uint256 = 0
    if beneficiary == owner:
        share = staticcall self._wnat().undelegatedVotePowerOfAt(owner, number)
    else:
        share = staticcall self._wnat().votePowerFromToAt(owner, beneficiary, number)
    amount: uint256 = convert(state.amount, uint256) * share // convert(state.weight, uint256)
    return convert(share, uint128), convert(amount, uint120)


@internal
@view
def _is_initialised(epoch: uint24) -> bool:
    number: uint256 = convert(epoch, uint256)
    if staticcall self._manager().rewardsHash(number) == empty(bytes32):
        return False
    claims: uint256 = staticcall self._manager().noOfWeightBasedClaims(number, rewardManagerId)
    return self.noOfInitialisedWeightBasedClaims[number] >= claims


@internal
@view
def _next_of(owner: address) -> uint24:
    return max(self._next[owner], staticcall self._manager().rewardEpochIdToExpireNext())


@internal
@view
def _power_block(epoch: uint24) -> uint256:
    return convert(staticcall self._manager().getVotePowerBlock(convert(epoch, uint256)), uint256)


@internal
@view
def _manager() -> SystemsManager:
    return SystemsManager(addresses.of("FlareSystemsManager"))


@internal
@view
def _wnat() -> WNat:
    return WNat(addresses.of("WNat"))


# what is read


@external
@view
def getNextClaimableRewardEpochId(_rewardOwner: address) -> uint256:
    return convert(self._next_of(_rewardOwner), uint256)


@external
@view
def getRewardEpochIdsWithClaimableRewards() -> (uint24, uint24):
    present: uint24 = staticcall self._manager().getCurrentRewardEpochId()
    assert present > 0, "no epoch with claimable rewards"
    return staticcall self._manager().rewardEpochIdToExpireNext(), present - 1


@external
@view
def getStateOfRewards(_rewardOwner: address) -> DynArray[DynArray[RewardState, 3], MAX_EPOCHS]:
    states: DynArray[DynArray[RewardState, 3], MAX_EPOCHS] = []
    present: uint24 = staticcall self._manager().getCurrentRewardEpochId()
    first: uint24 = self._next_of(_rewardOwner)
    for epoch: uint24 in range(first, max(first, present), bound=50):
        found: DynArray[RewardState, 3] = []
        beneficiaries: DynArray[address, 3] = self._beneficiaries(_rewardOwner, epoch)
        for beneficiary: address in beneficiaries:
            amount: uint120 = self._share(_rewardOwner, epoch, beneficiary)[1]
            key: bytes20 = convert(beneficiary, bytes20)
            if amount > 0:
                found.append(
                    RewardState(rewardEpochId=epoch, beneficiary=key, amount=amount, claimType=WNAT, initialised=True)
                )
        states.append(found)
    return states


@external
@view
def getUnclaimedRewardState(_beneficiary: address, _rewardEpochId: uint24, _claimType: uint8) -> UnclaimedRewardState:
    return self._unclaimed[_rewardEpochId][convert(_beneficiary, bytes20)]


@external
@view
def getRewardEpochTotals(_rewardEpochId: uint24) -> (uint256, uint256, uint256, uint256, uint256):
    totals: Totals = self._totals[_rewardEpochId]
    return totals.rewards, totals.inflation, totals.initialised, totals.claimed, 0
