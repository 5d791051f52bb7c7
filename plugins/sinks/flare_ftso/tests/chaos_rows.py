"""What goes wrong between a provider and its chain, row by row: each on a provider of its own, all on one devnet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import chaos_feeds
import raising
from chaos import Chaos, Rule
from devnet_at_hand import EXAMPLE, PORT, Network
from failover_at_hand import Told, judged

from chrono_flare_ftso.devnet.anvil import Anvil
from chrono_flare_ftso.devnet.deploying import SUBMISSION
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.plan import COIN, Plan
from chrono_flare_ftso.protocol.text import from_hex

SEND, ANY = "eth_sendRawTransaction", "*"


_MINED, _SENT = 1.0, 1.5
"""Seconds after which what was sent is mined, and that sending and mining take at most when nodes are back."""


class Row(NamedTuple):
    """A fault.

    Attributes
    ----------
    scenario : str
        Which one it is of.
    name : str
        What happens.
    first, second : sequence of Rule
        What the proxies before the two nodes do.
    act : callable, optional
        What happens besides, from then on until it is cancelled.
    affords : bool
        Whether the provider could do every round.
    written : callable, optional
        Changes the pipeline's file.
    says : str
        What the provider says each time that it happens, where the proxies do not count it.
    misplaced : callable, optional
        Says in which rounds besides what it revealed is wrong.
    epochs : int
        Of twelve rounds each, for which it lasts; then, and where it is `alone`, it has a devnet of its own.
    """

    scenario: str
    name: str
    first: Sequence[Rule] = ()
    second: Sequence[Rule] = ()
    act: Callable[[Provider], Awaitable[None]] | None = None
    affords: bool = True
    written: Callable[[Provider, str], str] | None = None
    says: str = ""
    misplaced: Callable[[Provider, range], list[int]] | None = None
    alone: bool = False
    epochs: int = 0


@dataclass
class Provider:
    """A provider behind two proxies.

    Attributes
    ----------
    network : Network
    plan : Plan
    entity : Entity
    anvil : Anvil
        The node itself.
    nodes : list of Chaos
    process : subprocess.Popen
    written : callable, optional
        Changes the pipeline's file.
    environment : dict of str to str
        What it has besides that of this process.
    """

    network: Network
    plan: Plan
    entity: Entity
    anvil: Anvil
    nodes: list[Chaos] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    written: Callable[[Provider, str], str] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.network.folder / f"{self.entity.name}.log"

    def start(self) -> None:
        """Start it, or start it again: its ledger is where it was."""
        name = self.entity.name
        text = EXAMPLE.read_text().replace("  console: {}\n", "")
        text = text.replace(f'["ws://127.0.0.1:{PORT}"]', f'["{self.nodes[0].ws}"]')
        text = text.replace(f'["http://127.0.0.1:{PORT}"]', f'["{self.nodes[0].url}", "{self.nodes[1].url}"]')
        text = text.replace("keys/free/", f"keys/{name}/").replace("provider/flare.db", f"provider/{name}.db")
        if self.written is not None:
            text = self.written(self, text)
        file = self.network.folder / f"{name}.yaml"
        file.write_text(text)
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "chrono", "pipeline", "run", str(file)],
                cwd=self.network.folder,
                stdout=said,
                stderr=said,
                env={**os.environ, **self.environment},
            )

    async def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.process.wait, 60)
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """Kill it, as a machine that loses its power."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


# what happens besides rules


async def killed(it: Provider) -> None:
    """Is killed in each round between its commit and its reveal, and started again at once."""
    chance, length = random.Random(it.entity.name), it.plan.round_seconds
    origin = it.network.chain.asked("FlareSystemsManager", "firstVotingRoundStartTs")
    while True:
        at = chance.uniform(0.92, 1.02) * length
        await asyncio.sleep((at - (time.time() - origin)) % length)
        it.kill()
        it.start()
        await asyncio.sleep(length / 2)


async def cut_off(it: Provider) -> None:
    """Both nodes are gone for a quarter of each round, whenever that leaves time for its commit and its reveal."""
    chance, length = random.Random(it.entity.name), it.plan.round_seconds
    origin, gone = it.network.chain.asked("FlareSystemsManager", "firstVotingRoundStartTs"), length / 4
    while True:
        at = chance.uniform(0, length)
        while not _affords(at, at + gone, length):
            at = chance.uniform(0, length)
        await asyncio.sleep((at - (time.time() - origin)) % length)
        rules = [node.do("drop") for node in it.nodes]
        await asyncio.sleep(gone)
        for node, rule in zip(it.nodes, rules, strict=True):
            node.rules.remove(rule)


def _affords(since: float, until: float, length: int) -> bool:
    """Return whether a round's commit and reveal are there before nodes are gone, or can be sent afterwards."""
    windows = ((75 / 90 * length, length), (length / 2 * 20 / 45, length / 2))
    return all(since > sent + _MINED or until < end - _SENT for sent, end in windows)


async def in_turn(it: Provider) -> None:
    """The two nodes are gone by turns, half a round each."""
    while True:
        for node in it.nodes:
            rule = node.do("drop")
            await asyncio.sleep(it.plan.round_seconds / 2)
            node.rules.remove(rule)


async def nonce_taken(it: Provider) -> None:
    """Another program sends by the same key, once in each round."""
    while True:
        await asyncio.sleep(it.plan.round_seconds * 0.97)
        await it.anvil.send(it.entity.submit, SUBMISSION, b"\x6c\x53\x2f\xae", gas=100_000)


async def empty(it: Provider) -> None:
    """The account that submits is empty, from now on."""
    await it.anvil.fund([it.entity.submit], 0)
    await asyncio.Event().wait()


async def dear(it: Provider) -> None:
    """The base fee is ten times what it was, and once more, in each round."""
    while True:
        block = await it.anvil.rpc("eth_getBlockByNumber", "latest", False)
        fee = max(int(block["baseFeePerGas"], 16), 10**9)
        await it.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(min(10 * fee, 400 * 10**9)))
        await asyncio.sleep(it.plan.round_seconds / 2)


async def forked(it: Provider) -> None:
    """The chain forks at each commit, reveal and signature, one to three blocks deep: they are gone."""
    chance, ours, hit = random.Random(it.entity.name), {it.entity.submit, it.entity.submit_signatures}, set()
    after = int(await it.anvil.rpc("eth_blockNumber"), 16)
    while True:
        await asyncio.sleep(0.1)
        for number in range(after + 1, int(await it.anvil.rpc("eth_blockNumber"), 16) + 1):
            after = number
            block = await it.anvil.rpc("eth_getBlockByNumber", hex(number), True)
            sent = {each["hash"] for each in block["transactions"] if from_hex(each["from"]) in ours} - hit
            if sent:
                hit |= sent
                depth = chance.randint(1, 3)
                while (head := int(await it.anvil.rpc("eth_blockNumber"), 16)) < number + depth - 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                await it.anvil.rpc("anvil_reorg", head - number + 1, [])


async def feeds_chosen(it: Provider) -> None:
    """Governance chooses other feeds for each reward epoch."""
    await chaos_feeds.choose(it.plan, it.anvil, it.network.chain)


def _misplaced(it: Provider, rounds: range) -> list[int]:
    return chaos_feeds.misplaced(it.network.chain, it.plan, it.entity, rounds)


def _raising(it: Provider, text: str) -> str:
    it.environment["PYTHONPATH"] = str(raising.install(it.network.folder / "raising"))
    return raising.used(text)


def _error(message: str, *, times: int = 3, after: bool = False) -> Rule:
    return Rule("error", SEND, times=times, code=-32000, message=message, after=after)


def rows() -> list[Row]:
    """Return all of them."""
    return [
        Row("-", "all is well"),
        Row("S2", "killed after each commit, and started again", act=killed),
        Row("S4", "the first node is 12 blocks behind", [Rule("stale", blocks=12)]),
        Row("S4", "the first node is of another chain", [Rule("wrong_chain")]),
        Row("S4", "null for half of what is asked", [Rule("null", "eth_get*", probability=0.5)]),
        Row(
            "S4",
            "accepted, and the answer lost",
            [Rule("lose", SEND, probability=0.7)],
            [Rule("lose", SEND, probability=0.7)],
        ),
        Row(
            "S4",
            "accepted, and answered by 503",
            [Rule("status", SEND, after=True)],
            [Rule("status", SEND, after=True)],
        ),
        Row("S4", "pages in place of answers", [Rule("html", probability=0.3)], [Rule("html", probability=0.3)]),
        Row(
            "S4",
            "429 for a third",
            [Rule("status", status=429, probability=0.3)],
            [Rule("status", status=429, probability=0.3)],
        ),
        Row("S4", "half of an answer", [Rule("truncate", probability=0.3)], [Rule("truncate", probability=0.3)]),
        Row("S4", "answers after 0.4 s", [Rule("late", seconds=0.4)], [Rule("late", seconds=0.4)]),
        Row("S4", "the first node hangs for 5 s", [Rule("late", seconds=5.0)]),
        Row("S4", "the first node is dead", [Rule("drop")]),
        Row("S4", "the nodes are dead by turns", act=in_turn),
        Row("S4", "both are dead for a quarter of a round", act=cut_off),
        Row("S4", "WebSocket cut again and again", [Rule("cut", "newHeads", probability=0.3)]),
        Row("S4", "WebSocket says nothing", [Rule("silence", "newHeads")]),
        Row("S4", "every head announced twice", [Rule("double", "newHeads")]),
        Row("S4", "logs of blocks that were replaced", [Rule("removed", "eth_getLogs")]),
        Row("S5", "nonce too low, said three times", [_error("nonce too low")]),
        Row("S5", "nonce too high, said three times", [_error("nonce too high")]),
        Row("S5", "underpriced, said three times", [_error("replacement transaction underpriced")]),
        Row("S5", "already known, and it is", [_error("already known", times=9, after=True)]),
        Row("S5", "another program takes a nonce each round", act=nonce_taken),
        Row("S5", "base fee x10 twice a round", act=dear),
        Row("S5", "the account is empty", act=empty, affords=False),
        Row("S6", "forks at commits, reveals and signatures", act=forked, alone=True, says="they are read anew"),
        Row("S8", "other feeds in each reward epoch", act=feeds_chosen, misplaced=_misplaced, epochs=5),
        Row("S9", "a source, a detector and a sink raise", written=_raising, says=raising.WORDS),
    ]


class Outcome(NamedTuple):
    """What became of a row."""

    row: Row
    told: Told
    applied: int
    said: str

    @property
    def missed(self) -> int:
        """Rounds that it could have done, and did not."""
        return len(self.told.lost) if self.row.affords else 0

    @property
    def holds(self) -> bool:
        return not (self.told.doubled or self.told.wrong or self.missed)


def pieces(wanted: Sequence[Row], together: int) -> list[list[Row]]:
    """Return the rows that share a devnet."""
    sharing = [each for each in wanted if not (each.alone or each.epochs)]
    shared = [sharing[at : at + together] for at in range(0, len(sharing), together)]
    return shared + [[each] for each in wanted if each.alone or each.epochs]


async def tried(
    network: Network, plan: Plan, entities: Sequence[Entity], rows: Sequence[Row], rounds: int
) -> list[Outcome]:
    """Try rows side by side, a provider each, for so many rounds."""
    import httpx

    chain, length = network.chain, plan.round_seconds
    async with AsyncExitStack() as undo:
        anvil = Anvil(network.url, await undo.enter_async_context(httpx.AsyncClient(timeout=30)))
        providers = [Provider(network, plan, each, anvil) for each in entities[: len(rows)]]
        for each, row in zip(providers, rows, strict=True):
            each.written = row.written
            for _ in range(2):
                made = Chaos(network.url, "ws" + network.url.removeprefix("http"))
                each.nodes.append(await undo.enter_async_context(made))
            await anvil.fund([each.entity.submit], 1_000 * COIN)
            await asyncio.to_thread(each.start)
            undo.push_async_callback(each.stop)
        # a round to get going, as each has to in the end
        await asyncio.sleep(1.5 * length)
        first = max(chain.asked("FlareSystemsManager", "getCurrentVotingEpochId") + 1, plan.epoch_rounds)
        acting = []
        for each, row in zip(providers, rows, strict=True):
            each.nodes[0].rules += row.first
            each.nodes[1].rules += row.second
            if row.act is not None:
                acting.append(asyncio.create_task(row.act(each)))
        await asyncio.sleep((rounds + 2.5) * length)
        for task in acting:
            task.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
        last = chain.asked("FlareSystemsManager", "getCurrentVotingEpochId") - 2
        await asyncio.to_thread(network.until_round, last, 6 * length)
        found = []
        for each, row in zip(providers, rows, strict=True):
            judging, said = range(first + 1, last + 1), each.log.read_text(errors="replace")
            told = await asyncio.to_thread(judged, network, plan, each.entity, judging, [])
            if row.misplaced is not None:
                told = told._replace(wrong=[*told.wrong, *await asyncio.to_thread(row.misplaced, each, judging)])
            applied = sum(rule.applied for rule in (*row.first, *row.second))
            found.append(Outcome(row, told, said.count(row.says) if row.says else applied, said))
        return found
