"""Every page that a reader can follow is followed, block by block."""

from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PAGES)
def test_page_can_be_followed(name: str, reader: Any) -> None:
    """Files are accepted, commands end as shown and print what is shown, examples are right."""
    reader.follow(DOCS / name)
