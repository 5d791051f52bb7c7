"""`chrono import-feeds`."""

from __future__ import annotations

from .conftest import Cli, Write

LIST = '[{"feed": {"category": 1, "name": "BTC/USD"}, "sources": [{"exchange": "kraken", "symbol": "BTC/USD"}, %s]}]'
TAKEN = LIST % '{"exchange": "coinbase", "symbol": "BTC/USD"}'
HALF_TAKEN = LIST % '{"exchange": "coinbase", "symbol": "BTC/USD:USD"}'


def test_pipeline_file_is_printed_and_passes_the_check(cli: Cli, write: Write) -> None:
    """One command, and nothing on standard error where all was taken."""
    write("feeds.json", TAKEN)
    done = cli("import-feeds", "feeds.json")
    assert (done.code, done.err) == (0, "")
    write("btc.yaml", done.out)
    assert cli("pipeline", "check", "btc.yaml").out == "btc.yaml: ok, 1 feeds, 2 sources, 2 markets\n"


def test_pipeline_file_is_written_and_what_is_left_out_is_said(cli: Cli, write: Write) -> None:
    """With `--out`, standard output stays empty."""
    write("feeds.json", HALF_TAKEN)
    done = cli("import-feeds", "feeds.json", "--out", "btc.yaml")
    assert (done.code, done.out) == (0, "")
    assert done.problems == ["feeds.json: left out: coinbase BTC/USD:USD (no spot market)"]
    assert cli("pipeline", "check", "btc.yaml").code == 0


def test_file_that_is_there_is_not_written_over(cli: Cli, write: Write) -> None:
    """It may be somebody's work."""
    write("feeds.json", TAKEN)
    path = write("btc.yaml", "mine")
    done = cli("import-feeds", "feeds.json", "--out", "btc.yaml")
    assert done.code == 2
    assert done.problems == ["--out: expected a file that is not there, was btc.yaml; remove it or name another"]
    assert path.read_text() == "mine"


def test_list_that_is_none_is_wrong_input(cli: Cli, write: Write) -> None:
    """Exit code 2 and a line."""
    write("feeds.json", "{}")
    done = cli("import-feeds", "feeds.json")
    assert (done.code, done.out, len(done.problems)) == (2, "", 1)
