"""`chrono simulated serve`, run as its user does."""

import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from typer.testing import CliRunner

from chrono import ConfigError
from chrono_simulated.command import app

pytestmark = pytest.mark.anyio

PROGRAM = [sys.executable, "-m", "chrono", "simulated", "serve"]


@asynccontextmanager
async def served(*arguments: str, program: list[str] = PROGRAM) -> AsyncIterator[tuple[Process, list[str]]]:
    """Run the program until it has printed an address for each venue."""
    names = arguments.count("--venue") or 3
    async with await anyio.open_process([*program, *arguments], stderr=None) as process:
        assert process.stdout is not None
        lines = BufferedByteReceiveStream(process.stdout)
        try:
            with anyio.fail_after(20):
                printed = [(await lines.receive_until(b"\n", 1000)).decode() for _ in range(names)]
            yield process, printed
        finally:
            if process.returncode is None:
                process.kill()


async def test_addresses_are_lines_of_a_pipeline_file(listen: Any) -> None:
    """What is printed can stand below `sources:`, and something answers there."""
    async with served() as (_, lines):
        sources = yaml.safe_load("\n".join(lines))
        assert list(sources) == ["kraken", "binance", "coinbase"]
        async with listen(sources["kraken"]["url"]) as heard:
            assert (await heard.next())["channel"] == "status"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_it_stops_when_it_is_told_to(number: signal.Signals, code: int) -> None:
    """In order on SIGTERM, with the code of an interruption on SIGINT."""
    async with served("--venue", "kraken", "--format", "json") as (process, lines):
        assert set(json.loads(lines[0])) == {"venue", "url", "rest"}
        process.send_signal(number)
        with anyio.fail_after(20):
            assert await process.wait() == code


async def test_two_of_a_kind_are_told_apart() -> None:
    """The second has a name and a type, and stops when its time is over."""
    async with served("--venue", "kraken", "--venue", "kraken", "--for", "10ms") as (process, lines):
        assert yaml.safe_load("\n".join(lines))["kraken-2"]["type"] == "kraken"
        with anyio.fail_after(20):
            assert await process.wait() == 0


async def test_faults_come_from_a_file_for_each_venue(listen: Any, tmp_path: Path) -> None:
    """By the venue's name, or for all."""
    file = tmp_path / "faults.yaml"
    file.write_text("kraken:\n- {kind: injected, frame: boo, every: 0s}\n")
    arguments = ("--venue", "kraken", "--venue", "binance", "--faults", str(file), "--format", "json")
    async with served(*arguments) as (_, lines):
        kraken, binance = (json.loads(line)["url"] for line in lines)
        async with listen(kraken) as heard:
            await heard.until(lambda message: message == "boo")
        async with listen(binance) as heard:
            assert await heard.during(0.1) == []


async def test_program_has_a_name_of_its_own() -> None:
    """`chrono-simulated serve` is the same command."""
    program = [str(Path(sys.executable).parent / "chrono-simulated"), "serve"]
    async with served("--venue", "gzip", program=program) as (_, lines):
        assert yaml.safe_load(lines[0])["gzip"]["url"].endswith("/ws")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--venue", "krake"], "--venue: expected one of .*kraken.*, was 'krake'"),
        (["--faults", "[{kind: hang_u}]"], "faults.0: expected a kind of .*, was 'hang_u'; did you mean 'hang_up'"),
        (["--faults", "{ftx: []}"], "--faults: expected a list for each of kraken, .*, was one for 'ftx'"),
        (["--faults", "[1]"], "--faults: expected a list like"),
        (["--faults", "[{kind: "], "--faults:1:9: expected YAML"),
        (["--faults", "nothing.yaml"], "--faults: expected a file or a list in brackets, was 'nothing.yaml'"),
        (["--pair", "BTCUSD"], "pairs: expected .*"),
        (["--for", "3"], "--for: expected a duration with its unit"),
        (["--port", "65535"], "--port: expected 3 ports up to 65535, was from 65535"),
    ],
)
def test_wrong_input_is_told_in_a_line(arguments: list[str], told: str) -> None:
    """What was expected, and what it was."""
    with pytest.raises(ConfigError, match=told):
        CliRunner().invoke(app, ["serve", *arguments], catch_exceptions=False)


async def test_port_that_is_taken_is_told() -> None:
    """With its number, and the code of wrong input."""
    async with served("--venue", "kraken", "--format", "json") as (_, lines):
        port = json.loads(lines[0])["url"].rpartition(":")[2].partition("/")[0]
        done = await anyio.run_process([*PROGRAM, "--port", port, "--venue", "gzip"], check=False)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"--port: expected a free one, was {port} (")
