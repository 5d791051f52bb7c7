"""`chrono flare keys`."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chrono import ConfigError
from chrono_flare_ftso.protocol.text import checksummed

if TYPE_CHECKING:
    from pydantic import SecretStr

app = typer.Typer(no_args_is_help=True, help="Make keys, and show whose they are.", rich_markup_mode=None)

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

PasswordEnv = Annotated[
    str | None, typer.Option(metavar="NAME", help="The variable of the environment that holds the password.")
]
PasswordFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The file of rights 0600 that holds the password.")
]


@app.callback()
def keys() -> None:
    """Make keys, and show whose they are; a key itself is never printed."""


@app.command()
def new(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    *,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
) -> int:
    """Make a key, write it to a keystore file of version 3, and print its address.

    The password is asked for twice, unless it is said where it stands.

    For example:

      chrono flare keys new keys/submit.json

      chrono flare keys new keys/submit.json --password-file keys/password
    """
    from pydantic import SecretBytes

    from chrono_flare_ftso.keys.errors import KeyRefused
    from chrono_flare_ftso.keys.keystore import write_keystore

    if out.exists():
        raise ConfigError(f"keystore {out}: expected a file that is not there, was one; name another")
    password = _password(password_env, password_file, twice=True)
    key = SecretBytes((1 + secrets.randbelow(_ORDER - 1)).to_bytes(32, "big"))
    try:
        typer.echo(checksummed(write_keystore(out, key, password)))
    except KeyRefused as error:
        raise ConfigError(*error.problems) from None
    return 0


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A keystore, or a pipeline file whose sink has keys.")],
    *,
    open: Annotated[bool, typer.Option("--open", help="Open a keystore, which proves its address.")] = False,
    password_env: PasswordEnv = None,
    password_file: PasswordFile = None,
) -> int:
    """Print the address of a keystore, or of every role of a pipeline, whose keys are opened for it.

    A keystore that is not opened is believed what it says of its address.

    For example:

      chrono flare keys show keys/submit.json --open

      chrono flare keys show ftso.yaml
    """
    from chrono_flare_ftso.keys.errors import KeyRefused

    try:
        if file.suffix in {".yaml", ".yml"}:
            typer.echo("\n".join(_configured(file)))
        else:
            typer.echo(_address(file, password_env, password_file, opened=open))
    except KeyRefused as error:
        raise ConfigError(*error.problems) from None
    return 0


def _address(file: Path, env: str | None, word: Path | None, *, opened: bool) -> str:
    from chrono_flare_ftso.keys.keystore import open_keystore, stated_address
    from chrono_flare_ftso.protocol.signatures import address_of

    stated = stated_address(file)
    if opened or env is not None or word is not None or stated is None:
        key = open_keystore(file, _password(env, word, twice=False))
        stated = address_of(key.get_secret_value())
    return checksummed(stated)


def _password(env: str | None, file: Path | None, *, twice: bool) -> SecretStr:
    """Return a password from where it stands, or from who sits there."""
    from pydantic import SecretStr

    from chrono_flare_ftso.keys.errors import KeyRefused
    from chrono_flare_ftso.keys.keystore import InFile, secret

    if env is not None and file is not None:
        raise ConfigError("expected --password-env or --password-file, was both; leave one out")
    if file is not None:
        try:
            return secret(InFile(str(file)), "password")
        except KeyRefused as error:
            raise ConfigError(*error.problems) from None
    if env is not None:
        if not os.environ.get(env):
            raise ConfigError(f"--password-env: expected a password in the variable {env}, was empty; export it")
        return SecretStr(os.environ[env])
    if not sys.stdin.isatty():
        raise ConfigError(
            "expected a terminal to ask for the password, was none; say --password-file or --password-env"
        )
    return SecretStr(typer.prompt("Password", hide_input=True, confirmation_prompt=twice))


def _configured(file: Path) -> Iterator[str]:
    """Yield a line for each role of each provider."""
    from chrono_flare_ftso.acting import addresses_of
    from chrono_flare_ftso.configured import providers

    found = providers(file)
    for sink, provider in found.items():
        addresses = asyncio.run(addresses_of(provider.options.keys))
        width = max(map(len, addresses))
        told = f"{sink}: " if len(found) > 1 else ""
        yield from (f"{told}{role:{width}}  {checksummed(address)}" for role, address in addresses.items())
