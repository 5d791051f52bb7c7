"""The sink `flare_ftso`: a whole FTSO provider in one process, with no other program of Flare's beside it.

What it does in a round is in `voting`, what it owes in a reward epoch in `duties`; here both are given their chain,
their keys and their prices, and are let finish when the pipeline stops.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, SecretStr, model_validator

from chrono import Duration, Report, Sink, TransientError
from chrono_flare_ftso.answers import Answers, Feeds
from chrono_flare_ftso.asking import Asking
from chrono_flare_ftso.chain.carrying import Outcome
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.fees import Fees
from chrono_flare_ftso.chain.heads import Heads
from chrono_flare_ftso.chain.looking import Looking
from chrono_flare_ftso.chain.nonces import NonceBook
from chrono_flare_ftso.chain.refusals import Unfunded
from chrono_flare_ftso.chain.registry import Registry
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.commits import Commits, CommitStore
from chrono_flare_ftso.keys.config import Keys, Signers, open_signers
from chrono_flare_ftso.keys.kinds import Reference, source_of
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.text import checksummed, to_hex
from chrono_flare_ftso.protocol.values import POWERS
from chrono_flare_ftso.provider.connecting import WELL_KNOWN, is_timed, node_of, stated
from chrono_flare_ftso.provider.duties import Duties
from chrono_flare_ftso.provider.options import FeeOptions, GuardOptions, LeaseOptions, MetricsOptions, OffsetOptions
from chrono_flare_ftso.provider.reporting import Reporting, Told
from chrono_flare_ftso.provider.standing import Standing, is_there
from chrono_flare_ftso.provider.voting import Parts, Voting, Wallet
from chrono_flare_ftso.provider.wallets import SUBMISSION_BYTES, Purse, Shadow, gas_limit
from chrono_flare_ftso.round_results import RoundResults
from chrono_flare_ftso.sealing import Seal
from chrono_flare_ftso.shared.wallets import LeasedWallet
from chrono_flare_ftso.votes import RoundValues

ROLES = ("submit", "submit_signatures", "signing_policy")
"""Whose keys send."""


class Made(NamedTuple):
    """What is there as long as the sink is open, whether it acts or stands by."""

    node: Node
    watch: Watch
    registry: Registry
    signers: Signers
    results: RoundResults
    commits: CommitStore
    values: RoundValues
    reporting: Reporting


class FlareFtso(Sink):
    """Commits, reveals, signs, finalizes and does what a voter owes in a reward epoch, by itself."""

    type = "flare_ftso"

    class Config(Sink.Config):
        """Which chain, which keys, when, and what is refused."""

        network: Literal["flare", "songbird", "coston", "coston2", "other"]
        """Which one; the timing and the contracts of `other`, such as a devnet, are read from its chain."""

        rpc: Sequence[Annotated[SecretStr, Field(min_length=1)]] = ()
        """Addresses of nodes, the preferred one first; without any the network's public one is asked."""

        ws: Sequence[Annotated[SecretStr, Field(min_length=1)]] = ()
        """Addresses of nodes that announce blocks, ws:// or wss://; without any, blocks are polled for every second."""

        registry: str = Field(default=WELL_KNOWN, pattern="^0x[0-9a-fA-F]{40}$")
        """The contract registry of a network that is `other`, where the others are found; the four have this one."""

        keys: Keys
        """The key of each role, by reference."""

        ledger: str = Field(default="flare.db", min_length=1)
        """The file of what was committed to and sent; whoever loses it between a commit and its reveal is punished."""

        offsets: OffsetOptions = OffsetOptions()
        """When a round is committed to, revealed, signed and finalised."""

        guards: GuardOptions = GuardOptions()
        """What is looked at before a round is committed to."""

        fees: FeeOptions = FeeOptions()
        """What transactions may offer and cost, and when a balance is low."""

        duties: bool = True
        """Whether to register, to sign policies and to vote on uptime; not where another program does."""

        shadow: bool = False
        """Whether to send nothing, and only to write down what would have been sent."""

        commits_secret: Reference | None = None
        """What commits are sealed with until they are revealed, by reference; a key beside the ledger without it."""

        lease: LeaseOptions | None = None
        """Which of several machines with this identity acts; without it there has to be one alone."""

        metrics: MetricsOptions | None = None
        """Where numbers for Prometheus are served; nowhere without it."""

        linger: Duration = Field(default=Duration("150s"), ge=0)
        """How long leaving waits for what was committed to; beyond it, the next start reveals it from the ledger."""

        @model_validator(mode="after")
        def _with_a_node(self) -> Any:
            if self.network == "other" and not self.rpc:
                raise ValueError("network other: expected the address of a node, was none; give one under `rpc`")
            if self.lease is not None and self.lease.postgres is not None and self.commits_secret is None:
                told = "commits_secret: expected one that all machines have where they share commits, was none"
                raise ValueError(f"{told}; make one with `openssl rand -hex 32`, and give it by reference")
            return self

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self.asking = Asking()
        self.ledger: Ledger
        self.voting: Voting | None = None
        self._leaving = False
        self._native = ""
        self._looking: Looking | None = None
        self.reporting: Reporting | None = None
        self._undo = contextlib.AsyncExitStack()

    # open and close

    async def __aenter__(self) -> Self:
        self.asking, self._leaving = Asking(), False
        async with contextlib.AsyncExitStack() as undo:
            self.ledger = undo.enter_context(Ledger(Path(self.config.ledger)))
            disk = ThreadPoolExecutor(1, "ledger")
            undo.callback(disk.shutdown)
            node, watch = self._chain()
            await undo.enter_async_context(watch)
            network = watch.network
            self._native, self._looking = network.native, watch.looking
            registry = Registry(node, network, self._degraded)
            await registry.refresh()
            signers = await undo.enter_async_context(
                open_signers(self.config.keys, network.chain_id, registry.addresses())
            )
            results = RoundResults(watch, self.context.clock, self.ledger, self._tell)
            undo.push_async_callback(results.close)
            standing = self._standing(network, signers)
            commits = Commits(self.ledger, self._seal()) if standing is None else await standing.opened()
            self.reporting = Reporting(
                Told(
                    node=node,
                    watch=watch,
                    registry=registry,
                    results=results,
                    ledger=self.ledger,
                    commits=commits,
                    addresses=signers.addresses,
                    fees=Fees(network, self.config.fees.limits()),
                    shadow=self.config.shadow,
                    clock=self.context.clock,
                    now=self._now,
                    unrevealed=lambda: self.voting.unrevealed if self.voting is not None else 0,
                    lease=lambda: None if standing is None else standing.lease.held,
                ),
                self._unanswered,
            )
            if self.config.metrics is not None:
                await undo.enter_async_context(self.reporting.served(self.config.metrics))
                self._note(f"metrics are served at http://{self.config.metrics.host}:{self.reporting.port}/metrics")
            values = RoundValues(self.asking, Answers(self.ledger), disk, lambda: self._leaving)
            made = Made(node, watch, registry, signers, results, commits, values, self.reporting)
            works = [results.run(), registry.run(self.context.clock.sleep), self.reporting.run()]
            works.append(self.reporting.catch_up())
            if standing is None:
                await undo.enter_async_context(self._acting(made, None))
            else:
                undo.push_async_callback(standing.lease.release)
                works.append(standing.run(partial(self._acting, made, standing), self.context.clock.sleep))
            undo.push_async_callback(_ended, [asyncio.create_task(self._work(each)) for each in works])
            self._undo = undo.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._leave()
        self.asking.close()
        try:
            async with asyncio.timeout(self.config.linger.seconds):
                if self.voting is not None:
                    await self.voting.drained()
        except TimeoutError:
            told = "what was committed to was not revealed in time"
            self._tell("degraded", "unrevealed", f"{told}; start again at once, the ledger has it")
        finally:
            await self._undo.aclose()

    @contextlib.asynccontextmanager
    async def _acting(self, made: Made, standing: Standing | None) -> AsyncIterator[None]:
        """Vote, and do what is due, until this is left; nonces are those that the chain has now."""
        network = made.watch.network
        wallets, senders = self._wallets(made)
        if standing is not None:
            there = partial(is_there, made.watch, made.signers["submit"].address)
            wallets = {role: LeasedWallet(each, standing.lease, there) for role, each in wallets.items()}
        self.voting = Voting(
            Parts(
                chain=made.watch,
                now=self._now,
                sleep=self.context.clock.sleep,
                commits=made.commits,
                values=made.values.of,
                results=made.results.find,
                medians=partial(last_medians, made.results, self.config.guards.rounds),
                feeds=self._feeds(),
                submit=wallets["submit"],
                signatures=wallets["submit_signatures"],
                policy=wallets["signing_policy"],
                signer=made.signers["signing_policy"],
                tell=self._tell,
                record=made.reporting.record,
                registered_only=not self.config.shadow,
                funded=partial(self._funded, senders),
            ),
            self.config.offsets.offsets(),
            self.config.guards.limits(),
        )
        self.voting.leaving = self._leaving
        works = [sender.run() for sender in senders]
        if self.config.duties and not self.config.shadow:
            works += self._duties(network, made.registry, made.signers, wallets["signing_policy"])
        tasks = [asyncio.create_task(self._work(each)) for each in works]
        tasks.append(asyncio.create_task(self.voting.run()))
        try:
            yield
        finally:
            await _ended(tasks)
            self.voting = None

    def _leave(self) -> None:
        self._leaving = True
        if self.voting is not None:
            self.voting.leaving = True

    def trigger(self, clock: Any) -> AsyncIterator[int]:
        """Return the instants at which rounds are committed to."""
        return self._instants(clock)

    async def _instants(self, clock: Any) -> AsyncIterator[int]:
        try:
            async for instant in self.asking.instants(clock):
                yield instant
        finally:
            # the pipeline prices nothing any more
            self._leave()

    async def publish(self, report: Report) -> None:
        """Give a report to the round that asked for it."""
        self.asking.answer(report)

    # what it is made of

    def _chain(self) -> tuple[Node, Watch]:
        node, network, timed = node_of(self.config, self.context.clock), stated(self.config), is_timed(self.config)
        heads = Heads([url.get_secret_value() for url in self.config.ws], self.context.clock)
        return node, Watch(node, network, ledger=self.ledger, heads=heads, timed=timed, tell=self._tell)

    def _seal(self) -> Seal | None:
        secret = self.config.commits_secret
        return None if secret is None else Seal.of(source_of(secret))

    def _standing(self, network: Network, signers: Signers) -> Standing | None:
        if self.config.lease is None:
            return None
        name = f"{network.chain_id} {checksummed(signers['submit'].address)}"
        return Standing(self.config.lease, name, self.ledger, self._seal(), self._tell, self._note)

    def _wallets(self, made: Made) -> tuple[dict[str, Wallet], list[Sender]]:
        node, network, registry, signers = made.node, made.watch.network, made.registry, made.signers
        if self.config.shadow:
            return {role: Shadow(role, signers[role].address, self._note) for role in ROLES}, []
        fees = Fees(network, self.config.fees.limits())
        wallets: dict[str, Wallet] = {}
        senders: dict[bytes, Sender] = {}
        for role in ROLES:
            signer = signers[role]
            sender = senders.get(signer.address)
            if sender is None:
                # one book for a key, whatever its roles
                book = NonceBook(self.ledger, network.chain_id, signer.address)
                sender = Sender(node, signer, book, network.chain_id, self.context.clock, fees, self._degraded)
                senders[signer.address] = sender
            wallets[role] = Purse(role, sender, registry.address, self._ahead, self._sent, self.context.clock)
        return wallets, list(senders.values())

    async def _funded(self, senders: Sequence[Sender]) -> None:
        """Raise `Unfunded` where the key that submits cannot pay for a commit and its reveal."""
        for sender in senders[:1]:
            try:
                await sender.check_funds(gas_limit("submit2", bytes(SUBMISSION_BYTES)), 2)
            except Unfunded:
                raise
            except TransientError:
                # a node that does not answer says nothing of what there is
                continue

    def _duties(
        self, network: Network, registry: Registry, signers: Signers, wallet: Wallet
    ) -> list[Coroutine[Any, Any, None]]:
        identity = signers.addresses.get("identity")
        if identity is None:
            told = "keys.identity: expected the voter's address, was none"
            self._tell("degraded", "duties", f"{told}; it is not registered, and no policy is signed")
            return []
        duties = Duties(network, identity, registry, signers["signing_policy"], wallet, self._tell)
        return [duties.run(self._now, self.context.clock.sleep)]

    def _feeds(self) -> Feeds:
        description = self.context.describe()
        return Feeds({each.feed.name: each.feed.category for each in description.recipes if each.feed.published})

    # time, and what is told

    def _now(self) -> float:
        return self.context.clock.now() / SECOND + self._ahead()

    def _ahead(self) -> float:
        """Return by how many seconds the chain's clock is ahead of ours."""
        return self._looking.ahead() if self._looking is not None else 0.0

    async def _work(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do some work beside the rounds; where it ends for good, the rounds go on."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - rounds must go on
            self._tell("degraded", "stopped", f"{type(error).__name__}: {error}; start again when it is mended")

    def _unanswered(self, path: str, error: Exception) -> None:
        self.context.logger.warning(f"{path}: a request was answered with an error: {type(error).__name__}")

    def _tell(self, state: Any, code: str, message: str) -> None:
        if self.reporting is not None:
            self.reporting.measures.status(str(state), code)
        self.context.status(state, code, message)

    def _degraded(self, code: str, message: str) -> None:
        self._tell("degraded", code, message)

    def _note(self, line: str) -> None:
        self.context.logger.info(line)

    def _sent(self, role: str, label: str, round: int, outcome: Outcome) -> None:
        more = {} if outcome.cost is None else {"cost": outcome.cost.told(self._native)}
        hash_ = to_hex(outcome.hash) if outcome.hash else None
        self.context.logger.info(f"{label} of {round}: {outcome.state}", role=role, hash=hash_, **more)


def last_medians(results: RoundResults, rounds: int, round: int) -> dict[bytes, float]:
    """Return the newest medians before a round by feed id, in units of the feeds' quotes; none where none is known.

    Parameters
    ----------
    results : RoundResults
        What rounds came to.
    rounds : int
        How many rounds are looked back on.
    round : int
        The voting round that is about to be committed to.
    """
    for before in range(round - 1, round - 1 - rounds, -1):
        known = results.known(before)
        if known is None or known.result is None:
            continue
        pairs = zip(known.epoch.feeds, known.result.medians, strict=True)
        return {feed.id: median.value / POWERS[feed.decimals] for feed, median in pairs if median.value}
    return {}


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
