# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Feed values, proven on chain
@notice Anybody may publish the value of a voting round that is finalized, with the proof that it is in its result. The
newest one of a feed is its current one.
"""

import addresses
import proofs

event FtsoFeedPublished:
    votingRoundId: indexed(uint32)
    id: indexed(bytes21)
    value: int32
    turnoutBIPS: uint16
    decimals: int8

struct Feed:
    votingRoundId: uint32
    id: bytes21
    value: int32
    turnoutBIPS: uint16
    decimals: int8

struct FeedWithProof:
    merkleProof: DynArray[bytes32, 64]
    body: Feed

interface Relay:
    def merkleRoots(_protocolId: uint256, _votingRoundId: uint256) -> bytes32: view

MAX_FEEDS: constant(uint256) = 200

ftsoProtocolId: public(immutable(uint8))
feedsHistorySize: public(immutable(uint256))
_last: HashMap[bytes21, uint256]
_feeds: HashMap[bytes21, HashMap[uint256, Feed]]


@deploy
def __init__(protocol: uint8, history: uint256):
    assert protocol > 1 and history > 0, "protocol or history invalid"
    ftsoProtocolId = protocol
    feedsHistorySize = history


@external
def publish(_proofs: DynArray[FeedWithProof, MAX_FEEDS]):
    relay: Relay = Relay(addresses.of("Relay"))
    for proven: FeedWithProof in _proofs:
        feed: Feed = proven.body
        round: uint256 = convert(feed.votingRoundId, uint256)
        if self._has(feed.id, round):
            continue
        root: bytes32 = staticcall relay.merkleRoots(convert(ftsoProtocolId, uint256), round)
        assert round + feedsHistorySize > self._last[feed.id], "too old voting round id"
        leaf: bytes32 = keccak256(
            abi_encode(feed.votingRoundId, feed.id, feed.value, feed.turnoutBIPS, feed.decimals)
        )
        assert proofs.root_of(leaf, proven.merkleProof) == root, "merkle proof invalid"
        self._feeds[feed.id][round % feedsHistorySize] = feed
        self._last[feed.id] = max(self._last[feed.id], round)
        log FtsoFeedPublished(
            votingRoundId=feed.votingRoundId,
            id=feed.id,
            value=feed.value,
            turnoutBIPS=feed.turnoutBIPS,
            decimals=feed.decimals,
        )


@external
@view
def getCurrentFeed(_feedId: bytes21) -> Feed:
    assert self._has(_feedId, self._last[_feedId]), "feed not published yet"
    return self._feeds[_feedId][self._last[_feedId] % feedsHistorySize]


@external
@view
def getFeed(_feedId: bytes21, _votingRoundId: uint256) -> Feed:
    assert self._has(_feedId, _votingRoundId), "feed not published yet"
    return self._feeds[_feedId][_votingRoundId % feedsHistorySize]


@internal
@view
def _has(id: bytes21, round: uint256) -> bool:
    found: Feed = self._feeds[id][round % feedsHistorySize]
    return found.id == id and convert(found.votingRoundId, uint256) == round
