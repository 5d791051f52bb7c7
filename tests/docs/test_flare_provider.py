"""The page for those who run an FTSO provider says every option and every number that there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from chrono.core.registry import Registry

PAGE = Path(__file__).parents[2] / "docs" / "flare-provider.md"
OBSERVERS = {
    "flare_fsp_voting_round_current": (),
    "flare_fsp_reward_epoch_current": (),
    "flare_fsp_registered_current_epoch": ("identity_address",),
    "flare_fsp_registered_next_epoch": ("identity_address",),
    "flare_fsp_submit_ok_total": ("identity_address", "protocol", "phase"),
    "flare_fsp_submit_missing_total": ("identity_address", "protocol", "phase"),
    "flare_fsp_submit_late_total": ("identity_address", "protocol", "phase"),
    "flare_fsp_submit_early_total": ("identity_address", "protocol", "phase"),
    "flare_fsp_ftso_anchor_feeds_success_rate_bips": ("identity_address",),
    "flare_fsp_address_balance_wei": ("identity_address", "address", "role"),
    "flare_fsp_reveal_offence_total": ("identity_address", "protocol"),
    "flare_fsp_signature_grace_period_missed_total": ("identity_address", "protocol"),
    "flare_fsp_signature_mismatch_total": ("identity_address", "protocol"),
}
"""Names and labels: flare-foundation/fsp-observer 78f9c71, `observer/metrics.py`, read 2026-11-23."""


def section(heading: str) -> str:
    """Return what stands below a heading."""
    _, _, rest = PAGE.read_text().partition(f"# {heading}\n")
    assert rest, f"expected a heading {heading!r}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def shown(default: Any) -> str:
    if default is None or isinstance(default, BaseModel) or default == ():
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


@pytest.mark.parametrize("heading", ["Options", "Offsets", "Guards", "Fees", "Metrics"])
def test_every_option_is_documented(heading: str) -> None:
    """Each has its line with default and meaning, and no line is about an option that is not there."""
    model: Any = Registry().component("sink", "flare_ftso").Config
    if heading != "Options":
        field = model.model_fields[heading.lower()]
        model = type(field.default) if field.default is not None else field.annotation.__args__[0]
    lines = [line for line in section(heading).splitlines() if line.startswith("| `")]
    wanted = {
        f"| `{name}` | {'required' if field.is_required() else shown(field.default)} | {field.description} |"
        for name, field in model.model_fields.items()
    }
    assert set(lines) == wanted


def test_every_number_is_documented_and_those_of_the_observer_are_its_own() -> None:
    """Name, kind, labels and meaning; those with the observer's prefix have its names and labels."""
    from chrono_flare_ftso.protocol.networks import FLARE
    from chrono_flare_ftso.provider.measures import Measures

    families = Measures(FLARE, bytes(20)).metrics.families
    lines = [line for line in section("Numbers for Prometheus").splitlines() if line.startswith("| `")]
    assert lines == [
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.help} |"
        for each in families
    ]
    assert {each.name: each.labels for each in families if each.name.startswith("flare_fsp_")} == OBSERVERS
    assert all(each.name.startswith(("flare_fsp_", "chrono_flare_")) for each in families)
