"""The nine market faults, asked for over HTTP: the value is right or absent, never wrong."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("faults_over_http", Path(__file__).with_name("faults_over_http.py"))
faults = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(faults)

ROWS = {each.name: each for each in faults.scenarios()}
WALKING = {"A", "E"}


def test_they_are_nine():
    assert {name.partition("-")[0] for name in ROWS} == set("ABCDEFGHI")


@pytest.mark.parametrize("name", [name for name in ROWS if name != "G-ramp"])
def test_fault_holds_through_http(name, tmp_path):
    """One market of some forty readings; `benchmarks/flare_faults.py` plays more."""
    setting = "walking" if name in WALKING else "static"
    outcome = faults.played(ROWS[name], setting, tmp_path, markets=1)
    result = outcome.result
    assert result.holds, result.why
    if name == "I":
        assert (result.no_value, outcome.example_share) == (1.0, 1.0)
    else:
        assert result.no_value == 0.0
        assert result.error_bp < 5
    if name == "H":
        # what the example provider would have said: the rogue's fresh print
        assert outcome.example_bp > 400 > 100 * result.error_bp


def test_wrong_value_would_be_seen(tmp_path, monkeypatch):
    """The check itself: a sink that is off by a part in a thousand does not hold."""
    from chrono_flare_ftso.answers import Values

    of = Values.of.__func__

    def off(cls, report):
        told = of(cls, report)
        return cls(told.as_of, {name: 1.001 * value for name, value in told.prices.items()})

    monkeypatch.setattr(Values, "of", classmethod(off))
    outcome = faults.played(ROWS["A"], "static", tmp_path, markets=1)
    assert not outcome.result.holds
    assert not math.isnan(outcome.example_bp)
