"""A PostgreSQL server of a test's own: made in a folder that is gone afterwards, on this machine alone.

Usable by any test and by benchmarks; needs no driver.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

__all__ = ["Cluster", "Fresh", "Unavailable", "provided"]

_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE = 30.0
"""Seconds after which a server that has not started, or ended, never will."""

_SETTINGS = {
    # that the machine loses its power is no part of a test; that the server is killed is: what it said is kept, is
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
}

_GUARD = 'cat > /dev/null; kill -QUIT "$0"'
"""Ends the server when whoever started it is gone, however that ended."""


class Unavailable(Exception):
    """There is no PostgreSQL on this machine that a test could run; says why."""


class Fresh(NamedTuple):
    """A database with nothing in it.

    Attributes
    ----------
    cluster : Cluster
        The server that it is of.
    name : str
    """

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return self.cluster.url(self.name)

    def sql(self, statement: str) -> str:
        """Run statements, as `Cluster.sql` does."""
        return self.cluster.sql(statement, self.name)


class Cluster:
    """A PostgreSQL server; a context manager that makes it, starts it, and removes it.

    Parameters
    ----------
    settings : mapping of str to str
        What to set besides, as in `postgresql.conf`.

    Attributes
    ----------
    port : int
        On 127.0.0.1; the same after each start.
    user, password : str
        Its superuser.

    Raises
    ------
    Unavailable
        If this machine has no programs for it, or no user that may run them.

    Examples
    --------
    >>> with Cluster() as cluster, cluster.fresh() as database:  # doctest: +SKIP
    ...     database.sql("SELECT 1")
    '1'
    """

    user = "chrono"

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._programs = _programs()
        self._owner = _owner()
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.password = secrets.token_hex(12)
        self.port = _free_port()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="chrono-postgres-"))
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def data(self) -> Path:
        """Where it keeps its data."""
        return self._folder / "data"

    @property
    def pids(self) -> Sequence[int]:
        """The server and the processes that it started; none while it is stopped."""
        if self._process is None:
            return ()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [self._process.pid, *map(int, children.read_text().split() if children.exists() else ())]

    def url(self, name: str = "postgres") -> str:
        """Return the address of one of its databases, with the password."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, name: str = "postgres") -> str:
        """Run statements in one of its databases, and return what is answered: a line a row, columns apart by `|`.

        Raises
        ------
        RuntimeError
            If they are refused; says why.
        """
        address = ["--host=127.0.0.1", f"--port={self.port}", f"--username={self.user}", f"--dbname={name}"]
        plain = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        return self._run("psql", *plain, *address, f"--command={statement}").strip()

    @contextmanager
    def fresh(self) -> Iterator[Fresh]:
        """Make a database with nothing in it, and drop it afterwards; starts the server if it is stopped."""
        self.start()
        name = f"test_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield Fresh(self, name)
        finally:
            self.start()
            self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def offers(self, extension: str) -> bool:
        """Say whether an extension lies beside its programs."""
        return extension in self.sql("SELECT name FROM pg_available_extensions").splitlines()

    def start(self) -> None:
        """Start it, and wait until it answers; nothing if it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        ends = time.monotonic() + _PATIENCE
        while not self._started():
            # what a server that was killed has left behind may take a moment to end
            if time.monotonic() > ends:
                raise RuntimeError(f"expected PostgreSQL to start, was refused: {self._log.read_text()[-500:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Have it end in order, without waiting for those who are connected; nothing if it is stopped."""
        self._end((), signal.SIGINT)

    def kill(self) -> None:
        """End it and all that it started with SIGKILL; nothing if it is stopped."""
        self._end(self.pids, signal.SIGKILL)

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        if self._owner is not None:
            for path in (self._folder, secret):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        told = [f"--pgdata={self.data}", f"--username={self.user}", f"--pwfile={secret}", "--auth=scram-sha-256"]
        self._run("initdb", "--no-sync", "--encoding=UTF8", "--no-locale", *told)
        if (Path(self._run("pg_config", "--pkglibdir").strip()) / "timescaledb.so").exists():
            self._settings = {
                "shared_preload_libraries": "timescaledb",
                "timescaledb.telemetry_level": "off",
                **self._settings,
            }

    def _started(self) -> bool:
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            # in a session of its own, or the keyboard's interrupt would end it, too
            process = subprocess.Popen(  # noqa: S603 - the programs that are tested with
                [str(self._programs / "postgres"), "-D", str(self.data), *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._ours,
            )
        ready = [str(self._programs / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        while process.poll() is None:
            if subprocess.run(ready, check=False).returncode == 0:  # noqa: S603
                self._process = process
                guard = ["/bin/sh", "-c", _GUARD, str(process.pid)]
                self._guard = subprocess.Popen(  # noqa: S603
                    guard, stdin=subprocess.PIPE, start_new_session=True, **self._ours
                )
                return True
            time.sleep(0.02)
        return False

    def _end(self, family: Sequence[int], number: signal.Signals) -> None:
        process, self._process = self._process, None
        guard, self._guard = self._guard, None
        if process is None or guard is None:
            return
        guard.kill()
        guard.communicate()
        for pid in family or [process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                # one that was frozen hears nothing
                os.kill(pid, signal.SIGCONT)
        process.wait(_PATIENCE)

    @property
    def _ours(self) -> dict[str, Any]:
        """How its programs are run: in a folder that their user may see, as that user."""
        if self._owner is None:
            return {"cwd": self._folder}
        return {"cwd": self._folder, "user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": ()}

    def _run(self, program: str, *arguments: str) -> str:
        environment = {**os.environ, "PGPASSWORD": self.password, "PGOPTIONS": "--client-min-messages=warning"}
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(  # noqa: S603
            command, check=False, capture_output=True, text=True, env=environment, **self._ours
        )
        if done.returncode:
            raise RuntimeError(f"expected {program} to do as it was told, was refused: {done.stderr.strip()}")
        return str(done.stdout)


@contextmanager
def provided() -> Iterator[Cluster]:
    """Start a cluster for tests; skip them where there is none to be had, but fail where `CI` is set."""
    import pytest

    try:
        cluster = Cluster()
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    with cluster:
        yield cluster


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not versions:
        raise Unavailable(f"expected PostgreSQL on the path or in {_DEBIAN}, there is none; install it")
    return versions[-1].parent


def _owner() -> pwd.struct_passwd | None:
    """Return the user to run it as; None for this one. It refuses to run as root."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Unavailable("expected a user `postgres` to run PostgreSQL as, there is none; make it")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
