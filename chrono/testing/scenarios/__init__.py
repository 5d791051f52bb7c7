"""The market faults that an oracle must survive, played to any pipeline.

`catalogue` has the rows as plain data, `cast` who takes part, `stage` the pipeline they are played to, `simulation` one
simulated market, `measure` what many of them come to, `rules` other ways to price the same draws, `running` all of it.
Needs no pytest.

Examples
--------
>>> from chrono.testing.scenarios.catalogue import named
>>> [scenario.name for scenario in named("g")]
['G-ramp', 'G-step']
"""
