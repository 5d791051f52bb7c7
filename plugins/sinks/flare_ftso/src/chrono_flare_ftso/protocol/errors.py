"""What the protocol refuses.

ProtocolError        this datum is dropped and counted; a `chrono.DataError`
├── WireError        bytes are not what the protocol says: which byte, what was expected, what it was
└── NoResult         sound input that the protocol has no answer for, such as a round without a valid reveal
"""

from __future__ import annotations

from chrono import DataError


class ProtocolError(DataError):
    """A datum breaks a rule of the protocol."""


class NoResult(ProtocolError):
    """The protocol has no answer for this input."""


class WireError(ProtocolError):
    """Bytes are not what the protocol says.

    Parameters
    ----------
    subject : str
        What was read, such as ``payload message``.
    at : int
        Offset of the first byte that is wrong, from the start of what was read.
    expected, was : str
        What the protocol says, and what stood there.

    Examples
    --------
    >>> str(WireError("signing policy", 2, "3 bytes of reward epoch", "the end"))
    'signing policy: byte 2: expected 3 bytes of reward epoch, was the end'
    """

    def __init__(self, subject: str, at: int, expected: str, was: str) -> None:
        super().__init__(f"{subject}: byte {at}: expected {expected}, was {was}")
        self.subject = subject
        self.at = at
        self.expected = expected
        self.was = was
