# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Voters that are registered for the next reward epoch as soon as that is possible
@notice Whoever is registered in the present one may ask for it, until registration opens.
"""

import addresses
import signatures

event VoterPreRegistered:
    voter: indexed(address)
    rewardEpochId: indexed(uint256)

event VoterRegistrationFailed:
    voter: indexed(address)
    rewardEpochId: indexed(uint256)

struct VoterAddresses:
    submitAddress: address
    submitSignaturesAddress: address
    signingPolicyAddress: address

interface SystemsManager:
    def getCurrentRewardEpochId() -> uint24: view
    def getVoterRegistrationData(_rewardEpochId: uint256) -> (uint256, bool): view

interface EntityManager:
    def getVoterAddresses(_voter: address) -> VoterAddresses: view

interface VoterRegistry:
    def isVoterRegistered(_voter: address, _rewardEpochId: uint256) -> bool: view

MAX_VOTERS: constant(uint256) = 100

_voters: HashMap[uint256, DynArray[address, MAX_VOTERS]]
_is_voter: HashMap[uint256, HashMap[address, bool]]


@external
def preRegisterVoter(_voter: address, _signature: signatures.Signature):
    present: uint256 = self._present()
    epoch: uint256 = present + 1
    power_block: uint256 = 0
    enabled: bool = False
    power_block, enabled = staticcall SystemsManager(addresses.of("FlareSystemsManager")).getVoterRegistrationData(epoch)
    assert power_block == 0, "pre-registration not opened anymore"
    assert not self._is_voter[epoch][_voter], "voter already pre-registered"
    registered: bool = staticcall VoterRegistry(addresses.of("VoterRegistry")).isVoterRegistered(_voter, present)
    assert registered, "voter currently not registered"
    hashed: bytes32 = keccak256(abi_encode(chain.id, convert(epoch, uint32), _voter))
    signer: address = signatures.signer_of(hashed, _signature)
    found: VoterAddresses = staticcall EntityManager(addresses.of("EntityManager")).getVoterAddresses(_voter)
    assert signer == found.signingPolicyAddress, "invalid signature"
    self._is_voter[epoch][_voter] = True
    self._voters[epoch].append(_voter)
    log VoterPreRegistered(voter=_voter, rewardEpochId=epoch)


@external
def triggerVoterRegistration(_rewardEpochId: uint24):
    addresses.only("FlareSystemsManager")
    epoch: uint256 = convert(_rewardEpochId, uint256)
    registry: address = addresses.of("VoterRegistry")
    for voter: address in self._voters[epoch]:
        call: Bytes[36] = abi_encode(voter, method_id=method_id("systemRegistration(address)"))
        if not raw_call(registry, call, revert_on_failure=False):
            log VoterRegistrationFailed(voter=voter, rewardEpochId=epoch)


@external
@view
def getPreRegisteredVoters(_rewardEpochId: uint24) -> DynArray[address, MAX_VOTERS]:
    return self._voters[convert(_rewardEpochId, uint256)]


@external
@view
def isVoterPreRegistered(_rewardEpochId: uint24, _voter: address) -> bool:
    return self._is_voter[convert(_rewardEpochId, uint256)][_voter]


@internal
@view
def _present() -> uint256:
    present: uint24 = staticcall SystemsManager(addresses.of("FlareSystemsManager")).getCurrentRewardEpochId()
    return convert(present, uint256)
