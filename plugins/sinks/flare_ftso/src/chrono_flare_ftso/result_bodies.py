"""Results of rounds as the reference writes them: the order of keys, big integers as text, addresses in lower case.

Source: flare-foundation/FTSO-Scaling 9e1e988, `libs/ftso-core/src/data/MerkleTreeStructs.ts`,
`libs/ftso-core/src/ftso-calculation/ftso-median.ts`, `libs/ftso-core/src/voting-types.ts` and
`apps/ftso-data-provider/src/ftso-data-provider.service.ts`; `http_data_provider.json`; read 2026-11-23.
"""

from __future__ import annotations

from typing import Any

from chrono_flare_ftso.protocol.feeds import FeedDecimals
from chrono_flare_ftso.protocol.medians import Median, turnout_bips, vote_matrix
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.rounds import RewardEpoch, RoundResult, median_weights
from chrono_flare_ftso.protocol.text import to_hex

Tree = dict[str, Any]


def merkle_tree(epoch: RewardEpoch, result: RoundResult, *, fip16: bool) -> Tree:
    """Return what `/data/{round}` tells: the root, and what its leaves are made of.

    Parameters
    ----------
    epoch : RewardEpoch
        That of the round.
    result : RoundResult
        What the round came to.
    fip16 : bool
        Whether the reward epoch follows it, `Network.follows_fip16`.

    Returns
    -------
    dict
        Keys protocolId, votingRoundId, merkleRoot, isSecureRandom and tree: the random, then each feed in canonical
        order. The hexadecimal of the random is not filled up with zeros, unlike all other.
    """
    round = result.revealed.round
    total = _total(epoch, fip16=fip16)
    feeds = [_feed(round, *each, total) for each in zip(epoch.feeds, result.medians, strict=True)]
    return {
        "protocolId": FTSO_PROTOCOL,
        "votingRoundId": round,
        "merkleRoot": to_hex(result.tree.root),
        "isSecureRandom": result.secure,
        "tree": [{"votingRoundId": round, "value": hex(result.random), "isSecure": result.secure}, *feeds],
    }


def feed_with_proof(feed: str, epoch: RewardEpoch, result: RoundResult, *, fip16: bool) -> Tree | None:
    """Return what `/specific-feed/{feed}/{round}` tells: the feed's leaf in the clear, and the way to the root.

    Parameters
    ----------
    feed : str
        Its id, lower-case hexadecimal with ``0x``: nothing else is found, as in the reference.
    epoch, result, fip16
        As in `merkle_tree`.

    Returns
    -------
    dict or None
        Keys body and proof; None where there is no such feed.
    """
    at = next((at for at, each in enumerate(epoch.feeds) if to_hex(each.id) == feed), None)
    if at is None:
        return None
    body = _feed(result.revealed.round, epoch.feeds[at], result.medians[at], _total(epoch, fip16=fip16))
    return {"body": body, "proof": [to_hex(each) for each in result.tree.proof(result.leaves[1 + at])]}


def median_results(epoch: RewardEpoch, result: RoundResult, *, fip16: bool) -> list[Tree]:
    """Return what `/medianCalculationResults/{round}` tells: of each feed all votes, what they weigh, and their middle.

    Parameters
    ----------
    epoch, result, fip16
        As in `merkle_tree`.
    """
    revealed, weights = result.revealed, median_weights(epoch.voters, fip16=fip16)
    vectors = [revealed.valid[each.submit].vector if each.submit in revealed.valid else b"" for each in epoch.voters]
    words = vote_matrix(vectors, len(epoch.feeds)).T.tolist()
    # the same for all feeds
    submitters, weighed = [to_hex(each.submit) for each in epoch.voters], [str(weight) for weight in weights]
    return [
        {
            "votingRoundId": revealed.round,
            "feed": {"id": to_hex(feed.id), "decimals": feed.decimals},
            "votersSubmitAddresses": submitters,
            "feedValues": [_value(word - 2**31 if word else None, feed.decimals) for word in column],
            "data": {
                "finalMedian": _value(median.value, feed.decimals),
                "quartile1": _value(median.quartile1, feed.decimals),
                "quartile3": _value(median.quartile3, feed.decimals),
                "participatingWeight": str(median.participating),
            },
            "weights": weighed,
            "totalVotingWeight": str(sum(weights)),
        }
        for feed, median, column in zip(epoch.feeds, result.medians, words, strict=True)
    ]


def abis() -> list[Tree]:
    """Return what `/data-abis` tells: the structs that are hashed and proved, and the selectors they go by."""
    random = _struct("Random", "_random", _fields(votingRoundId="uint32", value="uint256", isSecure="bool"))
    leaf = _fields(votingRoundId="uint32", id="bytes21", value="int32", turnoutBIPS="uint16", decimals="int8")
    proved = [*_fields(merkleProof="bytes32[]"), _struct("Feed", "body", leaf)]
    structs = {
        "randomStruct": (random, "0x3287b619"),
        "feedStruct": (_struct("Feed", "_feed", leaf), "0x59f978d9"),
        "feedWithProofStruct": (_struct("FeedWithProof", "_proof", proved), "0x628757c4"),
    }
    return [{"abiName": name, "data": {"abi": abi, "signature": said}} for name, (abi, said) in structs.items()]


def _total(epoch: RewardEpoch, *, fip16: bool) -> int:
    return sum(median_weights(epoch.voters, fip16=fip16))


def _feed(round: int, feed: FeedDecimals, median: Median, total: int) -> Tree:
    return {
        "votingRoundId": round,
        "id": to_hex(feed.id),
        "value": median.value or 0,
        "turnoutBIPS": turnout_bips(median.participating, total),
        "decimals": feed.decimals,
    }


def _value(value: int | None, decimals: int) -> Tree:
    return {"isEmpty": value is None, "value": value or 0, "decimals": decimals}


def _fields(**types: str) -> list[Tree]:
    return [{"internalType": kind, "name": name, "type": kind} for name, kind in types.items()]


def _struct(struct: str, name: str, components: list[Tree]) -> Tree:
    return {
        "components": components,
        "internalType": f"struct IFtsoFeedPublisher.{struct}",
        "name": name,
        "type": "tuple",
    }
