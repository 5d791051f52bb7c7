"""What a node knows of an account and of its transactions, as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chrono_flare_ftso.chain.choosing import block_request
from chrono_flare_ftso.chain.endpoint import Missing, NodeFault, Request
from chrono_flare_ftso.protocol.text import to_hex


class Account(NamedTuple):
    """An account as of a block, all of it from one node.

    Parameters
    ----------
    chain_id, block, base_fee : int
        Which chain, its last block, and that block's base fee, wei per gas.
    latest, pending : int
        Its next nonce, without and with the transactions that wait in the pool.
    balance : int
        Wei.
    """

    chain_id: int
    block: int
    base_fee: int
    latest: int
    pending: int
    balance: int


class Receipt(NamedTuple):
    """What became of a transaction, in which block.

    Parameters
    ----------
    hash : bytes
        The transaction's.
    block : int
        The number of its block.
    block_hash : bytes
        32 bytes.
    ok : bool
        Whether it was not reverted.
    gas_used, gas_price : int
        Gas, and what was paid for it, wei per gas; a refund is not in it.
    """

    hash: bytes
    block: int
    block_hash: bytes
    ok: bool
    gas_used: int
    gas_price: int


class Located(NamedTuple):
    """A transaction that a node knows; `block` is None while it waits in the pool."""

    hash: bytes
    sender: bytes
    nonce: int
    block: int | None


class _Block(msgspec.Struct, rename="camel"):
    number: str
    base_fee_per_gas: str = "0x0"


class _Receipt(msgspec.Struct, rename="camel"):
    transaction_hash: str
    block_number: str
    block_hash: str
    status: str
    gas_used: str
    effective_gas_price: str = "0x0"


class _Transaction(msgspec.Struct, rename="camel"):
    hash: str
    sender: str = msgspec.field(name="from")
    nonce: str
    block_number: str | None = None


class _Full(msgspec.Struct, rename="camel"):
    number: str
    transactions: list[_Transaction]


_TEXT = msgspec.json.Decoder(str)
_BLOCK = msgspec.json.Decoder(_Block)
_RECEIPT = msgspec.json.Decoder(_Receipt | None)
_TRANSACTION = msgspec.json.Decoder(_Transaction | None)
_FULL = msgspec.json.Decoder(_Full | None)


def account_requests(address: bytes) -> list[Request]:
    """Return what is asked together about an account; eth_chainId stands first."""
    told = to_hex(address)
    return [
        Request("eth_chainId"),
        block_request("latest", full=False),
        Request("eth_getTransactionCount", (told, "latest")),
        Request("eth_getTransactionCount", (told, "pending")),
        Request("eth_getBalance", (told, "latest")),
    ]


def account_of(raw: Sequence[msgspec.Raw]) -> Account:
    """Return the account that the answers are about."""
    block = _BLOCK.decode(raw[1])
    chain_id, latest, pending, balance = (int(_TEXT.decode(raw[at]), 16) for at in (0, 2, 3, 4))
    return Account(chain_id, int(block.number, 16), int(block.base_fee_per_gas, 16), latest, pending, balance)


def receipt_of(name: str, hash: bytes, raw: msgspec.Raw) -> Receipt | None:
    """Return a receipt; None where the node has none.

    Raises
    ------
    NodeFault
        If it is another transaction's.
    """
    told = _RECEIPT.decode(raw)
    if told is None:
        return None
    _same(name, hash, told.transaction_hash)
    number, ok = int(told.block_number, 16), int(told.status, 16) == 1
    used, price = int(told.gas_used, 16), int(told.effective_gas_price, 16)
    return Receipt(hash, number, _fixed(told.block_hash, 32), ok, used, price)


def located_of(name: str, hash: bytes, raw: msgspec.Raw) -> Located | None:
    """Return a transaction; None where the node knows of none.

    Raises
    ------
    NodeFault
        If it is another.
    """
    told = _TRANSACTION.decode(raw)
    if told is None:
        return None
    _same(name, hash, told.hash)
    return _located(told)


def sent_of(name: str, numbers: Sequence[int], raw: Sequence[msgspec.Raw], sender: bytes) -> list[Located]:
    """Return a sender's transactions among those of whole blocks.

    Raises
    ------
    Missing
        If a block is not there.
    """
    found = []
    for number, each in zip(numbers, raw, strict=True):
        block = _FULL.decode(each)
        if block is None or int(block.number, 16) != number:
            raise Missing(f"{name}: block {number} is not there")
        found += [sent for sent in map(_located, block.transactions) if sent.sender == sender]
    return found


def _located(told: _Transaction) -> Located:
    block = None if told.block_number is None else int(told.block_number, 16)
    return Located(_fixed(told.hash, 32), _fixed(told.sender, 20), int(told.nonce, 16), block)


def _same(name: str, hash: bytes, told: str) -> None:
    if _fixed(told, 32) != hash:
        raise NodeFault(f"{name}: expected transaction {to_hex(hash)}, was another")


def _fixed(text: str, size: int) -> bytes:
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != size:
        raise ValueError(f"expected {size} bytes")
    return raw
