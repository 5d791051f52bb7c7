"""What nodes answer, as values: blocks, logs, numbers. What does not hold together is a fault of the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from chrono_flare_ftso.chain.endpoint import Missing, NodeFault
from chrono_flare_ftso.protocol.messages import Call
from chrono_flare_ftso.protocol.rounds import Transaction

_READ = (Call.SUBMIT1.value, Call.SUBMIT2.value, Call.SUBMIT_SIGNATURES.value)
_SELECTORS = tuple("0x" + each.hex() for each in _READ)


@dataclass(frozen=True, slots=True)
class Block:
    """A block, as far as it is read.

    Attributes
    ----------
    number, timestamp : int
        Its place on the chain, unix seconds.
    hash, parent : bytes
        32 bytes each.
    transactions : tuple of Transaction
        The submit1, submit2 and submitSignatures among those to the address that was asked for, failed ones too, in
        order.
    """

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    transactions: tuple[Transaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """A log: which contract, its topics and data, where it stands; the hash of its transaction where that is known."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int
    transaction: bytes | None = None


class _Head(msgspec.Struct, rename="camel"):
    number: str
    hash: str
    parent_hash: str
    timestamp: str


class _Sent(msgspec.Struct, rename="camel"):
    sender: str = msgspec.field(name="from")
    transaction_index: str
    to: str | None = None
    input: str = "0x"


class _Full(_Head):
    transactions: list[_Sent]


class _Log(msgspec.Struct, rename="camel"):
    address: str
    topics: list[str]
    data: str
    block_number: str
    log_index: str
    transaction_hash: str | None = None
    removed: bool = False


_HEADS = msgspec.json.Decoder(_Head | None)
_ANNOUNCED = msgspec.json.Decoder(_Head)
_FULLS = msgspec.json.Decoder(_Full | None)
_LOGS = msgspec.json.Decoder(list[_Log])
_TEXT = msgspec.json.Decoder(str)


def number_of(raw: msgspec.Raw) -> int:
    """Return a number.

    Examples
    --------
    >>> number_of(msgspec.Raw(b'"0xe"'))
    14
    """
    return int(_TEXT.decode(raw), 16)


def data_of(raw: msgspec.Raw) -> bytes:
    """Return bytes.

    Examples
    --------
    >>> data_of(msgspec.Raw(b'"0x41"'))
    b'A'
    """
    return _bytes(_TEXT.decode(raw))


def head_of(raw: msgspec.Raw) -> Block:
    """Return the head of a block as it is announced; raise `DecodeError` or `ValueError` where it is none."""
    return _block(_ANNOUNCED.decode(raw), None)


def blocks_of(name: str, asked: Sequence[int | str], raw: Sequence[msgspec.Raw], to: bytes | None) -> list[Block]:
    """Return the blocks that were asked for by number, or by a tag.

    Raises
    ------
    Missing
        If one is not there.
    NodeFault
        If one is another than was asked for.
    """
    found = []
    for number, each in zip(asked, raw, strict=True):
        told = (_HEADS if to is None else _FULLS).decode(each)
        if told is None:
            raise Missing(f"{name}: block {number} is not there")
        block = _block(told, to)
        if isinstance(number, int) and block.number != number:
            raise NodeFault(f"{name}: expected block {number}, was {block.number}")
        found.append(block)
    return found


def logs_of(name: str, ranges: Sequence[tuple[int, int]], raw: Sequence[msgspec.Raw]) -> list[Log]:
    """Return the logs of ranges; the first answer is the number of the node's last block.

    Raises
    ------
    Missing
        If that is before the end of a range: logs may be left out.
    NodeFault
        If a log is of no range.
    """
    head, last = number_of(raw[0]), max(last for _, last in ranges)
    if head < last:
        raise Missing(f"{name}: expected logs up to block {last}, was at block {head}")
    found = []
    for (first, end), each in zip(ranges, raw[1:], strict=True):
        logs = [_log(log) for log in _LOGS.decode(each) if not log.removed]
        if any(not first <= log.block <= end for log in logs):
            raise NodeFault(f"{name}: expected logs of blocks {first} to {end}, was one of another")
        found += logs
    return found


def _block(told: _Head, to: bytes | None) -> Block:
    number, timestamp = int(told.number, 16), int(told.timestamp, 16)
    sent: tuple[Transaction, ...] = ()
    if isinstance(told, _Full) and to is not None:
        address = "0x" + to.hex()
        sent = tuple(
            Transaction(_bytes(each.sender, 20), number, int(each.transaction_index, 16), timestamp, _bytes(each.input))
            for each in told.transactions
            if each.to is not None and each.to.lower() == address and each.input[:10].lower() in _SELECTORS
        )
    return Block(number, _bytes(told.hash, 32), _bytes(told.parent_hash, 32), timestamp, sent)


def _log(told: _Log) -> Log:
    topics = tuple(_bytes(topic, 32) for topic in told.topics)
    block, index = int(told.block_number, 16), int(told.log_index, 16)
    sent = None if told.transaction_hash is None else _bytes(told.transaction_hash, 32)
    return Log(_bytes(told.address, 20), topics, _bytes(told.data), block, index, sent)


def _bytes(text: str, size: int | None = None) -> bytes:
    raw = bytes.fromhex(text[2:])
    if text[:2] not in {"0x", "0X"} or (size is not None and len(raw) != size):
        raise ValueError("expected hexadecimal text of another length")
    return raw
