"""Listens to a plugin being imported and its component being made, in a process of its own.

Needs no pytest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["noise"]

_LISTEN = """
import importlib, json, os, sys, threading
path, module, name, options = json.load(sys.stdin)
sys.path[:] = path
import chrono, chrono.testing  # what the host has imported long before
for home in ("chrono", "chrono.testing.damage"):
    importlib.import_module(home)
[getattr(chrono, public) for public in chrono.__all__]
heard, root = set(), module.partition(".")[0]
loud = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system")

def ours():
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == root:
            return True
        frame = frame.f_back
    return False

def audit(event, arguments):
    if event in loud or (event == "socket.__new__" and ours()):
        heard.add(event)

reading = type(os.environ).__getitem__
def environment(self, key):
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in ("os", "collections.abc", "_collections_abc"):
        frame = frame.f_back
    # what the libraries it imports read is their affair
    if frame.f_globals.get("__name__", "").partition(".")[0] == root:
        heard.add("environment " + str(key))
    return reading(self, key)

before = set(threading.enumerate())
sys.addaudithook(audit)
type(os.environ).__getitem__ = environment
cls = importlib.import_module(module)
for part in name.split("."):
    cls = getattr(cls, part)
cls(cls.Config(**options))
type(os.environ).__getitem__ = reading
heard.update("thread " + thread.name for thread in set(threading.enumerate()) - before)
json.dump(sorted(heard), sys.stdout)
"""


def noise(cls: type[Any], options: Mapping[str, Any] | None = None) -> Sequence[str]:
    """Return what a class did at import and construction: sockets, threads, programs, reads of the environment.

    Parameters
    ----------
    cls : type
        A component class that can be imported by name.
    options : mapping, optional
        What its `Config` is made with.

    Raises
    ------
    RuntimeError
        If it cannot be imported or made there; the message is what Python said.
    """
    given = json.dumps([sys.path, cls.__module__, cls.__qualname__, dict(options or {})])
    done = subprocess.run([sys.executable, "-c", _LISTEN], input=given, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"expected {cls.__qualname__} to be imported and made, was: {done.stderr.strip()}")
    heard: list[str] = json.loads(done.stdout)
    return heard
