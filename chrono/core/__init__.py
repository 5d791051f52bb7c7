"""The rooms behind the front door; plugins import from `chrono`, never from here."""
