"""What providers say of attestation requests in submit2 (protocol 200): one bit a request.

Source: flare-foundation/fdc-client 4b79e84, `client/attestation/bitVotes/bitvote.go`, read 2026-11-22;
flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/reward-calculation/fdc/fdc-utils.ts`, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass

from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.wire import Reader, uint


@dataclass(frozen=True, slots=True)
class BitVector:
    """Which of a round's requests are confirmed.

    Parameters
    ----------
    requests : int
        How many there are, at most 65,535.
    bits : int
        Bit i stands for request i, counted from the least significant one.

    Raises
    ------
    WireError
        If there are bits of requests that do not exist, or more requests than 2 bytes count.

    Examples
    --------
    >>> BitVector(5, 0b01011).encode().hex(), BitVector(5, 0b01011).confirmed
    ('00050b', (0, 1, 3))
    """

    requests: int
    bits: int

    def __post_init__(self) -> None:
        uint(self.requests, 2, "number of requests")
        if self.bits < 0:
            raise WireError("bit vector", 2, "bits", "a negative number")
        if self.bits >> self.requests:
            raise WireError("bit vector", 2, f"bits of {self.requests} requests", f"bit {self.bits.bit_length() - 1}")

    @property
    def confirmed(self) -> tuple[int, ...]:
        """The indices of the confirmed requests, ascending."""
        return tuple(index for index in range(self.requests) if self.bits >> index & 1)

    def encode(self) -> bytes:
        """Return the payload: 2 bytes of number, then the bits without leading zero bytes, so none where all are 0."""
        return uint(self.requests, 2, "number of requests") + self.bits.to_bytes(-(-self.bits.bit_length() // 8), "big")


def decode_bit_vector(payload: bytes) -> BitVector:
    """Return the bit vector of a payload of submit2.

    Parameters
    ----------
    payload : bytes
        Leading zero bytes of the bits may be there or not.

    Raises
    ------
    WireError
        If the 2 bytes of number are cut, or a bit beyond the last request is set.

    Examples
    --------
    >>> decode_bit_vector(bytes.fromhex("00050b")).confirmed
    (0, 1, 3)
    """
    reader = Reader(payload, "bit vector")
    requests = reader.uint(2, "number of requests")
    return BitVector(requests, int.from_bytes(reader.rest(), "big"))
