"""Makes the package of a new plugin: code that runs, passes its contract, and is there to be changed line by line.

Needs no pytest.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template

from chrono.core.errors import ConfigError
from chrono.core.registry import CORE, GROUP, KINDS, Registry

__all__ = ["Package", "make"]

LONGEST = 40
"""Characters of a name: a line of code with it stays a line."""

ABOUT: Mapping[str, str] = {
    "source": "{} for chrono: every public trade.",
    "aggregator": "{} for chrono: the mean of the middle half of a window's trades.",
    "consensus": "{} for chrono: the mean of the middle half of the venues.",
    "detector": "{} for chrono: drops what lies far from the others for some time.",
    "sink": "{} for chrono: prices as lines of text in a file.",
}
"""By kind, what the package says of itself, given the name of its class."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "source": ("msgspec>=0.21",),
    "aggregator": ("numpy>=2.0",),
    "sink": ("anyio>=4.16",),
}
"""By kind, what the generated code imports besides chrono."""

RANGE = f"{CORE}>=0.1,<0.2"

_COMMON = {"pyproject.toml": "common/pyproject.toml"}
_EACH = {
    "README.md": "README.md",
    "example.yaml": "example.yaml",
    "src/{package}/__init__.py": "plugin.py",
    "tests/test_contract.py": "contract.py",
}
_RECORDED = ("trades.jsonl", "trades.expected.jsonl", "markets.json")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class Package:
    """What a new plugin is called, in each of the places where it has a name.

    Parameters
    ----------
    kind : str
        `source`, `aggregator`, `detector`, `consensus` or `sink`.
    name : str
        The word in pipeline files.

    Raises
    ------
    ConfigError
        If there is no such kind, or the name is no word for a pipeline file and a Python package, or is taken.

    Examples
    --------
    >>> package = Package("source", "north_sea")
    >>> package.distribution, package.package, package.cls
    ('chrono-north-sea', 'chrono_north_sea', 'NorthSea')
    """

    def __init__(self, kind: str, name: str) -> None:
        if kind not in KINDS:
            raise ConfigError(f"expected a kind of plugin, one of {', '.join(KINDS)}, was {kind!r}")
        _check_word(name)
        self.kind = kind
        self.name = name
        self.package = f"chrono_{name}"
        self.distribution = f"chrono-{name.replace('_', '-')}"
        _check_free(self)
        self.cls = self._class()

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path and the text of each file."""
        words = self._words()
        for path, template in self._templates():
            yield path.format(package=self.package), Template(template.read_text("utf-8")).substitute(words)
        yield f"src/{self.package}/py.typed", ""

    def _class(self) -> str:
        cls = "".join(part.capitalize() for part in self.name.split("_"))
        code = "".join(template.read_text("utf-8") for path, template in self._templates() if path.endswith(".py"))
        taken = hasattr(builtins, cls) or keyword.iskeyword(cls) or re.search(rf"\b{cls}\b", code)
        return f"{cls}{self.kind.capitalize()}" if taken else cls

    def _templates(self) -> Iterator[tuple[str, Traversable]]:
        home = files("chrono.testing") / "templates"
        named = _COMMON | {path: f"{self.kind}/{template}" for path, template in _EACH.items()}
        if self.kind == "source":
            named |= {f"tests/recordings/{name}": f"source/{name}" for name in _RECORDED}
        for path, template in named.items():
            yield path, home / f"{template}.template"

    def _words(self) -> Mapping[str, str]:
        return {
            "about": ABOUT[self.kind].format(self.cls),
            "cls": self.cls,
            "dependencies": ", ".join(f'"{need}"' for need in (RANGE, *NEEDS.get(self.kind, ()))),
            "distribution": self.distribution,
            "name": self.name,
            "package": self.package,
        }


def make(package: Package, out: Path) -> Path:
    """Write a package into a new folder below `out`, and return that folder.

    Raises
    ------
    ConfigError
        If there is something of its name already, or the folder cannot be written to.
    """
    folder = out / package.distribution
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder}: expected nothing of that name yet, there is; remove it or choose another --out")
    try:
        for path, text in package.files():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder}: expected to write there, was refused: {error.strerror}"
        ) from error
    return folder


def _check_word(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > LONGEST:
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST].strip("_")
        advice = f"; write {near}" if near else ""
        raise ConfigError(
            f"expected a name of lower-case letters, digits and single underscores, at most {LONGEST} characters, "
            f"that begins with a letter, was {name!r}{advice}"
        )
    if name in _WORDS:
        raise ConfigError(f"expected a name that YAML reads as text, was {name!r}; choose another")


def _check_free(package: Package) -> None:
    """Refuse a name that an installed type, package or distribution has."""
    entries, _ = Registry().entries()
    for entry in entries:
        if (entry.kind, entry.cls.type) == (package.kind, package.name):
            raise _taken(package, f"a {package.kind} of {entry.distribution}")
    for point in entry_points(group=GROUP, name=package.name):
        raise _taken(package, f"in use by {point.dist.name if point.dist else point.value}")
    if find_spec(package.package) is not None:
        raise _taken(package, f"the name of an installed package, {package.package}")
    try:
        distribution(package.distribution)
    except PackageNotFoundError:
        return
    raise _taken(package, f"the name of an installed distribution, {package.distribution}")


def _taken(package: Package, by: str) -> ConfigError:
    return ConfigError(f"expected a name that is free, was {package.name!r}, {by}; choose another, or uninstall that")
