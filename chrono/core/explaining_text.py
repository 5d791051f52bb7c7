"""The tree behind a price as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from chrono.core.prose import percent

_Part: TypeAlias = Mapping[str, Any]


class _Node(NamedTuple):
    line: str
    below: Sequence[str | _Node] = ()


def lines(tree: _Part) -> Iterator[str]:
    """Yield the lines of a tree that `explain` made; the rates behind it follow, each with a tree of its own."""
    for number, each in enumerate((tree, *tree["rates"].values())):
        if number:
            yield ""
        yield from _feed(each)


def _branches(nodes: Sequence[str | _Node], indent: str = "") -> Iterator[str]:
    for place, node in enumerate(nodes, 1):
        line, below = node if isinstance(node, _Node) else (node, ())
        branch, onward = ("└─ ", "   ") if place == len(nodes) else ("├─ ", "│  ")
        yield indent + branch + line
        yield from _branches(below, indent + onward)


def _feed(tree: _Part) -> Iterator[str]:
    name = tree["feed"] if tree["published"] else f"{tree['feed']}, a rate, not published,"
    if tree["reason"] is None:
        yield f"{name} {_price(tree)}, confidence {tree['confidence']:.4f}"
    else:
        yield f"{name} has no value, {_told(tree['reason'], tree)}"
    markets = [_market(market, tree["value"] is not None) for market in tree["markets"]]
    yield from _branches([*_when(tree), *markets, _Node(_by(tree), list(_decision(tree)))])


def _when(tree: _Part) -> Iterator[str]:
    yield f"round {tree['round']} as of {tree['as_of']}"
    if tree["asked"] >= tree["deadline"]:
        yield f"the last one priced before {tree['asked']}: later ones were passed over, or nothing ran"
    if tree["age_s"] is not None:
        rhythm = "" if tree["rhythm_s"] is None else f", its markets have news every {_seconds(tree['rhythm_s'])}"
        yield f"median age {_seconds(tree['age_s'])}{rhythm}"
    yield f"aggregator {_component(tree['aggregator'])}"
    yield from (f"{each['stage']} detector {_component(each)}" for each in tree["detectors"])


def _market(market: _Part, priced: bool) -> _Node:  # noqa: FBT001 - whether the feed has a value
    name = market["market"]
    if market["reason"] is not None:
        head = f"{name} dropped, {_told(market['reason'], market)}"
    elif market["used"]:
        head = f"{name} used" if priced else f"{name} kept"
    else:
        head = f"{name} not used"
    return _Node(head, list(_story(market)))


def _story(market: _Part) -> Iterator[str]:
    """Tell what became of a market, in the order in which it did."""
    if market["window"] is not None:
        yield _window(market["window"])
    if market["rhythm_s"] is not None:
        yield f"has news every {_seconds(market['rhythm_s'])}"
    newest = market["converted"] or market["estimate"] or market["window"]
    if market["stale"] is not None and newest is not None:
        age = newest["age_s"]
        word = "stale" if market["stale"] else "fresh"
        yield f"{word}: {_seconds(age)} old, {_seconds(market['limit_s'])} are allowed"
    estimate, converted = market["estimate"], market["converted"]
    if estimate is not None:
        yield f"estimate by {estimate['method']}: {_estimate(estimate)}"
    yield from (_verdict(verdict) for verdict in market["verdicts"] if verdict["stage"] == "native")
    yield from (_leg(leg) for leg in market["conversion"])
    yield from (f"compared with {_leg(leg)}" for leg in market["alternative"])
    if converted is not None and market["conversion"]:
        yield f"converted: {_estimate(converted)}, trust {converted['trust']:.4g}"
    yield from (_verdict(verdict) for verdict in market["verdicts"] if verdict["stage"] != "native")
    if market["share"] is not None:
        raw = "" if market["raw_share"] is None else f"{percent(market['raw_share'])} of the turnover, "
        yield f"weight: {raw}{percent(market['share'])} as it counts"
    if market["distance_bp"] is not None:
        yield f"{market['distance_bp']:+.2f} bp from the value"


def _window(window: _Part) -> str:
    head = f"window of {_seconds(window['span_s'])} of {window['kind']}"
    rows = f"{_count(window['rows'], 'row')}, {window['first']} to {window['last']}" if window["rows"] else "empty"
    newest = f"last {_price(window)}, {_seconds(window['age_s'])} old"
    return f"{head}: {rows}, covers {percent(window['covers'])}; {newest}"


def _estimate(estimate: _Part) -> str:
    base, quote = estimate["pair"].split("/")
    weight = f"weight {estimate['weight']:.6g} {quote}/s" if estimate["weight"] is not None else "no weight"
    return f"{_price(estimate)} {base}/{quote}, {weight}, n {estimate['n']}"


def _verdict(verdict: _Part) -> str:
    head = f"{verdict['stage']} detector {verdict['detector']} {'keeps' if verdict['keep'] else 'rejects'} it"
    score = "" if verdict["score"] is None else f", score {verdict['score']:.4g}"
    return head + score + (f", {_told(verdict, verdict)}" if verdict["code"] else "")


def _leg(leg: _Part) -> str:
    sign = "÷" if leg["inverse"] else "×"
    if leg["value"] is None:
        return f"{sign} {leg['rate']}, which has no value"
    return f"{sign} {leg['rate']} {_price(leg)}, {_seconds(leg['age_s'])} old, confidence {leg['confidence']:.4f}"


def _by(tree: _Part) -> str:
    return f"decision by {_component(tree['decision']['consensus'])}"


def _decision(tree: _Part) -> Iterator[str]:
    decision, quorum = tree["decision"], tree["decision"]["quorum"]
    yield f"quorum: {_count(quorum['used'], 'venue')}, {quorum['wanted']} needed"
    agreed = decision["agreed"]
    if agreed is None:
        yield "no agreement"
    else:
        yield f"agreed on {_price(agreed)}, confidence {agreed['confidence']:.4f} before those left out are counted"
    yield from _limits(decision)
    yield from (f"notice, {_told(notice, notice)}" for notice in tree["notices"])
    yield f"value {tree['value']}" if tree["reason"] is None else f"no value, {_told(tree['reason'], tree)}"


def _limits(decision: _Part) -> Iterator[str]:
    limits, peg = decision["limits"], decision["peg"]
    if limits["max_jump"] is not None:
        yield f"limit max_jump {percent(limits['max_jump'])}: {_jump(decision['previous'])}"
    for name in ("min", "max"):
        if limits[name] is not None:
            yield f"limit {name} {limits[name]:.10g}"
    if limits["max_disputed"] is not None:
        yield f"limit max_disputed {percent(limits['max_disputed'])}"
    if peg is not None:
        yield f"peg: {', '.join(peg['rates'])} should be 1, within {percent(peg['beyond'])}; beyond that {peg['mode']}"


def _jump(previous: _Part | None) -> str:
    if previous is None:
        return "there is no earlier value"
    before = f"{_price(previous)} of {_seconds(previous['age_s'])} before"
    if not previous["counts"]:
        return f"nothing to measure against, {before} is too old"
    return before if previous["moved_bp"] is None else f"{previous['moved_bp']:+.2f} bp from {before}"


def _price(part: _Part) -> str:
    """Write a price with its feed's decimals, and as it is where that is more."""
    if part["value"] is None:
        return "unknown"
    exact = repr(part["unrounded"])
    return part["value"] if float(part["value"]) == part["unrounded"] else f"{part['value']} ({exact})"


def _component(component: _Part) -> str:
    stated = [f"{name}={value}" for name, value in component["options"].items() if value not in {None, "{}"}]
    return f"{component['type']}({', '.join(stated)})"


def _told(reason: _Part, part: _Part) -> str:
    """Put a code before its sentence, unless the sentence is made of nothing else."""
    code, why = str(reason["code"]), str(part["why"])
    return why if why.startswith(code.replace("_", " ")) else f"{code}: {why}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _seconds(value: float) -> str:
    return f"{value:.4g} s"
