"""How the rewards of a reward epoch come about, to the wei.

The epoch's offers become one offer a round (`offers`), which is split three ways; `median`, `signing` and
`finalization` pay their part, `penalties` take back, `fast_updates` pay the block-latency feeds. What a voter earns by
signing weight goes to its fee, its delegators and its stakers (`split`). Claims of all rounds are merged and netted
(`merging`), and `conditions` burn those of voters that failed the minimal conditions. `rounds` puts one round together.

Division truncates towards zero and remainders follow a declining balance: both decide about single wei. Each rule that
FIP-16 changes takes a parameter `fip16`, which is a question of the reward epoch.
"""
