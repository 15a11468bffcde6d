"""Programs that chapters show and nothing else needs.

- ``operation_counts``: multiplications and fill-in of ways to one number
- ``tape``: a program as a list of operations: automatic differentiation
- ``sampling``: how estimates of variances behave over repeated samples, exactly
- ``published``: the equations of the published question and answer, and REML
"""
