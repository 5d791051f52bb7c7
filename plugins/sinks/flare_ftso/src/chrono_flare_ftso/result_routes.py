"""The routes that tell what rounds came to: to the client, which signs it, and to whoever keeps the data at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from chrono_flare_ftso.asking import Now
from chrono_flare_ftso.chain.watching import Chain
from chrono_flare_ftso.protocol.epochs import reveal_deadline, voting_round
from chrono_flare_ftso.protocol.rounds import RewardEpoch, RoundResult
from chrono_flare_ftso.protocol.text import to_hex
from chrono_flare_ftso.result_bodies import abis, feed_with_proof, median_results, merkle_tree
from chrono_flare_ftso.round_results import Outcome, RoundResults

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from chrono_flare_ftso.api import Endpoint

T = TypeVar("T")

Write = Callable[[RewardEpoch, RoundResult, bool], Mapping[str, Any] | None]
"""Given a reward epoch, a result and whether FIP-16 is followed: what is told; None where there is nothing."""

_SECOND = 1_000_000_000


class ResultRoutes:
    """Tells what rounds came to.

    Parameters
    ----------
    results : RoundResults
        What they came to.
    chain : Chain
        Whose rounds.
    clock : Now
        Such as `Context.clock`.
    home : asyncio.AbstractEventLoop
        The loop that follows the chain; requests are on another.
    """

    def __init__(self, results: RoundResults, chain: Chain, clock: Now, home: asyncio.AbstractEventLoop) -> None:
        self._results = results
        self._chain = chain
        self._clock = clock
        self._home = home

    def endpoints(self) -> Sequence[Endpoint]:
        """Return what is served."""
        from chrono_flare_ftso.api import Endpoint

        served = {
            "/submitSignatures/{round}/{address}": self._signatures,
            "/data/{round}": self._data,
            "/medianCalculationResults/{round}": self._medians,
            "/specific-feed/{feed}/{round}": self._feed,
            "/data-abis": self._abis,
        }
        return [Endpoint("GET", path, handler) for path, handler in served.items()]

    async def _signatures(self, request: Request) -> Response:
        from chrono_flare_ftso.api import answer

        _, found = await self._outcome(asked_round(request))
        if found is None:
            return answer({"status": "NOT_AVAILABLE"})
        return answer({"status": "OK", "data": to_hex(found.result.encode())})

    async def _data(self, request: Request) -> Response:
        return await self._told(
            asked_round(request), lambda epoch, found, fip16: merkle_tree(epoch, found, fip16=fip16)
        )

    async def _medians(self, request: Request) -> Response:
        number = asked_round(request)

        def write(epoch: RewardEpoch, found: RoundResult, fip16: bool) -> Mapping[str, Any]:  # noqa: FBT001 - a `Write`
            return {"votingRoundId": number, "medianData": median_results(epoch, found, fip16=fip16)}

        return await self._told(number, write, {"votingRoundId": number})

    async def _feed(self, request: Request) -> Response:
        feed = request.path_params["feed"]

        def write(epoch: RewardEpoch, found: RoundResult, fip16: bool) -> Mapping[str, Any] | None:  # noqa: FBT001
            proved = feed_with_proof(feed, epoch, found, fip16=fip16)
            return None if proved is None else {"feedWithProof": proved}

        return await self._told(asked_round(request), write)

    async def _abis(self, request: Request) -> Response:  # noqa: ARG002 - what every endpoint is given
        from chrono_flare_ftso.api import answer

        return answer({"status": "OK", "data": abis()})

    async def _told(self, number: int, write: Write, absent: Mapping[str, Any] | None = None) -> Response:
        """Answer with a result, too early, or not at all; a large one is written in another thread."""
        from chrono_flare_ftso.api import answer

        network = self._chain.network
        # a second more, as in the reference: clocks drift
        if self._clock.now() < (reveal_deadline(network, number + 1) + 1) * _SECOND:
            return answer({"status": "TOO_EARLY"})
        outcome, found = await self._outcome(number)
        if outcome is None or found is None:
            return answer({"status": "NOT_AVAILABLE", **(absent or {})})
        epoch = outcome.epoch

        def written() -> Response:
            told = write(epoch, found, network.follows_fip16(epoch.number))
            return answer({"status": "NOT_AVAILABLE"} if told is None else {"status": "OK", **told})

        return await asyncio.to_thread(written)

    async def _outcome(self, number: int) -> tuple[Outcome | None, RoundResult | None]:
        """Return what became of a round, and its result; None while that is not known.

        Raises
        ------
        Refused
            500, if the protocol has no result for it, as in the reference.
        """
        from chrono_flare_ftso.api import Refused

        outcome = self._results.known(number)
        if outcome is None and 0 <= number < voting_round(self._chain.network, self._clock.now() // _SECOND):
            outcome = await at_home(self._home, self._results.find(number))
        if outcome is None:
            return None, None
        if outcome.result is None:
            raise Refused(500, f"Unable to calculate result for epoch {number}", "Internal Server Error")
        return outcome, outcome.result


async def at_home(home: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Have something done on another loop, and wait for it on this one."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))


def asked_round(request: Request) -> int:
    """Return the round of a request."""
    from chrono_flare_ftso.api import integer

    return integer(request.path_params["round"])
