"""The root's conftest: what failed while the machine stood still is judged once more, anything else is not."""

import subprocess
import sys

import pytest

TESTS = """
import pathlib

TRIED = pathlib.Path(__file__).with_suffix(".tried")


def test_busy(request):
    said = TRIED.read_text() if TRIED.exists() else ""
    TRIED.write_text(said + "x")
    (looks_on,) = (each for each in request.config.pluginmanager.get_plugins() if hasattr(each, "Stillness"))
    looks_on._stillness.longest = LATE
    assert len(said) == ENOUGH
"""


@pytest.mark.parametrize(
    ("late", "enough", "passes", "tried"),
    [(0.3, 1, True, 2), (0.3, 2, True, 3), (0.3, 3, False, 3), (0.0, 1, False, 1), (0.3, 0, True, 1)],
)
def test_failure_counts_unless_the_machine_stood_still(root, tmp_path, late, enough, passes, tried):
    (tmp_path / "conftest.py").write_text((root / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(TESTS.replace("LATE", str(late)).replace("ENOUGH", str(enough)))
    # the machine may stand still here, too
    options = ["--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)]
    code = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    run = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is passes, run.stdout
    assert len((tmp_path / "test_it.tried").read_text()) == tried
    assert run.stdout.count("stood still for 0.30 s") == tried - 1
