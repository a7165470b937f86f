"""Arrays in, numbers out: the statistics of a trial, importable by themselves in a notebook.

Group sequential design    spending, boundaries, design, conditional_power, sample_size
Endpoints                  linear, proportions, rates, survival
Safety and blinding        bayes, blinding_indices
Simulation                 virtual_participants

Invariants
1. No I/O, no clock, no global randomness; numpy and scipy.special only, so that importing is quick.
2. Ranges are checked before arithmetic; a refusal names the parameter and its interval. NaN never comes out.
3. Results are frozen, carry the method's name, and print as plain text.

What it does not do: read frames, round for print, draw, or know what an arm is called.
"""
