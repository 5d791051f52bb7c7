"""`read_pipeline`: what the commands of plugins are told of a pipeline file."""

from __future__ import annotations

from pathlib import Path

import pytest

from chrono import ConfigError, read_pipeline

TEXT = """
name: outlined
feeds:
  ETH/USD: {decimals: 3, markets: [hand:ETH/USDT], category: crypto}
  BTC/USD: {decimals: 2}
  USDT/USD: {decimals: 5}
sources:
  hand: {type: push}
consensus: {median: {min_venues: 1}}
sinks:
  out: {type: jsonl, path: "${env:OUTLINE_PATH}"}
"""


def written(folder: Path, text: str = TEXT) -> Path:
    file = folder / "outlined.yaml"
    file.write_text(text)
    return file


def test_feeds_and_sinks_of_a_file_are_told_in_its_order(tmp_path, monkeypatch):
    """References are looked up, options are those of the sink's own class, and nothing is opened."""
    monkeypatch.setenv("OUTLINE_PATH", str(tmp_path / "out.jsonl"))
    outline = read_pipeline(written(tmp_path))
    assert outline.name == "outlined"
    assert [(feed.name, feed.decimals, feed.category) for feed in outline.feeds] == [
        ("ETH/USD", 3, "crypto"),
        ("BTC/USD", 2, "crypto"),
        ("USDT/USD", 5, "crypto"),
    ]
    (sink,) = outline.sinks.values()
    assert (sink.type, str(sink.config.path)) == ("jsonl", str(tmp_path / "out.jsonl"))
    assert not (tmp_path / "out.jsonl").exists()


def test_rate_that_nobody_declared_is_no_feed_of_the_file(tmp_path):
    """What is priced only to convert with is not published."""
    text = TEXT.replace("  USDT/USD: {decimals: 5}\n", "").replace('"${env:OUTLINE_PATH}"', "out.jsonl")
    assert [feed.name for feed in read_pipeline(written(tmp_path, text)).feeds] == ["ETH/USD", "BTC/USD"]


def test_file_with_faults_is_refused_with_a_line_for_each(tmp_path, monkeypatch):
    """A command of a plugin says the same as `chrono pipeline check`."""
    monkeypatch.delenv("OUTLINE_PATH", raising=False)
    file = written(tmp_path, TEXT.replace("decimals: 3", "decimals: many"))
    with pytest.raises(ConfigError) as refused:
        read_pipeline(file)
    assert len(refused.value.problems) == 2
    assert all(problem.startswith(str(file)) for problem in refused.value.problems)
