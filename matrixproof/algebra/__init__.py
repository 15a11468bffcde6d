"""The translation of expressions into what can be judged: words of letters, and numbers.

What stands here has to be right for a proof to be one; it is checked against exact matrices.

- `polynomials`: sums of words in letters that do not commute, and matrices of them
- `translation`: the letters and relations of a setting, and expressions multiplied out
- `scalars`: traces, determinants and logarithms as SymPy expressions
- `moments`: expectations of Gaussian vectors
"""
