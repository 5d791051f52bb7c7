"""The devnet's contracts from their sources; `python tests/compiled_contracts.py` writes what is shipped."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chrono_flare_ftso import devnet

FOLDER = Path(devnet.__file__).parent
SHIPPED = FOLDER / "contracts.json"

Made = Mapping[str, Mapping[str, Any]]


def sources() -> list[Path]:
    """Return the sources of contracts; modules that they import have names in lower case."""
    return [each for each in sorted((FOLDER / "contracts").glob("*.vy")) if each.stem[0].isupper()]


def compiled() -> Made:
    """Return the contracts, made anew."""
    import vyper
    from vyper.cli.vyper_compile import compile_files

    formats = ("abi", "bytecode")
    made = compile_files([str(each) for each in sources()], formats, paths=[str(FOLDER / "contracts")])
    compiler = {"compiler": f"vyper {vyper.__version__}"}
    return {Path(path).stem: compiler | {name: each[name] for name in formats} for path, each in made.items()}


def text_of(made: Made) -> str:
    """Return what is shipped: a line for each thing, so that changes can be told apart."""
    lines = []
    for name, contract in sorted(made.items()):
        parts = [f"  {json.dumps(key)}: {_value(contract[key])}" for key in ("compiler", "abi", "bytecode")]
        lines.append(f" {json.dumps(name)}: {{\n" + ",\n".join(parts) + "\n }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _value(what: Any) -> str:
    if isinstance(what, str):
        return json.dumps(what)
    return "[\n" + ",\n".join(f"   {json.dumps(each, sort_keys=True)}" for each in what) + "\n  ]"


if __name__ == "__main__":
    SHIPPED.write_text(text_of(compiled()))
