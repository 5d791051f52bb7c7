"""A pipeline file that takes the place of a value provider, made of what that one was configured with.

What the sink at its end answers is told in `feed_values`; the facts are those of the two modules that read the
configuration, `migrating_list` and `migrating_env`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from chrono import ConfigError, import_feeds
from chrono_flare_ftso import migrating_compose, migrating_env, migrating_list
from chrono_flare_ftso.migrating_compose import SERVICE, Compose, Service, block
from chrono_flare_ftso.migrating_env import Settings

FILE = "ftso.yaml"
"""What the pipeline file is called where nobody says."""

_ASKED = '{"feeds": [{"category": 1, "name": "BTC/USD"}]}'
_MARKET = re.compile(r"[\w/]+:[A-Z0-9]+/[A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Migration:
    """What a configuration comes to.

    Attributes
    ----------
    text : str
        The pipeline file.
    notes : sequence of str
        A line for each thing that is not in it as it was, and for each that has no counterpart.
    settings : Settings
        Port, path and network.
    compose : Compose or None
        The compose file, if one was given.
    """

    text: str
    notes: Sequence[str]
    settings: Settings
    compose: Compose | None = field(default=None, repr=False)


def migrate(given: Sequence[Path], network: str = "", compose: Path | None = None) -> Migration:
    """Make a pipeline file of another provider's configuration.

    Parameters
    ----------
    given : sequence of Path
        Its list of feeds, its environment, or both, in any order; which is which is told by what stands in them.
        Without a list, all feeds of Flare's FTSO are written.
    network : str, optional
        In place of what the environment says.
    compose : Path, optional
        The compose file that it is run by.

    Raises
    ------
    ConfigError
        With a line for each thing that is wrong. No value of an environment or of a compose file is repeated in it.
    """
    lists, environments = _sorted(given)
    values: Mapping[str, str] = migrating_env.read(environments[0]) if environments else {}
    origin = str(environments[0]) if environments else "the environment"
    settings = migrating_env.understood(migrating_env.resolved(values), origin, network)
    found = migrating_compose.read(compose) if compose else None
    if found and found.service:
        # what a service is given comes before what stands in a file
        values, origin = {**values, **found.service.environment}, f"{origin} with {compose}"
        settings = migrating_env.understood(migrating_env.resolved(values), origin, network)
        settings = _inside(settings, values, found.service)
    body, notes = _feeds(lists[0]) if lists else (_all_feeds(), [])
    text = "\n".join([*_head(body, [path.name for path in given], settings), body.rstrip("\n"), *_tail(settings), ""])
    return Migration(text, [*notes, *migrating_env.unfit(values)], settings, found)


def _inside(settings: Settings, values: Mapping[str, str], service: Service) -> Settings:
    """Return settings with the port that the container has, where only that of the machine is said, or neither."""
    if "VALUE_PROVIDER_CLIENT_PORT" in values:
        return replace(settings, published=service.published.get(settings.port) or settings.published)
    inside = service.inside(settings.published)
    if inside is None:
        return replace(settings, published=service.published.get(settings.port) or settings.published)
    return replace(settings, port=inside)


def steps(made: Migration, file: str = FILE) -> Iterator[str]:
    """Yield what an operator has to do, and how to go back, a line each, ready to paste.

    Parameters
    ----------
    made : Migration
        What was made.
    file : str
        What the pipeline file is called; it lies beside the compose file.
    """
    image = f"chrono-flare:{version('chrono-flare-ftso')}"
    found = made.compose
    yield "# 1. Once, in a checkout of chrono: the image."
    yield f"docker build --tag {image} --file deploy/flare/Dockerfile ."
    yield ""
    if found and found.service:
        yield from _replaced(made.settings, file, image, found, found.service)
    else:
        yield from _beside(made.settings, file, image, found)
    name = found.service.name if found and found.service else made.settings.service or SERVICE
    yield ""
    yield "# 4. Whether it answers."
    path = f"/{made.settings.base_path}" if made.settings.base_path else ""
    yield f"docker compose logs {name}"
    yield f"curl --json '{_ASKED}' http://localhost:{made.settings.published}{path}/feed-values/0"


def _replaced(settings: Settings, file: str, image: str, compose: Compose, service: Service) -> Iterator[str]:
    """Yield what to do where the compose file has the value provider."""
    lines = f"lines {service.first} to {service.last}"
    yield f"# 2. In {service.file}, in place of {lines}, service {service.name}:"
    yield from block(settings, file, image, service)
    if service.left:
        yield f"# it also has {', '.join(service.left)}: keep what still holds"
    yield from _volume(compose)
    yield ""
    yield "# 3. There, and the way back."
    copy = f"{service.file}.before"
    yield f"cp {service.file} {copy}  # before the change"
    yield f"docker compose --file {service.file} up --detach {service.name}"
    yield f"cp {copy} {service.file} && docker compose --file {service.file} up --detach {service.name}  # back"


def _beside(settings: Settings, file: str, image: str, compose: Compose | None) -> Iterator[str]:
    """Yield what to do where the value provider is a container beside the deployment, as Flare's is."""
    name = settings.service or SERVICE
    yield "# 2. Into docker-compose.override.yaml beside Flare's docker-compose.yaml, since Compose reads that, too;"
    yield "#    into a compose.yaml of its own for a container that stands alone."
    yield "services:"
    yield from block(settings, file, image)
    yield ""
    yield "volumes:"
    yield f"  {SERVICE}:"
    if compose is not None:
        yield f"# {compose.file} has no value provider of its own, and stays as it is."
    yield "# VALUE_PROVIDER_URL stays as it is: it listens where the other did."
    yield ""
    yield "# 3. There, and the way back; CONTAINER is the one that serves the port now."
    yield f"docker stop CONTAINER && docker compose up --detach {name}"
    yield f"docker compose stop {name} && docker start CONTAINER  # back"


def _volume(compose: Compose) -> Iterator[str]:
    """Yield where the ledger's volume is declared."""
    yield f"# {'below' if compose.volumes else 'and, at the end,'} volumes:"
    if not compose.volumes:
        yield "volumes:"
    yield f"  {SERVICE}:"


def _sorted(given: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the lists of feeds and the environments among files."""
    lists = [path for path in given if _is_list(path)]
    environments = [path for path in given if path not in lists]
    for what, paths in (("list of feeds", lists), ("environment", environments)):
        if len(paths) > 1:
            raise ConfigError(f"--from: expected one {what}, was {' and '.join(map(str, paths))}")
    if not given:
        raise ConfigError("--from: expected a list of feeds or an environment, was neither; name feeds.json or .env")
    return lists, environments


def _is_list(path: Path) -> bool:
    """Say whether a file is a list of feeds: by its name, else by how it begins."""
    if path.suffix == ".json":
        return True
    try:
        with path.open("rb") as file:
            return file.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"[", b"{"}
    except OSError as error:
        wanted = "expected a list of feeds or an environment"
        raise ConfigError(f"{path}: {wanted}, was not readable: {error.strerror or error}") from None


def _feeds(path: Path) -> tuple[str, list[str]]:
    """Return feeds and sources of a list, and what is to be said of it."""
    migrating_list.read(path)
    text, note = import_feeds(path)
    names = migrating_list.by_ccxt(text)
    notes = [note] if note else []
    if names and migrating_list.in_ccxt(names[0]) is None:
        notes.append("chrono-ccxt: is not installed here, and the pipeline needs it; pip install chrono-ccxt")
    return text.partition("\n\n")[2], notes


def _all_feeds() -> str:
    """Return the feeds of Flare's FTSO and their sources."""
    return files(__package__).joinpath("ftso_feeds.yaml").read_text("utf-8").partition("\n\n")[2]


def _head(body: str, origins: Sequence[str], settings: Settings) -> Iterator[str]:
    """Yield what stands before the feeds."""
    feeds, _, sources = body.partition("\nsources:\n")
    counts = (
        len(re.findall(r"^  \S+:$", feeds, re.MULTILINE)),
        len(_MARKET.findall(feeds)),
        len(re.findall(r"^  \S+:", sources, re.MULTILINE)),
    )
    yield "# yaml-language-server: $schema=chrono.schema.json"
    yield "#"
    yield f"# A feed value provider for Flare's FTSO, made of {' and '.join(origins)}."
    yield "# {} feeds from {} markets at {} venues; decimals are Flare's of reward epoch 392, else 8.".format(*counts)
    yield "#"
    yield "# `chrono pipeline check FILE --live 60s` says what is wrong, `chrono pipeline run FILE` serves."
    yield ""
    yield f"name: ftso-{settings.network}"
    yield _told("every: 1s", "how often all is priced; what is asked for is priced when it is")
    yield ""


def _tail(settings: Settings) -> Iterator[str]:
    """Yield what stands after the sources."""
    yield ""
    yield _told(f"state: ftso-{settings.network}.state", "what detectors and guards remember, for a restart")
    yield ""
    yield "sinks:"
    yield "  # POST /feed-values/{round}, /feed-values/ and /volumes, as the example value provider answers them"
    yield "  flare_feed_values:"
    yield _told("    host: 0.0.0.0", "all addresses of a container; let nobody else reach it")
    yield f"    port: {settings.port}"
    if settings.base_path:
        yield f'    base_path: "/{settings.base_path}"'
    yield _told(
        f"    ledger: ftso-{settings.network}.db", "what a round was answered is answered again, after a restart, too"
    )


def _told(line: str, what: str) -> str:
    """Return a line with what it says behind it."""
    return f"{line:<40}# {what}"
