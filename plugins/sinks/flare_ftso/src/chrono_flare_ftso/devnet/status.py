"""How a devnet stands, as data and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from chrono_flare_ftso.devnet.network import Devnet
from chrono_flare_ftso.devnet.plan import COIN
from chrono_flare_ftso.protocol.text import checksummed

_LAST = 10
_HEAD = f"{'entity':8} {'identity':42} rounds revealed offences signed final in band"


async def status_of(devnet: Devnet) -> dict[str, Any]:
    """Return how a devnet stands, as JSON has it.

    Raises
    ------
    PermanentError, TransientError
        If its chain does not answer.
    """
    number, timestamp = await devnet.anvil.head()
    return {
        "rpc": devnet.url,
        "ws": "ws" + devnet.url.removeprefix("http"),
        "chain_id": devnet.plan.chain_id,
        "registry": checksummed(devnet.deployment.contracts["FlareContractRegistry"]),
        "round_seconds": devnet.plan.round_seconds,
        "epoch_rounds": devnet.plan.epoch_rounds,
        "block": number,
        "timestamp": timestamp,
        "round": await devnet.asked("FlareSystemsManager", "getCurrentVotingEpochId"),
        "reward_epoch": await devnet.asked("FlareSystemsManager", "getCurrentRewardEpochId"),
        "entities": [
            {"name": each.name, "simulated": each.simulated, "identity": checksummed(each.identity)}
            | asdict(devnet.tally.scores[each.name])
            for each in devnet.entities
        ],
        "rounds": [asdict(each) for each in list(devnet.tally.rounds)[-_LAST:]],
        "rewards": [
            {
                "reward_epoch": epoch,
                "claims": len(made.claims),
                "wei": str(sum(each.claim.amount for each in made.claims)),
            }
            for epoch, made in devnet.distributions.items()
        ],
    }


def lines_of(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that tell it."""
    yield f"chain {status['chain_id']} at {status['rpc']} and {status['ws']}, registry {status['registry']}"
    yield (
        f"block {status['block']}, voting round {status['round']} of {status['round_seconds']} s, "
        f"reward epoch {status['reward_epoch']} of {status['epoch_rounds']} rounds"
    )
    yield ""
    yield _HEAD
    for each in status["entities"]:
        band = f"{100 * each['in_band'] / each['votes']:.0f} %" if each["votes"] else "-"
        yield (
            f"{each['name']:8} {each['identity']} {each['rounds']:6} {each['revealed']:8} {each['offences']:8} "
            f"{each['signed']:6} {each['finalized']:5} {band:>7}"
        )
    yield ""
    yield from (line_of(each) for each in status["rounds"])
    for each in status["rewards"]:
        coins = int(each["wei"]) / COIN
        yield f"reward epoch {each['reward_epoch']}: {each['claims']} claims of {coins:,.6f} coins in all are signed"


def line_of(each: Mapping[str, Any]) -> str:
    """Return the line of a round.

    Examples
    --------
    >>> from chrono_flare_ftso.devnet.tally import RoundLine
    >>> line_of(asdict(RoundLine(12, 1, 5, 0, 5, finalized=True, secure=True)))
    'voting round 12 of reward epoch 1: 5 revealed, 0 offences, 5 signed, finalized, secure'
    """
    finalized = "finalized" if each["finalized"] else "not finalized"
    secure = "secure" if each["secure"] else "not secure"
    return (
        f"voting round {each['round']} of reward epoch {each['epoch']}: {each['revealed']} revealed, "
        f"{each['offences']} offences, {each['signed']} signed, {finalized}, {secure}"
    )
