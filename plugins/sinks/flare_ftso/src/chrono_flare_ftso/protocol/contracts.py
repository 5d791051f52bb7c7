"""The functions that a provider calls: selectors, calldata, results.

Both generations of VoterRegistry, VoterPreRegistry and Relay are called alike; which one is in `Network.contract`. What
differs between the registries is the message that is signed (`registration`) and the logs (`events`).

Source: flare-foundation/flare-smart-contracts-v2 264dab7, `contracts/userInterfaces`, and for what is public without
an interface `contracts/protocol/implementation/FlareSystemsManager.sol` and `Submission.sol`; npm package
@flarenetwork/flare-periphery-contract-artifacts 0.1.50 (IFlareContractRegistry, IWNat, IVPToken, IClaimSetupManager,
and the registries that were replaced); flare-foundation/go-flare 53f8b03, `coreth/core/daemon.go` (refunds);
read 2026-11-22.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from chrono_flare_ftso.protocol import abi
from chrono_flare_ftso.protocol.errors import WireError
from chrono_flare_ftso.protocol.networks import Network

PRIORITISED_CALLDATA_BYTES = 4500

_SIGNATURE = "(uint8,bytes32,bytes32)"
_CLAIMS = "(bytes32[],(uint24,bytes20,uint120,uint8))[]"
_UPDATES = f"(uint256,(uint256,(uint256,uint256),uint256,uint256),bytes,{_SIGNATURE})"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a contract.

    Attributes
    ----------
    contract : str
        As the contract registry has it.
    signature : str
        Name and types of the arguments.
    returns : str
        Types of the results, separated by commas.
    selector : bytes
        The 4 bytes that calldata starts with.

    Examples
    --------
    >>> register = function("VoterRegistry", "registerVoter")
    >>> register.selector.hex(), register.arguments
    ('8f7d0957', 'address,(uint8,bytes32,bytes32)')
    """

    contract: str
    signature: str
    returns: str = ""
    selector: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "selector", abi.selector(self.signature))

    @property
    def name(self) -> str:
        """The name alone."""
        return self.signature.partition("(")[0]

    @property
    def arguments(self) -> str:
        """Types of the arguments, separated by commas."""
        return self.signature.partition("(")[2][:-1]

    def encode_call(self, *values: Any) -> bytes:
        """Return the calldata of a call.

        Parameters
        ----------
        *values : int, bool, bytes, str or sequence
            One for each argument; a tuple for a struct.

        Raises
        ------
        WireError
            If a value does not fit its type, or there are more or fewer values than arguments.

        Examples
        --------
        >>> function("WNat", "delegate").encode_call(bytes(20), 10_000)[-2:].hex()
        '2710'
        """
        return self.selector + abi.encode(self.arguments, *values)

    def decode_call(self, calldata: bytes) -> tuple[Any, ...]:
        """Return the arguments of a call.

        Payload messages that follow ``submit1()`` and its like are no arguments.

        Raises
        ------
        WireError
            If it calls another function, or does not encode the arguments; bytes count from the selector on.

        Examples
        --------
        >>> delegate = function("WNat", "delegate")
        >>> delegate.decode_call(delegate.encode_call(bytes(20), 10_000))[1]
        10000
        """
        what, size = f"call of {self.name}", len(self.selector)
        found = bytes(calldata[:size])
        if found != self.selector:
            raise WireError(what, 0, f"selector {self.selector.hex()}", found.hex() or "the end")
        try:
            return abi.decode(self.arguments, calldata[size:])
        except WireError as error:
            raise WireError(what, error.at + size, error.expected, error.was) from None

    def decode_result(self, data: bytes) -> tuple[Any, ...]:
        """Return what a call returned, one value or more.

        Raises
        ------
        WireError
            If the bytes do not encode the results, as those of an address without a contract, which are none.

        Examples
        --------
        >>> function("Relay", "isFinalized").decode_result((1).to_bytes(32, "big"))
        (True,)
        """
        return abi.decode(self.returns, data, f"result of {self.name}")

    def address(self, network: Network, reward_epoch: int) -> bytes:
        """Return the 20 bytes of the address to call in a reward epoch.

        Raises
        ------
        ValueError
            If the network has no such contract, or the epoch is negative.

        Examples
        --------
        >>> from chrono_flare_ftso.protocol.networks import FLARE
        >>> [function("VoterRegistry", "registerVoter").address(FLARE, epoch).hex()[:4] for epoch in (416, 417)]
        ['2580', 'a480']
        """
        return network.contract(self.contract, reward_epoch)


def function(contract: str, name: str) -> Function:
    """Return a function by the names of its contract and itself.

    Raises
    ------
    ValueError
        If a provider calls none of that name there.

    Examples
    --------
    >>> function("RewardManager", "claim").selector.hex()
    '8e33aba5'
    >>> function("WNat", "delegte")
    Traceback (most recent call last):
    ValueError: expected a function that a provider calls, was 'WNat.delegte'; did you mean WNat.delegate
    """
    key = f"{contract}.{name}"
    if key not in FUNCTIONS:
        near = difflib.get_close_matches(key, FUNCTIONS, n=1)
        hint = f"; did you mean {near[0]}" if near else ""
        raise ValueError(f"expected a function that a provider calls, was {key!r}{hint}")
    return FUNCTIONS[key]


def is_prioritised(network: Network, to: bytes, calldata: bytes, gas_limit: int) -> bool:
    """Return whether a call is one whose fee is mostly refunded, as far as its sender can know.

    The rest is known when it has run: it must not fail, and must be its sender's first of its kind in the voting round.

    Parameters
    ----------
    network : Network
        The chain it is sent on.
    to : bytes
        The contract that is called.
    calldata : bytes
        With the selector.
    gas_limit : int
        Of the transaction.

    Examples
    --------
    >>> from chrono_flare_ftso.protocol.networks import FLARE, SONGBIRD
    >>> to, call = FLARE.contract("Submission", 0), bytes.fromhex("6c532fae64000000010000")
    >>> is_prioritised(FLARE, to, call, 3_000_000), is_prioritised(FLARE, to, call, 3_000_001)
    (True, False)
    >>> is_prioritised(SONGBIRD, to, call, 8_000_000)
    True
    """
    (submission,) = network.contracts["Submission"]
    return (
        to == submission.address
        and bytes(calldata[:4]) in _PRIORITISED
        and len(calldata) <= PRIORITISED_CALLDATA_BYTES
        and (network.refunded_gas_limit is None or gas_limit <= network.refunded_gas_limit)
    )


_CALLED: Mapping[str, Mapping[str, str]] = {
    "FlareContractRegistry": {
        "getContractAddressByName(string)": "address",
        "getContractAddressesByName(string[])": "address[]",
        "getAllContracts()": "string[],address[]",
    },
    "Submission": {
        "submit1()": "bool",
        "submit2()": "bool",
        "submit3()": "bool",
        "submitSignatures()": "bool",
        "submitAndPass(bytes)": "bool",
        "submitAndPassContract()": "address",
    },
    "Relay": {
        "relay()": "bytes",
        "verify(uint256,uint256,bytes32,bytes32[])": "bool",
        "isFinalized(uint256,uint256)": "bool",
        "merkleRoots(uint256,uint256)": "bytes32",
        "toSigningPolicyHash(uint256)": "bytes32",
        "startingVotingRoundIds(uint256)": "uint256",
        "lastInitializedRewardEpochData()": "uint32,uint32",
        "getRandomNumber()": "uint256,bool,uint256",
        "getRandomNumberHistorical(uint256)": "uint256,bool,uint256",
        "protocolFeeInWei(uint256)": "uint256",
        "stateData()": "uint8,uint32,uint8,uint32,uint16,uint16,uint32,bool,uint32,bool,uint32",
    },
    "VoterRegistry": {
        f"registerVoter(address,{_SIGNATURE})": "",
        "isVoterRegistered(address,uint256)": "bool",
        "getRegisteredVoters(uint256)": "address[]",
        "publicKeyRequired()": "bool",
        "chilledUntilRewardEpochId(bytes20)": "uint256",
    },
    "VoterPreRegistry": {f"preRegisterVoter(address,{_SIGNATURE})": ""},
    "FlareSystemsManager": {
        f"signNewSigningPolicy(uint24,bytes32,{_SIGNATURE})": "",
        f"submitUptimeVote(uint24,bytes20[],{_SIGNATURE})": "",
        f"signUptimeVote(uint24,bytes32,{_SIGNATURE})": "",
        f"signRewards(uint24,(uint256,uint256)[],bytes32,{_SIGNATURE})": "",
        "firstVotingRoundStartTs()": "uint64",
        "votingEpochDurationSeconds()": "uint64",
        "firstRewardEpochStartTs()": "uint64",
        "rewardEpochDurationSeconds()": "uint64",
        "getCurrentRewardEpochId()": "uint24",
        "getCurrentVotingEpochId()": "uint32",
        "getSeed(uint256)": "uint256",
        "getThreshold(uint256)": "uint16",
        "getStartVotingRoundId(uint256)": "uint32",
        "getVotePowerBlock(uint256)": "uint64",
        "getVoterRegistrationData(uint256)": "uint256,bool",
        "isVoterRegistrationEnabled()": "bool",
        "uptimeVoteHash(uint256)": "bytes32",
        "rewardsHash(uint256)": "bytes32",
    },
    "EntityManager": {
        "proposeSubmitAddress(address)": "",
        "confirmSubmitAddressRegistration(address)": "",
        "proposeSubmitSignaturesAddress(address)": "",
        "confirmSubmitSignaturesAddressRegistration(address)": "",
        "proposeSigningPolicyAddress(address)": "",
        "confirmSigningPolicyAddressRegistration(address)": "",
        "proposeDelegationAddress(address)": "",
        "confirmDelegationAddressRegistration(address)": "",
        "registerPublicKey(bytes32,bytes32,bytes)": "",
        "unregisterPublicKey()": "",
        "registerNodeId(bytes20,bytes,bytes)": "",
        "unregisterNodeId(bytes20)": "",
        "getVoterAddresses(address)": "(address,address,address)",
        "getVoterAddressesAt(address,uint256)": "(address,address,address)",
        "getDelegationAddressOf(address)": "address",
        "getDelegationAddressOfAt(address,uint256)": "address",
        "getPublicKeyOf(address)": "bytes32,bytes32",
        "getPublicKeyOfAt(address,uint256)": "bytes32,bytes32",
        "getNodeIdsOf(address)": "bytes20[]",
        "getNodeIdsOfAt(address,uint256)": "bytes20[]",
    },
    "RewardManager": {
        f"claim(address,address,uint24,bool,{_CLAIMS})": "uint256",
        f"autoClaim(address[],uint24,{_CLAIMS})": "",
        f"initialiseWeightBasedClaims({_CLAIMS})": "",
        "getNextClaimableRewardEpochId(address)": "uint256",
        "getRewardEpochIdsWithClaimableRewards()": "uint24,uint24",
        "getStateOfRewards(address)": "(uint24,bytes20,uint120,uint8,bool)[][]",
        "noOfInitialisedWeightBasedClaims(uint256)": "uint256",
    },
    "ClaimSetupManager": {
        "setClaimExecutors(address[])": "",
        "setAllowedClaimRecipients(address[])": "",
        "setAutoClaiming(address[],bool)": "",
        "claimExecutors(address)": "address[]",
        "allowedClaimRecipients(address)": "address[]",
    },
    "WNat": {
        "deposit()": "",
        "withdraw(uint256)": "",
        "delegate(address,uint256)": "",
        # the older interfaces of Songbird and Coston have none
        "batchDelegate(address[],uint256[])": "",
        "undelegateAll()": "",
        "delegateExplicit(address,uint256)": "",
        "delegatesOf(address)": "address[],uint256[],uint256,uint256",
        "delegationModeOf(address)": "uint256",
        "balanceOf(address)": "uint256",
        "votePowerOf(address)": "uint256",
        "votePowerOfAt(address,uint256)": "uint256",
    },
    "WNatDelegationFee": {
        "setVoterFeePercentage(uint16)": "uint256",
        "getVoterCurrentFeePercentage(address)": "uint16",
    },
    "FastUpdater": {
        f"submitUpdates({_UPDATES})": "",
        "fetchCurrentFeeds(uint256[])": "uint256[],int8[],uint64",
        "fetchAllCurrentFeeds()": "bytes21[],uint256[],int8[],uint64",
        "currentScoreCutoff()": "uint256",
        "blockScoreCutoff(uint256)": "uint256",
        "currentSortitionWeight(address)": "uint256",
        "currentRewardEpochId()": "uint24",
        "submissionWindow()": "uint8",
    },
    "FastUpdateIncentiveManager": {"getExpectedSampleSize()": "uint256", "getScale()": "uint256"},
    "FastUpdatesConfiguration": {"getFeedIds()": "bytes21[]", "getFeedConfigurations()": "(bytes21,uint32,uint24)[]"},
    "FeeCalculator": {"calculateFeeByIndices(uint256[])": "uint256"},
}

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        f"{contract}.{signature.partition('(')[0]}": Function(contract, signature, returns)
        for contract, functions in _CALLED.items()
        for signature, returns in functions.items()
    }
)
"""Every function, by ``contract.name``."""

_PRIORITISED = frozenset(
    function("Submission", name).selector
    for name in ("submit1", "submit2", "submit3", "submitSignatures", "submitAndPass")
)
