"""Reports of now, for whoever asks from another thread: what a sink's instants are when they are requests.

A request says that it wants a report; the pipeline's thread gives the instant, prices it, and hands the report to all
who had asked by then. Who asks while something is priced waits for the next, together with all others who do.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, InvalidStateError
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self

from pydantic import Field, SecretStr, field_validator

from chrono import PermanentError, Report, Sink
from chrono_flare_ftso.ledger import Ledger

if TYPE_CHECKING:
    from chrono_flare_ftso.api import Endpoint
    from chrono_flare_ftso.serving import Server


class Unanswered(Exception):
    """There is no report: none in time, or nobody prices any more."""


class Now(Protocol):
    """Whatever knows the time."""

    def now(self) -> int:
        """Return it, in nanoseconds."""
        ...


class Asking:
    """Lets any thread ask a pipeline for a report of now.

    Examples
    --------
    Who asks waits until the pipeline has an instant, and a report of it:

    >>> asking = Asking()
    >>> asking.ask().done()
    False
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._new: list[Future[Report]] = []
        self._given: list[tuple[int, Future[Report]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._closed = False

    def ask(self) -> Future[Report]:
        """Ask for a report of an instant from now on.

        Returns
        -------
        concurrent.futures.Future of Report
            It has the report, or `Unanswered` when nothing is priced any more; who waits no longer cancels it.
        """
        wanted: Future[Report] = Future()
        with self._lock:
            if self._closed:
                wanted.set_exception(Unanswered("the pipeline has stopped"))
                return wanted
            self._new.append(wanted)
            loop = self._loop
        if loop is not None:
            # a loop that has ended answers nobody, and who waits has a bound of its own
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._wake.set)
        return wanted

    async def report(self, within: float) -> Report:
        """Ask, on any event loop, and wait.

        Parameters
        ----------
        within : float
            Seconds.

        Raises
        ------
        Unanswered
            If there is none in time, or nothing is priced any more.
        """
        try:
            async with asyncio.timeout(within):
                return await asyncio.wrap_future(self.ask())
        except TimeoutError:
            raise Unanswered(f"no report within {within:g} s") from None

    async def instants(self, clock: Now) -> AsyncIterator[int]:
        """Yield an instant whenever somebody asked: what `Sink.trigger` returns."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            if self._new:
                self._wake.set()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if (instant := self._instant(clock)) is not None:
                    yield instant
        finally:
            self.close()

    def _instant(self, clock: Now) -> int | None:
        with self._lock:
            waiting = [each for each in self._new if not each.cancelled()]
            self._new = []
            if not waiting:
                return None
            as_of = clock.now()
            self._given = [(at, each) for at, each in self._given if not each.cancelled()]
            self._given += [(as_of, each) for each in waiting]
        return as_of

    def answer(self, report: Report) -> None:
        """Give a report to all who wait for its instant or an earlier one: what `Sink.publish` does."""
        with self._lock:
            ready = [each for at, each in self._given if at <= report.round.as_of]
            self._given = [(at, each) for at, each in self._given if at > report.round.as_of]
        for each in ready:
            # it may have been cancelled by now
            with contextlib.suppress(InvalidStateError):
                each.set_result(report)

    def close(self) -> None:
        """Tell all who wait, and all who will ask, that nothing is priced any more."""
        with self._lock:
            self._closed = True
            left = [*self._new, *(each for _, each in self._given)]
            self._new, self._given = [], []
        for each in left:
            with contextlib.suppress(InvalidStateError):
                each.set_exception(Unanswered("the pipeline has stopped"))


class AskedSink(Sink):
    """A sink that publishes by answering requests over HTTP, and keeps what it answered in a ledger.

    Attributes
    ----------
    asking : Asking
        How an endpoint has a report of now.
    ledger : Ledger
        While it is open.
    server : Server
        While it is open.

    Notes
    -----
    A subclass says what it serves in `endpoints`; those run on the server's own loop, in the server's thread. What is
    to be ready before the first request belongs into `prepare`, what has to end after the last one into `release`.
    """

    class Config(Sink.Config):
        """Where it listens, who may ask, where it keeps what it promised."""

        host: str = Field(default="127.0.0.1", min_length=1)
        """The address to listen on; 0.0.0.0 for all of the machine's, as a container needs."""

        port: int = Field(default=0, ge=0, le=65535)
        """The port; any free one for 0."""

        base_path: str = ""
        """What stands before each path, such as /provider."""

        api_keys: Sequence[Annotated[SecretStr, Field(min_length=1)]] = ()
        """One of which a request has to bring as X-API-KEY, such as ["${env:FLARE_API_KEY}"]; none: anybody may ask."""

        ledger: str = Field(default="flare.db", min_length=1)
        """The file of what was answered, so that it is answered again after a restart."""

        @field_validator("base_path")
        @classmethod
        def _slashes(cls, path: str) -> str:
            plain = path.strip("/")
            if any(letter in plain for letter in "{}?#% "):
                raise ValueError("expected a path such as /provider, was one with a space, or one of {}?#%")
            return f"/{plain}" if plain else ""

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self.asking = Asking()
        self.ledger: Ledger
        self.server: Server
        self._home: asyncio.AbstractEventLoop

    @abstractmethod
    def endpoints(self) -> Sequence[Endpoint]:
        """Return what is served."""

    async def prepare(self) -> None:
        """Make ready what endpoints need; the ledger is open, nothing is served yet."""

    async def release(self) -> None:
        """Let go of that; nothing is served any more, the ledger is still open."""

    async def __aenter__(self) -> Self:
        # what serves is imported where something is served
        from chrono_flare_ftso.api import Api
        from chrono_flare_ftso.serving import Server

        self._home = asyncio.get_running_loop()
        self.asking = Asking()
        # first: where the port is taken, nothing else is begun
        self.server = Server(self.config.host, self.config.port)
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.server.stop)
            self.ledger = undo.enter_context(Ledger(Path(self.config.ledger)))
            await self.prepare()
            keys = [key.get_secret_value() for key in self.config.api_keys]
            self.server.start(Api(self.endpoints(), self.config.base_path, keys, self._failed))
            undo.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.asking.close()
        with self.ledger:
            try:
                await self.server.stop()
            finally:
                await self.release()

    def trigger(self, clock: Any) -> AsyncIterator[int]:
        """Return the instants of requests."""
        return self.asking.instants(clock)

    async def publish(self, report: Report) -> None:
        """Answer those who wait for this report."""
        self.asking.answer(report)

    def tell(self, state: Any, code: str, message: str) -> None:
        """Report a status, from any thread."""
        with contextlib.suppress(RuntimeError):
            self._home.call_soon_threadsafe(self.context.status, state, code, message)

    def note(self, line: str, **more: Any) -> None:
        """Log a line, from any thread."""
        with contextlib.suppress(RuntimeError):
            self._home.call_soon_threadsafe(partial(self.context.logger.info, line, **more))

    def _failed(self, path: str, error: Exception) -> None:
        """Tell of a request that could not be answered; what was asked is not repeated, it may be a secret."""
        told = str(error) if isinstance(error, PermanentError) else type(error).__name__
        self.tell("degraded", "unanswered", f"{path}: a request was answered with an error: {told}")
