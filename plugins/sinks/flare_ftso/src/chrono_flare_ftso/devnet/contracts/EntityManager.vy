# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The addresses of a voter
@notice A voter's identity proposes an address for a role, and the address confirms it. Until then, and where a role has
none, the identity stands for it itself. Everything can be asked as of the end of a past block. No validator is known:
there is no staking here.
"""

import checkpoints
initializes: checkpoints

event DelegationAddressProposed:
    voter: indexed(address)
    delegationAddress: indexed(address)

event DelegationAddressRegistrationConfirmed:
    voter: indexed(address)
    delegationAddress: indexed(address)

event SigningPolicyAddressProposed:
    voter: indexed(address)
    signingPolicyAddress: indexed(address)

event SigningPolicyAddressRegistrationConfirmed:
    voter: indexed(address)
    signingPolicyAddress: indexed(address)

event SubmitAddressProposed:
    voter: indexed(address)
    submitAddress: indexed(address)

event SubmitAddressRegistrationConfirmed:
    voter: indexed(address)
    submitAddress: indexed(address)

event SubmitSignaturesAddressProposed:
    voter: indexed(address)
    submitSignaturesAddress: indexed(address)

event SubmitSignaturesAddressRegistrationConfirmed:
    voter: indexed(address)
    submitSignaturesAddress: indexed(address)

event PublicKeyRegistered:
    voter: indexed(address)
    part1: indexed(bytes32)
    part2: indexed(bytes32)

event PublicKeyUnregistered:
    voter: indexed(address)
    part1: indexed(bytes32)
    part2: indexed(bytes32)

struct VoterAddresses:
    submitAddress: address
    submitSignaturesAddress: address
    signingPolicyAddress: address

# roles, and the two halves of a sortition key
SUBMIT: constant(uint256) = 0
SIGNATURES: constant(uint256) = 1
POLICY: constant(uint256) = 2
DELEGATION: constant(uint256) = 3
KEY_X: constant(uint256) = 4
KEY_Y: constant(uint256) = 5

# whose an address is
VOTER_OF: constant(uint256) = 6

# order of alt_bn128
ORDER: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

_proposed: HashMap[address, HashMap[uint256, address]]
_voter_of_key: HashMap[bytes32, address]


@external
def proposeSubmitAddress(_submitAddress: address):
    self._propose(SUBMIT, _submitAddress)
    log SubmitAddressProposed(voter=msg.sender, submitAddress=_submitAddress)


@external
def confirmSubmitAddressRegistration(_voter: address):
    self._confirm(SUBMIT, _voter)
    log SubmitAddressRegistrationConfirmed(voter=_voter, submitAddress=msg.sender)


@external
def proposeSubmitSignaturesAddress(_submitSignaturesAddress: address):
    self._propose(SIGNATURES, _submitSignaturesAddress)
    log SubmitSignaturesAddressProposed(voter=msg.sender, submitSignaturesAddress=_submitSignaturesAddress)


@external
def confirmSubmitSignaturesAddressRegistration(_voter: address):
    self._confirm(SIGNATURES, _voter)
    log SubmitSignaturesAddressRegistrationConfirmed(voter=_voter, submitSignaturesAddress=msg.sender)


@external
def proposeSigningPolicyAddress(_signingPolicyAddress: address):
    self._propose(POLICY, _signingPolicyAddress)
    log SigningPolicyAddressProposed(voter=msg.sender, signingPolicyAddress=_signingPolicyAddress)


@external
def confirmSigningPolicyAddressRegistration(_voter: address):
    self._confirm(POLICY, _voter)
    log SigningPolicyAddressRegistrationConfirmed(voter=_voter, signingPolicyAddress=msg.sender)


@external
def proposeDelegationAddress(_delegationAddress: address):
    self._propose(DELEGATION, _delegationAddress)
    log DelegationAddressProposed(voter=msg.sender, delegationAddress=_delegationAddress)


@external
def confirmDelegationAddressRegistration(_voter: address):
    self._confirm(DELEGATION, _voter)
    log DelegationAddressRegistrationConfirmed(voter=_voter, delegationAddress=msg.sender)


@internal
def _propose(role: uint256, proposed: address):
    assert checkpoints.latest(self._key(VOTER_OF + role, proposed)) == 0, "address already registered"
    self._proposed[msg.sender][role] = proposed


@internal
def _confirm(role: uint256, voter: address):
    assert checkpoints.latest(self._key(VOTER_OF + role, msg.sender)) == 0, "address already registered"
    assert self._proposed[voter][role] == msg.sender, "address not proposed"
    before: uint256 = checkpoints.latest(self._key(role, voter))
    if before != 0:
        checkpoints.write(self._key(VOTER_OF + role, convert(before, address)), 0)
    checkpoints.write(self._key(role, voter), convert(msg.sender, uint256))
    checkpoints.write(self._key(VOTER_OF + role, msg.sender), convert(voter, uint256))
    self._proposed[voter][role] = empty(address)


# sortition keys


@external
def registerPublicKey(_part1: bytes32, _part2: bytes32, _verificationData: Bytes[96]):
    assert _part1 != empty(bytes32) or _part2 != empty(bytes32), "public key invalid"
    hashed: bytes32 = keccak256(concat(_part1, _part2))
    assert self._voter_of_key[hashed] == empty(address), "public key already registered"
    self._check_possession(_part1, _part2, _verificationData)
    self._forget_key(msg.sender)
    self._set_key(msg.sender, _part1, _part2)
    self._voter_of_key[hashed] = msg.sender
    log PublicKeyRegistered(voter=msg.sender, part1=_part1, part2=_part2)


@external
def unregisterPublicKey():
    self._forget_key(msg.sender)
    self._set_key(msg.sender, empty(bytes32), empty(bytes32))


@internal
def _forget_key(voter: address):
    part1: bytes32 = convert(checkpoints.latest(self._key(KEY_X, voter)), bytes32)
    part2: bytes32 = convert(checkpoints.latest(self._key(KEY_Y, voter)), bytes32)
    if part1 == empty(bytes32) and part2 == empty(bytes32):
        return
    self._voter_of_key[keccak256(concat(part1, part2))] = empty(address)
    log PublicKeyUnregistered(voter=voter, part1=part1, part2=part2)


@internal
def _set_key(voter: address, part1: bytes32, part2: bytes32):
    checkpoints.write(self._key(KEY_X, voter), convert(part1, uint256))
    checkpoints.write(self._key(KEY_Y, voter), convert(part2, uint256))


@internal
@view
def _check_possession(part1: bytes32, part2: bytes32, proof: Bytes[96]):
    # a Schnorr signature (s, R) over the identity: R = s·G + e·key
    assert len(proof) == 96, "verification data invalid"
    s: uint256 = extract32(proof, 0, output_type=uint256)
    x: uint256 = extract32(proof, 32, output_type=uint256)
    y: uint256 = extract32(proof, 64, output_type=uint256)
    message: bytes32 = sha256(concat(convert(msg.sender, bytes20), b""))
    challenge: bytes32 = keccak256(concat(part1, part2, message, convert(x, bytes32), convert(y, bytes32)))
    e: uint256 = convert(challenge, uint256) % ORDER
    key: uint256[2] = [convert(part1, uint256), convert(part2, uint256)]
    found: uint256[2] = ecadd(ecmul([1, 2], s), ecmul(key, e))
    assert found[0] == x and found[1] == y, "public key verification failed"


# what is read


@external
@view
def getVoterAddresses(_voter: address) -> VoterAddresses:
    return self._addresses(_voter, block.number)


@external
@view
def getVoterAddressesAt(_voter: address, _blockNumber: uint256) -> VoterAddresses:
    return self._addresses(_voter, _blockNumber)


@external
@view
def getDelegationAddressOf(_voter: address) -> address:
    return self._address(DELEGATION, _voter, block.number)


@external
@view
def getDelegationAddressOfAt(_voter: address, _blockNumber: uint256) -> address:
    return self._address(DELEGATION, _voter, _blockNumber)


@external
@view
def getPublicKeyOf(_voter: address) -> (bytes32, bytes32):
    return self._public_key(_voter, block.number)


@external
@view
def getPublicKeyOfAt(_voter: address, _blockNumber: uint256) -> (bytes32, bytes32):
    return self._public_key(_voter, _blockNumber)


@external
@view
def getNodeIdsOf(_voter: address) -> DynArray[bytes20, 4]:
    return []


@external
@view
def getNodeIdsOfAt(_voter: address, _blockNumber: uint256) -> DynArray[bytes20, 4]:
    return []


@external
@view
def getVoterForSubmitAddress(_submitAddress: address, _blockNumber: uint256) -> address:
    return self._voter(SUBMIT, _submitAddress, _blockNumber)


@external
@view
def getVoterForSubmitSignaturesAddress(_submitSignaturesAddress: address, _blockNumber: uint256) -> address:
    return self._voter(SIGNATURES, _submitSignaturesAddress, _blockNumber)


@external
@view
def getVoterForSigningPolicyAddress(_signingPolicyAddress: address, _blockNumber: uint256) -> address:
    return self._voter(POLICY, _signingPolicyAddress, _blockNumber)


@external
@view
def getVoterForDelegationAddress(_delegationAddress: address, _blockNumber: uint256) -> address:
    return self._voter(DELEGATION, _delegationAddress, _blockNumber)


@internal
@view
def _addresses(voter: address, number: uint256) -> VoterAddresses:
    return VoterAddresses(
        submitAddress=self._address(SUBMIT, voter, number),
        submitSignaturesAddress=self._address(SIGNATURES, voter, number),
        signingPolicyAddress=self._address(POLICY, voter, number),
    )


@internal
@view
def _address(role: uint256, voter: address, number: uint256) -> address:
    found: uint256 = checkpoints.at(self._key(role, voter), number)
    return convert(found, address) if found != 0 else voter


@internal
@view
def _voter(role: uint256, account: address, number: uint256) -> address:
    found: uint256 = checkpoints.at(self._key(VOTER_OF + role, account), number)
    return convert(found, address) if found != 0 else account


@internal
@view
def _public_key(voter: address, number: uint256) -> (bytes32, bytes32):
    x: uint256 = checkpoints.at(self._key(KEY_X, voter), number)
    y: uint256 = checkpoints.at(self._key(KEY_Y, voter), number)
    return convert(x, bytes32), convert(y, bytes32)


@internal
@pure
def _key(kind: uint256, account: address) -> bytes32:
    return keccak256(abi_encode(kind, account))
