"""A pytest plugin that keeps to the checks of contracts and writes down how each ended.

`chrono plugin test` loads it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chrono.testing.certificate import Check, Findings, Subject

_CHECK = re.compile(r"test_([a-z]\d\d)_(\w+)")
_PROPERTY = "chrono check"
_FINDINGS = pytest.StashKey[Findings]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take where to write."""
    parser.addoption("--chrono-findings", type=Path, help="write how the checks of contracts ended, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing found."""
    config.stash[_FINDINGS] = Findings()
    config.pluginmanager.register(_Keeper(config.stash[_FINDINGS]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is no check of a contract."""
    checks = [item for item in items if _contract(item) is not None and _match(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in checks])
    items[:] = checks
    found = config.stash[_FINDINGS]
    for item in checks:
        item.user_properties.append((_PROPERTY, msgspec.to_builtins(_check(item))))
        subject = _subject(item)
        if subject not in found.subjects:
            found.subjects.append(subject)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what was found."""
    path, found = session.config.getoption("--chrono-findings"), session.config.stash[_FINDINGS]
    if path is not None:
        path.write_bytes(msgspec.json.encode(found, enc_hook=str))


class _Keeper:
    """Keeps what pytest reports."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._places: dict[str, int] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._found.problems.append(f"{report.nodeid}: {_last(report.longreprtext)}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: Any = dict(report.user_properties).get(_PROPERTY)
        if told is None or (report.when != "call" and report.passed):
            return
        check = msgspec.structs.replace(msgspec.convert(told, Check), **_outcome(report, told["reason"]))
        place = self._places.setdefault(report.nodeid, len(self._found.checks))
        # what cannot be cleaned up after a check that passed is that check's failure, too
        self._found.checks[place:] = [check, *self._found.checks[place + 1 :]]


def _contract(item: pytest.Item) -> type | None:
    """Return the contract that an item's class is of."""
    cls = getattr(item, "cls", None)
    return next((base for base in inspect.getmro(cls) if _ours(base)), None) if cls is not None else None


def _ours(cls: type) -> bool:
    return cls.__module__.startswith("chrono.testing.") and cls.__name__.endswith("Contract")


def _match(item: pytest.Item) -> re.Match[str] | None:
    return _CHECK.fullmatch(getattr(item, "originalname", None) or item.name)


def _check(item: Any) -> Check:
    """Return what an item checks; its reason says why its outcome does not count, if that is so."""
    match, subject = _match(item), _subject(item)
    assert match is not None
    name = match[2].replace("_", " ")
    called = getattr(item, "callspec", None)
    return Check(
        subject.kind,
        subject.type,
        match[1],
        f"{name} ({called.id})" if called is not None else name,
        reason=" and ".join(_waived(item)),
    )


def _waived(item: Any) -> Iterator[str]:
    if not item.function.__module__.startswith("chrono.testing."):
        yield "replaced by a check of the plugin's own"
    for marker in item.iter_markers():
        if marker.name in {"skip", "skipif", "xfail"}:
            yield f"waived by the plugin's mark {marker.name}"


def _subject(item: Any) -> Subject:
    contract = _contract(item)
    assert contract is not None
    kind = contract.__name__.removesuffix("Contract").lower()
    cls, tested = item.cls, getattr(item.cls, kind)
    return Subject(
        kind,
        tested.type,
        tested.__module__,
        tested.__qualname__,
        sorted({name for name in dir(contract) if _CHECK.fullmatch(name)}),
        tuple(getattr(cls, "pairs", ())),
        dict(getattr(cls, "options", {})) if kind == "source" else {},
        [str(path) for path in getattr(cls, "recordings", lambda: ())()],
    )


def _outcome(report: pytest.TestReport, waived: str) -> dict[str, Any]:
    if waived:
        return {"result": "failed", "reason": f"expected the contract's own check, was {waived}"}
    if report.failed:
        return {"result": "failed", "reason": _crash(report)}
    if report.skipped:
        return {"result": "skipped", "reason": _skip(report.longrepr)}
    return {"result": "passed", "reason": ""}


def _crash(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else _last(report.longreprtext)
    return re.sub(r"^(AssertionError|Failed): ", "", next(iter(text.splitlines()), ""))


def _skip(longrepr: Any) -> str:
    reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(reason).removeprefix("Skipped: ")


def _last(text: str) -> str:
    lines: Sequence[str] = [line for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("E ")), lines[-1] if lines else "").lstrip("E ")
