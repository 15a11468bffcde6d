"""What decides: two judges that multiply a certificate out, and exact counterexamples.

Judges of certificates, which share no code:

- `kernel`: multiplies out with SymPy, and solves and substitutes
- `second_judge`: puts random numbers in

Exact counterexamples, which share nothing with the search for proofs:

- `exact`: rational numbers and matrices
- `series`: exact power series in a step
- `gaussian`: means over the Gaussian as sums over rational points
- `samplers`: how special letters are drawn
- `evaluation`: exact values of expressions
- `instances`: exact draws of all symbols of a setting
- `counterexamples`: the search for instances at which a claim is false
"""
