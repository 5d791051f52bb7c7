"""Keys: what signs, whichever machine holds the key."""

from chrono_flare_ftso.keys.errors import KeyRefused, NotSigned, SignerFault
from chrono_flare_ftso.keys.policy import Policy
from chrono_flare_ftso.keys.signer import Signer, completed, message_preimage

__all__ = ["KeyRefused", "NotSigned", "Policy", "Signer", "SignerFault", "completed", "message_preimage"]
