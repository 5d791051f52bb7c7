"""One identity, two machines: the one that acts is killed, the other goes on; on a real chain, with real processes."""

import time
from pathlib import Path

import pytest
from devnet_at_hand import Chain, Network, anvil_or_none, network
from failover_at_hand import TERMS, Machines, judged, machines, missed_in

from chrono.testing.postgres import provided
from chrono_flare_ftso.devnet.plan import Plan

ROUND, EPOCH = 8, 12
PLAN = Plan(round_seconds=ROUND, epoch_rounds=EPOCH, providers=3, free=2)
BY_FILE, BY_SERVER = PLAN.entities()[-2:]
PHASES = (7.3, 0.6)
"""Seconds of a round in which the acting machine is killed: after it committed, and before it reveals."""


def _at(chain: Chain, second: float) -> None:
    """Wait for a second of a round of the chain."""
    origin = chain.asked("FlareSystemsManager", "firstVotingRoundStartTs")
    left = (second - (time.time() - origin)) % ROUND
    time.sleep(left)


def _killed(made: list[Machines], at: Network) -> range:
    """Kill whoever acts at each phase, one identity after the other; return the rounds that were played."""
    chain = at.chain
    # before the first reward epoch that has voters nobody can commit; who is quick is here earlier
    at.until_round(EPOCH, (EPOCH + 4) * ROUND)
    first = chain.asked("FlareSystemsManager", "getCurrentVotingEpochId") + 1
    for phase in PHASES:
        for each in made:
            _at(chain, phase)
            each.kill()
            each.start()
        # two whole rounds for the other machine
        time.sleep(2.2 * ROUND)
    last = chain.asked("FlareSystemsManager", "getCurrentVotingEpochId")
    at.until_round(last, 6 * ROUND)
    return range(first, last + 1)


@pytest.mark.timeout(420)
@pytest.mark.skipif(anvil_or_none() is not None, reason=anvil_or_none() or "")
def test_a_machine_that_is_killed_costs_no_round_but_the_one_in_flight(tmp_path: Path) -> None:
    options = [f"--round-seconds={ROUND}", f"--epoch-rounds={EPOCH}", "--providers=3", "--free=2"]
    with provided() as cluster, cluster.fresh() as database, network(tmp_path, *options) as at:
        server = f"{{postgres: '{database.url}', {TERMS}}}"
        file = f"{{file: flare-devnet/provider/free1.lease, {TERMS}}}"
        with (
            machines(at, BY_FILE.name, file, shared=True) as one,
            machines(at, BY_SERVER.name, server, shared=False) as two,
        ):
            rounds = _killed([one, two], at)
        told = {
            each.name: judged(at, PLAN, each, rounds, made.killed) for each, made in ((BY_FILE, one), (BY_SERVER, two))
        }
        for each, made in ((BY_FILE, one), (BY_SERVER, two)):
            found = told[each.name]
            assert (found.doubled, found.wrong, found.beyond) == ([], [], []), f"{missed_in(told)}\n{made.said()}"
            assert len(made.killed) == len(PHASES)
            assert found.rounds >= 6
