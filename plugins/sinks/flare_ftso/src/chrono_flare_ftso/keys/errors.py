"""What a key refuses, and what a holder of keys cannot do now.

KeyRefused           somebody has to see to it: a file, a password, a key that is not there
├── NotSigned        the policy says no: what was to be signed is nothing that this provider signs
SignerFault          the holder does not answer, or not with a signature; the same call may succeed later
"""

from __future__ import annotations

from collections.abc import Sequence

from chrono import PermanentError, TransientError


class KeyRefused(PermanentError):
    """A key cannot be used.

    Attributes
    ----------
    problems : sequence of str
        One line for each thing to see to; none shows a secret.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class NotSigned(KeyRefused):
    """A policy refuses to sign."""


class SignerFault(TransientError):
    """A holder of keys does not answer, or not with what was asked for."""
