"""What can be said after a fit: how sure the estimates are, and which model the data prefer.

- ``degrees_of_freedom``: t and F tests of coefficients by Satterthwaite, Kenward and Roger;
- ``intervals``: profile likelihood intervals of all parameters;
- ``coupling``: what both need, how the random effects meet the fixed ones;
- ``likelihood_ratio`` and ``exact_null``: tests of nested models, at the boundary too;
- ``simulation`` and ``bootstrap``: responses drawn from a model, and refits of them;
- ``progress``: how far a long computation is.
"""
