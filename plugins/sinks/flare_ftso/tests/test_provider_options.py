"""What a pipeline file may say of a provider, and what it is told where that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chrono_flare_ftso.chain.fees import GWEI
from chrono_flare_ftso.provider.guards import Limits
from chrono_flare_ftso.provider.options import FeeOptions, GuardOptions, OffsetOptions
from chrono_flare_ftso.provider.sink import FlareFtso
from chrono_flare_ftso.provider.timetable import Offsets


def test_what_is_not_said_is_the_default() -> None:
    """The official client's offsets, the guards' own limits."""
    assert OffsetOptions().offsets() == Offsets()
    assert OffsetOptions(submit1=60).offsets() == Offsets(submit1=60)
    assert GuardOptions().limits() == Limits()
    assert FeeOptions(max_fee_gwei=50).limits().max_fee == 50 * GWEI


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (lambda: OffsetOptions(submit2=46), "submit2: expected an offset from 0 to below 45 s, was 46"),
        (lambda: GuardOptions(missing=1.5), "less than or equal to 1"),
        (lambda: GuardOptions(distance=0), "greater than 0"),
        (
            lambda: FeeOptions(min_priority_fee_gwei=200, max_priority_fee_gwei=100),
            "was 200 above 100; raise the one or lower the other",
        ),
    ],
)
def test_what_cannot_be_is_refused(options: Any, told: str) -> None:
    """Each says what it wanted and what was there."""
    with pytest.raises(ValidationError, match=told):
        options()


def test_every_option_says_what_it_is() -> None:
    """Editors show it, and `chrono plugin info`; of the options inside options, too."""
    described = FlareFtso.Config.model_json_schema()
    for name, model in {"Config": described, **described["$defs"]}.items():
        for option, told in model.get("properties", {}).items():
            assert told.get("description"), f"{name}.{option}"
