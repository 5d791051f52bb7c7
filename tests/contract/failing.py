"""Runs one check of a contract and tells how it failed."""

import inspect
from typing import Any

from _pytest.outcomes import Failed


async def failure(contract: type[Any], check: str) -> str:
    """Return what a check says of a broken plugin; empty if it found nothing wrong."""
    names = [name for name in dir(contract) if name.startswith(f"test_{check}")]
    assert names, f"expected a check {check} in {contract.__name__}"
    for name in names:
        try:
            done = getattr(contract(), name)()
            if inspect.isawaitable(done):
                await done
        except (AssertionError, Failed) as error:
            return str(error) or "failed"
    return ""
