"""Frames in, ticks and signals out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from chrono.core.component import Context, Emit
from chrono.core.errors import FrameError
from chrono.core.transport.codec import Amount, FrameSource, Number, batches
from chrono.core.types import Ack, Market, Signal, Tick, Trade


class Print(msgspec.Struct):
    """A trade as the toy venue writes it."""

    s: str
    p: Number
    q: Amount


class Paper(FrameSource):
    """A codec alone: nothing is ever run."""

    type = "paper"
    Frame = Print

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Do nothing."""

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        if frame.s == "broken":
            raise KeyError("price")
        if frame.s == "refused":
            raise FrameError("expected a listed symbol", b"mine")
        yield Trade(frame.s, frame.p, frame.q)


class Numbered:
    """The state of one connection."""

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        yield Ack((frame.s,))


@pytest.fixture
def paper() -> Paper:
    """Return a codec with a name of its own."""
    return Paper(context=Context("paper/eu"))


@pytest.mark.parametrize("data", [b'{"s":"BTC","p":"67123.1","q":0.5}', '{"s":"BTC","p":67123.1,"q":"0.5"}'])
def test_text_and_bytes_read_alike(paper: Paper, data: bytes | str) -> None:
    """A frame gives the same ticks as text and as bytes, with numbers written either way."""
    assert paper.read(data) == (Trade("BTC", 67123.1, 0.5),)


def test_session_of_the_connection_parses(paper: Paper) -> None:
    """With a session given, the frame is decoded by the source and parsed by the session."""
    assert paper.read(b'{"s":"BTC","p":1,"q":1}', Numbered()) == (Ack(("BTC",)),)


def test_source_is_its_own_session(paper: Paper) -> None:
    """A venue without per-connection state needs no session object."""
    assert paper.session() is paper


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"s":"BTC"',
        b"[]",
        b'{"s":"BTC","p":"nan","q":1}',
        b'{"s":"BTC","p":"inf","q":1}',
        b'{"s":"BTC","p":0,"q":1}',
        b'{"s":"BTC","p":-1,"q":1}',
        b'{"s":"BTC","p":1e15,"q":1}',
        b'{"s":"BTC","p":1,"q":-0.1}',
        b'{"s":null,"p":1,"q":1}',
        b'{"s":"\xff","p":1,"q":1}',
        b"<html>busy</html>",
    ],
)
def test_damaged_frame_is_a_frame_error(paper: Paper, data: bytes) -> None:
    """Whatever is not what the venue documents is refused as a frame, naming the component."""
    with pytest.raises(FrameError, match="paper/eu: frame") as caught:
        paper.read(data)
    assert caught.value.venue == "paper/eu"


def test_mistake_in_parse_is_a_frame_error(paper: Paper) -> None:
    """A parser's own error costs the frame and keeps its name."""
    with pytest.raises(FrameError, match="KeyError: 'price'"):
        paper.read(b'{"s":"broken","p":1,"q":1}')


def test_frame_error_of_the_parser_passes_unchanged(paper: Paper) -> None:
    """A reason the parser states itself is not wrapped in another."""
    with pytest.raises(FrameError) as caught:
        paper.read(b'{"s":"refused","p":1,"q":1}')
    assert caught.value.reason == "expected a listed symbol"


def test_head_of_a_long_frame_is_kept(paper: Paper) -> None:
    """The message shows the head of a frame, never megabytes."""
    with pytest.raises(FrameError) as caught:
        paper.read(b"x" * 1_000_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, [["a", "b", "c"]]), (2, [["a", "b"], ["c"]]), (3, [["a", "b", "c"]]), (9, [["a", "b", "c"]])],
)
def test_symbols_are_split_in_order(size: int, expected: list[list[str]]) -> None:
    """Each symbol lands in exactly one batch; 0 is no limit."""
    assert [list(batch) for batch in batches(["a", "b", "c"], size)] == expected


def test_no_symbols_make_no_batch() -> None:
    """Nothing to subscribe to opens no connection."""
    assert list(batches([], 0)) == []
