"""Flare's chain by JSON-RPC alone: what is read of it needs no indexer, no database and no key.

============== ====================================================================
`endpoint`     one address, and what becomes of its answers
`choosing`     several of them in order, with failover
`answers`      what they answer, as values
`accounts`     what they answer about accounts and transactions
`refusals`     why they do not take a transaction
`rpc`          what is asked of them, and given to them
`blocks`       blocks as they come, what was sent to Submission, reorganisations
`logs`         logs over long ranges, read in pieces
`epochs`       reward epochs from their events
`policies`     which of them a voting round is in
`timing`       voting rounds of a network that is not one of the four
`subscription` one address that announces heads of blocks
`heads`        several of them, of which the first wakes whoever polls
`clockoffset`  by how much the machine's clock is off
`looking`      when the head is looked at
`watching`     all of it together: what a data provider asks
`transactions` transactions, as bytes
`fees`         what they offer, and what they cost
`nonces`       all that may have left, on the disk
`drafting`     from what is wanted to signed bytes
`carrying`     from signed bytes to a block
`fates`        what became of them, and whether that stands
`sending`      all of it together: what a provider sends
============== ====================================================================
"""
