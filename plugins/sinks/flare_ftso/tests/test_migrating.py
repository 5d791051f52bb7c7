"""What another provider was configured with becomes a pipeline file, and steps to go there and back."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from chrono import ConfigError
from chrono_flare_ftso import migrating, migrating_compose, migrating_env, migrating_list
from chrono_flare_ftso.migrating import migrate, steps

ROOT = Path(__file__).parents[4]
IMAGE = f"chrono-flare:{migrating.version('chrono-flare-ftso')}"
FEED = {"feed": {"category": 1, "name": "BTC/USD"}, "sources": [{"exchange": "kraken", "symbol": "BTC/USD"}]}
SECRETS = ("0x" + "ab" * 32, "hunter2hunter2", "rpckey-1234", "0x" + "cd" * 32)
DEPLOYMENT = f"""\
COMPOSE_PROFILES=fsp,fast-updates
NODE_RPC_URL=https://node.example/?x-apikey={SECRETS[2]}
NETWORK=songbird  # where it votes
IDENTITY=0x1234
SUBMIT_PK={SECRETS[0]}
PROTOCOL_X_API_KEY_100="{SECRETS[1]}"
VALUE_PROVIDER_URL=http://172.17.0.1:4101/values
FAST_UPDATES_ACCOUNTS={SECRETS[3]},{SECRETS[3]}
FAST_UPDATES_VALUE_PROVIDER_URL=$VALUE_PROVIDER_URL/feed-values/0
BTC_PAYMENT_API_KEY={SECRETS[1]}
OWN_THING={SECRETS[1]}
"""
COMPOSE = """\
x-restart: &restart
  restart: unless-stopped

services:
  database:
    image: mysql:9

  prices:
    <<: *restart
    image: ghcr.io/flare-foundation/ftso-v2-example-value-provider
    ports:
      - "127.0.0.1:4101:3101"  # nobody else
    environment:
      EXCHANGE_KEY: hunter2hunter2
    labels: {team: oracle}

  # the other one
  data:
    image: ghcr.io/flare-foundation/ftso-scaling:v1.0.9
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file."""

    def written(name, text):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return written


def parsed(text):
    return yaml.safe_load(text)


def problems(raised):
    return [line.partition(": ")[2] for line in raised.value.problems]


def test_feeds_without_a_list_are_those_of_the_example():
    """The copy that is installed with the plugin says what examples/ftso.yaml says."""
    ours = parsed(files("chrono_flare_ftso").joinpath("ftso_feeds.yaml").read_text())
    example = parsed((ROOT / "examples" / "ftso.yaml").read_text())
    assert ours == {key: example[key] for key in ("feeds", "sources")}


def test_list_becomes_a_pipeline_with_a_sink_in_the_provider_s_place(write):
    """Feeds and venues of the list, the port of the reference, every address of the container, a ledger."""
    other = {"feed": {"category": 1, "name": "ETH/USD"}, "sources": [{"exchange": "gateio", "symbol": "ETH/USDT"}]}
    made = migrate([write("feeds.json", [FEED, other])])
    tree = parsed(made.text)
    assert list(tree["feeds"]) == ["BTC/USD", "ETH/USD", "USDT/USD"]
    assert tree["feeds"]["ETH/USD"]["markets"] == ["gate:ETH/USDT"]
    assert tree["sinks"] == {"flare_feed_values": {"host": "0.0.0.0", "port": 3101, "ledger": "ftso-flare.db"}}
    assert made.notes == ["feeds.json: added, to convert with: USDT/USD"]


def test_file_counts_what_is_in_it(write):
    """The comment at its head is no promise, it is a count."""
    text = migrate([write("settings", "NETWORK=flare\n")]).text
    tree = parsed(text)
    markets = sum(len(feed["markets"]) for feed in tree["feeds"].values())
    assert f"# {len(tree['feeds'])} feeds from {markets} markets at {len(tree['sources'])} venues;" in text
    assert len(tree["feeds"]) == 63
    assert text.startswith("# yaml-language-server: $schema=chrono.schema.json\n")
    assert max(map(len, text.splitlines())) <= 120


def test_environment_says_port_path_and_network(write):
    """Of the deployment's own file, where others reach the provider is where it listens."""
    made = migrate([write(".env", DEPLOYMENT)])
    tree = parsed(made.text)
    assert (made.settings.port, made.settings.base_path, made.settings.network) == (4101, "values", "songbird")
    assert tree["name"] == "ftso-songbird"
    assert tree["sinks"]["flare_feed_values"]["base_path"] == "/values"
    assert tree["sinks"]["flare_feed_values"]["port"] == 4101


def test_list_and_environment_go_together_in_any_order(write):
    """Feeds of the one, port of the other."""
    feeds, environment = write("feeds.json", [FEED]), write(".env", "VALUE_PROVIDER_CLIENT_PORT=4000\n")
    assert migrate([feeds, environment]).text == migrate([environment, feeds]).text.replace(
        "made of .env and feeds.json", "made of feeds.json and .env"
    )
    tree = parsed(migrate([feeds, environment]).text)
    assert (list(tree["feeds"]), tree["sinks"]["flare_feed_values"]["port"]) == (["BTC/USD"], 4000)


def test_what_has_no_counterpart_is_named_with_why(write):
    """Every variable that is set and does not count is in one line."""
    made = migrate([write(".env", DEPLOYMENT)])
    named = [name for note in made.notes for name in note.partition(": ")[0].split(", ")]
    assert sorted(named) == sorted(
        line.partition("=")[0]
        for line in DEPLOYMENT.splitlines()
        if not line.startswith(("NETWORK", "VALUE_PROVIDER_URL"))
    )
    assert "IDENTITY, SUBMIT_PK: of the system client, which stays as it is" in made.notes
    assert "OWN_THING: neither the example value provider nor Flare's deployment reads them" in made.notes


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("VALUE_PROVIDER_IMPL=fixed", "VALUE_PROVIDER_IMPL: values that are made up have no counterpart"),
        ("MEDIAN_DECAY=0.0001", "MEDIAN_DECAY: no vote fades with age"),
        ("TRADES_HISTORY_SIZE=50", "TRADES_HISTORY_SIZE: what is remembered of a market is bounded by time"),
        ("NETWORK=local-test", "NETWORK: is local-test, the example's three feeds for tests"),
        ("NETWORK=from-env", "NETWORK: is from-env, a network of one's own"),
        ("VALUE_PROVIDER_IMPL=", ""),
        ("VALUE_PROVIDER_IMPL=ccxt", ""),
        ("LOG_LEVEL=debug", ""),
    ],
)
def test_option_of_the_example_has_a_counterpart_or_a_reason(write, line, told):
    """What the reference reads and a pipeline has no word for is said."""
    notes = migrate([write(".env", f"{line}\n")]).notes
    assert [note.startswith(told) for note in notes] == ([True] if told else [])


def test_debug_log_is_a_word_of_the_command(write):
    """The way to hear more."""
    made = migrate([write(".env", "LOG_LEVEL=debug\n")])
    assert "    command: [pipeline, run, /etc/chrono/ftso.yaml, --verbose]" in steps(made)


@pytest.mark.parametrize("given", ["", "# only a comment\n\n"])
def test_environment_that_sets_nothing_is_the_reference_s_own_defaults(write, given):
    """As the example's `.env` comes, everything in it is commented out."""
    assert migrate([write(".env", given)]).settings == migrating_env.Settings()


def test_environment_is_read_as_dotenv_reads_it(write):
    """Quotes, comments, `export`, values of several lines and variables in values."""
    path = write(
        ".env",
        '\ufeffexport NETWORK=\'coston2\' # here\nHOST="value-provider"\n\nKEY="-----BEGIN\nabc=\n-----END"\n'
        "VALUE_PROVIDER_URL=http://${HOST}:${PORT:-3199}/#none\nLAST=`a b`\nEMPTY=\nHASH=a#b\n",
    )
    values = migrating_env.read(path)
    assert values["KEY"] == "-----BEGIN\nabc=\n-----END"
    assert (values["LAST"], values["EMPTY"], values["HASH"]) == ("a b", "", "a#b")
    settings = migrate([path]).settings
    assert (settings.network, settings.port, settings.service) == ("coston2", 3199, "value-provider")


def test_variables_that_name_each_other_end(write):
    """A circle is no reason to hang."""
    assert migrate([write(".env", "A=$B\nB=$A\nNETWORK=flare\n")]).settings.network == "flare"


def test_where_it_listens_and_where_it_is_reached_may_differ(write):
    """Behind a mapped port, or a proxy at the usual one."""
    both = "VALUE_PROVIDER_URL=http://127.0.0.1:9000\nVALUE_PROVIDER_CLIENT_PORT=3101\n"
    made = migrate([write(".env", both)])
    assert (made.settings.port, made.settings.published) == (3101, 9000)
    assert '    ports: ["9000:3101"]' in steps(made)
    proxied = migrate([write(".env", "VALUE_PROVIDER_BASE_URL=https://prices.example\n")])
    assert (proxied.settings.port, proxied.settings.published) == (3101, 443)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("NETWORK=mars\n", ["NETWORK: expected flare, songbird, coston, coston2, was another word"]),
        (
            "VALUE_PROVIDER_CLIENT_PORT=0\n",
            ["VALUE_PROVIDER_CLIENT_PORT: expected a port from 1 to 65535, was another"],
        ),
        ("VALUE_PROVIDER_CLIENT_PORT=3101x\n", ["VALUE_PROVIDER_CLIENT_PORT: expected a port from 1 to 65535"]),
        ("VALUE_PROVIDER_CLIENT_BASE_PATH=a b\n", ["VALUE_PROVIDER_CLIENT_BASE_PATH: expected a path like values"]),
        ("VALUE_PROVIDER_URL=prices:3101\n", ["VALUE_PROVIDER_URL: expected an address like http://172.17.0.1:3101"]),
        ("VALUE_PROVIDER_URL=http://h:99999\n", ["VALUE_PROVIDER_URL: expected an address like"]),
        ("VALUE_PROVIDER_URL=http:///x\n", ["VALUE_PROVIDER_URL: expected an address like"]),
        ("FOO=1\nBAR=2\n", ["expected variables of a value provider such as NETWORK, was none of them"]),
        (
            "VALUE_PROVIDER_CLIENT_PROT=1\nNETWORKS=2\n",
            [
                "expected a variable that is read, was VALUE_PROVIDER_CLIENT_PROT; is VALUE_PROVIDER_CLIENT_PORT meant",
                "expected a variable that is read, was NETWORKS; is NETWORK meant?",
            ],
        ),
    ],
)
def test_environment_that_is_wrong_is_refused_line_by_line(write, text, told):
    """All of it at once, each with what was expected."""
    with pytest.raises(ConfigError) as raised:
        migrate([write(".env", text)])
    assert all(line.startswith(wanted) for line, wanted in zip(problems(raised), told, strict=True))


def test_lines_of_an_environment_that_are_none_are_told_by_number(write):
    """And not repeated: a key that was pasted there is still a key."""
    with pytest.raises(ConfigError) as raised:
        migrate([write(".env", f'NETWORK=flare\nSUBMIT_PK {SECRETS[0]}\n\n{SECRETS[1]}!\nLAST="open\n')])
    assert [line.rpartition("/")[2] for line in raised.value.problems] == [
        f".env:{line}: expected NAME=value, was another line" for line in (2, 4, 5)
    ]


def test_no_secret_of_an_environment_is_in_anything_that_is_made(write):
    """Not in the file, not in a note, not in a step, not in a repr, not in what is refused."""
    key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
    text = DEPLOYMENT + f"{key}=\n{key[:12]}==\n"
    made = migrate([write(".env", text)], compose=write("compose.yaml", COMPOSE))
    said = "\n".join([made.text, *made.notes, *steps(made), repr(made), repr(made.compose), str(made)])
    assert not [secret for secret in (*SECRETS, key, key[:12]) if secret in said]
    assert "(a name not repeated here)" in said
    for slip in ("VALUE_PROVIDER_URL={}", "NETWORK={}", "VALUE_PROVIDER_CLIENT_PORT={}", "{}", "NETWROK={}"):
        with pytest.raises(ConfigError) as raised:
            migrate([write(".env", DEPLOYMENT + slip.format(f"{SECRETS[1]} {SECRETS[1]}") + "\n")])
        assert SECRETS[1] not in str(raised.value)


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ([], "expected feeds like"),
        ({}, "expected feeds like"),
        ([3], "feed 1: expected an object with feed and sources, was a number"),
        ([{"sources": []}], "feed 1: expected feed and sources, was without feed"),
        ([FEED | {"sauces": []}], "feed 1: expected feed and sources, was also 'sauces'; is sources meant?"),
        ([FEED, FEED | {"feed": {"name": "BTC"}}], "feed 2: expected a name like BTC/USD, was 'BTC'"),
        ([FEED | {"feed": {"name": 7}}], "feed 1: expected a name like BTC/USD, was 7"),
        ([FEED | {"feed": []}], "feed 1: expected an object with category and name, was a list"),
        ([FEED | {"feed": FEED["feed"] | {"x": 1}}], "feed 1: expected category and name, was also 'x'; remove it"),
        ([FEED | {"feed": {"name": "A/B", "category": True}}], "feed 1: expected a number of a category such as 1"),
        ([FEED | {"sources": {}}], "feed 1: expected a list of sources, was an object"),
        ([FEED | {"sources": ["x"]}], "feed 1: source 1: expected an object with exchange and symbol, was a text"),
        ([FEED | {"sources": [{"exchange": "gate"}]}], "feed 1: source 1: expected exchange and symbol, was without"),
        ([FEED | {"sources": [{"exchange": "Gate!", "symbol": "A/B"}]}], "feed 1: source 1: expected an exchange like"),
        ([FEED | {"sources": [{"exchange": "gate", "symbol": "\n"}]}], r"feed 1: source 1: expected a symbol like"),
    ],
)
def test_list_that_is_wrong_is_refused_with_its_place(write, tree, told):
    """A key that is not known, a name that is none, an exchange that cannot be one."""
    with pytest.raises(ConfigError) as raised:
        migrate([write("feeds.json", tree)])
    (line,) = problems(raised)
    assert line.startswith(told)


def test_everything_that_is_wrong_with_a_list_is_told_at_once(write):
    """A line each."""
    with pytest.raises(ConfigError) as raised:
        migrate([write("feeds.json", [FEED | {"feed": {"name": name}} for name in ("BTC", "A/B", "x/y")])])
    assert [line.split(": ")[0] for line in problems(raised)] == ["feed 1", "feed 3"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"feed":\n', "expected JSON, was broken in line 2, column 1: expecting value"),
        ("[" * 100_000, "expected feeds like"),
    ],
)
def test_list_that_is_broken_is_refused(write, text, told):
    """With the place, or what it should have been."""
    with pytest.raises(ConfigError) as raised:
        migrate([write("feeds.json", text)])
    assert problems(raised)[0].startswith(told)


def test_list_in_another_encoding_is_refused(tmp_path):
    """Whatever it says."""
    (tmp_path / "feeds.json").write_bytes(b'[{"feed": "\xff"}]')
    with pytest.raises(ConfigError, match="expected JSON in UTF-8, was in another encoding"):
        migrate([tmp_path / "feeds.json"])


def test_what_is_no_list_by_name_may_be_one_by_content(write):
    """The other way round, JSON that is called so is one even when it is broken."""
    assert list(parsed(migrate([write("mine.txt", [FEED])]).text)["feeds"]) == ["BTC/USD"]


def test_two_of_a_kind_and_none_at_all_are_refused(write):
    """Which of them would be meant?"""
    for paths in ([write("a.json", [FEED]), write("b.json", [FEED])], [write(".env", ""), write("b.env", "")]):
        with pytest.raises(ConfigError, match=r"--from: expected one .*, was .* and "):
            migrate(paths)
    with pytest.raises(ConfigError, match="--from: expected a list of feeds or an environment, was neither"):
        migrate([])


def test_file_that_is_not_there_is_refused(tmp_path):
    """List, environment or compose file."""
    for name, wanted in (("feeds.json", "a list of feeds"), (".env", "a list of feeds or an environment")):
        with pytest.raises(ConfigError, match=f"expected {wanted}, was not readable: No such file"):
            migrate([tmp_path / name])
    with pytest.raises(ConfigError, match="expected a compose file, was not readable"):
        migrating_compose.read(tmp_path / "compose.yaml")


def test_exchange_without_a_plugin_is_read_by_ccxt_if_ccxt_knows_it(monkeypatch, write):
    """Where ccxt is installed it is looked up; where it is not, that is said."""
    listed = write("feeds.json", [FEED | {"sources": [{"exchange": "ascendex", "symbol": "BTC/USDT"}]}])
    monkeypatch.setattr(migrating_list, "in_ccxt", {"ascendex": True}.get)
    assert "ccxt/ascendex: {}" in migrate([listed]).text
    monkeypatch.setattr(migrating_list, "in_ccxt", {}.get)
    assert migrate([listed]).notes[-1].startswith("chrono-ccxt: is not installed here, and the pipeline needs it")
    monkeypatch.setattr(migrating_list, "in_ccxt", {"ascendex": False}.get)
    with pytest.raises(ConfigError, match="expected an exchange that chrono or ccxt can read, was 'ascendex'"):
        migrate([listed])


def test_exchange_is_looked_up_without_importing_ccxt(monkeypatch, tmp_path):
    """By the files that are there."""
    (tmp_path / "ccxt").mkdir()
    (tmp_path / "ccxt" / "__init__.py").write_text("raise RuntimeError")
    (tmp_path / "ccxt" / "gate.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert (migrating_list.in_ccxt("gate"), migrating_list.in_ccxt("mtgox")) == (True, False)
    monkeypatch.setattr(migrating_list, "find_spec", lambda name: None)
    assert migrating_list.in_ccxt("gate") is None


def test_service_is_replaced_where_it_stands(write):
    """What runs, and with what, is new; name, port, network and policy stay."""
    made = migrate([write(".env", "NETWORK=flare\n")], compose=write("compose.yaml", COMPOSE))
    told = list(steps(made))
    assert "# 2. In compose.yaml, in place of lines 8 to 15, service prices:" in told
    start = told.index("  prices:")
    assert told[start : start + 11] == [
        "  prices:",
        f"    image: {IMAGE}",
        "    command: [pipeline, run, /etc/chrono/ftso.yaml]",
        "    volumes:",
        "      - ./ftso.yaml:/etc/chrono/ftso.yaml:ro",
        "      - value-provider:/var/lib/chrono",
        "    ports:",
        '      - "127.0.0.1:4101:3101"  # nobody else',
        "    <<: *restart",
        "# it also has labels: keep what still holds",
        "# and, at the end, volumes:",
    ]
    assert told[-1].endswith("http://localhost:4101/feed-values/0")
    assert "EXCHANGE_KEY: neither the example value provider nor Flare's deployment reads them" in made.notes


def test_compose_file_after_the_change_is_one_and_serves_at_the_same_place(write):
    """The lines can be pasted as they are printed."""
    path = write("compose.yaml", COMPOSE)
    told = list(steps(migrate([write(".env", "")], compose=path)))
    start, end = told.index("  prices:"), told.index("# it also has labels: keep what still holds")
    lines = COMPOSE.splitlines()
    after = [*lines[:7], *told[start:end], *lines[15:], *told[told.index("volumes:") :][:2]]
    tree = parsed("\n".join(after))
    assert tree["services"].keys() == {"database", "prices", "data"}
    assert tree["services"]["prices"]["restart"] == "unless-stopped"
    assert tree["services"]["prices"]["ports"] == ["127.0.0.1:4101:3101"]
    assert tree["volumes"] == {"value-provider": None}


def test_environment_of_the_service_counts_before_the_file(write):
    """It is what the container is given."""
    compose = COMPOSE.replace("EXCHANGE_KEY: hunter2hunter2", "VALUE_PROVIDER_CLIENT_PORT: ${MINE}")
    made = migrate([write(".env", "MINE=3300\nVALUE_PROVIDER_CLIENT_PORT=1\n")], compose=write("compose.yaml", compose))
    assert made.settings.port == 3300
    # 3101, which stays in `ports`, is not where it listens
    listed = COMPOSE.replace("      EXCHANGE_KEY: hunter2hunter2", "      - VALUE_PROVIDER_CLIENT_PORT=3300")
    made = migrate([write(".env", "")], compose=write("compose.yaml", listed))
    assert '    ports: ["3300:3300"]' in steps(made)


@pytest.mark.parametrize(
    ("ports", "published"),
    [
        ('["3101"]', {3101: None}),
        ('["3101:3101"]', {3101: 3101}),
        ('["0.0.0.0:80:3101/tcp", "9:9"]', {3101: 80, 9: 9}),
        ('["127.0.0.1:${PORT:-4101}:3101"]', {3101: None}),
        ("[{target: 3101, published: 81}]", {3101: 81}),
        ("[]", {}),
        ('["3101:3101/udp", [], {}]', {}),
    ],
)
def test_ports_are_read_in_each_of_the_forms_that_compose_has(write, ports, published):
    """What is inside, and where the machine has it."""
    text = f"services:\n  a:\n    image: x/ftso-v2-example-value-provider:v1\n    ports: {ports}"
    found = migrating_compose.read(write("compose.yaml", text)).service
    assert found.published == published
    said = migrating_compose.block(migrating_env.Settings(), "ftso.yaml", IMAGE, found)
    kept = [f"    ports: {ports}"] if 3101 in published else ['    ports: ["3101:3101"]']
    assert [line for line in said if "ports" in line] == kept


def test_port_that_only_the_machine_knows_is_looked_up(write):
    """A deployment names 4101; the container has 3101, and who may reach it stays as it was."""
    made = migrate([write(".env", DEPLOYMENT)], compose=write("compose.yaml", COMPOSE))
    assert (made.settings.port, made.settings.published) == (3101, 4101)
    assert '      - "127.0.0.1:4101:3101"  # nobody else' in steps(made)


def test_container_on_the_machine_s_own_network_publishes_nothing(write):
    """Each of its ports is the machine's."""
    text = "services: {a: {image: my/value_provider, network_mode: host}}\n"
    found = migrating_compose.read(write("compose.yaml", text)).service
    assert not any("ports" in line for line in migrating_compose.block(migrating_env.Settings(), "a", IMAGE, found))


def test_deployment_without_a_value_provider_gets_one_beside_it(write):
    """As Flare's own: nothing in its file changes."""
    text = "services:\n  ftso-client:\n    image: ghcr.io/flare-foundation/ftso-scaling:v1.0.9\n"
    made = migrate([write(".env", DEPLOYMENT)], compose=write("docker-compose.yaml", text))
    told = "\n".join(steps(made))
    assert "# docker-compose.yaml has no value provider of its own, and stays as it is." in told
    assert '    ports: ["4101:4101"]' in told
    assert told.endswith("http://localhost:4101/values/feed-values/0")
    pasted = parsed(told[told.index("services:") : told.index("# docker-compose.yaml has")])
    assert pasted["services"].keys() == pasted["volumes"].keys() == {"value-provider"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: [\n", ":2: expected YAML, was broken"),
        ("- a\n", ": expected a compose file with services, was another text"),
        ("volumes: {}\n", ": expected a compose file with services, was without"),
        (
            "services: {a: {image: x/value-provider}, value-provider: {image: y}}",
            ": expected one value provider among the services, was a and value-provider; leave one in a copy",
        ),
        ("services: {a: &x {image: *x, b: *nowhere}}", ":1: expected YAML, was broken"),
    ],
)
def test_compose_file_that_is_wrong_is_refused(write, text, told):
    """Without a word of what stands in it."""
    path = write("compose.yaml", text)
    with pytest.raises(ConfigError) as raised:
        migrating_compose.read(path)
    assert str(raised.value) == f"{path}{told}"


def test_tags_of_compose_are_read_over(write):
    """Such as those that take something away from another file."""
    text = "services:\n  a:\n    image: x/value-provider\n    ports: !override ['1:3101']\n    labels: !reset null\n"
    assert migrating_compose.read(write("compose.yaml", text)).service.published == {3101: 1}


def test_compose_file_of_the_repository_runs_what_is_printed():
    """`deploy/flare` and the steps say the same, and what the image is made of is there."""
    folder = ROOT / "deploy" / "flare"
    compose, printed = (
        parsed(text)["services"]["value-provider"]
        for text in (
            (folder / "compose.yaml").read_text(),
            "\n".join(["services:", *migrating_compose.block(migrating_env.Settings(), "ftso.yaml", IMAGE)]),
        )
    )
    assert {key: compose[key] for key in printed} == printed
    assert (folder / compose["build"]["context"] / compose["build"]["dockerfile"]).resolve() == folder / "Dockerfile"
    copied = [line[1:] for line in (folder / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    assert f"docker build --tag {IMAGE} --file deploy/flare/Dockerfile ." in (folder / "Dockerfile").read_text()
