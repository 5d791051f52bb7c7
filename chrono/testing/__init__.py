"""What tests need: a market whose true price is known, and the faults that venues have."""
