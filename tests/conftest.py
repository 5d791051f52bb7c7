"""What all tests share: one event loop, no network, and the recorded data where it is at hand."""

import ipaddress
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"

# Programs that tests start find what tests share; at the end, so that what is installed comes before the tree.
sys.path.append(str(ROOT))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def root() -> Path:
    """Return the folder of the repository."""
    return ROOT


@pytest.fixture
def data() -> Path:
    """Return the folder of recorded data, which lies beside the repository; skip without it."""
    if not DATA.is_dir():
        pytest.skip(f"expected recorded data in {Path('..') / DATA.relative_to(ROOT.parent)}, there is none")
    return DATA


@pytest.fixture(autouse=True)
def strayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse connections to other machines, and fail the test that tried, whatever it made of the refusal."""
    hosts: list[str] = []
    for method in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method), hosts))
    yield hosts
    assert not hosts, f"a test may connect to this machine alone, was {', '.join(hosts)}"


def _guarded(connect: Any, hosts: list[str]) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _loopback(address[0]):
            hosts.append(address[0])
            raise ConnectionRefusedError(f"a test may connect to this machine alone, was {address[0]}")
        return connect(self, address)

    return guarded


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
