"""Two machines with one identity on a devnet: real processes, of which the one that acts is killed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from devnet_at_hand import EXAMPLE, PORT, Network, opened, played

from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.plan import Plan

_GRANTED = re.compile(r"grant ([0-9]+) of the lease is ours")
SECRET = "a secret of the commits that all machines have"
TERMS = "ttl: 3s, margin: 1s, every: 500ms"


class Machine(NamedTuple):
    """A provider that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def grant(self) -> int:
        """The last grant of the lease that it had; 0 where it had none."""
        found = _GRANTED.findall(self.log.read_text(errors="replace"))
        return int(found[-1]) if found else 0


class Machines:
    """The machines of one identity.

    Parameters
    ----------
    network : Network
    name : str
        The entity's.
    lease : str
        What a pipeline says under `lease`, in braces.
    shared : bool
        Whether they have one ledger.
    """

    def __init__(self, network: Network, name: str, lease: str, *, shared: bool) -> None:
        self.network, self.name, self._lease, self._shared = network, name, lease, shared
        self.running: list[Machine] = []
        self.killed: list[float] = []
        self._started = 0

    def start(self) -> None:
        """Start one more."""
        self._started += 1
        folder, which = self.network.folder, f"{self.name}-{self._started}"
        ledger = self.name if self._shared else which
        text = EXAMPLE.read_text().replace(f"127.0.0.1:{PORT}", self.network.url.removeprefix("http://"))
        text = text.replace("keys/free/", f"keys/{self.name}/").replace("provider/flare.db", f"provider/{ledger}.db")
        text += f"    commits_secret: ${{env:CHRONO_COMMITS_SECRET}}\n    lease: {self._lease}\n"
        file, log = folder / f"{which}.yaml", folder / f"{which}.log"
        file.write_text(text.replace("  console: {}\n", ""))
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "chrono", "pipeline", "run", str(file)],
                cwd=folder,
                stdout=said,
                stderr=said,
                env={**os.environ, "CHRONO_COMMITS_SECRET": SECRET},
            )
        self.running.append(Machine(process, log))

    def acting(self, patience: float = 60.0) -> Machine:
        """Return the one that acts, once one does."""
        until = time.monotonic() + patience
        while True:
            newest = max(self.running, key=lambda each: each.grant)
            if newest.grant:
                return newest
            assert time.monotonic() < until, f"nobody acts for {self.name}: {self.said()}"
            time.sleep(0.2)

    def kill(self) -> Machine:
        """Kill the one that acts, as a machine that loses its power."""
        victim = self.acting()
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait()
        self.killed.append(time.time())
        self.running.remove(victim)
        return victim

    def stop(self) -> None:
        for each in self.running:
            each.process.send_signal(signal.SIGINT)
        for each in self.running:
            try:
                each.process.wait(60)
            finally:
                each.process.kill()
                each.process.wait()

    def said(self) -> str:
        """Return what all of them said."""
        logs = sorted(self.network.folder.glob(f"{self.name}-*.log"))
        return "\n".join(f"{each.name}:\n{each.read_text(errors='replace')}" for each in logs)


@contextmanager
def machines(network: Network, name: str, lease: str, *, shared: bool) -> Iterator[Machines]:
    """Run two machines of an identity."""
    made = Machines(network, name, lease, shared=shared)
    try:
        made.start()
        made.acting()
        made.start()
        yield made
    finally:
        made.stop()


class Told(NamedTuple):
    """What the chain says of an identity's rounds."""

    rounds: int
    doubled: list[int]
    wrong: list[int]
    lost: list[int]
    beyond: list[int]


def judged(network: Network, plan: Plan, entity: Entity, rounds: range, killed: list[float]) -> Told:
    """Judge the rounds of an identity, given when its acting machine was killed."""
    origin = network.chain.asked("FlareSystemsManager", "firstVotingRoundStartTs")
    happened = played(network.chain)
    doubled, wrong, lost = [], [], []
    for round in rounds:
        commits = happened[round].commits.get(entity.submit, []) if round in happened else []
        reveals = happened[round].reveals.get(entity.submit, []) if round in happened else []
        start = origin + round * plan.round_seconds
        valid = [each for second, each in commits if second < start + plan.round_seconds]
        opening = range(start + plan.round_seconds, start + plan.round_seconds + plan.round_seconds // 2)
        shown = [each for second, each in reveals if second in opening]
        if len({each for _, each in commits}) > 1:
            doubled.append(round)
        if any(not opened(entity.submit, round, commit, each) for commit in valid for each in shown):
            wrong.append(round)
        if not (valid and shown):
            lost.append(round)
    # a round is in flight from its start to the end of its reveals
    length = plan.round_seconds
    flying = {int((at - origin) // length) - back for at in killed for back in (0, 1)}
    return Told(len(rounds), doubled, wrong, lost, [each for each in lost if each not in flying])


def missed_in(told: Mapping[str, Told]) -> str:
    """Return a line for each identity."""
    return "\n".join(f"{name}: {each}" for name, each in told.items())
