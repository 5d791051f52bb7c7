"""`chrono flare entity`."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono import ConfigError
from chrono_flare_ftso.acting import Calldata, File, Sink, Yes, address_from
from chrono_flare_ftso.protocol.networks import NETWORKS
from chrono_flare_ftso.protocol.text import checksummed, to_hex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chrono_flare_ftso.configured import Configured
    from chrono_flare_ftso.provider.connecting import Where
    from chrono_flare_ftso.provider.entity import Entity

app = typer.Typer(no_args_is_help=True, help="Show and change the addresses of a voter.", rich_markup_mode=None)


class Form(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


class RoleName(StrEnum):
    """The roles that have an address on the chain."""

    SUBMIT = "submit"
    SUBMIT_SIGNATURES = "submit_signatures"
    SIGNING_POLICY = "signing_policy"
    DELEGATION = "delegation"


Role = Annotated[RoleName, typer.Argument(metavar="ROLE", help=f"One of {', '.join(RoleName)}.")]
Address = Annotated[
    str | None, typer.Argument(metavar="ADDRESS", help="That of the role's key unless told; delegation has no key.")
]


@app.callback()
def entity() -> None:
    """Show and change the addresses of a voter; the identity proposes each, and each confirms itself."""


@app.command()
def show(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A pipeline file; or say --identity.")] = None,
    *,
    sink: Annotated[str | None, Sink] = None,
    identity: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The voter's, without a file.")] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"One of {', '.join(NETWORKS)}, or other.")
    ] = None,
    rpc: Annotated[list[str] | None, typer.Option(metavar="URL", help="A node; the public one unless told.")] = None,
    registry: Annotated[str | None, typer.Option(metavar="ADDRESS", help="The registry of a network other.")] = None,
    format: Annotated[Form, typer.Option(help="Print lines or one JSON object.")] = Form.TEXT,
) -> int:
    """Print which addresses are confirmed for a voter, and whether those of a pipeline are confirmed or proposed.

    The keys of the pipeline are opened for their addresses; nothing is signed.

    For example:

      chrono flare entity show flare-provider.yaml

      chrono flare entity show --identity 0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f --network songbird --format json
    """
    if (file is None) == (identity is None):
        raise ConfigError("expected a pipeline file or --identity, was both or neither; say one")
    if file is not None:
        from chrono_flare_ftso.configured import configured

        if network or rpc or registry:
            raise ConfigError(
                "expected --network, --rpc and --registry with --identity, was with a file; leave them out"
            )
        found = asyncio.run(_of_pipeline(file, configured(file, sink)))
    else:
        assert identity is not None  # noqa: S101 - one of both was told
        where = _where(network or "flare", rpc or [], registry)
        found = asyncio.run(_asked(where, address_from(identity, "--identity"), {}))
    typer.echo(json.dumps(_tree(found)) if format is Form.JSON else "\n".join(_lines(found)))
    return 0


@app.command()
def propose(
    file: Annotated[Path, File],
    role: Role,
    address: Address = None,
    *,
    sink: Annotated[str | None, Sink] = None,
    yes: Annotated[bool, Yes] = False,
    calldata: Annotated[bool, Calldata] = False,
) -> int:
    """Propose an address for a role of the pipeline's voter; sent by the identity's key.

    It is tried first without being sent. Where the identity's key is kept elsewhere, what it has to sign is printed.

    For example:

      chrono flare entity propose flare-provider.yaml submit

      chrono flare entity propose flare-provider.yaml delegation 0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f --calldata
    """
    return asyncio.run(_change("propose", file, sink, role, address, yes=yes, calldata=calldata))


@app.command()
def confirm(
    file: Annotated[Path, File],
    role: Role,
    address: Address = None,
    *,
    sink: Annotated[str | None, Sink] = None,
    yes: Annotated[bool, Yes] = False,
    calldata: Annotated[bool, Calldata] = False,
) -> int:
    """Confirm an address that was proposed for a role of the pipeline's voter; sent by the role's key.

    It is tried first without being sent. What holds for a reward epoch is what was confirmed two hours before it.

    For example:

      chrono flare entity confirm flare-provider.yaml submit

      chrono flare entity confirm flare-provider.yaml delegation 0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f
    """
    return asyncio.run(_change("confirm", file, sink, role, address, yes=yes, calldata=calldata))


@app.command()
def sortition(
    file: Annotated[Path, File],
    key: Annotated[
        Path, typer.Argument(metavar="KEY", help="The file of the key, of rights 0600; made where it is not there.")
    ],
    *,
    sink: Annotated[str | None, Sink] = None,
    yes: Annotated[bool, Yes] = False,
    calldata: Annotated[bool, Calldata] = False,
) -> int:
    """Register the sortition key of the pipeline's voter, which the registry of voters may want; sent by the identity.

    The key is that of fast updates; keep its file. Only what proves that it is yours is sent.

    For example:

      chrono flare entity sortition flare-provider.yaml keys/sortition.key --calldata
    """
    return asyncio.run(_register(file, sink, key, yes=yes, calldata=calldata))


async def _register(file: Path, sink: str | None, path: Path, *, yes: bool, calldata: bool) -> int:
    from chrono_flare_ftso.acting import acting, do
    from chrono_flare_ftso.configured import configured
    from chrono_flare_ftso.provider.sortition_file import registration, sortition_key

    async with acting(configured(file, sink)) as here:
        identity = _identity(file, here.signers.addresses)
        made = registration(sortition_key(path), identity)
        return await do(here, [made], yes=yes, calldata=calldata)


async def _change(
    what: str, file: Path, sink: str | None, role: RoleName, text: str | None, *, yes: bool, calldata: bool
) -> int:
    from chrono_flare_ftso.acting import acting, do
    from chrono_flare_ftso.configured import configured
    from chrono_flare_ftso.provider.entity import confirmation, proposal

    given = None if text is None else address_from(text, "ADDRESS")
    async with acting(configured(file, sink)) as here:
        addresses = here.signers.addresses
        identity = _identity(file, addresses)
        address = given or addresses.get(role)
        if address is None:
            raise ConfigError(f"{role}: expected an address, since no key of the pipeline has this role; add it")
        made = proposal(role, identity, address) if what == "propose" else confirmation(role, identity, address)
        return await do(here, [made], yes=yes, calldata=calldata)


async def _of_pipeline(file: Path, of: Configured) -> Entity:
    from chrono_flare_ftso.acting import addresses_of

    addresses = await addresses_of(of.options.keys)
    return await _asked(of.options, _identity(file, addresses), addresses)


async def _asked(where: Where, identity: bytes, addresses: Mapping[str, bytes]) -> Entity:
    from chrono import Context
    from chrono_flare_ftso.provider.connecting import connected
    from chrono_flare_ftso.provider.entity import entity_of

    async with connected(where, Context("entity").clock) as chain:
        return await entity_of(chain, identity, addresses)


def _identity(file: Path, addresses: Mapping[str, bytes]) -> bytes:
    if "identity" not in addresses:
        raise ConfigError(f"{file}: expected the voter's address under keys.identity, was none; add {{address: 0x…}}")
    return addresses["identity"]


def _where(network: str, rpc: list[str], registry: str | None) -> Where:
    from pydantic import SecretStr

    from chrono_flare_ftso.provider.connecting import WELL_KNOWN, Place

    if network not in {*NETWORKS, "other"}:
        raise ConfigError(f"--network: expected one of {', '.join(NETWORKS)} or other, was {network!r}")
    if network == "other" and not rpc:
        raise ConfigError("--network other: expected --rpc, was none; say where a node is")
    spelled = WELL_KNOWN if registry is None else to_hex(address_from(registry, "--registry"))
    return Place(network, tuple(map(SecretStr, rpc)), spelled)


def _tree(found: Entity) -> dict[str, object]:
    roles = {
        each.role: {
            "confirmed": None if each.confirmed is None else checksummed(each.confirmed),
            "configured": None if each.ours is None else checksummed(each.ours),
            "state": each.state,
        }
        for each in found.roles
    }
    key = None if found.public_key is None else to_hex(b"".join(found.public_key))
    nodes = [to_hex(each) for each in found.nodes]
    return {"identity": checksummed(found.identity), "roles": roles, "public_key": key, "nodes": nodes}


def _lines(found: Entity) -> Iterator[str]:
    yield f"{'identity':<18} {checksummed(found.identity)}"
    for each in found.roles:
        yield f"{each.role:<18} {each.told()}"
    key = "none is registered" if found.public_key is None else to_hex(b"".join(found.public_key))
    yield f"{'sortition key':<18} {key}"
    yield f"{'nodes':<18} {', '.join(map(to_hex, found.nodes)) or 'none is registered'}"
