"""Each transaction is sent once, written down before it leaves, and followed until it stands."""

from __future__ import annotations

import asyncio

import pytest
from sending import KEY, LABELS, TARGET, beside, data, world
from sending_node import Own

from chrono import PermanentError
from chrono_flare_ftso.chain.drafting import Pace, Wanted
from chrono_flare_ftso.chain.fees import COIN, GWEI, Cost, FeeLimits, Fees
from chrono_flare_ftso.chain.nonces import MINED, REPLACED, NonceBook
from chrono_flare_ftso.chain.refusals import Rejected, Unfunded, Unsent, Why, why_of
from chrono_flare_ftso.chain.rpc import Node
from chrono_flare_ftso.chain.sending import Sender
from chrono_flare_ftso.ledger import Ledger
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.networks import FLARE

pytestmark = pytest.mark.anyio

SUBMISSION = FLARE.contract("Submission", 0)


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_what_is_sent_is_mined_once_and_its_cost_is_known(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        for label in LABELS:
            outcome = await world_.send(sender, label)
            assert outcome.ok
            assert outcome.cost == Cost(22_400 * 125 * GWEI, refunded=False)
        world_.check(*map(data, LABELS))
        assert [each.transaction.nonce for each in world_.chain.mined()] == [0, 1, 2]
        assert world_.told == []


async def test_a_submission_is_refunded_and_costs_a_fraction_of_a_cent(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        calldata = function("Submission", "submit1").selector + b"a commit"
        outcome = await sender.send(SUBMISSION, calldata, gas=60_000, label="submit1", round=7, until=world_.after(20))
        assert outcome.cost == Cost(525 * 10**12, refunded=True)
        # not the first of its kind in the round any more: it would be paid in full
        with pytest.raises(Unsent, match="expected the first call of 0x6c532fae in its voting round, was another one"):
            await sender.send(SUBMISSION, calldata, gas=60_000, label="again", round=7, until=world_.after(20))
        with pytest.raises(Unsent, match="expected a gas limit of at most 3000000, was 3000001"):
            await sender.send(SUBMISSION, calldata, gas=3_000_001, label="submit1", round=8, until=world_.after(20))
        assert len(world_.nodes[0].given) == 1


async def test_what_was_sent_is_not_sent_again_whoever_asks(tmp_path):
    async with world(tmp_path) as world_:
        async with world_.sender() as sender:
            first = await world_.send(sender)
            assert await world_.send(sender) == first
        async with world_.sender() as later:
            assert await world_.send(later) == first
        world_.check(data("submit1"))
        assert len(world_.nodes[0].given) == 1


async def test_what_is_asked_for_twice_at_once_is_sent_once(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        outcomes = await asyncio.gather(*(world_.send(sender) for _ in range(4)))
        assert len(set(outcomes)) == 1
        world_.check(data("submit1"))


async def test_what_is_asked_for_twice_and_waits_is_offered_more_for_by_one_alone(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        outcomes = await asyncio.gather(*(world_.send(sender, seconds=10) for _ in range(3)))
        assert {outcome.state for outcome in outcomes} == {"late"}
        assert world_.told == []


async def test_a_node_that_fell_behind_is_not_believed_about_the_account(tmp_path):
    async with world(tmp_path, nodes=2) as world_, world_.sender() as sender:
        await world_.send(sender)
        world_.chain.produce(9)
        head = (await sender.refresh()).block
        world_.nodes[0].lag = 6
        assert (await sender.refresh())[1:4] == (head, 25 * GWEI, 1)


async def test_what_is_sent_at_once_has_nonces_of_its_own(tmp_path):
    async with world(tmp_path) as world_:
        # a slow machine is no reason to offer more, which would be signed once more
        world_.pace = world_.pace._replace(bump=1000.0)
        async with world_.sender() as sender:
            outcomes = await asyncio.gather(*(world_.send(sender, "relay", round) for round in range(12)))
        assert sorted(outcome.nonce for outcome in outcomes) == list(range(12))
        # none was signed in vain
        assert sender.signer.signed == 12
        world_.check(*(data("relay", round) for round in range(12)))


async def test_everything_is_on_the_disk_before_it_leaves(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        give, seen = world_.chain.give, []

        def giving(raw: bytes) -> bytes:
            with Ledger(tmp_path / "flare.db") as ledger:
                seen.append([entry.raw for entry in NonceBook(ledger, 14, sender.address).of("submit1", 1)] == [raw])
            return give(raw)

        world_.chain.give = giving
        await world_.send(sender)
        assert seen == [True]


async def test_between_the_decision_and_the_bytes_no_node_is_asked(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        await sender.refresh()
        posts = world_.nodes[0].posts
        wanted = Wanted(TARGET, b"", 60_000, 0, "submit1", 1, world_.after(30))
        drafted = await sender._drafter.draft(wanted)
        assert drafted is not None
        assert drafted.new
        assert world_.nodes[0].posts == posts


async def test_what_was_reverted_failed_and_is_not_sent_again(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.reverts.add(data("relay"))
        outcome = await world_.send(sender, "relay")
        assert (outcome.state, outcome.ok) == ("failed", False)
        assert await world_.send(sender, "relay") == outcome
        world_.check(data("relay"))


async def test_more_is_offered_while_blocks_go_by_and_one_of_all_is_mined(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True

        async def opening() -> None:
            while len(world_.nodes[0].given) < 4:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
            world_.chain.closed = False
            await asyncio.sleep(60)

        outcome = await beside(world_.send(sender, seconds=60), opening())
        assert outcome.ok
        world_.check(data("submit1"))
        entries = sender.book.of("submit1", 1)
        assert {entry.nonce for entry in entries} == {0}
        assert {entry.state for entry in entries} == {MINED, REPLACED}
        fees = [entry.fee for entry in entries]
        assert all(
            8 * new >= 9 * old for pair in zip(fees[1:], fees, strict=False) for new, old in zip(*pair, strict=True)
        )


async def test_no_more_is_offered_while_the_chain_stands_still(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.clock.every = 10**18
        assert (await world_.send(sender)).state == "late"
        assert len(sender.book.of("submit1", 1)) == 1


async def test_what_the_pool_wants_is_offered_at_once_though_no_block_shows_it(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.clock.every = 10**18
        world_.chain.base_fee *= 10
        await world_.send(sender, seconds=1)
        (waiting,) = world_.chain.waiting.values()
        assert waiting.transaction.max_fee == 1500 * GWEI
        assert len(world_.nodes[0].given) == 2


async def test_no_more_is_offered_than_is_allowed(tmp_path):
    limits = FeeLimits(max_fee=230 * GWEI)
    async with world(tmp_path, limits=limits) as world_, world_.sender() as sender:
        world_.chain.closed = True
        assert (await world_.send(sender, seconds=60)).state == "late"
        assert [entry.fee.max_fee // GWEI for entry in sender.book.of("submit1", 1)] == [200, 225]
        assert "submit1 of round 1: waits at 225 gwei, and more may not be offered" in world_.texts


async def test_what_is_late_is_not_sent(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        assert await world_.send(sender, seconds=0) == ("late", None, None, None, None)
        assert sender.book.unfinished() == []
        assert world_.nodes[0].given == []


async def test_what_is_void_and_waits_is_replaced_by_what_comes_after_it(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        assert (await world_.send(sender, "submit1", seconds=10)).state == "late"
        world_.chain.closed = False
        outcome = await world_.send(sender, "submit2")
        assert (outcome.ok, outcome.nonce) == (True, 0)
        world_.check(data("submit2"))
        assert {entry.state for entry in sender.book.of("submit1", 1)} == {REPLACED}


async def test_what_was_void_and_is_mined_all_the_same_costs_the_next_one_nothing_but_its_nonce(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.closed = True
        assert (await world_.send(sender, "submit1", seconds=3)).state == "late"
        world_.chain.closed = False
        await sender.refresh()
        world_.chain.produce()
        outcome = await world_.send(sender, "submit2")
        assert (outcome.ok, outcome.nonce) == (True, 1)
        world_.check(data("submit1"), data("submit2"))


async def test_what_an_earlier_process_wrote_down_and_may_have_sent_is_finished_by_the_next(tmp_path):
    async with world(tmp_path) as world_:
        async with world_.sender() as sender:
            for label in LABELS:
                # killed between the disk and the network, or after it
                wanted = Wanted(TARGET, data(label), 60_000, 0, label, 1, world_.after(30))
                drafted = await sender._drafter.draft(wanted)
                if label == "submit2":
                    world_.chain.give(drafted.entry.raw)
        async with world_.sender() as later:
            await later.reconcile()
            await world_.clock.sleep(1)
            await later.reconcile()
            assert [(await world_.send(later, label)).state for label in LABELS] == ["mined"] * 3
        world_.check(*map(data, LABELS))
        assert later.signer.signed == 0


async def test_an_earlier_process_s_transaction_that_is_void_is_not_sent(tmp_path):
    async with world(tmp_path) as world_:
        async with world_.sender() as sender:
            await sender._drafter.draft(Wanted(TARGET, data("submit1"), 60_000, 0, "submit1", 1, world_.after(5)))
        await world_.clock.sleep(6)
        async with world_.sender() as later:
            await later.reconcile()
            assert world_.nodes[0].given == []
            assert (await world_.send(later, "submit2")).nonce == 0
        world_.check(data("submit2"))


async def test_a_gap_in_the_nonces_is_filled_so_that_what_waits_behind_it_is_mined(tmp_path):
    async with world(tmp_path, pace=Pace(bump=100)) as world_, world_.sender() as sender:
        # what had nonce 0 was void before it ever left, after another had got nonce 1
        for label, seconds in (("submit1", 1), ("submit2", 30)):
            await sender._drafter.draft(Wanted(TARGET, data(label), 60_000, 0, label, 1, world_.after(seconds)))
        await world_.clock.sleep(2)
        second = await beside(world_.send(sender, "submit2"), sender.run())
        assert (second.ok, second.nonce) == (True, 1)
        assert [each.transaction.data for each in world_.chain.mined()] == [b"", data("submit2")]
        assert "nonce 0 is missing, and what comes after it waits" in world_.texts


async def test_a_second_process_with_a_ledger_in_common_takes_no_nonce_twice(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as one, world_.sender() as two:
        outcomes = await asyncio.gather(
            *(world_.send(sender, label, round) for round in range(4) for label in LABELS for sender in (one, two))
        )
        assert all(outcome.ok for outcome in outcomes)
        world_.check(*(data(label, round) for round in range(4) for label in LABELS))


async def test_a_balance_that_runs_out_is_told_beforehand_once(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.balances[sender.address] = COIN
        for _ in range(3):
            await sender.refresh()
        ((code, message),) = world_.told
        assert code == "balance"
        assert message.startswith("0x")
        assert message.endswith("expected at least 5 FLR, has 1; send it some before it is needed")


async def test_an_empty_account_is_told_who_needs_how_much_and_nothing_is_sent(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        world_.chain.balances[sender.address] = COIN // 1000
        with pytest.raises(
            Unfunded, match=r"submit1 of round 1 not sent: 0x\w{40} needs 0\.012 FLR, has 0\.001; send it"
        ):
            await world_.send(sender)
        assert world_.nodes[0].given == []
        # what was sent to it meanwhile is seen
        world_.chain.balances[sender.address] = COIN
        assert (await world_.send(sender)).ok


async def test_a_node_of_another_chain_is_never_sent_anything(tmp_path):
    async with world(tmp_path, chain_id=16) as world_, world_.sender() as sender:
        with pytest.raises(PermanentError, match=r"expected chain 16, was another; see to the addresses of nodes"):
            await world_.send(sender)
        assert world_.nodes[0].given == []
        assert sender.book.unfinished() == []


async def test_nodes_that_agree_on_a_chain_that_is_not_the_key_s_are_never_sent_anything(tmp_path):
    async with world(tmp_path) as world_, Node([world_.nodes[0].url], world_.clock) as node:
        with Ledger(tmp_path / "other.db") as ledger:
            signer = Own(KEY)
            book = NonceBook(ledger, 19, signer.address)
            sender = Sender(node, signer, book, 19, world_.clock, Fees(FLARE))
            with pytest.raises(PermanentError, match="expected chain 19, was 14; nothing is sent"):
                await world_.send(sender)
        assert world_.nodes[0].given == []


async def test_a_book_of_another_key_is_refused(tmp_path):
    async with world(tmp_path) as world_, world_.sender() as sender:
        with pytest.raises(ValueError, match="expected the nonce book of the signer's key on this chain"):
            Sender(None, Own(b"\x01" * 32), sender.book, 14, world_.clock, None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        # ethereum/go-ethereum, core/txpool/errors.go and core/error.go
        ("already known", Why.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Why.NONCE_LOW),
        ("nonce too high", Why.NONCE_HIGH),
        ("replacement transaction underpriced", Why.REPLACEMENT),
        ("transaction underpriced: gas tip cap 0, minimum needed 1", Why.UNDERPRICED),
        ("insufficient funds for gas * price + value: balance 0, tx cost 21000", Why.FUNDS),
        ("intrinsic gas too low: gas 20000, minimum needed 21000", Why.GAS_LOW),
        ("insufficient gas for floor data gas cost: gas 21000, minimum needed 22000", Why.GAS_LOW),
        ("exceeds block gas limit", Why.GAS_HIGH),
        ("max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1, baseFee: 2", Why.BELOW_BASE),
        ("tx fee (3.00 ether) exceeds the configured cap (1.00 ether)", Why.TOO_DEAR),
        ("invalid chain id for signer: have 31337 want 14", Why.WRONG_CHAIN),
        ("txpool is full", Why.FULL),
        # as coreth has it
        (
            "transaction underpriced: address 0x1 have gas fee cap (1) < pool minimum fee cap (25000000000)",
            Why.BELOW_BASE,
        ),
        # as anvil answers
        ("transaction already imported", Why.KNOWN),
        ("Insufficient funds for gas * price + value", Why.FUNDS),
        ("intrinsic gas too high -- tx.gas_limit > env.block.gas_limit", Why.GAS_HIGH),
        # as Hardhat answers
        ("Nonce too low. Expected nonce to be 5 but got 4.", Why.NONCE_LOW),
        ("Nonce too high. Expected nonce to be 3 but got 5. Note that transactions can't be queued", Why.NONCE_HIGH),
        ("Known transaction: 0x1", Why.KNOWN),
        ("Transaction maxFeePerGas (1) is too low for the next block, which has a baseFeePerGas of 2", Why.BELOW_BASE),
        ("Sender doesn't have enough funds to send tx. The max upfront cost is: 2 and the sender's", Why.FUNDS),
        ("Transaction requires at least 21000 gas but got 20000", Why.GAS_LOW),
        ("Transaction gas limit is 60000000 and exceeds block gas limit of 30000000", Why.GAS_HIGH),
        ("Trying to send a raw transaction with an invalid chainId. The expected chainId is 31337", Why.WRONG_CHAIN),
        ("the moon is full", Why.OTHER),
    ],
)
async def test_why_a_transaction_is_not_taken_is_told_by_the_words_of_each_kind_of_node(said, why):
    assert why_of(said) is why


async def test_the_nodes_are_asked_for_counts_balances_and_receipts(tmp_path):
    async with world(tmp_path, nodes=2) as world_, world_.sender() as sender:
        outcome = await world_.send(sender)
        node = sender._means.node
        assert await node.transaction_count(sender.address) == 1
        assert await node.balance(sender.address) == 1000 * COIN
        assert (await node.transaction(outcome.hash)).block == outcome.block
        world_.nodes[0].nulls |= {"eth_getTransactionReceipt", "eth_getTransactionByHash"}
        assert (await node.receipt(outcome.hash)).block == outcome.block
        assert await node.receipt(bytes(32)) is None
        assert await node.transaction(bytes(32)) is None


async def test_a_refusal_of_one_node_is_no_refusal_where_another_did_not_answer(tmp_path):
    async with world(tmp_path, nodes=2) as world_, world_.sender() as sender:
        drafted = await sender._drafter.draft(Wanted(TARGET, b"", 60_000, 0, "a", 1, world_.after(30)))
        for node in world_.nodes:
            node.says = ["nonce too low"]
        world_.nodes[1].nulls.add("eth_sendRawTransaction")
        with pytest.raises(Rejected) as caught:
            await sender._means.node.send_raw(drafted.entry.raw)
        assert (caught.value.why, caught.value.certain) == (Why.NONCE_LOW, False)
