# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Voting rounds and reward epochs
@notice daemonize() is called again and again, on Flare by the node in each block. It opens voting rounds, and takes the
next reward epoch from one state to the next: its random is sought, the vote power block is selected, voters register,
the signing policy is set, it starts; later the uptime of the one before may be signed, then its rewards.
"""

import addresses
import reward_epochs as epochs
import voter_signatures
initializes: epochs
initializes: voter_signatures[epochs := epochs]

exports: (
    epochs.getCurrentRewardEpochId,
    epochs.getCurrentRewardEpoch,
    epochs.getSeed,
    epochs.getVotePowerBlock,
    epochs.getThreshold,
    epochs.getStartVotingRoundId,
    epochs.getVoterRegistrationData,
    epochs.isVoterRegistrationEnabled,
    epochs.getRewardEpochStartInfo,
    epochs.getRandomAcquisitionInfo,
    epochs.getSigningPolicySignInfo,
    epochs.getUptimeVoteSignStartInfo,
    epochs.getRewardsSignInfo,
    voter_signatures.signNewSigningPolicy,
    voter_signatures.submitUptimeVote,
    voter_signatures.signUptimeVote,
    voter_signatures.signRewards,
    voter_signatures.uptimeVoteHash,
    voter_signatures.rewardsHash,
    voter_signatures.noOfWeightBasedClaims,
    voter_signatures.noOfWeightBasedClaimsHash,
)

event RandomAcquisitionStarted:
    rewardEpochId: indexed(uint24)
    timestamp: uint64

event VotePowerBlockSelected:
    rewardEpochId: indexed(uint24)
    votePowerBlock: uint64
    timestamp: uint64

event RewardEpochStarted:
    rewardEpochId: indexed(uint24)
    startVotingRoundId: uint32
    timestamp: uint64

event SignUptimeVoteEnabled:
    rewardEpochId: indexed(uint24)
    timestamp: uint64

struct Settings:
    randomAcquisitionMaxDurationSeconds: uint64
    randomAcquisitionMaxDurationBlocks: uint64
    newSigningPolicyInitializationStartSeconds: uint64
    newSigningPolicyMinNumberOfVotingRoundsDelay: uint32
    voterRegistrationMinDurationSeconds: uint64
    voterRegistrationMinDurationBlocks: uint64
    submitUptimeVoteMinDurationSeconds: uint64
    submitUptimeVoteMinDurationBlocks: uint64
    signingPolicyThresholdPPM: uint24
    signingPolicyMinNumberOfVoters: uint16

struct Timing:
    firstVotingRoundStartTs: uint64
    votingEpochDurationSeconds: uint64
    firstRewardEpochStartVotingRoundId: uint32
    rewardEpochDurationInVotingEpochs: uint32

# the reward epoch the chain begins in, of which nothing is prepared
struct Initial:
    rewardEpochId: uint24
    threshold: uint16
    seed: uint256
    votePowerBlock: uint64

struct Policy:
    rewardEpochId: uint24
    startVotingRoundId: uint32
    threshold: uint16
    seed: uint256
    voters: DynArray[address, MAX_VOTERS]
    weights: DynArray[uint16, MAX_VOTERS]

interface VoterRegistry:
    def setNewSigningPolicyInitializationStartBlockNumber(_rewardEpochId: uint256): nonpayable
    def createSigningPolicySnapshot(
        _rewardEpochId: uint256,
    ) -> (DynArray[address, MAX_VOTERS], DynArray[uint16, MAX_VOTERS], uint16): nonpayable
    def getNumberOfRegisteredVoters(_rewardEpochId: uint256) -> uint256: view
    def getRegisteredSubmitAddresses(_rewardEpochId: uint256) -> DynArray[address, MAX_VOTERS]: view
    def getRegisteredSubmitSignaturesAddresses(_rewardEpochId: uint256) -> DynArray[address, MAX_VOTERS]: view

interface PreRegistry:
    def triggerVoterRegistration(_rewardEpochId: uint24): nonpayable

interface Submission:
    def initNewVotingRound(
        _submit1Addresses: DynArray[address, MAX_VOTERS],
        _submit2Addresses: DynArray[address, MAX_VOTERS],
        _submit3Addresses: DynArray[address, MAX_VOTERS],
        _submitSignaturesAddresses: DynArray[address, MAX_VOTERS],
    ): nonpayable

interface Relay:
    def getRandomNumber() -> (uint256, bool, uint256): view
    def setSigningPolicy(_signingPolicy: Policy) -> bytes32: nonpayable

interface Offers:
    def triggerRewardEpochSwitchover(_currentRewardEpochId: uint24): nonpayable

MAX_VOTERS: constant(uint256) = 100
PPM: constant(uint256) = 1_000_000

daemon: public(immutable(address))
settings: public(immutable(Settings))
initialRewardEpochId: public(immutable(uint24))
_timing: immutable(Timing)

currentRewardEpochExpectedEndTs: public(uint64)
lastInitializedVotingRoundId: public(uint32)


@deploy
def __init__(caller: address, chosen: Settings, timing: Timing, initial: Initial):
    daemon = caller
    settings = chosen
    initialRewardEpochId = initial.rewardEpochId
    _timing = timing
    assert chosen.signingPolicyThresholdPPM <= 1_000_000, "threshold too high"
    assert timing.votingEpochDurationSeconds > 0 and timing.rewardEpochDurationInVotingEpochs > 0, "duration zero"
    epoch: uint256 = convert(initial.rewardEpochId, uint256)
    epochs.current = initial.rewardEpochId
    rounds: uint32 = convert(initial.rewardEpochId, uint32) * timing.rewardEpochDurationInVotingEpochs
    start: uint32 = timing.firstRewardEpochStartVotingRoundId + rounds
    epochs.known[epoch].randomStart = epochs._now()
    epochs.known[epoch].started = epochs._now()
    epochs.known[epoch].votePowerBlock = initial.votePowerBlock
    epochs.known[epoch].seed = initial.seed
    epochs.known[epoch].threshold = initial.threshold
    epochs.known[epoch].startVotingRoundId = start
    self.currentRewardEpochExpectedEndTs = self._start_of(start + timing.rewardEpochDurationInVotingEpochs)


# what happens by time


@external
def daemonize() -> bool:
    assert msg.sender == daemon, "only flare daemon"
    following: uint256 = convert(epochs.current, uint256) + 1
    prepares: uint64 = self.currentRewardEpochExpectedEndTs - settings.newSigningPolicyInitializationStartSeconds
    if convert(block.timestamp, uint64) >= prepares and epochs.known[following].policySet.ts == 0:
        self._prepare(following)
    is_set: bool = epochs.known[following].policySet.ts != 0
    if is_set and self._round() >= epochs.known[following].startVotingRoundId:
        self._start(following)
    self._open_uptime_vote()
    self._open_round()
    return True


@internal
def _prepare(epoch: uint256):
    if epochs.known[epoch].randomStart.ts == 0:
        epochs.known[epoch].randomStart = epochs._now()
        extcall VoterRegistry(addresses.of("VoterRegistry")).setNewSigningPolicyInitializationStartBlockNumber(epoch)
        log RandomAcquisitionStarted(rewardEpochId=convert(epoch, uint24), timestamp=epochs._now().ts)
    elif epochs.known[epoch].votePowerBlock == 0:
        self._select_vote_power_block(epoch)
    elif self._may_set_policy(epoch):
        self._set_policy(epoch)


@internal
def _select_vote_power_block(epoch: uint256):
    started: epochs.Instant = epochs.known[epoch].randomStart
    random: uint256 = 0
    secure: bool = False
    since: uint256 = 0
    random, secure, since = staticcall Relay(addresses.of("Relay")).getRandomNumber()
    if secure and since > convert(started.ts, uint256):
        span: uint64 = max(started.number - epochs.known[epoch - 1].randomStart.number, 1)
        back: uint64 = convert(random % convert(span, uint256), uint64)
        epochs.known[epoch].votePowerBlock = started.number - back
        epochs.known[epoch].seed = random
    elif epochs._lasted(
        started, settings.randomAcquisitionMaxDurationSeconds, settings.randomAcquisitionMaxDurationBlocks
    ):
        # no secure random came: those of the reward epoch before are used again
        epochs.known[epoch].votePowerBlock = epochs.known[epoch - 1].votePowerBlock
        epochs.known[epoch].seed = epochs.known[epoch - 1].seed
    else:
        return
    epochs.known[epoch].randomEnd = epochs._now()
    log VotePowerBlockSelected(
        rewardEpochId=convert(epoch, uint24),
        votePowerBlock=epochs.known[epoch].votePowerBlock,
        timestamp=epochs._now().ts,
    )
    extcall PreRegistry(addresses.of("VoterPreRegistry")).triggerVoterRegistration(convert(epoch, uint24))


@internal
@view
def _may_set_policy(epoch: uint256) -> bool:
    voters: uint256 = staticcall VoterRegistry(addresses.of("VoterRegistry")).getNumberOfRegisteredVoters(epoch)
    lasted: bool = epochs._lasted(
        epochs.known[epoch].randomEnd,
        settings.voterRegistrationMinDurationSeconds,
        settings.voterRegistrationMinDurationBlocks,
    )
    return lasted and voters >= convert(settings.signingPolicyMinNumberOfVoters, uint256)


@internal
def _set_policy(epoch: uint256):
    voters: DynArray[address, MAX_VOTERS] = []
    weights: DynArray[uint16, MAX_VOTERS] = []
    total: uint16 = 0
    voters, weights, total = extcall VoterRegistry(addresses.of("VoterRegistry")).createSigningPolicySnapshot(epoch)
    share: uint256 = convert(total, uint256) * convert(settings.signingPolicyThresholdPPM, uint256)
    threshold: uint16 = convert((share + PPM - 1) // PPM, uint16)
    rounds: uint32 = convert(epoch, uint32) * _timing.rewardEpochDurationInVotingEpochs
    start: uint32 = max(
        _timing.firstRewardEpochStartVotingRoundId + rounds,
        self._round() + settings.newSigningPolicyMinNumberOfVotingRoundsDelay + 1,
    )
    epochs.known[epoch].policySet = epochs._now()
    epochs.known[epoch].threshold = threshold
    epochs.known[epoch].startVotingRoundId = start
    policy: Policy = Policy(
        rewardEpochId=convert(epoch, uint24),
        startVotingRoundId=start,
        threshold=threshold,
        seed=epochs.known[epoch].seed,
        voters=voters,
        weights=weights,
    )
    extcall Relay(addresses.of("Relay")).setSigningPolicy(policy)


@internal
def _start(epoch: uint256):
    epochs.current = convert(epoch, uint24)
    epochs.known[epoch].started = epochs._now()
    length: uint64 = convert(_timing.rewardEpochDurationInVotingEpochs, uint64) * _timing.votingEpochDurationSeconds
    self.currentRewardEpochExpectedEndTs += length
    log RewardEpochStarted(
        rewardEpochId=convert(epoch, uint24),
        startVotingRoundId=epochs.known[epoch].startVotingRoundId,
        timestamp=epochs._now().ts,
    )
    extcall Offers(addresses.of("FtsoRewardOffersManager")).triggerRewardEpochSwitchover(convert(epoch, uint24))


@internal
def _open_uptime_vote():
    if epochs.current == initialRewardEpochId:
        return
    past: uint256 = convert(epochs.current, uint256) - 1
    if epochs.known[past].uptimeStart.ts != 0:
        return
    started: epochs.Instant = epochs.known[past + 1].started
    if epochs._lasted(
        started, settings.submitUptimeVoteMinDurationSeconds, settings.submitUptimeVoteMinDurationBlocks
    ):
        epochs.known[past].uptimeStart = epochs._now()
        log SignUptimeVoteEnabled(rewardEpochId=convert(past, uint24), timestamp=epochs._now().ts)


@internal
def _open_round():
    round: uint32 = self._round()
    if round <= self.lastInitializedVotingRoundId:
        return
    self.lastInitializedVotingRoundId = round
    registry: VoterRegistry = VoterRegistry(addresses.of("VoterRegistry"))
    epoch: uint256 = convert(epochs.current, uint256)
    # what ends the round before is sent by those who began it
    before: uint256 = epoch
    if round == epochs.known[epoch].startVotingRoundId and epochs.current != initialRewardEpochId:
        before = epoch - 1
    submit: DynArray[address, MAX_VOTERS] = staticcall registry.getRegisteredSubmitAddresses(epoch)
    reveal: DynArray[address, MAX_VOTERS] = staticcall registry.getRegisteredSubmitAddresses(before)
    sign: DynArray[address, MAX_VOTERS] = staticcall registry.getRegisteredSubmitSignaturesAddresses(before)
    extcall Submission(addresses.of("Submission")).initNewVotingRound(submit, reveal, submit, sign)


@internal
@view
def _round() -> uint32:
    since: uint64 = convert(block.timestamp, uint64) - _timing.firstVotingRoundStartTs
    return convert(since // _timing.votingEpochDurationSeconds, uint32)


@internal
@view
def _start_of(round: uint32) -> uint64:
    return _timing.firstVotingRoundStartTs + convert(round, uint64) * _timing.votingEpochDurationSeconds


# what is read


@external
@view
def getCurrentVotingEpochId() -> uint32:
    return self._round()


@external
@view
def firstVotingRoundStartTs() -> uint64:
    return _timing.firstVotingRoundStartTs


@external
@view
def votingEpochDurationSeconds() -> uint64:
    return _timing.votingEpochDurationSeconds


@external
@view
def firstRewardEpochStartTs() -> uint64:
    return self._start_of(_timing.firstRewardEpochStartVotingRoundId)


@external
@view
def rewardEpochDurationSeconds() -> uint64:
    return convert(_timing.rewardEpochDurationInVotingEpochs, uint64) * _timing.votingEpochDurationSeconds


@external
@view
def rewardEpochIdToExpireNext() -> uint24:
    # nothing expires here
    return initialRewardEpochId + 1
