"""The JSON Schema tells an editor what a pipeline file may say."""

from typing import Any

import pytest

from chrono.core.config import schema
from chrono.core.config.yaml import read

jsonschema = pytest.importorskip("jsonschema", reason="validates the schema itself")

GOOD = """\
every: 500ms
feeds:
  USDT/USD:
  BTC/USD: {decimals: 2, markets: [kraken:BTC/USD, "*:BTC/USDT"], aggregator: last, limits: {min: 1}}
sources:
  kraken: {silence: 10s, port: "${env:PORT}", route: {url: a}}
  kraken/eu:
  fast: {type: coinbase}
  coinbase: {type: kraken, port: 1}
aggregator: {twap: {window: 10s}}
detectors: [flatline, {cohort: {max_deviation: 2%}}]
consensus: {weighted_median: }
sinks: {console: {}, sqlite: {path: "${env:HOME}/prices.db"}}
"""
BASE = "feeds: {BTC/USD: }\nsources: {kraken: }\n"


@pytest.fixture
def validator(registry: Any) -> Any:
    """Return a validator of the schema of the small components."""
    return jsonschema.Draft202012Validator(schema(registry.classes))


def test_schema_is_valid_and_accepts_a_full_file(validator: Any) -> None:
    """Every form a component can be written in is accepted, references included."""
    validator.check_schema(validator.schema)
    assert [error.message for error in validator.iter_errors(read(GOOD.replace("$", "$$"), "p.yaml").plain())] == []


@pytest.mark.parametrize(
    "text",
    [
        "feeds: {BTC/USD: }",
        "feeds: {btc/usd: }\nsources: {kraken: }",
        "feeds: {BTC/USD: {decimal: 2}}\nsources: {kraken: }",
        "feeds: {BTC/USD: }\nsources: {kraken: {silense: 10s}}",
        "feeds: {BTC/USD: }\nsources: {kraken: {silence: 10}}",
        "feeds: {BTC/USD: }\nsources: {fast: {}}",
        "feeds: {BTC/USD: }\nsources: {fast: {type: nobody}}",
        "feeds: {BTC/USD: }\nsources: {fast: {type: coinbase, port: 1}}",
        BASE + "aggregator: nobody",
        BASE + "aggregator: {twap: {window: 10}}",
        BASE + "aggregator: {twap: , last: }",
        BASE + "detectors: flatline",
        BASE + "sinks: {sqlite: {}}",
        BASE + "colour: red",
    ],
)
def test_schema_refuses_what_the_loader_refuses(text: str, validator: Any) -> None:
    """An editor underlines the mistake while it is made."""
    assert list(validator.iter_errors(read(text, "p.yaml").plain()))


def test_every_option_has_its_description(registry: Any) -> None:
    """What an author wrote below an option is what an editor shows."""
    definitions = schema(registry.classes)["$defs"]
    assert definitions["source.kraken"]["properties"]["silence"]["description"] == "Longest time without a frame."
    assert definitions["source.kraken"]["description"] == "Every public trade of a venue."
    assert definitions["source.kraken.Login"]["properties"]["password"]["format"] == "password"
    assert definitions["FeedConfig"]["properties"]["decimals"]["description"].startswith("Decimals")


def test_component_that_needs_an_option_is_not_offered_as_a_bare_name() -> None:
    """A name alone would be refused by the loader, so no editor completes it."""
    from pydantic import create_model

    from chrono.core.component import Aggregator, Config

    needy = type(
        "Needy", (Aggregator,), {"type": "needy", "Config": create_model("Config", __base__=Config, depth=(int, ...))}
    )
    assert "anyOf" not in schema({("aggregator", "needy"): needy})["$defs"]["aggregator"]
