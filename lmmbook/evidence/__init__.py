"""What other programs and certified data sets say, recorded, and how lmmcore compares.

- ``recorded``: the records: fits, Laplace approximations, degrees of freedom, awkward data, times
- ``comparison``: our fits beside recorded ones, with the digits that agree
- ``two_programs``: each fit of real data by several roads
- ``certified``: NIST's certified analyses of variance
"""
