"""Keys: what signs, whichever machine holds the key."""

from chrono_flare_ftso.keys.signer import Signer, completed, message_preimage

__all__ = ["Signer", "completed", "message_preimage"]
