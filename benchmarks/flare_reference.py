"""The sinks for Flare's official stack beside the programs they stand in for, on one simulated feed.

Venues are served on the loopback, and a pipeline with the sink `flare_feed_values` listens to them. Where a built copy
of flare-foundation/ftso-v2-example-value-provider is given, it listens to the same venues, both are asked for the same
rounds in turn, and each value's distance from the simulation's true price is told. Where a built copy of
flare-foundation/FTSO-Scaling is given, its data provider takes the values it commits to from each of them, and what it
reveals is compared with what was answered. Without either, the sink is measured alone.

Nothing of theirs is changed: `flare_reference_values.js` sends ccxt to the venues, `flare_reference_data.js` stands in
for the indexer's database. The venues are those that ccxt 4.5.44 hears as the example provider asks it to:
at others it asks for pages or in forms that `chrono simulated serve` does not have, and the trades of Coinbase Exchange
(`coinbaseexchange`) it files under another name than the one it waits for. Who heard whom is told by their volumes.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from measure import percentile, say

from chrono import Pair
from chrono.testing.market import Parameters, SimulatedMarket
from chrono_flare_ftso.protocol.commits import commit_hash, decode_reveal
from chrono_flare_ftso.protocol.feeds import feed_id
from chrono_flare_ftso.protocol.messages import parse_messages
from chrono_flare_ftso.protocol.values import encode_value, pack

HERE = Path(__file__).parent
BASES = {"BTC": 2, "ETH": 2, "SOL": 4, "XRP": 5, "ADA": 5, "DOGE": 6, "LTC": 4, "LINK": 4, "AVAX": 4, "DOT": 4}
FEEDS = {**{f"{base}/USD": decimals for base, decimals in BASES.items()}, "USDT/USD": 5}
# what the simulated venues list without being asked
QUOTES = {"kraken": "USD", "bitstamp": "USD", "cryptocom": "USD", "binance": "USDT", "okx": "USDT"}
OURS, THEIRS = "chrono", "example provider"


class Caller:
    """One connection to a server on this machine, kept."""

    def __init__(self, port: int, key: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
        self._headers = {"Content-Type": "application/json", **({"X-API-KEY": key} if key else {})}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, float]:
        """Return the status, the answer and the seconds it took."""
        sent = None if body is None else json.dumps(body).encode()
        began = time.perf_counter()
        try:
            self._connection.request(method, path, sent, self._headers)
            told = self._connection.getresponse()
            text = told.read()
        except OSError:
            self._connection.close()
            raise
        return told.status, json.loads(text), time.perf_counter() - began

    def values(self, number: int) -> tuple[dict[str, float], float]:
        """Return what a value provider answers for all feeds in a round, and the seconds it took."""
        asked = {"feeds": [{"category": 1, "name": name} for name in FEEDS]}
        status, answer, took = self.ask("POST", f"/feed-values/{number}", asked)
        if status != 201 or [each["feed"] for each in answer["data"]] != asked["feeds"]:
            sys.exit(f"expected 201 and the feeds as they were asked for, was {status}: {answer}")
        return {each["feed"]["name"]: each["value"] for each in answer["data"] if "value" in each}, took


@contextlib.contextmanager
def running(
    name: str, *command: str, log: Path, cwd: Path | None = None, heard: bool = True, **env: str
) -> Iterator[Any]:
    """Run a program, and end it; yield what it prints where that is heard, and keep its errors."""
    print(f"starting {name}", file=sys.stderr)
    with log.open("wb") as errors:
        place = {**os.environ, **env}
        out = subprocess.PIPE if heard else errors
        program = subprocess.Popen(command, cwd=cwd, env=place, stdout=out, stderr=errors, text=True)
        try:
            yield program.stdout
        finally:
            program.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(10)
            program.kill()
            program.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def markets(name: str) -> Mapping[str, str]:
    """Return the venues of a feed, each with its market."""
    base = name.removesuffix("/USD")
    if base == "USDT":
        return dict.fromkeys((venue for venue, quote in QUOTES.items() if quote == "USD"), name)
    return {venue: f"{base}/{quote}" for venue, quote in QUOTES.items()}


def pipeline(venues: Mapping[str, str], port: int, ledger: Path) -> str:
    """Return our pipeline, which is JSON and so YAML."""
    feeds = {
        name: {"decimals": FEEDS[name], "markets": [f"{v}:{m}" for v, m in markets(name).items()]} for name in FEEDS
    }
    consensus = {"weighted_median": {"min_venues": 1}}
    sources = {venue: {"url": url} for venue, url in venues.items()}
    sinks = {"flare_feed_values": {"port": port, "ledger": str(ledger)}}
    return json.dumps({"name": "beside", "feeds": feeds, "sources": sources, "consensus": consensus, "sinks": sinks})


def theirs(venues: Mapping[str, str]) -> str:
    """Return what the example provider is to listen to."""
    feeds = [
        {
            "feed": {"category": 1, "name": name},
            "sources": [{"exchange": venue, "symbol": market} for venue, market in markets(name).items()],
        }
        for name in FEEDS
    ]
    return json.dumps({"feeds": feeds, "venues": {venue: url.split("/")[2] for venue, url in venues.items()}})


def ready(name: str, port: int, log: Path, patience: float = 90) -> Caller:
    """Return a connection to a value provider once all feeds have a value."""
    until, told = time.monotonic() + patience, "nothing"
    while time.monotonic() < until:
        caller = Caller(port)
        with contextlib.suppress(OSError, http.client.HTTPException):
            found, _ = caller.values(0)
            told = f"{len(found)} of {len(FEEDS)} feeds"
            if len(found) == len(FEEDS):
                # Node.js closes a connection that is idle for five seconds
                return Caller(port)
        time.sleep(0.5)
    sys.exit(f"{name}: expected values within {patience:g} s, was {told}:\n{log.read_text()[-2000:]}")


def side_by_side(callers: Mapping[str, Caller], seed: int, lasts: float, rate: float) -> None:
    """Ask each for the same rounds in turn, and print what that took and how far the values were from the truth."""
    market = SimulatedMarket(Parameters(seed=seed))
    took: dict[str, dict[str, list[float]]] = {name: {"new round": [], "asked again": []} for name in callers}
    away: dict[str, list[float]] = {name: [] for name in callers}
    absent = dict.fromkeys(callers, 0)
    began = time.monotonic()
    for number in range(1, int(lasts * rate) + 1):
        time.sleep(max(began + number / rate - time.monotonic(), 0))
        turn = list(callers.items())
        for name, caller in turn if number % 2 else reversed(turn):
            at = time.time_ns()
            found, spent = caller.values(number)
            took[name]["new round"].append(spent)
            away[name] += [abs(found[feed] / market.price(Pair.parse(feed), at) - 1) * 1e4 for feed in found]
            absent[name] += len(FEEDS) - len(found)
            again, spent = caller.values(number)
            took[name]["asked again"].append(spent)
            if name == OURS and again != found:
                sys.exit(f"{name}: round {number} changed")
    for name in callers:
        for kind, found in took[name].items():
            p50, p99 = (1e3 * percentile(found, share) for share in (0.5, 0.99))
            say(
                f"{name}, {kind}, {len(found)} requests of {len(FEEDS)} feeds", f"p50 {p50:.2f} ms", f"p99 {p99:.2f} ms"
            )
        p50, p99 = (percentile(away[name], share) for share in (0.5, 0.99))
        mean = sum(away[name]) / len(away[name])
        say(
            f"{name}, from the true price, {len(away[name])} values",
            f"p50 {p50:.2f} bp",
            f"p99 {p99:.2f} bp, mean {mean:.2f}",
        )
        if absent[name]:
            say(f"{name}, no value", str(absent[name]))


def heard(name: str, port: int) -> None:
    """Print whose trades a provider counted."""
    _, answer, _ = Caller(port).ask("POST", "/volumes?window=30", {"feeds": [{"category": 1, "name": "BTC/USD"}]})
    found = sorted(each["exchange"] for each in answer["data"][0]["volumes"] if each["volume"])
    say(f"{name}, venues of BTC/USD heard, of {len(QUOTES)}", str(len(found)), ", ".join(found))


def committed(node: str, folder: Path, name: str, port: int, log: Path, asked: int) -> None:
    """Have the data provider commit to one provider's values and reveal them, and print what came of it."""
    # the canonical order of feeds that are in one offer
    names = sorted([*FEEDS, "NOT/LISTED"], key=lambda each: feed_id(1, each))
    feeds = [{"id": "0x" + feed_id(1, each).hex(), "decimals": FEEDS.get(each, 5)} for each in names]
    key = secrets.token_hex(8)
    given = json.dumps({"values": f"http://127.0.0.1:{port}", "key": key, "feeds": feeds})
    serve = (node, str(HERE / "flare_reference_data.js"))
    with running("data provider", *serve, log=log, cwd=folder, NETWORK="local-test", CHRONO_REFERENCE=given) as lines:
        line = lines.readline()
        if not line:
            sys.exit(f"data provider: expected it to serve, was:\n{log.read_text()[-2000:]}")
        there = json.loads(line)
        number, caller, values = there["round"], Caller(there["port"], key), Caller(port)
        took, equal = [], 0
        for _ in range(asked):
            address = secrets.token_bytes(20)
            commit, spent = message(caller, "submit1", number, address)
            reveal, _ = message(caller, "submit2", number, address)
            opened = decode_reveal(reveal, len(names))
            if commit != commit_hash(address, number, reveal[:32], reveal[32:]):
                sys.exit(f"{name}: a commit that its reveal does not open")
            found, _ = values.values(number)
            equal += pack([encode_value(found.get(each), FEEDS.get(each, 5)) for each in names]) == pack(opened.votes)
            took.append(spent)
    p50, p99 = (1e3 * percentile(took, share) for share in (0.5, 0.99))
    say(f"data provider on {name}, submit1, {asked} addresses", f"p50 {p50:.2f} ms", f"p99 {p99:.2f} ms")
    say(f"data provider on {name}, revealed as answered now", f"{equal} of {asked}")


def message(caller: Caller, step: str, number: int, address: bytes) -> tuple[bytes, float]:
    """Return the payload of an answer, read as strictly as the client in Go does."""
    status, answer, took = caller.ask("GET", f"/{step}/{number}/0x{address.hex()}")
    if status != 200 or set(answer) - {"status", "data", "additionalData"} or answer["status"] != "OK":
        sys.exit(f"{step}: expected 200 and OK, was {status}: {answer}")
    (found,) = parse_messages(bytes.fromhex(answer["data"].removeprefix("0x")))
    if (found.protocol, found.round) != (100, number):
        sys.exit(f"{step}: expected protocol 100 and round {number}, was {found.protocol} and {found.round}")
    return found.payload, took


def built(folder: Path | None, entry: str, what: str) -> Path | None:
    """Return a folder where it has what is run; say plainly what is missing."""
    if folder is None:
        say(what, "not given", f"the option for it is in --help; {HERE.name}/README.md says what it needs")
        return None
    missing = [each for each in (entry, "node_modules") if not (folder / each).exists()]
    if missing:
        say(what, "not built", f"{folder} has no {' and no '.join(missing)}")
        return None
    return folder.resolve()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--example-provider", type=Path, metavar="DIR", help="a built ftso-v2-example-value-provider")
    parser.add_argument("--data-provider", type=Path, metavar="DIR", help="a built FTSO-Scaling, with better-sqlite3")
    parser.add_argument("--node", default="node", help="the program Node.js")
    parser.add_argument("--for", type=float, default=60.0, dest="lasts", help="seconds of asking")
    parser.add_argument("--rate", type=float, default=5.0, help="new rounds a second")
    parser.add_argument("--trades", type=float, default=5.0, help="trades a second and market")
    parser.add_argument("--addresses", type=int, default=200, help="of whom the data provider commits for each")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    example = built(given.example_provider, "dist/main.js", THEIRS)
    data = built(given.data_provider, "dist/apps/ftso-data-provider", "data provider")
    say("load average, before", f"{os.getloadavg()[0]:.1f}")
    with contextlib.ExitStack() as run:
        folder = Path(run.enter_context(tempfile.TemporaryDirectory()))
        chosen = [word for venue in QUOTES for word in ("--venue", venue)]
        seeded = ("--seed", str(given.seed), "--rate", str(given.trades), "--format", "json")
        serve = (sys.executable, "-m", "chrono", "simulated", "serve", *chosen, *seeded)
        lines = run.enter_context(running("venues", *serve, log=folder / "venues"))
        venues = {each["venue"]: each["url"] for each in (json.loads(lines.readline()) for _ in QUOTES)}
        ports, logs = {OURS: free_port()}, {OURS: folder / "ours"}
        (folder / "ours.yaml").write_text(pipeline(venues, ports[OURS], folder / "flare.db"))
        ours = (sys.executable, "-m", "chrono", "pipeline", "run", str(folder / "ours.yaml"))
        run.enter_context(running(OURS, *ours, log=logs[OURS], heard=False))
        if example is not None:
            ports[THEIRS], logs[THEIRS] = free_port(), folder / "theirs"
            env = {
                "CHRONO_REFERENCE": theirs(venues),
                "VALUE_PROVIDER_CLIENT_PORT": str(ports[THEIRS]),
                "LOG_LEVEL": "warn",
            }
            start = (given.node, "-r", str(HERE / "flare_reference_values.js"), "dist/main.js")
            run.enter_context(running(THEIRS, *start, log=logs[THEIRS], cwd=example, heard=False, **env))
        callers = {name: ready(name, port, logs[name]) for name, port in ports.items()}
        side_by_side(callers, given.seed, given.lasts, given.rate)
        for name, port in ports.items():
            heard(name, port)
        for name, port in ports.items():
            if data is not None:
                committed(given.node, data, name, port, folder / "data", given.addresses)
    say("load average, after", f"{os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
