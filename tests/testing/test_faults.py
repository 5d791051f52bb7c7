"""The faults a simulated market may suffer."""

import pytest
from pydantic import TypeAdapter, ValidationError

from chrono import Duration, Move, Share
from chrono.testing.faults import AnyFault, DeadSymbol, Depeg, Drift, FlashCrash, Frozen, Outlier, Scaled, Silence, Wash

READ = TypeAdapter(AnyFault).validate_python


@pytest.mark.parametrize(
    ("text", "value"), [("+10%", 0.1), ("-80%", -0.8), ("25bp", 0.0025), ("-1bp", -0.0001), ("0%", 0.0)]
)
def test_move_reads_a_signed_share(text: str, value: float) -> None:
    """A move is a share with a sign."""
    assert float(Move(text)) == pytest.approx(value)
    assert Move(str(Move(text))) == Move(text)


@pytest.mark.parametrize("text", ["10", "--1%", "% 5", "", "ten percent", "-100%", "-250%"])
def test_move_refuses_what_is_no_price_change(text: str) -> None:
    """A move without a unit, or to zero and below, is refused with what was expected."""
    with pytest.raises(ValueError, match="expected a move"):
        Move(text)


def test_share_still_refuses_a_sign() -> None:
    """A share of something cannot be negative."""
    with pytest.raises(ValueError, match="expected a share with its unit like 10% or 25bp, was '-1%'"):
        Share("-1%")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"kind": "outlier", "move": "10%"}, Outlier(move=Move("10%"))),
        ({"kind": "silence", "after": "5s", "for": "20s"}, Silence(after=Duration("5s"), lasts=Duration("20s"))),
        ({"kind": "frozen", "pairs": ["BTC/USD"]}, Frozen(pairs=("BTC/USD",))),
        ({"kind": "dead_symbol", "pairs": ["BTC/USD"]}, DeadSymbol(pairs=("BTC/USD",))),
        (
            {"kind": "depeg", "asset": "USDT", "move": "-3%", "ramp": "60s"},
            Depeg(asset="USDT", move=Move("-3%"), ramp=Duration("60s")),
        ),
        ({"kind": "drift", "per_second": "1bp"}, Drift(per_second=Move("1bp"))),
        ({"kind": "wash"}, Wash(sizes=1000.0, move=Move("1%"))),
        ({"kind": "scaled", "factor": 1000}, Scaled(factor=1000.0)),
        ({"kind": "flash_crash"}, FlashCrash(move=Move("-80%"), lasts=Duration("3s"))),
    ],
)
def test_faults_are_plain_data(data: dict[str, object], fault: object) -> None:
    """Each fault is written as a mapping with its kind and values with units."""
    assert READ(data) == fault


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "outlyer"}, "does not match any of the expected tags: 'outlier'"),
        ({"kind": "outlier", "move": "10"}, "expected a move with its unit like \\+10% or -25bp, was '10'"),
        ({"kind": "outlier", "shift": "10%"}, "Extra inputs are not permitted"),
        ({"kind": "silence", "after": 5}, "expected a duration with its unit"),
        ({"kind": "silence", "pairs": ["BTCUSD"]}, "expected a pair like BTC/USD, was 'BTCUSD'"),
        ({"kind": "dead_symbol"}, "Field required"),
        ({"kind": "depeg", "asset": "USDT", "pairs": ["BTC/USD"]}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_fault_says_what_was_expected(data: dict[str, object], message: str) -> None:
    """A fault that cannot be read is refused with a message to act upon."""
    with pytest.raises(ValidationError, match=message):
        READ(data)


def test_every_fault_option_is_described() -> None:
    """The JSON Schema has a description for each option, under the name the user writes."""
    for name, schema in TypeAdapter(AnyFault).json_schema()["$defs"].items():
        for option, entry in schema["properties"].items():
            assert entry.get("description"), f"{name}.{option}"
        assert "lasts" not in schema["properties"]


@pytest.mark.parametrize(("elapsed", "active"), [(0, False), (4, False), (5, True), (24, True), (25, False)])
def test_fault_is_active_from_its_onset_for_its_length(*, elapsed: int, active: bool) -> None:
    """A fault begins `after` the start and ends when `for` has passed."""
    fault = Silence(after=Duration("5s"), lasts=Duration("20s"))
    assert fault.active(elapsed * 1_000_000_000) is active


def test_depeg_ramps_then_stays() -> None:
    """A depeg moves linearly over its ramp and stays until its end, if it has one."""
    depeg = Depeg(asset="USDT", move=Move("-3%"), after=Duration("10s"), ramp=Duration("60s"), lasts=Duration("100s"))
    factors = [depeg.factor(second * 1_000_000_000) for second in (9, 10, 40, 70, 109, 110)]
    assert factors == pytest.approx([1.0, 1.0, 0.985, 0.97, 0.97, 1.0])
