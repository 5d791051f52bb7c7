"""The rows, as plain data.

Public names: NearMiss, SCENARIOS, named.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from chrono.core.units import Duration, Move
from chrono.testing.faults import Depeg, Drift, FlashCrash, Held, Outlier, Repeating, Scaled, Silence, Wash
from chrono.testing.scenarios.scenario import Befalls, Must, Scenario, Times, World

MAX_AGE = 30
"""Seconds after which a last print of a market with some prints a minute must no longer count."""

SETTLED = MAX_AGE + 1
"""That, and one round."""


class NearMiss(ValueError):
    """There is no such scenario; the message names the nearest."""


def named(name: str) -> Sequence[Scenario]:
    """Return the scenarios of a name: one, the variants of a row, or `all`.

    Raises
    ------
    NearMiss
        If there is none.
    """
    wanted = name.upper()
    found = [each for each in SCENARIOS if wanted in {"ALL", each.name.upper(), each.name.upper().partition("-")[0]}]
    if not found:
        known = {each.name.upper(): each.name for each in SCENARIOS}
        near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.1)
        hint = f"; did you mean {known[near[0]]}" if near else ""
        raise NearMiss(f"expected all or one of {', '.join(known.values())}, was {name!r}{hint}")
    return found


def _fallen(by: float) -> float:
    """Return the basis points that prices are off when a rate that fell is taken for 1."""
    return (1 / (1 - by) - 1) * 1e4


_RALLY = Depeg(asset="BTC", move=Move("+3%"), ramp=Duration("90s"))
_RALLY_BP = 300 / 90
_CRASH = Depeg(asset="BTC", move=Move("-12%"), ramp=Duration("2m"))
_RAMP = Depeg(asset="USDT", move=Move("-3%"), ramp=Duration("60s"))
_STEP = Depeg(asset="USDT", move=Move("-3%"))
_DEPEGS = (
    ("ramp", "within 60 s", _RAMP, _fallen(0.03 * SETTLED / 60)),
    ("step", "at once", _STEP, _fallen(0.03)),
)
_PLUS_10, _PLUS_3, _MINUS_5 = (Outlier(move=Move(move)) for move in ("+10%", "+3%", "-5%"))
_SEPTEMBER_2024 = 1_725_926_400
_SELDOM = Times(fill=1_200, warm=60, reads=900, step=30, pace=15)
_DORMANT = replace(_SELDOM, reads=3_600, step=300)
"""Readings so far apart that few share a last trade: those that do are hardly two draws."""
_LENIENT = Must(honest_dropped=0.005)
_OUT = Must(out=True)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("A", "no fault", must=_LENIENT),
    Scenario("B", "the biggest venue prints +10 %", (Befalls((_PLUS_10,), who="biggest"),), must=_OUT),
    Scenario("C", "a small venue prints +10 %", (Befalls((_PLUS_10,), who="small"),), must=_OUT),
    Scenario(
        "D",
        "a quarter of the venues, the biggest among them, print +3 % together",
        (Befalls((_PLUS_3,), share=2 / 8, who="biggest"),),
        must=Must(within_y=1.6),
    ),
    *(
        Scenario(
            f"D2-{way}",
            f"three of eight venues collude at {move.replace('%', ' %')}",
            (Befalls((Outlier(move=Move(move)),), share=3 / 8, down=True),),
            must=Must(within_y=None, within_bp=5.0, named=60),
        )
        for way, move in (("up", "+0.4%"), ("down", "-0.4%"))
    ),
    Scenario(
        "E",
        "three of eight venues stop while the market moves +3 % in 90 s",
        (Befalls((Silence(),), share=3 / 8, down=True),),
        (_RALLY,),
        times=Times(settle=SETTLED, reads=130),
        must=Must(size=_RALLY_BP * SETTLED, visible=True),
    ),
    Scenario(
        "F",
        "five of eight venues stop for 580 s while the market moves +3 % in 90 s",
        (Befalls((Silence(lasts=Duration("580s")),), share=5 / 8),),
        (_RALLY,),
        times=Times(settle=SETTLED, reads=570, step=4, coarse=(120, 40)),
        must=Must(size=_RALLY_BP * SETTLED, visible=True, refusal="allowed"),
    ),
    Scenario(
        "F2",
        "three of eight venues repeat their old price with fresh times while the market moves +3 % in 90 s",
        (Befalls((Repeating(),), share=3 / 8, down=True),),
        (_RALLY,),
        times=Times(settle=60, reads=120),
        must=Must(size=_RALLY_BP * 60, visible=True),
    ),
    Scenario(
        "F2-peg",
        "two of five rate venues print a flat line, as a stablecoin's may",
        (Befalls((Repeating(),), share=2 / 5, of="r", honest=True),),
        must=_LENIENT,
    ),
    *(
        Scenario(
            f"G-{how}",
            f"USDT falls to 0.97 {told}",
            moves=(move,),
            times=Times(settle=SETTLED, reads=120),
            must=Must(size=size, visible=True, announced=True),
        )
        for how, told, move, size in _DEPEGS
    ),
    *(
        Scenario(
            f"G2-{how}",
            f"USDT falls to 0.97 {told} and three of five rate venues stay at 1.00",
            (Befalls((Held(),), share=3 / 5, of="r"),),
            (move,),
            times=Times(settle=SETTLED, reads=120),
            must=Must(size=size, visible=True, unsure=0.5, refusal="allowed"),
        )
        for how, told, move, size in _DEPEGS
    ),
    Scenario(
        "H",
        "thin market: honest last trades 60 to 110 s old, one rogue 1 s old at -5 %",
        (Befalls((_MINUS_5,)),),
        world=World(prints="thin"),
        times=Times(fill=600, warm=120, settle=120, reads=2_400, step=120, pace=60),
        must=Must(within_y=1.6, refusal="allowed"),
    ),
    Scenario(
        "I",
        "every venue silent for an hour",
        (Befalls((Silence(),), share=1.0), Befalls((Silence(),), share=1.0, of="r")),
        times=Times(settle=SETTLED, reads=3_569, coarse=(120, 120)),
        must=Must(within_y=None, refusal="always"),
    ),
    Scenario(
        "J",
        "flash crash on one venue: -80 % for three seconds with real volume, then back",
        (Befalls((FlashCrash(),), rate=5.0),),
        times=Times(reads=130, step=1, coarse=(20, 5)),
        must=Must(out=True, back=True),
    ),
    Scenario(
        "K",
        "true crash: -12 % in two minutes on all venues",
        moves=(_CRASH,),
        must=Must(within_y=None, within_bp=5.0, of="honest"),
    ),
    Scenario(
        "L",
        "slow manipulation: one venue drifts +1 bp a second for five minutes",
        (Befalls((Drift(per_second=Move("+1bp"), lasts=Duration("5m")),)),),
        times=Times(reads=300),
        must=Must(within_y=None, named=60, alone_bp=1.0),
    ),
    Scenario(
        "M",
        "wash volume: one venue's size x1000 at +1 %",
        (Befalls((Wash(move=Move("+1%")),)),),
        must=Must(capped=True),
    ),
    *(
        Scenario(f"N-{what}", f"prices x{factor:g}: {told}", (Befalls((Scaled(factor=factor),)),), must=_OUT)
        for what, factor, told in (("unit", 1000.0, "another unit"), ("coin", 0.3, "another coin of the same ticker"))
    ),
    Scenario("O", "0, -1, NaN, inf, 1e308 and crossed books", world=World(nonsense=True), must=_LENIENT),
    Scenario("P", "another feed has no answer", world=World(other="ETH/USD")),
    Scenario(
        "Q",
        "MATIC is called POL at all venues from now on",
        world=World(feed="POL/USD", former="MATIC", onset=_SEPTEMBER_2024),
        times=Times(settle=SETTLED),
        must=Must(gapless=True, capped=True, honest_dropped=0.005),
    ),
    Scenario("R", "one venue quoted in EUR", world=World(euro=True), must=_LENIENT),
    Scenario(
        "R-silent",
        "one venue quoted in EUR, and EUR/USD falls silent",
        (Befalls((Silence(),), share=1.0, of="e"), Befalls(who="last")),
        world=World(euro=True),
        times=Times(settle=SETTLED),
        must=_OUT,
    ),
    Scenario("U", "every venue trades every two to four minutes", world=World(prints="slow"), times=_SELDOM),
    Scenario(
        "U-book",
        "every venue last traded up to ten minutes ago, and its top of book is live",
        world=World(prints="dormant"),
        times=_DORMANT,
        settings=("static",),
    ),
    Scenario(
        "U-one",
        "one venue alone, with min_venues: 1",
        world=World(lone=True, min_venues=1),
        must=Must(within_y=None, surest=0.5),
    ),
    Scenario(
        "U-alone",
        "one venue alone, without min_venues: 1",
        world=World(lone=True),
        must=Must(within_y=None, refusal="always"),
    ),
)
