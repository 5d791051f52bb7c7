"""One socket of a streaming source: opened, listened to, and opened again for as long as the source runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import msgspec

from chrono.core.component import Emit
from chrono.core.errors import FrameError, PermanentError, RateLimited
from chrono.core.transport.endpoint import Endpoint, Heartbeat, shown
from chrono.core.transport.notices import Notices
from chrono.core.transport.outage import Outage, from_error, pause
from chrono.core.types import SECOND, Ack, Quote, RateLimit, Reconnect, Rejected, Reply, Signal, Ticker, Trade

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from chrono.core.transport.websocket import WebSocketSource

_TICKS = (Trade, Quote, Ticker)
_PROGRESS = (*_TICKS, Ack)
_LARGEST = 16 * 2**20
_STEPS = 4


class Connection:
    """The life of one socket and its successors.

    Parameters
    ----------
    source : WebSocketSource
        Whose frames these are.
    symbols : sequence of str
        What this connection subscribes to.
    emit : Emit
        Where ticks go.
    notices : Notices
        Where troubles go.
    slot : int
        Which of the source's connections this is.
    """

    def __init__(
        self, source: WebSocketSource, symbols: Sequence[str], emit: Emit, notices: Notices, slot: int = 0
    ) -> None:
        self._source = source
        self._context = source.context
        self._symbols = symbols
        self._emit = emit
        self._notices = notices
        self._slot = slot
        self._backoff = source.backoff()
        self._where = "the venue"
        self._number = 0
        self._frames = 0
        self._awaiting: set[str] = set()
        self._ended = Outage("", "")

    async def run(self) -> NoReturn:
        """Connect, listen, wait, and again, until cancelled."""
        while True:
            outage = await self._attempt()
            self._notices.down(outage, self._slot)
            # both are lower bounds: never earlier than asked, and never a hot loop
            await self._context.clock.sleep(max(outage.wait, self._backoff.next()))

    async def _attempt(self) -> Outage:
        try:
            socket = await self._open()
        except PermanentError:
            raise
        except RateLimited as error:
            return Outage("rate_limited", f"{self._where}: {error}", pause(error.retry_after))
        except Exception as error:  # noqa: BLE001 - a token reply that is not as documented is the venue's fault
            return self._explain(error)
        self._number = self._source.next_connection()
        self._ended = Outage("stopped", "")
        try:
            self._record("open", url=self._where)
            return await self._converse(socket)
        finally:
            await self._close(socket)
            self._record("close", reason=self._ended.message or self._ended.code)

    async def _open(self) -> ClientConnection:
        from websockets.asyncio.client import connect  # 60 ms that `chrono --help` need not pay

        source = self._source
        with anyio.fail_after(source.open_within):
            endpoint = await _endpoint(source)
        self._where = shown(endpoint.url, source.config.written("url"))
        ping = source.ping if endpoint.ping is None else endpoint.ping
        # the library's own debug lines show the request with its query and headers
        logger = logging.getLogger("chrono.websocket")
        logger.setLevel(logging.WARNING)
        return await connect(
            endpoint.url,
            additional_headers=endpoint.headers,
            compression=None,
            max_size=_LARGEST,
            open_timeout=source.open_within,
            ping_interval=ping or None,
            close_timeout=source.close_within,
            logger=logger,
            ssl=source.tls if endpoint.url.startswith("wss:") else None,
        )

    def _explain(self, error: Exception) -> Outage:
        from websockets.exceptions import InvalidURI, ProxyError  # loaded by now

        if isinstance(error, InvalidURI):
            advice = "is no address to connect to: correct `url` or update the plugin"
            return Outage("address", f"{self._where} {advice}", 300.0)
        if isinstance(error, ProxyError):
            advice = "cannot be reached through the proxy: check the proxy's address and credentials"
            return Outage("proxy", f"{self._where} {advice}")
        return from_error(error, self._where, self._context.clock.now())

    async def _converse(self, socket: ClientConnection) -> Outage:
        from websockets.exceptions import ConnectionClosed  # loaded by now

        self._awaiting = set(self._symbols)
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch, group.cancel_scope)
            group.start_soon(self._await_acknowledgements)
            if self._source.heartbeat is not None:
                group.start_soon(self._beat, socket, self._source.heartbeat)
            try:
                for message in self._source.subscribe(self._symbols):
                    await self._send(socket, message)
                self._ended = await self._listen(socket)
            except ConnectionClosed as error:
                self._ended = Outage("hung_up", f"{self._where} closed the connection ({_why(error)}): trying again")
            group.cancel_scope.cancel()
        return self._ended

    async def _listen(self, socket: ClientConnection) -> Outage:
        # one pass per frame of every venue: no task, queue, scope or attribute look-up that can be had outside
        receive, read, emit = socket.recv, self._source.read, self._emit
        now, record, session = self._context.clock.now, self._context.recorder, self._source.session()
        name, number, waiting = self._context.name, self._number, True
        # only a recording needs to know text from binary, which costs decoding
        decode = False if record is None else None
        signals: list[Signal] = []
        opened = ts = good = now()
        try:
            while True:
                data: bytes | str = await receive(decode)
                ts = now()
                self._frames += 1
                if record is not None:
                    record.write(name, "ws", data, ts=ts, conn=number)
                    data = data.encode() if isinstance(data, str) else data
                try:
                    items = read(data, session)
                except FrameError as error:
                    self._notices.damaged(error, ts)
                    continue
                good = ts
                # all of a frame's ticks enter at once, as in a replay: a signal may end the connection, or wait
                for item in items:
                    if isinstance(item, _TICKS):
                        emit(item, ts)
                    else:
                        signals.append(item)
                while signals:
                    if (outage := await self._obey(socket, signals.pop(0))) is not None:
                        return outage
                if waiting and (not self._notices.refused or any(isinstance(item, _PROGRESS) for item in items)):
                    waiting = False
                    self._notices.live(self._slot)
        finally:
            # a venue that hangs up sooner than this is asked less and less often; one that hangs up every half a
            # minute, as some do, costs a moment each time
            if good - opened >= self._source.healthy_after * SECOND:
                self._backoff.reset()

    async def _obey(self, socket: ClientConnection, signal: Signal) -> Outage | None:
        match signal:
            case Ack(symbols):
                accepted = symbols or tuple(self._awaiting)
                self._awaiting.difference_update(accepted)
                self._notices.accepted(accepted, named=bool(symbols))
            case Rejected():
                self._notices.rejected(signal)
            case Reply(message):
                await self._send(socket, message)
            case Reconnect(reason):
                return Outage("reconnect", f"{self._where} wants a new connection ({reason[:120]}): connecting again")
            case RateLimit(seconds, reason):
                advice = "waiting as asked; if it lasts, run fewer sources from this address"
                return Outage(
                    "rate_limited", f"{self._where} asks for a pause ({reason[:120]}): {advice}", pause(seconds)
                )
            case _:
                yielded = f"`parse` yielded {type(signal).__name__}, expected ticks and signals"
                self._notices.damaged(FrameError(yielded, b"", self._context.name), self._context.clock.now())
        return None

    async def _send(self, socket: ClientConnection, message: Any) -> None:
        data = message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode()
        self._record("sent", self._source.config.without_secrets(data) if isinstance(data, str) else data)
        await socket.send(data)

    async def _beat(self, socket: ClientConnection, heartbeat: Heartbeat) -> None:
        from websockets.exceptions import ConnectionClosed  # loaded by now

        # whoever listens learns of a closed connection, too
        with suppress(ConnectionClosed):
            while True:
                await anyio.sleep(heartbeat.every)
                await self._send(socket, heartbeat.message)

    async def _watch(self, scope: anyio.CancelScope) -> None:
        # counting frames in steps needs neither a clock per frame nor one that never jumps, and a machine that was
        # asleep costs one step, not the connection
        silence = self._source.config.silence
        quiet, seen = 0, self._frames
        while quiet < _STEPS:
            await anyio.sleep(silence.seconds / _STEPS)
            quiet = quiet + 1 if self._frames == seen else 0
            seen = self._frames
        advice = "connecting again; if it repeats, see the venue's status page or raise `silence`"
        self._ended = Outage("silence", f"{self._where} sent nothing for {silence}: {advice}")
        scope.cancel()

    async def _await_acknowledgements(self) -> None:
        await anyio.sleep(self._source.ack_within)
        self._notices.unacknowledged(self._awaiting, self._source.ack_within)

    async def _close(self, socket: ClientConnection) -> None:
        with anyio.move_on_after(self._source.close_within, shield=True):
            await socket.close()
            return
        socket.transport.abort()
        with anyio.move_on_after(self._source.close_within, shield=True):
            await socket.wait_closed()

    def _record(self, kind: str, data: bytes | str | None = None, **more: Any) -> None:
        if (recorder := self._context.recorder) is not None:
            recorder.write(self._context.name, kind, data, ts=self._context.clock.now(), conn=self._number, **more)


async def _endpoint(source: WebSocketSource) -> Endpoint:
    if not source.asks:
        return Endpoint(source.config.url or source.url)
    async with source.http() as http:
        return await source.endpoint(http)


def _why(error: Any) -> str:
    close = error.rcvd or error.sent
    return f"{close.code} {close.reason[:120]}".strip() if close else "without a word"
