"""Wrong versions of lines and claims, each of which a check has to refuse.

- `derivations`: single slips in the lines of a derivation
- `entries`: single slips in explicit expressions
"""
