"""YAML is read with positions, by the core schema of YAML 1.2, and without bounds it cannot grow."""

import time
from pathlib import Path

import pytest
import yaml

from chrono.core.config.problems import Mark
from chrono.core.config.yaml import Node, locate, read, read_text
from chrono.core.errors import ConfigError


def plain(text: str) -> object:
    """Return what a text says, without positions."""
    return read(text, "p.yaml").plain()


def problem(text: str) -> str:
    """Return why a text is refused."""
    with pytest.raises(ConfigError) as caught:
        read(text, "p.yaml")
    return str(caught.value)


@pytest.fixture(params=["C", "python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read with libyaml, and without it."""
    if request.param == "python":
        monkeypatch.setattr("chrono.core.config.yaml._LOADER", yaml.SafeLoader)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("ON", "ON"),
        ("yes", "yes"),
        ("y", "y"),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2026-11-22", "2026-11-22"),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!float 3", 3.0),
        ("! 1", "1"),
        ("9" * 5000, float("inf")),
        ("10s", "10s"),
        ("2%", "2%"),
    ],
)
@pytest.mark.usefixtures("loader")
def test_scalar_follows_the_core_schema(written: str, value: object) -> None:
    """Only what YAML 1.2 calls a boolean, a null or a number is one; all else is the text that was written."""
    found = plain(f"a: {written}\n")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.usefixtures("loader")
def test_every_key_and_value_has_its_position() -> None:
    """Lines and columns count from 1, in block and in flow style."""
    root = read("feeds:\n  BTC/USD: {decimals: 2}\nlist:\n  - a\n  -   b\n", "p.yaml")
    feeds = root.child("feeds")
    assert isinstance(feeds, Node)
    assert feeds.keys["BTC/USD"] == Mark(2, 3)
    assert feeds.child("BTC/USD").mark == Mark(2, 12)  # type: ignore[union-attr]
    assert root.child("list").child(1).mark == Mark(5, 7)  # type: ignore[union-attr]


def test_key_of_any_kind_is_the_text_as_written() -> None:
    """`1INCH/USD`, `0x1` and `~` are names where a name stands."""
    assert plain("1INCH/USD: 1\n0x1: 2\n~: 3\nNO: 4\n") == {"1INCH/USD": 1, "0x1": 2, "~": 3, "NO": 4}


def test_alias_repeats_its_anchor_and_stands_at_its_own_place() -> None:
    """What an alias stands for is the anchor's; where it stands is where the alias is written."""
    root = read("a: &x {b: 1}\nc: *x\n", "p.yaml")
    assert root.plain() == {"a": {"b": 1}, "c": {"b": 1}}
    assert root.child("c").mark == Mark(2, 4)  # type: ignore[union-attr]


def test_aliases_cannot_expand_without_bound() -> None:
    """A billion laughs are refused at once, without being built."""
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    start = time.process_time()
    assert "expected at most 100000 values, were more; use fewer aliases" in problem("\n".join(lines))
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x [*x]", "p.yaml:1:8: a[0]: alias *x lies inside its own anchor &x; write the value out"),
        ("a: *x", "p.yaml:1:4: a: expected an anchor &x before the alias *x, was none; add it or quote"),
        ("a: 1\nb: 2\na: 3", "p.yaml:3:1: a: stands twice, first at line 1; remove one of them"),
        ("a: {b: 1, 'b': 2}", "p.yaml:1:11: a.b: stands twice, first at line 1; remove one of them"),
        ("", "p.yaml:1:1: expected a pipeline with feeds: and sources:, was an empty file"),
        ("# nothing yet\n", "p.yaml:1:1: expected a pipeline with feeds: and sources:, was an empty file"),
        ("a: 1\n---\nb: 2\n", "p.yaml:2:1: expected one document, was a second one; give it a file of its own"),
        ("? [a]\n: b", "p.yaml:1:3: expected a name as the key, was a list; put { and [ in quotes"),
        ("a: {{b: c}: 1}", "p.yaml:1:5: a: expected a name as the key, was a mapping; put { and [ in quotes"),
        ("a: !!binary eA==", "p.yaml:1:4: a: expected a plain value, was tagged !!binary; remove the tag"),
        (
            "a: !!python/name:os.system x",
            "p.yaml:1:4: a: expected a plain value, was tagged !!python/name:os.system; remove the tag",
        ),
        ("a: !secret {b: 1}", "p.yaml:1:4: a: expected a plain value, was tagged !secret; remove the tag"),
        ("a: !!int x", "p.yaml:1:4: a: expected !!int, was 'x'; drop the tag"),
        ("a: b\0c", "p.yaml:1:5: expected text, was control character U+0000; remove it"),
        ("a: " + "[" * 100_000, "p.yaml:1:44: expected at most 40 levels, was nested deeper; write it flatter"),
    ],
)
@pytest.mark.usefixtures("loader")
def test_refusal_is_one_line_with_its_place(text: str, expected: str) -> None:
    """What could be YAML but not a pipeline is refused in words."""
    assert problem(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ("a:\n\tb: 1", "p.yaml:2:1: ", "; indent with spaces, not with tabs"),
        ("a: [x:BTC/USD, *:BTC/USDT]", "p.yaml:1:17: ", '; put a text that starts with * in quotes, like "*:BTC/USDT"'),
        ("a: {b: ${env:X}}", "p.yaml:1:9: ", '; put a reference in quotes, like "${env:NAME}"'),
        ("a: ${env: X}", "p.yaml:1:9: ", '; put a reference in quotes, like "${env:NAME}"'),
        ("a: b: c", "p.yaml:1:5: ", "in quotes, and indent with the same number of spaces"),
        ("a: @x", "p.yaml:1:4: ", "; put a text that starts with %, @ or ` in quotes"),
        ("a: 'x", "p.yaml:1:6: ", "; check brackets, quotes and indentation"),
        ("a: {b: 1", "p.yaml:", "; check brackets, quotes and indentation"),
    ],
)
@pytest.mark.usefixtures("loader")
def test_syntax_error_is_one_line_with_advice(text: str, place: str, advice: str) -> None:
    """The parser's words are kept on one line, with what to do about it."""
    message = problem(text)
    assert message.startswith(f"{place}")
    assert "not valid YAML: " in message
    assert message.endswith(advice)
    assert "\n" not in message


def test_path_leads_to_its_place_or_to_its_nearest_parent() -> None:
    """A key may hold dots and slashes; what is missing is pointed at where it would be."""
    root = read("sources:\n  kraken.eu: {a: 1}\n  kraken: {eu: 2}\nlist: [[x, y]]\n", "p.yaml")
    assert locate(root, "sources.kraken.eu") == Mark(2, 3)
    assert locate(root, "sources.kraken.eu.a") == Mark(2, 18)
    assert locate(root, "sources.kraken") == Mark(3, 3)
    assert locate(root, "list[0][1]") == Mark(4, 12)
    assert locate(root, "list[0][7]") == Mark(4, 8)
    assert locate(root, "sources.binance.silence") == Mark(1, 1)
    assert locate(root, "sinks.console") == Mark(1, 1)


def test_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    """Missing, a directory, not UTF-8 or endless: each has its own words."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: x\nnote: caf\xe9\n")
    cases = {
        tmp_path / "none.yaml": "none.yaml: expected a pipeline file, was missing; check the path",
        tmp_path: ": expected a pipeline file, was a directory; name the file",
        latin: "latin.yaml:2:10: expected UTF-8 text, was byte 0xe9; save the file as UTF-8",
        Path("/dev/zero"): "/dev/zero: expected at most 4 MiB, was larger; check the path",
        tmp_path / "a\0b": "cannot be read: embedded null byte; check its permissions",
    }
    for path, expected in cases.items():
        with pytest.raises(ConfigError) as caught:
            read_text(path)
        assert str(caught.value).endswith(expected)
        assert "\n" not in str(caught.value)


def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors that write one do not change the first key."""
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\n")
    assert plain(read_text(path)) == {"name": "x"}
