"""Payload messages and the calldata of Submission: `[selector] (protocol · round · length · payload)*`.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/fsp-utils/PayloadMessage.ts` and
`libs/ftso-core/src/DataManager.ts`; flare-foundation/flare-smart-contracts-v2 264dab7,
`contracts/protocol/implementation/Submission.sol`; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from chrono_flare_ftso.protocol.abi import selector
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.wire import Reader, uint

T = TypeVar("T")


class Call(Enum):
    """A function that a provider's transactions call; the value is its selector.

    The first four take no arguments: what follows the selector are payload messages. `submitAndPass(bytes)` and
    `relay()` have calldata of their own.

    Examples
    --------
    >>> Call.SUBMIT1.value.hex(), Call(bytes.fromhex("57eed580")).name
    ('6c532fae', 'SUBMIT_SIGNATURES')
    """

    SUBMIT1 = selector("submit1()")
    SUBMIT2 = selector("submit2()")
    SUBMIT3 = selector("submit3()")
    SUBMIT_SIGNATURES = selector("submitSignatures()")
    SUBMIT_AND_PASS = selector("submitAndPass(bytes)")
    RELAY = selector("relay()")


CARRIERS = (Call.SUBMIT1, Call.SUBMIT2, Call.SUBMIT3, Call.SUBMIT_SIGNATURES)
_NAMES = "submit1, submit2, submit3 or submitSignatures"


@dataclass(frozen=True, slots=True)
class PayloadMessage:
    r"""What one protocol says in one voting round.

    Parameters
    ----------
    protocol : int
        Id of the protocol, 1 byte: 100 is FTSO, 200 is FDC.
    round : int
        Voting round, 4 bytes.
    payload : bytes
        At most 65,535; what it means depends on the protocol and the function called.

    Examples
    --------
    >>> PayloadMessage(100, 1, b"\xab\xcd").encode().hex()
    '64000000010002abcd'
    """

    protocol: int
    round: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the 7 bytes of head and the payload.

        Raises
        ------
        WireError
            If protocol, round or the payload's length do not fit.
        """
        head = uint(self.protocol, 1, "protocol id") + uint(self.round, 4, "voting round")
        return head + uint(len(self.payload), 2, "payload length") + self.payload


@dataclass(frozen=True, slots=True)
class Submission:
    """What one transaction to Submission says.

    Parameters
    ----------
    call : Call
        One of `CARRIERS`.
    messages : tuple of PayloadMessage
        In the order of the calldata; a protocol may occur more than once.
    """

    call: Call
    messages: tuple[PayloadMessage, ...]


def calldata(call: Call, *messages: PayloadMessage) -> bytes:
    """Return the calldata of a transaction that carries messages.

    Raises
    ------
    WireError
        If a message does not fit its fields.
    ValueError
        If the function takes no messages: a mistake of the caller.

    Examples
    --------
    >>> calldata(Call.SUBMIT2, PayloadMessage(100, 1, b"")).hex()
    '9d00c9fd64000000010000'
    """
    if call not in CARRIERS:
        raise ValueError(f"expected {_NAMES}, was {call.name}")
    return call.value + b"".join(message.encode() for message in messages)


def parse_messages(data: bytes) -> tuple[PayloadMessage, ...]:
    r"""Return the messages of calldata without its selector.

    Payloads are not looked at, so this is the framing alone: where it is broken, nothing of the transaction counts
    (`last_parsable` does what comes after). Two other readers differ. py-flare-common 0.1.11 strips a selector where
    one stands, ignores protocols besides 100 and 200, parses payloads at once, so that a bad one loses the transaction,
    and keeps the last message of a protocol, whatever its round. go-flare-common 5116580 refuses a transaction in
    which a protocol occurs twice. The reference reads them all, and so does this function.

    Parameters
    ----------
    data : bytes
        Messages one after another; none is fine.

    Raises
    ------
    WireError
        If a head or a payload ends early.

    Examples
    --------
    >>> [message.payload for message in parse_messages(bytes.fromhex("64000000010001aac8000000010000"))]
    [b'\xaa', b'']
    """
    return _messages(Reader(data, "payload messages"))


def parse_calldata(data: bytes) -> Submission:
    """Return the function and the messages of a transaction's calldata, which starts with a selector.

    Raises
    ------
    WireError
        If there is no selector of a function that carries messages, or the framing is broken.

    Examples
    --------
    >>> parse_calldata(bytes.fromhex("6c532fae64000000010000")).call.name
    'SUBMIT1'
    """
    reader = Reader(data, "calldata")
    raw = reader.take(4, "selector")
    call = next((call for call in CARRIERS if call.value == raw), None)
    if call is None:
        raise reader.refuse(4, f"the selector of {_NAMES}", raw.hex())
    return Submission(call, _messages(reader))


def last_parsable(
    messages: Sequence[PayloadMessage], protocol: int, round: int, parse: Callable[[bytes], T]
) -> T | None:
    """Return what the last message says that is for a protocol and a round and whose payload can be parsed.

    This is the reference's rule for commits and for reveals: a bad payload costs that message alone, and a later
    message replaces an earlier one as soon as it can be parsed, right or wrong.

    Parameters
    ----------
    messages : sequence of PayloadMessage
        Oldest first: those of one sender, of one transaction or of several.
    protocol, round : int
        Messages of others are passed over.
    parse : callable
        Reads a payload and refuses it with ProtocolError, such as `commits.decode_commit`.

    Returns
    -------
    T or None
        None where no message fits.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.commits import decode_commit
    >>> right, wrong = PayloadMessage(100, 7, bytes(32)), PayloadMessage(100, 7, bytes(31))
    >>> last_parsable([right, wrong], 100, 7, decode_commit) == bytes(32)
    True
    """
    for message in reversed(messages):
        if message.protocol == protocol and message.round == round:
            try:
                return parse(message.payload)
            except ProtocolError:
                continue
    return None


def _messages(reader: Reader) -> tuple[PayloadMessage, ...]:
    messages = []
    while reader.left:
        protocol = reader.uint(1, "protocol id")
        voting_round = reader.uint(4, "voting round")
        size = reader.uint(2, "payload length")
        messages.append(PayloadMessage(protocol, voting_round, reader.take(size, "payload")))
    return tuple(messages)
