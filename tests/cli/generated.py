"""A generated package, put beside chrono as an editable installation would."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path
from typing import Any


def put_beside(folder: Path, site: Any) -> None:
    """Link a package into a site folder, with the metadata that its project file asks for."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["chrono"].items())
    site.metadata(project["name"], {"entry_points.txt": f"[chrono]\n{points}"}, requires=project["dependencies"][0])
    for package in (folder / "src").iterdir():
        (site.path / package.name).symlink_to(package)
        site.modules.append(package.name)
    importlib.invalidate_caches()
