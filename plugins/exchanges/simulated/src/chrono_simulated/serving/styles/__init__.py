"""Venues that speak no real exchange's protocol, but in a real one's style, each with the source that reads it.

A module of this package is an example to read: the venue on one side, a whole source on the other.

Public names: DeflateVenue, DeflatedSource, GzipVenue, GzippedSource, ProtobufSource, ProtobufVenue, TokenSource,
TokenVenue.
"""

from chrono_simulated.serving.styles.gzipped import DeflatedSource, DeflateVenue, GzippedSource, GzipVenue
from chrono_simulated.serving.styles.protobuf import ProtobufSource, ProtobufVenue
from chrono_simulated.serving.styles.token import TokenSource, TokenVenue

__all__ = [
    "DeflateVenue",
    "DeflatedSource",
    "GzipVenue",
    "GzippedSource",
    "ProtobufSource",
    "ProtobufVenue",
    "TokenSource",
    "TokenVenue",
]
