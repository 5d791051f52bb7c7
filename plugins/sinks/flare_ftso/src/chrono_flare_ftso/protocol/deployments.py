"""Where the protocol's contracts live, before and after each upgrade.

Source: flare-foundation/developer-hub daa3028, `src/features/DataTables/SolidityReference` (addresses);
flare-foundation/flare-system-client b63206b, `client/epoch/registry_utils.go` and `client/finalizer/relay_client.go`,
and flare-foundation/flare-system-c-chain-indexer 65a3b80, `internal/contracts/upgrades.go` (upgrades); for Coston2's
registries flare-foundation/FTSO-Scaling 665629f, `libs/ftso-core/src/IndexerClient.ts`, and
flare-foundation/flare-system-client 48d07ad, `client/epoch/registry_utils.go`; read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chrono_flare_ftso.protocol.text import from_hex


@dataclass(frozen=True, slots=True)
class Deployment:
    """An address of a contract.

    Attributes
    ----------
    first_reward_epoch : int
        The reward epoch it serves first; 0 where nothing before it is known.
    address : bytes
        20 bytes.
    """

    first_reward_epoch: int
    address: bytes


_EVERYWHERE = {
    "FlareContractRegistry": "0xaD67FE66660Fb8dFE9d6b1b4240d8650e30F6019",
    "Submission": "0x2cA6571Daa15ce734Bbd0Bf27D5C9D16787fc33f",
}


def _deployments(
    present: Mapping[str, str], replaced: Mapping[str, tuple[str, int]]
) -> Mapping[str, tuple[Deployment, ...]]:
    """Return the deployments of addresses, some of which replaced another in a reward epoch."""
    found: dict[str, tuple[Deployment, ...]] = {}
    for name, address in (_EVERYWHERE | dict(present)).items():
        before, since = replaced.get(name, ("", 0))
        old = (Deployment(0, from_hex(before, 20)),) if before else ()
        found[name] = (*old, Deployment(since, from_hex(address, 20)))
    return found


DEPLOYMENTS: Mapping[str, Mapping[str, tuple[Deployment, ...]]] = {
    "flare": _deployments(
        {
            "FlareSystemsManager": "0x89e50DC0380e597ecE79c8494bAAFD84537AD0D4",
            "VoterRegistry": "0xA480457953Af3583E54DCd630b219353B8FC9Af7",
            "VoterPreRegistry": "0x76D49E62B07e52A13b7FBB4602eD942f812c87e2",
            "EntityManager": "0x134b3311C6BdeD895556807a30C7f047D99DfdC2",
            "FlareSystemsCalculator": "0xf9cCe0Bd286bb38A9A0cD15fDDC5431F03568Db0",
            "Relay": "0xCcF30790A93F15e24EB909548a2C58a9b0a7FBd4",
            "RewardManager": "0xC8f55c5aA2C752eE285Bd872855C749f4ee6239B",
            "FtsoRewardOffersManager": "0x244EA7f173895968128D5847Df2C75B1460ac685",
            "FtsoInflationConfigurations": "0xc8f3BBFbAb36838a80789CF116B8cF827430E6c7",
            "FtsoFeedDecimals": "0xC4C1B29Db668D40D986B19D06956079D1571baC1",
            "FtsoFeedPublisher": "0x91fe21970754FAf858B976DC93c3Aa2cE7848571",
            "FtsoFeedIdConverter": "0xafEa60cabb2daB413D17b85Db82cCf6EB06a0F66",
            "FtsoV2": "0x7BDE3Df0624114eDB3A67dFe6753e62f4e7c1d20",
            "FastUpdater": "0xdBF71d7840934EB82FA10173103D4e9fd4054dd1",
            "FastUpdateIncentiveManager": "0xd648e8ACA486Ce876D641A0F53ED1F2E9eF4885D",
            "FastUpdatesConfiguration": "0xD9B6fB7F49C13C1448d0DEF4E83aFECf8E8778C8",
            "FeeCalculator": "0xFDe4f89E6d67ec1a497e1c25944ba5D2d7a36bf3",
            "WNat": "0x1D80c49BbBCd1C0911346656B529DF9E5c2F783d",
            "WNatDelegationFee": "0xb382DC86C06f91ef711703a582D08977b2601726",
            "ClaimSetupManager": "0xD56c0Ea37B848939B59e6F5Cda119b3fA473b5eB",
            "ValidatorRewardManager": "0xc0CF3Aaf93bd978C5BC662564Aa73E331f2eC0B5",
            "FdcHub": "0xc25c749DC27Efb1864Cb3DADa8845B7687eB2d44",
            "RandomNumberV2": "0xCcF30790A93F15e24EB909548a2C58a9b0a7FBd4",
            "PChainStakeMirror": "0x7b61F9F27153a4F2F57Dc30bF08A8eb0cCB96C22",
        },
        replaced={
            "VoterRegistry": ("0x2580101692366e2f331e891180d9ffdF861Fce83", 417),
            "VoterPreRegistry": ("0xeFDBf6F31Aa46c62414Aee82aF43036d16885b48", 417),
            "FlareSystemsCalculator": ("0x67c4B11c710D35a279A41cff5eb089Fe72748CF8", 417),
            "Relay": ("0x57a4c3676d08Aa5d15410b5A6A80fBcEF72f3F45", 374),
        },
    ),
    "songbird": _deployments(
        {
            "FlareSystemsManager": "0x421c69E22f48e14Fc2d2Ee3812c59bfb81c38516",
            "VoterRegistry": "0xd23FAE88c09e6A77dD9eFcc29D6bBC55D2e74310",
            "VoterPreRegistry": "0xD8957603dE539118898BA2C321a1001d062Be7Ae",
            "EntityManager": "0x46C417D0760198E94fee455CE0e223262a3D0049",
            "FlareSystemsCalculator": "0x31a5B8E7ca6dFC7B963f5D029F0884ef19E53A24",
            "Relay": "0xCB86E8Be709001e01897Bf59847406853da8f14b",
            "RewardManager": "0xE26AD68b17224951b5740F33926Cc438764eB9a7",
            "FtsoRewardOffersManager": "0x5aB9cB258a342001C4663D9526A1c54cCcF8C545",
            "FtsoInflationConfigurations": "0xedCC74C6Dac98abB2F658D8cF6112D6B53B0E78D",
            "FtsoFeedDecimals": "0x9391f16c2034CCe3cC139e9eE30E080EF524D4a9",
            "FtsoFeedPublisher": "0xD29D1AE96c5D505Bcf886d38C9DC0358b326E458",
            "FtsoFeedIdConverter": "0x9c20c3F1fC39F14ad0D09DE91B74a16c12a36C61",
            "FtsoV2": "0x510600336247303f9dAA337eC7E82D1F11462Ec8",
            "FastUpdater": "0x7D9F73FD9bC4607daCB618FF895585f98BFDD06B",
            "FastUpdateIncentiveManager": "0x596C70Ad6fFFdb9b6158F1Dfd0bc32cc72B82006",
            "FastUpdatesConfiguration": "0x8D48a67e11CdB821C38c85FB92bcB3A1865aCEdF",
            "FeeCalculator": "0x850580df526112CCe4B7FC135919BaE3a923b845",
            "WNat": "0x02f0826ef6aD107Cfc861152B32B52fD11BaB9ED",
            "WNatDelegationFee": "0x3499a6D765640F8D35538cF0a292BcA38504353C",
            "ClaimSetupManager": "0xDD138B38d87b0F95F6c3e13e78FFDF2588F1732d",
            "FdcHub": "0xCfD4669a505A70c2cE85db8A1c1d14BcDE5a1a06",
            "RandomNumberV2": "0xCB86E8Be709001e01897Bf59847406853da8f14b",
        },
        replaced={
            "VoterRegistry": ("0x31B9EC65C731c7D973a33Ef3FC83B653f540dC8D", 417),
            "VoterPreRegistry": ("0x9Ba9A142FD5B2953667B03dB40D1d77c83F225a2", 417),
            "FlareSystemsCalculator": ("0x126FAeEc75601dA3354c0b5Cc0b60C85fCbC3A5e", 417),
            "Relay": ("0x67a916E175a2aF01369294739AA60dDdE1Fad189", 374),
        },
    ),
    "coston": _deployments(
        {
            "FlareSystemsManager": "0x85680Dd93755Fe5d0789773fd0896cEE51F9e358",
            "VoterRegistry": "0x42F4526BFC6f892DB515a832a52eFc9edFADf6c0",
            "VoterPreRegistry": "0x4A5538e86bc09cc1b02BAE720CCc39548e10dB28",
            "EntityManager": "0x60A848E5Da796D741e559c170E851FC813061217",
            "FlareSystemsCalculator": "0x3787dCBD770202F856ED9204c19d6f9022Ff3BF2",
            "Relay": "0x051f214D346Cfd97B107BECb87E2B35D1b4287E9",
            "RewardManager": "0x2ade9972E7f27200872D378acF7a1BaD8D696FC5",
            "FtsoRewardOffersManager": "0xC9534cB913150aD3e98D792857689B55e2404212",
            "FtsoInflationConfigurations": "0x4f634084483dE74cd4b69007fdF1DaeCC7354991",
            "FtsoFeedDecimals": "0xC24bca265667CD2ABC412554FD39722cbaf78a4f",
            "FtsoFeedPublisher": "0x595AbCc4f9330b30ca31966dFfF71EBE0Af2b820",
            "FtsoFeedIdConverter": "0x5c871668b17B604c0CAA848D8Efa7D9094748BC8",
            "FtsoV2": "0x787C2AbB211dbC5F9B239288701a3dd5ae3Af1A2",
            "FastUpdater": "0xB8336A96b4b8af89f60EA080002214191Bc8293A",
            "FastUpdateIncentiveManager": "0x8c45666369B174806E1AB78D989ddd79a3267F3b",
            "FastUpdatesConfiguration": "0x9A53e14B58383642cdB2bb4D5C46989F05C6B5f9",
            "FeeCalculator": "0x08e0CBdc9173e537208CEAd8c38f263517f54F22",
            "WNat": "0x767b25A658E8FC8ab6eBbd52043495dB61b4ea91",
            "WNatDelegationFee": "0xD6f2DC0A3433613d3d0Ee1d764e22631cCF175C8",
            "ClaimSetupManager": "0x3F55A3c8012C26B140AcC23d061E7c4626d64e01",
            "FdcHub": "0x1c78A073E3BD2aCa4cc327d55FB0cD4f0549B55b",
            "RandomNumberV2": "0x051f214D346Cfd97B107BECb87E2B35D1b4287E9",
        },
        replaced={
            "VoterRegistry": ("0xB4B93a3A3ADa93a574E6efeb5f295bf882934cB6", 5451),
            "VoterPreRegistry": ("0xF660984B8597e31437cA4b7dEa0A41677982563b", 5451),
            "Relay": ("0x92a6E1127262106611e1e129BB64B6D8654273F7", 5236),
        },
    ),
    "coston2": _deployments(
        {
            "FlareSystemsManager": "0xA90Db6D10F856799b10ef2A77EBCbF460aC71e52",
            "VoterRegistry": "0x6a0AF07b7972177B176d3D422555cbc98DfDe914",
            "VoterPreRegistry": "0xee963D1867d8B5f3D3E304802B40BC55B3eDeCB8",
            "EntityManager": "0xE62c5557210a5D095BfC2fDc8B2b5D64609cfDf1",
            "FlareSystemsCalculator": "0x93F4C0b43A221Cf0a57faa882Df5E3F6CAa5Aca8",
            "Relay": "0xa10B672D1c62e5457b17af63d4302add6A99d7dE",
            "RewardManager": "0xB4f43E342c5c77e6fe060c0481Fe313Ff2503454",
            "FtsoRewardOffersManager": "0x1b7ffab226b66b5eCBdC79a42287BC09C05bCb33",
            "FtsoInflationConfigurations": "0x14Cf71e1a73e22B1ef9b47d85eC492259D8C3C81",
            "FtsoFeedDecimals": "0xdC338222e3Bf815A87F561C6BD42C094a5d171d4",
            "FtsoFeedPublisher": "0x4fEcE851632C2A88519bE4C92eA238bbE71D882D",
            "FtsoFeedIdConverter": "0x1224AE03e0564c4C2dD3B49B1834F2ac765a529E",
            "FtsoV2": "0xC4e9c78EA53db782E28f28Fdf80BaF59336B304d",
            "FastUpdater": "0x0B162CA3acf3482d3357972e12d794434085D839",
            "FastUpdateIncentiveManager": "0xC71C1C6E6FB31eF6D948B2C074fA0d38a07D4f68",
            "FastUpdatesConfiguration": "0x222768c5AbCe56Af9Fd75c5f59614a8B7F5dBe80",
            "FeeCalculator": "0x88A9315f96c9b5518BBeC58dC6a914e13fAb13e2",
            "WNat": "0xC67DCE33D7A8efA5FfEB961899C73fe01bCe9273",
            "WNatDelegationFee": "0xd357A191986982CDcb4E093508362a2Ffc412772",
            "ClaimSetupManager": "0x5Ddb590530EF66775E6225671eaBD94959e9AE0e",
            "ValidatorRewardManager": "0x33913AcE907F682E305f36d7538D3cCd37E2cA5B",
            "FdcHub": "0x48aC463d7975828989331F4De43341627b9c5f1D",
            "RandomNumberV2": "0xa10B672D1c62e5457b17af63d4302add6A99d7dE",
            "PChainStakeMirror": "0xd2a1Bb23eB350814a30Dd6f9de78Bb2C8fdD9F1D",
        },
        replaced={
            "Relay": ("0x97702e350CaEda540935d92aAf213307e9069784", 5236),
            "VoterRegistry": ("0xc6E40401395DCc648bC4bBb38fE4552423cD9BAC", 5339),
            "VoterPreRegistry": ("0x47469Af25c253B4fb9b2a207BF4069574C6CcBd7", 5339),
            "FlareSystemsCalculator": ("0x9aF60c16192330EC98d04Ec9675d22dBb9892951", 5339),
        },
    ),
}
