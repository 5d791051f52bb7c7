"""The file of a sortition key, and the call that registers it.

The key is that of fast updates, on the curve bn254; the registry of voters may want one of who sends none, too. It
stands in the file as 32 bytes of hexadecimal text.

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/protocol/implementation/EntityManager.sol`;
`fsp.md` §6.1 and §8.4; read 2026-11-23.
"""

from __future__ import annotations

import os
from pathlib import Path

from chrono import ConfigError
from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.keys.keystore import InFile, secret
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.sortition import SortitionKey, generate_key, prove_possession
from chrono_flare_ftso.protocol.text import checksummed, from_hex
from chrono_flare_ftso.provider.calling import Call
from chrono_flare_ftso.provider.entity import MANAGER


def sortition_key(path: Path) -> SortitionKey:
    """Return the key of a file; where it is not there, make one and write it there, for its owner alone.

    Parameters
    ----------
    path : Path
        The file, of rights 0600.

    Raises
    ------
    ConfigError
        If it cannot be read or written, others may read it, or it holds no key.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sortition.key"
    ...     sortition_key(path) == sortition_key(path)
    True
    """
    if not path.exists():
        key = generate_key()
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "w") as file:
                file.write(f"0x{key.secret:064x}\n")
        except OSError as error:
            told = f"sortition key file {path}: expected to write it, was refused: {error.strerror or error}"
            raise ConfigError(told) from None
        return key
    try:
        text = secret(InFile(str(path)), "sortition key").get_secret_value()
    except KeyRefused as error:
        raise ConfigError(*error.problems) from None
    try:
        return SortitionKey(int.from_bytes(from_hex(text, 32), "big"))
    except ProtocolError:
        # what it holds is told nobody
        told = f"sortition key file {path}: expected 0x and 64 hexadecimal digits of a key of bn254, was something else"
        raise ConfigError(f"{told}; name another file, or one that is not there, for a new key") from None


def registration(key: SortitionKey, identity: bytes) -> Call:
    """Return the call by which an identity registers its sortition key, with the proof that the key is its own."""
    raw = key.public.encode()
    part1, part2 = raw[:32], raw[32:]
    data = function(MANAGER, "registerPublicKey").encode_call(part1, part2, prove_possession(key, identity))
    what = f"register the sortition key {part1.hex()[:8]}… of {checksummed(identity)}"
    return Call(what, MANAGER, "registerPublicKey", identity, data)
