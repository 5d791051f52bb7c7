# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Who claims for whom, and to where
@notice Executors ask no fee here, and there are no delegation accounts.
"""

MAX: constant(uint256) = 20

event ClaimExecutorsChanged:
    owner: address
    executors: DynArray[address, MAX]

event AllowedClaimRecipientsChanged:
    owner: address
    recipients: DynArray[address, MAX]

_executors: HashMap[address, DynArray[address, MAX]]
_recipients: HashMap[address, DynArray[address, MAX]]


@external
@payable
def setClaimExecutors(_executors: DynArray[address, MAX]):
    self._set_executors(msg.sender, _executors)
    send(msg.sender, msg.value)


@external
@payable
def setAutoClaiming(_executors: DynArray[address, MAX], _enableDelegationAccount: bool):
    assert not _enableDelegationAccount, "no delegation accounts here"
    self._set_executors(msg.sender, _executors)
    send(msg.sender, msg.value)


@external
def setAllowedClaimRecipients(_recipients: DynArray[address, MAX]):
    self._recipients[msg.sender] = _recipients
    log AllowedClaimRecipientsChanged(owner=msg.sender, recipients=_recipients)


@internal
def _set_executors(owner: address, executors: DynArray[address, MAX]):
    self._executors[owner] = executors
    log ClaimExecutorsChanged(owner=owner, executors=executors)


@external
@view
def claimExecutors(_owner: address) -> DynArray[address, MAX]:
    return self._executors[_owner]


@external
@view
def allowedClaimRecipients(_rewardOwner: address) -> DynArray[address, MAX]:
    return self._recipients[_rewardOwner]


@external
@view
def isClaimExecutor(_owner: address, _executor: address) -> bool:
    return _executor in self._executors[_owner]


@external
@view
def isAllowedClaimRecipient(_owner: address, _recipient: address) -> bool:
    return _recipient in self._recipients[_owner]
