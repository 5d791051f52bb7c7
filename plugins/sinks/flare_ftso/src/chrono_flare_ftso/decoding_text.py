"""The tree of `decoding`, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chrono_flare_ftso.decoding import Tree

_IN_A_ROW = 8


def lines(tree: Tree) -> Iterator[str]:
    """Yield the lines that tell what calldata says.

    Parameters
    ----------
    tree : dict
        As `decoding.explain` returns it.
    """
    name = f"{tree['call']}(), selector {tree['selector']}" if tree["call"] else "payload messages without a selector"
    yield f"{name}, {tree['bytes']} bytes"
    if "messages" in tree:
        for number, message in enumerate(tree["messages"], 1):
            yield from _message(number, message)
    elif tree["call"] == "relay":
        yield from _relay(tree)
    else:
        yield from _update(tree)


def _message(number: int, message: Tree) -> Iterator[str]:
    of = f"{message['protocol']} ({message['protocol_name'] or 'unknown'})"
    yield f"message {number}: protocol {of}, {_round(message)}"
    if "error" in message:
        yield f"  cannot be read, so it does not count: {message['error']}"
        yield f"  payload      {message['payload']}"
    elif "commit_hash" in message:
        yield f"  commit hash  {message['commit_hash']}"
    elif "votes" in message:
        yield f"  random       {message['random']}"
        yield from _votes(message["votes"])
    elif "requests" in message:
        confirmed = ", ".join(map(str, message["confirmed"])) or "none"
        yield f"  requests     {message['requests']}, confirmed: {confirmed}"
    elif "signature" in message:
        yield from _signed(message)
    else:
        yield f"  payload      {message['payload'] if message['payload'] != '0x' else 'empty'}"


def _round(message: Tree) -> str:
    starts = message["starts"] or "after the year 9999"
    return f"voting round {message['voting_round']} (from {starts}, reward epoch {message['reward_epoch']})"


def _votes(votes: Sequence[int | None]) -> Iterator[str]:
    yield f"  votes        {len(votes)}, in the order of the reward epoch's feeds; - is no vote"
    for start in range(0, len(votes), _IN_A_ROW):
        row = votes[start : start + _IN_A_ROW]
        yield f"  {start:>4}  " + "".join(f"{'-' if vote is None else vote:>12}" for vote in row)


def _signed(message: Tree) -> Iterator[str]:
    yield f"  signature    type {message['type']}, {_signature(message['signature'])}"
    if message["result"] is None:
        yield "  signer       unknown: the signed result is not in the calldata; give it with --result"
    else:
        yield from _result(message["result"])
        yield f"  signer       {message['signer'] or 'nobody: no key makes this signature'}"
    if message["unsigned"] != "0x":
        yield f"  unsigned     {message['unsigned']}"


def _result(result: Tree) -> Iterator[str]:
    random = "secure" if result["secure_random"] else "not secure"
    yield f"  result       protocol {result['protocol']}, voting round {result['voting_round']}, random {random}"
    yield f"  root         {result['merkle_root']}"
    yield f"  hash         {result['hash']}"


def _signature(signature: Tree) -> str:
    return f"v {signature['v']}, r {signature['r']}, s {signature['s']}"


def _relay(tree: Tree) -> Iterator[str]:
    threshold = tree["policy"]["threshold"]
    yield from _policy("signed by voters of", tree["policy"])
    if "new_policy" in tree:
        yield from _policy("they agree on", tree["new_policy"])
    else:
        yield from _result(tree["result"])
    for signed in tree["signatures"]:
        who = f"{signed['voter']}, weight {signed['weight']}" if signed["voter"] else "no voter of the policy"
        fault = "" if signed["sound"] else f"; NOT their signature but that of {signed['signer'] or 'nobody'}"
        yield f"  signature    {signed['index']:>3}: {who}{fault}"
    yield f"  weight       {tree['weight']} of sound signatures, to be above {threshold}: {_enough(tree)}"


def _enough(tree: Tree) -> str:
    if not tree["enough"]:
        return "not enough"
    return (
        "enough"
        if tree["enough_without_new_policy"]
        else "enough, unless the policy's epoch is over and no newer is set"
    )


def _policy(heading: str, policy: Tree) -> Iterator[str]:
    yield f"{heading} the signing policy of reward epoch {policy['reward_epoch']}"
    yield f"  starts with  voting round {policy['start_voting_round']}"
    yield f"  voters       {policy['voters']}, weight {policy['total_weight']}, threshold {policy['threshold']}"
    yield f"  seed         {policy['seed']}"
    yield f"  hash         {policy['hash']}, with the chain id {policy['hash_chain_bound']}"


def _update(tree: Tree) -> Iterator[str]:
    yield f"update of the block-latency feeds for block {tree['sortition_block']}, replicate {tree['replicate']}"
    yield f"  deltas       {tree['deltas']}"
    for name in ("gamma", "c", "s"):
        yield f"  {name:<12} {_text(tree[name])}"
    yield f"  signature    {_signature(tree['signature'])}"
    yield f"  signer       {tree['signer'] or 'nobody: no key makes this signature'}"


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
