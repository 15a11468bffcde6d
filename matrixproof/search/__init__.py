"""Where proofs are looked for: polynomials in letters that do not commute, completion, citing."""
