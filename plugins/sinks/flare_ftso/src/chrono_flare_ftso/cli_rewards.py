"""`chrono flare rewards`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono import ConfigError, DataError
from chrono_flare_ftso.acting import Acting, Calldata, File, Sink, Yes, acting, address_from, do
from chrono_flare_ftso.protocol.text import checksummed, to_hex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chrono_flare_ftso.provider.calling import Call
    from chrono_flare_ftso.provider.claiming import Claimable, Owed

app = typer.Typer(no_args_is_help=True, help="Show and claim what a voter has earned.", rich_markup_mode=None)

COIN = 10**18


class Form(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


Data = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|URL",
        help="Published reward distribution data; {epoch} stands for the reward epoch. May be given more than once.",
    ),
]


@app.callback()
def rewards() -> None:
    """Show and claim what a voter has earned; proofs are checked against the root that the chain holds."""


@app.command()
def show(
    file: Annotated[Path, File],
    *,
    sink: Annotated[str | None, Sink] = None,
    data: Data = None,
    format: Annotated[Form, typer.Option(help="Print lines or one JSON object.")] = Form.TEXT,
) -> int:
    """Print what the pipeline's voter may claim, reward epoch by reward epoch, to the wei.

    Direct rewards belong to the signing-policy address, fees to the identity; what is shared by weight belongs to those
    who gave it. Nothing is sent.

    For example:

      chrono flare rewards show flare-provider.yaml

      chrono flare rewards show flare-provider.yaml --data 'rewards/{epoch}.json' --format json
    """
    native, found = asyncio.run(_shown(file, sink, data))
    typer.echo(json.dumps(_tree(found)) if format is Form.JSON else "\n".join(_lines(found, native)))
    return 0


@app.command()
def claim(
    file: Annotated[Path, File],
    *,
    sink: Annotated[str | None, Sink] = None,
    data: Data = None,
    recipient: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Who is paid: an address that the owner allows; the owner unless told."),
    ] = None,
    wrap: Annotated[bool, typer.Option("--wrap/--no-wrap", help="Whether it is paid as wrapped coins.")] = True,
    initialise: Annotated[
        bool, typer.Option("--initialise", help="Open what is shared by weight to those who gave it, too.")
    ] = False,
    yes: Annotated[bool, Yes] = False,
    calldata: Annotated[bool, Calldata] = False,
) -> int:
    """Claim what the pipeline's voter is owed directly; each owner's rewards by one transaction.

    An owner's own key sends it, or that of `claim_executor`, whom owners have to allow. All data has to lead to the
    root that is signed on the chain, and the contract is asked what it would pay, before anything is sent. Where a key
    is kept elsewhere, what it has to sign is printed. Where nothing may be claimed, a line says so, and why.

    For example:

      chrono flare rewards claim flare-provider.yaml

      chrono flare rewards claim flare-provider.yaml --recipient 0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f --no-wrap
    """
    to = None if recipient is None else address_from(recipient, "--recipient")
    return asyncio.run(_claim(file, sink, data, to, wrap=wrap, initialise=initialise, yes=yes, calldata=calldata))


async def _shown(file: Path, sink: str | None, data: list[str] | None) -> tuple[str, Claimable]:
    from chrono_flare_ftso.configured import configured

    async with acting(configured(file, sink)) as here:
        return here.chain.network.native, await _found(here, data)


async def _found(here: Acting, data: list[str] | None) -> Claimable:
    from chrono_flare_ftso.provider.claiming import claimable, unclaimed
    from chrono_flare_ftso.provider.published import PUBLISHED, Published

    network = here.chain.network
    places = data or [PUBLISHED[each] for each in PUBLISHED if each == network.name]
    if not places:
        raise ConfigError(f"--data: expected where reward data is, since none is known for {network.name}; name it")
    owners = [here.signers.addresses[role] for role in ("signing_policy", "identity") if role in here.signers.addresses]
    delegation = await _delegation(here)
    found = await claimable(here.chain.registry, network, [*owners, *delegation], Published(places).read)
    return found._replace(owed=await unclaimed(partial(_asked, here), found.owed))


async def _asked(here: Acting, sender: bytes, data: bytes) -> bytes:
    return await here.chain.node.call(here.chain.registry.address("RewardManager"), data, sender=sender)


async def _delegation(here: Acting) -> Sequence[bytes]:
    """Return the address whose rewards are shared by weight, where there is one."""
    from chrono_flare_ftso.protocol.contracts import function

    identity = here.signers.addresses.get("identity")
    if identity is None:
        return ()
    asked = function("EntityManager", "getDelegationAddressOf")
    return asked.decode_result(await here.chain.registry.call("EntityManager", asked.encode_call(identity)))


async def _claim(
    file: Path,
    sink: str | None,
    data: list[str] | None,
    recipient: bytes | None,
    *,
    wrap: bool,
    initialise: bool,
    yes: bool,
    calldata: bool,
) -> int:
    from chrono_flare_ftso.configured import configured
    from chrono_flare_ftso.provider.calling import Call
    from chrono_flare_ftso.provider.claiming import MANAGER, claim_call, initialise_call

    async with acting(configured(file, sink)) as here:
        found = await _found(here, data)
        native = here.chain.network.native
        executor = here.signers.addresses.get("claim_executor")
        direct = [each for each in found.owed if not each.type.weight_based]
        calls = []
        for owner in dict.fromkeys(each.owner for each in direct):
            its = [each for each in direct if each.owner == owner]
            encoded = claim_call(owner, recipient or owner, its, wrap=wrap)
            sender = executor if executor is not None and here.role_of(owner) is None else owner
            made = Call("claim", MANAGER, "claim", sender, encoded)
            shared = await _pays(here, made, owed := sum(each.amount for each in its)) - owed
            calls.append(replace(made, what=_what(its, shared, recipient or owner, native, wrap=wrap)))
        opened = initialise_call(found.owed) if initialise else None
        if opened is not None:
            payer = here.signers["submit_signatures"].address
            what = "open what is shared by weight to those who gave it"
            calls.append(Call(what, MANAGER, "initialiseWeightBasedClaims", payer, opened))
        if not calls:
            typer.echo("\n".join(_lines(found, native)))
            return 0
        return await do(here, calls, yes=yes, calldata=calldata)


async def _pays(here: Acting, call: Call, amount: int) -> int:
    """Return what the contract would pay, wei; refuse where that is less than what is owed."""
    from chrono_flare_ftso.protocol.contracts import function

    (paid,) = function(call.contract, call.label).decode_result(await _asked(here, call.sender, call.data))
    if paid < amount:
        told = f"expected the contract to pay {exact(amount)}, would be {exact(paid)}"
        raise DataError(f"{told}; nothing is sent, see `chrono flare rewards show`")
    return int(paid)


def _what(owed: Sequence[Owed], shared: int, recipient: bytes, native: str, *, wrap: bool) -> str:
    epochs = sorted({each.epoch for each in owed})
    several = f"epochs {epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else f"epoch {epochs[0]}"
    amounts = {**_by_type(owed), **({"of what is shared by weight": shared} if shared else {})}
    parts = ", ".join(f"{exact(amount)} {kind}" for kind, amount in amounts.items())
    paid = f"{'W' if wrap else ''}{native}"
    return f"claim {parts} in {paid} of reward {several} for {checksummed(recipient)}"


def _by_type(owed: Sequence[Owed]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for each in owed:
        name = each.type.name.lower()
        found[name] = found.get(name, 0) + each.amount
    return found


def exact(wei: int) -> str:
    """Return wei as coins, with every digit that counts.

    Examples
    --------
    >>> exact(70 * 10**18 + 10), exact(12 * 10**18), exact(0)
    ('70.00000000000000001', '12', '0')
    """
    whole, part = divmod(wei, COIN)
    return f"{whole}.{part:018d}".rstrip("0").rstrip(".")


def _lines(found: Claimable, native: str) -> Iterator[str]:
    for each in found.owed:
        kind, amount = each.type.name.lower(), f"{exact(each.amount)} {native}"
        yield f"reward epoch {each.epoch}  {kind:<6}  {amount}  {checksummed(each.owner)}"
    for epoch in found.unsigned:
        yield f"reward epoch {epoch}  its rewards are not signed yet; wait"
    for epoch in found.unpublished:
        yield f"reward epoch {epoch}  its data was not found; give it by --data"
    shared = sum(each.amount for each in found.owed if each.type.weight_based)
    if found.amount or shared:
        yield f"{exact(found.amount)} {native} may be claimed, {exact(shared)} {native} are shared by weight"
    else:
        yield "nothing may be claimed"


def _tree(found: Claimable) -> dict[str, object]:
    owed = [
        {
            "reward_epoch": each.epoch,
            "type": each.type.name.lower(),
            "owner": checksummed(each.owner),
            "wei": str(each.amount),
            "proof": [to_hex(step) for step in each.proven.proof],
        }
        for each in found.owed
    ]
    return {
        "owed": owed,
        "claimable_wei": str(found.amount),
        "unsigned": list(found.unsigned),
        "unpublished": list(found.unpublished),
    }
