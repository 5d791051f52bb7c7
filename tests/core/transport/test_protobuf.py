"""Messages of protocol buffers are read by field, and damage is told."""

import pytest

from chrono import protobuf_fields, protobuf_named


def test_fields_come_in_the_order_of_the_wire() -> None:
    """Repeated ones as often as they are there; a double, a whole number of ten bytes, a number of two bytes."""
    text = "08 01 0a 01 61 08 02 11 00 00 00 00 00 00 f8 3f 20 ff ff ff ff ff ff ff ff ff 01 d2 13 00"
    assert list(protobuf_fields(bytes.fromhex(text))) == [
        (1, 1),
        (1, b"a"),
        (1, 2),
        (2, 1.5),
        (4, 2**64 - 1),
        (314, b""),
    ]
    assert list(protobuf_fields(b"")) == []


@pytest.mark.parametrize(
    "damage",
    [
        "08",
        "08 80",
        "0a 02 61",
        "09 00 00",
        "0d 00 00 00 00",
        "0b",
        "08 ff ff ff ff ff ff ff ff ff ff 01",
        "80",
    ],
)
def test_damage_is_told(damage: str) -> None:
    """Cut off in a key, a number or a text; of a kind that is not read; a number without an end."""
    with pytest.raises(ValueError, match="expected"):
        list(protobuf_fields(bytes.fromhex(damage)))


NAMES = {1: "channel", 2: "time", 3: ("body", {1: ("rows", [{1: "price"}])})}


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("0a 01 61 10 07 78 01", {"channel": "a", "time": 7}),
        ("1a 00", {"body": {}}),
        ("1a 0a 0a 03 0a 01 31 0a 03 0a 01 32", {"body": {"rows": [{"price": "1"}, {"price": "2"}]}}),
        ("10 07 10 08", {"time": 8}),
    ],
)
def test_fields_have_the_names_that_are_given(message: str, wanted: object) -> None:
    """Those of others are passed over; a message within is read the same way, as often as it comes."""
    assert protobuf_named(bytes.fromhex(message), NAMES) == wanted


@pytest.mark.parametrize("damage", ["18 01", "1a 02 08 01", "0a 01 ff", "1a 02 0a 02"])
def test_what_is_not_what_its_name_says_is_refused(damage: str) -> None:
    """A number for a message, text that is none, a message that is cut off within."""
    with pytest.raises(ValueError, match=".+"):
        protobuf_named(bytes.fromhex(damage), NAMES)
