"""A venue on this machine, in a process of its own, that sends trades as fast as they are taken, or at a rate."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import frames
from websockets.utils import accept_key

_ANSWER = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
)


def certificate(folder: Path) -> Path | None:
    """Make a self-signed certificate for this machine and its key in one file; None without openssl."""
    program, file = shutil.which("openssl"), folder / "venue.pem"
    if program is None:
        return None
    ask = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    made = [program, *ask.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", "-"]
    done = subprocess.run(made, check=True, capture_output=True, text=True)
    file.write_text(file.read_text() + done.stdout)
    return file


@contextmanager
def open_venue(count: int, *, rate: int = 0, packed: int = 64, tls: bool = False) -> Iterator[tuple[str, Path | None]]:
    """Start a venue; yield its address and its certificate."""
    with TemporaryDirectory() as folder:
        made = certificate(Path(folder)) if tls else None
        if tls and made is None:
            raise FileNotFoundError("openssl")
        command = [sys.executable, __file__, str(count), str(rate), str(packed), str(made or "")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            port = int(process.stdout.readline()) if process.stdout else 0
            try:
                yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/stream", made
            finally:
                process.kill()


def written(count: int) -> list[bytes]:
    """Return trades of now as frames, each with a number of its own."""
    trades, _ = frames.trades()
    now = time.time_ns() // 10**6
    return [_frame(_renewed(trades[n % len(trades)][1], n, now + n // 100)) for n in range(count)]


def _renewed(trade: bytes, number: int, ms: int) -> bytes:
    trade = re.sub(rb'"t":\d+', b'"t":%d' % (10**9 + number), trade)
    return re.sub(rb'"(E|T)":\d+', rb'"\1":%d' % ms, trade)


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    return (struct.pack(">BB", 0x81, size) if size < 126 else struct.pack(">BBH", 0x81, 126, size)) + payload


def _serve(count: int, rate: int, packed: int, made: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if made else None
    if context is not None:
        context.load_cert_chain(made)
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError), context.wrap_socket(peer, server_side=True) if context else peer as stream:
            _talk(stream, written(count), rate, packed)


def _talk(stream: socket.socket, trades: list[bytes], rate: int, packed: int) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += stream.recv(4096)
    key = re.search(rb"(?i)sec-websocket-key: (\S+)", request)
    stream.sendall((_ANSWER % accept_key(key[1].decode() if key else "")).encode())
    stream.recv(4096)
    started = time.perf_counter()
    for at in range(0, len(trades), packed):
        if rate:
            time.sleep(max(started + at / rate - time.perf_counter(), 0.0))
        stream.sendall(b"".join(trades[at : at + packed]))
    stream.sendall(b"\x88\x02\x03\xe8")
    stream.recv(4096)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for word in ("count", "rate", "packed"):
        parser.add_argument(word, type=int)
    parser.add_argument("certificate")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    _serve(options.count, options.rate, options.packed, options.certificate)
