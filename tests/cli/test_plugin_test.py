"""`chrono plugin test`: a certificate of what a plugin keeps, and what a source hears of its venue."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chrono.testing.scaffold import Package, make

from .conftest import Cli, Site
from .generated import put_beside

pytestmark = pytest.mark.timeout(120)

Make = Callable[..., Path]


@pytest.fixture
def made(folder: Path, site: Site) -> Make:
    """Return a function that generates a package and puts it beside chrono."""

    def called(kind: str, name: str = "acme") -> Path:
        path = make(Package(kind, name), folder)
        put_beside(path, site)
        return path

    return called


def change(path: Path, old: str, new: str) -> None:
    """Change a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("kind", ["source", "aggregator", "consensus", "detector", "sink"])
def test_generated_package_gets_its_certificate(kind: str, made: Make, cli: Cli) -> None:
    """Each kind keeps its contract as it was generated; only what a source does not have is skipped."""
    made(kind)
    done = cli("plugin", "test", "chrono-acme")
    assert done.code == 0, done
    first, *_, last = done.out.splitlines()
    assert first.startswith(f"chrono-acme 1.0, chrono-oracle 0.1.0, Python {platform.python_version()}, ")
    assert " 0 failed, " in last
    assert last.endswith(": chrono-acme keeps its contract")
    skipped = {line.split()[0] for line in done.out.splitlines() if line.split()[1] == "skipped"}
    assert skipped == ({"s38", *(f"s4{n}" for n in range(7))} if kind == "source" else set())


def test_certificate_is_one_object(made: Make, cli: Cli) -> None:
    """With --format json it is a line that a machine can keep."""
    path = made("source")
    done = cli("plugin", "test", "chrono-acme", "--format", "json")
    (line,) = done.out.splitlines()
    told = json.loads(line)
    assert (told["plugin"], told["version"], told["holds"], told["failed"]) == ("chrono-acme", "1.0", True, 0)
    for file, digest in told["recordings"].items():
        assert digest == hashlib.sha256((path / file).read_bytes()).hexdigest()
    assert "tests/recordings/trades.jsonl" in told["recordings"]
    assert told["passed"] + told["skipped"] == len(told["checks"])
    assert [check["number"] for check in told["checks"]] == sorted(check["number"] for check in told["checks"])
    assert {(check["kind"], check["type"]) for check in told["checks"]} == {("source", "acme")}


def test_check_that_fails_is_told_with_its_reason(made: Make, cli: Cli) -> None:
    """The exit code is 1, and the line says what was expected."""
    path = made("source")
    change(path / "src" / "chrono_acme" / "__init__.py", "time * 1_000_000", "time * 1_000")
    done = cli("plugin", "test", "chrono-acme")
    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.startswith("  s22"))
    assert line.startswith("  s22  failed   times are nanoseconds: expected nanoseconds within a day before ")
    assert done.out.splitlines()[-1].endswith("chrono-acme does not keep its contract")


WAIVED = {
    "replaced": (
        "def test_a05_it_refuses_rather_than_guess(self) -> None:\n        pass",
        "replaced by a check of the",
    ),
    "removed": ("test_a05_it_refuses_rather_than_guess = None", "was left out by the plugin's tests"),
    "skipped": (
        "pytestmark = __import__('pytest').mark.skip(reason='later')",
        "was waived by the plugin's mark skip",
    ),
    "expected to fail": (
        "pytestmark = __import__('pytest').mark.xfail(reason='later', strict=False)",
        "was waived by the plugin's mark xfail",
    ),
}


@pytest.mark.parametrize("how", WAIVED)
def test_check_that_is_waived_counts_as_failed(how: str, made: Make, cli: Cli) -> None:
    """A certificate is of the contract's own checks, all of them."""
    code, says = WAIVED[how]
    path = made("aggregator") / "tests" / "test_contract.py"
    change(path, "    aggregator = Acme\n", f"    aggregator = Acme\n    {code}\n")
    done = cli("plugin", "test", "chrono-acme")
    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.startswith("  a05"))
    assert says in line


def test_check_that_cannot_be_cleaned_up_fails_once(made: Make, cli: Cli) -> None:
    """An error after a check that passed is that check's."""
    path = made("aggregator")
    (path / "tests" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(autouse=True)\ndef leaves():\n    yield\n    raise RuntimeError('left over')\n"
    )
    told = json.loads(cli("plugin", "test", "chrono-acme", "--format", "json").out)
    assert (told["passed"], told["failed"]) == (0, 13)
    assert "left over" in told["checks"][0]["reason"]


def test_other_tests_are_not_run(made: Make, cli: Cli) -> None:
    """What is no check of a contract is the plugin's own affair."""
    path = made("aggregator")
    (path / "tests" / "test_more.py").write_text("def test_more():\n    assert False\n")
    assert cli("plugin", "test", "chrono-acme").code == 0


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_tests_that_are_spread_over_processes_are_run_in_one(made: Make, cli: Cli) -> None:
    """The package's own settings for that do not hide its contracts."""
    change(made("aggregator") / "pyproject.toml", 'testpaths = ["tests"]', 'testpaths = ["tests"]\naddopts = ["-n2"]')
    assert cli("plugin", "test", "chrono-acme").code == 0


def without_contract(path: Path) -> None:
    """Leave no contract."""
    (path / "tests" / "test_contract.py").write_text("def test_nothing():\n    pass\n")


def unreadable(path: Path) -> None:
    """Leave a test that cannot be imported."""
    (path / "tests" / "test_contract.py").write_text("import nowhere_to_be_found\n")


def astray(path: Path) -> None:
    """Leave an option that pytest does not know."""
    change(path / "pyproject.toml", 'testpaths = ["tests"]', 'addopts = ["--no-such-option"]')


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_contract, "expected a test class that derives from a contract of chrono.testing, was none"),
        (unreadable, "No module named 'nowhere_to_be_found'"),
        (astray, "expected pytest to run its tests, was "),
        (lambda path: (path / "pyproject.toml").unlink(), "was one without a pyproject.toml"),
        (lambda path: (path / "pyproject.toml").write_text("["), "expected a project file, was unreadable"),
        (lambda path: (path / "pyproject.toml").write_text(""), "expected a `name` below [project], was none"),
    ],
)
def test_folder_without_checks_is_refused(spoil: Callable[[Path], None], says: str, made: Make, cli: Cli) -> None:
    """One line says what is missing; the exit code is 2."""
    spoil(made("aggregator"))
    done = cli("plugin", "test", "chrono-acme")
    assert (done.code, len(done.problems), done.out) == (2, 1, "")
    assert says in done.err


def test_package_must_be_installed(cli: Cli, folder: Path) -> None:
    """What is not beside chrono cannot be found by it."""
    make(Package("source", "acme"), folder)
    done = cli("plugin", "test", "chrono-acme")
    assert (done.code, done.problems) == (
        2,
        ["chrono-acme: expected chrono-acme to be installed beside chrono, was not; pip install -e chrono-acme"],
    )


def test_package_must_be_what_is_installed(made: Make, cli: Cli, site: Site) -> None:
    """A certificate of an older copy would be of something else."""
    path = made("aggregator")
    link = site.path / "chrono_acme"
    link.unlink()
    link.mkdir()
    (link / "__init__.py").write_text((path / "src" / "chrono_acme" / "__init__.py").read_text() + "# older\n")
    done = cli("plugin", "test", "chrono-acme")
    assert (done.code, len(done.problems)) == (2, 1)
    assert "expected what is installed to be what lies here" in done.err


def test_pytest_must_be_installed(made: Make, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no pytest is told to install it."""
    made("aggregator")
    found = importlib.util.find_spec
    monkeypatch.setattr("chrono.testing.certificate.find_spec", lambda name: None if name == "pytest" else found(name))
    done = cli("plugin", "test", "chrono-acme")
    assert (done.code, done.problems) == (
        2,
        ["expected pytest, which runs the checks, was not installed; pip install pytest"],
    )


@pytest.fixture
def venue(folder: Path) -> Iterator[str]:
    """Return the address of the practice venue, which spoils every third trade."""
    command = [sys.executable, "-m", "chrono.testing.practice", "0", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


def test_live_tells_what_came_of_each_market(venue: str, made: Make, cli: Cli) -> None:
    """A row for each market, and one for the whole; logs go to standard error."""
    made("source")
    words = ("--live", "--for", "900ms", "--url", venue, "--format", "json")
    done = cli("plugin", "test", "chrono-acme", *words)
    *rows, whole = map(json.loads, done.out.splitlines())
    assert done.code == 0, done
    assert [row["market"] for row in rows] == ["acme:BTC/USD", "acme:ETH/USD"]
    for row in rows:
        assert row["ticks"] > 0
        assert 0 <= row["first_after_s"] < 0.9
        assert 0 <= row["lag_s"] < 0.9
        assert row["problem"] is None
    assert (whole["pairs"], whole["covered"]) == (2, 2)
    assert whole["unreadable"] > 0
    assert whole["ticks"] == sum(row["ticks"] for row in rows)


def test_live_fails_where_a_pair_has_no_tick(venue: str, made: Make, cli: Cli) -> None:
    """A market that the venue refuses is told with its reason, and the exit code is 1."""
    made("source")
    words = ("--live", "--for", "700ms", "--url", venue, "--pair", "BTC/USD", "--pair", "DOGE/USD")
    done = cli("plugin", "test", "chrono-acme", *words)
    assert done.code == 1
    (refused,) = (line for line in done.out.splitlines() if line.startswith("acme:DOGE/USD"))
    assert "the venue refuses DOGE-USD" in refused
    assert done.out.splitlines()[-1].startswith("1 of 2 pairs in ")


def test_live_tells_why_nothing_came(made: Make, cli: Cli) -> None:
    """A venue that is not there is a line, not a traceback."""
    made("source")
    done = cli("plugin", "test", "chrono-acme", "--live", "--for", "200ms", "--url", "ws://127.0.0.1:1")
    assert done.code == 1
    assert "ws://127.0.0.1:1 refused the connection" in done.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--for", "2s"), "--for: expected together with --live, was without"),
        (("--live", "--for", "2"), "--for: expected a duration with its unit"),
        (("--live", "--for", "0s"), "--for: expected a duration above 0, was '0s'"),
        (("--live", "--pair", "BTC"), "--pair: expected a pair like BTC/USD, was 'BTC'"),
        (("--live", "--url", "ftp://x"), "acme: expected options that are right, was url: expected an address like"),
    ],
)
def test_options_that_cannot_be_are_refused(words: tuple[str, ...], says: str, made: Make, cli: Cli) -> None:
    """One line each, exit code 2."""
    made("source")
    done = cli("plugin", "test", "chrono-acme", *words)
    assert (done.code, len(done.problems)) == (2, 1)
    assert says in done.err


def test_only_sources_can_be_run_live(made: Make, cli: Cli) -> None:
    """A statistic has no venue."""
    made("aggregator")
    done = cli("plugin", "test", "chrono-acme", "--live")
    assert (done.code, len(done.problems)) == (2, 1)
    assert "only sources can be run --live" in done.err
