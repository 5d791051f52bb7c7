"""The history of others, and pipelines of the core alone."""

from pathlib import Path

import pytest

from tests.core.conftest import make

__all__ = ["make"]


@pytest.fixture(scope="session")
def history() -> Path:
    """Return the folder of recorded price history, which lies beside the repository; skip without it."""
    folder = Path(__file__).parents[3] / "shared" / "data" / "history"
    if not folder.is_dir():
        pytest.skip("expected recorded price history in ../shared/data/history beside the repository, there is none")
    return folder
