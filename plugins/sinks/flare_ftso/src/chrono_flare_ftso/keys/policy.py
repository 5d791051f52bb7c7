"""What keys sign, and nothing else: transactions of one chain to known contracts, and messages of 32 bytes.

Whoever can ask a key for signatures can ask for one that moves all it owns. So what is signed is read first, beside
the key: a transaction of type 2 (EIP-1559) with the right chain, to a contract that is on the list; or the bytes
that EIP-191 puts before a hash, which can be no transaction. Every other type, a contract's creation and a transfer
to somebody are refused.

Source: EIP-1559, "Specification"; EIP-191, "Version 0x45"; Ethereum Yellow Paper, appendix B (RLP); read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chrono_flare_ftso.keys.errors import NotSigned
from chrono_flare_ftso.keys.signer import message_preimage
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.protocol.wire import Reader

_HASH_BYTES = 32
_MESSAGE = message_preimage(bytes(_HASH_BYTES))[:-_HASH_BYTES]
_TYPE_2 = 2
_FIELDS = 9
_TO = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """What is signed.

    Parameters
    ----------
    chain_id : int
        The chain whose transactions are.
    contracts : frozenset of bytes
        20 bytes each, to whom they may go.

    Examples
    --------
    >>> policy = Policy(14, frozenset([bytes(20)]))
    >>> policy.check(message_preimage(bytes(32)))
    >>> policy.check(b"Flare")
    Traceback (most recent call last):
    ...
    chrono_flare_ftso.keys.errors.NotSigned: expected a transaction of type 2 or a message of 32 bytes, was neither
    """

    chain_id: int
    contracts: frozenset[bytes]

    def check(self, preimage: bytes, own: bytes = b"") -> None:
        """Let a preimage pass that may be signed.

        Parameters
        ----------
        preimage : bytes
            Whose keccak256 is signed.
        own : bytes
            The key's own address: a transaction to it fills a gap among its nonces.

        Raises
        ------
        NotSigned
            If it may not.
        """
        if preimage.startswith(_MESSAGE) and len(preimage) == len(_MESSAGE) + _HASH_BYTES:
            return
        if preimage[:1] != bytes([_TYPE_2]):
            raise NotSigned("expected a transaction of type 2 or a message of 32 bytes, was neither")
        try:
            chain_id, to = _chain_and_recipient(preimage[1:])
        except WireError as error:
            raise NotSigned(f"{error}; it is no transaction of type 2 that a node would take") from None
        if chain_id != self.chain_id:
            told = f"expected a transaction of chain {self.chain_id}, was of chain {chain_id}"
            raise NotSigned(f"{told}; check which network the provider is set to")
        if to not in self.contracts and (not own or to != own):
            was = checksummed(to) if to else "a contract's creation"
            told = f"expected a transaction to one of the {len(self.contracts)} contracts of the network, was {was}"
            raise NotSigned(f"{told}; the keys sign for no other")


def _chain_and_recipient(data: bytes) -> tuple[int, bytes]:
    """Return what matters of an unsigned transaction, of which every item was looked at."""
    outer = list(_items(data))
    if len(outer) != 1 or not outer[0][0]:
        raise WireError("transaction", 1, "one list", "another thing")
    fields = list(_items(outer[0][1]))
    # eight texts, the last of them calldata, and the access list
    if [is_list for is_list, _ in fields] != [*[False] * (_FIELDS - 1), True]:
        raise WireError("transaction", 1, f"{_FIELDS} fields, the last a list", f"{len(fields)} or others")
    texts = [text for _, text in fields]
    if texts[0][:1] == b"\0":
        raise WireError("transaction", 1, "a chain without leading zeros", "one with them")
    if len(texts[_TO]) not in {0, 20}:
        raise WireError("transaction", 1, "20 bytes of an address", f"{len(texts[_TO])} bytes")
    list(_items(texts[-1]))
    return int.from_bytes(texts[0], "big"), texts[_TO]


def _items(data: bytes) -> Iterator[tuple[bool, bytes]]:
    """Yield the items of RLP that follow each other: whether each is a list, and what is in it."""
    reader = Reader(data, "transaction")
    while reader.left:
        head = reader.uint(1, "a head")
        if head < 0x80:
            yield False, bytes([head])
            continue
        is_list = head >= 0xC0
        size = head - (0xC0 if is_list else 0x80)
        if size > 55:
            wide = size - 55
            size = reader.uint(wide, "a length")
            if size <= 55 or size < 1 << 8 * (wide - 1):
                raise reader.refuse(wide, "the shortest form", "a longer one")
        body = reader.take(size, "content")
        if not is_list and size == 1 and body[0] < 0x80:
            raise reader.refuse(1, "the shortest form", "a longer one")
        yield is_list, body
