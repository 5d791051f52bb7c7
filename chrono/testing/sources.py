"""What every source promises, as numbered checks. Numbers are never used again for something else."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from pydantic import ValidationError

from chrono.core.component import Context, Source
from chrono.core.errors import FrameError
from chrono.core.recording import Record
from chrono.core.registry import GROUP
from chrono.core.transport.codec import FrameSource
from chrono.core.transport.wire import inflated
from chrono.core.types import (
    PRICE_LIMIT,
    SECOND,
    Pair,
)
from chrono.testing.connection import ConnectionChecks
from chrono.testing.damage import damaged
from chrono.testing.frames import SIGNALS, TICKS, Recorded, expected_beside, recorded
from chrono.testing.markets import MarketChecks
from chrono.testing.polling import PollingChecks
from chrono.testing.quiet import noise
from chrono.testing.sessions import SessionChecks

__all__ = ["SourceContract"]

SECRET = re.compile(r"key|secret|passw|token|passphrase|mnemonic")
DAY = 86_400 * SECOND
SKEW = 10 * SECOND
"""What is dated further ahead of its receipt than this, the board refuses."""


class SourceContract(ConnectionChecks, MarketChecks, PollingChecks, SessionChecks):
    """Subclass this in a plugin's tests, set three attributes, and every check runs.

    Attributes
    ----------
    source : type of Source
        The class to check.
    pairs : sequence of str
        Pairs it can subscribe to, `BTC/USD`.
    recording : str
        The recording beside the test file, at least twenty frames with acknowledgements; `trades.jsonl` has its
        expected ticks in `trades.expected.jsonl`, as `chrono decode TYPE RECORDING --format json` prints them.
    listings : str
        What the venue answers when it is asked what it lists, as it was received, beside the test file.
    rest_recording : str
        A recording of what a streaming source asks over HTTP while the stream is down, with its expected ticks.
    options : mapping
        What the user must write for it at least.
    turned : sequence of str
        Those of `pairs` that the venue quotes the other way round, such as JPY/USD as USD/JPY.
    points : sequence of EntryPoint
        Where its entry point is looked for; those that are installed unless given.

    Examples
    --------
    ::

        class TestKraken(SourceContract):
            source = Kraken
            pairs = ("BTC/USD", "ETH/USD")
            recording = "recordings/trades.jsonl"
    """

    source: ClassVar[type[Source]]
    pairs: ClassVar[Sequence[str]]
    recording: ClassVar[str]
    listings: ClassVar[str] = ""
    rest_recording: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    turned: ClassVar[Sequence[str]] = ()
    points: ClassVar[Sequence[EntryPoint] | None] = None

    # what the checks work on

    def make(self, **options: Any) -> Any:
        """Return a fresh source with the least the user must write."""
        config = self.source.Config(**{**self.options, **options})
        return self.source(config, Context(self.source.type))

    @classmethod
    def beside(cls, name: str) -> Path:
        """Return the path of a file beside the test file."""
        return Path(inspect.getfile(cls)).parent / name

    @classmethod
    def recordings(cls) -> Sequence[Path]:
        """Return the files that the checks read, those with the expected ticks among them."""
        paths = [cls.beside(name) for name in (cls.recording, cls.rest_recording) if name]
        listed = [cls.beside(cls.listings)] if cls.listings else []
        return [*paths, *(expected_beside(path) for path in paths), *listed]

    @cached_property
    def path(self) -> Path:
        """Where the recording lies."""
        return self.beside(self.recording)

    @cached_property
    def frames(self) -> Sequence[Recorded]:
        """The recorded frames with what was expected of them and what came of them."""
        source = self.make()
        if not isinstance(source, FrameSource):
            pytest.skip("this source brings its own connection: it has no frames")
        return recorded(self.path, source)

    # S01 to S05: the component

    def test_s01_type_is_the_name_of_its_entry_point(self) -> None:
        """The word in the YAML is lower case, and the entry point that offers the source has it for a name."""
        name = self.source.type
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"expected a type in lower snake case, was {name!r}"
        package = self.source.__module__.partition(".")[0]
        points = entry_points(group=GROUP) if self.points is None else self.points
        offered = [point.name for point in points if point.value.partition(".")[0].partition(":")[0] == package]
        assert name in offered, f"expected an entry point {name!r} in group {GROUP} of {package}, was {offered}"

    def test_s02_unknown_options_are_refused(self) -> None:
        """A misspelt option is an error, never ignored."""
        with pytest.raises(ValidationError, match="Extra inputs"):
            self.source.Config(**{**self.options, "no_such_option": 1})

    def test_s03_every_option_is_described(self) -> None:
        """`chrono plugin info` can say what each option means."""
        fields = self.source.Config.model_fields
        silent = [name for name, field in fields.items() if not (field.description or "").strip()]
        assert not silent, f"expected a docstring below each option, was none for {silent}"

    def test_s04_secrets_stay_secret(self) -> None:
        """An option that is named like a secret shows no value where the configuration is shown."""
        for name, field in self.source.Config.model_fields.items():
            hidden = not field.repr or "SecretStr" in str(field.annotation)
            assert hidden or not SECRET.search(name), (
                f"expected option {name!r} to be a SecretStr, was {field.annotation}"
            )

    def test_s05_nothing_happens_at_import_or_construction(self) -> None:
        """Importing the plugin and making the source opens no socket, starts no thread, reads no environment."""
        heard = noise(self.source, self.options)
        assert not heard, f"expected silence at import and construction, was {heard}"

    # S10 to S12: what is subscribed to

    def test_s10_symbols_are_injective(self) -> None:
        """Two pairs never share a symbol, and a pair always has the same one."""
        source = self.make()
        symbols = [source.symbol(Pair.parse(text)) for text in self.pairs]
        assert len(self.pairs) >= 2, "expected at least two pairs to tell apart"
        assert all(isinstance(symbol, str) and symbol for symbol in symbols), f"expected text, was {symbols}"
        assert len(set(symbols)) == len(set(self.pairs)), f"expected a symbol for each pair, was {symbols}"
        assert symbols == [source.symbol(Pair.parse(text)) for text in self.pairs], "expected the same symbols again"

    def test_s11_every_symbol_is_subscribed_to(self) -> None:
        """The messages name every symbol that was asked for."""
        source = self.make()
        symbols = [source.symbol(Pair.parse(text)) for text in self.pairs]
        self._subscribed(source, symbols)

    def test_s12_a_full_connection_is_subscribed_in_sane_messages(self) -> None:
        """As many symbols as a connection takes are all named, in messages below 64 KiB."""
        source = self.make()
        quote = self.pairs[0].partition("/")[2]
        try:
            symbols = [source.symbol(Pair(f"COIN{n}", quote)) for n in range(_per_connection(source))]
        except ValueError:
            pytest.skip("this source knows its pairs by name: none can be made up")
        messages = self._subscribed(source, symbols)
        assert max(map(len, messages)) < 65_536, f"expected short messages, was {max(map(len, messages))} characters"

    @staticmethod
    def _subscribed(source: Any, symbols: Sequence[str]) -> list[str]:
        if not hasattr(source, "subscribe"):
            pytest.skip("this source subscribes to nothing")
        messages = [_text(message) for message in source.subscribe(symbols)]
        whole = "\n".join(messages).lower()
        missing = [symbol for symbol in symbols if symbol.lower() not in whole]
        assert not missing, f"expected a subscription to each symbol, was none to {missing}"
        return messages

    # S20 to S24: what is read

    def test_s20_each_recorded_frame_gives_exactly_the_expected_ticks(self) -> None:
        """Twenty frames or more, with ticks of several times, each read as its author read the documentation."""
        assert len(self.frames) >= 20, f"expected at least 20 recorded frames, was {len(self.frames)}"
        times = {tick.ts_event for frame in self.frames for tick in frame.expected}
        assert len(times) >= 3, f"expected ticks of several times, was {len(times)}"
        for place, frame in enumerate(self.frames, 1):
            wanted = list(frame.expected)
            assert frame.ticks == wanted, (
                f"frame {place} at {frame.record.ts}: expected {wanted}, was {frame.ticks}, of {_shown(frame.record)}"
            )

    def test_s21_numbers_are_those_of_the_wire_to_the_digit(self) -> None:
        """Every price and size is a number that stands in the frame, or a price's reciprocal, of a pair in `turned`."""
        turned = {self.make().symbol(Pair.parse(text)) for text in self.turned}
        for frame in self.frames:
            printed = {Decimal(text) for text in _NUMBER.findall(frame.record.data or "")}
            for tick in frame.ticks if frame.record.data is not None else ():
                if tick.symbol in turned:
                    _turned_round(tick, printed)
                    continue
                for name in ("price", "size", "bid", "ask", "bid_size", "ask_size", "last", "volume_24h"):
                    value = Decimal(repr(float(getattr(tick, name, 0.0))))
                    # a size may bear the sign of its side
                    stated = {value, -value} if name == "size" else {value}
                    assert value == 0 or stated & printed, f"{name} {value} does not stand in {frame.record.data}"

    def test_s22_times_are_nanoseconds(self) -> None:
        """The venue's time is an integer of nanoseconds near the time of receipt: no other unit is taken for it."""
        for frame in self.frames:
            received = frame.record.ts
            for tick in frame.ticks:
                at = tick.ts_event
                assert at is None or type(at) is int, f"expected integer nanoseconds, was {at!r}"
                assert at is None or received - DAY < at < received + SKEW, (
                    f"expected nanoseconds within a day before {received}, was {at}"
                )

    def test_s23_acknowledgements_and_heartbeats_are_no_ticks(self) -> None:
        """The recording has frames that are no news of a market; they give signals only, or nothing."""
        quiet = [frame for frame in self.frames if not frame.expected]
        assert quiet, "expected acknowledgements and heartbeats in the recording, was none"
        for frame in quiet:
            assert all(isinstance(item, SIGNALS) for item in frame.items), f"expected signals, was {frame.items}"
        items = [item for frame in self.frames for item in frame.items]
        assert all(isinstance(item, TICKS + SIGNALS) for item in items), f"expected ticks and signals, was {items}"

    def test_s24_damaged_frames_raise_frame_error_and_nothing_else(self) -> None:
        """What is cut, empty, of another root, or lacks a value is refused; what can still be read is sound."""
        source = self.make()
        for frame, variant in self._damaged():
            try:
                items = source.read(variant.frame.encode(), source.session())
            except FrameError:
                continue
            except Exception as error:  # noqa: BLE001 - any other kind is what is looked for
                pytest.fail(f"{variant.how}: expected FrameError, was {error!r} of {variant.frame}")
            assert not variant.unreadable, f"{variant.how}: expected FrameError, was {items} of {variant.frame}"
            for tick in (item for item in items if isinstance(item, TICKS)):
                assert not variant.how.startswith("root "), f"{variant.how}: expected no tick, was {tick}"
                assert _sound(tick, frame.record.ts), (
                    f"{variant.how}: expected FrameError, was {tick} of {variant.frame}"
                )

    def _damaged(self) -> Iterator[tuple[Recorded, Any]]:
        shapes = set()
        for frame in self.frames:
            shape = re.sub(r"[\d.]+", "0", frame.record.data or "")
            if frame.record.data is not None and shape not in shapes:
                shapes.add(shape)
                for variant in damaged(frame.record.data):
                    yield frame, variant


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def _text(message: Any) -> str:
    if isinstance(message, bytes):
        return message.decode("utf-8", "replace")
    return message if isinstance(message, str) else msgspec.json.encode(message).decode()


def _per_connection(source: Any) -> int:
    return int(getattr(source, "symbols_per_connection", 0)) or 20


def _shown(record: Record) -> str:
    """Return the head of a frame, unpacked where it is compressed and holds text."""
    data = record.frame
    if isinstance(data, bytes):
        with suppress(ValueError):
            return repr(inflated(data).decode()[:200])
    return repr(data[:200])


def _turned_round(tick: Any, printed: set[Decimal]) -> None:
    """Check that the prices of a tick are reciprocals of what stands in its frame."""
    for name in ("price", "bid", "ask", "last"):
        if hasattr(tick, name):
            other = 1 / getattr(tick, name)
            close = any(math.isclose(other, float(number), rel_tol=1e-12) for number in printed)
            assert close, f"{name}: 1/{other} does not stand in the frame"


def _sound(tick: Any, received: int) -> bool:
    """Return whether a tick may go onto the board: its numbers, its time and its symbol."""
    prices = [getattr(tick, name) for name in ("price", "bid", "ask", "last") if hasattr(tick, name)]
    sizes = [getattr(tick, name) for name in ("size", "bid_size", "ask_size", "volume_24h") if hasattr(tick, name)]
    numbers = all(isinstance(v, int | float) and math.isfinite(v) for v in prices + sizes)
    return (
        numbers
        and all(0 < price < PRICE_LIMIT for price in prices)
        and all(0 <= size < PRICE_LIMIT for size in sizes)
        and isinstance(tick.symbol, str)
        and tick.symbol != ""
        and getattr(tick, "side", "") in {"buy", "sell", ""}
        and getattr(tick, "trade_id", "") not in {"None", "-1", "[]", "{}"}
        and (tick.ts_event is None or abs(tick.ts_event - received) < DAY)
    )
