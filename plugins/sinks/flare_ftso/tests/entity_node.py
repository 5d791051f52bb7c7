"""A node whose contracts know a voter: its addresses, its registration, and how often anything was sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from test_provider_sink import EPOCH, OURS, VOTERS, Living, Node

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.contracts import FUNCTIONS
from chrono_flare_ftso.protocol.signatures import address_of

BY_SELECTOR = {each.selector: each for each in FUNCTIONS.values()}


class EntityNode(Node):
    """A node of a chain on which a voter has its addresses.

    Attributes
    ----------
    confirmed : list of bytes
        For submit, submit_signatures, signing_policy and delegation.
    registered : bool
        Whether it is, in the present reward epoch.
    """

    def __init__(self, chain: Living) -> None:
        super().__init__(chain)
        self.confirmed = [*(address_of(key) for key in OURS.values()), VOTERS[0].delegation]
        self.registered = True

    def _eth_call(self, what: Mapping[str, Any], block: str) -> str:
        data = bytes.fromhex(what["data"][2:])
        called = BY_SELECTOR.get(data[:4])
        name = "" if called is None else called.name
        if name == "getVoterAddresses":
            return "0x" + abi.encode("(address,address,address)", tuple(self.confirmed[:3])).hex()
        if name == "getDelegationAddressOf":
            return "0x" + abi.encode("address", self.confirmed[3]).hex()
        if name == "getCurrentRewardEpochId":
            return "0x" + abi.encode("uint24", EPOCH).hex()
        if called is not None and name == "isVoterRegistered":
            return "0x" + abi.encode("bool", self.registered and called.decode_call(data)[1] == EPOCH).hex()
        if name == "isVoterRegistrationEnabled":
            return "0x" + abi.encode("bool", False).hex()
        return super()._eth_call(what, block)


@contextmanager
def beside(node: Any) -> Iterator[None]:
    """Serve a node on an event loop of its own, beside what runs one itself."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with node:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
