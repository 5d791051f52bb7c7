"""What a provider tells of itself in numbers, by the names of Flare's observer where that has them.

The observer's (`flare_fsp_…`) mean the same here: dashboards and alarms made for it go on working. What only a provider
knows has names of its own, `chrono_flare_…`.

Source: flare-foundation/fsp-observer 78f9c71, `observer/metrics.py` (names, labels, meanings) and
`observer/observer.py` (the names of roles); read 2026-11-23.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from chrono_flare_ftso.metrics import Metrics
from chrono_flare_ftso.protocol.networks import Network
from chrono_flare_ftso.protocol.text import checksummed
from chrono_flare_ftso.provider.judging import in_bands
from chrono_flare_ftso.records import Record

PHASES = ("submit1", "submit2", "signatures")
WINDOW = 7_200
"""Seconds over which shares are told, as the observer does: two hours."""

FTSO = "ftso"
_BIPS = 10_000


class Now(NamedTuple):
    """What is looked at whenever somebody asks.

    Attributes
    ----------
    round, epoch : int
        The present voting round, and the expected reward epoch.
    registered : bool or None
        Whether the voter is one of the present reward epoch's; None while that is not known.
    head_age : float or None
        Seconds since the timestamp of the last block that was read.
    head : int or None
        Its number.
    clock_offset : float or None
        Seconds by which the machine's clock is ahead of the chain's.
    unrevealed : int
        Rounds that are committed to and not over.
    nodes : mapping of str to bool
        Whether each node is well, by its name.
    lease : bool or None
        Whether the lease is held; None where there is none.
    """

    round: int
    epoch: int
    registered: bool | None
    head_age: float | None
    head: int | None
    clock_offset: float | None
    unrevealed: int
    nodes: Mapping[str, bool]
    lease: bool | None = None


class Measures:
    """The numbers of one provider; all on one event loop.

    Parameters
    ----------
    network : Network
        Which chain.
    identity : bytes
        The voter's address, 20 bytes; empty where it is not known.
    """

    def __init__(self, network: Network, identity: bytes) -> None:
        self.metrics = made = Metrics()
        self._who = checksummed(identity) if identity else ""
        who, submitted = "identity_address", ("identity_address", "protocol", "phase")
        self._round = made.gauge("flare_fsp_voting_round_current", "Present voting round.")
        self._epoch = made.gauge("flare_fsp_reward_epoch_current", "Present reward epoch.")
        self._registered = made.gauge(
            "flare_fsp_registered_current_epoch", "Whether it is a voter of the present reward epoch.", who
        )
        self._next = made.gauge(
            "flare_fsp_registered_next_epoch", "Whether it is registered for the next reward epoch.", who
        )
        self._steps = {
            "ok": made.counter("flare_fsp_submit_ok_total", "Rounds in which it was on the chain in time.", *submitted),
            "missing": made.counter("flare_fsp_submit_missing_total", "Rounds in which it was missing.", *submitted),
            "late": made.counter("flare_fsp_submit_late_total", "Rounds in which it was late.", *submitted),
            "early": made.counter("flare_fsp_submit_early_total", "Rounds in which it was early.", *submitted),
        }
        self._success = made.gauge(
            "flare_fsp_ftso_anchor_feeds_success_rate_bips", "Votes within 0.5 % of medians in two hours, 1/10000.", who
        )
        self._balance = made.gauge("flare_fsp_address_balance_wei", "Balance of a key.", who, "address", "role")
        self._offences = made.counter(
            "flare_fsp_reveal_offence_total", "Rounds committed to and not revealed as committed.", who, "protocol"
        )
        self._grace = made.counter(
            "flare_fsp_signature_grace_period_missed_total", "Rounds signed too late to earn for it.", who, "protocol"
        )
        self._mismatch = made.counter(
            "flare_fsp_signature_mismatch_total", "Rounds signed otherwise than they were finalised.", who, "protocol"
        )
        self._own()
        self._window: deque[Record] = deque(maxlen=max(1, WINDOW // network.voting_round_seconds))
        for phase in PHASES:
            for family in self._steps.values():
                family.add(0, identity_address=self._who, protocol=FTSO, phase=phase)
        for family in (self._offences, self._grace, self._mismatch):
            family.add(0, identity_address=self._who, protocol=FTSO)
        for by in ("us", "others", "nobody"):
            self._finalised.add(0, by=by)
        for counter in (self._rounds, self._missed, self._failovers):
            counter.add(0)

    def _own(self) -> None:
        """Make what has no name in the observer."""
        made = self.metrics
        self._rounds = made.counter("chrono_flare_rounds_total", "Rounds that are over.")
        self._missed = made.counter("chrono_flare_rounds_missed_total", "Rounds without a valid reveal of a voter.")
        self._finalised = made.counter(
            "chrono_flare_finalisations_total", "Rounds by who finalised them: us, others or nobody.", "by"
        )
        self._cost = made.counter(
            "chrono_flare_cost_coins_total", "What transactions cost, in the network's coin.", "label"
        )
        self._sent = made.counter(
            "chrono_flare_submissions_total", "Transactions on the chain, mined or failed.", "label", "state"
        )
        self._cost_usd = made.gauge(
            "chrono_flare_submission_cost_usd", "Cost of the last transaction of a kind, US dollars.", "label"
        )
        self._distance = made.gauge(
            "chrono_flare_vote_distance_bips",
            "How far the last vote was from its median, with its sign, 1/10000.",
            "feed",
        )
        self._in_band = made.gauge(
            "chrono_flare_in_band_ratio",
            "Votes in two hours within 0.5 % (hit), quartiles (primary), own band (secondary), 0 to 1.",
            "band",
        )
        self._share = made.gauge(
            "chrono_flare_reward_share_ratio", "Share of the rewards for accuracy in two hours, 0 to 1."
        )
        self._voted = made.gauge("chrono_flare_feeds_voted", "Feeds with a vote in the last round.")
        self._low = made.gauge(
            "chrono_flare_balance_low", "1 where a balance is below fees.low_balance, else 0.", "address", "role"
        )
        self._head_age = made.gauge("chrono_flare_head_age_seconds", "Age of the last block that was read.")
        self._head = made.gauge("chrono_flare_head_block", "Number of the last block that was read.")
        self._clock = made.gauge("chrono_flare_clock_offset_seconds", "By how much the machine's clock is ahead.")
        self._unrevealed = made.gauge("chrono_flare_rounds_committed", "Rounds committed to that are not over.")
        self._node = made.gauge("chrono_flare_node_up", "1 where a node is asked, 0 where it is left alone.", "node")
        self._failovers = made.counter("chrono_flare_node_failovers_total", "Times that a node was left alone.")
        self._lease = made.gauge("chrono_flare_lease_held", "1 where the lease is ours, 0 where it stands by.")
        self._statuses = made.counter("chrono_flare_statuses_total", "Statuses that were told.", "state", "code")

    def record(self, record: Record) -> None:
        """Count a round that is over."""
        self._rounds.add()
        self._missed.add(record.missed)
        for phase, state in zip(PHASES, (record.commit, record.reveal, record.signature), strict=True):
            if state in self._steps:
                self._steps[state].add(identity_address=self._who, protocol=FTSO, phase=phase)
        for family, what in (
            (self._offences, record.offence),
            (self._grace, record.grace_missed),
            (self._mismatch, record.mismatch),
        ):
            family.add(what, identity_address=self._who, protocol=FTSO)
        if record.finalised:
            self._finalised.add(by=record.finalised)
        for sent in record.sent:
            self._sent.add(label=sent.label, state=sent.state)
            self._cost.add(sent.cost or 0.0, label=sent.label)
            if sent.cost is not None and record.coin_usd is not None:
                self._cost_usd.set(sent.cost * record.coin_usd, label=sent.label)
        self._voted_in(record)

    def _voted_in(self, record: Record) -> None:
        self._window.append(record)
        self._voted.set(sum(each.vote is not None for each in record.votes))
        # feeds come and go with reward epochs
        self._distance.clear()
        for vote in record.votes:
            if vote.distance_bp is not None:
                self._distance.set(vote.distance_bp, feed=vote.feed)
        sums: dict[str, list[int]] = {}
        for each in self._window:
            for band, hits, known in in_bands(each.votes):
                total = sums.setdefault(band, [0, 0])
                total[0] += hits
                total[1] += known
        for band, (hits, known) in sums.items():
            if known:
                self._in_band.set(hits / known, band=band)
        hits, known = sums["hit"]
        if known:
            self._success.set(_BIPS * hits // known, identity_address=self._who)
        shares = [each.share for each in self._window if each.share is not None]
        if shares:
            self._share.set(sum(shares) / len(shares))

    def balance(self, role: str, address: bytes, wei: int, low: int) -> None:
        """Say what a key has, and below how much it is low; wei."""
        told = checksummed(address)
        self._balance.set(wei, identity_address=self._who, address=told, role=role)
        self._low.set(int(wei < low), address=told, role=role)

    def registered_next(self, *, registered: bool) -> None:
        """Say whether the voter is registered for the next reward epoch."""
        self._next.set(int(registered), identity_address=self._who)

    def status(self, state: str, code: str) -> None:
        """Count a status."""
        if code:
            self._statuses.add(state=state, code=code)
        if code == "endpoint":
            self._failovers.add()

    def text(self, now: Now) -> str:
        """Return all numbers, those of now among them."""
        self._round.set(now.round)
        self._epoch.set(now.epoch)
        self._unrevealed.set(now.unrevealed)
        if now.registered is not None:
            self._registered.set(int(now.registered), identity_address=self._who)
        for family, value in (
            (self._head_age, now.head_age),
            (self._head, now.head),
            (self._clock, now.clock_offset),
            (self._lease, now.lease),
        ):
            if value is not None:
                family.set(int(value) if isinstance(value, bool) else value)
        for node, up in now.nodes.items():
            self._node.set(int(up), node=node)
        return self.metrics.text()
