"""The devnet's Relay against the rules of `protocol.relay_rules`: a thousand messages, good and bad, no disagreement.

`pytest -s` prints how many there were of each kind, and how many of them were accepted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from devnet_at_hand import anvil_or_none

from chrono import PermanentError
from chrono_flare_ftso.devnet.anvil import Anvil, find_anvil, started
from chrono_flare_ftso.devnet.artifacts import contract
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.policy import Reverted, SigningPolicy, hash_folded
from chrono_flare_ftso.protocol.relay import IndexedSignature, RelayMessage
from chrono_flare_ftso.protocol.relay_rules import RelayState, check
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.signatures import Signature, address_of, eip191, sign
from chrono_flare_ftso.protocol.text import from_hex, to_hex

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(anvil_or_none() is not None, reason=anvil_or_none() or ""),
]

MESSAGES = 1000
SETTER = keccak256(b"setter")[:20]
KEYS = [keccak256(b"voter %d of the relay" % index) for index in range(6)]
VOTERS = tuple(map(address_of, KEYS))
WEIGHTS = (300, 200, 0, 250, 150, 100)
FIRST, LENGTH, LAST, WINDOW = 1000, 100, 14, 10
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1; a signature has a twin of the other parity with s subtracted from it."""


def policy_of(epoch: int) -> SigningPolicy:
    """Return a policy; each odd reward epoch begins 5 rounds late."""
    return SigningPolicy(epoch, FIRST + LENGTH * epoch + 5 * (epoch % 2), 500, 77 + epoch, VOTERS, WEIGHTS)


POLICIES = [policy_of(epoch) for epoch in range(LAST + 3)]
DONE = (100, FIRST + LENGTH * LAST + 3)
"""Protocol and round of a result that is relayed before."""


def state_of(*, takes_policies: bool) -> RelayState:
    """Return what the contract holds, as the rules know it."""
    known = POLICIES[: LAST + 1]
    hashes = {each.reward_epoch: hash_folded(each.encode()) for each in known}
    starts = {each.reward_epoch: each.start_round for each in known}
    return RelayState(
        FIRST, LENGTH, LAST, hashes, starts, WINDOW, {DONE: bytes(31) + b"\1"}, takes_policies=takes_policies
    )


class Message(NamedTuple):
    """Calldata, and what kind it is of."""

    kind: str
    data: bytes


class Made:
    """Messages of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds: list[Callable[[], Message]] = [
            self.good,
            self.border,
            self.weights,
            self.indices,
            self.signatures,
            self.forged,
            self.cut,
            self.longer,
            self.flipped,
            self.counts,
            self.protocols,
            self.any_hash,
            self.policies,
            self.unknown,
            self.done,
        ]

    def messages(self, count: int) -> Iterator[Message]:
        for at in range(count):
            yield self._kinds[at % len(self._kinds)]()

    # parts

    def _epoch(self) -> int:
        return self._random.choice([LAST, LAST, LAST, LAST - 1, LAST - 1, LAST - WINDOW - 1, LAST - WINDOW, 1, 0])

    def _round(self, epoch: int) -> int:
        return FIRST + LENGTH * epoch + self._random.randrange(10, LENGTH)

    def _result(self, round: int, *, protocol: int = 100, secure: int = 1) -> bytes:
        root = keccak256(self._random.randbytes(8))
        return bytes([protocol]) + round.to_bytes(4, "big") + bytes([secure]) + root

    def _signers(self) -> Sequence[int]:
        return self._random.choice([(0, 1, 3), (0, 1, 4), (0, 2, 3), (1, 3, 4), (0, 1, 2, 3, 4, 5), (0, 3)])

    def _signed(self, hashed: bytes, signers: Sequence[int]) -> list[IndexedSignature]:
        return [IndexedSignature(index, sign(eip191(hashed), KEYS[index % len(KEYS)])) for index in signers]

    def _data(self, message: bytes, signed: Sequence[IndexedSignature], epoch: int) -> bytes:
        head = RelayMessage(POLICIES[epoch].encode(), message, ()).encode()[:-2]
        return head + len(signed).to_bytes(2, "big") + b"".join(each.encode() for each in signed)

    def _whole(self, message: bytes, epoch: int, signers: Sequence[int] | None = None) -> bytes:
        return self._data(message, self._signed(keccak256(message), signers or self._signers()), epoch)

    def _any(self) -> bytes:
        epoch = self._random.choice([LAST, LAST - 1])
        return self._whole(self._result(self._round(epoch)), epoch)

    # kinds

    def good(self) -> Message:
        return Message("good", self._any())

    def border(self) -> Message:
        """Rounds around the start and the end of reward epochs, late policies, and policies that are old."""
        epoch = self._epoch()
        round = FIRST + LENGTH * (epoch + self._random.choice([0, 1])) + self._random.randrange(-7, 8)
        ahead = self._random.choice([0, 0, 0, LENGTH, 5 * LENGTH])
        return Message("border of reward epochs", self._whole(self._result(max(round + ahead, 0)), epoch))

    def weights(self) -> Message:
        """At the threshold, one signature more, and under a policy that lasts too long."""
        signers = self._random.choice([(0, 1), (0, 1, 2), (3, 4, 5), (0, 1, 5), (0, 3, 5), (0, 1, 3)])
        round = self._round(LAST) + self._random.choice([0, LENGTH])
        return Message("weight at the threshold", self._whole(self._result(round), LAST, signers))

    def indices(self) -> Message:
        signers = self._random.choice(
            [(1, 0, 3), (0, 0, 1), (0, 1, 1, 3), (0, 1, 6), (0, 1, 300), (5, 4, 3), (2, 2, 0)]
        )
        return Message("indices", self._whole(self._result(self._round(LAST)), LAST, signers))

    def signatures(self) -> Message:
        """Another v, the twin of the other parity, a part of another signature, zeros."""
        message = self._result(self._round(LAST))
        signed = self._signed(keccak256(message), (0, 1, 3))
        at = self._random.randrange(3)
        one, other = signed[at].signature, signed[(at + 1) % 3].signature
        twin = (ORDER - int.from_bytes(one.s, "big")).to_bytes(32, "big")
        changed = self._random.choice(
            [
                Signature(0, one.r, one.s),
                Signature(1, one.r, one.s),
                Signature(29, one.r, one.s),
                Signature(55 - one.v, one.r, one.s),
                Signature(55 - one.v, one.r, twin),
                Signature(one.v, one.r, other.s),
                Signature(one.v, bytes(32), bytes(32)),
                Signature(one.v, one.r, ORDER.to_bytes(32, "big")),
                other,
            ]
        )
        signed[at] = IndexedSignature(signed[at].index, changed)
        return Message("signatures", self._data(message, signed, LAST))

    def forged(self) -> Message:
        """The address of the voter in place of a signature, as two published artifacts of Relay took it."""
        message, at = self._result(self._round(LAST)), self._random.randrange(3)
        signed = self._signed(keccak256(message), (0, 1, 3))
        index = signed[at].index
        forged = Signature(self._random.choice([0, 1, 27]), VOTERS[index].rjust(32, b"\0"), bytes(32))
        signed[at] = IndexedSignature(index, forged)
        return Message("forged", self._data(message, signed, LAST))

    def cut(self) -> Message:
        data = self._any()
        return Message("cut", data[: self._random.randrange(4, len(data))])

    def longer(self) -> Message:
        return Message("longer", self._any() + self._random.randbytes(self._random.randrange(1, 80)))

    def flipped(self) -> Message:
        data = bytearray(self._any())
        at = self._random.randrange(4, len(data))
        data[at] ^= 1 << self._random.randrange(8)
        return Message("a bit flipped", bytes(data))

    def counts(self) -> Message:
        data = bytearray(self._any())
        at = 4 + len(POLICIES[LAST].encode()) + 38
        data[at : at + 2] = self._random.choice([0, 1, 2, 3, 4, 5, 7, 300, 65_535]).to_bytes(2, "big")
        return Message("number of signatures", bytes(data))

    def protocols(self) -> Message:
        """Of other protocols, with secure bytes above 1."""
        protocol, secure = self._random.choice([2, 100, 200, 255]), self._random.choice([0, 1, 2, 255])
        message = self._result(self._round(LAST), protocol=protocol, secure=secure)
        return Message("protocol and secure byte", self._whole(message, LAST))

    def any_hash(self) -> Message:
        """Protocol 1, which has the signatures of any hash checked, with its round and its byte right or wrong."""
        round, secure = self._random.choice([0, 0, 0, 7]), self._random.choice([0, 0, 0, 1])
        return Message("any hash", self._whole(self._result(round, protocol=1, secure=secure), self._epoch()))

    def policies(self) -> Message:
        """A signing policy that follows, or does not, with its voters, its weights and its threshold as they may be."""
        by, epoch = self._random.choice([(LAST, LAST + 1)] * 5 + [(LAST - 1, LAST + 1), (LAST, LAST + 2), (LAST, LAST)])
        new = POLICIES[epoch]
        changed = self._random.choice(
            [{}, {}, {}, {"threshold": 499}, {"threshold": 661}, {"threshold": 660}, {"voters": (), "weights": ()}]
        )
        raw = dataclasses.replace(new, **changed).encode()
        signed = self._signed(hash_folded(raw), self._signers())
        cut = self._random.choice([len(raw)] * 6 + [len(raw) - 3, 9])
        return Message("signing policy", self._data(b"\0" + raw[:cut], signed, by))

    def unknown(self) -> Message:
        """A policy that was never set, or is not the one that was."""
        raw = bytearray(RelayMessage(POLICIES[LAST + 1].encode(), self._result(self._round(LAST)), ()).encode())
        if self._random.random() < 0.5:
            return Message("unknown policy", bytes(raw) + self._random.randbytes(67))
        message = self._result(self._round(LAST))
        data = bytearray(self._whole(message, LAST))
        data[4 + 11 + self._random.randrange(32)] ^= 0x40
        return Message("unknown policy", bytes(data))

    def done(self) -> Message:
        """Of a round that has a root, and of its neighbours."""
        protocol = self._random.choice([DONE[0], DONE[0], DONE[0] + 1])
        round = DONE[1] + self._random.choice([0, 0, 0, 1])
        return Message("already relayed", self._whole(self._result(round, protocol=protocol), LAST))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Relay(NamedTuple):
    """A Relay on a chain."""

    anvil: Anvil
    address: bytes

    async def said(self, data: bytes) -> tuple[bool, str]:
        """Return whether calldata is accepted, and what is returned or why not."""
        asked = {"from": to_hex(SETTER), "to": to_hex(self.address), "data": to_hex(data), "gas": hex(15_000_000)}
        try:
            raw = from_hex(await self.anvil.rpc("eth_call", asked, "latest"))
        except PermanentError as error:
            return False, str(error).rpartition("execution reverted: ")[2].removeprefix("revert: ")
        return True, abi.decode("bytes", raw)[0].hex()

    async def root(self, protocol: int, round: int) -> bytes:
        asked = contract("Relay").functions["merkleRoots"]
        raw = await self.anvil.call(self.address, asked.encode_call(protocol, round), SETTER)
        return bytes(asked.decode_result(raw)[0])


@asynccontextmanager
async def relay(*, home: bool) -> AsyncIterator[Relay]:
    """Deploy a Relay with all policies: set by a setter at home, relayed abroad."""
    async with started(find_anvil(), chain_id=31_337, timestamp=1_800_000_000) as anvil:
        await anvil.fund([SETTER], 10**24)
        timing = (1_700_000_000, 90, FIRST, LENGTH)
        state = (100, *timing, 12_000, 0, False, 0, False, WINDOW)
        setter = SETTER if home else bytes(20)
        first = POLICIES[0]
        data = contract("Relay").deployed_with(setter, state, first.start_round, hash_folded(first.encode()))
        made = await anvil.succeeded(await anvil.send(SETTER, None, data), "Relay")
        it = Relay(anvil, from_hex(made["contractAddress"], 20))
        for before, policy in pairwise(POLICIES[: LAST + 1]):
            if home:
                told = (policy.reward_epoch, policy.start_round, policy.threshold, policy.seed, policy.voters)
                call = contract("Relay").functions["setSigningPolicy"].encode_call((*told, policy.weights))
            else:
                raw = policy.encode()
                signed = [IndexedSignature(index, sign(eip191(hash_folded(raw)), KEYS[index])) for index in (0, 1, 3)]
                call = RelayMessage(before.encode(), b"\0" + raw, tuple(signed)).encode()
            await anvil.succeeded(await anvil.send(SETTER, it.address, call), f"policy {policy.reward_epoch}")
        message = Result(*DONE, True, bytes(31) + b"\1").encode()
        signed = [IndexedSignature(index, sign(eip191(keccak256(message)), KEYS[index])) for index in (0, 1, 3)]
        call = RelayMessage(POLICIES[LAST].encode(), message, tuple(signed)).encode()
        await anvil.succeeded(await anvil.send(SETTER, it.address, call), "a result")
        yield it


def ruled(data: bytes, state: RelayState) -> tuple[bool, str]:
    """Return what the rules say of calldata, in the words of the contract."""
    try:
        return True, check(data, state).returned.hex()
    except Reverted as error:
        return False, error.reason
    except ProtocolError as error:
        return False, str(error)


@pytest.mark.parametrize("home", [True, False], ids=["policies are set", "policies are relayed"])
async def test_relay_and_the_rules_agree_on_a_thousand_messages(home: bool) -> None:
    state = state_of(takes_policies=not home)
    messages = list(Made(7 if home else 8).messages(MESSAGES))
    counted: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    odd: list[tuple[str, Any, Any]] = []
    async with relay(home=home) as it:
        for start in range(0, len(messages), 50):
            piece = messages[start : start + 50]
            told = await asyncio.gather(*(it.said(each.data) for each in piece))
            for message, was in zip(piece, told, strict=True):
                wanted = ruled(message.data, state)
                counted[message.kind] += 1
                accepted[message.kind] += wanted[0]
                if was != wanted:
                    odd.append((message.kind, wanted, was))
    lines = [f"{kind:26} {count:4} messages, {accepted[kind]:3} accepted" for kind, count in counted.items()]
    lines.append(f"{'all':26} {len(messages):4} messages, {accepted.total():3} accepted, {len(odd)} disagreements")
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert odd == []
    # every kind was tried, and there is good and bad among them
    assert len(counted) == 15
    assert 150 < accepted.total() < 850


async def test_what_is_accepted_is_stored_once() -> None:
    made = Made(9)
    async with relay(home=True) as it:
        for _ in range(12):
            data = made.good().data
            if not ruled(data, state_of(takes_policies=False))[0]:
                continue
            result = Result.decode(RelayMessage.decode(data).message)
            await it.anvil.succeeded(await it.anvil.send(SETTER, it.address, data), "a result")
            assert await it.root(result.protocol, result.round) == result.root
            assert await it.said(data) == (False, "Already relayed")
