"""What a provider sends by: tried again where no node answers, for as long as it counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from chrono import RateLimited, TransientError
from chrono_flare_ftso.chain.endpoint import SECOND
from chrono_flare_ftso.chain.refusals import Unfunded
from chrono_flare_ftso.provider.sink import FlareFtso
from chrono_flare_ftso.provider.wallets import AGAIN, Purse

pytestmark = pytest.mark.anyio

SILENT = RateLimited("every node asked to be left alone for a while", 5.0)


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Clock:
    """A clock that sleeps move."""

    def __init__(self):
        self.time = 100.0

    def now(self):
        return int(self.time * SECOND)

    async def sleep(self, seconds):
        self.time += seconds


class Sender:
    """A sender whose nodes do not answer so many times."""

    address = bytes(20)

    def __init__(self, silent, fault=SILENT):
        self.silent = silent
        self.fault = fault
        self.asked = []
        self.checked = 0

    async def send(self, to, data, *, gas, label, round, until):
        self.asked.append(until)
        if len(self.asked) <= self.silent:
            raise self.fault
        return SimpleNamespace(ok=True)

    async def check_funds(self, gas, calls):
        self.checked += 1
        raise self.fault


def purse(sender, clock, told, ahead=0.0):
    return Purse("submit", sender, lambda name: bytes(20), lambda: ahead, lambda *each: told.append(each), clock)


async def test_what_no_node_takes_is_tried_again_until_one_does():
    sender, clock, told = Sender(3), Clock(), []
    assert await purse(sender, clock, told).send("Submission", b"", label="submit2", round=7, until=110.0)
    assert len(sender.asked) == 4
    assert clock.time == 100 + 3 * AGAIN
    assert [each[:3] for each in told] == [("submit", "submit2", 7)]


async def test_what_counts_no_longer_is_not_tried_again():
    sender, clock, told = Sender(1000), Clock(), []
    with pytest.raises(TransientError, match="left alone"):
        await purse(sender, clock, told).send("Submission", b"", label="submit2", round=7, until=103.0)
    assert clock.time < 103
    assert told == []


async def test_the_end_is_one_of_the_chain_s_clock():
    sender, clock, told = Sender(0), Clock(), []
    await purse(sender, clock, told, ahead=2.0).send("Submission", b"", label="submit2", round=7, until=110.0)
    assert sender.asked == [108 * SECOND]


async def test_nodes_that_do_not_answer_say_nothing_of_what_an_account_has():
    """A commit is made all the same, and sent when one answers."""
    sender = Sender(0)
    await FlareFtso._funded(object(), [sender])
    assert sender.checked == 1


async def test_an_account_that_cannot_pay_is_told_at_once():
    """Nothing is committed to, and nothing is tried again: the same account cannot pay half a second later."""
    sender, clock, told = Sender(1000, Unfunded("needs 2, has 0; send it some")), Clock(), []
    with pytest.raises(Unfunded, match="send it some"):
        await FlareFtso._funded(object(), [sender])
    with pytest.raises(Unfunded, match="send it some"):
        await purse(sender, clock, told).send("Submission", b"", label="submit2", round=7, until=110.0)
    assert (len(sender.asked), clock.time, told) == (1, 100.0, [])
