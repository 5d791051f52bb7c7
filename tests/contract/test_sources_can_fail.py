"""One source broken on purpose for each check; the check must fail for it."""

import asyncio
import base64
import contextlib
import gzip
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from pydantic import ConfigDict

from chrono import FrameError, Heartbeat, Listing, Pair, Reconnect, Signal, Tick, Trade
from chrono.testing import connection

from .failing import failure
from .toy import Accepted, Beat, PolledToy, PolledToyContract, Print, Question, Toy, ToyContract

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as chrono does."""
    return "asyncio"


class TestToy(ToyContract):
    """The sound toy passes every check."""


class TestPolledToy(PolledToyContract):
    """So does what is asked over HTTP."""


MUTANTS: list[tuple[str, type[Toy]]] = []


def breaks(check: str) -> Callable[[type[Toy]], type[Toy]]:
    """Note which check a broken toy is for."""

    def note(cls: type[Toy]) -> type[Toy]:
        MUTANTS.append((check, cls))
        return cls

    return note


@breaks("s01")
class Capital(Toy):
    """Its type is no lower-case word."""

    type = "Toy"


@breaks("s01")
class Unregistered(Toy):
    """No entry point has its type for a name."""

    type = "teddy"


@breaks("s02")
class TakesAnything(Toy):
    """It ignores options it does not know."""

    class Config(Toy.Config):
        """Options."""

        model_config = ConfigDict(extra="ignore")


@breaks("s03")
class Undescribed(Toy):
    """One option has no docstring."""

    class Config(Toy.Config):
        """Options."""

        depth: int = 1


@breaks("s04")
class PlainSecret(Toy):
    """A key is shown with the configuration."""

    class Config(Toy.Config):
        """Options."""

        api_key: str = ""
        """The key."""


@breaks("s10")
class OneSymbol(Toy):
    """Two quotes of one base share a symbol."""

    def symbol(self, pair: Pair) -> str:
        return pair.base


@breaks("s10")
class Wandering(Toy):
    """It names a pair differently each time."""

    calls = 0

    def symbol(self, pair: Pair) -> str:
        self.calls += 1
        return f"{super().symbol(pair)}{self.calls}"


@breaks("s11")
class OnlyTheFirst(Toy):
    """It subscribes to the first symbol alone."""

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield from super().subscribe(symbols[:1])


@breaks("s12")
class OnlyTwenty(Toy):
    """It subscribes to no more than twenty, and says that fifty fit a connection."""

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield from super().subscribe(symbols[:20])


@breaks("s12")
class Endless(Toy):
    """Its messages are too long for any venue."""

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield {"op": "subscribe", "symbols": list(symbols) * 1000}


class _Bent(Toy):
    """Bends each trade."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        raise NotImplementedError

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        return [
            bent for item in super().parse(frame) for bent in (self.bend(item) if isinstance(item, Trade) else [item])
        ]


def _with(trade: Trade, **changes: Any) -> Trade:
    return Trade(**{name: changes.get(name, getattr(trade, name)) for name in trade.__struct_fields__})


@breaks("s20")
class MakerSide(_Bent):
    """It takes the maker's side for the taker's."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield _with(trade, side="sell" if trade.side == "buy" else "buy")


@breaks("s20")
class Twice(_Bent):
    """It gives each trade twice."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield from (trade, trade)


@breaks("s21")
class SinglePrecision(_Bent):
    """It goes through a float of half the digits."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield _with(trade, price=float(np.float32(trade.price)))


@breaks("s22")
class Microseconds(_Bent):
    """It takes microseconds for nanoseconds."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield _with(trade, ts_event=(trade.ts_event or 0) // 1000)


@breaks("s22")
class FloatTime(_Bent):
    """It goes through a float, and loses nanoseconds."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield _with(trade, ts_event=(trade.ts_event or 0) / 1e9 * 1e9)


@breaks("s23")
class TalkativeAck(Toy):
    """It takes an acknowledgement for a trade."""

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        return [Trade(frame.symbols[0], 1.0, 1.0)] if isinstance(frame, Accepted) else super().parse(frame)


@breaks("s23")
class Strings(Toy):
    """It returns what is neither a tick nor a signal."""

    def parse(self, frame: Any) -> Iterable[Any]:
        return super().parse(frame) if isinstance(frame, Print) else ["beat"]


class LaxPrint(Print, tag_field="e", tag="trade"):
    """A trade of any number."""

    p: float


@breaks("s24")
class Lax(Toy):
    """It takes a price of -1."""

    Frame = LaxPrint | Accepted | Beat | Question


@breaks("s24")
class Deaf(Toy):
    """It takes what is cut for silence."""

    def read(self, data: bytes | str, session: Any = None) -> Sequence[Tick | Signal]:
        try:
            return super().read(data, session)
        except FrameError:
            return ()


@breaks("s24")
class Bare(Toy):
    """It lets its own mistakes out."""

    def read(self, data: bytes | str, session: Any = None) -> Sequence[Tick | Signal]:
        return tuple((session or self).parse(self.decode(data.encode() if isinstance(data, str) else data)))


@breaks("s30")
class Reversed(Toy):
    """It holds ticks back and gives them in another order."""

    held: tuple[Any, ...] = ()

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        items = tuple(super().parse(frame))
        if not self.held and isinstance(frame, Print):
            self.held = items
            return ()
        held, self.held = self.held, ()
        return items + held


@breaks("s30")
class Touchy(Toy):
    """A damaged frame costs it the connection."""

    def read(self, data: bytes | str, session: Any = None) -> Sequence[Tick | Signal]:
        try:
            return super().read(data, session)
        except FrameError:
            return (Reconnect("damaged"),)


@breaks("s31_a_hang_up")
@breaks("s36")
class Forgetful(Toy):
    """It subscribes to less the second time."""

    asked = False

    def subscribe(self, symbols: Sequence[str]) -> Iterator[Any]:
        yield from super().subscribe(symbols[:1] if self.asked else symbols)
        self.asked = True


class _Constant:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def next(self) -> float:
        return self.seconds

    def reset(self) -> None:
        """Nothing to reset."""


@breaks("s31_a_hang_up")
@breaks("s36")
class Hot(Toy):
    """It does not wait at all."""

    def backoff(self) -> Any:
        return _Constant(0.0)


@breaks("s31_waits")
class Steady(Toy):
    """It asks a dead venue as often as ever."""

    def backoff(self) -> Any:
        return _Constant(1.0)


@breaks("s31_waits")
class GivesUp(Toy):
    """Its waits grow beyond all bounds."""

    def backoff(self) -> Any:
        waits = iter(4.0**n for n in range(20))
        backoff = _Constant(0.0)
        backoff.next = lambda: next(waits)  # type: ignore[method-assign]
        return backoff


@breaks("s32")
class Patient(Toy):
    """It waits for a silent venue whatever the user says."""

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config and config.model_copy(update={"silence": Toy.Config().silence}), context)


@breaks("s33")
class Litters(Toy):
    """It leaves a task behind."""

    left: list[Any] = []

    async def run(self, markets: Any, emit: Any) -> None:
        self.left.append(asyncio.get_running_loop().create_task(asyncio.sleep(60)))
        await super().run(markets, emit)


@breaks("s33")
class Stubborn(Toy):
    """It does not leave when it is told to."""

    async def run(self, markets: Any, emit: Any) -> None:
        try:
            await super().run(markets, emit)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(2.1)


@breaks("s34")
class OwnWords(Toy):
    """It reports a state that is not on the list."""

    async def run(self, markets: Any, emit: Any) -> None:
        self.context.status("splendid")  # type: ignore[arg-type]
        await super().run(markets, emit)


@breaks("s34")
class Mute(Toy):
    """It reports trouble without a word about it."""

    async def run(self, markets: Any, emit: Any) -> None:
        self.context.status("degraded")
        await super().run(markets, emit)


@breaks("s35")
class Once(Toy):
    """It runs once and never again."""

    ran = False

    async def run(self, markets: Any, emit: Any) -> None:
        if self.ran:
            await anyio.sleep_forever()
        self.ran = True
        await super().run(markets, emit)


@breaks("s13")
class OneForTwo(Toy):
    """It calls two assets the same."""

    aliases = {"BTC": "XBT", "WBTC": "XBT"}


@breaks("s13")
class Deadname(Toy):
    """It makes symbols of our names in spite of its aliases."""

    def symbol(self, pair: Pair) -> str:
        return f"{pair.base}-{pair.quote}"


@breaks("s14")
class ListsTheirNames(Toy):
    """It takes the venue's name of an asset for ours."""

    def symbol(self, pair: Pair) -> str:
        return super().symbol(pair).lower()


@breaks("s14")
class ListsTwice(Toy):
    """It lists each market twice."""

    async def listings(self, http: Any) -> Iterable[Listing]:
        return 2 * list(await super().listings(http))


@breaks("s14")
class ListsOther(Toy):
    """It reads the quote for the base."""

    def listing(self, row: Any) -> Listing:
        return Listing(row.s, Pair(row.quote, row.base))


@breaks("s15")
class ListsErrors(Toy):
    """It makes a market of whatever it is told."""

    async def listings(self, http: Any) -> Iterable[Listing]:
        try:
            return await super().listings(http)
        except Exception:  # noqa: BLE001 - on purpose
            return [Listing("XBT-USD", Pair("BTC", "USD"))]


@breaks("s25")
class RemembersForAll(Toy):
    """What it remembers of one connection it holds against the next."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: set[int] = set()

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        if isinstance(frame, Print) and frame.i in self.known:
            return ()
        self.known.add(getattr(frame, "i", -1))
        return super().parse(frame)


@breaks("s26")
class OneId(_Bent):
    """It gives every trade the same id."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield _with(trade, trade_id="1")


@breaks("s26")
class SomeIds(_Bent):
    """It gives no id to what was sold."""

    def bend(self, trade: Trade) -> Iterable[Tick | Signal]:
        yield _with(trade, trade_id=trade.trade_id if trade.side == "buy" else "")


@breaks("s37")
class Shy(Toy):
    """It answers once, and never again."""

    answered = False

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        if isinstance(frame, Question) and self.running:
            return ()
        return super().parse(frame)

    running = False

    async def run(self, markets: Any, emit: Any) -> None:
        self.running = True
        await super().run(markets, emit)


@breaks("s38")
class Breathless(Toy):
    """It cannot say what it has to say from time to time."""

    heartbeat = Heartbeat(lambda: 1 / 0, every=20.0)


class _Lower(PolledToy):
    """It has names of its own for the markets."""

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        return [_with(trade, symbol=trade.symbol.lower()) for trade in super().parse(frame) if isinstance(trade, Trade)]


@breaks("s46")
class OtherNames(Toy):
    """Its fallback has names of its own for the markets."""

    rest = _Lower


class _Bare(PolledToy):
    """It gives no ids."""

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        return [_with(trade, trade_id="") for trade in super().parse(frame) if isinstance(trade, Trade)]


@breaks("s46")
class Unnumbered(Toy):
    """Its fallback gives no ids."""

    rest = _Bare


POLLED: list[tuple[str, type[PolledToy]]] = []


def spoils(check: str) -> Callable[[type[PolledToy]], type[PolledToy]]:
    """Note which check a broken polled toy is for."""

    def note(cls: type[PolledToy]) -> type[PolledToy]:
        POLLED.append((check, cls))
        return cls

    return note


@spoils("s40")
class Elsewhere(PolledToy):
    """It asks where it always asked."""

    @property
    def address(self) -> str:
        return self.url


@spoils("s40")
class Counting(PolledToy):
    """It asks for something else each time."""

    asked = 0

    def request(self, symbols: Sequence[str]) -> Iterator[Any]:
        self.asked += 1
        for symbol in symbols:
            yield self.get("/trades", symbol=symbol, market=symbol, number=self.asked)


@spoils("s41")
class Backwards(PolledToy):
    """It gives the newest trade first."""

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        return [*super().parse(frame)][::-1]


class _OwnRounds(PolledToy):
    """It asks by itself."""

    def answered(self, response: Any, emit: Any) -> None:
        """Take an answer."""
        raise NotImplementedError

    async def run(self, markets: Any, emit: Any) -> None:
        async with self.http() as http:
            while True:
                for request in self.request([market.symbol for market in markets]):
                    response = await http.send(request)
                    self.answered(request, response, emit)
                await self.context.clock.sleep(1.0)

    def take(self, request: Any, response: Any, emit: Any) -> None:
        """Take what can be read."""
        symbol = request.extensions["symbol"]
        for tick in self.read(b'{"symbol":"%b","answer":%b}' % (symbol.encode(), response.content)):
            emit(tick)


@spoils("s42")
@spoils("s43")
@spoils("s44_a_venue")
class Heedless(_OwnRounds):
    """It takes no notice of what the venue says, and tells nobody."""

    def answered(self, request: Any, response: Any, emit: Any) -> None:
        with contextlib.suppress(FrameError):
            self.take(request, response, emit)


@spoils("s43")
@spoils("s44_a_venue")
class Fragile(_OwnRounds):
    """It stops at the first answer that is none."""

    def answered(self, request: Any, response: Any, emit: Any) -> None:
        self.take(request, response, emit)


@spoils("s44_waits")
class SteadyRounds(PolledToy):
    """It asks a dead venue as often as ever."""

    def backoff(self) -> Any:
        return _Constant(1.0)


@spoils("s45")
class LittersRounds(PolledToy):
    """It leaves a task behind."""

    async def run(self, markets: Any, emit: Any) -> None:
        Litters.left.append(asyncio.get_running_loop().create_task(asyncio.sleep(60)))
        await super().run(markets, emit)


@spoils("s45")
class OnceRound(PolledToy):
    """It runs once and never again."""

    ran = False

    async def run(self, markets: Any, emit: Any) -> None:
        if self.ran:
            await anyio.sleep_forever()
        self.ran = True
        await super().run(markets, emit)


@spoils("s45")
class Holds(_OwnRounds):
    """It never closes its client."""

    async def run(self, markets: Any, emit: Any) -> None:
        http = self.http()
        for request in self.request([market.symbol for market in markets]):
            self.take(request, await http.send(request), emit)
        for request in self.request([market.symbol for market in markets]):
            self.take(request, await http.send(request), emit)
        await anyio.sleep_forever()


@pytest.mark.parametrize(("check", "broken"), POLLED, ids=[f"{check}-{cls.__name__}" for check, cls in POLLED])
async def test_the_check_fails_for_the_polled_toy_broken_for_it(
    check: str, broken: type[PolledToy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each broken polled toy is found out by its own check, as a source and as a fallback."""
    monkeypatch.setattr(connection, "PATIENCE", 0.5)
    module = PolledToyContract.__module__
    alone = type("Broken", (PolledToyContract,), {"source": broken, "__module__": module})
    assert await failure(alone, check), f"expected {check} to find out that {broken.__doc__}"
    streaming = type("Streaming", (Toy,), {"rest": broken})
    beside = type("Broken", (ToyContract,), {"source": streaming, "__module__": module})
    assert await failure(beside, check), f"expected {check} to find out beside a stream that {broken.__doc__}"
    for task in Litters.left:
        task.cancel()


@pytest.mark.parametrize(("check", "broken"), MUTANTS, ids=[f"{check}-{cls.__name__}" for check, cls in MUTANTS])
async def test_the_check_fails_for_the_toy_broken_for_it(
    check: str, broken: type[Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each broken toy is found out by its own check."""
    monkeypatch.setattr(connection, "PATIENCE", 0.5)
    contract = type("Broken", (ToyContract,), {"source": broken, "__module__": ToyContract.__module__})
    said = await failure(contract, check)
    for task in Litters.left:
        task.cancel()
    assert said, f"expected {check} to find out that {broken.__doc__}"


NOISY = {
    "a socket at construction": "def __init__(self, *a): super().__init__(*a); socket.socket().close()",
    "a thread at construction": (
        "def __init__(self, *a): super().__init__(*a); threading.Thread(target=time.sleep, args=(1,)).start()"
    ),
    "the environment at import": "home = os.environ.get('HOME')",
    "a program at import": "done = subprocess.run(['true'])",
}


@pytest.mark.parametrize("what", NOISY)
async def test_s05_hears_what_happens_too_early(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets, threads, programs and reads of the environment are heard, at import and at construction."""
    text = f"""
        import os, socket, subprocess, threading, time
        from chrono import WebSocketSource
        class Noisy(WebSocketSource):
            type = "noisy"
            def subscribe(self, symbols): return ()
            def parse(self, frame): return ()
            {NOISY[what]}
    """
    (tmp_path / "noisy_plugin.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    noisy = import_module("noisy_plugin")
    contract = type("Broken", (ToyContract,), {"source": noisy.Noisy})
    said = await failure(contract, "s05")
    del sys.modules["noisy_plugin"]
    assert "expected silence" in said


async def test_s20_wants_twenty_frames(tmp_path: Path) -> None:
    """A recording that is too short to show anything is refused."""
    whole = ToyContract().path
    lines = whole.read_text().splitlines(keepends=True)[:6]
    times = [line.split('"ts": ')[1].split(",")[0] for line in lines]
    expected = whole.with_name("toy.expected.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "short.jsonl").write_text("".join(lines))
    (tmp_path / "short.expected.jsonl").write_text("".join(x for x in expected if any(ts in x for ts in times)))

    class Short(ToyContract):
        path = tmp_path / "short.jsonl"

    assert "at least 20" in await failure(Short, "s20")


async def test_s20_shows_what_a_compressed_frame_holds(tmp_path: Path) -> None:
    """Which frame, the ticks expected and given, and the text that was packed."""
    whole = ToyContract().path
    rows = [json.loads(line) for line in whole.read_text().splitlines()]
    for row in rows:
        if "data" in row:
            row["b64"] = base64.b64encode(gzip.compress(row.pop("data").encode())).decode()
    (tmp_path / "packed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "packed.expected.jsonl").write_bytes(whole.with_name("toy.expected.jsonl").read_bytes())

    class Packed(MakerSide):
        compressed = True

    class PackedContract(ToyContract):
        source = Packed
        path = tmp_path / "packed.jsonl"

    said = await failure(PackedContract, "s20")
    assert "expected [Trade(" in said
    assert "was [Trade(" in said
    assert ", of '{" in said


async def test_s21_wants_reciprocals_of_pairs_that_are_turned_round() -> None:
    """A price that was left as the venue quotes it is not of the pair that it is said to be."""

    class Turned(ToyContract):
        turned = ToyContract.pairs

    assert "does not stand in the frame" in await failure(Turned, "s21")


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(ToyContract) if name.startswith("test_s")}
    assert numbers == {check.split("_")[0] for check, _ in MUTANTS + POLLED} | {"s05"}  # type: ignore[operator]
