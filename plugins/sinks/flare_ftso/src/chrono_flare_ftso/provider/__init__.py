"""A whole FTSO provider: what it does in a voting round, when, and what it refuses to do."""
