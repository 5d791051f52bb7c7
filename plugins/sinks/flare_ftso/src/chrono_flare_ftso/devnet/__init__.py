"""A Flare network on this machine: anvil, our own small contracts, and simulated providers that keep it alive.

The contracts are written from the protocol's text and ABI, none is a copy of Flare's. `contracts` holds their sources,
in Vyper; `contracts.json` is what the compiler makes of them.
"""
