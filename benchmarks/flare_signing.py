"""From the decision to a signed transaction: its preimage made, signed, and the bytes that are sent.

The process of the keys beside a key in this process, on the same event loop, in turns; each is warm. What is signed is
a submit2 with the values of 63 feeds. Run it with coincurve installed, as a provider should be; it says what signs.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from eth_keys.backends import get_backend
from measure import percentile, say
from pydantic import SecretBytes, SecretStr

from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.keys.config import Keys, open_signers
from chrono_flare_ftso.keys.keystore import write_keystore
from chrono_flare_ftso.keys.signer import Signer
from chrono_flare_ftso.protocol.keccak import keccak256

CHAIN, SUBMISSION = 14, bytes.fromhex("2ca6571daa15ce734bbd0bf27d5c9d16787fc33f")
LIMIT = 0.005
"""Seconds that the 99th percentile may take."""

PASSWORD = "of a key that nobody uses"


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2000, help="how often each signs")
    parser.add_argument("--bytes", type=int, default=300, help="of calldata; submit2 of 63 feeds has about 300")
    return parser.parse_args()


def configured(folder: Path, isolation: str) -> Keys:
    """Return three roles with a keystore each, quick to open."""
    word = folder / "password"
    word.touch(mode=0o600)
    word.write_text(PASSWORD)
    roles = {}
    for role in ("submit", "submit_signatures", "signing_policy"):
        path = folder / f"{isolation}-{role}.json"
        write_keystore(path, SecretBytes(keccak256(role.encode())), SecretStr(PASSWORD), work=1024)
        roles[role] = {"keystore": str(path), "password": {"file": str(word)}}
    return Keys.model_validate({**roles, "isolation": isolation})


async def signed(signer: Signer, nonce: int, data: bytes) -> float:
    """Return the seconds from the decision to the bytes of a signed transaction."""
    begun = perf_counter()
    transaction = Transaction(CHAIN, nonce, 10**9, 10**11, 300_000, SUBMISSION, data)
    raw = transaction.signed(await signer.sign(transaction.preimage()))
    ended = perf_counter()
    assert raw[0] == 2
    return ended - begun


async def measured(asked: argparse.Namespace, signers: Mapping[str, Signer]) -> dict[str, list[float]]:
    """Return the seconds of each signature, sorted."""
    found: dict[str, list[float]] = {name: [] for name in signers}
    for nonce in range(asked.times + 50):
        data = b"\x9d\x00" + nonce.to_bytes(4, "big") * (asked.bytes // 4)
        for name, signer in signers.items():
            found[name].append(await signed(signer, nonce, data))
    return {name: sorted(times[50:]) for name, times in found.items()}


async def main() -> None:
    """Measure both, and fail where one takes too long."""
    asked = options()
    with tempfile.TemporaryDirectory() as name:
        async with (
            open_signers(configured(Path(name), "process"), CHAIN, [SUBMISSION]) as apart,
            open_signers(configured(Path(name), "none"), CHAIN, [SUBMISSION]) as here,
        ):
            found = await measured(asked, {"process": apart["submit"], "in process": here["submit"]})
    say("what signs", type(get_backend()).__name__)
    late = 0.0
    for name, times in found.items():
        median, last = percentile(times, 0.5), percentile(times, 0.99)
        say(f"  {name}", f"p50 {median * 1e3:.3f} ms", f"p99 {last * 1e3:.3f} ms, longest {times[-1] * 1e3:.3f} ms")
        late = max(late, last)
    if late > LIMIT:
        raise SystemExit(f"expected the 99th percentile within {LIMIT * 1e3:g} ms, was {late * 1e3:.3f} ms")


if __name__ == "__main__":
    asyncio.run(main())
