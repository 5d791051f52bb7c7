"""The environment of a provider: of Flare's example value provider, of the FTSO data provider, of the whole deployment.

Variables, by who reads them: github.com/flare-foundation/ftso-v2-example-value-provider 489282e (`src/main.ts`,
`src/app.module.ts`, `src/data-feeds/ccxt-provider-service.ts`); github.com/flare-foundation/FTSO-Scaling 9e1e988
(`.env.example`, `apps/ftso-data-provider/src/config/configuration.ts`); github.com/flare-foundation/
flare-systems-deployment 103c39e (`.env.example`, `docker-compose.yaml`, `template-configs/`); read 2026-11-23.

A file of this kind holds private keys. No value of it is printed, not even a wrong one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chrono import ConfigError
from chrono_flare_ftso.protocol.networks import NETWORKS

PORT = 3101
"""Of the example value provider, unless it is told otherwise."""

_UNDERSTOOD = (
    "VALUE_PROVIDER_CLIENT_PORT",
    "VALUE_PROVIDER_CLIENT_BASE_PATH",
    "VALUE_PROVIDER_URL",
    "VALUE_PROVIDER_BASE_URL",
    "NETWORK",
    "LOG_LEVEL",
)
_STAYS = "which stays as it is"
_UNFIT = {
    "VALUE_PROVIDER_IMPL": "values that are made up have no counterpart; sources of type simulated serve tests",
    "MEDIAN_DECAY": "no vote fades with age: a market counts until it is stale by its own rhythm",
    "TRADES_HISTORY_SIZE": "what is remembered of a market is bounded by time, not by a count of trades",
    "FAST_UPDATES_VALUE_PROVIDER_URL": "needs no change: /feed-values/0 and /feed-values/ are answered there, too",
}
_OTHERS = {
    r"(ADDITIONAL_)?PROTOCOL_X_API_KEY_100|DATA_PROVIDER_.*|VOTING_ROUND_HISTORY_SIZE|INDEXER_.*|DB_.*"
    r"|FEED_VALUE_PROVIDER_.*": f"of the FTSO data provider, {_STAYS}",
    "(ADDITIONAL_)?PROTOCOL_X_API_KEY_200|[A-Z0-9]+_(EVMTRANSACTION|PAYMENT|BALANCEDECREASINGTRANSACTION"
    "|CONFIRMEDBLOCKHEIGHTEXISTS|REFERENCEDPAYMENTNONEXISTENCE|ADDRESSVALIDITY|WEB2JSON|XRPPAYMENT"
    "|XRPPAYMENTNONEXISTENCE)_(URL|API_KEY)": f"of the FDC client, {_STAYS}",
    "IDENTITY|SUBMIT_PK|SIGNATURES_PK|SIGNING_PK": f"of the system client, {_STAYS}",
    "NODE_RPC_URL|NODE_API_KEY": "of the clients that read the chain, which stay as they are",
    "FAST_UPDATES_.*": f"of the block-latency client, {_STAYS}",
    "COMPOSE_.*": f"of Docker Compose, {_STAYS}",
    "FTSO_.*|ES_.*|INITIAL_REWARD_EPOCH_ID|RANDOM_.*|FIP16_.*": "of a network of one's own, which a value provider"
    " need not know",
}
_UNKNOWN = "neither the example value provider nor Flare's deployment reads them"
_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*=[ \t]*(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"""(?P<mark>["'`])(?P<text>.*?)(?<!\\)(?P=mark)""", re.DOTALL)
_NAMED = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")
# a line of a private key may read like a variable; what does not look like the name of one is not repeated
_NAME = re.compile(r"(?=.{1,48}$)([A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*)")
_PATH = re.compile(r"[\w.~/-]*", re.ASCII)
_SERVICE = re.compile(r"[a-z][a-z0-9_-]*")
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What an environment comes to.

    Attributes
    ----------
    port, published : int
        Where the provider listens, and where others reach it.
    base_path : str
        What precedes every path, without slashes at its ends.
    network : str
        `flare`, `songbird`, `coston` or `coston2`.
    service : str
        What the others call its host, if that is a name and no address.
    verbose : bool
        Whether what goes well is logged, too.
    """

    port: int = PORT
    published: int = PORT
    base_path: str = ""
    network: str = "flare"
    service: str = ""
    verbose: bool = False


def read(path: Path) -> dict[str, str]:
    """Read an environment file: `NAME=value` a line, quotes and comments as dotenv has them.

    Raises
    ------
    ConfigError
        If it cannot be read, with the number of each line that is none, never with what stands there; and if none of
        many variables is known.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: expected an environment, was not readable: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected an environment in UTF-8, was in another encoding") from None
    values, problems = _lines(text)
    if problems:
        raise ConfigError(*(f"{path}:{line}: expected NAME=value, was another line" for line in problems))
    if values and all(_place(name) == _UNKNOWN for name in values) and not any(_slips(values)):
        raise ConfigError(f"{path}: expected variables of a value provider such as NETWORK, was none of them")
    return values


def resolved(values: Mapping[str, str]) -> dict[str, str]:
    """Return variables with those that they name in their places.

    Examples
    --------
    >>> resolved({"HOST": "127.0.0.1", "URL": "http://${HOST}:${PORT:-3101}"})["URL"]
    'http://127.0.0.1:3101'
    """
    return {name: _resolved(value, values) for name, value in values.items()}


def understood(values: Mapping[str, str], origin: str, network: str = "") -> Settings:
    """Return what an environment says of a value provider.

    Parameters
    ----------
    values : mapping of str to str
        The variables.
    origin : str
        What to call the file where something is wrong.
    network : str, optional
        The network where somebody says it otherwise.

    Raises
    ------
    ConfigError
        With a line for each variable that is wrong or looks like a slip.

    Examples
    --------
    >>> understood({"VALUE_PROVIDER_URL": "http://172.17.0.1:4101", "NETWORK": "songbird"}, ".env").port
    4101
    """
    problems = [*_slips(values)]
    found: dict[str, object] = {}
    for part in (_address, _client, _chain):
        try:
            found |= part(values)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError(*(f"{origin}: {problem}" for problem in problems))
    if network:
        found["network"] = network
    return Settings(**found)  # type: ignore[arg-type]


def unfit(values: Mapping[str, str]) -> list[str]:
    """Return a line for each group of variables that have no counterpart, and why.

    Examples
    --------
    >>> unfit({"MEDIAN_DECAY": "0.0001"})
    ['MEDIAN_DECAY: no vote fades with age: a market counts until it is stale by its own rhythm']
    """
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        if value and (why := _why(name, value)):
            groups.setdefault(why, []).append(name if _NAME.fullmatch(name) else "(a name not repeated here)")
    return [f"{', '.join(names)}: {why}" for why, names in groups.items()]


def _lines(text: str) -> tuple[dict[str, str], list[int]]:
    """Return the variables of a text, and the numbers of lines that are none."""
    values: dict[str, str] = {}
    problems, lines = [], iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.append(number)
            continue
        value = match["value"]
        # a quoted value, such as a key in PEM, may take several lines
        while value[:1] in {'"', "'", "`"} and not _QUOTED.match(value):
            following = next(lines, None)
            if following is None:
                problems.append(number)
                break
            value = f"{value}\n{following[1]}"
        values[match["name"]] = _unquoted(value)
    return values, problems


def _unquoted(value: str) -> str:
    quoted = _QUOTED.match(value)
    return quoted["text"] if quoted else re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()


def _resolved(value: str, values: Mapping[str, str], depth: int = _DEPTH) -> str:
    """Return a value with the variables that it names in their places."""
    if not depth:
        return value
    return _NAMED.sub(
        lambda match: _resolved(values.get(match[1] or match[2]) or match[3] or "", values, depth - 1), value
    )


def _slips(values: Mapping[str, str]) -> Iterator[str]:
    """Yield variables that are not known and look like one that counts."""
    for name in values:
        near = difflib.get_close_matches(name, _UNDERSTOOD, n=1, cutoff=0.85)
        if near and _place(name) == _UNKNOWN:
            yield f"expected a variable that is read, was {name}; is {near[0]} meant?"


def _address(values: Mapping[str, str]) -> dict[str, object]:
    """Read where the others reach the provider."""
    name = next((name for name in ("VALUE_PROVIDER_URL", "VALUE_PROVIDER_BASE_URL") if values.get(name)), None)
    if name is None:
        return {}
    wanted = f"{name}: expected an address like http://172.17.0.1:3101, was another text"
    try:
        url = urlsplit(values[name])
        port = url.port or {"http": 80, "https": 443}[url.scheme]
    except (KeyError, ValueError):
        raise ValueError(wanted) from None
    path = url.path.strip("/")
    if not url.hostname or not _PATH.fullmatch(path):
        raise ValueError(wanted)
    service = url.hostname if _SERVICE.fullmatch(url.hostname) and url.hostname != "localhost" else ""
    inside = port if url.port else PORT
    return {"port": inside, "published": port, "base_path": path, "service": service}


def _client(values: Mapping[str, str]) -> dict[str, object]:
    """Read where the provider listens, and how much it says."""
    found: dict[str, object] = {"verbose": values.get("LOG_LEVEL") == "debug"}
    if text := values.get("VALUE_PROVIDER_CLIENT_PORT"):
        if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
            raise ValueError("VALUE_PROVIDER_CLIENT_PORT: expected a port from 1 to 65535, was another text")
        found |= {"port": int(text)}
        if not (values.get("VALUE_PROVIDER_URL") or values.get("VALUE_PROVIDER_BASE_URL")):
            found |= {"published": int(text)}
    if path := values.get("VALUE_PROVIDER_CLIENT_BASE_PATH", "").strip("/"):
        if not _PATH.fullmatch(path):
            raise ValueError("VALUE_PROVIDER_CLIENT_BASE_PATH: expected a path like values, was another text")
        found |= {"base_path": path}
    return found


def _chain(values: Mapping[str, str]) -> dict[str, object]:
    """Read the network."""
    name = values.get("NETWORK")
    if not name or name in {"local-test", "from-env"}:
        return {}
    if name not in NETWORKS:
        raise ValueError(f"NETWORK: expected {', '.join(NETWORKS)}, was another word")
    return {"network": name}


def _why(name: str, value: str) -> str:
    """Return why a variable that is set has no counterpart, or nothing where it has one."""
    if name == "NETWORK":
        return {
            "local-test": "is local-test, the example's three feeds for tests; write those down and name them, too",
            "from-env": "is from-env, a network of one's own, which a value provider need not know",
        }.get(value, "")
    if name == "VALUE_PROVIDER_IMPL" and value not in {"fixed", "random"}:
        return ""
    return _UNFIT.get(name) or ("" if name in _UNDERSTOOD else _place(name))


def _place(name: str) -> str:
    """Return whose variable it is."""
    if name in _UNDERSTOOD or name in _UNFIT:
        return ""
    return next((why for pattern, why in _OTHERS.items() if re.fullmatch(pattern, name)), _UNKNOWN)
