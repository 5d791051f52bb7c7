"""Our contracts as they are shipped: what each is called with, and the bytes that are deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.contracts import Function


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract that can be deployed.

    Attributes
    ----------
    name : str
        As the registry has it.
    bytecode : bytes
        What is deployed, before the arguments of the constructor.
    constructor : str
        Types of these, separated by commas.
    functions : mapping of str to Function
        By name.
    events : mapping of str to str
        Signatures by name, such as ``Transfer(address,address,uint256)``.
    """

    name: str
    bytecode: bytes = field(repr=False)
    constructor: str
    functions: Mapping[str, Function] = field(repr=False)
    events: Mapping[str, str] = field(repr=False)

    def deployed_with(self, *arguments: Any) -> bytes:
        """Return the data of the transaction that deploys it.

        Raises
        ------
        WireError
            If an argument does not fit its type, or there are more or fewer.

        Examples
        --------
        >>> len(contract("FlareContractRegistry").deployed_with(bytes(20))) > 1000
        True
        """
        return self.bytecode + abi.encode(self.constructor, *arguments)


def contract(name: str) -> Contract:
    """Return a contract by its name.

    Raises
    ------
    LookupError
        If there is none of that name.

    Examples
    --------
    >>> contract("FlareSystemsManager").functions["daemonize"].returns
    'bool'
    """
    if name not in contracts():
        raise LookupError(f"expected a contract of the devnet ({', '.join(contracts())}), was {name!r}")
    return contracts()[name]


@cache
def contracts() -> Mapping[str, Contract]:
    """Return all contracts by name."""
    told = json.loads((files(__package__) / "contracts.json").read_text(encoding="utf-8"))
    return MappingProxyType({name: read_contract(name, each) for name, each in told.items()})


def read_contract(name: str, told: Mapping[str, Any]) -> Contract:
    """Return a contract from what a compiler told of it: its `abi` and its `bytecode`."""
    functions, events, constructor = {}, {}, ""
    for each in told["abi"]:
        if each["type"] == "function":
            signature = f"{each['name']}({_types(each['inputs'])})"
            functions[each["name"]] = Function(name, signature, _types(each["outputs"]))
        elif each["type"] == "event":
            events[each["name"]] = f"{each['name']}({_types(each['inputs'])})"
        elif each["type"] == "constructor":
            constructor = _types(each["inputs"])
    return Contract(name, bytes.fromhex(told["bytecode"].removeprefix("0x")), constructor, functions, events)


def _types(parameters: Sequence[Mapping[str, Any]]) -> str:
    return ",".join(map(_type, parameters))


def _type(parameter: Mapping[str, Any]) -> str:
    kind: str = parameter["type"]
    return f"({_types(parameter['components'])}){kind.removeprefix('tuple')}" if kind.startswith("tuple") else kind
