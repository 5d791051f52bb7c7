"""What is offered follows the base fee within what is allowed, and what would be paid in full is not sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.chain.fees import COIN, GWEI, TARGET_USD, Cost, Fee, FeeLimits, Fees, TooDear
from chrono_flare_ftso.chain.refusals import Unsent
from chrono_flare_ftso.chain.transactions import Transaction
from chrono_flare_ftso.protocol.contracts import function
from chrono_flare_ftso.protocol.networks import FLARE, SONGBIRD

SUBMISSION = FLARE.contract("Submission", 0)
SUBMIT1 = function("Submission", "submit1").selector


@pytest.mark.parametrize(
    ("base_fee", "offered"),
    [
        (25 * GWEI, (100, 200)),
        (500 * GWEI, (1000, 3000)),
        (1_400 * GWEI, (2800, 8400)),
        (2_000 * GWEI, (4000, 10_000)),
        (9_000 * GWEI, (5000, 10_000)),
    ],
)
def test_the_tip_is_twice_the_base_fee_within_bounds_and_the_fee_leaves_room_for_four_of_them(base_fee, offered):
    tip, fee = Fees(FLARE).first(base_fee, 60_000)
    assert (tip / GWEI, fee / GWEI) == offered


@given(st.integers(0, 20_000 * GWEI), st.integers(21_000, 10**7), st.integers(0, 10), st.integers(0, 20_000 * GWEI))
def test_each_replacement_offers_an_eighth_more_of_both_and_never_more_than_is_allowed(base, gas, times, later):
    fees = Fees(FLARE)
    try:
        fee = fees.first(base, gas)
    except TooDear:
        assert base > min(fees.limits.max_fee, fees.limits.max_cost // gas)
        return
    for _ in range(times):
        more = fees.replacing(fee, later, gas)
        if more is None:
            break
        assert all(8 * new >= 9 * old for new, old in zip(more, fee, strict=True))
        fee = more
    assert fee.max_priority_fee <= fee.max_fee <= fees.limits.max_fee
    assert fee.max_fee * gas <= fees.limits.max_cost


def test_a_replacement_that_would_cost_too_much_is_none():
    fees = Fees(FLARE, FeeLimits(max_fee=200 * GWEI))
    assert fees.replacing(Fee(100 * GWEI, 178 * GWEI), 25 * GWEI, 60_000) is None
    assert fees.replacing(Fee(100 * GWEI, 177 * GWEI), 25 * GWEI, 60_000) == Fee(112_500_000_000, 200 * GWEI)
    assert fees.replacing(Fee(1, 1), 201 * GWEI, 60_000) is None


def test_a_base_fee_above_what_may_be_offered_is_told_with_what_to_do():
    with pytest.raises(TooDear, match=r"base fee of at most 50 gwei for 60000 gas, was 51 gwei; raise `max_fee`"):
        Fees(FLARE, FeeLimits(max_fee=50 * GWEI)).first(51 * GWEI, 60_000)
    with pytest.raises(TooDear, match=r"at most 10 gwei for 100000 gas, was 25 gwei"):
        Fees(FLARE, FeeLimits(max_cost=COIN // 1000)).first(25 * GWEI, 100_000)


@pytest.mark.parametrize(
    ("size", "gas", "expected"),
    [
        (4501, 3_000_000, r"expected at most 4500 bytes of calldata, was 4501: it would not be refunded"),
        (4500, 3_000_001, r"expected a gas limit of at most 3000000, was 3000001: it would not be refunded"),
    ],
)
def test_a_submission_outside_the_rule_of_the_refund_is_refused(size, gas, expected):
    with pytest.raises(Unsent, match=expected) as caught:
        Fees(FLARE).check(SUBMISSION, SUBMIT1 + bytes(size - 4), gas)
    assert "\n" not in str(caught.value)


def test_a_second_submission_of_its_kind_in_a_round_is_refused_except_for_block_latency_updates():
    def sent(name: str, to: bytes = SUBMISSION) -> Transaction:
        return Transaction(14, 0, 1, 1, 60_000, to, function("Submission", name).selector + b"earlier")

    fees = Fees(FLARE)
    with pytest.raises(Unsent, match=r"expected the first call of 0x6c532fae in its voting round, was another one"):
        fees.check(SUBMISSION, SUBMIT1 + b"later", 60_000, [sent("submit2"), sent("submit1")])
    fees.check(SUBMISSION, SUBMIT1, 60_000, [sent("submit2"), sent("submit1", bytes(20))])
    passing = function("Submission", "submitAndPass").selector
    fees.check(SUBMISSION, passing, 60_000, [sent("submitAndPass")])


def test_what_is_within_the_rule_is_no_submission_or_on_a_chain_without_a_limit_is_let_through():
    Fees(FLARE).check(SUBMISSION, SUBMIT1 + bytes(4496), 3_000_000)
    Fees(FLARE).check(bytes(20), SUBMIT1 + bytes(9000), 8_000_000)
    Fees(FLARE).check(SUBMISSION, b"else" + bytes(9000), 8_000_000)
    Fees(SONGBIRD).check(SONGBIRD.contract("Submission", 0), SUBMIT1 + bytes(40), 8_000_000)


@pytest.mark.parametrize("name", ["submit1", "submit2", "submitSignatures"])
def test_a_refunded_submission_costs_21000_gas_at_the_nominal_price_far_below_the_target(name):
    call = Transaction(14, 0, 1, 1, 60_000, SUBMISSION, function("Submission", name).selector)
    cost = Fees(FLARE).paid(call, 26_487, 10_000 * GWEI, refundable=True)
    assert cost == Cost(525 * 10**12, refunded=True)
    assert cost.usd(0.03) < TARGET_USD


def test_what_is_not_refunded_costs_what_the_receipt_says():
    relay = Transaction(14, 0, 1, 1, 300_000, bytes(20), b"rely")
    assert Fees(FLARE).paid(relay, 95_091, 125 * GWEI, refundable=True) == Cost(95_091 * 125 * GWEI, refunded=False)
    again = Transaction(14, 0, 1, 1, 60_000, SUBMISSION, SUBMIT1)
    assert Fees(FLARE).paid(again, 24_115, 125 * GWEI, refundable=False) == Cost(24_115 * 125 * GWEI, refunded=False)
    assert Fees(FLARE).paid(again, 21_000, GWEI, refundable=True).wei == 21_000 * GWEI
