# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Where commits, reveals and signatures are sent
@notice A submission is what stands in calldata behind the selector; nothing of it is read here. The first call of each
kind that an address of the current voting round makes returns true, which is what a Flare node refunds.
"""

import addresses

event NewVotingRoundInitiated:
    pass

MAX_VOTERS: constant(uint256) = 100
MAX_DATA: constant(uint256) = 4096

flag Kind:
    SUBMIT1
    SUBMIT2
    SUBMIT3
    SIGNATURES

governance: public(immutable(address))
submit3MethodEnabled: public(immutable(bool))

submitAndPassContract: public(address)
submitAndPassSelector: public(bytes4)
_open: uint256
_may: HashMap[uint256, HashMap[address, Kind]]


@deploy
def __init__(governor: address, submit3_enabled: bool):
    governance = governor
    submit3MethodEnabled = submit3_enabled


@external
def initNewVotingRound(
    _submit1Addresses: DynArray[address, MAX_VOTERS],
    _submit2Addresses: DynArray[address, MAX_VOTERS],
    _submit3Addresses: DynArray[address, MAX_VOTERS],
    _submitSignaturesAddresses: DynArray[address, MAX_VOTERS],
):
    addresses.only("FlareSystemsManager")
    self._open += 1
    self._allow(_submit1Addresses, Kind.SUBMIT1)
    self._allow(_submit2Addresses, Kind.SUBMIT2)
    if submit3MethodEnabled:
        self._allow(_submit3Addresses, Kind.SUBMIT3)
    self._allow(_submitSignaturesAddresses, Kind.SIGNATURES)
    log NewVotingRoundInitiated()


@external
def submit1() -> bool:
    return self._first(Kind.SUBMIT1)


@external
def submit2() -> bool:
    return self._first(Kind.SUBMIT2)


@external
def submit3() -> bool:
    return self._first(Kind.SUBMIT3)


@external
def submitSignatures() -> bool:
    return self._first(Kind.SIGNATURES)


@external
def submitAndPass(_data: Bytes[MAX_DATA]) -> bool:
    assert self.submitAndPassContract != empty(address), "submitAndPass disabled"
    raw_call(self.submitAndPassContract, concat(self.submitAndPassSelector, _data))
    return True


@external
def setSubmitAndPassData(_submitAndPassContract: address, _submitAndPassSelector: bytes4):
    assert msg.sender == governance, "only governance"
    self.submitAndPassContract = _submitAndPassContract
    self.submitAndPassSelector = _submitAndPassSelector


@internal
def _allow(submitters: DynArray[address, MAX_VOTERS], kind: Kind):
    for submitter: address in submitters:
        self._may[self._open][submitter] |= kind


@internal
def _first(kind: Kind) -> bool:
    if kind not in self._may[self._open][msg.sender]:
        return False
    self._may[self._open][msg.sender] ^= kind
    return True
