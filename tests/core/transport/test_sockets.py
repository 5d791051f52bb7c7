"""The socket that hands messages on as they are received: like `websockets`, only sooner."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import struct
import subprocess
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.uri import parse_uri
from websockets.utils import accept_key

from chrono.core.transport import sockets
from chrono.core.transport.endpoint import Endpoint
from chrono.core.transport.sockets import TURN, Socket, connect

pytestmark = pytest.mark.anyio

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(payload: bytes, kind: int = TEXT, *, fin: bool = True, reserved: int = 0, masked: bool = False) -> bytes:
    """Write a frame by hand."""
    first, mask, size = (0x80 if fin else 0) | reserved << 4 | kind, 0x80 if masked else 0, len(payload)
    if size < 126:
        head = struct.pack(">BB", first, mask | size)
    elif size < 65_536:
        head = struct.pack(">BBH", first, mask | 126, size)
    else:
        head = struct.pack(">BBQ", first, mask | 127, size)
    return head + (bytes(4) if masked else b"") + payload


class Wire(asyncio.Transport):
    """A transport without a network; what is written is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading: list[str] = []
        self.protocol: Any = None
        self.gone = False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.gone

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading.append("paused")

    def resume_reading(self) -> None:
        self.reading.append("resumed")

    def close(self) -> None:
        self.lose()

    abort = close

    def lose(self) -> None:
        if not self.gone:
            self.gone = True
            self.protocol.connection_lost(None)


async def wired(kind: type[ClientConnection] = Socket, after: bytes = b"") -> tuple[Any, Wire]:
    """Return a connection that has shaken hands; the venue sent `after` in the same packet."""
    connection = kind(ClientProtocol(parse_uri("ws://venue.test/"), max_size=sockets.LARGEST), max_queue=None)
    wire = Wire()
    wire.protocol = connection
    connection.connection_made(wire)
    async with anyio.create_task_group() as group:
        group.start_soon(connection.handshake)
        await anyio.lowlevel.checkpoint()
        answer = f"Sec-WebSocket-Accept: {accept_key(connection.protocol.key)}\r\n\r\n".encode()
        connection.data_received(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: ")
        connection.data_received(b"keep-alive, Upgrade\r\n" + answer[:-1])
        connection.data_received(answer[-1:] + after)
    return connection, wire


class Heard:
    """Keeps messages and their times; wants no more after those in `stops`."""

    def __init__(self, *stops: Any) -> None:
        self.messages: list[Any] = []
        self.times: list[int] = []
        self._stops = stops
        self._time = 0

    def now(self) -> int:
        self._time += 1
        return self._time

    def __call__(self, message: Any, received: int) -> bool:
        self.messages.append(message)
        self.times.append(received)
        return message in self._stops


@asynccontextmanager
async def listening(socket: Socket, heard: Heard) -> AsyncIterator[asyncio.Task[None]]:
    """Listen for as long as the block lasts."""
    task = asyncio.ensure_future(socket.listen(heard, heard.now))
    await anyio.lowlevel.checkpoint()
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ConnectionClosed):
            await task


async def turns(count: int = 20) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def test_messages_of_a_packet_are_taken_at_once_with_one_time() -> None:
    """No task switch, and no reading of the clock, stands between the messages of one packet."""
    socket, _ = await wired()
    heard = Heard()
    async with listening(socket, heard):
        socket.data_received(frame(b"1") + frame(b"2", BINARY) + frame(b"3" * 200))
        assert heard.messages == [b"1", b"2", b"3" * 200]
        socket.data_received(frame(b"4"))
    assert heard.times[0] == heard.times[1] == heard.times[2] < heard.times[3]


async def test_frames_in_the_packet_that_ends_the_handshake_wait_for_who_listens() -> None:
    """A venue may talk before it is asked; nothing more is received until someone listens."""
    socket, wire = await wired(after=frame(b"hello") + frame(b"world")[:3])
    socket.data_received(frame(b"world")[3:])
    assert wire.reading == ["paused"]
    heard = Heard()
    async with listening(socket, heard):
        assert heard.messages == [b"hello", b"world"]
    assert wire.reading == ["paused", "resumed"]


async def test_who_wants_no_more_for_now_loses_nothing() -> None:
    """What comes while nobody listens is kept in order, and TCP holds the venue back."""
    socket, wire = await wired()
    heard = Heard(b"stop")
    async with listening(socket, heard) as task:
        socket.data_received(frame(b"1") + frame(b"stop") + frame(b"2"))
        await turns()
        assert task.done()
    socket.data_received(frame(b"3"))
    assert heard.messages == [b"1", b"stop"]
    assert wire.reading == ["paused"]
    async with listening(socket, heard):
        assert heard.messages == [b"1", b"stop", b"2", b"3"]
        assert wire.reading == ["paused", "resumed"]


async def test_others_have_their_turn_during_a_flood() -> None:
    """Of a packet that holds very much, only so much is handled at once, and nothing more is received meanwhile."""
    socket, wire = await wired()
    heard, seen, size = Heard(), [], 1_000
    async with listening(socket, heard):
        socket.data_received(frame(bytes(size)) * 500)
        while len(heard.messages) < 500:
            seen.append(len(heard.messages))
            assert wire.reading[-1] == "paused"
            await anyio.lowlevel.checkpoint()
        seen.append(500)
        assert wire.reading[-1] == "resumed"
    steps = [after - before for before, after in zip([0, *seen], seen, strict=False)]
    assert max(steps) <= TURN // size + 1
    assert len([step for step in steps if step]) >= 15


async def test_large_message_in_many_packets_is_put_together_once() -> None:
    """Waiting for the rest of a message costs no copy of what has come so far."""
    socket, _ = await wired()
    heard, sent = Heard(), frame(bytes(2 * 2**20), BINARY)
    async with listening(socket, heard):
        socket.data_received(sent[:1_000])
        tracemalloc.start()
        for at in range(1_000, len(sent) // 2, 1_000):
            socket.data_received(sent[at : at + 1_000])
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        socket.data_received(sent[at + 1_000 :])
    assert [len(message) for message in heard.messages] == [2 * 2**20]
    assert most < 1.5 * 2**20


async def test_fragments_are_one_message_and_pings_between_them_are_answered() -> None:
    """A message in pieces, with a control frame in the middle, is handed on whole."""
    socket, wire = await wired()
    heard = Heard()
    sent = frame("\u20ac".encode()[:1], fin=False) + frame(b"x", PING) + frame("\u20ac".encode()[1:], CONTINUED)
    wire.sent = b""
    async with listening(socket, heard):
        socket.data_received(sent + frame(b"a", BINARY, fin=False) + frame(b"", CONTINUED, fin=False))
        socket.data_received(frame(b"b", CONTINUED) + frame(b"next"))
    assert heard.messages == ["\u20ac".encode(), b"ab", b"next"]
    assert wire.sent[0] == 0x80 | PONG


async def test_text_that_is_no_utf_8_is_left_to_who_reads_it() -> None:
    """A parser says itself what is wrong with bytes, and a recording keeps them."""
    socket, _ = await wired()
    heard = Heard()
    async with listening(socket, heard):
        socket.data_received(frame(b"\xff"))
        assert heard.messages == [b"\xff"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"x", reserved=4), 1002),
        (frame(b"x", kind=3), 1002),
        (frame(b"x", masked=True), 1002),
        (frame(b"x" * 300, masked=True), 1002),
        (frame(b"x", CONTINUED), 1002),
        (frame(b"x", fin=False) + frame(b"y"), 1002),
        (frame(b"x", PING, fin=False), 1002),
        (frame(bytes(1_001)), 1009),
        (frame(bytes(70_000)), 1009),
        (frame(bytes(1_000), fin=False) + frame(bytes(1), CONTINUED), 1009),
    ],
)
async def test_broken_protocol_ends_the_connection_with_its_code(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, code: int
) -> None:
    """What RFC 6455 forbids, and what is too large, is answered as it says; what came before is taken."""
    monkeypatch.setattr(sockets, "LARGEST", 1_000)
    socket, wire = await wired()
    heard = Heard()
    async with listening(socket, heard) as task:
        socket.data_received(frame(b"before") + sent + frame(b"after"))
        await turns()
        wire.lose()
        with pytest.raises(ConnectionClosedError) as caught:
            await task
    assert heard.messages == [b"before"]
    assert caught.value.sent is not None
    assert caught.value.sent.code == code


async def test_mistake_of_who_listens_is_raised_there() -> None:
    """An exception is not the transport's to swallow, nor a reason for the library to log."""
    socket, _ = await wired()

    def fail(_: Any, __: int) -> None:
        raise KeyError("theirs")

    task = asyncio.ensure_future(socket.listen(fail, lambda: 0))
    await anyio.lowlevel.checkpoint()
    socket.data_received(frame(b"1") + frame(b"2"))
    with pytest.raises(KeyError, match="theirs"):
        await task


async def test_messages_before_the_end_are_taken_before_it_is_told() -> None:
    """A connection that is lost while messages wait is not lost before they are handed on."""
    socket, wire = await wired()
    heard = Heard(b"stop")
    async with listening(socket, heard):
        socket.data_received(frame(b"stop") + frame(b"1") + frame(b"2")[:2])
        wire.lose()
    with pytest.raises(ConnectionClosedError) as caught:
        await socket.listen(heard, heard.now)
    assert heard.messages == [b"stop", b"1"]
    assert caught.value.rcvd is None


async def test_flood_is_taken_whole_before_the_end_is_told() -> None:
    """The same where the loop has to go round several times."""
    socket, wire = await wired()
    heard = Heard()
    async with listening(socket, heard) as task:
        socket.data_received(frame(bytes(1_000)) * 500)
        wire.lose()
        with pytest.raises(ConnectionClosedError):
            await task
    assert len(heard.messages) == 500


FRAMES = st.one_of(
    st.builds(frame, st.binary(max_size=200), st.sampled_from([TEXT, BINARY])),
    st.builds(frame, st.binary(max_size=3), st.sampled_from([PING, PONG])),
    st.builds(frame, st.binary(max_size=5), st.sampled_from([TEXT, BINARY, CONTINUED]), fin=st.booleans()),
    st.just(b""),
    st.sampled_from([frame(b"", CLOSE), frame(b"\x0f\xa1bye", CLOSE), frame(b"\x03", CLOSE), frame(b"x", reserved=1)]),
)


@settings(max_examples=100, deadline=None)
@given(written=st.lists(FRAMES, max_size=12), cuts=st.lists(st.integers(1, 400), min_size=1, max_size=8))
def test_it_says_what_websockets_says(written: list[bytes], cuts: list[int]) -> None:
    """Whatever comes, cut into packets however, messages, answers and the end are those of `websockets`."""
    # nothing stands for something too long to be printed when this fails
    packets = cut(b"".join(sent or frame(bytes(70_000)) for sent in written), cuts)
    assert asyncio.run(told(Socket, packets)) == asyncio.run(told(ClientConnection, packets))


def cut(stream: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut a stream into packets of these sizes, in turn, the last one of all that is left."""
    found = []
    for size in sizes:
        found.append(stream[:size])
        stream = stream[size:]
    return [packet for packet in (*found, stream) if packet]


async def told(kind: type[ClientConnection], packets: Sequence[bytes]) -> tuple[Any, ...]:
    """Return the messages, the kinds of the answers, and how it ended."""
    connection, wire = await wired(kind)
    heard = Heard()

    async def take() -> None:
        if isinstance(connection, Socket):
            await connection.listen(heard, heard.now)
        while True:
            heard(await connection.recv(False), 0)

    wire.sent = b""
    task = asyncio.ensure_future(take())
    await anyio.lowlevel.checkpoint()
    for packet in packets:
        connection.data_received(packet)
        await turns(2)
    await turns(40)
    answers = kinds(wire.sent)
    wire.lose()
    with pytest.raises(ConnectionClosed) as caught:
        await task
    return heard.messages, answers, caught.value.rcvd, caught.value.sent


def kinds(stream: bytes) -> list[int]:
    """Return the first bytes of masked frames with small payloads."""
    found = []
    while stream:
        found.append(stream[0])
        stream = stream[6 + (stream[1] & 0x7F) :]
    return found


@asynccontextmanager
async def served(script: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[str]:
    """Serve a script on loopback."""

    async def handle(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await script(socket)

    async with serve(handle, "127.0.0.1", 0, close_timeout=0.2, **options) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


async def opened(url: str, *, ping: float = 0.0, tls: ssl.SSLContext | None = None) -> Socket:
    """Connect."""
    return await connect(Endpoint(url, {"X-Venue": "toy"}), ping=ping, tls=tls, within=2.0, leave=0.3)


async def test_code_and_reason_of_a_close_are_told_after_all_messages() -> None:
    """What the venue says when it hangs up reaches who listens, after what it sent before."""

    async def script(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.headers["X-Venue"] == "toy"
        for number in range(3_000):
            await socket.send(f"{number:0200}")
        await socket.close(4001, "maintenance")

    heard = Heard()
    async with served(script) as url:
        socket = await opened(url)
        with pytest.raises(ConnectionClosedError) as caught:
            await socket.listen(heard, heard.now)
    assert [int(message) for message in heard.messages] == list(range(3_000))
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "maintenance")


async def test_hang_up_without_a_close_frame_is_told_without_a_code() -> None:
    """A connection that breaks off says nothing about why."""

    async def script(socket: ServerConnection) -> None:
        await socket.send("last")
        await anyio.sleep(0.02)
        socket.transport.abort()

    heard = Heard()
    async with served(script) as url:
        socket = await opened(url)
        with pytest.raises(ConnectionClosedError) as caught:
            await socket.listen(heard, heard.now)
    assert heard.messages == [b"last"]
    assert caught.value.rcvd is None


async def test_venue_that_says_goodbye_and_stays_is_left() -> None:
    """After a close frame the venue has so long to end the connection, then we do."""

    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(line[19:] for line in request.decode().splitlines() if line.lower().startswith("sec-websocket-key:"))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode() + frame(b"\x0f\xa1bye", CLOSE))
        await reader.read(-1)
        writer.close()

    heard = Heard()
    async with await asyncio.start_server(stay, "127.0.0.1", 0) as server:
        socket = await opened(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with anyio.fail_after(2), pytest.raises(ConnectionClosedError, match="bye"):
            await socket.listen(heard, heard.now)


async def test_peer_that_answers_no_ping_is_left() -> None:
    """A half-open connection is noticed by the ping that nobody answers."""

    async def script(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        await anyio.sleep(0.3)

    heard = Heard()
    async with served(script) as url:
        socket = await opened(url, ping=0.02)
        socket.ping_timeout = 0.05
        with anyio.fail_after(2), pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
            await socket.listen(heard, heard.now)


async def test_flood_does_not_delay_leaving() -> None:
    """Closing in the middle of a flood takes no longer than the venue takes to answer."""
    codes = []

    async def script(socket: ServerConnection) -> None:
        try:
            while True:
                await socket.send("x" * 500)
        finally:
            await socket.wait_closed()
            codes.append(socket.close_code)

    heard = Heard()
    async with served(script) as url:
        socket = await opened(url)
        async with listening(socket, heard):
            await anyio.sleep(0.05)
        began = anyio.current_time()
        await socket.close()
        took = anyio.current_time() - began
    assert heard.messages
    assert took < 0.25
    assert codes == [1000]


async def test_flood_leaves_the_loop_to_others() -> None:
    """While a venue sends as fast as it can, another task is never late by much."""
    late = []

    async def script(socket: ServerConnection) -> None:
        while True:
            socket.transport.write(frame(b'{"p": "67123.1", "q": "0.5"}') * 500)
            await socket.drain()
            await anyio.lowlevel.checkpoint()

    def take(message: bytes, _: int) -> None:
        sum(range(100))

    async with served(script) as url:
        socket = await opened(url)
        task = asyncio.ensure_future(socket.listen(take, lambda: 0))
        for _ in range(12):
            due = anyio.current_time() + 0.005
            await anyio.sleep(0.005)
            late.append(anyio.current_time() - due)
        task.cancel()
        await socket.close()
    assert sorted(late)[len(late) // 2] < 0.1


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate for this machine, with its key in the file."""
    program, file, key = shutil.which("openssl"), tmp_path / "venue.pem", tmp_path / "key.pem"
    if program is None:
        pytest.skip("expected openssl to make a certificate, there is none")
    ask = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    ask += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {file}"
    subprocess.run([program, *ask.split()], check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


async def test_messages_come_over_tls_from_whom_the_context_trusts(certificate: Path) -> None:
    """A certificate is checked by the context that is given, and messages come as over TCP."""
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate)

    async def script(socket: ServerConnection) -> None:
        for number in range(2_000):
            await socket.send(f"{number:0200}")

    heard = Heard()
    async with served(script, ssl=theirs) as plain:
        url = plain.replace("ws:", "wss:")
        with pytest.raises(ssl.SSLCertVerificationError):
            await opened(url, tls=ssl.create_default_context())
        socket = await opened(url, tls=ssl.create_default_context(cafile=certificate))
        with pytest.raises(ConnectionClosed):
            await socket.listen(heard, heard.now)
    assert [int(message) for message in heard.messages] == list(range(2_000))
