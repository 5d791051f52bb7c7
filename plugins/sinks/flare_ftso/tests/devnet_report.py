"""What a provider did on a devnet, judged from the chain alone: the lines that a run is held against."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devnet_at_hand import Body, Chain, Network, Played, feeds_of, leaves_of, opened, played

from chrono_flare_ftso.devnet.artifacts import contract
from chrono_flare_ftso.devnet.deploying import WNAT_CAP_PPM
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.market import FEEDS
from chrono_flare_ftso.devnet.plan import Plan
from chrono_flare_ftso.protocol.claims import Distribution, ProvenClaim, parse_distribution
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.registration import PPM
from chrono_flare_ftso.protocol.text import from_hex


@dataclass
class Judged:
    """What became of rounds.

    Attributes
    ----------
    rounds : int
        That were looked at.
    commits, reveals, roots : int
        Rounds that the provider committed to once and in time, revealed once, in time and as committed to, and rounds
        whose root on the chain is what py-flare-common makes of all reveals.
    doubled : int
        Rounds with more than one commit of the provider's.
    odd : list of str
        What was not as it should be.
    """

    rounds: int = 0
    commits: int = 0
    reveals: int = 0
    roots: int = 0
    doubled: int = 0
    odd: list[str] = field(default_factory=list)


def judged(network: Network, plan: Plan, entity: Entity, rounds: range) -> Judged:
    """Judge what an entity did in rounds that are over."""
    chain = network.chain
    found, happened = Judged(), played(chain)
    for round in rounds:
        start, _ = _times(chain, plan, round)
        it = happened.get(round, Played({}, {}))
        commits, reveals = it.commits.get(entity.submit, []), it.reveals.get(entity.submit, [])
        committed = len(commits) == 1 and start <= commits[0][0] < start + plan.round_seconds
        revealed = committed and len(reveals) == 1 and reveals[0][0] in _revealing(start, plan)
        revealed = revealed and opened(entity.submit, round, commits[0][1], reveals[0][1])
        right = _tree(chain, plan, happened, round)[0] == _root(chain, round)
        found.rounds += 1
        found.doubled += len(commits) > 1
        found.commits += committed
        found.reveals += revealed
        found.roots += right
        if not (committed and revealed and right):
            root = "right" if right else "wrong"
            found.odd.append(f"round {round}: commits {commits}, reveals {reveals}, root {root}")
    return found


def _tree(
    chain: Chain, plan: Plan, happened: Mapping[int, Played], round: int, at: int = 0
) -> tuple[bytes, Body, list[bytes]]:
    """Return a round's root, the leaf of a feed in it, and the proof of that, all as py-flare-common has them."""
    from py_flare_common.merkle.tree import MerkleTree

    first = plan.epoch_rounds
    valid, offenders = _revealed(chain, plan, happened, round)
    window = range(max(first, round - 20), round)
    benched = {voter for each in window for voter in _revealed(chain, plan, happened, each)[1]}
    bodies = feeds_of(round, valid, _weights(chain, plan, _times(chain, plan, round)[1]), FEEDS)
    leaves = leaves_of(round, valid, offenders, benched, bodies)
    tree = MerkleTree(leaves)
    return from_hex(tree.root), bodies[at], [from_hex(each) for each in tree.get_proof(leaves[1 + at]) or []]


def _revealed(
    chain: Chain, plan: Plan, happened: Mapping[int, Played], round: int
) -> tuple[dict[bytes, bytes], set[bytes]]:
    """Return the valid reveals of a round, by submit address, and who committed and has none."""
    start, it = _times(chain, plan, round)[0], happened.get(round, Played({}, {}))
    valid, offenders = {}, set()
    for entity in plan.entities():
        in_time = range(start, start + plan.round_seconds)
        commits = [each for second, each in it.commits.get(entity.submit, []) if second in in_time]
        reveals = [each for second, each in it.reveals.get(entity.submit, []) if second in _revealing(start, plan)]
        if commits and reveals and opened(entity.submit, round, commits[-1], reveals[-1]):
            valid[entity.submit] = reveals[-1]
        elif commits:
            offenders.add(entity.submit)
    return valid, offenders


def _times(chain: Chain, plan: Plan, round: int) -> tuple[int, int]:
    """Return when a round starts, and its reward epoch."""
    start = chain.asked("FlareSystemsManager", "firstVotingRoundStartTs") + round * plan.round_seconds
    present = chain.asked("FlareSystemsManager", "getCurrentRewardEpochId")
    starts = [chain.asked("FlareSystemsManager", "getStartVotingRoundId", each) for each in range(2, present + 1)]
    return start, 1 + sum(since <= round for since in starts)


def _revealing(start: int, plan: Plan) -> range:
    return range(start + plan.round_seconds, start + plan.round_seconds + plan.round_seconds // 2)


def _root(chain: Chain, round: int) -> bytes:
    return bytes(chain.asked("Relay", "merkleRoots", FTSO_PROTOCOL, round))


def _weights(chain: Chain, plan: Plan, epoch: int) -> Mapping[bytes, int]:
    """Return what votes weigh: wrapped coins, of which none of these voters has so many that they are capped."""
    registered = {
        each.submit: chain.asked("VoterRegistry", "isVoterRegistered", each.identity, epoch) for each in plan.entities()
    }
    found = {each.submit: each.wnat for each in plan.entities() if registered[each.submit]}
    assert max(found.values()) * PPM <= WNAT_CAP_PPM * sum(found.values())
    return found


def claims_of(network: Network, epoch: int, entity: Entity) -> tuple[ProvenClaim, ...]:
    """Return what was published for an entity alone."""
    return published(network, epoch).of(entity.identity, entity.signing_policy)


def published(network: Network, epoch: int) -> Distribution:
    """Return what a reward epoch came to, once it is published, and its root is signed."""
    file = network.folder / "flare-devnet" / "rewards" / f"{epoch}.json"
    until = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < until, f"the claims of reward epoch {epoch} were not published"
        time.sleep(0.5)
    told = parse_distribution(file.read_bytes())
    told.check()
    root = network.chain.asked("FlareSystemsManager", "rewardsHash", epoch)
    while not any(root):
        assert time.monotonic() < until, f"the rewards of reward epoch {epoch} were not signed"
        time.sleep(0.5)
        root = network.chain.asked("FlareSystemsManager", "rewardsHash", epoch)
    assert bytes(root) == told.root
    return told


def claimed(network: Network, epoch: int, entity: Entity) -> Iterator[tuple[str, int, int]]:
    """Claim all that an entity and who delegated to it are owed; yield what it is, what is owed, and what was paid."""
    chain, call = network.chain, contract("RewardManager").functions
    for each in claims_of(network, epoch, entity):
        if not each.claim.type.weight_based:
            owner = each.claim.beneficiary
            before = _wnat(chain, owner)
            data = call["claim"].encode_call(owner, owner, epoch, True, [_encoded(each)])
            chain.send(owner, "RewardManager", data)
            yield each.claim.type.name.lower(), each.claim.amount, _wnat(chain, owner) - before
    # what is shared by weight is paid once all of the reward epoch is opened
    told = published(network, epoch)
    shared = [each for each in told.claims if each.claim.type.weight_based]
    data = call["initialiseWeightBasedClaims"].encode_call([_encoded(each) for each in shared])
    chain.send(entity.identity, "RewardManager", data)
    owed = sum(each.claim.amount for each in shared if each.claim.beneficiary == entity.delegation)
    before = _wnat(chain, entity.delegator)
    data = call["claim"].encode_call(entity.delegator, entity.delegator, epoch, True, [])
    chain.send(entity.delegator, "RewardManager", data)
    yield "wnat", owed, _wnat(chain, entity.delegator) - before


def _encoded(proven: ProvenClaim) -> object:
    claim = proven.claim
    return list(proven.proof), (claim.reward_epoch, claim.beneficiary, claim.amount, int(claim.type))


def _wnat(chain: Chain, of: bytes) -> int:
    return int(chain.asked("WNat", "balanceOf", of))


def prove_feed(network: Network, plan: Plan, round: int, at: int = 0) -> tuple[int, int]:
    """Prove the value of a feed on the chain; return what was proven, and what the chain has of the feed then."""
    chain = network.chain
    _, body, proof = _tree(chain, plan, played(chain), round, at)
    data = contract("FtsoFeedPublisher").functions["publish"].encode_call([(proof, body)])
    chain.send(plan.entities()[0].identity, "FtsoFeedPublisher", data)
    return body[2], chain.asked("FtsoFeedPublisher", "getCurrentFeed", FEEDS[at].id)[2]
