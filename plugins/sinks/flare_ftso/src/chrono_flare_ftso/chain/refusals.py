"""Why a node does not take a transaction, by its words: no two kinds of node have the same, and codes tell nothing.

Source: ethereum/go-ethereum, `core/txpool/errors.go`, `core/error.go` and `internal/ethapi/api.go`; ava-labs/coreth,
`core/txpool/validation.go` (pool minimum); foundry-rs/foundry 1.7, as `anvil` answers; NomicFoundation/hardhat,
"Mining Modes", and as its node answers; read 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from chrono import DataError, TransientError
from chrono_flare_ftso.chain.endpoint import NotTaken


class Why(Enum):
    """Why a transaction is not taken.

    ================= ===============================================================
    `KNOWN`           it was taken before
    `NONCE_LOW`       another one with its nonce is on the chain, or it is itself
    `NONCE_HIGH`      one with a nonce before it is missing
    `BELOW_BASE`      it offers less than the base fee, or than the pool wants
    `UNDERPRICED`     its tip is less than the pool wants
    `REPLACEMENT`     one with its nonce waits in the pool, and it offers too little more
    `FUNDS`           the account cannot pay for it
    `GAS_LOW`         its gas limit is less than its calldata costs
    `GAS_HIGH`        its gas limit is more than a block has
    `TOO_DEAR`        the node is configured to take none that dear
    `WRONG_CHAIN`     it is signed for another chain
    `FULL`            the pool has no room
    `OTHER`           words that nobody here knows
    ================= ===============================================================
    """

    KNOWN = "taken before"
    NONCE_LOW = "nonce too low"
    NONCE_HIGH = "nonce too high"
    BELOW_BASE = "fee below the base fee"
    UNDERPRICED = "underpriced"
    REPLACEMENT = "replacement underpriced"
    FUNDS = "insufficient funds"
    GAS_LOW = "gas limit too low"
    GAS_HIGH = "gas limit too high"
    TOO_DEAR = "fee above the node's cap"
    WRONG_CHAIN = "another chain"
    FULL = "pool is full"
    OTHER = "another reason"


# the first that is found counts: "replacement transaction underpriced" before "transaction underpriced"
_GETH = (
    ("already known", Why.KNOWN),
    ("nonce too low", Why.NONCE_LOW),
    ("nonce too high", Why.NONCE_HIGH),
    ("replacement transaction underpriced", Why.REPLACEMENT),
    ("future transaction tries to replace pending", Why.REPLACEMENT),
    ("pool minimum fee cap", Why.BELOW_BASE),
    ("max fee per gas less than block base fee", Why.BELOW_BASE),
    ("fee cap less than block base fee", Why.BELOW_BASE),
    ("transaction underpriced", Why.UNDERPRICED),
    ("gas tip cap", Why.UNDERPRICED),
    ("insufficient funds", Why.FUNDS),
    ("intrinsic gas too low", Why.GAS_LOW),
    ("floor data gas", Why.GAS_LOW),
    ("exceeds block gas limit", Why.GAS_HIGH),
    ("exceeds the configured cap", Why.TOO_DEAR),
    ("invalid chain id", Why.WRONG_CHAIN),
    ("invalid sender", Why.WRONG_CHAIN),
    ("txpool is full", Why.FULL),
    ("account limit exceeded", Why.FULL),
)
_ANVIL = (
    ("transaction already imported", Why.KNOWN),
    ("intrinsic gas too high", Why.GAS_HIGH),
)
_HARDHAT = (
    ("known transaction", Why.KNOWN),
    ("transaction maxfeepergas", Why.BELOW_BASE),
    ("doesn't have enough funds", Why.FUNDS),
    ("transaction requires at least", Why.GAS_LOW),
    ("invalid chainid", Why.WRONG_CHAIN),
)
DIALECTS = {"geth and coreth": _GETH, "anvil": _ANVIL, "hardhat": _HARDHAT}
"""Words in lower case, in the order in which they are looked for, by kind of node."""

_POOL_MINIMUM = re.compile(r"pool minimum fee cap \((\d+)\)")
_NEVER_KEPT = frozenset(
    {
        Why.NONCE_LOW,
        Why.NONCE_HIGH,
        Why.BELOW_BASE,
        Why.UNDERPRICED,
        Why.REPLACEMENT,
        Why.FUNDS,
        Why.GAS_LOW,
        Why.GAS_HIGH,
        Why.TOO_DEAR,
        Why.WRONG_CHAIN,
    }
)


class Unsent(DataError):
    """A transaction is not sent; the message says why and what to do."""


class Unfunded(TransientError):
    """The account cannot pay; the message says who needs how much."""


class Rejected(TransientError):
    """Every endpoint that was reached has refused a transaction.

    Parameters
    ----------
    refusals : iterable of NotTaken
        One at least.
    all_told : bool
        Whether none failed to answer, and might have it.

    Attributes
    ----------
    why : Why
        Of the most telling refusal.
    certain : bool
        Whether no endpoint has it now.
    pool_minimum : int
        What the pool wants at least, wei per gas, where one said so.

    Examples
    --------
    >>> rejected = Rejected([NotTaken("node: nonce too low", "nonce too low")], all_told=True)
    >>> rejected.why, rejected.certain
    (<Why.NONCE_LOW: 'nonce too low'>, True)
    """

    def __init__(self, refusals: Iterable[NotTaken], *, all_told: bool) -> None:
        told = tuple(refusals)
        super().__init__("; ".join(map(str, told)))
        found = [why_of(each.said) for each in told]
        # a node that has it says more than one that is behind
        self.why = (
            Why.KNOWN if Why.KNOWN in found else next((each for each in found if each is not Why.OTHER), found[0])
        )
        self.certain = all_told and _NEVER_KEPT.issuperset(found)
        minima = [match for match in (_POOL_MINIMUM.search(each.said) for each in told) if match]
        self.pool_minimum = max((int(match[1]) for match in minima), default=0)


def why_of(said: str) -> Why:
    """Return why a transaction is not taken, given a node's words.

    Examples
    --------
    >>> why_of("Nonce too high. Expected nonce to be 3 but got 5.")
    <Why.NONCE_HIGH: 'nonce too high'>
    """
    text = said.lower()
    return next((why for dialect in DIALECTS.values() for words, why in dialect if words in text), Why.OTHER)
