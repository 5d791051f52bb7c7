"""Every page that a reader can follow is followed, block by block."""

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PAGES)
def test_page_can_be_followed(name: str, reader: Any) -> None:
    """Files are accepted, commands end as shown and print what is shown, examples are right."""
    reader.follow(ROOT / name)
