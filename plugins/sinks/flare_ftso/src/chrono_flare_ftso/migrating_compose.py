"""What to change in an operator's compose file, and the way back.

Layouts: github.com/flare-foundation/flare-systems-deployment 103c39e, `docker-compose.yaml` and `README.md` (the value
provider is no service of it: it is run beside it, at the port that VALUE_PROVIDER_URL names); github.com/
flare-foundation/ftso-v2-example-value-provider 489282e, `README.md` and `Dockerfile`; read 2026-11-23.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chrono import ConfigError
from chrono_flare_ftso.migrating_env import Settings

SERVICE = "value-provider"
"""What the container is called where it has no name yet."""

_REPLACED = {"image", "build", "command", "entrypoint", "environment", "env_file", "volumes", "working_dir", "user"}
_KEPT = {
    "<<",
    "container_name",
    "depends_on",
    "expose",
    "extra_hosts",
    "hostname",
    "network_mode",
    "networks",
    "profiles",
    "pull_policy",
    "restart",
    "stop_grace_period",
}
_PORT = re.compile(r"(?:(?P<rest>.*):)?(?P<target>\d+)(?:/tcp)?")


class _Loader(yaml.SafeLoader):
    """Reads Compose's own tags, such as `!reset`, as if they were not there."""


def _untagged(loader: Any, _suffix: str, node: yaml.Node) -> Any:
    kind = {yaml.ScalarNode: "scalar", yaml.SequenceNode: "sequence", yaml.MappingNode: "mapping"}[type(node)]
    return getattr(loader, f"construct_{kind}")(node)


_Loader.add_multi_constructor("!", _untagged)


@dataclass(frozen=True, slots=True)
class Service:
    """The value provider in a compose file.

    Attributes
    ----------
    file, name : str
        The file's name, and the service's.
    first, last : int
        Its lines, counted from 1.
    indent : int
        Spaces before its name.
    environment : mapping of str to str
        What its environment says.
    kept, ports : tuple of str
        Lines that stay, and those of them that are about ports.
    left : tuple of str
        Its other keys, which somebody has to look at.
    published : mapping of int to int or None
        By port of the container, the port of the machine that it is published at; None where nobody can say.
    alone : bool
        Whether it has a network of its own, so that ports have to be published.
    """

    file: str
    name: str
    first: int
    last: int
    indent: int
    environment: Mapping[str, str] = field(repr=False)
    kept: tuple[str, ...]
    ports: tuple[str, ...]
    left: tuple[str, ...]
    published: Mapping[int, int | None]
    alone: bool

    def inside(self, published: int) -> int | None:
        """Return the port of the container that is published at one of the machine."""
        return next((target for target, at in self.published.items() if at == published), None)

    def serves(self, port: int) -> bool:
        """Say whether others reach a port of the container."""
        return not self.alone or port in self.published


@dataclass(frozen=True, slots=True)
class Compose:
    """A compose file: the value provider in it, if there is one, and whether it has named volumes."""

    file: str
    service: Service | None
    volumes: bool


def read(path: Path) -> Compose:
    """Find the value provider in a compose file.

    Raises
    ------
    ConfigError
        If it is no compose file, or several of its services may be meant.
    """
    lines, root = _parsed(path)
    services = next((value for key, value in root.value if key.value == "services"), None)
    if not isinstance(services, yaml.MappingNode):
        raise ConfigError(f"{path}: expected a compose file with services, was without")
    found = [(key, node) for key, node in services.value if _is_provider(key.value, _built(node))]
    if len(found) > 1:
        names = " and ".join(key.value for key, _ in found)
        raise ConfigError(f"{path}: expected one value provider among the services, was {names}; leave one in a copy")
    service = _service(path, lines, *found[0]) if found else None
    return Compose(path.name, service, any(key.value == "volumes" for key, _ in root.value))


def block(settings: Settings, file: str, image: str, service: Service | None = None) -> list[str]:
    r"""Return the service of a compose file that runs the pipeline, a line each.

    Parameters
    ----------
    settings : Settings
        Port and name.
    file : str
        The pipeline file beside the compose file.
    image : str
        What to run.
    service : Service, optional
        The one that it replaces.

    Examples
    --------
    >>> print(*block(Settings(), "ftso.yaml", "chrono-flare:0.1.0"), sep="\n")
      value-provider:
        image: chrono-flare:0.1.0
        command: [pipeline, run, /etc/chrono/ftso.yaml]
        volumes:
          - ./ftso.yaml:/etc/chrono/ftso.yaml:ro
          - value-provider:/var/lib/chrono
        ports: ["3101:3101"]
        restart: unless-stopped
    """
    name = service.name if service else settings.service or SERVICE
    words = ["pipeline", "run", f"/etc/chrono/{file}", *(["--verbose"] if settings.verbose else [])]
    lines = [
        f"image: {image}",
        f"command: [{', '.join(words)}]",
        "volumes:",
        f"  - ./{file}:/etc/chrono/{file}:ro",
        f"  - {SERVICE}:/var/lib/chrono",
    ]
    if service is None or not service.serves(settings.port):
        lines.append(f'ports: ["{settings.published}:{settings.port}"]')
    elif service.ports:
        lines += service.ports
    lines += service.kept if service else ["restart: unless-stopped"]
    margin = " " * (service.indent if service else 2)
    return [f"{margin}{name}:", *(f"{margin}  {line}".rstrip() for line in lines)]


def _parsed(path: Path) -> tuple[list[str], yaml.MappingNode]:
    """Return the lines of a compose file and its root."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        root = yaml.compose(text, _Loader)
    except OSError as error:
        raise ConfigError(f"{path}: expected a compose file, was not readable: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected a compose file in UTF-8, was in another encoding") from None
    except yaml.MarkedYAMLError as error:
        # its text quotes the file, and a compose file may hold secrets
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line}: expected YAML, was broken") from None
    except (yaml.YAMLError, RecursionError):
        raise ConfigError(f"{path}: expected YAML, was broken") from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}: expected a compose file with services, was another text")
    return text.splitlines(), root


def _built(node: yaml.Node) -> Any:
    """Return what a node says."""
    loader = _Loader("")
    try:
        # merge keys are resolved in place
        return loader.construct_document(copy.deepcopy(node))
    except (yaml.YAMLError, RecursionError):
        return None
    finally:
        loader.dispose()


def _is_provider(name: Any, service: Any) -> bool:
    """Say whether a service is a value provider: by its image, its name, or a variable that only it reads."""
    if not isinstance(service, Mapping):
        return False
    said = (name, service.get("image"), service.get("container_name"))
    known = any(re.search(r"value[-_]?provider", text) for text in said if isinstance(text, str))
    return known or any(variable.startswith("VALUE_PROVIDER_CLIENT_") for variable in _environment(service))


def _environment(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a service, however it is written."""
    said = service.get("environment")
    if isinstance(said, Mapping):
        return {str(name): "" if value is None else str(value) for name, value in said.items()}
    pairs = [text.partition("=") for text in said if isinstance(text, str)] if isinstance(said, list) else []
    return {name: value for name, _, value in pairs}


def _service(path: Path, lines: list[str], key: yaml.Node, node: yaml.MappingNode) -> Service:
    """Return a service with the lines it takes."""
    built = _built(node)
    last = _last(lines, key.start_mark.line, node.end_mark)
    parts = [*_parts(lines, node, last)]
    ports = built.get("ports")
    return Service(
        path.name,
        str(key.value),
        key.start_mark.line + 1,
        last + 1,
        key.start_mark.column,
        _environment(built),
        tuple(line for name, text in parts if name in _KEPT for line in text),
        tuple(line for name, text in parts if name == "ports" for line in text),
        tuple(name for name, _ in parts if name not in _KEPT | _REPLACED | {"ports"}),
        dict(filter(None, map(_published, ports if isinstance(ports, list) else []))),
        "network_mode" not in built,
    )


def _parts(lines: list[str], node: yaml.MappingNode, last: int) -> Iterator[tuple[str, list[str]]]:
    """Yield each key of a service with its lines, without what indents the first."""
    starts = [(str(key.value), key.start_mark) for key, _ in node.value]
    ends = [mark.line - 1 for _, mark in starts[1:]] + [last]
    for (name, start), end in zip(starts, ends, strict=True):
        text = lines[start.line : _trimmed(lines, start.line, end) + 1]
        yield name, [line[start.column :] for line in text]


def _last(lines: list[str], first: int, end: Any) -> int:
    """Return the last line of what ends at a mark: that of what follows, unless it has something before it."""
    inside = end.line < len(lines) and lines[end.line][: end.column].strip()
    return _trimmed(lines, first, end.line if inside else end.line - 1)


def _trimmed(lines: list[str], first: int, last: int) -> int:
    """Return the last line of a range that says something."""
    last = min(last, len(lines) - 1)
    while last > first and (not lines[last].strip() or lines[last].lstrip().startswith("#")):
        last -= 1
    return last


def _published(entry: Any) -> tuple[int, int | None] | None:
    """Return which port of the container an entry of `ports` publishes, and at which of the machine."""
    if isinstance(entry, Mapping):
        target, at = str(entry.get("target", "")), str(entry.get("published", ""))
    else:
        match = _PORT.fullmatch(str(entry))
        target, at = (match["target"], (match["rest"] or "").rpartition(":")[2]) if match else ("", "")
    return (int(target), int(at) if at.isdecimal() else None) if target.isdecimal() else None
