"""One source broken on purpose for each check; the check must fail for it."""

import asyncio
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

from chrono import FrameError, Pair, Reconnect, Signal, Tick, Trade
from chrono.testing import connection

from .failing import failure
from .toy import Accepted, Beat, Print, Toy, ToyContract

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as chrono does."""
    return "asyncio"


class TestToy(ToyContract):
    """The sound toy passes every check."""


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

    Frame = LaxPrint | Accepted | Beat


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


def test_every_numbered_check_is_broken_once() -> None:
    """No check of the contract is without a plugin that fails it."""
    numbers = {name.split("_")[1] for name in dir(ToyContract) if name.startswith("test_s")}
    assert numbers == {check.split("_")[0] for check, _ in MUTANTS} | {"s05"}
