"""What voting rounds came to, calculated from the commits and reveals on a chain, long past or recent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import count

from chrono import ConfigError, Context
from chrono_flare_ftso.chain.blocks import first_block_at
from chrono_flare_ftso.chain.choosing import Clock
from chrono_flare_ftso.chain.policies import Policies
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.timing import REGISTRY, addresses_of, network_of
from chrono_flare_ftso.protocol.epochs import reveal_deadline, reward_epoch, round_start, voting_round
from chrono_flare_ftso.protocol.errors import NoResult, WireError
from chrono_flare_ftso.protocol.feeds import feed_name
from chrono_flare_ftso.protocol.medians import Median
from chrono_flare_ftso.protocol.networks import NETWORKS, Network
from chrono_flare_ftso.protocol.rounds import Submitted, Transaction, by_round, judge, result_of_reveals
from chrono_flare_ftso.protocol.text import to_hex
from chrono_flare_ftso.scoring import FeedMedian

_PIECE = 80
_TOLD_EVERY = 100
_EMPTY = Median(None, None, None, 0)

Say = Callable[[str], None]
Span = Callable[[Network], tuple[int | None, int | None]]


def chain_medians(
    urls: Sequence[str], network: Network, span: Span, say: Say, clock: Clock | None = None
) -> tuple[Network, dict[int, dict[str, FeedMedian]]]:
    """Return the network that a chain is, and what its rounds came to, by round and by the feed's name.

    Parameters
    ----------
    urls : sequence of str
        Nodes of one chain, JSON-RPC over HTTP, the preferred one first. They may hold keys and are not shown.
    network : Network
        Which chain. One that is none of the four, such as a devnet, has this one's parameters, and timing and
        contracts of its own.
    span : callable
        Returns the first and the last round that are wanted of a network, None for the newest there is. Rounds whose
        time to reveal is not over are left out.
    say : callable
        Told a line now and then of how far reading is.
    clock : Clock, optional
        The machine's where none is given.

    Raises
    ------
    ConfigError
        If the chain is another of the four, or none of these rounds is over.
    TransientError, PermanentError
        If no node answers as it should.

    Notes
    -----
    All blocks of these rounds are read, and the events of their reward epochs: on Flare some fifty blocks a round, and
    once some hundred requests where a node answers for few blocks at a time (`chain.policies`).
    """
    made = Context("score").clock if clock is None else clock

    async def read() -> tuple[Network, dict[int, dict[str, FeedMedian]]]:
        async with Node(urls, made, tell=lambda _, told: say(told)) as node:
            chosen = await _network(node, network)
            return chosen, {number: found async for number, found in _read(node, chosen, span, say)}

    return asyncio.run(read())


async def _network(node: Node, network: Network) -> Network:
    number = await node.chain_id()
    if number == network.chain_id:
        return network
    other = next((each.name for each in NETWORKS.values() if each.chain_id == number), None)
    if other is not None:
        raise ConfigError(f"--network: expected the network of the node's chain, {other}, was {network.name}")
    return await network_of(node, network)


async def _read(node: Node, network: Network, span: Span, say: Say) -> AsyncIterator[tuple[int, dict[str, FeedMedian]]]:
    head = await node.head()
    over = voting_round(network, head.timestamp) - 1
    if head.timestamp <= reveal_deadline(network, over + 1):
        over -= 1
    first, last = span(network)
    low = max(over if first is None else first, network.first_reward_epoch_round)
    high = over if last is None else min(last, over)
    if low > high:
        raise ConfigError(f"expected voting rounds that are over, was {low} on; the newest one is {over}")
    say(f"reading rounds {low} to {high} of {network.name} from its chain")
    policies = Policies(node, network, _seldom(say))
    start = await first_block_at(node, round_start(network, low), head)
    done = 0
    for rounds in _by_epoch(network, range(low, high + 1)):
        end = await first_block_at(node, reveal_deadline(network, rounds[-1] + 1) + 1, head)
        await policies.advance(await node.block(end - 1))
        async for submitted in _submitted(node, network, rounds, start, end):
            yield submitted.round, _medians(network, policies, submitted)
            done += 1
            if done % _TOLD_EVERY == 0:
                say(f"read {done} of {high - low + 1} rounds")
        start = await first_block_at(node, round_start(network, rounds[-1] + 1), head)


def _seldom(say: Say) -> Callable[[str, str], None]:
    """Return who passes on what is said of reading events, the first time and then now and then."""
    heard = count()

    def told(code: str, message: str) -> None:
        if code != "reading" or next(heard) % _TOLD_EVERY == 0:
            say(message)

    return told


def _by_epoch(network: Network, rounds: Iterable[int]) -> list[list[int]]:
    """Return rounds by the reward epoch that they are expected to be in."""
    found: dict[int, list[int]] = {}
    for number in rounds:
        found.setdefault(reward_epoch(network, number), []).append(number)
    return list(found.values())


async def _submitted(
    node: Node, network: Network, rounds: Sequence[int], start: int, end: int
) -> AsyncIterator[Submitted]:
    """Yield what was sent for rounds, from blocks `start` to before `end`."""
    to = await _submission(node, network)
    held: list[Transaction] = []
    waiting = deque(rounds)
    for at in range(start, end, _PIECE):
        blocks = await node.blocks(range(at, min(at + _PIECE, end)), to=to)
        held += [sent for block in blocks for sent in block.transactions]
        while waiting and (at + _PIECE >= end or blocks[-1].timestamp > reveal_deadline(network, waiting[0] + 1)):
            number = waiting.popleft()
            first, last = round_start(network, number), reveal_deadline(network, number + 1)
            sent = [each for each in held if first <= each.timestamp <= last]
            yield by_round(network, sent).get(number, Submitted(number, {}, {}))
            held = [each for each in held if each.timestamp >= round_start(network, number + 1)]
    for number in waiting:
        yield Submitted(number, {}, {})


async def _submission(node: Node, network: Network) -> bytes:
    found = await addresses_of(node, network.contract(REGISTRY, 0), ("Submission",))
    return found.get("Submission", network.contracts["Submission"][-1].address)


def _medians(network: Network, policies: Policies, submitted: Submitted) -> dict[str, FeedMedian]:
    """Return the medians of a round; none of any feed where nobody revealed."""
    try:
        epoch = policies.reward_epoch(submitted.round)
    except LookupError as error:
        raise ConfigError(f"{error}; ask for other rounds") from None
    try:
        fip16 = network.follows_fip16(epoch.number)
        # who is benched makes the random, not the medians
        medians = result_of_reveals(judge(submitted, len(epoch.feeds)), epoch, (), fip16=fip16).medians
    except NoResult:
        medians = (_EMPTY,) * len(epoch.feeds)
    # a feed without an inflation offer has a band of no width
    bands = dict.fromkeys((feed.id for feed in epoch.feeds), 0)
    for offer in policies.offers(epoch.number):
        bands.update(zip(offer.feed_ids, offer.secondary_band_ppm, strict=True))
    return {
        _name(feed.id): FeedMedian(feed.id, feed.decimals, *median[:3], band_ppm=bands[feed.id])
        for feed, median in zip(epoch.feeds, medians, strict=True)
    }


def _name(feed: bytes) -> str:
    try:
        return feed_name(feed).name
    except WireError:
        return to_hex(feed)
