"""What is earned on the devnet: each round as it went on the chain, a reward epoch's claims, and their signatures.

The rules are those of `protocol.rewards`, without the minimal conditions, which ask for staking and for weeks of
uptime. What is published has the form that Flare publishes.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/fsp-rewards/src/DataManagerForRewarding.ts` (what counts as a
deposit and as a finalization); read 2026-11-22.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chrono_flare_ftso.chain.watching import Watch
from chrono_flare_ftso.devnet.anvil import Anvil
from chrono_flare_ftso.protocol.claims import ClaimType, Distribution, distribution
from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.feeds import canonical_order
from chrono_flare_ftso.protocol.finalizers import select
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.messages import parse_calldata
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.relay import RelayMessage
from chrono_flare_ftso.protocol.results import Result
from chrono_flare_ftso.protocol.rewards.finalization import Finalization
from chrono_flare_ftso.protocol.rewards.merging import net_of_penalties
from chrono_flare_ftso.protocol.rewards.offers import RoundOffer, round_offers, round_randoms
from chrono_flare_ftso.protocol.rewards.partial import Detail, PartialClaim, Reward
from chrono_flare_ftso.protocol.rewards.rounds import RoundRecord, anchor_rewards
from chrono_flare_ftso.protocol.rewards.signing import Deposit
from chrono_flare_ftso.protocol.rounds import Transaction
from chrono_flare_ftso.protocol.signatures import SignaturePayload, eip191, recover
from chrono_flare_ftso.protocol.text import from_hex, to_hex
from chrono_flare_ftso.protocol.values import unpack
from chrono_flare_ftso.round_results import Outcome


@dataclass(frozen=True, slots=True)
class Played:
    """A voting round that is over.

    Attributes
    ----------
    outcome : Outcome
        What it came to.
    deposits : tuple of Deposit
    finalizations : tuple of Finalization
    selected : frozenset of bytes
        Signing addresses of the voters that were drawn to finalize.
    """

    outcome: Outcome
    deposits: tuple[Deposit, ...]
    finalizations: tuple[Finalization, ...]
    selected: frozenset[bytes]


@dataclass
class Rewarding:
    """Keeps what happened, and makes claims of it.

    Parameters
    ----------
    anvil : Anvil
    watch : Watch
        Entered.
    relay : bytes
        Where Relay is, 20 bytes.
    block : int
        The number of the last block that is not read.
    """

    anvil: Anvil
    watch: Watch
    relay: bytes
    block: int
    _played: dict[int, Played] = field(default_factory=dict)
    _finalizations: dict[int, list[Finalization]] = field(default_factory=lambda: defaultdict(list))

    async def read(self) -> None:
        """Read what was sent to Relay since the last time.

        Raises
        ------
        PermanentError, TransientError
            If anvil does not answer.
        """
        head, _ = await self.anvil.head()
        asked = [("eth_getBlockByNumber", (hex(number), True)) for number in range(self.block + 1, head + 1)]
        for block in await self.anvil.batch(asked):
            sent = [each for each in block["transactions"] if each["to"] == to_hex(self.relay)]
            receipts = await self.anvil.batch([("eth_getTransactionReceipt", (each["hash"],)) for each in sent])
            for transaction, receipt in zip(sent, receipts, strict=True):
                self._finalized(transaction, int(block["timestamp"], 16), success=int(receipt["status"], 16) == 1)
        self.block = head

    def _finalized(self, transaction: Mapping[str, Any], timestamp: int, *, success: bool) -> None:
        try:
            message = Result.decode(RelayMessage.decode(from_hex(transaction["input"])).message)
        except ProtocolError:
            return
        made = Finalization(from_hex(transaction["from"], 20), timestamp, success)
        self._finalizations[message.round].append(made)

    def played(self, round: int, outcome: Outcome) -> None:
        """Take down a round that is over.

        Raises
        ------
        LookupError
            If its policy was not read.
        """
        policy = self.watch.signing_policy(round)
        chosen = select(policy.seed, policy.weights, FTSO_PROTOCOL, round)
        self._played[round] = Played(
            outcome,
            tuple(deposits(self.watch.signatures(round), round, outcome)),
            tuple(self._finalizations.pop(round, ())),
            frozenset(policy.voters[index] for index in chosen),
        )

    def of(self, round: int) -> Played:
        """Return what was taken down of a round; raise `LookupError` where it was not, or was let go."""
        return self._played[round]

    def claims(self, epoch: int, rounds: range) -> Distribution:
        """Return what a reward epoch comes to; what was taken down of its rounds is let go.

        Parameters
        ----------
        epoch : int
        rounds : range
            Its voting rounds.
        """
        inflation = self.watch.offers(epoch)
        secure = {
            number: played.outcome.result.random
            for number, played in self._played.items()
            if played.outcome.result is not None and played.outcome.result.secure
        }
        order = [each.id for each in canonical_order(inflation, ())]
        offers = round_offers(
            rounds,
            order,
            inflation,
            (),
            round_randoms(rounds[0], rounds[-1], secure),
            burn_address=self.watch.network.burn_address,
        )
        pieces = [piece for each in offers for piece in self._pieces(each)]
        self._played = {number: played for number, played in self._played.items() if number > rounds[-1]}
        claims = net_of_penalties(epoch, pieces, self.watch.network.burn_address)
        return distribution(None, epoch, claims, minimal_conditions=False)

    def _pieces(self, offer: RoundOffer) -> Sequence[PartialClaim]:
        played = self._played.get(offer.round)
        result = None if played is None else played.outcome.result
        if played is None or result is None:
            # what nobody earned is burned
            return [PartialClaim(offer.claim_back, offer.amount, ClaimType.DIRECT, Reward.FULL_OFFER, Detail.WHOLE)]
        epoch, valid = played.outcome.epoch, result.revealed.valid
        at = next(index for index, feed in enumerate(epoch.feeds) if feed.id == offer.feed)
        votes = {voter: unpack(reveal.vector, len(epoch.feeds))[at] for voter, reveal in valid.items()}
        record = RoundRecord(
            deadlines=Deadlines.of(self.watch.network, offer.round),
            votes=[votes.get(voter.submit) for voter in epoch.voters],
            median=result.medians[at],
            offenders=[voter.submit for voter in epoch.voters if voter.submit in result.revealed.offenders],
            message=keccak256(result.result.encode()),
            deposits=played.deposits,
            finalizations=played.finalizations,
            selected=played.selected,
        )
        return anchor_rewards(offer, epoch.voters, record, fip16=self.watch.network.follows_fip16(epoch.number))


def deposits(sent: Sequence[Transaction], round: int, outcome: Outcome) -> Iterator[Deposit]:
    """Yield the signatures of a round that its voters deposited, in the order of the chain.

    Parameters
    ----------
    sent : sequence of Transaction
        To submitSignatures.
    round : int
    outcome : Outcome
        What the round came to; without a result there is nothing to sign.
    """
    if outcome.result is None:
        return
    message = keccak256(outcome.result.result.encode())
    senders: dict[bytes, bytes] = dict.fromkeys((voter.signing for voter in outcome.epoch.voters), b"")
    for transaction in sent:
        for payload in _payloads(transaction.calldata, round):
            signed = message if payload.message is None else keccak256(payload.message)
            try:
                signer = recover(eip191(signed), payload.signature)
            except ProtocolError:
                continue
            # whoever sends another's signature once more has deposited nothing
            if signer in senders and senders[signer] in {b"", transaction.sender}:
                senders[signer] = transaction.sender
                yield Deposit(transaction.sender, signer, signed, transaction.timestamp)


def _payloads(calldata: bytes, round: int) -> Iterator[SignaturePayload]:
    try:
        messages = parse_calldata(calldata).messages
    except ProtocolError:
        return
    for each in messages:
        if (each.protocol, each.round) == (FTSO_PROTOCOL, round):
            with contextlib.suppress(ProtocolError):
                yield SignaturePayload.decode(each.payload)


def published(made: Distribution) -> str:
    """Return a distribution as it is published, JSON that `claims.parse_distribution` reads.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.claims import ClaimType, RewardClaim, distribution, parse_distribution
    >>> made = distribution(None, 7, [RewardClaim(7, bytes(20), 5, ClaimType.FEE)], minimal_conditions=False)
    >>> parse_distribution(published(made)) == made
    True
    """
    claims = [
        {
            "merkleProof": [to_hex(each) for each in proven.proof],
            "body": {
                "rewardEpochId": proven.claim.reward_epoch,
                "beneficiary": to_hex(proven.claim.beneficiary),
                "amount": str(proven.claim.amount),
                "claimType": int(proven.claim.type),
            },
        }
        for proven in made.claims
    ]
    told = {
        "rewardEpochId": made.reward_epoch,
        "appliedMinConditions": made.minimal_conditions,
        "noOfWeightBasedClaims": made.weight_based_claims,
        "merkleRoot": to_hex(made.root),
        "rewardClaims": claims,
    }
    return json.dumps(told, indent=1)
