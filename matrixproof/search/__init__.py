"""Where proofs are looked for, and what they take for granted.

Certificates found here are not trusted; the judges decide.

- `completion`: noncommutative completion that remembers where its rules came from
- `facts`: what the rules yield of traces and determinants
- `prover`: whether two expressions are equal for all dimensions
- `certificates`: a certificate to look at, and to spoil
- `assumptions`: what a derivation takes for granted
- `citing`: proved results for other symbols
"""
