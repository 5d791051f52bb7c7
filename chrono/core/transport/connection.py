"""One socket of a streaming source: opened, listened to, and opened again for as long as the source runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from chrono.core.component import Emit
from chrono.core.errors import FrameError, PermanentError, RateLimited
from chrono.core.transport.endpoint import Endpoint, Heartbeat, shown
from chrono.core.transport.notices import Notices
from chrono.core.transport.outage import SLOW, Outage, from_error, pause
from chrono.core.transport.routes import Route
from chrono.core.transport.watch import Watch
from chrono.core.types import SECOND, Ack, Quote, RateLimit, Reconnect, Rejected, Reply, Signal, Tick, Ticker, Trade

if TYPE_CHECKING:
    from chrono.core.transport.fallback import Fallback
    from chrono.core.transport.sockets import Socket
    from chrono.core.transport.websocket import WebSocketSource

_TICKS = (Trade, Quote, Ticker)
_PROGRESS = (*_TICKS, Ack)
_STEPS = 4
_SPREAD = 0.1


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
    fallback : Fallback or None
        Asks for what the stream does not bring.
    """

    def __init__(
        self,
        source: WebSocketSource,
        symbols: Sequence[str],
        emit: Emit,
        notices: Notices,
        slot: int = 0,
        fallback: Fallback | None = None,
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
        self._route = source.routes.current
        self._heartbeat: Heartbeat | None = None
        self._socket: Socket | None = None
        self._scope: anyio.CancelScope | None = None
        self._watch = Watch(source, symbols, notices, fallback, self)

    async def run(self) -> None:
        """Connect, listen, wait, and again, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch.run)
            if self._slot:
                # a venue that counts connections does not get all of them in one moment
                await self._context.clock.sleep(self._slot * _SPREAD)
            while True:
                outage = await self._attempt()
                self._notices.down(outage, self._slot)
                # both are lower bounds: never earlier than asked, and never a hot loop
                await self._context.clock.sleep(max(self._pause(outage), self._backoff.next()))

    async def say(self, messages: Iterable[Any]) -> None:
        """Send messages, if there is a socket."""
        from websockets.exceptions import ConnectionClosed  # loaded by now

        socket = self._socket
        if socket is None:
            return
        # whoever listens learns of a closed connection, too
        with suppress(ConnectionClosed):
            for message in messages:
                await self._send(socket, message)

    def leave(self, outage: Outage) -> None:
        """End the conversation for this reason, if there is one."""
        if self._scope is not None:
            self._ended = outage
            self._scope.cancel()

    def move(self) -> str:
        """Use another address from now on; return what may be shown of it."""
        self._source.routes.leave(self._route)
        return self._source.routes.current.shown

    def go_home(self) -> None:
        """Leave an address that stands in for the first one, when that is to be tried again."""
        routes = self._source.routes
        if routes.homeward and self._scope is not None and self._route is routes.current:
            routes.go_home()
            self.leave(Outage("homeward", f"{self._where} stood in for long enough: trying the first address again"))

    def _pause(self, outage: Outage) -> float:
        """Return for how long to leave the venue alone; where there is another way to it, only as long as that asks."""
        source = self._source
        if outage.of_address:
            source.account.pause(outage.wait, self._context.clock.now())
        if source.routes.failed(self._route, outage):
            self._notices.moved(source.routes.current.shown)
        return outage.wait if source.routes.current is self._route else source.routes.wait

    async def _attempt(self) -> Outage:
        source, clock = self._source, self._context.clock
        self._notices.waited(await source.account.connection(clock))
        if source.routes.homeward:
            source.routes.go_home()
        self._route = source.routes.current
        if source.asks:
            self._notices.waited(await source.account.request(clock))
        try:
            socket = await self._open()
        except PermanentError:
            raise
        except RateLimited as error:
            return Outage("rate_limited", f"{self._where}: {error}", pause(error.retry_after), of_address=True)
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

    async def _open(self) -> Socket:
        from chrono.core.transport.sockets import connect  # 60 ms that `chrono --help` need not pay

        source = self._source
        with anyio.fail_after(source.open_within):
            endpoint = await _endpoint(source, self._route)
        self._where = shown(endpoint.url, source.config.written("url")) if source.asks else self._route.shown
        self._heartbeat = endpoint.heartbeat or source.heartbeat
        return await connect(
            endpoint,
            ping=source.ping if endpoint.ping is None else endpoint.ping,
            tls=source.tls if endpoint.url.startswith("wss:") else None,
            within=source.open_within,
            leave=source.close_within,
            proxy=self._route.proxy,
        )

    def _explain(self, error: Exception) -> Outage:
        from websockets.exceptions import InvalidURI, ProxyError  # loaded by now

        if isinstance(error, InvalidURI):
            advice = "is no address to connect to: correct `url` or update the plugin"
            return Outage("address", f"{self._where} {advice}", 300.0)
        if isinstance(error, ImportError):
            advice = "can be reached through a SOCKS proxy only with a library: pip install 'chrono-oracle[socks]'"
            return Outage("proxy", f"{self._where} {advice}", SLOW)
        if isinstance(error, ProxyError):
            advice = "cannot be reached through the proxy: check the proxy's address and credentials"
            return Outage("proxy", f"{self._where} {advice}")
        return from_error(error, self._where, self._context.clock.now())

    async def _converse(self, socket: Socket) -> Outage:
        from websockets.exceptions import ConnectionClosed  # loaded by now

        self._awaiting = set(self._symbols)
        async with anyio.create_task_group() as group:
            self._socket, self._scope = socket, group.cancel_scope
            self._watch.opened()
            group.start_soon(self._await_silence)
            group.start_soon(self._await_acknowledgements)
            if self._heartbeat is not None:
                group.start_soon(self._beat, socket, self._heartbeat)
            try:
                if self._source.subscribe_after:
                    await self._context.clock.sleep(self._source.subscribe_after)
                for message in self._source.subscribe(self._symbols):
                    await self._send(socket, message)
                self._ended = await self._listen(socket)
            except ConnectionClosed as error:
                self._ended = Outage("hung_up", f"{self._where} closed the connection ({_why(error)}): trying again")
            finally:
                self._socket = self._scope = None
                self._watch.closed()
            group.cancel_scope.cancel()
        return self._ended

    async def _listen(self, socket: Socket) -> Outage:
        # one pass per frame of every venue: no task, queue, scope or attribute look-up that can be had outside
        read, emit, seen, dated = self._source.read, self._emit, self._watch.seen, self._watch.dated
        now, record, session = self._context.clock.now, self._context.recorder, self._source.session()
        name, number, waiting = self._context.name, self._number, True
        signals: list[Signal] = []
        items: Sequence[Tick | Signal] = ()
        opened = good = now()

        def take(data: bytes, ts: int) -> bool:
            nonlocal good, items
            self._frames += 1
            if record is not None:
                record.write(name, "ws", data, ts=ts, conn=number)
            try:
                items = read(data, session)
            except FrameError as error:
                self._notices.damaged(error, ts)
                return False
            good = ts
            # all of a frame's ticks enter at once, as in a replay: a signal may end the connection, or wait
            for item in items:
                if isinstance(item, _TICKS):
                    seen[item.symbol] = ts
                    dated[item.symbol] = item.ts_event
                    emit(item, ts)
                else:
                    signals.append(item)
            return waiting or bool(signals)

        try:
            while True:
                await socket.listen(take, now)
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
                self._source.routes.healthy(self._route)

    async def _obey(self, socket: Socket, signal: Signal) -> Outage | None:
        match signal:
            case Ack(symbols):
                accepted = symbols or tuple(self._awaiting)
                self._awaiting.difference_update(accepted)
                self._notices.accepted(accepted, named=bool(symbols))
            case Rejected(symbol) if self._watch.asked_again(symbol):
                pass  # some venues refuse what they already send
            case Rejected():
                self._notices.rejected(signal)
            case Reply(message):
                await self._send(socket, message)
            case Reconnect(reason):
                return Outage("reconnect", f"{self._where} wants a new connection ({reason[:120]}): connecting again")
            case RateLimit(seconds, reason, address):
                advice = "waiting as asked; if it lasts, run fewer sources from this address"
                message = f"{self._where} asks for a pause ({reason[:120]}): {advice}"
                return Outage("rate_limited", message, pause(seconds), of_address=address)
            case _:
                yielded = f"`parse` yielded {type(signal).__name__}, expected ticks and signals"
                self._notices.damaged(FrameError(yielded, b"", self._context.name), self._context.clock.now())
        return None

    async def _send(self, socket: Socket, message: Any) -> None:
        data = message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode()
        self._record("sent", self._source.config.without_secrets(data) if isinstance(data, str) else data)
        await socket.send(data)

    async def _beat(self, socket: Socket, heartbeat: Heartbeat) -> None:
        from websockets.exceptions import ConnectionClosed  # loaded by now

        # whoever listens learns of a closed connection, too
        with suppress(ConnectionClosed):
            while True:
                await anyio.sleep(heartbeat.every)
                message = heartbeat.message
                await self._send(socket, message() if callable(message) else message)

    async def _await_silence(self) -> None:
        # counting frames in steps needs neither a clock per frame nor one that never jumps, and a machine that was
        # asleep costs one step, not the connection
        silence = self._source.config.silence
        quiet, seen = 0, self._frames
        while quiet < _STEPS:
            await anyio.sleep(silence.seconds / _STEPS)
            quiet = quiet + 1 if self._frames == seen else 0
            seen = self._frames
        advice = "connecting again; if it repeats, see the venue's status page or raise `silence`"
        self.leave(Outage("silence", f"{self._where} sent nothing for {silence}: {advice}"))

    async def _await_acknowledgements(self) -> None:
        await anyio.sleep(self._source.ack_within)
        self._notices.unacknowledged(self._awaiting, self._source.ack_within)

    async def _close(self, socket: Socket) -> None:
        with anyio.move_on_after(self._source.close_within, shield=True):
            await socket.close()
            return
        socket.transport.abort()
        with anyio.move_on_after(self._source.close_within, shield=True):
            await socket.wait_closed()

    def _record(self, kind: str, data: bytes | str | None = None, **more: Any) -> None:
        if (recorder := self._context.recorder) is not None:
            recorder.write(self._context.name, kind, data, ts=self._context.clock.now(), conn=self._number, **more)


async def _endpoint(source: WebSocketSource, route: Route) -> Endpoint:
    if not source.asks:
        return Endpoint(route.url)
    async with source.http() as http:
        return await source.endpoint(http)


def _why(error: Any) -> str:
    close = error.rcvd or error.sent
    return f"{close.code} {close.reason[:120]}".strip() if close else "without a word"
