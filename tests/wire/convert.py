"""Turns recorded sessions of others into recordings of ours.

Two framings are read, as the recorders wrote them: the log of one event per line (`epoch: frame`, `url <-> epoch` where
a connection opened, `url <- epoch: text` sent, `url -> epoch: body header: {…}` an HTTP answer, times in float
seconds), and the stream of `receive_time_ns JSON` per line. Usable by any test and by the benchmarks; needs no pytest.
"""

from __future__ import annotations

import ast
import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

Line: TypeAlias = dict[str, Any]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
"""Where recorded data of others lies: `../shared/data` seen from the root of the repository. It may be absent."""

_RECEIVED = re.compile(r"(\d+(?:\.\d+)?): (.*)", re.DOTALL)
_OPENED = re.compile(r"(\S+) <-> (\d+(?:\.\d+)?)")
_SENT = re.compile(r"(\S+) <- (\d+(?:\.\d+)?): (.*)", re.DOTALL)
_ANSWERED = re.compile(r"(\S+) -> (\d+(?:\.\d+)?): (.*?)(?: header: (\{.*\}))?", re.DOTALL)


def from_capture(path: Path, source: str) -> Iterator[Line]:
    """Yield the lines of a recording from a log of one event per line.

    Parameters
    ----------
    path : Path
        The log.
    source : str
        The component id that the recording shall name.

    Raises
    ------
    ValueError
        If a line is none of the known forms.
    """
    conn = 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("configuration: "):
            continue
        if match := _RECEIVED.fullmatch(line):
            yield _line(match[1], source, conn, "ws", **_frame(match[2]))
        elif match := _OPENED.fullmatch(line):
            conn += 1
            yield _line(match[2], source, conn, "open", url=match[1])
        elif match := _SENT.fullmatch(line):
            yield _line(match[2], source, conn, "sent", data=match[3])
        elif match := _ANSWERED.fullmatch(line):
            headers = json.loads(match[4]) if match[4] else {}
            yield _line(match[2], source, conn, "http", url=match[1], status=200, headers=headers, data=match[3])
        else:
            raise ValueError(f"{path.name}:{number}: expected a frame, an opening or a sent text, was {line[:80]!r}")


def from_stream(path: Path, source: str) -> Iterator[Line]:
    """Yield the lines of a recording from a compressed stream of `receive_time_ns JSON`."""
    with gzip.open(path, "rt") as stream:
        for line in stream:
            ts, _, frame = line.rstrip("\n").partition(" ")
            yield {"v": 1, "ts": int(ts), "source": source, "conn": 1, "kind": "ws", "data": frame}


def write(lines: Iterable[Line], path: Path) -> Path:
    """Write a recording, compressed where its name ends in `.gz`, and return where it lies."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def _line(epoch: str, source: str, conn: int, kind: str, **more: Any) -> Line:
    # through Decimal: a float of seconds has no room for nanoseconds
    return {"v": 1, "ts": int(Decimal(epoch) * 10**9), "source": source, "conn": conn, "kind": kind, **more}


def _frame(text: str) -> dict[str, str]:
    if text.startswith(("b'", 'b"')):
        return {"b64": base64.b64encode(ast.literal_eval(text)).decode()}
    return {"data": text}
