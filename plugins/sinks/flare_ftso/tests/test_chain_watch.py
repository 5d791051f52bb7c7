"""A chain that is followed through a node, from blocks to the results of the reference."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fake_epochs import FakeClock, Plan
from fake_node import FakeChain, FakeNode, Sent, failure

from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.watching import Chain, Watch
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.commits import commit_hash, encode_reveal
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.epochs import (
    benching_window,
    first_round,
    reveal_deadline,
    reward_epoch_start,
    round_start,
)
from chrono_flare_ftso.protocol.feeds import CommunityOffer, InflationOffer, feed_id
from chrono_flare_ftso.protocol.messages import Call, PayloadMessage, calldata
from chrono_flare_ftso.protocol.networks import COSTON2, FLARE, Network
from chrono_flare_ftso.protocol.rewards.voters import Node as Validator
from chrono_flare_ftso.protocol.rewards.voters import Voter
from chrono_flare_ftso.protocol.rounds import RoundResult, benched_by, judge, result_of_reveals
from chrono_flare_ftso.protocol.values import pack

pytestmark = pytest.mark.anyio

SUBMISSION = FLARE.contract("Submission", 0)
NETWORK = COSTON2
EPOCH = 6000
START = first_round(NETWORK, EPOCH)
NOW = START + 60
IDS = tuple(feed_id(1, name) for name in ("BTC/USD", "FLR/USD"))


@pytest.fixture
def anyio_backend():
    return "asyncio"


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def address(number: int, kind: int = 0) -> bytes:
    return bytes([kind]) * 4 + number.to_bytes(16, "big")


def voters(count: int) -> tuple[Voter, ...]:
    return tuple(
        Voter(
            identity=address(number, 1),
            submit=address(number, 2),
            signing=address(number, 3),
            delegation=address(number, 4),
            capped_weight=10**24 * (number + 1),
            signing_weight=100 + number,
            fee_bips=2000,
            nodes=(Validator(address(number, 5), 7),) if number % 2 else (),
        )
        for number in range(count)
    )


def offer(number: int, ids: Sequence[bytes] = IDS) -> InflationOffer:
    return InflationOffer(number, tuple(ids), (2, 7)[: len(ids)], 10**20, 5000, 400_000, (500, 900)[: len(ids)], 0)


def plan_of(count: int = 4, network: Network = NETWORK) -> Plan:
    plan = Plan(network)
    for number in (EPOCH - 1, EPOCH):
        plan.epoch(number, first_round(network, number), voters(count), [offer(number)])
    return plan


def vote(plan: Plan, round: int, sender: bytes, seed: int, *, reveal: bool = True, block: int = 75) -> None:
    """Add a commit and a reveal of a round."""
    secret, vector = seed.to_bytes(32, "big"), pack((6_000_000 + seed, 17_000))
    start = round_start(plan.network, round)
    commit = PayloadMessage(100, round, commit_hash(sender, round, secret, vector))
    plan.send(start + block, Sent(sender, SUBMISSION, calldata(Call.SUBMIT1, commit)))
    if reveal:
        message = PayloadMessage(100, round, encode_reveal(secret, vector))
        plan.send(start + 90 + 20, Sent(sender, SUBMISSION, calldata(Call.SUBMIT2, message)))


def small_chain(plan: Plan, last: int | None = None, every: int = 45) -> FakeChain:
    end = round_start(plan.network, NOW + 2) if last is None else last
    chain = plan.chain(reward_epoch_start(plan.network, EPOCH - 2) - 100, end, every)
    if chain.blocks[-1].timestamp < end:
        chain.mine(end)
    return chain


@asynccontextmanager
async def watched(
    chain: FakeChain, network: Network = NETWORK, *, nodes: Sequence[FakeNode] = (), **options: object
) -> AsyncIterator[tuple[Watch, FakeNode, list[tuple[str, str, str]]]]:
    told: list[tuple[str, str, str]] = []
    serving = list(nodes) or [FakeNode(chain)]
    for each in serving:
        await each.__aenter__()
    clock = options.pop("clock", None) or FakeClock(chain.blocks[-1].timestamp)
    node = Node([each.url for each in serving], clock, chain_id=network.chain_id)
    try:
        async with Watch(
            node, network, tell=lambda *words: told.append(words), every=0.05, events_every=0.05, **options
        ) as watch:
            yield watch, serving[0], told
    finally:
        for each in serving:
            await each.__aexit__()


async def eventually(ready) -> None:
    """Wait until something holds, a few seconds at most."""
    async with asyncio.timeout(8):
        while not ready():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


async def read(watch: Watch, second: int, round: int) -> None:
    await eventually(lambda: head_of(watch) > second and knows(watch, round))


def head_of(watch: Chain) -> int:
    try:
        return watch.head().timestamp
    except LookupError:
        return -1


def knows(watch: Chain, round: int) -> bool:
    try:
        watch.reward_epoch(round)
    except LookupError:
        return False
    return True


def result_of(watch: Chain, round: int) -> RoundResult:
    """Return the result of a round as a data provider computes it."""

    def judged(number: int):
        return judge(watch.submitted(number), len(watch.reward_epoch(number).feeds))

    epoch = watch.reward_epoch(round)
    benched = benched_by(judged(number) for number in benching_window(round))
    return result_of_reveals(judged(round), epoch, benched, fip16=watch.network.follows_fip16(epoch.number))


# What the reference computed


def plan_of_scenario(setup, scenario) -> Plan:
    plan = Plan(FLARE)
    number, start = setup["reward_epoch_id"], setup["start_voting_round_id"]
    people = [
        Voter(
            *(raw(each[name]) for name in ("identity", "submit", "signing", "delegation")),
            int(each["wNatCappedWeight"]),
            each["signingWeight"],
            0,
        )
        for each in setup["voters"]
    ]
    inflation = [
        InflationOffer(
            each["rewardEpochId"],
            tuple(map(raw, each["feedIds"])),
            tuple(each["decimals"]),
            int(each["amount"]),
            each["minRewardedTurnoutBIPS"],
            each["primaryBandRewardSharePPM"],
            tuple(each["secondaryBandWidthPPMs"]),
            each["mode"],
        )
        for each in setup["offers"]["inflationOffers"]
    ]
    community = [
        CommunityOffer(
            each["rewardEpochId"],
            raw(each["feedId"]),
            each["decimals"],
            int(each["amount"]),
            each["minRewardedTurnoutBIPS"],
            each["primaryBandRewardSharePPM"],
            each["secondaryBandWidthPPM"],
            raw(each["claimBackAddress"]),
        )
        for each in setup["offers"]["rewardOffers"]
    ]
    plan.epoch(number, start, people, [*inflation, *community])
    blocks: dict[tuple[int, int], list] = {}
    for each in scenario["transactions"]:
        blocks.setdefault((each["timestamp"], each["block_number"]), []).append(each)
    for (second, _), sent in sorted(blocks.items()):
        ordered = sorted(sent, key=lambda each: each["transaction_index"])
        plan.send(second, *(Sent(raw(each["from"]), SUBMISSION, raw(each["input"])) for each in ordered))
    return plan


@pytest.mark.parametrize("at", range(6))
async def test_a_round_of_the_reference_is_read_from_a_chain_and_comes_to_its_root(reference, at):
    """Its transactions, offers, registrations and policy in blocks and logs; medians, random, root as it computed."""
    told = reference("e2e_rounds_legacy.json")
    setup, scenario = told["setup"], told["scenarios"][at]
    number = setup["voting_round_id"]
    end = reveal_deadline(FLARE, number + 1)
    plan = plan_of_scenario(setup, scenario)
    chain = plan.chain(reward_epoch_start(FLARE, setup["reward_epoch_id"] - 1) - 400, end + 10, 300)
    chain.until(end + 30, 5)
    async with watched(chain, FLARE) as (watch, node, _):
        await read(watch, end, number)
        assert await watch.until(end, 5.0)
        assert watch.complete_from() <= number - 20
        found = result_of(watch, number)
        assert node.calls["eth_getLogs"] < 10
    said = scenario["result"]
    assert found.tree.nodes == tuple(map(raw, said["merkle_tree"]))
    assert found.result.root == raw(said["merkle_root"])
    assert (found.random, found.secure) == (int(said["random"]), said["is_secure"])
    assert set(found.revealed.valid) == set(map(raw, said["valid_eligible_reveals"]))
    assert found.benched == set(map(raw, said["benching_window_offenders"]))
    bodies = [leaf["body"] for leaf in said["leaves"] if leaf["kind"] != "random"]
    assert [median.value or 0 for median in found.medians] == [body["value"] for body in bodies]


# Following


async def test_what_is_sent_while_the_chain_is_followed_is_there_when_its_time_is_over():
    plan = plan_of()
    for at, voter in enumerate(voters(4)):
        vote(plan, NOW, voter.submit, at + 1)
    whole = small_chain(plan)
    end = reveal_deadline(NETWORK, NOW + 1)
    chain = FakeChain(NETWORK.chain_id, [block for block in whole.blocks if block.timestamp <= end])
    rest = [block for block in whole.blocks if block.timestamp > end]
    clock = FakeClock(end + 1, runs=False)
    async with watched(chain, clock=clock) as (watch, _, _):
        await read(watch, end - 60, NOW)
        waiting = asyncio.create_task(watch.until(end, 5.0))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        chain.blocks += rest[:1]
        assert await asyncio.wait_for(waiting, 5)
        found = result_of(watch, NOW)
        assert set(found.revealed.valid) == {voter.submit for voter in voters(4)}
        assert found.medians[0].value == 6_000_003


async def test_signatures_of_a_round_are_those_sent_while_they_count():
    """From the end of revealing to the end of the round after it; whether they are good is not asked."""
    plan = plan_of()
    after = round_start(NETWORK, NOW + 1)
    sent = {second: Sent(address(second, 9), SUBMISSION, Call.SUBMIT_SIGNATURES.value) for second in (44, 45, 89, 90)}
    for second, each in sent.items():
        plan.send(after + second, each)
    plan.send(after + 60, Sent(address(60, 9), SUBMISSION, Call.SUBMIT1.value))
    async with watched(small_chain(plan)) as (watch, _, _):
        await read(watch, round_start(NETWORK, NOW + 2) - 1, NOW)
        assert [each.sender for each in watch.signatures(NOW)] == [sent[45].sender, sent[89].sender]


async def test_signing_policy_of_a_round_and_whether_it_is_finalized_are_known():
    chain = small_chain(plan_of())
    finalized = function("Relay", "isFinalized")
    async with watched(chain) as (watch, _, _):
        await read(watch, chain.blocks[-1].timestamp - 1, NOW)
        policy = watch.signing_policy(NOW)
        assert policy.reward_epoch == EPOCH
        assert policy.voters == tuple(voter.signing for voter in voters(4))
        for told in (0, 1):
            chain.values[finalized.selector] = told
            assert await watch.is_finalized(NOW) is bool(told)
        assert watch.address("Relay") == NETWORK.contract("Relay", EPOCH)
        with pytest.raises(LookupError, match="expected a contract Nothing, the registry knows of none"):
            watch.address("Nothing")
        with pytest.raises(LookupError, match="its reward epoch is not known yet"):
            watch.signing_policy(NOW + 1000)


async def test_patience_ends_five_seconds_of_the_local_clock_after_the_end():
    chain = small_chain(plan_of())
    second = chain.blocks[-1].timestamp
    clock = FakeClock(second, runs=False)
    async with watched(chain, clock=clock) as (watch, _, _):
        await read(watch, second - 1, NOW)
        assert await watch.until(second - 1, 0)
        waiting = asyncio.create_task(watch.until(second, 5.0))
        clock.time += 4_900_000_000
        await asyncio.sleep(0.05)
        assert not waiting.done()
        clock.time += 200_000_000
        assert await asyncio.wait_for(waiting, 5) is False


async def test_who_waits_is_let_go_even_as_the_chain_moves():
    """A cancellation counts, whatever else comes in the same turn of the loop."""
    chain = small_chain(plan_of())
    second = chain.blocks[-1].timestamp
    async with watched(chain, clock=FakeClock(second, runs=False)) as (watch, _, _):
        await read(watch, second - 1, NOW)
        for _ in range(20):
            waiting = asyncio.create_task(watch.until(second, 5.0))
            await asyncio.sleep(0.002)
            watch._moved.set()
            watch._moved = asyncio.Event()
            # the waiting one wakes, and is told to stop before it goes on
            await asyncio.sleep(0)
            waiting.cancel()
            done, _ = await asyncio.wait([waiting], timeout=0.2)
            assert done


async def test_a_round_is_complete_from_twenty_two_rounds_ago_and_old_ones_are_let_go():
    plan = plan_of()
    for round in range(NOW - 40, NOW):
        vote(plan, round, address(1, 2), round)
    chain = small_chain(plan, round_start(NETWORK, NOW) + 5)
    async with watched(chain) as (watch, _, _):
        with pytest.raises(LookupError, match="was none read so far"):
            watch.complete_from()
        await read(watch, chain.blocks[-1].timestamp - 1, NOW)
        assert watch.complete_from() == NOW - 22
        assert watch.submitted(NOW - 22).commits
        assert not watch.submitted(NOW - 24).commits
        chain.until(round_start(NETWORK, NOW + 10), 45)
        chain.mine(round_start(NETWORK, NOW + 10) + 5)
        await read(watch, chain.blocks[-1].timestamp - 1, NOW)
        assert watch.complete_from() == NOW - 12
        assert not watch.submitted(NOW - 14).commits


async def test_a_reorganisation_takes_back_what_was_sent():
    plan = plan_of()
    for at, voter in enumerate(voters(3)):
        vote(plan, NOW, voter.submit, at + 1)
    chain = small_chain(plan, round_start(NETWORK, NOW) + 80)
    async with watched(chain) as (watch, _, told):
        await read(watch, chain.blocks[-1].timestamp - 1, NOW)
        assert len(watch.submitted(NOW).commits) == 3
        chain.reorganise(3)
        await eventually(lambda: len(watch.submitted(NOW).commits) == 1)
        await eventually(lambda: watch.head().number == len(chain.blocks) - 1)
        assert any("the last 3 blocks" in message for _, code, message in told if code == "reorganised")
        chain.until(round_start(NETWORK, NOW) + 89, 3)
        chain.reorganise(5, keep=True)
        chain.mine(chain.blocks[-1].timestamp + 1)
        await eventually(lambda: watch.head().number == len(chain.blocks) - 1)
        assert len(watch.submitted(NOW).commits) == 1


async def test_a_reorganisation_that_is_too_deep_has_everything_read_anew():
    plan = plan_of()
    vote(plan, NOW - 1, address(0, 2), 5)
    chain = small_chain(plan, round_start(NETWORK, NOW) + 80, every=5)
    async with watched(chain) as (watch, _, told):
        await read(watch, chain.blocks[-1].timestamp - 1, NOW)
        assert watch.submitted(NOW - 1).commits
        chain.reorganise(30)
        await eventually(lambda: not watch.submitted(NOW - 1).commits and head_of(watch) == chain.blocks[-1].timestamp)
        assert any("more than 12" in message for _, code, message in told if code == "reorganised")
        assert watch.complete_from() == NOW - 22


async def test_a_missing_block_is_never_skipped():
    plan = plan_of()
    vote(plan, NOW, address(0, 2), 5)
    chain = small_chain(plan)
    gone = next(block.number for block in chain.blocks if block.sent)
    node = FakeNode(chain)
    node.missing = {gone}
    async with watched(chain, nodes=[node]) as (watch, _, told):
        await eventually(lambda: any(f"block {gone} is not there" in message for *_, message in told))
        assert head_of(watch) < chain.blocks[gone].timestamp
        assert not await watch.until(chain.blocks[gone].timestamp, -1000)
        node.missing = set()
        await read(watch, chain.blocks[gone].timestamp, NOW)
        assert len(watch.submitted(NOW).commits) == 1
        assert ("live", "", "") in told


async def test_another_node_has_the_block_that_one_lacks():
    plan = plan_of()
    chain = small_chain(plan)
    nodes = [FakeNode(chain), FakeNode(chain)]
    nodes[0].missing = {len(chain.blocks) - 3}
    async with watched(chain, nodes=nodes) as (watch, _, _):
        await read(watch, chain.blocks[-2].timestamp, NOW)
    assert nodes[1].calls["eth_getBlockByNumber"]


async def test_nodes_of_another_chain_alone_end_the_watch_with_a_status():
    chain = small_chain(plan_of())
    node = FakeNode(chain)
    node.chain_id = 19
    async with watched(chain, nodes=[node]) as (watch, _, told):
        await eventually(lambda: watch.error is not None)
        assert any(state == "failed" and "expected chain 114, was another" in message for state, _, message in told)
        with pytest.raises(LookupError, match="expected chain 114"):
            watch.head()


async def test_a_watch_can_be_left_while_its_node_does_not_answer():
    chain = small_chain(plan_of())
    node = FakeNode(chain)
    node.always = failure(-32603, "internal error")
    async with watched(chain, nodes=[node]) as (watch, _, told):
        await eventually(lambda: any(state == "waiting" for state, *_ in told))
        with pytest.raises(LookupError, match="not known yet: nothing was read so far"):
            watch.reward_epoch(NOW)


# Reward epochs


async def test_voters_and_feeds_of_a_reward_epoch_come_from_its_events():
    plan = plan_of(5)
    silver = CommunityOffer(EPOCH, feed_id(3, "XAG/USD"), 3, 10**23, 0, 0, 0, address(9, 9))
    plan.log(reward_epoch_start(NETWORK, EPOCH - 1) + 5000, "FtsoRewardOffersManager", EPOCH, silver)
    chain = small_chain(plan)
    async with watched(chain) as (watch, _, _):
        await read(watch, 0, NOW)
        epoch = watch.reward_epoch(NOW)
        assert (epoch.number, epoch.start_round, epoch.voters) == (EPOCH, START, voters(5))
        assert [feed.id for feed in epoch.feeds] == [*IDS, silver.feed_id]
        with pytest.raises(LookupError, match="expected a signing policy that starts by then, was none"):
            watch.reward_epoch(START - 1)
        with pytest.raises(LookupError, match=f"voting round {NOW + 200}: its reward epoch is not known yet"):
            watch.reward_epoch(NOW + 200)


async def test_in_the_first_rounds_of_an_epoch_the_one_before_is_known_too():
    plan = plan_of(3)
    chain = small_chain(plan, round_start(NETWORK, START + 5))
    async with watched(chain) as (watch, _, _):
        await read(watch, 0, START + 1)
        assert watch.reward_epoch(START + 1).number == EPOCH
        assert watch.reward_epoch(START - 1).number == EPOCH - 1


async def test_a_policy_that_came_late_leaves_the_one_before_in_force():
    plan = Plan(NETWORK)
    plan.epoch(EPOCH - 1, first_round(NETWORK, EPOCH - 1), voters(3), [offer(EPOCH - 1)])
    plan.epoch(EPOCH, START + 100, voters(4), [offer(EPOCH)])
    chain = small_chain(plan, round_start(NETWORK, START + 70))
    async with watched(chain) as (watch, _, _):
        await read(watch, 0, START + 69)
        assert watch.reward_epoch(START + 69).number == EPOCH - 1
        assert len(watch.reward_epoch(START + 69).voters) == 3


async def test_the_next_policy_is_seen_while_the_chain_is_followed():
    plan = plan_of(3)
    plan.epoch(EPOCH + 1, START + 240, voters(6), [offer(EPOCH + 1)])
    whole = small_chain(plan, round_start(NETWORK, START + 245))
    chain = FakeChain(NETWORK.chain_id, [each for each in whole.blocks if each.timestamp < round_start(NETWORK, NOW)])
    async with watched(chain) as (watch, node, _):
        await read(watch, 0, NOW)
        before = node.calls["eth_getLogs"]
        chain.blocks = whole.blocks
        await eventually(lambda: knows(watch, START + 244))
        assert (watch.reward_epoch(START + 244).number, watch.reward_epoch(START + 239).number) == (EPOCH + 1, EPOCH)
        assert len(watch.reward_epoch(START + 240).voters) == 6
        assert node.calls["eth_getLogs"] > before


@pytest.mark.parametrize("newer", [False, True])
async def test_around_a_switch_the_deployment_counts_in_which_the_policy_registered(newer):
    """Both registries emit; a voter registered in the replaced one alone is no voter."""
    network = replace(NETWORK, initial_reward_epoch=0)
    plan, people = Plan(network), voters(4)
    plan.epoch(EPOCH, START, people, [offer(EPOCH)])
    chosen = reward_epoch_start(network, EPOCH) - 7000
    registry = network.contract("VoterRegistry", EPOCH)
    other = address(77, 7)
    contracts = {"VoterRegistry": other}
    if newer:
        # a deployment that only the registry on the chain knows
        for second, logs in list(plan.logs.items()):
            plan.logs[second] = [(other if log[0] == registry else log[0], *log[1:]) for log in logs]
    else:
        from fake_epochs import log_of, registration

        stray = registration(EPOCH, voters(9)[8])[0]
        plan.logs.setdefault(chosen, []).append((other, *log_of(stray)))
    chain = small_chain(plan)
    chain.contracts = {**{name: each[-1].address for name, each in network.contracts.items()}, **contracts}
    async with watched(chain, network) as (watch, _, _):
        await read(watch, 0, NOW)
        assert watch.reward_epoch(NOW).voters == people


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("VotePowerBlockSelected", r"expected VotePowerBlockSelected\(6000\) on the chain, was none"),
        ("RewardEpochStarted", r"expected RewardEpochStarted\(5999\) on the chain, was none"),
        ("VoterRegistrationInfo", "expected both events of each registration, was 4 VoterRegistered and 3"),
        ("VoterRegistered", "expected both events of each registration"),
    ],
)
async def test_a_reward_epoch_whose_events_are_missing_is_no_reward_epoch(name, problem):
    from chrono_flare_ftso.protocol import events

    plan = plan_of()
    topics = {*events.topics_of(getattr(events, name))}
    lost = [second for second, logs in sorted(plan.logs.items()) if any(log[1][0] in topics for log in logs)]
    of_epoch = [second for second in lost if second >= reward_epoch_start(NETWORK, EPOCH - 1)]
    plan.logs[of_epoch[0]] = [log for log in plan.logs[of_epoch[0]] if log[1][0] not in topics]
    chain = small_chain(plan)
    async with watched(chain) as (watch, _, _):
        await eventually(lambda: head_of(watch) > 0 and "blocks" not in str(error_of(watch)))
        with pytest.raises(LookupError, match=problem):
            await eventually(lambda: watch.reward_epoch(NOW) is None)


def error_of(watch: Chain) -> Exception | None:
    try:
        watch.reward_epoch(NOW)
    except LookupError as error:
        return error if "nothing was read" not in str(error) else LookupError("blocks")
    return None


async def test_events_that_were_read_are_not_read_again_after_a_restart(tmp_path):
    chain = small_chain(plan_of(), every=10)
    with Ledger(tmp_path / "flare.db") as ledger:
        nodes = [FakeNode(chain), FakeNode(chain)]
        for node in nodes:
            node.span = 30
            async with watched(chain, nodes=[node], ledger=ledger) as (watch, _, told):
                await read(watch, 0, NOW)
                assert watch.reward_epoch(NOW).voters == voters(4)
                if node is nodes[0]:
                    assert any(
                        "blocks of events are read" in message for state, _, message in told if state == "starting"
                    )
        first, second = (node.calls["eth_getLogs"] for node in nodes)
        assert first > 90
        assert second < first / 2
        # the same ledger, another chain with the same number: nothing of it counts
        other = Plan(NETWORK)
        other.epoch(EPOCH, START, voters(2), [offer(EPOCH)])
        again = small_chain(other, every=10)
        async with watched(again, ledger=ledger) as (watch, _, _):
            await read(watch, 0, NOW)
            assert watch.reward_epoch(NOW).voters == voters(2)


async def test_a_ledger_that_cannot_be_used_costs_no_events(tmp_path):
    chain = small_chain(plan_of())
    with Ledger(tmp_path / "flare.db") as ledger:
        ledger.write("DROP TABLE chain_logs")
        async with watched(chain, ledger=ledger) as (watch, _, _):
            await read(watch, 0, NOW)
        assert watch.error is None
