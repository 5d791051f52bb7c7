"""The `chrono` program: parse, call, print; no logic."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the program; end with 0 done, 1 failed while running, 2 wrong input, 130 interrupted."""
    try:
        # until a pipeline runs and stops in order, there is nothing to stop
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        from chrono.cli.app import start
    except KeyboardInterrupt:
        sys.exit(130)
    start()
