"""The `chrono` program: parse, call, print; no logic."""

from chrono.cli.app import main

__all__ = ["main"]
