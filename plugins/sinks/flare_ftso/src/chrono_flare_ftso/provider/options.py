"""What an operator may say about when a provider acts, what it refuses to vote, and what it may spend."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from chrono import Config, ConfigError, Duration
from chrono_flare_ftso.chain.fees import COIN, GWEI, FeeLimits
from chrono_flare_ftso.lease import Terms
from chrono_flare_ftso.protocol.networks import COSTON2
from chrono_flare_ftso.provider.guards import Limits
from chrono_flare_ftso.provider.timetable import Offsets, Timetable


class OffsetOptions(Config):
    """When what is done, in seconds of a network with rounds of 90; shorter rounds have them in proportion."""

    submit1: float = Offsets().submit1
    """After the start of the round: prices are those of then, and are committed to."""

    submit2: float = Offsets().submit2
    """After its end: what was committed to is revealed; from 45 on that is void, and punished."""

    signatures: float = Offsets().signatures
    """After its end: its result is signed; not before 45, while others may still reveal."""

    finalisation: float = Offsets().finalisation
    """After its end: whoever was not selected to finalise it does so where nobody has."""

    @model_validator(mode="after")
    def _within_their_windows(self) -> Self:
        Timetable.of(COSTON2, 0, self.offsets())
        return self

    def offsets(self) -> Offsets:
        """Return them as a timetable wants them."""
        return Offsets(self.submit1, self.submit2, self.signatures, self.finalisation)


class GuardOptions(Config):
    """What is not voted, and when nothing is committed to."""

    missing: float = Field(default=Limits().missing, ge=0, le=1)
    """Share of the reward epoch's feeds that may be without a vote, 0 to 1; with more nothing is committed to."""

    distance: float = Field(default=Limits().distance, gt=0)
    """Relative distance from the last median beyond which a feed is not voted, such as 0.2 for a fifth of it."""

    rounds: int = Field(default=Limits().rounds, ge=0)
    """How many rounds old a median may be to say anything; 0 compares with none."""

    def limits(self) -> Limits:
        """Return them as guards want them."""
        return Limits(self.missing, self.distance, self.rounds)


class FeeOptions(Config):
    """What transactions may offer."""

    max_fee_gwei: float = Field(default=10_000.0, gt=0)
    """Most that is ever offered for a unit of gas, in billionths of the network's coin."""

    min_priority_fee_gwei: float = Field(default=100.0, ge=0)
    """The least tip; it is twice the base fee, held between this and the most."""

    max_priority_fee_gwei: float = Field(default=5_000.0, ge=0)
    """The most tip."""

    max_cost: float = Field(default=5.0, gt=0)
    """Most that one transaction may cost, in the network's coin."""

    low_balance: float = Field(default=5.0, ge=0)
    """Below this a balance is told of, in the network's coin."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        least, most = self.min_priority_fee_gwei, self.max_priority_fee_gwei
        if least > most:
            told = f"expected min_priority_fee_gwei up to max_priority_fee_gwei, was {least:g} above {most:g}"
            raise ValueError(f"{told}; raise the one or lower the other")
        return self

    def limits(self) -> FeeLimits:
        """Return them in wei."""
        return FeeLimits(
            min_priority_fee=int(self.min_priority_fee_gwei * GWEI),
            max_priority_fee=int(self.max_priority_fee_gwei * GWEI),
            max_fee=int(self.max_fee_gwei * GWEI),
            max_cost=int(self.max_cost * COIN),
            low_balance=int(self.low_balance * COIN),
        )


class LeaseOptions(Config):
    """Where it is said which of several machines acts for one identity; the others stand by."""

    file: str | None = Field(default=None, min_length=1)
    """A file that is locked, for processes that see one disk and have one ledger on it."""

    postgres: SecretStr | None = Field(default=None, min_length=1)
    """postgresql://USER:PASSWORD@HOST/NAME, for machines that share nothing else; commits are kept there, too."""

    ttl: Duration = Field(default=Duration("15s"), gt=0)
    """How long a grant lasts unless it is renewed; who stands by begins that long after the other fell silent."""

    margin: Duration = Field(default=Duration("5s"), gt=0)
    """How much earlier than its end the holder stops."""

    every: Duration = Field(default=Duration("2s"), gt=0)
    """How often it is renewed, and how often who stands by looks."""

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        if (self.file is None) == (self.postgres is None):
            both = "both" if self.file is not None else "neither"
            raise ValueError(f"expected file or postgres, was {both}; give one of them")
        try:
            self.terms()
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("lease: ")) from None
        return self

    def terms(self) -> Terms:
        """Return how long it is, as a lease wants it."""
        return Terms(self.ttl.seconds, self.margin.seconds, self.every.seconds)


class MetricsOptions(Config):
    """Where numbers for Prometheus are served, at ``/metrics``."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """The address to listen on; 0.0.0.0 for all of the machine's, as a container needs: whoever reaches it may read."""

    port: int = Field(default=8000, ge=0, le=65535)
    """The port; any free one for 0. 8000 is that of Flare's observer."""
