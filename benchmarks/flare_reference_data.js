// Serves a built FTSO-Scaling data provider on the loopback, with a database in memory: run it in the provider's folder,
// with NETWORK=local-test. CHRONO_REFERENCE: {"values": address, "key": its API key, "feeds": [{"id", "decimals"}]}.
// It prints {"port", "round"} when it serves. What it knows of the chain is one reward epoch with one voter.
const { createRequire } = require("module");

const given = JSON.parse(process.env.CHRONO_REFERENCE);
const ofProvider = createRequire(process.cwd() + "/");
const built = path => ofProvider(`./dist/${path}`);

ofProvider("reflect-metadata");
const { AbiCoder } = ofProvider("ethers");
const { Module } = ofProvider("@nestjs/common");
const { ConfigModule, ConfigService } = ofProvider("@nestjs/config");
const { NestFactory } = ofProvider("@nestjs/core");
const { DataSource } = ofProvider("typeorm");
const { AbiCache } = built("libs/contracts/src/abi/AbiCache");
const { CONTRACTS } = built("libs/contracts/src/constants");
const { EPOCH_SETTINGS } = built("libs/ftso-core/src/constants");
const { TLPEvents, TLPState, TLPTransaction } = built("libs/ftso-core/src/orm/entities");
const app = "apps/ftso-data-provider/src";
const { FtsoDataProviderController } = built(`${app}/ftso-data-provider.controller`);
const { FtsoDataProviderService } = built(`${app}/ftso-data-provider.service`);
const { AuthService } = built(`${app}/auth/auth.service`);
const { ApiKeyStrategy } = built(`${app}/auth/apikey.strategy`);
const { BigIntInterceptor } = built(`${app}/utils/BigIntInterceptor`);

const bare = hex => hex.replace(/^0x/, "").toLowerCase();
const written = (inputs, values) =>
  AbiCoder.defaultAbiCoder().encode(inputs.map(each => each.type), inputs.map(each => values[each.name]));

/** A row of the table of logs, as the indexer writes it. */
function log(contract, name, timestamp, values) {
  const { inputs } = AbiCache.instance.getEventAbiData(contract.name, name).abi;
  const topics = inputs.filter(each => each.indexed).map(each => written([each], values));
  return Object.assign(new TLPEvents(), {
    address: bare(contract.address),
    data: bare(written(inputs.filter(each => !each.indexed), values)),
    topic0: bare(AbiCache.instance.getEventSignature(contract.name, name)),
    topic1: topics[0] ?? "NULL",
    topic2: topics[1] ?? "NULL",
    topic3: topics[2] ?? "NULL",
    log_index: 1,
    block_number: 1,
    timestamp,
  });
}

/** What a chain says before a reward epoch begins. */
function prologue(epoch, feeds) {
  const settings = EPOCH_SETTINGS();
  const begun = settings.expectedRewardEpochStartTimeSec(epoch - 1);
  const starts = number => settings.expectedFirstVotingRoundForRewardEpoch(number);
  const someone = "0x" + "11".repeat(20);
  const nothing = "0x" + "00".repeat(32);
  const byte = number => number.toString(16).padStart(2, "0");
  const told = (contract, name, seconds, values) =>
    log(contract, name, begun + seconds, { rewardEpochId: epoch, timestamp: begun + seconds, ...values });
  const { FlareSystemsManager, FtsoRewardOffersManager, FlareSystemsCalculator, VoterRegistry, Relay } = CONTRACTS;
  return [
    told(FlareSystemsManager, "RewardEpochStarted", 0, { rewardEpochId: epoch - 1, startVotingRoundId: starts(epoch - 1) }),
    told(FtsoRewardOffersManager, "InflationRewardsOffered", 10, {
      feedIds: "0x" + feeds.map(feed => bare(feed.id)).join(""),
      decimals: "0x" + feeds.map(feed => byte(feed.decimals)).join(""),
      amount: 1000n,
      minRewardedTurnoutBIPS: 100,
      primaryBandRewardSharePPM: 10000,
      secondaryBandWidthPPMs: "0x" + "002710".repeat(feeds.length),
      mode: 0,
    }),
    told(FlareSystemsManager, "RandomAcquisitionStarted", 20, {}),
    told(FlareSystemsManager, "VotePowerBlockSelected", 30, { votePowerBlock: 1 }),
    told(FlareSystemsCalculator, "VoterRegistrationInfo", 40, {
      voter: someone,
      delegationAddress: someone,
      delegationFeeBIPS: 0,
      wNatWeight: 1000n,
      wNatCappedWeight: 1000n,
      nodeIds: [],
      nodeWeights: [],
    }),
    told(VoterRegistry, "VoterRegistered", 40, {
      voter: someone,
      signingPolicyAddress: someone,
      submitAddress: someone,
      submitSignaturesAddress: someone,
      publicKeyPart1: nothing,
      publicKeyPart2: nothing,
      registrationWeight: 1000n,
    }),
    told(Relay, "SigningPolicyInitialized", 50, {
      startVotingRoundId: starts(epoch),
      threshold: 1,
      seed: 1n,
      voters: [someone],
      weights: [1000],
      signingPolicyBytes: "0x00",
    }),
  ];
}

async function indexed(epoch) {
  const entities = [TLPTransaction, TLPEvents, TLPState];
  const source = new DataSource({ type: "better-sqlite3", database: ":memory:", entities, synchronize: true });
  await source.initialize();
  const manager = source.createEntityManager();
  const state = (id, name, block_timestamp) => Object.assign(new TLPState(), { id, name, index: id, block_timestamp });
  const last = state(1, "last_database_block", Math.floor(Date.now() / 1000));
  await manager.save([state(0, "first_database_block", 0), last, ...prologue(epoch, given.feeds)]);
  setInterval(() => void manager.save(Object.assign(last, { block_timestamp: Math.floor(Date.now() / 1000) })), 1000);
  return manager;
}

async function serve() {
  const round = EPOCH_SETTINGS().votingEpochForTime(Date.now());
  const manager = await indexed(EPOCH_SETTINGS().expectedRewardEpochForVotingEpoch(round));
  const config = () => ({
    api_keys: [given.key],
    value_provider_url: given.values,
    required_indexer_history_time_sec: 1000,
    indexer_top_timeout: 1000,
    voting_round_history_size: 10000,
  });
  class Root {}
  Module({
    imports: [ConfigModule.forRoot({ load: [config], ignoreEnvFile: true })],
    controllers: [FtsoDataProviderController],
    providers: [
      ApiKeyStrategy,
      AuthService,
      {
        provide: FtsoDataProviderService,
        inject: [ConfigService],
        useFactory: service => new FtsoDataProviderService(manager, service),
      },
    ],
  })(Root);
  const nest = await NestFactory.create(Root, { logger: ["error"] });
  nest.useGlobalInterceptors(new BigIntInterceptor());
  await nest.listen(0, "127.0.0.1");
  console.log(JSON.stringify({ port: nest.getHttpServer().address().port, round }));
}

void serve();
