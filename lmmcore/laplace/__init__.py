"""Likelihoods with random effects of any smooth density, integrated out by Laplace's method.

A model is its joint negative log density of data and random effects; derivatives are automatic.
See the chapters "Laplace" and "Robust and count models" (A19 to A23, B4).

- ``densities``: negative log densities to make a joint one of;
- ``derivatives``, on a ``tape``: of the joint density, without differences;
- ``sparsity`` and ``factor``: where its Hessian in u is not zero, and its factors;
- ``mode`` and ``descent``: the inner problem, by Newton, and the outer one, by BFGS;
- ``model``: the likelihood and its fit; ``quadrature``: the integrals that it is held to.

Examples
--------
>>> import autograd.numpy as np
>>> from lmmcore.laplace import Laplace
>>> from lmmcore.laplace.densities import normal
>>> y = np.array([[1.0, 3.0], [4.0, 5.0], [8.0, 6.0]])   # a row for each group
>>> def joint(p):
...     return normal(y - p.mean - np.exp(p.log_sd) * p.u[:, None], p.log_sigma) + normal(p.u)
>>> start = {"mean": 4.0, "log_sd": 0.0, "log_sigma": 0.0, "u": np.zeros(3)}
>>> ml = Laplace(joint, start, random=["u"]).fit()
>>> reml = Laplace(joint, start, random=["u", "mean"]).fit()
>>> print(f"{np.exp(ml.estimates['log_sigma']):.4f} {np.exp(ml.estimates['log_sd']):.4f}")
1.2247 1.8484
>>> print(f"{np.exp(reml.estimates['log_sigma']):.4f} {np.exp(reml.estimates['log_sd']):.4f}")
1.2247 2.3452
"""

from lmmcore.laplace.mode import LaplaceError
from lmmcore.laplace.model import Laplace, LaplaceFit
from lmmcore.laplace.quadrature import Quadrature

__all__ = ["Laplace", "LaplaceError", "LaplaceFit", "Quadrature"]
