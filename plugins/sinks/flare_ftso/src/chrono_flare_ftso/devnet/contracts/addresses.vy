# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Where the other contracts are
@notice Each contract asks the registry for the others whenever it needs one, so nothing has to be wired.
"""

interface Registry:
    def getContractAddressByName(name: String[64]) -> address: view

REGISTRY: constant(address) = 0xaD67FE66660Fb8dFE9d6b1b4240d8650e30F6019


@internal
@view
def of(name: String[64]) -> address:
    found: address = staticcall Registry(REGISTRY).getContractAddressByName(name)
    assert found != empty(address), concat(name, " not set")
    return found


@internal
@view
def only(name: String[64]):
    assert msg.sender == staticcall Registry(REGISTRY).getContractAddressByName(name), concat("only ", name)
