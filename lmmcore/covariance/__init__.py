"""What is assumed of Var(U) and of the errors: structures theta -> Lambda, and how they are joined.

- ``structures``: of the effects of one level: scaled identity, diagonal, unstructured;
- ``serial``: of effects that follow each other in time: AR(1), and the random walk;
- ``errors``: the correlation of errors that follow each other;
- ``joined``: the covariance of a model, a structure for each of its terms.
"""
