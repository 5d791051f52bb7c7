"""Bytes as people write them: hexadecimal text, checksummed addresses."""

from __future__ import annotations

from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.keccak import keccak256


def from_hex(text: str, size: int | None = None, what: str = "hexadecimal text") -> bytes:
    """Return the bytes of hexadecimal text, with or without ``0x``, in any letter case.

    Parameters
    ----------
    text : str
        Two digits a byte; white space around it does not count.
    size : int, optional
        How many bytes it must have.
    what : str
        What it is, for errors.

    Raises
    ------
    WireError
        If a character is no digit, a digit is missing, or the size is another; `at` is the byte.

    Examples
    --------
    >>> from_hex("0x014254432F555344").hex()
    '014254432f555344'
    """
    digits = text.strip()
    digits = digits[2:] if digits[:2] in {"0x", "0X"} else digits
    for at, digit in enumerate(digits):
        if digit not in "0123456789abcdefABCDEF":
            raise WireError(what, at // 2, "digits from 0 to f", repr(digit))
    if len(digits) % 2:
        raise WireError(what, len(digits) // 2, "two digits a byte", "one")
    data = bytes.fromhex(digits)
    if size is not None and len(data) != size:
        raise WireError(what, min(len(data), size), f"{size} bytes", f"{len(data)} bytes")
    return data


def to_hex(data: bytes) -> str:
    """Return lower-case hexadecimal text with ``0x``.

    Examples
    --------
    >>> to_hex(bytes([1, 255]))
    '0x01ff'
    """
    return "0x" + data.hex()


def checksummed(address: bytes) -> str:
    """Return an address in the mixed case that carries a checksum (EIP-55).

    Examples
    --------
    >>> checksummed(bytes.fromhex("2ca6571daa15ce734bbd0bf27d5c9d16787fc33f"))
    '0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f'
    """
    digits = address.hex()
    hashed = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if h >= "8" else d for d, h in zip(digits, hashed, strict=False))
