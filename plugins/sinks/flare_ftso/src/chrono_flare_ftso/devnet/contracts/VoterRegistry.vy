# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The voters of each reward epoch
@notice Whoever registers shows a signature of its signing-policy key. Its addresses are those of the block in which the
preparation of the reward epoch started. Where the table is full, the voter of the lowest weight makes room for one of
more.
"""

import addresses
import signatures

event VoterRegistered:
    voter: indexed(address)
    rewardEpochId: indexed(uint32)
    signingPolicyAddress: indexed(address)
    submitAddress: address
    submitSignaturesAddress: address
    publicKey: PublicKey
    registrationWeight: uint256
    signature: signatures.Signature

event VoterRemoved:
    voter: indexed(address)
    rewardEpochId: indexed(uint256)

struct PublicKey:
    x: bytes32
    y: bytes32

struct VoterAddresses:
    submitAddress: address
    submitSignaturesAddress: address
    signingPolicyAddress: address

struct Voter:
    addresses: VoterAddresses
    registrationWeight: uint256
    normalisedWeight: uint16

interface SystemsManager:
    def getCurrentRewardEpochId() -> uint24: view
    def getVoterRegistrationData(_rewardEpochId: uint256) -> (uint256, bool): view

interface EntityManager:
    def getVoterAddressesAt(_voter: address, _blockNumber: uint256) -> VoterAddresses: view
    def getPublicKeyOfAt(_voter: address, _blockNumber: uint256) -> (bytes32, bytes32): view

interface Calculator:
    def calculateRegistrationWeight(_voter: address, _rewardEpochId: uint32, _votePowerBlock: uint256) -> uint256: nonpayable

MAX_VOTERS: constant(uint256) = 100
MAX_WEIGHT: constant(uint256) = 65_535

governance: public(immutable(address))
maxVoters: public(immutable(uint256))

publicKeyRequired: public(bool)
chilledUntilRewardEpochId: public(HashMap[bytes20, uint256])
newSigningPolicyInitializationStartBlockNumber: public(HashMap[uint256, uint256])
_voters: HashMap[uint256, DynArray[address, MAX_VOTERS]]
_registered: HashMap[uint256, HashMap[address, Voter]]
_voter_of_signer: HashMap[uint256, HashMap[address, address]]


@deploy
def __init__(
    governor: address,
    max_voters: uint256,
    initial_epoch: uint256,
    initial_voters: DynArray[address, MAX_VOTERS],
    normalised_weights: DynArray[uint16, MAX_VOTERS],
):
    governance = governor
    assert max_voters <= MAX_VOTERS and len(initial_voters) <= max_voters, "too many voters"
    maxVoters = max_voters
    self.newSigningPolicyInitializationStartBlockNumber[initial_epoch] = block.number
    for at: uint256 in range(len(initial_voters), bound=MAX_VOTERS):
        voter: address = initial_voters[at]
        found: VoterAddresses = self._addresses_of(voter, block.number)
        self._registered[initial_epoch][voter] = Voter(
            addresses=found, registrationWeight=0, normalisedWeight=normalised_weights[at]
        )
        self._voters[initial_epoch].append(voter)
        self._voter_of_signer[initial_epoch][found.signingPolicyAddress] = voter


@external
def setPublicKeyRequired(_publicKeyRequired: bool):
    assert msg.sender == governance, "only governance"
    self.publicKeyRequired = _publicKeyRequired


@external
def chill(_beneficiary: bytes20, _untilRewardEpochId: uint256):
    assert msg.sender == governance, "only governance"
    self.chilledUntilRewardEpochId[_beneficiary] = _untilRewardEpochId


# registration


@external
def registerVoter(_voter: address, _signature: signatures.Signature):
    epoch: uint256 = self._following()
    hashed: bytes32 = keccak256(abi_encode(chain.id, convert(epoch, uint32), _voter))
    block_number: uint256 = self._start_block(epoch)
    found: VoterAddresses = self._addresses_of(_voter, block_number)
    assert found.signingPolicyAddress != _voter, "signing policy address not set"
    assert signatures.signer_of(hashed, _signature) == found.signingPolicyAddress, "invalid signature"
    self._register(_voter, epoch, block_number, _signature)


@external
def systemRegistration(_voter: address):
    addresses.only("VoterPreRegistry")
    epoch: uint256 = self._following()
    self._register(_voter, epoch, self._start_block(epoch), empty(signatures.Signature))


@internal
def _register(voter: address, epoch: uint256, block_number: uint256, signature: signatures.Signature):
    power_block: uint256 = 0
    enabled: bool = False
    power_block, enabled = staticcall SystemsManager(addresses.of("FlareSystemsManager")).getVoterRegistrationData(epoch)
    assert power_block != 0, "vote power block zero"
    assert enabled, "voter registration not enabled"
    found: VoterAddresses = self._addresses_of(voter, block_number)
    assert found.signingPolicyAddress != voter, "signing policy address not set"
    assert found.submitAddress != voter, "submit address not set"
    assert found.submitSignaturesAddress != voter, "submit signatures address not set"
    key: PublicKey = self._key_of(voter, block_number)
    has_key: bool = key.x != empty(bytes32) or key.y != empty(bytes32)
    assert has_key or not self.publicKeyRequired, "public key required"
    assert self._registered[epoch][voter].registrationWeight == 0, "already registered"
    assert epoch >= self.chilledUntilRewardEpochId[convert(voter, bytes20)], "voter chilled"
    weight: uint256 = extcall Calculator(addresses.of("FlareSystemsCalculator")).calculateRegistrationWeight(
        voter, convert(epoch, uint32), power_block
    )
    assert weight > 0, "voter weight zero"
    self._seat(voter, epoch, weight)
    self._registered[epoch][voter] = Voter(addresses=found, registrationWeight=weight, normalisedWeight=0)
    self._voter_of_signer[epoch][found.signingPolicyAddress] = voter
    log VoterRegistered(
        voter=voter,
        rewardEpochId=convert(epoch, uint32),
        signingPolicyAddress=found.signingPolicyAddress,
        submitAddress=found.submitAddress,
        submitSignaturesAddress=found.submitSignaturesAddress,
        publicKey=key,
        registrationWeight=weight,
        signature=signature,
    )


@internal
def _seat(voter: address, epoch: uint256, weight: uint256):
    count: uint256 = len(self._voters[epoch])
    if count < maxVoters:
        self._voters[epoch].append(voter)
        return
    lowest: uint256 = 0
    least: uint256 = max_value(uint256)
    for at: uint256 in range(count, bound=MAX_VOTERS):
        other: uint256 = self._registered[epoch][self._voters[epoch][at]].registrationWeight
        # of equals the newest
        if other <= least:
            lowest = at
            least = other
    assert least < weight, "vote power too low"
    removed: address = self._voters[epoch][lowest]
    self._voter_of_signer[epoch][self._registered[epoch][removed].addresses.signingPolicyAddress] = empty(address)
    self._registered[epoch][removed] = empty(Voter)
    self._voters[epoch][lowest] = voter
    log VoterRemoved(voter=removed, rewardEpochId=epoch)


@external
def setNewSigningPolicyInitializationStartBlockNumber(_rewardEpochId: uint256):
    addresses.only("FlareSystemsManager")
    assert self.newSigningPolicyInitializationStartBlockNumber[_rewardEpochId] == 0, "already set"
    self.newSigningPolicyInitializationStartBlockNumber[_rewardEpochId] = block.number


@external
def createSigningPolicySnapshot(
    _rewardEpochId: uint256,
) -> (DynArray[address, MAX_VOTERS], DynArray[uint16, MAX_VOTERS], uint16):
    addresses.only("FlareSystemsManager")
    total: uint256 = 0
    for voter: address in self._voters[_rewardEpochId]:
        total += self._registered[_rewardEpochId][voter].registrationWeight
    signers: DynArray[address, MAX_VOTERS] = []
    weights: DynArray[uint16, MAX_VOTERS] = []
    summed: uint256 = 0
    for voter: address in self._voters[_rewardEpochId]:
        found: Voter = self._registered[_rewardEpochId][voter]
        weight: uint256 = found.registrationWeight * MAX_WEIGHT // total
        self._registered[_rewardEpochId][voter].normalisedWeight = convert(weight, uint16)
        signers.append(found.addresses.signingPolicyAddress)
        weights.append(convert(weight, uint16))
        summed += weight
    return signers, weights, convert(summed, uint16)


@internal
@view
def _following() -> uint256:
    present: uint24 = staticcall SystemsManager(addresses.of("FlareSystemsManager")).getCurrentRewardEpochId()
    return convert(present, uint256) + 1


@internal
@view
def _start_block(epoch: uint256) -> uint256:
    found: uint256 = self.newSigningPolicyInitializationStartBlockNumber[epoch]
    assert found != 0, "registration not available yet"
    return found


@internal
@view
def _addresses_of(voter: address, block_number: uint256) -> VoterAddresses:
    return staticcall EntityManager(addresses.of("EntityManager")).getVoterAddressesAt(voter, block_number)


@internal
@view
def _key_of(voter: address, block_number: uint256) -> PublicKey:
    x: bytes32 = empty(bytes32)
    y: bytes32 = empty(bytes32)
    x, y = staticcall EntityManager(addresses.of("EntityManager")).getPublicKeyOfAt(voter, block_number)
    return PublicKey(x=x, y=y)


# what is read


@external
@view
def isVoterRegistered(_voter: address, _rewardEpochId: uint256) -> bool:
    return self._registered[_rewardEpochId][_voter].addresses.signingPolicyAddress != empty(address)


@external
@view
def getRegisteredVoters(_rewardEpochId: uint256) -> DynArray[address, MAX_VOTERS]:
    return self._voters[_rewardEpochId]


@external
@view
def getNumberOfRegisteredVoters(_rewardEpochId: uint256) -> uint256:
    return len(self._voters[_rewardEpochId])


@external
@view
def getRegisteredSubmitAddresses(_rewardEpochId: uint256) -> DynArray[address, MAX_VOTERS]:
    found: DynArray[address, MAX_VOTERS] = []
    for voter: address in self._voters[_rewardEpochId]:
        found.append(self._registered[_rewardEpochId][voter].addresses.submitAddress)
    return found


@external
@view
def getRegisteredSubmitSignaturesAddresses(_rewardEpochId: uint256) -> DynArray[address, MAX_VOTERS]:
    found: DynArray[address, MAX_VOTERS] = []
    for voter: address in self._voters[_rewardEpochId]:
        found.append(self._registered[_rewardEpochId][voter].addresses.submitSignaturesAddress)
    return found


@external
@view
def getRegisteredSigningPolicyAddresses(_rewardEpochId: uint256) -> DynArray[address, MAX_VOTERS]:
    found: DynArray[address, MAX_VOTERS] = []
    for voter: address in self._voters[_rewardEpochId]:
        found.append(self._registered[_rewardEpochId][voter].addresses.signingPolicyAddress)
    return found


@external
@view
def getVoterRegistrationWeight(_voter: address, _rewardEpochId: uint256) -> uint256:
    return self._registered[_rewardEpochId][_voter].registrationWeight


@external
@view
def getVoterNormalisedWeight(_voter: address, _rewardEpochId: uint256) -> uint16:
    return self._registered[_rewardEpochId][_voter].normalisedWeight


@external
@view
def getVoterWithNormalisedWeight(_rewardEpochId: uint256, _signingPolicyAddress: address) -> (address, uint16):
    voter: address = self._voter_of_signer[_rewardEpochId][_signingPolicyAddress]
    return voter, self._registered[_rewardEpochId][voter].normalisedWeight
