"""What commands that send something share: a call is tried, described, asked about, sent, and told of."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import typer

from chrono import ConfigError

if TYPE_CHECKING:
    from chrono_flare_ftso.configured import Configured
    from chrono_flare_ftso.keys.config import Keys, Signers
    from chrono_flare_ftso.provider.calling import Call, Tried
    from chrono_flare_ftso.provider.connecting import Connected


class Acting(NamedTuple):
    """A provider whose keys are open, on its chain.

    Attributes
    ----------
    chain : Connected
    signers : Signers
        By role; those of cold keys are not among them, their addresses are.
    of : Configured
        What the pipeline file says.
    """

    chain: Connected
    signers: Signers
    of: Configured

    def role_of(self, address: bytes) -> str | None:
        """Return a role whose key is here and has an address."""
        return next((role for role, signer in self.signers.items() if signer.address == address), None)


@asynccontextmanager
async def acting(of: Configured) -> AsyncIterator[Acting]:
    """Connect to the chain of a provider, and open its keys.

    Raises
    ------
    ConfigError
        If a key cannot be opened, with a line for each.
    ChronoError
        If the chain does not answer, or is another.
    """
    from chrono import Context
    from chrono_flare_ftso.keys.config import open_signers
    from chrono_flare_ftso.keys.errors import KeyRefused
    from chrono_flare_ftso.provider.connecting import connected

    clock = Context(of.name).clock
    keys = of.options.keys.model_copy(update={"isolation": "none"})
    async with AsyncExitStack() as undo:
        chain = await undo.enter_async_context(connected(of.options, clock))
        try:
            opening = open_signers(keys, chain.network.chain_id, chain.registry.addresses())
            signers = await undo.enter_async_context(opening)
        except KeyRefused as error:
            raise ConfigError(*error.problems) from None
        yield Acting(chain, signers, of)


async def addresses_of(keys: Keys) -> Mapping[str, bytes]:
    """Return the addresses of keys, by role; they are opened, and sign nothing.

    Raises
    ------
    ConfigError
        If one cannot be opened, with a line for each.
    """
    from chrono_flare_ftso.keys.config import open_signers
    from chrono_flare_ftso.keys.errors import KeyRefused, SignerFault

    try:
        # no contract is known
        async with open_signers(keys.model_copy(update={"isolation": "none"}), 0, []) as signers:
            return {role: signers.addresses[role] for role in keys.roles() if role in signers.addresses}
    except KeyRefused as error:
        raise ConfigError(*error.problems) from None
    except SignerFault as error:
        raise ConfigError(str(error)) from None


async def do(here: Acting, calls: Sequence[Call], *, yes: bool, calldata: bool) -> int:
    """Try calls, and send those whose keys are here; what others have to sign is printed.

    Parameters
    ----------
    here : Acting
    calls : sequence of Call
        One after the other.
    yes : bool
        Whether nobody is asked.
    calldata : bool
        Whether nothing is sent, and all is printed to be signed elsewhere.

    Returns
    -------
    int
        0 if all were sent and are on the chain, or were printed; 1 if not.

    Raises
    ------
    ConfigError
        If somebody has to be asked, and nobody sits there.
    ChronoError
        If the contract refuses one, or it cannot be sent; it says what to do.
    """
    from chrono_flare_ftso.provider.calling import tried

    limits, chain = here.of.options.fees.limits(), here.chain
    for call in calls:
        made = await tried(chain, call, limits)
        role = here.role_of(call.sender)
        if calldata or role is None:
            if not calldata:
                told = f"the key of {made.unsigned(chain.network.chain_id)['from']} is not here"
                typer.echo(f"{told}; sign this elsewhere to {call.what}:", err=True)
            typer.echo(json.dumps(made.unsigned(chain.network.chain_id)))
            continue
        for line in made.lines(chain.network.native):
            typer.echo(line)
        if not yes and not _agreed():
            typer.echo("not sent")
            return 1
        if not await _sent(here, made, role):
            return 1
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("expected a terminal to ask at, was none; say --yes to send, or --calldata to sign elsewhere")
    return typer.confirm("Send it?")


async def _sent(here: Acting, made: Tried, role: str) -> bool:
    from chrono import Context
    from chrono_flare_ftso.protocol.text import to_hex
    from chrono_flare_ftso.provider.calling import PATIENCE, sent

    options, clock = here.of.options, Context(here.of.name).clock
    outcome = await sent(here.chain, made, here.signers[role], here.of.ledger, options.fees.limits(), clock)
    if outcome.hash is None:
        typer.echo(f"not sent within {PATIENCE:g} s; look whether the chain goes on, and try again", err=True)
        return False
    cost = "" if outcome.cost is None else f", {outcome.cost.told(here.chain.network.native)}"
    typer.echo(f"  {outcome.state} {to_hex(outcome.hash)}{cost}", err=not outcome.ok)
    return outcome.ok


def address_from(text: str, what: str) -> bytes:
    """Return an address that was written on the command line.

    Raises
    ------
    ConfigError
        If it is none, or its letter case is not its checksum.

    Examples
    --------
    >>> address_from("0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f", "--identity").hex()[:8]
    '2ca6571d'
    """
    from pydantic import TypeAdapter, ValidationError

    from chrono_flare_ftso.keys.kinds import Address

    try:
        spelled: str = TypeAdapter(Address).validate_python(text)
    except ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{what}: {why}") from None
    return bytes.fromhex(spelled[2:])


File = typer.Argument(metavar="FILE", help="The pipeline file whose sink is the provider.")
Sink = typer.Option(metavar="NAME", help="Which sink, where the file has several of the type.")
Yes = typer.Option("--yes", help="Send without asking.")
Calldata = typer.Option("--calldata", help="Send nothing; print what to sign elsewhere, a JSON object for each call.")
