"""The main job on real input: tens of thousands of recorded frames of Binance, replayed and served live."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from chrono.cli.app import run as chrono
from tests.pipelines.recorded import Frame, Trades, frames, record, shifted

SECOND = 1_000_000_000
FEEDS = """\
feeds:
  BTC/USDT: {decimals: 8}
  ETH/USDT: {decimals: 8}
consensus: {median: {min_venues: 1}}
"""

pytest.importorskip("chrono_binance", reason="the plugin chrono-binance is not installed")


@pytest.fixture(scope="module")
def streams() -> list[Frame]:
    data = Path(__file__).parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the recorded streams are not beside the repository")
    return frames(data)


def reports(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert chrono([*arguments, "--format", "json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def pipeline(folder: Path, source: str = "binance: {}") -> str:
    path = folder / "pipeline.yaml"
    path.write_text(f"{FEEDS}sources: {{{source}}}\n")
    return str(path)


def test_every_round_is_priced_once_data_has_arrived(
    streams: list[Frame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To the digit the last trade received by then, with ages that stay right under a clock 1.27 s behind."""
    recording = record(tmp_path / "streams.jsonl.gz", streams)
    found = reports(capsys, "replay", pipeline(tmp_path), str(recording))
    assert len(found) > 600
    trades = {"BTC/USDT": Trades(streams, "BTCUSDT"), "ETH/USDT": Trades(streams, "ETHUSDT")}
    for row in found:
        expected = trades[row["feed"]].last(row["round"] * SECOND)
        assert (row["value"] is None) == (expected is None)
        if expected is not None:
            assert Decimal(row["value"]) == Decimal(expected), row
            assert row["dropped"] == {}
    assert sum(row["value"] is None for row in found) == 2
    # confidence falls with age: half of it is the single venue, the rest is what up to a few seconds cost
    assert min(row["confidence"] for row in found if row["value"]) > 0.4


def test_age_limit_tighter_than_the_clocks_difference_drops_nothing_fresh(
    streams: list[Frame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ages taken against the wrong clock, a limit of a second would drop everything or nothing."""
    path = tmp_path / "p.yaml"
    path.write_text(FEEDS.replace("min_venues: 1", "min_venues: 1, max_age: 1s") + "sources: {binance: {}}\n")
    recording = record(tmp_path / "streams.jsonl.gz", streams)
    found = reports(capsys, "replay", str(path), str(recording))
    ages = [row["dropped"]["binance:" + row["feed"]].get("age_s") for row in found if row["dropped"]]
    stale = [age for age in ages if age is not None]
    assert 0 < len(stale) < len(found) / 4
    assert all(1 < age < 30 for age in stale)


class Server:
    """A WebSocket server that speaks as Binance's combined streams do, and sends frames when they are due."""

    def __init__(self, due: Sequence[Frame]) -> None:
        self.due = due
        self.subscribed: list[str] = []
        self._server = serve(self._talk, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/stream"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def _talk(self, connection: ServerConnection) -> None:
        request = json.loads(connection.recv())
        self.subscribed += request["params"]
        connection.send(json.dumps({"result": None, "id": request["id"]}))
        for received, text in self.due:
            wait = (received - time.time_ns()) / SECOND
            if wait > 0:
                time.sleep(wait)
            connection.send(text)
        connection.recv()


@pytest.fixture
def served(streams: list[Frame]) -> Iterator[tuple[Server, list[Frame]]]:
    """Serve four seconds out of the streams as if they happened now."""
    start = streams[0].received + 60 * SECOND
    chosen = [frame for frame in streams if start <= frame.received < start + 4 * SECOND]
    by = (time.time_ns() + SECOND - start) // SECOND * SECOND
    moved = [shifted(frame, by) for frame in chosen]
    with Server(moved) as server:
        yield server, moved


@pytest.mark.timeout(60)
def test_same_frames_over_a_socket_give_the_same_prices(
    served: tuple[Server, list[Frame]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Live, replayed from what was recorded live, and read with the standard library alone."""
    server, sent = served
    path = pipeline(tmp_path, f"binance: {{url: '{server.url}'}}")
    live = reports(capsys, "pipeline", "run", path, "--rounds", "6", "--record", str(tmp_path / "rec"))
    assert sorted(server.subscribed) == ["btcusdt@bookTicker", "btcusdt@trade", "ethusdt@bookTicker", "ethusdt@trade"]
    again = reports(capsys, "replay", path, str(tmp_path / "rec"))
    assert again == live
    received = _received(tmp_path / "rec")
    assert [frame.text for frame in received if '"stream"' in frame.text] == [frame.text for frame in sent]
    for feed, symbol in (("BTC/USDT", "BTCUSDT"), ("ETH/USDT", "ETHUSDT")):
        trades = Trades(received, symbol)
        values = [row for row in live if row["feed"] == feed]
        for row in values:
            expected = trades.last(row["round"] * SECOND)
            assert (row["value"] is None) == (expected is None)
            assert expected is None or Decimal(row["value"]) == Decimal(expected)
        assert Decimal(values[-1]["value"]) == Decimal(str(Trades(sent, symbol).last(2**63)))


def _received(folder: Path) -> list[Frame]:
    import gzip

    (path,) = folder.glob("*.jsonl.gz")
    with gzip.open(path, "rt") as lines:
        found = [json.loads(line) for line in lines]
    return [Frame(line["ts"], line["data"]) for line in found if line["kind"] == "ws"]
