# pragma version 0.4.3
# pragma evm-version cancun
"""
@title The addresses of contracts by name
"""

MAX: constant(uint256) = 64

governance: public(immutable(address))

_addresses: HashMap[bytes32, address]
_names: DynArray[String[64], MAX]


@deploy
def __init__(governor: address):
    governance = governor


@external
def setContractAddresses(names: DynArray[String[64], MAX], addresses: DynArray[address, MAX]):
    assert msg.sender == governance, "only governance"
    assert len(names) == len(addresses), "array lengths do not match"
    for at: uint256 in range(len(names), bound=MAX):
        assert addresses[at] != empty(address), "address zero"
        key: bytes32 = self._hash(names[at])
        if self._addresses[key] == empty(address):
            self._names.append(names[at])
        self._addresses[key] = addresses[at]


@external
@view
def getContractAddressByName(_name: String[64]) -> address:
    return self._addresses[self._hash(_name)]


@external
@view
def getContractAddressByHash(_nameHash: bytes32) -> address:
    return self._addresses[_nameHash]


@external
@view
def getContractAddressesByName(_names: DynArray[String[64], MAX]) -> DynArray[address, MAX]:
    found: DynArray[address, MAX] = []
    for name: String[64] in _names:
        found.append(self._addresses[self._hash(name)])
    return found


@external
@view
def getContractAddressesByHash(_nameHashes: DynArray[bytes32, MAX]) -> DynArray[address, MAX]:
    found: DynArray[address, MAX] = []
    for hash: bytes32 in _nameHashes:
        found.append(self._addresses[hash])
    return found


@external
@view
def getAllContracts() -> (DynArray[String[64], MAX], DynArray[address, MAX]):
    found: DynArray[address, MAX] = []
    for name: String[64] in self._names:
        found.append(self._addresses[self._hash(name)])
    return self._names, found


@internal
@pure
def _hash(name: String[64]) -> bytes32:
    return keccak256(abi_encode(name))
