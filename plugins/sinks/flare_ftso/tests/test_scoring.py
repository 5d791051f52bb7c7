"""Scores: each column is that of a naive twin, few rounds are no difference, files say what is wrong in them."""

import gzip
import json
import math
import random
import statistics
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import ConfigError
from chrono_flare_ftso.protocol.feeds import feed_id, feed_name
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.scoring import SIGNIFICANT, FeedMedian, score, sign_test
from chrono_flare_ftso.scoring_medians import file_medians
from chrono_flare_ftso.scoring_terms import epoch_terms, known_terms
from chrono_flare_ftso.scoring_text import lines, notes, objects

DATA = Path(__file__).parents[5] / "shared" / "data"
FEEDS = {"BTC/USD": 2, "FLR/USD": 6, "PEPE/USD": 10, "ODD/USD": -2}
SUBMIT = bytes(range(20))


def made(seed, rounds=40, quartiles=True, bands=True):
    """Return medians and two providers' values, with whatever there can be among them."""
    rnd = random.Random(seed)
    levels = {"BTC/USD": 67_000.0, "FLR/USD": 0.02, "PEPE/USD": 0.00001, "ODD/USD": 1e6}
    medians, ours, theirs = {}, {}, {}
    for number in range(1000, 1000 + rounds):
        medians[number] = {}
        ours[number], theirs[number] = {}, {}
        for name, decimals in FEEDS.items():
            kind = rnd.random()
            if kind < 0.04:
                continue
            middle = round(levels[name] * rnd.uniform(0.9, 1.1) * 10**decimals)
            middle = None if kind < 0.1 else 0 if kind < 0.12 else -middle if kind < 0.15 else middle
            spread = max(1, abs(middle or 0) // 3000)
            low, high = (middle - spread, middle + rnd.choice([0, spread])) if middle is not None else (None, None)
            medians[number][name] = FeedMedian(
                feed_id(1, name),
                decimals,
                middle,
                low if quartiles else None,
                high if quartiles else None,
                rnd.choice([0, 500, 1150]) if bands else None,
            )
            for values, wide in ((ours, 0.0006), (theirs, 0.004)):
                if rnd.random() < 0.1:
                    continue
                vote = rnd.choice([low, high, middle]) if rnd.random() < 0.3 else (middle or 0) * rnd.gauss(1, wide)
                values[number][name] = float(vote or 0) / 10**decimals
        if rnd.random() < 0.1:
            del ours[number]
        if rnd.random() < 0.3:
            del theirs[number]
    return medians, ours, theirs


def vote_of(price, decimals):
    """Round halves up, exactly, of the double that price · 10^decimals is."""
    if price is None:
        return None
    exact = Decimal(price * float(f"1e{decimals}"))
    return int((exact + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def naive(feeds, rounds, values, medians, coin):
    """Return a standing, one vote after another, in whole numbers."""
    count = dict.fromkeys(("rounds", "missing", "hits", "on_edge", "with_quartiles", "in_percent", "with_band"), 0)
    inside, distances = Fraction(0), []
    for feed in feeds:
        for number in rounds:
            told, price = medians[number].get(feed), values.get(number, {}).get(feed)
            count["rounds"] += 1
            if told is None:
                count["missing"] += price is None
                continue
            vote = vote_of(price, told.decimals)
            count["missing"] += vote is None
            if told.median is None:
                continue
            width = abs(told.median) * 5000 // 1_000_000
            width = width if told.median >= 0 else -width
            count["hits"] += told.median - width <= (0 if vote is None else vote) <= told.median + width
            count["with_band"] += told.band_ppm is not None
            count["with_quartiles"] += told.quartile1 is not None
            if vote is None:
                continue
            if told.median != 0:
                distances.append(Fraction(vote - told.median, abs(told.median)) * 10_000)
            if told.band_ppm is not None:
                count["in_percent"] += abs(vote - told.median) < abs(told.median) * told.band_ppm // 1_000_000
            if told.quartile1 is None:
                continue
            if vote in (told.quartile1, told.quartile3):
                count["on_edge"] += 1
                if coin is None:
                    inside += Fraction(1, 2)
                    continue
                encoded = (96).to_bytes(32) + number.to_bytes(32) + coin.rjust(32, b"\0")
                encoded += (21).to_bytes(32) + told.id.ljust(32, b"\0")
                edge = keccak256(encoded)[-1] % 2
                inside += 1 if told.quartile1 < vote < told.quartile3 else edge
            elif told.quartile1 < vote < told.quartile3:
                inside += 1
    sizes = sorted(abs(each) for each in distances)
    count["in_quartiles"] = float(inside)
    count["median_bp"] = float(statistics.median(sizes)) if sizes else None
    count["max_bp"] = float(sizes[-1]) if sizes else None
    count["mean_bp"] = float(sum(distances) / len(distances)) if sizes else None
    count["p95_bp"] = None
    if sizes:
        place = Fraction(95, 100) * (len(sizes) - 1)
        below = math.floor(place)
        above = sizes[min(below + 1, len(sizes) - 1)]
        count["p95_bp"] = float(sizes[below] + (place - below) * (above - sizes[below]))
    return count


def same(standing, wanted):
    """Say whether a standing is that of the twin."""
    for name, value in wanted.items():
        found = getattr(standing, name)
        assert found == value or math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9), name
    assert set(vars(standing)) == set(wanted)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("coin", [None, SUBMIT])
def test_every_column_is_that_of_a_naive_twin(seed, coin):
    """For each feed and all together, ours and the other's, with and without a coin."""
    medians, ours, theirs = made(seed, quartiles=seed % 3 != 1, bands=seed % 4 != 2)
    rounds = sorted(medians)
    asked = [number for number in rounds if number in theirs]
    found = score(ours, medians, rounds, FEEDS, theirs, coin)
    assert [each.feed for each in found.feeds] == sorted(FEEDS)
    for each in found.feeds:
        same(each.ours, naive([each.feed], rounds, ours, medians, coin))
        same(each.theirs, naive([each.feed], asked, theirs, medians, coin))
        empty = [n for n in rounds if each.feed not in medians[n] or medians[n][each.feed].median is None]
        assert each.no_median == len(empty)
    same(found.ours, naive(FEEDS, rounds, ours, medians, coin))
    same(found.theirs, naive(FEEDS, asked, theirs, medians, coin))
    assert found.met == (10 * found.ours.hits >= 8 * found.ours.rounds)


@pytest.mark.parametrize("seed", range(8))
def test_who_was_nearer_is_that_of_a_naive_twin(seed):
    """Only rounds in which both voted are counted; all feeds together are counted by rounds."""
    medians, ours, theirs = made(seed)
    found = score(ours, medians, sorted(medians), FEEDS, theirs)
    by_round = dict.fromkeys(theirs, 0)
    for each in found.feeds:
        counts = [0, 0, 0]
        for number in theirs:
            told = medians[number].get(each.feed)
            prices = ours.get(number, {}).get(each.feed), theirs[number].get(each.feed)
            if told is None or told.median is None or None in prices:
                continue
            a, b = (abs(vote_of(price, told.decimals) - told.median) for price in prices)
            counts[0 if a < b else 1 if a > b else 2] += 1
            by_round[number] += (a < b) - (a > b)
        assert [each.duel.nearer, each.duel.farther, each.duel.even] == counts
        assert each.duel.p == sign_test(*counts[:2])
    leads = list(by_round.values())
    assert found.duel.nearer == sum(lead > 0 for lead in leads)
    assert found.duel.farther == sum(lead < 0 for lead in leads)
    assert found.duel.even == sum(lead == 0 for lead in leads)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_test_is_a_binomial_tail(wins, losses):
    """Twice the probability of at most so few, never more than one."""
    n = wins + losses
    tail = sum(Fraction(math.comb(n, at), 2**n) for at in range(min(wins, losses) + 1))
    assert sign_test(wins, losses) == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-12)


@pytest.mark.parametrize("wins", [1000, 1050, 1070, 1100])
def test_the_sign_test_of_many_rounds_goes_on_where_the_exact_one_ends(wins):
    """The normal distribution with its correction is the exact one, nearly."""
    n = 2001
    tail = sum(Fraction(math.comb(n, at), 2**n) for at in range(min(wins, n - wins) + 1))
    assert sign_test(wins, n - wins) == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=2e-2)


def pair(rounds, ours, theirs, feeds=1):
    """Return the score of two providers that are constantly so far above the median, in units of it."""
    names = [f"F{at}/USD" for at in range(feeds)]
    medians = {n: {f: FeedMedian(feed_id(1, f), 0, 1_000_000) for f in names} for n in range(rounds)}
    a = {n: dict.fromkeys(names, 1_000_000.0 + ours) for n in range(rounds)}
    b = {n: dict.fromkeys(names, 1_000_000.0 + theirs) for n in range(rounds)}
    return score(a, medians, sorted(medians), names, b)


def test_a_handful_of_rounds_is_no_difference():
    """Five of five may be chance, six are not; the more feeds are looked at, the more it takes."""
    assert [pair(n, 1, 9).feeds[0].duel.verdict for n in (1, 5, 6)] == ["undecided", "undecided", "nearer"]
    assert [pair(n, 9, 1).feeds[0].duel.verdict for n in (1, 5, 6)] == ["undecided", "undecided", "farther"]
    assert {each.duel.verdict for each in pair(6, 1, 9, feeds=63).feeds} == {"undecided"}
    assert {each.duel.verdict for each in pair(12, 1, 9, feeds=63).feeds} == {"nearer"}
    # feeds of one round are no separate trials
    assert pair(1, 1, 9, feeds=63).duel.verdict == "undecided"
    assert pair(6, 1, 9, feeds=63).duel.verdict == "nearer"


def test_equals_are_seldom_called_different():
    """Of many pairs of equally good providers no more than one in twenty has any feed with a verdict."""
    rnd, wrong, trials = random.Random(7), 0, 60
    names = [f"F{at}/USD" for at in range(8)]
    told = {f: FeedMedian(feed_id(1, f), 0, 1_000_000) for f in names}
    for _ in range(trials):
        a, b = ({n: {f: 1e6 * rnd.gauss(1, 0.001) for f in names} for n in range(25)} for _ in range(2))
        found = score(a, dict.fromkeys(range(25), told), range(25), names, b)
        wrong += any(each.duel.verdict != "undecided" for each in found.feeds)
    assert wrong <= 2 * SIGNIFICANT * trials


def test_the_minimal_condition_is_to_the_unit():
    """Just half a per cent is within, one unit more is not; nothing hits without a vote or a median."""
    told = FeedMedian(feed_id(1, "A/USD"), 2, 100_000)
    medians = {at: {"A/USD": told} for at in range(4)} | {4: {"A/USD": told._replace(median=None)}, 5: {}}
    values = {0: {"A/USD": 995.0}, 1: {"A/USD": 994.99}, 2: {"A/USD": 1005.0}, 4: {"A/USD": 1000.0}, 5: {"A/USD": 1.0}}
    found = score(values, medians, sorted(medians), ["A/USD"])
    assert (found.ours.rounds, found.ours.missing, found.ours.hits) == (6, 1, 2)
    assert found.feeds[0].no_median == 2
    assert found.met is False


def test_eighty_percent_are_met_and_less_are_not():
    """The share is of all rounds and feeds, rounded nowhere."""
    told = {"A/USD": FeedMedian(feed_id(1, "A/USD"), 2, 100_000)}
    for hits, met in ((8, True), (7, False)):
        values = {at: {"A/USD": 1000.0} for at in range(hits)}
        assert score(values, dict.fromkeys(range(10), told), range(10), ["A/USD"]).met is met


def calculated(number, medians):
    """Return a body of /medianCalculationResults as the reference serialises it."""
    value = lambda of, decimals: {"isEmpty": of is None, "value": of or 0, "decimals": decimals}  # noqa: E731
    rows = [
        {
            "votingRoundId": number,
            "feed": {"id": "0x" + each.id.hex(), "decimals": each.decimals},
            "votersSubmitAddresses": [],
            "feedValues": [],
            "data": {
                "finalMedian": value(each.median, each.decimals),
                "quartile1": value(each.quartile1, each.decimals),
                "quartile3": value(each.quartile3, each.decimals),
                "participatingWeight": "123456789012345678901234n",
            },
            "weights": [],
            "totalVotingWeight": "123456789012345678901234n",
        }
        for each in medians.values()
    ]
    return {"status": "OK", "votingRoundId": number, "medianData": rows}


def bare(medians):
    """Return medians as a file has them, which says no bands."""
    return {n: {f: each._replace(band_ppm=None) for f, each in of.items()} for n, of in medians.items()}


def test_results_are_read_as_they_were_calculated(tmp_path):
    """One a line, with lines of rounds that have none, packed or not, and with an id that is no crypto feed."""
    medians, _, _ = made(3)
    medians[1000]["GOLD"] = FeedMedian(feed_id(33, "GOLD"), 3, 5, 4, 6)
    text = "\n".join(json.dumps(calculated(n, of)) for n, of in medians.items() if of)
    text = '{"status":"TOO_EARLY"}\n\n{"status":"NOT_AVAILABLE","votingRoundId":9}\n' + text + "\n"
    (tmp_path / "results.jsonl").write_text(text)
    (tmp_path / "results.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    wanted = {n: of for n, of in bare(medians).items() if of}
    assert file_medians([tmp_path / "results.jsonl"], {}) == wanted
    assert file_medians([tmp_path / "results.jsonl.gz", tmp_path / "results.jsonl"], {}) == wanted


def test_bands_are_those_of_the_terms(tmp_path):
    """A result has no band; what is known of the feed says it."""
    body = calculated(
        7, {"BTC/USD": FeedMedian(feed_id(1, "BTC/USD"), 2, 5), "X/USD": FeedMedian(feed_id(1, "X/USD"), 2, 5)}
    )
    (tmp_path / "r.json").write_text(json.dumps(body, indent=2))
    found = file_medians([tmp_path / "r.json"], known_terms())[7]
    assert (found["BTC/USD"].band_ppm, found["X/USD"].band_ppm) == (500, None)


def test_a_tree_and_its_entries_are_read(tmp_path):
    """Bodies of /data, lists of proofs, entries alone; nobody voted where value and turnout are 0."""
    entry = {
        "votingRoundId": 7,
        "id": "0x" + feed_id(1, "BTC/USD").hex(),
        "value": 5,
        "turnoutBIPS": 9000,
        "decimals": 2,
    }
    none = entry | {"id": "0x" + feed_id(1, "APT/USD").hex(), "value": 0, "turnoutBIPS": 0}
    zero = entry | {"id": "0x" + feed_id(1, "ZRO/USD").hex(), "value": 0}
    secret = {"votingRoundId": 7, "value": "0x5", "isSecure": True}
    proofs = [{"body": each, "proof": []} for each in (entry, none, zero)]
    for document in ({"tree": [secret, entry, none, zero]}, proofs, {"data": proofs}, [entry, none, zero]):
        path = tmp_path / "d.json"
        path.write_text(json.dumps(document))
        found = file_medians([path], {})[7]
        assert {name: each.median for name, each in found.items()} == {"BTC/USD": 5, "APT/USD": None, "ZRO/USD": 0}


def test_quartiles_are_taken_from_whichever_file_has_them(tmp_path):
    """Of two files with one median the fuller is kept, in either order; two medians are a contradiction."""
    full = FeedMedian(feed_id(1, "BTC/USD"), 2, 5, 4, 6)
    entry = {"votingRoundId": 7, "id": "0x" + full.id.hex(), "value": 5, "turnoutBIPS": 9000, "decimals": 2}
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(calculated(7, {"BTC/USD": full})))
    b.write_text(json.dumps(entry))
    assert file_medians([a, b], {})[7]["BTC/USD"] == file_medians([b, a], {})[7]["BTC/USD"] == full
    b.write_text("\n" + json.dumps(entry | {"value": 8}))
    with pytest.raises(ConfigError, match=r"b\.json:2: expected the median of BTC/USD in round 7 .*, 5, was 8"):
        file_medians([a, b], {})


def test_a_table_is_read_to_the_digit(tmp_path):
    """Decimals are those it says, else those of the feed, else as many as its medians have."""
    path = tmp_path / "m.csv"
    path.write_text(
        "Round, feed ,median,q1,q3,decimals,note\n"
        "7,BTC/USD,67000.1,66999.99,67000.12,,a\n"
        "7,NEW/USD,1.25,,,,\n"
        "8,NEW/USD,1.5,1.25,,,\n"
        "8,OLD/USD,1.5,,,4,\n"
        f"8,0x{feed_id(2, 'EUR/USD').hex()},1.05,,,,\n"
        "8,BTC/USD,,,\n"
        "\n"
    )
    found = file_medians([path], known_terms())
    assert found[7]["BTC/USD"] == FeedMedian(feed_id(1, "BTC/USD"), 2, 6_700_010, 6_699_999, 6_700_012, 500)
    assert found[7]["NEW/USD"] == FeedMedian(feed_id(1, "NEW/USD"), 2, 125)
    assert found[8]["NEW/USD"] == FeedMedian(feed_id(1, "NEW/USD"), 2, 150, 125)
    assert found[8]["OLD/USD"] == FeedMedian(feed_id(1, "OLD/USD"), 4, 15_000)
    assert found[8]["EUR/USD"] == FeedMedian(feed_id(2, "EUR/USD"), 2, 105)
    assert found[8]["BTC/USD"].median is None


OK = {"votingRoundId": 7, "id": "0x" + feed_id(1, "BTC/USD").hex(), "value": 5, "turnoutBIPS": 9000, "decimals": 2}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", "", r"a\.json:1: expected JSON"),
        ("a.json", "[]", r"a\.json: expected the results of voting rounds, was a file without any"),
        ("a.json", '{"status":"TOO_EARLY"}', r"a\.json: expected the results of voting rounds"),
        ("a.json", "5", r"a\.json:1: expected the result of a voting round, was 5"),
        ("a.jsonl", json.dumps(OK) + "\n{oops}", r"a\.jsonl:2: expected JSON"),
        ("a.json", '{\n "tree": [\n 5 5]}', r"a\.json:3: expected JSON"),
        (
            "a.jsonl",
            json.dumps(OK) + "\n\n" + json.dumps({"x": 1}),
            r"a\.jsonl:3: expected a result with medianData or tree",
        ),
        ("a.json", "[" * 100_000, r"a\.json:1: expected JSON of a result, was too deep"),
        ("a.json", "9" * 10_000, r"a\.json:1: expected JSON of a result"),
        ("a.json", json.dumps(OK | {"value": 2**31}), r"a\.json:1: value: expected a whole number up to 2147483647"),
        ("a.json", json.dumps(OK | {"value": 1.5}), r"value: expected a whole number up to 2147483647, was 1\.5"),
        ("a.json", json.dumps(OK | {"value": True}), r"value: .*, was true"),
        ("a.json", json.dumps(OK | {"decimals": "x"}), r'decimals: .*, was "x"'),
        ("a.json", json.dumps(OK | {"votingRoundId": -1}), r"votingRoundId: .*, was -1"),
        ("a.json", json.dumps(OK | {"id": "0x01"}), r"feed id"),
        ("a.json", json.dumps(OK | {"id": 5}), r"a\.json:1: expected a result"),
        ("a.json", '{"medianData":[5]}', r"a\.json:1: expected \{votingRoundId, feed, data\} of medianData"),
        ("a.json", '{"medianData":[{"feed":{}}]}', r"a\.json:1: expected \{votingRoundId, feed, data\}"),
        ("a.csv", "", r"a\.csv:1: expected a first line like round,feed,median"),
        ("a.csv", "7,BTC/USD,1", r"a\.csv:1: expected a first line like"),
        ("a.csv", "round,feed,median\n", r"a\.csv: expected the results of voting rounds"),
        (
            "a.csv",
            "round,feed,median\nx,BTC/USD,1",
            r'a\.csv:2: round: expected a whole number up to 4294967295, was "x"',
        ),
        ("a.csv", "round,feed,median\n7,,1", r"a\.csv:2: feed: expected a name such as BTC/USD, was empty"),
        ("a.csv", "round,feed,median\n7,BTC/USD,1\n8,BTC/USD,nan", r"a\.csv:3: median: expected a price, was 'nan'"),
        ("a.csv", "round,feed,median\n7,BTC/USD,1e999999", r"a\.csv:2: median: expected a price"),
        ("a.csv", "round,feed,median\n7,BTC/USD,one", r"a\.csv:2: median: expected a price, was 'one'"),
        ("a.csv", "round,feed,median\n7,BTC/USD,1.001", r"a\.csv:2: median: expected at most 2 digits after the point"),
        (
            "a.csv",
            "round,feed,median\n7,BTC/USD,99999999",
            r"a\.csv:2: median: expected a whole number up to 2147483647",
        ),
        ("a.csv", f"round,feed,median\n7,{'X' * 30},1", r"a\.csv:2: feed name"),
        ("a.csv", "round,feed,median\n7,0xzz,1", r"a\.csv:2: feed id"),
        ("a.csv", 'round,feed,median\n7,"BTC', r"a\.csv:2: "),
    ],
)
def test_a_malformed_file_says_where(tmp_path, name, text, told):
    """One line, with the file and the line in it."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as refused:
        file_medians([path], known_terms())
    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_read_are_said(tmp_path):
    """No file, a folder, a bad archive, another encoding."""
    (tmp_path / "a.json.gz").write_bytes(b"no archive")
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(b"[]" * 1000)[:-10])
    (tmp_path / "latin.csv").write_bytes(b"round,feed,median\n7,\xff,1")
    for name, told in (
        ("none.json", "No such file"),
        (".", "Is a directory"),
        ("a.json.gz", "Not a gzipped file"),
        ("cut.json.gz", "ended before"),
        ("latin.csv", r"latin\.csv:2: expected text in UTF-8"),
    ):
        with pytest.raises(ConfigError, match=told):
            file_medians([tmp_path / name], {})


@given(st.binary(max_size=300), st.sampled_from(["a.json", "a.csv"]))
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, data, name):
    """Nothing else is raised, whatever is in it."""
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    with pytest.raises(ConfigError) as refused:
        file_medians([path], {})
    assert len(str(refused.value).splitlines()) == 1


def test_published_terms_of_reward_epochs_are_read():
    """Feeds, decimals and widths of a real reward epoch; what is built in are those of Flare's 392."""
    path = DATA / "ftso" / "rewards" / "flare" / "372" / "reward-epoch-info.json"
    if not path.exists():
        pytest.skip("expected published reward data, there is none here")
    found = epoch_terms([path])
    assert len(found) == 64
    assert found["BTC/USD"] == (feed_id(1, "BTC/USD"), 2, 500)
    known = known_terms()
    assert len(known) == 63
    same_terms = [name for name in known if name in found and known[name] == found[name]]
    assert len(same_terms) > 50
    earlier = epoch_terms([path.parents[1] / "260" / path.name, path])
    assert earlier["BTC/USD"] == found["BTC/USD"]
    assert "DAI/USD" in earlier


@pytest.mark.parametrize("text", ["", "5", "{}", '{"canonicalFeedOrder":5,"rewardOffers":{}}', "[" * 10_000])
def test_other_files_are_no_terms(tmp_path, text):
    """It is said which file was expected."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"x\.json"):
        epoch_terms([path])


def test_a_recorded_round_is_scored_as_its_leaves_say():
    """A voter of the very medians has every hit that there can be, and no distance."""
    path = DATA / "ftso" / "rounds" / "round-785250.json"
    if not path.exists():
        pytest.skip("expected a recorded round, there is none here")
    medians = file_medians([path], known_terms())
    leaves = {feed_name(bytes.fromhex(e["id"][2:])).name: e for e in json.loads(path.read_text())["tree"][1:]}
    assert set(medians[785_250]) == set(leaves)
    values = {785_250: {name: e["value"] / 10 ** e["decimals"] for name, e in leaves.items() if e["turnoutBIPS"]}}
    found = score(values, medians, [785_250], leaves)
    voted = len(values[785_250])
    assert (found.ours.rounds, found.ours.missing, found.ours.hits) == (len(leaves), len(leaves) - voted, voted)
    assert found.ours.max_bp == 0
    assert found.ours.with_quartiles == 0
    assert found.ours.in_percent == found.ours.with_band > 30


def test_votes_are_judged_as_the_reference_pays_them(reference):
    """Who it pays in a round has hit a band, with the coin of the submit address; who it does not pay has not."""
    told = reference("e2e_rounds_legacy.json")
    (scenario,) = (each for each in told["scenarios"] if "median_rewards" in each)
    number, setup, edges = told["setup"]["voting_round_id"], told["setup"], 0
    leaves = [each for each in scenario["result"]["leaves"] if each["kind"] == "feed"]
    names = [feed_name(bytes.fromhex(each["body"]["id"][2:])).name for each in leaves]
    rewards = {each["feed"]: each for each in scenario["median_rewards"]}
    medians = {
        name: FeedMedian(
            bytes.fromhex(each["body"]["id"][2:]),
            each["body"]["decimals"],
            each["body"]["value"],
            each["q1"],
            each["q3"],
            rewards[each["body"]["id"]]["offer"]["secondaryBandWidthPPM"],
        )
        for name, each in zip(names, leaves, strict=True)
    }
    hit = {name: set() for name in names}
    for voter, said in zip(setup["voters"], scenario["inputs"], strict=True):
        values = {name: value for name, value in zip(names, said["values"], strict=True) if value is not None}
        submit = bytes.fromhex(voter["submit"][2:])
        for each in score({number: values}, {number: medians}, [number], names, submit=submit).feeds:
            edges += each.ours.on_edge
            if each.ours.in_quartiles or each.ours.in_percent:
                hit[each.feed].add(voter["signing"])
    assert edges > len(names)
    paid = {
        name: set(rewards[leaf["body"]["id"]]["rewarded_signing_addresses"])
        for name, leaf in zip(names, leaves, strict=True)
    }
    # of Bitcoin nobody is paid: no vote is between the quartiles, and the coin is against those on the edge
    assert [name for name in names if not paid[name]] == ["BTC/USD"]
    assert {name: hit[name] for name in names[1:]} == {name: paid[name] for name in names[1:]}


def test_a_table_has_a_line_a_feed_and_says_what_it_does_not_know():
    """Columns are aligned; the last line is of all feeds; notes say what is missing."""
    medians, ours, theirs = made(5, quartiles=False, bands=False)
    found = score(ours, medians, sorted(medians), FEEDS, theirs)
    told = lines(found)
    assert told[0].split()[:3] == ["feed", "rounds", "missing"]
    assert len(told) == 1 + 2 * (len(FEEDS) + 1)
    assert told[-2].startswith("all")
    assert told[-1].startswith("  shadowed")
    assert told[1].split()[8:10] != []
    said = "\n".join(notes(found))
    assert "no quartiles" in said
    assert "no width of the PCT band" in said
    alone = lines(score(ours, medians, sorted(medians), FEEDS))
    assert len(alone) == 2 + len(FEEDS)
    assert "nearer" not in alone[0]


def test_objects_say_all_that_the_table_says():
    """One a feed, and one of all; numbers are those of the score, and everything is JSON."""
    medians, ours, theirs = made(6)
    found = score(ours, medians, sorted(medians), FEEDS, theirs)
    told = [json.loads(json.dumps(each)) for each in objects(found)]
    assert [each["feed"] for each in told] == [*sorted(FEEDS), None]
    for each, row in zip(told, [*found.feeds, found], strict=True):
        assert each["minimal"] == row.ours.hits / row.ours.rounds
        assert each["iqr"] == row.ours.in_quartiles / row.ours.with_quartiles
        assert each["pct"] == row.ours.in_percent / row.ours.with_band
        assert each["shadowed"]["p95_bp"] == row.theirs.p95_bp
        assert (each["nearer"], each["verdict"]) == (row.duel.nearer, row.duel.verdict)
    assert told[-1]["met"] is found.met
