"""FSP and FTSOv2 without a network: one module a topic, pure functions and frozen values.

Everything on the wire is `bytes`: addresses of 20, hashes and randoms of 32, feed ids of 21. Letter case, prefixes and
padding are questions of text, and are answered where text is read or printed, in `text`.

=================== ====================================================================
`networks`          the four networks; what was decided for each
`deployments`       their contracts by reward epoch
`epochs`            voting rounds, reward epochs, deadlines
`feeds`             feed ids, the canonical order of a reward epoch
`values`            prices as 4 bytes
`commits`           commit hash, commit and reveal payloads
`messages`          payload messages and the calldata of Submission
`fdc`               bit votes on attestation requests
`results`           the 38-byte result and its leaves
`signatures`        secp256k1, signature payloads
`medians`           weighted median and quartiles
`rounds`            which commits and reveals count, the random, benching, the result
`merkle`            trees, proofs
`policy`            signing policies, their bytes and both hashes
`relay`             relay calldata, the choice of signatures
`relay_rules`       what the contract accepts, with its words where it does not
`finalizers`        who may finalize first
`registration`      messages of registration, uptime and rewards; the weight of a voter
`nodes`             possession of a validator node
`claims`            reward claims, distribution data
`rewards`           how a round's rewards are split
`bn254` `sortition` curve, keys, verifiable random numbers of fast updates
`fast_updates`      deltas, submissions
`events` `contracts` the subset of ABIs that a provider needs
=================== ====================================================================
"""
