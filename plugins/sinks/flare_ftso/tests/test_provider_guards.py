"""What is looked at before a vote is committed to."""

import pytest

from chrono_flare_ftso.answers import Feeds, Values
from chrono_flare_ftso.protocol.feeds import FeedDecimals, feed_id
from chrono_flare_ftso.provider.guards import Limits, guarded
from chrono_flare_ftso.votes import vector

PRICES = {"BTC/USD": 67_000.0, "ETH/USD": 2_500.0, "FLR/USD": 0.02, "XRP/USD": 0.5}
IDS = {name: feed_id(1, name) for name in PRICES}
FEEDS = [FeedDecimals(each, 5) for each in IDS.values()]
NAMES = Feeds(dict.fromkeys(PRICES, "crypto"))
MEDIANS = {IDS[name]: price for name, price in PRICES.items()}


def judged(prices=PRICES, feeds=FEEDS, medians=MEDIANS, **limits):
    return guarded(feeds, NAMES, Values(7, prices), medians, Limits(**limits))


def test_values_near_the_last_medians_are_voted():
    found = judged({name: price * 1.19 for name, price in PRICES.items()})
    assert found.values.prices == {name: price * 1.19 for name, price in PRICES.items()}
    assert (found.unpriced, found.withheld, found.refusal, found.values.as_of) == ((), {}, "", 7)


@pytest.mark.parametrize("factor", [0.79, 1.21, 1e-3, 1e3])
def test_value_far_from_the_last_median_costs_its_own_feed_the_vote(factor):
    found = judged({**PRICES, "ETH/USD": 2_500.0 * factor})
    assert set(found.values.prices) == set(PRICES) - {"ETH/USD"}
    assert list(found.withheld) == ["ETH/USD"]
    assert not found.refusal


def test_nothing_is_compared_with_a_median_that_there_is_not():
    found = judged({**PRICES, "ETH/USD": 1.0, "XRP/USD": 9.0}, medians={IDS["ETH/USD"]: 0.0})
    assert found.values.prices["ETH/USD"] == 1.0
    assert not found.withheld


def test_too_few_votes_are_no_commit():
    """All values a tenth of what they were: the conversion has gone wrong, not four markets."""
    found = judged({name: price / 10 for name, price in PRICES.items()})
    assert "expected votes for at least 50 % of 4 feeds, were 0: 0 have no value, 4 are far" in found.refusal
    found = judged({"BTC/USD": 67_000.0})
    assert found.unpriced == ("ETH/USD", "FLR/USD", "XRP/USD")
    assert "were 1: 3 have no value" in found.refusal
    assert not judged({"BTC/USD": 67_000.0}, missing=0.75).refusal


def test_reward_epoch_without_feeds_is_no_commit():
    assert judged(feeds=[]).refusal


def test_list_that_changed_order_grew_and_shrank_shifts_no_value():
    """Feeds are found by their ids, and one that is not priced here has no vote."""
    new = FeedDecimals(feed_id(1, "NEW/USD"), 5)
    strange = FeedDecimals(b"\x01" + b"\xff" * 20, 5)
    changed = [FEEDS[3], new, FEEDS[0], strange, FEEDS[2]]
    found = judged(feeds=changed)
    assert found.unpriced == ("NEW/USD", "0x" + strange.id.hex())
    votes = vector(changed, NAMES, found.values)
    alone = {feed.id: vector([feed], NAMES, found.values) for feed in FEEDS}
    assert [votes[at : at + 4] for at in range(0, len(votes), 4)] == [
        alone[FEEDS[3].id],
        bytes(4),
        alone[FEEDS[0].id],
        bytes(4),
        alone[FEEDS[2].id],
    ]
