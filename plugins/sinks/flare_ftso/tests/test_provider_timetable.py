"""When a provider does what, on any network's rounds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono_flare_ftso.protocol.epochs import Deadlines
from chrono_flare_ftso.protocol.networks import COSTON2, FLARE
from chrono_flare_ftso.provider.timetable import Offsets, Timetable


def test_flare_has_the_official_client_s_times():
    table = Timetable.of(FLARE, 1_000_000)
    start = FLARE.first_voting_round_start + 90 * 1_000_000
    wanted = (start + 75, start + 90, start + 110, start + 135, start + 135, start + 156, start + 180)
    assert table[1:] == wanted


@given(st.integers(4, 600), st.data())
def test_order_and_windows_hold_on_rounds_of_any_length(seconds, data):
    """Everything is begun while it counts: strictly before it ends, not before it may."""
    reveal = data.draw(st.integers(1, seconds - 1))
    network = replace(COSTON2, voting_round_seconds=seconds, reveal_seconds=reveal)
    offsets = Offsets(
        data.draw(st.floats(0, 89.9)),
        data.draw(st.floats(0, 44.9)),
        data.draw(st.floats(45, 89.9)),
        data.draw(st.floats(45, 89.9)),
    )
    table, deadlines = Timetable.of(network, 7, offsets), Deadlines.of(network, 7)
    assert deadlines.commit.start <= table.submit1 < table.submit1_ends == deadlines.commit.stop
    assert deadlines.reveal.start <= table.submit2 < table.submit2_ends == deadlines.reveal.stop
    assert deadlines.reveal.stop <= table.signatures < table.ends == deadlines.end + 1
    assert deadlines.reveal.stop <= table.finalisation < table.ends


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        (Offsets(submit1=90), "submit1: expected an offset from 0 to below 90 s, was 90"),
        (Offsets(submit2=45), "submit2: expected an offset from 0 to below 45 s, was 45"),
        (Offsets(submit2=-1), "submit2: .* was -1"),
        (Offsets(signatures=44), "signatures: expected an offset from 45 to below 90 s, was 44"),
        (Offsets(finalisation=float("nan")), "finalisation: .* was nan"),
    ],
)
def test_offset_at_which_nothing_would_count_is_refused(offsets, message):
    with pytest.raises(ValueError, match=message):
        Timetable.of(FLARE, 1, offsets)
