"""Flare's own contracts in place of the devnet's: compiled from a checkout of theirs, wired as Flare wires them.

Nothing of them is here: `compiled` takes sources of flare-foundation/flare-smart-contracts-v2 (its `contracts` and
`flattened`; tried with 264dab7) and the compilers of npm. What stands in for what is not among them: the devnet's
contract registry and claim set-up, and addresses without code for the daemon, inflation and the address updater.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from chrono_flare_ftso.devnet import deploying as ours
from chrono_flare_ftso.devnet.anvil import Anvil, find_anvil
from chrono_flare_ftso.devnet.artifacts import Contract, contract, read_contract
from chrono_flare_ftso.devnet.deploying import DAEMON, GOVERNANCE, Deploying
from chrono_flare_ftso.devnet.entities import Entity
from chrono_flare_ftso.devnet.folder import Folder
from chrono_flare_ftso.devnet.plan import COIN, Plan
from chrono_flare_ftso.devnet.serving import serve
from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.networks import FTSO_PROTOCOL
from chrono_flare_ftso.protocol.policy import hash_folded

SETTINGS, UPDATER, INFLATION, NOBODY = (
    keccak256(each)[:20] for each in (b"governance settings", b"address updater", b"inflation", b"nobody")
)
_GOVERNED = (SETTINGS, GOVERNANCE)
_ZERO = bytes(20)

_NEW = (
    *(
        f"protocol/implementation/{name}"
        for name in (
            "EntityManager",
            "FlareSystemsCalculator",
            "FlareSystemsManager",
            "Relay",
            "RewardManager",
            "Submission",
            "VoterPreRegistry",
            "VoterRegistry",
            "WNatDelegationFee",
        )
    ),
    *(
        f"ftso/implementation/{name}"
        for name in (
            "FtsoFeedDecimals",
            "FtsoFeedPublisher",
            "FtsoInflationConfigurations",
            "FtsoRewardOffersManager",
        )
    ),
)
_OLD = ("WNat", "VPContract")
_MADE = {"optimizer": {"enabled": True, "runs": 200}, "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}}}

_KNOWS: Mapping[str, Sequence[str]] = {
    "VoterRegistry": ("FlareSystemsManager", "EntityManager", "FlareSystemsCalculator"),
    "VoterPreRegistry": ("VoterRegistry", "FlareSystemsManager", "EntityManager"),
    "FlareSystemsCalculator": (
        "FlareSystemsManager",
        "EntityManager",
        "WNatDelegationFee",
        "VoterRegistry",
        "WNat",
    ),
    "FlareSystemsManager": ("VoterRegistry", "Submission", "Relay", "RewardManager", "CleanupBlockNumberManager"),
    "RewardManager": (
        "ClaimSetupManager",
        "FlareSystemsManager",
        "FlareSystemsCalculator",
        "WNat",
        "FtsoRewardManager",
    ),
    "Submission": ("FlareSystemsManager", "Relay"),
    "FtsoFeedPublisher": ("Relay",),
    "WNatDelegationFee": ("FlareSystemsManager",),
    "FtsoFeedDecimals": ("FlareSystemsManager",),
}
"""Which contracts a contract is told the addresses of."""

_OFFERS = ("Inflation", "RewardManager", "FtsoInflationConfigurations", "FtsoFeedDecimals", "FlareSystemsManager")


def compiled(sources: Path, modules: Path) -> Mapping[str, Contract]:
    """Return Flare's contracts by name.

    Parameters
    ----------
    sources : Path
        The checkout.
    modules : Path
        node_modules with solc 0.8.30 as `solc`, 0.7.6 as `solc-0.7`, and @openzeppelin/contracts 5.4.0.
    """
    paths = [f"contracts/{each}.sol" for each in _NEW]
    new = {each: {"content": (sources / each).read_text()} for each in paths}
    include = ("--base-path", str(sources), "--include-path", str(modules))
    made = _solc(modules / "solc" / "solc.js", {"sources": new, "settings": {**_MADE, "evmVersion": "cancun"}}, include)
    flat = (sources / "flattened" / "FlareSmartContracts.sol").read_text()
    made |= _solc(modules / "solc-0.7" / "solcjs", {"sources": {"flat.sol": {"content": flat}}, "settings": _MADE})
    wanted = {each.rpartition("/")[2] for each in _NEW} | set(_OLD)
    return {name: read_contract(name, made[name]) for name in wanted}


def _solc(program: Path, asked: Mapping[str, Any], options: Sequence[str] = ()) -> dict[str, Mapping[str, Any]]:
    # files, since it neither waits for a pipe to be filled nor for one to be read
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as said:
        json.dump({"language": "Solidity", **asked}, given)
        given.seek(0)
        subprocess.run(["node", str(program), "--standard-json", *options], stdin=given, stdout=said, check=False)
        said.seek(0)
        text = said.read()
    told = json.loads(text[text.index("{") :])
    wrong = [each["formattedMessage"] for each in told.get("errors", []) if each["severity"] == "error"]
    if wrong:
        raise SystemExit("\n".join(wrong))
    return {
        name: {"abi": each["abi"], "bytecode": each["evm"]["bytecode"]["object"]}
        for file in told["contracts"].values()
        for name, each in file.items()
    }


class DeployingFlares(Deploying):
    """Deploys Flare's contracts.

    Parameters
    ----------
    contracts : mapping of str to Contract
        From `compiled`.
    anvil, plan, entities, start
        As `Deploying` takes them.
    """

    def __init__(
        self, contracts: Mapping[str, Contract], anvil: Anvil, plan: Plan, entities: Sequence[Entity], start: int
    ) -> None:
        super().__init__(anvil, plan, entities, start)
        self._flares = contracts

    def _contract(self, name: str) -> Contract:
        return self._flares[name] if name in self._flares else contract(name)

    def _settings(self) -> tuple[int, ...]:
        # times have to be over here, not reached; and rewards expire after 90 days
        sought, blocks, begun, delayed, registered, *others = super()._settings()
        return (sought - 1, blocks, begun, delayed, registered - 1, *others, 90 * 86_400)

    async def _of_entities(self) -> None:
        await self._anvil.fund([UPDATER, INFLATION], ours.RICH)
        coin = await self._deployed("WNat", GOVERNANCE, "Wrapped NAT", "WNAT")
        power = await self._deployed("VPContract", coin, False)
        await self._told("WNat", "setWriteVpContract", power)
        await self._told("WNat", "setReadVpContract", power)
        await self._deployed("EntityManager", *_GOVERNED, 4)
        await self._deployed("ClaimSetupManager")
        await self._deployed("WNatDelegationFee", UPDATER, ours.FEE_OFFSET, ours.FEE_BIPS)
        await self._deployed("FlareSystemsCalculator", *_GOVERNED, UPDATER, ours.WNAT_CAP_PPM, 1200, 600, 600)
        await self._register()

    async def _of_protocol(self, power_block: int) -> None:
        plan, policy = self._plan, self._initial_policy()
        identities = [each.identity for each in self._entities]
        timing = (self._origin, plan.round_seconds, 0, plan.epoch_rounds)
        # a vote power block has to be over when the registry is made
        await self._anvil.rpc("anvil_mine", "0x2")
        governed = (*_GOVERNED, UPDATER)
        await self._deployed("VoterRegistry", *governed, 100, 0, power_block, 0, identities, policy.weights)
        initial = (1, 0, policy.threshold)
        await self._deployed("FlareSystemsManager", *governed, DAEMON, self._settings(), *timing, initial)
        await self._deployed("VoterPreRegistry", UPDATER)
        await self._deployed("Submission", *governed, False)
        first = (0, 0, hash_folded(policy.encode()), FTSO_PROTOCOL)
        relay = (*first, *timing, 12_000, ours.FINALIZATION_WINDOW, NOBODY, [])
        await self._deployed("Relay", relay, self._contracts["FlareSystemsManager"], _ZERO)
        await self._deployed("RewardManager", *governed, _ZERO, plan.chain_id)
        decimals = [(each.id, each.decimals) for each in plan.feeds]
        await self._deployed("FtsoFeedDecimals", *governed, 2, 5, 0, decimals)
        await self._deployed("FtsoInflationConfigurations", *_GOVERNED)
        await self._deployed("FtsoRewardOffersManager", *governed, COIN)
        await self._deployed("FtsoFeedPublisher", *governed, FTSO_PROTOCOL, ours.FEEDS_HISTORY)
        for name, names in _KNOWS.items():
            await self._wired(name, names)
        offers = self._contracts["FtsoRewardOffersManager"]
        await self._told("RewardManager", "setRewardOffersManagerList", [offers])
        for name in ("setInitialRewardData", "activate", "enableClaims"):
            await self._told("RewardManager", name)
        await self._told("FlareSystemsManager", "setRewardEpochSwitchoverTriggerContracts", [offers])
        registering = self._contracts["VoterPreRegistry"]
        await self._told("FlareSystemsManager", "setVoterRegistrationTriggerContract", registering)
        await self._register()

    async def _offer(self) -> None:
        plan, manager = self._plan, "FtsoRewardOffersManager"
        ids, bands = b"".join(each.id for each in plan.feeds), ours.BAND_PPM.to_bytes(3, "big") * len(plan.feeds)
        chosen = (ids, 10_000, ours.TURNOUT_BIPS, ours.PRIMARY_PPM, bands, ours.MODE)
        await self._told("FtsoInflationConfigurations", "addFtsoConfiguration", chosen)
        # what is offered for the first reward epoch is asked for by whoever stands in for the systems manager
        await self._wired(manager, _OFFERS, FlareSystemsManager=GOVERNANCE)
        pot = ours.PAID_EPOCHS * plan.inflation
        await self._told(manager, "setDailyAuthorizedInflation", pot, sender=INFLATION)
        await self._told(manager, "receiveInflation", sender=INFLATION, value=pot)
        await self._told(manager, "triggerRewardEpochSwitchover", 0, self._start, plan.epoch_seconds)
        await self._wired(manager, _OFFERS)

    async def _told(
        self, name: str, function: str, *arguments: object, sender: bytes = GOVERNANCE, value: int = 0
    ) -> None:
        data = self._contract(name).functions[function].encode_call(*arguments)
        await self._sent(sender, self._contracts[name], data, f"{name}.{function}", value=value)

    async def _wired(self, name: str, names: Sequence[str], **others: bytes) -> None:
        """Tell a contract the addresses of others."""
        known = {
            "AddressUpdater": UPDATER,
            "Inflation": INFLATION,
            "CleanupBlockNumberManager": NOBODY,
            "FtsoRewardManager": NOBODY,
            **self._contracts,
            **others,
        }
        all_names = ("AddressUpdater", *names)
        hashes = [keccak256(abi.encode("string", each)) for each in all_names]
        addresses = [known[each] for each in all_names]
        await self._told(name, "updateContractAddresses", hashes, addresses, sender=UPDATER)


def main(arguments: Sequence[str]) -> None:
    """Run such a devnet in a folder until it is told to end: folder, sources, modules, and the plan's numbers."""
    folder, sources, modules, *numbers = arguments
    plan = Plan(**{name: int(value) for name, _, value in (each.partition("=") for each in numbers)})
    made: Callable[..., Deploying] = partial(DeployingFlares, compiled(Path(sources), Path(modules)))
    held = Folder(Path(folder))
    with held.held():
        asyncio.run(serve(plan, find_anvil(), 0, held, print, deploying=made))


if __name__ == "__main__":
    main(sys.argv[1:])
