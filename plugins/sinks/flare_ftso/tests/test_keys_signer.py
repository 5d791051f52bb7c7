"""What a signer hands out is whole, whatever its holder left out."""

import pytest
from eth_keys.constants import SECPK1_N

from chrono_flare_ftso.keys import completed, message_preimage
from chrono_flare_ftso.protocol.errors import ProtocolError
from chrono_flare_ftso.protocol.keccak import keccak256
from chrono_flare_ftso.protocol.signatures import address_of, eip191, sign

KEY = bytes(31) + b"\x07"


@pytest.mark.parametrize("high", [False, True])
def test_r_and_either_s_become_the_signature_that_the_key_makes_itself(high: bool) -> None:
    for number in range(20):
        digest = keccak256(bytes([number]))
        made = sign(digest, KEY)
        s = (SECPK1_N - int.from_bytes(made.s, "big")).to_bytes(32, "big") if high else made.s
        assert completed(digest, made.r, s, address_of(KEY)) == made


def test_a_signature_of_another_key_is_refused() -> None:
    made = sign(keccak256(b""), KEY)
    with pytest.raises(ProtocolError, match="another key's"):
        completed(keccak256(b""), made.r, made.s, bytes(20))


@pytest.mark.parametrize("s", [0, SECPK1_N])
def test_an_s_outside_the_curve_is_refused(s: int) -> None:
    with pytest.raises(ProtocolError, match="expected s from 1"):
        completed(bytes(32), b"\x01" * 32, s.to_bytes(32, "big"), bytes(20))


def test_the_preimage_of_a_message_hashes_to_what_the_protocol_signs() -> None:
    assert keccak256(message_preimage(b"\x05" * 32)) == eip191(b"\x05" * 32)
