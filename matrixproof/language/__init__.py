"""What can be said: letters with their sizes and kinds, expressions, differentials.

- `errors`: what can go wrong, one name each
- `printing`: how expressions are written, in LaTeX and in plain text
- `expressions`: expressions exactly as they are typed
- `trees`: parts of expressions put anew, symbols replaced, names listed
- `differential`: the rules of matrix differentials
- `numbers`: scalars that are numbers
- `signs`: what is positive, and what can vanish
- `letters`, `declarations`: what a setting knows, and how it is declared and assumed
- `definite`: which matrices are positive definite, read off their form
"""
