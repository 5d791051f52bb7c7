"""How addresses are spelled in a text: each with its checksum, and one address one way.

Source: EIP-55; the official data provider compares addresses as text (`fsp.md` §0.3); read 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chrono_flare_ftso.protocol.text import checksummed

_ADDRESS = re.compile(r"(?<![0-9a-zA-Z])0[xX][0-9a-fA-F]{40}(?![0-9a-zA-Z])")


def spelling_problems(text: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the spelling of addresses, and what to do.

    Parameters
    ----------
    text : str
        Such as a pipeline file.

    Examples
    --------
    >>> right = "0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f"
    >>> list(spelling_problems(f"{right} and {right}"))
    []
    >>> list(spelling_problems(f"{right.lower()} and {right}"))
    [('0x2ca6571daa15ce734bbd0bf27d5c9d16787fc33f is spelled in 2 ways', 'write 0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f everywhere')]
    """  # noqa: E501 - what it prints is that long
    found: dict[str, dict[str, None]] = {}
    for spelled in _ADDRESS.findall(text):
        found.setdefault(spelled.lower(), {})[spelled] = None
    for lower, spellings in found.items():
        right = checksummed(bytes.fromhex(lower[2:]))
        for spelled in spellings:
            digits = spelled[2:]
            if digits not in {right[2:], digits.lower(), digits.upper()}:
                told = f"expected an address whose letter case is its checksum (EIP-55), was {spelled}"
                yield told, f"copy it again; if its digits are right it is {right}"
        if len(spellings) > 1:
            yield f"{lower} is spelled in {len(spellings)} ways", f"write {right} everywhere"
