"""Signatures of a round's result, as they come, until they finalize it.

The message need not be in what is sent (type 1): then the reader has to have worked out the same. Of a voter the first
signature of a message counts.

Source: flare-foundation/flare-system-client b63206b, `client/finalizer/finalization_storage.go` and
`finalizer_client.go`; `protocol.relay` for what is relayed; read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import Call, parse_calldata
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.policy import SigningPolicy
from chrono_flare_ftso.protocol.relay import RelayMessage, choose
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rounds import Transaction
from chrono_flare_ftso.protocol.signatures import Signature, SignaturePayload, eip191, recover

LOOKED_AT = 1000
"""Payloads of a round that are looked at, at most: anybody may send some, and each costs a recovery."""


class Collected:
    """The signatures of one voting round's results.

    Parameters
    ----------
    policy : SigningPolicy
        Whose voters sign.
    round : int
        The voting round.

    Attributes
    ----------
    own : bytes or None
        The result that was worked out here, 38 bytes, once it is.

    Examples
    --------
    >>> collected = Collected(SigningPolicy(1, 0, 50, 7, (bytes(20),), (100,)), 5)
    >>> collected.weights(), collected.relayed(50)
    ({}, None)
    """

    def __init__(self, policy: SigningPolicy, round: int) -> None:
        self.own: bytes | None = None
        self._policy = policy
        self._round = round
        self._index = {voter: at for at, voter in enumerate(policy.voters)}
        self._signed: dict[bytes, dict[int, Signature]] = {}
        self._bare: list[Signature] = []
        self._seen: set[tuple[int, int]] = set()
        self._looked_at = 0

    def hear(self, transactions: Iterable[Transaction]) -> None:
        """Take what is in transactions to Submission, in the order of the chain; those heard before are passed over."""
        for sent in transactions:
            place = (sent.block_number, sent.transaction_index)
            if place in self._seen or sent.calldata[:4] != Call.SUBMIT_SIGNATURES.value:
                continue
            self._seen.add(place)
            for payload in self._payloads(sent.calldata):
                self.take(payload)

    def take(self, payload: SignaturePayload) -> None:
        """Take one signature, such as our own before it is on the chain; whose it is, it says itself."""
        if self._looked_at >= LOOKED_AT:
            return
        self._looked_at += 1
        if payload.message is None:
            # of our own result, once there is one
            self._bare.append(payload.signature)
        elif self._of_round(payload.message):
            self._count(payload.message, payload.signature)

    def weights(self) -> dict[bytes, int]:
        """Return what the signatures of each result weigh."""
        self._take_bare()
        weights = self._policy.weights
        return {message: sum(weights[index] for index in signed) for message, signed in self._signed.items()}

    def signers(self, message: bytes) -> frozenset[int]:
        """Return the places in the policy of those who signed a result."""
        self._take_bare()
        return frozenset(self._signed.get(message, ()))

    def relayed(self, threshold: int) -> RelayMessage | None:
        """Return what finalizes a result whose signatures weigh more than a threshold; None as long as none do."""
        for message, weight in self.weights().items():
            if weight > threshold:
                chosen = choose(self._signed[message], self._policy.weights, threshold)
                return RelayMessage(self._policy.encode(), message, chosen)
        return None

    def _payloads(self, calldata: bytes) -> Iterator[SignaturePayload]:
        try:
            messages = parse_calldata(calldata).messages
        except ProtocolError:
            return
        for message in messages:
            if message.protocol != FTSO_PROTOCOL or message.round != self._round:
                continue
            try:
                yield SignaturePayload.decode(message.payload)
            except ProtocolError:
                continue

    def _of_round(self, message: bytes) -> bool:
        try:
            result = Result.decode(message)
        except ProtocolError:
            return False
        return (result.protocol, result.round) == (FTSO_PROTOCOL, self._round)

    def _take_bare(self) -> None:
        if self.own is None:
            return
        for signature in self._bare:
            self._count(self.own, signature)
        self._bare.clear()

    def _count(self, message: bytes, signature: Signature) -> None:
        try:
            signer = recover(eip191(keccak256(message)), signature)
        except ProtocolError:
            return
        index = self._index.get(signer)
        if index is not None:
            self._signed.setdefault(message, {}).setdefault(index, signature)
