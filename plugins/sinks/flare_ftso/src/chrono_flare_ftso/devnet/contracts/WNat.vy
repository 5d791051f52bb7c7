# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Wrapped coins, and the vote power that they give
@notice An account delegates shares of what it has, to two others at most, or amounts; it keeps to the way it first
chose. What is delegated to an account it cannot pass on. Everything can be asked as of the end of a past block.
"""

import checkpoints
initializes: checkpoints

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

event Deposit:
    dst: indexed(address)
    amount: uint256

event Withdrawal:
    src: indexed(address)
    amount: uint256

BIPS: constant(uint256) = 10_000
SHARES: constant(uint256) = 2

# what is kept by block
BALANCE: constant(uint256) = 0
POWER: constant(uint256) = 1
SUPPLY: constant(uint256) = 2
SHARE: constant(uint256) = 3
AMOUNT: constant(uint256) = 4

# ways to delegate
PERCENTAGE: constant(uint256) = 1
EXPLICIT: constant(uint256) = 2

name: public(constant(String[16])) = "Wrapped NAT"
symbol: public(constant(String[8])) = "WNAT"
decimals: public(constant(uint8)) = 18

allowance: public(HashMap[address, HashMap[address, uint256]])
delegationModeOf: public(HashMap[address, uint256])
_given: HashMap[address, uint256]


# coins


@external
@payable
def __default__():
    self._mint(msg.sender, msg.value)


@external
@payable
def deposit():
    self._mint(msg.sender, msg.value)


@external
@payable
def depositTo(_recipient: address):
    assert _recipient != empty(address), "Cannot deposit to zero address"
    self._mint(_recipient, msg.value)


@external
def withdraw(_amount: uint256):
    self._move(msg.sender, empty(address), _amount)
    log Withdrawal(src=msg.sender, amount=_amount)
    send(msg.sender, _amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    assert to != empty(address), "ERC20: transfer to the zero address"
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(_from: address, to: address, amount: uint256) -> bool:
    assert to != empty(address), "ERC20: transfer to the zero address"
    assert self.allowance[_from][msg.sender] >= amount, "ERC20: insufficient allowance"
    self.allowance[_from][msg.sender] -= amount
    self._move(_from, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@internal
def _mint(recipient: address, amount: uint256):
    self._move(empty(address), recipient, amount)
    log Deposit(dst=recipient, amount=amount)


@internal
def _move(sender: address, receiver: address, amount: uint256):
    # nobody's coins are those that are not wrapped
    if sender == empty(address):
        self._write(SUPPLY, empty(address), checkpoints.latest(self._key(SUPPLY, empty(address))) + amount)
    else:
        balance: uint256 = checkpoints.latest(self._key(BALANCE, sender))
        assert balance >= amount, "ERC20: transfer amount exceeds balance"
        self._set_balance(sender, balance - amount)
    if receiver == empty(address):
        self._write(SUPPLY, empty(address), checkpoints.latest(self._key(SUPPLY, empty(address))) - amount)
    else:
        self._set_balance(receiver, checkpoints.latest(self._key(BALANCE, receiver)) + amount)
    log Transfer(sender=sender, receiver=receiver, value=amount)


@internal
def _set_balance(account: address, balance: uint256):
    self._revoke(account)
    self._write(BALANCE, account, balance)
    assert balance >= self._given[account], "Undelegated vote power too low"
    self._grant(account)


# vote power: an account's is taken back before anything of it changes, and given again afterwards


@internal
def _revoke(account: address):
    own: uint256 = checkpoints.latest(self._key(BALANCE, account)) - self._given[account]
    for slot: uint256 in range(SHARES):
        share: uint256 = checkpoints.latest(self._slot(account, slot))
        amount: uint256 = self._of_share(share, checkpoints.latest(self._key(BALANCE, account)))
        own -= amount
        self._add_power(self._delegate_of(share), 0, amount)
    self._add_power(account, 0, own)


@internal
def _grant(account: address):
    own: uint256 = checkpoints.latest(self._key(BALANCE, account)) - self._given[account]
    for slot: uint256 in range(SHARES):
        share: uint256 = checkpoints.latest(self._slot(account, slot))
        amount: uint256 = self._of_share(share, checkpoints.latest(self._key(BALANCE, account)))
        own -= amount
        self._add_power(self._delegate_of(share), amount, 0)
    self._add_power(account, own, 0)


@internal
def _add_power(account: address, more: uint256, less: uint256):
    if more != less:
        self._write(POWER, account, checkpoints.latest(self._key(POWER, account)) + more - less)


@external
def delegate(_to: address, _bips: uint256):
    self._choose(msg.sender, PERCENTAGE)
    shares: DynArray[uint256, SHARES + 1] = []
    for slot: uint256 in range(SHARES):
        share: uint256 = checkpoints.latest(self._slot(msg.sender, slot))
        if share != 0 and self._delegate_of(share) != _to:
            shares.append(share)
    if _bips != 0:
        shares.append(self._share(msg.sender, _to, _bips))
    self._set_shares(msg.sender, shares)


@external
def batchDelegate(_delegatees: DynArray[address, SHARES + 1], _bips: DynArray[uint256, SHARES + 1]):
    assert len(_delegatees) == len(_bips), "Array length mismatch"
    self._choose(msg.sender, PERCENTAGE)
    shares: DynArray[uint256, SHARES + 1] = []
    for at: uint256 in range(len(_delegatees), bound=SHARES + 1):
        shares.append(self._share(msg.sender, _delegatees[at], _bips[at]))
    self._set_shares(msg.sender, shares)


@external
def undelegateAll():
    self._choose(msg.sender, PERCENTAGE)
    self._set_shares(msg.sender, [])


@external
def delegateExplicit(_to: address, _amount: uint256):
    assert _to != empty(address) and _to != msg.sender, "Cannot delegate to self"
    self._choose(msg.sender, EXPLICIT)
    before: uint256 = checkpoints.latest(self._pair(msg.sender, _to))
    self._revoke(msg.sender)
    self._given[msg.sender] = self._given[msg.sender] + _amount - before
    assert checkpoints.latest(self._key(BALANCE, msg.sender)) >= self._given[msg.sender], "Undelegated vote power too low"
    checkpoints.write(self._pair(msg.sender, _to), _amount)
    self._add_power(_to, _amount, before)
    self._grant(msg.sender)


@internal
def _choose(account: address, mode: uint256):
    assert self.delegationModeOf[account] in [0, mode], "Can't undelegate or delegate in the other mode"
    self.delegationModeOf[account] = mode


@internal
def _set_shares(account: address, shares: DynArray[uint256, SHARES + 1]):
    assert len(shares) <= SHARES, "Max delegates exceeded"
    self._revoke(account)
    total: uint256 = 0
    for slot: uint256 in range(SHARES):
        share: uint256 = 0
        if slot < len(shares):
            share = shares[slot]
        total += share & 65_535
        checkpoints.write(self._slot(account, slot), share)
    assert total <= BIPS, "Max delegation bips exceeded"
    self._grant(account)


@internal
@pure
def _share(account: address, to: address, bips: uint256) -> uint256:
    assert to != empty(address) and to != account, "Cannot delegate to self"
    assert bips <= BIPS, "Max delegation bips exceeded"
    return convert(to, uint256) << 16 | bips


@internal
@pure
def _delegate_of(share: uint256) -> address:
    return convert(share >> 16, address)


@internal
@pure
def _of_share(share: uint256, balance: uint256) -> uint256:
    return balance * (share & 65_535) // BIPS


# what is read


@external
@view
def balanceOf(account: address) -> uint256:
    return checkpoints.latest(self._key(BALANCE, account))


@external
@view
def balanceOfAt(_owner: address, _blockNumber: uint256) -> uint256:
    return self._past(self._key(BALANCE, _owner), _blockNumber)


@external
@view
def totalSupply() -> uint256:
    return checkpoints.latest(self._key(SUPPLY, empty(address)))


@external
@view
def totalSupplyAt(_blockNumber: uint256) -> uint256:
    return self._past(self._key(SUPPLY, empty(address)), _blockNumber)


@external
@view
def totalVotePower() -> uint256:
    return checkpoints.latest(self._key(SUPPLY, empty(address)))


@external
@view
def totalVotePowerAt(_blockNumber: uint256) -> uint256:
    return self._past(self._key(SUPPLY, empty(address)), _blockNumber)


@external
@view
def votePowerOf(_owner: address) -> uint256:
    return checkpoints.latest(self._key(POWER, _owner))


@external
@view
def votePowerOfAt(_owner: address, _blockNumber: uint256) -> uint256:
    return self._past(self._key(POWER, _owner), _blockNumber)


@external
@view
def votePowerFromToAt(_from: address, _to: address, _blockNumber: uint256) -> uint256:
    return self._power_from_to(_from, _to, _blockNumber)


@external
@view
def undelegatedVotePowerOfAt(_owner: address, _blockNumber: uint256) -> uint256:
    assert self.delegationModeOf[_owner] != EXPLICIT, "not told of amounts"
    balance: uint256 = self._past(self._key(BALANCE, _owner), _blockNumber)
    own: uint256 = balance
    for slot: uint256 in range(SHARES):
        own -= self._of_share(checkpoints.at(self._slot(_owner, slot), _blockNumber), balance)
    return own


@external
@view
def delegatesOf(
    _who: address,
) -> (DynArray[address, SHARES], DynArray[uint256, SHARES], uint256, uint256):
    return self._delegates(_who, block.number)


@external
@view
def delegatesOfAt(
    _who: address, _blockNumber: uint256
) -> (DynArray[address, SHARES], DynArray[uint256, SHARES], uint256, uint256):
    return self._delegates(_who, _blockNumber)


@internal
@view
def _delegates(
    who: address, number: uint256
) -> (DynArray[address, SHARES], DynArray[uint256, SHARES], uint256, uint256):
    delegates: DynArray[address, SHARES] = []
    bips: DynArray[uint256, SHARES] = []
    for slot: uint256 in range(SHARES):
        share: uint256 = checkpoints.at(self._slot(who, slot), number)
        if share != 0:
            delegates.append(self._delegate_of(share))
            bips.append(share & 65_535)
    return delegates, bips, len(delegates), self.delegationModeOf[who]


@internal
@view
def _power_from_to(sender: address, to: address, number: uint256) -> uint256:
    power: uint256 = self._past(self._pair(sender, to), number)
    balance: uint256 = checkpoints.at(self._key(BALANCE, sender), number)
    for slot: uint256 in range(SHARES):
        share: uint256 = checkpoints.at(self._slot(sender, slot), number)
        if share != 0 and self._delegate_of(share) == to:
            power += self._of_share(share, balance)
    return power


@internal
@view
def _past(key: bytes32, number: uint256) -> uint256:
    assert number < block.number, "Can only be used for past blocks"
    return checkpoints.at(key, number)


@internal
def _write(kind: uint256, account: address, latest: uint256):
    checkpoints.write(self._key(kind, account), latest)


@internal
@pure
def _key(kind: uint256, account: address) -> bytes32:
    return keccak256(abi_encode(kind, account))


@internal
@pure
def _slot(account: address, slot: uint256) -> bytes32:
    return keccak256(abi_encode(SHARE, account, slot))


@internal
@pure
def _pair(sender: address, to: address) -> bytes32:
    return keccak256(abi_encode(AMOUNT, sender, to))
