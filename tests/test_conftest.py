"""The guard round the tests is itself tested."""

import asyncio
import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.com"])
def test_connection_to_another_machine_is_refused_and_noted(host: str, strayed: list[str]) -> None:
    """What the code under test does with the refusal does not matter: the test fails at its end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock, pytest.raises(ConnectionRefusedError, match="this machine alone"):
        sock.connect((host, 9))
    assert strayed == [host]
    strayed.clear()


@pytest.mark.anyio
async def test_connection_of_an_event_loop_is_guarded_too(strayed: list[str]) -> None:
    """The loop's own sockets go through the same door."""
    with pytest.raises(OSError, match="192.0.2.1"):
        await asyncio.open_connection("192.0.2.1", 9)
    assert strayed == ["192.0.2.1"]
    strayed.clear()


def test_connection_to_this_machine_is_let_through() -> None:
    """Local servers stand in for venues."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
        assert sock.getpeername() == server.getsockname()
