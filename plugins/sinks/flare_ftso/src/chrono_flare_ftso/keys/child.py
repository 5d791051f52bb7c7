"""The process that holds the keys: opens them, says their addresses, signs what the policy lets it; nothing else.

It is started by `process.KeyProcess` with one end of a pair of sockets, over which everything comes, secrets
included: its command line and its environment hold none. Before it reads any it sees to it that its memory is written
to no core file and read by no process of the same user (PR_SET_DUMPABLE, prctl(2)); after it has opened the keys it
can open no file and start no process. It ends with the socket, and on Linux with the thread that started it
(PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator

from chrono_flare_ftso.keys.errors import KeyRefused
from chrono_flare_ftso.keys.frames import BrokenFrame, Frames, Opened, Refused, Sign, Signed, Start, packed, unpacked
from chrono_flare_ftso.keys.keystore import LocalKey, opened
from chrono_flare_ftso.keys.local import LocalSigner
from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.keys.signer import message_preimage

_CHUNK = 1 << 16
_FIRST = message_preimage(bytes(32))

# linux/prctl.h
_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVS = 1, 4, 38


def main(number: int) -> None:
    """Serve the socket that is file `number` until the other end is closed."""
    secluded()
    with socket.socket(fileno=number) as channel, contextlib.suppress(OSError, BrokenFrame):
        frames = _frames(channel)
        # what failed before this line may be read by whoever started it; from here on there are secrets
        _silenced()
        start = unpacked(next(frames, b""), Start)
        signers, problems = _opened(start)
        if problems:
            channel.sendall(packed(Refused(problems)))
            return
        _confined()
        channel.sendall(packed(Opened({role: signer.address for role, signer in signers.items()})))
        for frame in frames:
            channel.sendall(packed(_answer(signers, unpacked(frame, Sign))))


def secluded() -> None:
    """Let nobody look into the memory of this process, and end only when told by the other end."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_DUMPABLE, 0, 0, 0, 0)
        prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
        prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # a provider that is told to stop still has to reveal
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)


def _silenced() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def _confined() -> None:
    """Open no file from here on, write to none, start no process; what is loaded late was loaded by a first use."""
    # without coincurve, eth_keys looks for it at every signature
    sys.path.clear()
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (0, 0))


def _opened(start: Start) -> tuple[dict[str, LocalSigner], list[str]]:
    """Open every key once, whichever roles it has; return what is wrong beside them."""
    policy = Policy(start.chain_id, frozenset(start.contracts))
    known: dict[LocalKey, LocalSigner] = {}
    signers: dict[str, LocalSigner] = {}
    problems: list[str] = []
    for role, key in start.keys.items():
        try:
            if key not in known:
                known[key] = LocalSigner(opened(key), policy)
                # the first signature loads what the next ones find
                known[key].signed(_FIRST)
            signers[role] = known[key]
        except KeyRefused as error:
            problems.append(f"{role}: {error}")
        except Exception as error:  # noqa: BLE001 - its words might show a secret
            problems.append(f"{role}: expected to open its key, failed with {type(error).__name__}; see to its file")
    return signers, problems


def _answer(signers: dict[str, LocalSigner], asked: Sign) -> Signed | Refused:
    signer = signers.get(asked.role)
    if signer is None:
        return Refused([f"expected one of the roles {', '.join(signers)}, was another"], asked.id)
    try:
        return Signed(asked.id, signer.signed(asked.preimage).encode())
    except KeyRefused as error:
        return Refused([*error.problems], asked.id)
    except Exception as error:  # noqa: BLE001 - its words might show a secret
        return Refused([f"expected a signature, failed with {type(error).__name__}; tell the authors"], asked.id)


def _frames(channel: socket.socket) -> Iterator[bytes]:
    frames = Frames()
    while data := channel.recv(_CHUNK):
        yield from frames.feed(data)


if __name__ == "__main__":
    main(int(sys.argv[1]))
