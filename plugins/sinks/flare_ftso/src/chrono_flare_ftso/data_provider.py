"""The data provider of the FTSO: what the official client asks for its commits, its reveals and what it signs.

It answers as the reference does (flare-foundation/FTSO-Scaling 9e1e988,
`apps/ftso-data-provider/src/ftso-data-provider.controller.ts`; `fsp.md` §1.2, §1.3 and `http_data_provider.json`) and
as the client understands (flare-foundation/flare-system-client b63206b, `client/protocol/protocol_utils.go`): 200 and
no keys but status and data, everything else an error; read 2026-11-23. Here a commit outlives the process, an address
in another letter case has the same one, and a feed without a value costs no other feed its vote.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from chrono import Duration, PermanentError
from chrono_flare_ftso.answers import LAST_ROUND, Answers, Feeds
from chrono_flare_ftso.asking import AskedSink, Unanswered
from chrono_flare_ftso.chain.heads import Heads
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.timing import REGISTRY
from chrono_flare_ftso.chain.watching import Chain, Watch
from chrono_flare_ftso.commits import Commit, Commits
from chrono_flare_ftso.protocol.deployments import Deployment
from chrono_flare_ftso.protocol.epochs import reveal_deadline, round_start, voting_round
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.networks import COSTON2, NETWORKS
from chrono_flare_ftso.protocol.rounds import RewardEpoch
from chrono_flare_ftso.protocol.text import from_hex, to_hex
from chrono_flare_ftso.result_routes import ResultRoutes, asked_round, at_home
from chrono_flare_ftso.round_results import RoundResults
from chrono_flare_ftso.votes import RoundValues, vector

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from chrono_flare_ftso.api import Endpoint

PATIENCE = 4.0
"""Seconds that submit1 waits for what is missing: the client asks once, and gives up after 5."""

PRICED_BY = 3.0
"""Of these, seconds in which at least one feed has to have a value, before a vote for nothing is committed to."""

KEPT_EPOCHS = 2
"""Reward epochs for which commits are kept."""

_PRUNED_EVERY = 500
_LOOK = 0.05
_SECOND = 1_000_000_000


class DataProvider(AskedSink):
    """Serves commits, reveals and results to Flare's system client, in place of FTSO-Scaling's data provider."""

    type = "flare_data_provider"

    class Config(AskedSink.Config):
        """Where to listen, who may ask, and which chain is voted on."""

        port: int = Field(default=3100, ge=0, le=65535)
        """The port; any free one for 0."""

        api_keys: Sequence[Annotated[SecretStr, Field(min_length=1)]] = Field(min_length=1)
        """One of which a request has to bring as X-API-KEY, such as ["${env:FLARE_API_KEY}"]."""

        network: Literal["flare", "songbird", "coston", "coston2", "other"]
        """Which one; the timing and the contracts of `other`, such as a devnet, are read from its chain."""

        rpc: Sequence[Annotated[SecretStr, Field(min_length=1)]] = ()
        """Addresses of nodes, the preferred one first; without any the network's public one is asked."""

        ws: Sequence[Annotated[SecretStr, Field(min_length=1)]] = ()
        """Addresses of nodes that announce blocks, ws:// or wss://; without any, blocks are polled for every second."""

        registry: str = Field(default="0xaD67FE66660Fb8dFE9d6b1b4240d8650e30F6019", pattern="^0x[0-9a-fA-F]{40}$")
        """The contract registry of a network that is `other`; the four have this one."""

        linger: Duration = Field(default=Duration("4s"), ge=0)
        """How long leaving waits for commits to be revealed; beyond it, the next start reveals them from the ledger."""

        @model_validator(mode="after")
        def _with_a_node(self) -> Any:
            if self.network == "other" and not self.rpc:
                raise ValueError("network other: expected the address of a node, was none; give one under `rpc`")
            return self

    config: Config

    def __init__(self, config: Any = None, context: Any = None) -> None:
        super().__init__(config, context)
        self._leaving = False
        self._pending: set[int] = set()
        self._made = 0
        self._chain: Chain
        self._commits: Commits
        self._values: RoundValues
        self._feeds = Feeds({})
        self._disk: ThreadPoolExecutor
        self._results: RoundResults
        self._undo = contextlib.AsyncExitStack()

    def chain(self) -> Chain:
        """Return the chain, which is followed while this is open."""
        network = NETWORKS.get(self.config.network)
        timed = network is None
        if network is None:
            registry = {REGISTRY: (Deployment(0, from_hex(self.config.registry, 20)),)}
            network = replace(COSTON2, name="other", initial_reward_epoch=0, contracts=registry)
        urls = [url.get_secret_value() for url in self.config.rpc] or [network.rpc]
        node = Node(urls, self.context.clock, chain_id=None if timed else network.chain_id)
        heads = Heads([url.get_secret_value() for url in self.config.ws], self.context.clock)
        return Watch(node, network, ledger=self.ledger, heads=heads, timed=timed, tell=self.tell)

    async def prepare(self) -> None:
        """Begin to follow the chain, and to work out its rounds."""
        description = self.context.describe()
        self._feeds = Feeds({each.feed.name: each.feed.category for each in description.recipes if each.feed.published})
        self._commits = Commits(self.ledger)
        self._leaving, self._made = False, 0
        async with contextlib.AsyncExitStack() as undo:
            self._disk = ThreadPoolExecutor(1, "ledger")
            undo.callback(self._disk.shutdown)
            self._values = RoundValues(self.asking, Answers(self.ledger), self._disk, lambda: self._leaving)
            self._chain = await undo.enter_async_context(self.chain())
            self._results = RoundResults(self._chain, self.context.clock, self.ledger, self.tell)
            undo.push_async_callback(self._results.close)
            # whether they were revealed before a restart nobody knows
            self._pending = set(self._commits.rounds(self._present() - 1))
            working = asyncio.create_task(self._work())
            undo.push_async_callback(_ended, working)
            self._undo = undo.pop_all()

    async def release(self) -> None:
        """Follow the chain no longer."""
        await self._undo.aclose()

    async def __aexit__(self, *exc: object) -> None:
        self._leaving = True
        try:
            await self._linger()
        finally:
            await super().__aexit__(*exc)

    def trigger(self, clock: Any) -> AsyncIterator[int]:
        """Return the instants of requests; when the pipeline wants no more of them, nothing more is committed to."""
        return self._instants(clock)

    async def _instants(self, clock: Any) -> AsyncIterator[int]:
        try:
            async for instant in self.asking.instants(clock):
                yield instant
        finally:
            self._leaving = True

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what the reference serves, its description, and a sign of life."""
        from chrono_flare_ftso import api_doc, data_doc
        from chrono_flare_ftso.api import Endpoint

        served = {
            "/submit1/{round}/{address}": self._submit1,
            "/submit2/{round}/{address}": self._submit2,
            "/submit3/{round}/{address}": self._submit3,
        }
        results = ResultRoutes(self._results, self._chain, self.context.clock, self._home)
        described = data_doc.document(self.config.base_path)
        return [
            *(Endpoint("GET", path, handler) for path, handler in served.items()),
            *results.endpoints(),
            Endpoint("GET", "/health", self._health, open=True),
            *api_doc.endpoints(self.config.base_path, described, data_doc.TITLE),
        ]

    # What the client asks

    async def _submit1(self, request: Request) -> Response:
        from chrono_flare_ftso.api import Failed, answer, bad_request

        number, address = asked_round(request), _address(request)
        if address is None:
            raise bad_request("Validation failed (an address of 20 bytes in hexadecimal is expected)")
        if self._leaving:
            return answer({"status": "NOT_AVAILABLE"})
        try:
            async with asyncio.timeout(PATIENCE):
                commit = await self._committed(number, address)
        except PermanentError as error:
            self.tell("degraded", "unwritten", str(error))
            raise Failed(503, "the commit cannot be kept, so there is none") from None
        except (Unanswered, TimeoutError) as error:
            if self._leaving:
                return answer({"status": "NOT_AVAILABLE"})
            raise Failed(503, f"{str(error) or 'no values to commit to in time'}; ask again") from None
        self._pending.add(number)
        return answer({"status": "OK", "data": to_hex(commit.submit1())})

    async def _committed(self, number: int, address: bytes) -> Commit:
        """Return the commit of a round and an address: the one that there is, or a new one."""
        self._check(number)
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._disk, self._commits.find, number, address)
        if made is not None:
            return made
        if number < self._present() - 1:
            # one that is not known by now never will be, and is not priced
            await self._epoch(number)
        # asked for at once: the values are those of the receipt, whatever else has to be waited for
        values, epoch = await asyncio.gather(self._values.of(number, PRICED_BY), self._epoch(number))
        if self._leaving:
            raise Unanswered("the pipeline has stopped")
        votes = vector(epoch.feeds, self._feeds, values)
        ids = [feed.id for feed in epoch.feeds]
        made = await loop.run_in_executor(self._disk, self._commits.make, number, address, votes, ids)
        self._made += 1
        if self._made % _PRUNED_EVERY == 0:
            before = self._present() - KEPT_EPOCHS * self._chain.network.reward_epoch_rounds
            self._disk.submit(self._commits.prune, before)
        return made

    def _check(self, number: int) -> None:
        """Refuse a round that has not begun, which the reference answers with 500, and what is no round."""
        from chrono_flare_ftso.api import Refused, bad_request

        if number > min(self._present(), LAST_ROUND):
            raise bad_request(f"voting round {number} has not begun")
        if number < 0:
            raise Refused(404, f"there is no voting round {number}", "Not Found")

    async def _epoch(self, number: int) -> RewardEpoch:
        """Return the reward epoch of a round; wait for it where the round is the present one or the one before."""
        from chrono_flare_ftso.api import Refused

        until = asyncio.get_running_loop().time() + PATIENCE - 2 * _LOOK
        while True:
            found = await at_home(self._home, self._known_epoch(number))
            if isinstance(found, RewardEpoch):
                return found
            if number < self._present() - 1:
                raise Refused(404, found, "Not Found")
            if asyncio.get_running_loop().time() > until:
                raise Unanswered(found)
            await asyncio.sleep(_LOOK)

    async def _known_epoch(self, number: int) -> RewardEpoch | str:
        try:
            return self._chain.reward_epoch(number)
        except LookupError as error:
            return str(error)

    async def _submit2(self, request: Request) -> Response:
        from chrono_flare_ftso.api import answer

        number, address = asked_round(request), _address(request)
        commit = None
        if address is not None and 0 <= number <= LAST_ROUND:
            loop = asyncio.get_running_loop()
            commit = await loop.run_in_executor(self._disk, self._commits.find, number, address)
        if commit is None:
            return answer({"status": "NOT_AVAILABLE"})
        self._pending.discard(number)
        return answer({"status": "OK", "data": to_hex(commit.submit2())})

    async def _submit3(self, request: Request) -> Response:
        from chrono_flare_ftso.api import Refused

        asked_round(request)
        raise Refused(500, "Not used in FTSO protocol", "Internal Server Error")

    async def _health(self, request: Request) -> Response:  # noqa: ARG002
        from chrono_flare_ftso.api import answer

        async def head() -> int | None:
            with contextlib.suppress(LookupError):
                return self._chain.head().timestamp
            return None

        seen = await at_home(self._home, head())
        age = None if seen is None else f"{self._now() / _SECOND - seen:.1f} s ago"
        return answer({"status": "up", "block": age, "unrevealed": len(self._unrevealed())})

    # Time, threads and the end

    def _now(self) -> int:
        return self.context.clock.now()

    def _present(self) -> int:
        """Return the present round."""
        return voting_round(self._chain.network, self._now() // _SECOND)

    async def _work(self) -> None:
        """Work out rounds; where that fails for good, each is still tried when it is asked for."""
        try:
            await self._results.run()
        except Exception as error:  # noqa: BLE001 - commits and reveals must go on
            self.tell("degraded", "results", f"results are worked out on request: {type(error).__name__}: {error}")

    def _unrevealed(self) -> list[int]:
        """Return the rounds that were committed to, were not asked to be revealed, and still can be."""
        network, now = self._chain.network, self._now()
        return sorted(each for each in set(self._pending) if now <= reveal_deadline(network, each + 1) * _SECOND)

    async def _linger(self) -> None:
        """Wait for reveals of what was committed to."""
        until = asyncio.get_running_loop().time() + self.config.linger.seconds
        while (left := self._unrevealed()) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - time ends it
            await asyncio.sleep(_LOOK)
        if left:
            told = f"rounds {', '.join(map(str, left))} are committed to and not revealed"
            ends = round_start(self._chain.network, left[-1] + 1)
            late = reveal_deadline(self._chain.network, left[-1] + 1) - ends
            self.context.status("degraded", "unrevealed", f"{told}; start again within {late} s of the round's end")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _address(request: Request) -> bytes | None:
    """Return the address of a request, in whatever letter case; None where it is none."""
    with contextlib.suppress(WireError):
        return from_hex(request.path_params["address"], 20)
    return None
