"""What is shown and kept: derivations, refutations, claims by entries, and their records.

- `written`: expressions and settings as data
- `records`: a file for each named result
- `display`: how results look
- `small_case`: a derivation on one exact instance
- `derivation`: chains of equalities, each line checked before it is shown
- `refutation`: false claims, each with a counterexample
- `entries`: claims about explicit expressions
"""
