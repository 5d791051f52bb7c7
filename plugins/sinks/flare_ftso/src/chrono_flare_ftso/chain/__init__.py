"""Flare's chain, read by JSON-RPC alone: no indexer, no database, no key.

=========== ====================================================================
`endpoint`  one address, and what becomes of its answers
`choosing`  several of them in order, with failover
`answers`   what they answer, as values
`rpc`       what is asked of them
`blocks`    blocks as they come, what was sent to Submission, reorganisations
`logs`      logs over long ranges, read in pieces
`epochs`    reward epochs from their events
`policies`  which of them a voting round is in
`timing`    voting rounds of a network that is not one of the four
`watching`  all of it together: what a data provider asks
=========== ====================================================================
"""
