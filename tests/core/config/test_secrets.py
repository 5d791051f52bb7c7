"""References are resolved, and what they stand for is never shown."""

import copy
import pickle
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr, ValidationError, computed_field

from chrono.core.component import Config, Secret
from chrono.core.config import PipelineConfig, load
from chrono.core.config.secrets import resolve
from chrono.core.errors import ConfigError

HEAD = "feeds: {BTC/USD: {}}\nsources:\n  kraken:\n    "
VALUE = "hunter2-correct-horse"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the references name."""
    monkeypatch.setenv("VALUE", VALUE)
    monkeypatch.setenv("BAD", f"bad-{VALUE}")
    monkeypatch.setenv("PORT", "8443")
    monkeypatch.setenv("NESTED", "${env:VALUE}")
    monkeypatch.delenv("NOPE", raising=False)


class Options(Config):
    """Options of every shape."""

    plain: str = ""
    port: int = 0
    secret: SecretStr = SecretStr("")
    many: list[str] = []
    renamed: str = Field("", alias="other")


class Derived(Config):
    """An option with something computed from it."""

    url: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def host(self) -> str:
        """Return a part of the secret."""
        return self.url


def test_reference_is_replaced_in_whole_or_in_part() -> None:
    """Environment and escapes may stand in one text; a value is not read for references again."""
    assert resolve("${env:VALUE}", Path())[0] == VALUE
    assert resolve("a-${env:PORT}-$${env:PORT}", Path())[0] == "a-8443-${env:PORT}"
    assert resolve("${env:NESTED}", Path())[0] == "${env:VALUE}"
    assert type(resolve("$${", Path())[0]) is str


def test_file_reference_is_relative_to_the_pipeline_file(tmp_path: Path, registry: Any) -> None:
    """The path starts at the YAML file's folder, and the trailing newline is no part of the value."""
    (tmp_path / "key.txt").write_text(f"{VALUE}\n")
    path = tmp_path / "crypto.yaml"
    path.write_text(f"{HEAD}key: ${{file:key.txt}}\n")
    config = load(path, registry)
    assert config.sources["kraken"].options.key.get_secret_value() == VALUE  # type: ignore[attr-defined]
    assert config.name == "crypto"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${env:NOPE}", "environment variable NOPE is not set, wanted by ${env:NOPE}; export NOPE=…"),
        ("'${env:}'", "expected ${env:NAME} or ${file:PATH}, was ${env:}; write $${ where a literal ${ is meant"),
        ("${VALUE}", "expected ${env:NAME} or ${file:PATH}, was ${VALUE}; write $${ where a literal ${ is meant"),
        ("'${env:VALUE'", "expected a closed reference like ${env:NAME}, was ${env:VALUE; add the }"),
        ("'${env:A-B}'", "expected the name of an environment variable like API_KEY, was 'A-B' in ${env:A-B}"),
        ("${file:none.txt}", "cannot be read: no such file or directory; create it or correct the path"),
        ("${file:/}", "cannot be read: is a directory; create it or correct the path"),
        ("${file:/dev/zero}", "is larger than 1 MiB; name the file that holds the value alone"),
    ],
)
def test_reference_that_leads_nowhere_says_what_to_do(
    written: str, expected: str, problems: Callable[[str], Sequence[str]]
) -> None:
    """One line at the value; nothing is said of the option that has no value now."""
    (line,) = problems(f"{HEAD}port: {written}\n")
    assert line.startswith("p.yaml:4:11: sources.kraken.port: ")
    assert line.endswith(expected)


def test_every_bad_reference_of_a_text_is_told(problems: Callable[[str], Sequence[str]]) -> None:
    """Two missing variables in one value are two things to do."""
    found = problems(f"{HEAD}token: ${{env:NOPE}}:${{env:NOPE_2}}\n")
    assert [line.rpartition("; ")[2] for line in found] == ["export NOPE=…", "export NOPE_2=…"]


def test_binary_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    """A key in binary form is no text."""
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    _, (message,) = resolve("${file:key}", tmp_path)
    assert message.endswith("is not UTF-8 text; save it as UTF-8")


def test_reference_reaches_the_plugin_with_its_value(parse: Callable[[str], PipelineConfig]) -> None:
    """A number, a text and a `SecretStr` get the real value."""
    config = parse(f"{HEAD}key: ${{env:VALUE}}\n    port: ${{env:PORT}}\n    token: x${{env:VALUE}}\n")
    options: Any = config.sources["kraken"].options
    assert options.key.get_secret_value() == VALUE
    assert options.port == 8443
    assert options.token == f"x{VALUE}"


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, lambda value: repr(copy.copy(value)), lambda value: repr(copy.deepcopy(value))]
)
def test_value_of_a_reference_is_in_no_repr(
    show: Callable[[object], str], parse: Callable[[str], PipelineConfig]
) -> None:
    """A pipeline, its components and their options show the reference in the value's place."""
    config = parse(f"name: ${{env:VALUE}}\n{HEAD}token: ${{env:VALUE}}\n    headers: {{a: 'b${{env:VALUE}}'}}\n")
    shown = show(config) + show(config.sources) + show(config.sources["kraken"].options)
    assert VALUE not in shown
    assert "name=${env:VALUE}" in shown
    assert "token=${env:VALUE}" in shown
    assert "headers=b${env:VALUE}" in shown


def test_masks_cover_aliases_lists_and_copies() -> None:
    """Whatever way a value went into a config, and wherever the config goes, the mask goes with it."""
    options = Options.model_validate(
        {
            "plain": Secret(VALUE, "${env:A}"),
            "port": Secret("1", "${env:B}"),
            "secret": Secret(VALUE, "${env:C}"),
            "many": ["x", Secret(VALUE, "${env:D}")],
            "other": Secret(VALUE, "${env:E}"),
        }
    )
    expected = "Options(plain=${env:A}, port=${env:B}, secret=${env:C}, many=${env:D}, renamed=${env:E})"
    assert repr(options) == expected
    assert repr(pickle.loads(pickle.dumps(options))) == expected
    assert repr(options.model_copy()) == expected
    assert options.many == ["x", VALUE]


def test_nothing_computed_from_a_secret_is_shown() -> None:
    """A computed field disappears from the repr where an option is secret, and only there."""
    assert repr(Derived(url="a")) == "Derived(url='a', host='a')"
    assert repr(Derived.model_validate({"url": Secret(VALUE, "${env:VALUE}")})) == "Derived(url=${env:VALUE})"


@pytest.mark.parametrize(
    "option",
    [
        "port: ${env:VALUE}",
        "port: a${env:VALUE}",
        "silence: ${env:VALUE}",
        "depth: ${env:VALUE}",
        "mode: ${env:VALUE}",
        "token: ${env:BAD}",
        "pause: ${env:VALUE}",
        "login: ${env:VALUE}",
        "route: ${env:VALUE}",
        "limits: ${env:VALUE}",
        "limits: ['${env:VALUE}']",
        "type: ${env:VALUE}",
    ],
)
def test_no_error_shows_the_value_of_a_reference(option: str, registry: Any) -> None:
    """Neither the message nor the traceback has the value; the reference stands for it."""
    with pytest.raises(ConfigError) as caught:
        load(f"{HEAD}{option}\n", registry, filename="p.yaml")
    text = "".join(traceback.format_exception(caught.value))
    assert VALUE.casefold() not in text.casefold()
    assert "${env:" in str(caught.value)


def test_secret_in_plain_text_is_not_shown_either(problems: Callable[[str], Sequence[str]]) -> None:
    """A value of the wrong kind for a `SecretStr` is not repeated."""
    assert problems(f"{HEAD}key: 12345\n") == (
        "p.yaml:4:10: sources.kraken.key: expected text, was a hidden value; put it in quotes",
    )


def test_plugin_that_fails_on_a_value_is_told_without_its_words(problems: Callable[[str], Sequence[str]]) -> None:
    """An exception of a stranger's validator may hold the value; only its name is told."""
    (line,) = problems(f"{HEAD}token: explode\n")
    assert line == "p.yaml:3:3: sources.kraken: plugin kraken failed to check its options: KeyError; tell its author"


def test_switch_is_not_taken_for_a_number() -> None:
    """`true` is refused where Python would count it as 1."""
    with pytest.raises(ValidationError):
        Options.model_validate({"port": True})
